"""How losses and metrics examine what they are held against, and how they average."""

import math
from typing import Any

from array_api_compat import array_namespace, device, is_array_api_obj

from ..arrays import Array, is_finite, namespace


def mask_axes(axis: int | tuple[int, ...] | None, array: Array) -> tuple[int, ...]:
    """Return the dimensions of one mask as a tuple, or raise a ValueError."""
    axes = tuple(range(array.ndim)) if axis is None else axis
    axes = axes if isinstance(axes, tuple) else (axes,)
    known = all(type(a) is int and -array.ndim <= a < array.ndim for a in axes)
    if not known or len({a % array.ndim for a in axes}) < len(axes):
        raise ValueError(
            f"axis is {axis!r} for an array of shape {tuple(array.shape)}; "
            "allowed: different dimensions of it, or None for all"
        )
    return axes


def target_distributions(logits, targets, label_smoothing=0.0, ignore=None):
    """Return the functions, q for each row (0 if ignored) and how many rows count."""
    xp = namespace(logits=logits)
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            f"logits has shape {tuple(logits.shape)}; allowed: (..., classes), with at least one"
        )
    share, classes = share_of_one("label_smoothing", label_smoothing), logits.shape[-1]
    check_library("targets", targets, "logits", logits)
    if xp.isdtype(targets.dtype, "real floating"):
        namespace(logits=logits, targets=targets)
        q, rows = _probabilities(targets, logits, xp), size(logits) // classes
        if ignore is not None:
            raise ValueError(f"ignore is {ignore!r}; allowed: None where targets are probabilities")
    else:
        targets = _class_numbers(targets, logits, xp)
        kept = _check_range(targets, classes, ignore, xp)
        numbers = xp.arange(classes, dtype=xp.int64, device=device(targets))
        q = xp.astype(kept[..., None] & (targets[..., None] == numbers), logits.dtype)
        rows = int(xp.sum(xp.astype(kept, xp.int64)))
    if share:
        total = xp.sum(q, axis=-1, keepdims=True)  # 1, or 0 for an ignored row
        q = (1 - share) * q + share * total / classes
    return xp, q, rows


def _probabilities(targets, logits, xp):
    check_shape("targets", targets, "logits", logits)
    off = xp.abs(xp.sum(targets, axis=-1) - 1)
    if not bool(xp.all(targets >= 0)) or not bool(xp.all(off < xp.finfo(targets.dtype).eps ** 0.5)):
        raise ValueError(
            "targets have a negative entry, NaN or a row that does not sum to one; allowed: "
            "a distribution for each row"
        )
    return targets


def _class_numbers(targets, logits, xp):
    if not xp.isdtype(targets.dtype, "integral"):
        raise ValueError(
            f"targets have dtype {targets.dtype}; allowed: whole numbers (classes) or the dtype of "
            "logits (distributions)"
        )
    if tuple(targets.shape) != tuple(logits.shape[:-1]):
        raise ValueError(
            f"targets have shape {tuple(targets.shape)}; allowed: {tuple(logits.shape[:-1])}, "
            "a class number for each row of logits"
        )
    return xp.astype(targets, xp.int64)  # a byte could not be compared with 300


def _check_range(targets, classes, ignore, xp):
    """Tell which class numbers count; raise a ValueError if one does not exist."""
    if ignore is None:
        kept = targets == targets
    elif isinstance(ignore, bool) or not isinstance(ignore, int):
        raise ValueError(f"ignore is {ignore!r}; allowed: a whole number or None")
    else:
        kept = targets != ignore
    if bool(xp.any(kept & ((targets < 0) | (targets >= classes)))):
        raise ValueError(
            f"targets go from {int(xp.min(targets))} to {int(xp.max(targets))}; allowed: class "
            f"numbers from 0 to {classes - 1}"
            + (f", or {ignore} to be ignored" if ignore is not None else "")
        )
    return kept


def binary_targets(logits, targets, hard=False):
    """Return the functions, and the targets in the dtype of the logits."""
    xp = namespace(logits=logits)
    check_library("targets", targets, "logits", logits)
    check_shape("targets", targets, "logits", logits)
    if xp.isdtype(targets.dtype, "real floating"):
        namespace(logits=logits, targets=targets)
    y = xp.astype(targets, logits.dtype)
    right = (y == 0) | (y == 1) if hard else (y >= 0) & (y <= 1)
    if not bool(xp.all(right)):
        raise ValueError(f"targets leave their range; allowed: {'0 and 1' if hard else '0 to 1'}")
    return xp, y


def reduce(losses, reduction, rows=None):
    """Return the losses' mean over the rows that count, or the losses themselves."""
    if reduction not in ("mean", "none"):
        raise ValueError(f"reduction is {reduction!r}; allowed: 'mean' or 'none'")
    if reduction == "none":
        return losses
    return array_namespace(losses).sum(losses) / count(size(losses) if rows is None else rows)


def count(rows):
    """Return the number of rows, which must not be 0."""
    if rows == 0:
        raise ValueError("targets leave nothing to average; allowed: at least one that counts")
    return rows


def size(array):
    """Return the number of entries."""
    return math.prod(array.shape)


def share_of_one(name, value):
    """Return a number from 0 to 1, or raise a ValueError."""
    if not is_finite(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}; allowed: a number from 0 to 1")
    return float(value)


def check_library(name, array, other_name, other):
    """Raise a ValueError unless both are arrays of one library."""
    if not is_array_api_obj(array):
        raise ValueError(
            f"{name} is a {type(array).__name__}; allowed: a NumPy array or a torch tensor"
        )
    if array_namespace(array) is not array_namespace(other):
        raise ValueError(f"{name} and {other_name} come from different libraries; allowed: one")


def check_shape(name, array, other_name, other):
    """Raise a ValueError unless both have one shape."""
    if array.shape != other.shape:
        raise ValueError(
            f"{name} has shape {tuple(array.shape)}; allowed: the shape of {other_name}, "
            f"{tuple(other.shape)}"
        )


def check_labels(name: str, array: Array) -> None:
    """Raise a ValueError unless ``array`` holds Booleans or whole numbers of at least 0."""
    if not is_array_api_obj(array):
        raise ValueError(
            f"{name} is a {type(array).__name__}; allowed: a NumPy array or a torch tensor"
        )
    xp = array_namespace(array)
    if not xp.isdtype(array.dtype, ("bool", "integral")):
        raise ValueError(f"{name} has dtype {array.dtype}; allowed: whole numbers or Booleans")
    if xp.isdtype(array.dtype, "integral") and bool(xp.any(array < 0)):
        raise ValueError(f"{name} has a negative entry; allowed: class numbers from 0 upwards")


def check_scored(name: str, scores: Array, label_name: str, labels: Array) -> Any:
    """Return the functions for a vector of finite numbers with a 0 or 1, or False or True, each."""
    xp = namespace(**{name: scores})
    if scores.ndim != 1 or scores.shape[0] == 0:
        raise ValueError(f"{name} has shape {tuple(scores.shape)}; allowed: (n,), at least one")
    if not bool(xp.all(xp.isfinite(scores))):
        raise ValueError(f"{name} has an entry that is NaN or infinite; allowed: finite numbers")
    check_labels(label_name, labels)
    check_library(label_name, labels, name, scores)
    check_shape(label_name, labels, name, scores)
    if bool(xp.any(xp.astype(labels, xp.int64) > 1)):
        raise ValueError(f"{label_name} has numbers above 1; allowed: 0 and 1, or Booleans")
    return xp
