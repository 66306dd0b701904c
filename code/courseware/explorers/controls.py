"""Controls of an explorer, read from the abbreviations of ``ipywidgets.interact``."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real

HELP = (
    "allowed: (min, max), (min, max, step), a list of options, "
    "a list of (label, value), a dict {label: value}, True or False"
)


@dataclass(frozen=True)
class Control:
    """One input. ``kind``: slider, select or checkbox; ``texts[i]`` is how ``values[i]`` reads."""

    name: str
    label: str
    kind: str
    values: tuple
    texts: tuple[str, ...]
    start: int

    def index(self, value) -> int:
        """Where ``value`` stands among the options (numbers within rounding)."""
        for i, option in enumerate(self.values):
            if _same(option, value):
                return i
        shown = ", ".join(map(repr, self.values[:12])) + (", …" if len(self.values) > 12 else "")
        raise ValueError(f"start of control {self.name!r} is {value!r}; allowed: {shown}")


def read_controls(
    draw: Callable, abbreviations: Mapping, labels: Mapping | None, start: Mapping | None
) -> list[Control]:
    """Controls in the order given, checked against the parameters of ``draw``."""
    labels, start = dict(labels or {}), dict(start or {})
    _check_parameters(draw, abbreviations)
    for argument, names in (("labels", labels), ("start", start)):
        for name in names:
            if name not in abbreviations:
                raise ValueError(
                    f"{argument} names {name!r}, which is no control; "
                    f"controls: {', '.join(abbreviations) or 'none'}"
                )
    return [
        _control(name, abbreviation, labels.get(name), start)
        for name, abbreviation in abbreviations.items()
    ]


def _check_parameters(draw: Callable, abbreviations: Mapping) -> None:
    parameters = inspect.signature(draw).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in abbreviations:
        if name not in parameters and not open_ended:
            raise ValueError(
                f"control {name!r} names no parameter of {_called(draw)}; "
                f"parameters: {', '.join(parameters) or 'none'}"
            )
    for name, parameter in parameters.items():
        fixed = parameter.default is not parameter.empty
        rest = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if name not in abbreviations and not fixed and not rest:
            raise ValueError(
                f"parameter {name!r} of {_called(draw)} has no control and no default; "
                "give it one of them"
            )


def _control(name: str, abbreviation, label: str | None, start: dict) -> Control:
    kind, options = _options(name, abbreviation)
    values = tuple(value for _, value in options)
    texts = tuple(text for text, _ in options)
    if len(values) < 2:
        raise ValueError(f"control {name!r} has {len(values)} value(s): needs two or more")
    if len(set(texts)) < len(texts):
        raise ValueError(f"control {name!r} has two options that read the same: {texts}")
    control = Control(name, label or name.replace("_", " "), kind, values, texts, 0)
    first = start.get(name, values[0] if not isinstance(abbreviation, bool) else abbreviation)
    return Control(name, control.label, kind, values, texts, control.index(first))


def _options(name: str, abbreviation) -> tuple[str, list[tuple[str, object]]]:
    if isinstance(abbreviation, bool):
        return "checkbox", [("off", False), ("on", True)]
    if isinstance(abbreviation, tuple) and len(abbreviation) in (2, 3):
        return "slider", _ramp(name, *abbreviation)
    if isinstance(abbreviation, Mapping):
        return "select", [(str(text), value) for text, value in abbreviation.items()]
    if isinstance(abbreviation, (list, range)):
        return _listed(list(abbreviation))
    raise ValueError(f"control {name!r} is {abbreviation!r}; {HELP}")


def _listed(options: list) -> tuple[str, list[tuple[str, object]]]:
    if len(options) == 2 and all(isinstance(o, bool) for o in options):
        return "checkbox", [("off", False), ("on", True)]
    if options and all(isinstance(o, tuple) and len(o) == 2 for o in options):
        return "select", [(str(text), value) for text, value in options]
    if len(options) > 2 and all(_number(o) for o in options):
        # Numbers in order are a scale one can slide along, evenly spaced or not.
        if all(a < b for a, b in pairwise(options)):
            return "slider", [(f"{o:,}".replace(",", " "), o) for o in options]
    return "select", [(str(o), o) for o in options]


def _ramp(name: str, low, high, step=None) -> list[tuple[str, Real]]:
    numbers = [low, high] + ([] if step is None else [step])
    if not all(_number(v) for v in numbers):
        raise ValueError(f"control {name!r} is {tuple(numbers)!r}; {HELP}")
    if not all(math.isfinite(v) for v in numbers):
        raise ValueError(f"control {name!r} has a range that is not finite: {tuple(numbers)!r}")
    if high <= low or (step is not None and step <= 0):
        raise ValueError(f"control {name!r} is {tuple(numbers)!r}: needs min < max and step > 0")
    whole = all(isinstance(v, Integral) for v in numbers)
    step = (1 if whole else 0.1) if step is None else step
    count = int(math.floor((high - low) / step + 1e-9)) + 1
    if whole:
        return [(str(v), v) for v in range(low, high + 1, step)]
    places = max(_places(low), _places(step))
    return [(f"{v:.{places}f}", v) for v in (round(low + i * step, 10) for i in range(count))]


def _places(value: float) -> int:
    return next((p for p in range(10) if abs(round(value, p) - value) < 1e-10), 10)


def _number(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _same(a, b) -> bool:
    if _number(a) and _number(b):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return type(a) is type(b) and a == b


def _called(draw: Callable) -> str:
    return f"{getattr(draw, '__name__', 'draw')}()"
