"""What counts as an array here, and how arguments are examined before a formula runs.

Every function of this package that needs no gradient of its own is written once, against the
Python array API standard. The same line takes a NumPy array or a torch tensor, keeps its dtype
and its device, and under torch can be differentiated.
"""

import math
import sys
from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Annotated, Any

from array_api_compat import array_namespace, is_array_api_obj

# Shapes are checked wherever jaxtyping is loaded first, as the tests do. Without it the same
# annotations only inform the reader: importing jaxtyping takes as long as importing NumPy.
if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Bool, Float, Int
else:

    class _Shaped:
        def __class_getitem__(cls, array_and_shape):
            return Annotated[array_and_shape]

    class Bool(_Shaped):
        """Boolean array of the shape in brackets."""

    class Float(_Shaped):
        """Floating-point array of the shape in brackets."""

    class Int(_Shaped):
        """Integer array of the shape in brackets."""


class _AnyArray(type):
    def __instancecheck__(cls, value: object) -> bool:
        return is_array_api_obj(value)


class Array(metaclass=_AnyArray):
    """A NumPy array, a torch tensor, or any other array that follows the array API standard.

    Only for annotations and ``isinstance``: torch is not imported to answer.
    """


Number = float | int


def present(**arrays: Array | None) -> dict[str, Array]:
    """Leave out the optional arrays that are None."""
    return {name: array for name, array in arrays.items() if array is not None}


_agreed: dict[tuple, Any] = {}  # by types and dtypes, all there is to agree upon


def namespace(**arrays: Array) -> Any:
    """Return the array API functions for these arrays, which must agree with each other.

    Raises
    ------
    ValueError
        If one is not an array, is not of real floating-point dtype, or if two differ in library
        or dtype. The message names the argument.
    """
    kinds = tuple((type(array), getattr(array, "dtype", None)) for array in arrays.values())
    if kinds not in _agreed:
        _agreed[kinds] = _namespace(arrays)
    return _agreed[kinds]


def _namespace(arrays: dict[str, Array]) -> Any:
    for name, array in arrays.items():
        if not is_array_api_obj(array):
            raise ValueError(
                f"{name} is a {type(array).__name__}; allowed: a NumPy array or a torch tensor"
            )
    try:
        xp = array_namespace(*arrays.values())
    except TypeError:
        kinds = ", ".join(f"{name} {type(array).__module__}" for name, array in arrays.items())
        raise ValueError(f"arrays come from different libraries ({kinds}); allowed: one") from None
    first = next(iter(arrays))
    for name, array in arrays.items():
        if not xp.isdtype(array.dtype, "real floating"):
            raise ValueError(f"{name} has dtype {array.dtype}; allowed: a floating-point dtype")
        if array.dtype != arrays[first].dtype:
            raise ValueError(
                f"{name} has dtype {array.dtype} but {first} has {arrays[first].dtype}; "
                "allowed: the same for both"
            )
    return xp


def library(like: Array | None) -> tuple[Any, Any]:
    """Return the array API functions and the device of ``like``; NumPy and None without one."""
    if like is None:
        import array_api_compat.numpy as numpy

        return numpy, None
    if not is_array_api_obj(like):
        raise ValueError(
            f"like is a {type(like).__name__}; allowed: a NumPy array, a torch tensor or None"
        )
    return array_namespace(like), getattr(like, "device", None)


def positive(name: str, value: Number) -> float:
    """Return ``value`` if it is a positive finite number, else raise a ValueError."""
    if not is_finite(value) or value <= 0:
        raise ValueError(f"{name} is {value!r}; allowed: a finite number above 0")
    return float(value)


def is_finite(value: object) -> bool:
    """Tell whether ``value`` is a plain number other than NaN and infinity."""
    plain = isinstance(value, Real) and not isinstance(value, bool)
    return plain and bool(-math.inf < value < math.inf)


def whole(name: str, value: int, least: int = 1) -> int:
    """Return ``value`` if it is a whole number of at least ``least``, else raise a ValueError."""
    try:
        number = index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name} is {value!r}; allowed: a whole number of at least {least}")
    return number


def at_least(name: str, array: Array, dimensions: int, layout: str) -> None:
    """Raise a ValueError if ``array`` lacks one of its last dimensions, or one of them is 0."""
    if array.ndim < dimensions or 0 in array.shape[array.ndim - dimensions :]:
        raise ValueError(
            f"{name} has shape {tuple(array.shape)}; allowed: {layout}, with at least one of each"
        )
