"""Where a learner's value first departs from the expected one, in words."""

import numbers
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

SINGLE = 1e-5  # what a correct computation in 32-bit floats may be off by, relatively


@dataclass
class Comparison:
    """Outcome of a comparison: `problem` is empty when the two agree.

    Attributes:
        problem: what differs, such as "entry [0, 2] is 3, too small by 1"; empty when nothing does.
        place: where it differs, such as "entry [0, 2]"; gives nothing away.
        largest: largest |got − expected| / max(1, |expected|) seen; None without float numbers.
    """

    problem: str = ""
    place: str = ""
    largest: float | None = None


def compare(got: Any, expected: Any, tolerance: float, place: str = "the result") -> Comparison:
    """Compare numbers, arrays, tensors, texts and nests of them.

    Two numbers agree when |got − expected| ≤ tolerance · max(1, |expected|); NaN agrees with NaN.
    Arrays of any library agree by value; shapes must be equal, Booleans must be Booleans.
    """
    if isinstance(expected, dict):
        return _compare_dicts(got, expected, tolerance, place)
    if _is_sequence(expected):
        return _compare_sequences(got, expected, tolerance, place)
    if is_numeric(expected):
        return _compare_arrays(got, expected, tolerance, place)
    try:
        same = bool(got == expected)
    except (TypeError, ValueError, RuntimeError):  # an array in place of a text
        same = False
    return Comparison() if same else _differs(place, got, expected)


def is_numeric(value: Any) -> bool:
    """Whether the value is a number, an array of numbers or Booleans, or a list of them."""
    if isinstance(value, (bool, numbers.Number, np.generic)) or hasattr(value, "__array__"):
        return np.asarray(to_array(value)).dtype.kind in "biufc"
    if isinstance(value, list) and value:
        try:
            return np.asarray(value).dtype.kind in "biufc"
        except ValueError:  # rows of different lengths
            return False
    return False


def to_array(value: Any) -> np.ndarray:
    """A NumPy array of a number, a list, an array or a tensor (detached, on the CPU)."""
    if isinstance(value, Fraction):
        return np.asarray(float(value))
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # NumPy has no such type
            value = value.float()
        return value.numpy()
    return np.asarray(value)


def show_number(value: Any) -> str:
    """A number in at most six significant digits; a Boolean as it is."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (bool, int)):
        return str(value)
    return f"{value:.6g}"


def show(value: Any, entries: int = 8) -> str:
    """A value on one line: short ones whole, larger ones by kind and shape."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else repr(value[:37] + "…")
    if isinstance(value, (bool, numbers.Number, np.generic)):
        return show_number(float(value) if isinstance(value, Fraction) else value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {show(item)}" for key, item in value.items()) + "}"
    if hasattr(value, "shape"):
        array = to_array(value)
        if array.dtype.kind in "biufc" and array.size <= entries:
            text = np.array2string(array, separator=", ", precision=4, suppress_small=True)
            return " ".join(text.split()).replace("[ ", "[")
        kind = "tensor" if hasattr(value, "detach") else "array"
        return f"{kind} of shape {tuple(array.shape)}"
    if isinstance(value, (list, tuple)):
        left, right = "[]" if isinstance(value, list) else "()"
        shown = ", ".join(show(item) for item in value[:entries])
        return left + shown + (", …" if len(value) > entries else "") + right
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:59] + "…"


def _is_sequence(expected: Any) -> bool:
    return isinstance(expected, tuple) or (isinstance(expected, list) and not is_numeric(expected))


def _differs(place: str, got: Any, expected: Any, note: str = "") -> Comparison:
    """The learner's value and by how much it is off; what it should be is for them to find."""
    return Comparison(f"{place} is {show(got)}, {_off(got, expected)}{note}", place)


def _off(got: Any, expected: Any) -> str:
    kinds = to_array(got).dtype.kind + to_array(expected).dtype.kind
    if not set(kinds) <= set("iufc") or not np.isfinite([complex(got), complex(expected)]).all():
        return "which is not right"
    if "c" in kinds:
        return f"off by {show_number(abs(got - expected))}"
    got, expected = (int(x) if float(x).is_integer() else float(x) for x in (got, expected))
    return f"too {'large' if got > expected else 'small'} by {show_number(abs(got - expected))}"


def _compare_dicts(got: Any, expected: dict, tolerance: float, place: str) -> Comparison:
    if not isinstance(got, dict):
        return Comparison(f"{place} is {show(got)}, should be a dict", place)
    missing = [key for key in expected if key not in got]
    extra = [key for key in got if key not in expected]
    if missing or extra:
        parts = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
        parts += [f"has {', '.join(map(repr, extra))} too many"] if extra else []
        return Comparison(f"{place} {' and '.join(parts)}", place)
    return _first(
        compare(got[key], value, tolerance, f"{place}[{key!r}]") for key, value in expected.items()
    )


def _compare_sequences(got: Any, expected: Any, tolerance: float, place: str) -> Comparison:
    kind = "tuple" if isinstance(expected, tuple) else "list"
    if isinstance(got, str) or not hasattr(got, "__len__") or np.ndim(_shape_only(got)) == 0:
        return Comparison(
            f"{place} is {show(got)}, should be a {kind} of {len(expected)} items", place
        )
    if len(got) != len(expected):
        return Comparison(
            f"{place} has {len(got)} items, should be a {kind} of {len(expected)}", place
        )
    return _first(
        compare(item, value, tolerance, f"{place}[{index}]")
        for index, (item, value) in enumerate(zip(got, expected, strict=True))
    )


def _shape_only(got: Any) -> Any:
    """Something that has as many dimensions as the value, whatever it holds."""
    return np.empty(tuple(got.shape)) if hasattr(got, "shape") else [0]


def _first(comparisons) -> Comparison:
    """The first comparison that found a problem; else agreement with the largest difference."""
    largest = None
    for comparison in comparisons:
        if comparison.problem:
            return comparison
        if comparison.largest is not None:
            largest = max(largest or 0.0, comparison.largest)
    return Comparison(largest=largest)


def _compare_arrays(got: Any, expected: Any, tolerance: float, place: str) -> Comparison:
    want = to_array(expected)
    try:
        have = np.asarray(None) if isinstance(got, (dict, set)) else to_array(got)
    except (ValueError, TypeError):
        have = np.asarray(None)
    if have.dtype.kind not in "biufc":
        what = "a number" if want.ndim == 0 else f"an array of shape {want.shape}"
        return Comparison(f"{place} is {show(got)}, should be {what}", place)
    if have.shape != want.shape:
        problem = f"{place} has shape {have.shape}, should have shape {want.shape}"
        if have.ndim >= 2 and have.swapaxes(-1, -2).shape == want.shape:
            if not _wrong(have.swapaxes(-1, -2), want, tolerance)[0].any():
                problem += ": it is the transpose of what is asked"
        return Comparison(problem, f"the shape of {place}")
    problem = _wrong_kind(have, want, place)
    if problem:
        return Comparison(problem, f"the kind of {place}")
    wrong, errors = _wrong(have, want, tolerance)
    if not wrong.any():
        inexact = want.dtype.kind in "fc" or have.dtype.kind in "fc"
        return Comparison(largest=float(errors.max(initial=0.0)) if inexact else None)
    if want.ndim == 0:
        return _differs(place, have[()], want[()])
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    entry = f"entry {list(index)}" + (f" of {place}" if place != "the result" else "")
    note = f" ({int(wrong.sum())} of {want.size} entries differ{_pattern(have, want)})"
    return _differs(entry, have[index], want[index], note)


def _wrong_kind(have: np.ndarray, want: np.ndarray, place: str) -> str:
    if (want.dtype.kind == "b") != (have.dtype.kind == "b"):
        kinds = {True: "Boolean (True or False)", False: "a number"}
        if want.ndim:
            kinds = {True: "an array of Booleans", False: "an array of numbers"}
        is_bool = want.dtype.kind == "b"
        return f"{place} should be {kinds[is_bool]}, its type is {have.dtype}"
    if want.ndim and want.dtype.kind in "iu" and have.dtype.kind in "fc":
        return f"{place} should hold whole numbers (an integer type), its type is {have.dtype}"
    return ""


def _wrong(have: np.ndarray, want: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Which entries are wrong, and every entry's difference relative to max(1, |expected|)."""
    if have.dtype == np.float32 or want.dtype == np.float32:
        tolerance = max(tolerance, SINGLE)
    precise = np.complex128 if "c" in have.dtype.kind + want.dtype.kind else np.float64
    have, want = have.astype(precise), want.astype(precise)
    with np.errstate(all="ignore"):
        errors = np.abs(have - want) / np.maximum(1.0, np.abs(want))
    same = (have == want) | (np.isnan(have) & np.isnan(want))
    errors = np.where(same, 0.0, errors)
    return ~(errors <= tolerance), errors


def _pattern(have: np.ndarray, want: np.ndarray) -> str:
    """A tell-tale regularity of the mistake: a common factor, a transpose."""
    have, want = have.astype(np.complex128), want.astype(np.complex128)
    if have.ndim >= 2 and have.shape[-1] == have.shape[-2] and have.shape[-1] > 1:
        if np.allclose(have.swapaxes(-1, -2), want):
            return "; it is the transpose of what is asked"
    present = want != 0
    if present.sum() < 2 or not np.isfinite(have).all() or np.any(have[~present] != 0):
        return ""
    ratios = have[present] / want[present]
    factor = ratios.flat[0]
    if factor == 0 or abs(factor.imag) > 1e-9 or not np.allclose(ratios, factor, rtol=1e-5):
        return ""
    return f"; every one is {show_number(float(factor.real))} times what it should be"
