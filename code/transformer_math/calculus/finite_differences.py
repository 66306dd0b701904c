r"""Derivatives without a formula: measure a function a little to the left and to the right.

The central difference

.. math:: \frac{f(x + h) - f(x - h)}{2h} = f'(x) + \frac{h^2}{6} f'''(\xi)
          + O\Bigl(\frac{\varepsilon\, |f|}{h}\Bigr)

has two errors: one of truncation, which shrinks with the step h, and one of rounding, which grows,
:math:`\varepsilon` being the gap between 1 and the next number of the dtype. If f and its third
derivative are of the size of 1, their sum is least near :math:`h = \varepsilon^{1/3}`, and is then
about :math:`\varepsilon^{2/3}`: 4e-11 in double precision, 2e-5 in single.

Source: Nocedal and Wright (2006), https://doi.org/10.1007/978-0-387-40065-5
"""

import math
from collections.abc import Callable

from array_api_compat import array_namespace, device, is_array_api_obj, is_torch_array

from ..arrays import Array, Float, Number, namespace, positive


def gradient(
    f: Callable[[Array], Array | Number],
    x: Float[Array, "*shape"],
    step: Number | None = None,
) -> Float[Array, "*shape"]:
    r"""Gradient of a scalar function by central differences.

    .. math:: g_i = \frac{f(x + h_i e_i) - f(x - h_i e_i)}{2 h_i}, \qquad
              h_i = \varepsilon^{1/3} \max(1, |x_i|)

    Parameters
    ----------
    f : takes an array like ``x``, gives one number. It is called twice for each entry of ``x``.
    x : where; array of any shape.
    step : h > 0, in the units of x and the same for all entries, instead of :math:`h_i`.

    Returns
    -------
    Array of the shape and dtype of ``x``; under torch it carries no graph.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array with finite entries, ``step`` is not a finite number
        above 0 or is lost in the rounding of x, or ``f`` does not give one finite number.
    """
    return _differences(f, x, step, scalar=True)


def jacobian(
    f: Callable[[Array], Array | Number],
    x: Float[Array, "*shape"],
    step: Number | None = None,
) -> Float[Array, "..."]:
    r"""All partial derivatives of a function by central differences.

    .. math:: J_{ij} = \frac{f_i(x + h_j e_j) - f_i(x - h_j e_j)}{2 h_j}
              \approx \frac{\partial f_i}{\partial x_j}, \qquad
              h_j = \varepsilon^{1/3} \max(1, |x_j|)

    Parameters
    ----------
    f : takes an array like ``x``, gives an array of any one shape. It is called twice for each
        entry of ``x``.
    x : where; array of any shape.
    step : h > 0, in the units of x and the same for all entries, instead of :math:`h_j`.

    Returns
    -------
    Array of the dtype of ``x`` and of the shape of f's value followed by that of ``x``: a row for
    each output, a column for each input.

    Raises
    ------
    ValueError
        As in :func:`gradient`, but f may give an array.
    """
    return _differences(f, x, step, scalar=False)


def check_gradient(
    f: Callable[[Array], Array | Number],
    derivative: Array | Callable[[Array], Array],
    x: Float[Array, "*shape"],
    tolerance: Number | None = None,
    step: Number | None = None,
) -> float:
    r"""Compare a gradient or Jacobian with central differences.

    .. math:: \text{error} = \frac{\max |G - D|}
              {\max(\max |G|,\ \max |D|,\ \varepsilon^{1/3} \max(1, |f(x)|))}

    Here G is the derivative in question and D the differences. The last term keeps a gradient near
    0 from being compared with mere rounding.

    Parameters
    ----------
    f : the function, as in :func:`gradient` or :func:`jacobian`.
    derivative : G at ``x``, or a function that takes ``x`` and gives it; of the shape of f's value
        followed by that of ``x``.
    x : where.
    tolerance : the largest error allowed; by default :math:`\varepsilon^{1/4}`, which is 1.2e-4 in
        double precision and 0.019 in single. A wrong formula is seldom that close.
    step : as in :func:`gradient`.

    Returns
    -------
    The error, if it is within the tolerance.

    Raises
    ------
    ValueError
        If it is not; the message tells the entry that is farthest off, both values and the error.
        Also if ``derivative`` has another shape or an entry that is not finite, ``tolerance`` is
        not a finite number above 0, or an argument is wrong as in :func:`gradient`.
    """
    numeric = jacobian(f, x, step)
    xp, eps = namespace(x=x), _eps(x)
    tolerance = eps**0.25 if tolerance is None else positive("tolerance", tolerance)
    claimed = _plain(derivative(x) if callable(derivative) else derivative, x, xp)
    if claimed is None or claimed.shape != numeric.shape:
        came = type(derivative).__name__ if claimed is None else f"shape {tuple(claimed.shape)}"
        raise ValueError(f"derivative has {came}; allowed: an array of {tuple(numeric.shape)}")
    if not bool(xp.all(xp.isfinite(claimed))):
        raise ValueError("derivative has an entry that is NaN or infinite; allowed: finite ones")
    if 0 in numeric.shape:
        return 0.0
    size = max(1.0, float(xp.max(xp.abs(_plain(f(x), x, xp)))))
    scale = max(float(xp.max(xp.abs(a))) for a in (claimed, numeric))
    distance = xp.reshape(xp.abs(claimed - numeric), (-1,))
    error = float(xp.max(distance)) / max(scale, eps ** (1 / 3) * size)
    if error > tolerance:
        worst = int(xp.argmax(distance))
        came, measured = (float(xp.reshape(a, (-1,))[worst]) for a in (claimed, numeric))
        raise ValueError(
            f"derivative{_position(worst, numeric.shape)} is {came:.6g} where central differences "
            f"give {measured:.6g}: a relative error of {error:.2g}; allowed: {tolerance:.2g}"
        )
    return error


def _differences(f, x, step, scalar):
    xp = namespace(x=x)
    x = _plain(x, x, xp)
    if not bool(xp.all(xp.isfinite(x))):
        raise ValueError("x has an entry that is NaN or infinite; allowed: finite ones")
    if step is not None:
        step = positive("step", step)
    entries = xp.reshape(xp.arange(math.prod(x.shape), device=device(x)), x.shape)
    columns = []
    for number in range(math.prod(x.shape)):
        here = xp.astype(entries == number, x.dtype)
        h = here * (_eps(x) ** (1 / 3) * xp.clip(xp.abs(x), min=1.0) if step is None else step)
        right, left = x + h, x - h
        width = xp.sum(right - left)  # 2h as it came out after rounding
        if not bool(width > 0):
            raise ValueError(f"step is {step!r}; allowed: one large enough to change every x")
        columns.append((_value(f, right, x, xp, scalar) - _value(f, left, x, xp, scalar)) / width)
    if not columns:
        value = _value(f, x, x, xp, scalar)
        return xp.zeros((*value.shape, *x.shape), dtype=x.dtype, device=device(x))
    if len({column.shape for column in columns}) > 1:
        raise ValueError("f gives values of different shapes; allowed: one shape for every x")
    stacked = xp.stack(columns, axis=-1)
    return xp.reshape(stacked, (*columns[0].shape, *x.shape))


def _value(f, at, x, xp, scalar):
    """Return f's value as an array like x; raise a ValueError unless it is finite."""
    result = f(at)
    value = _plain(result, x, xp)
    if value is None or (scalar and value.ndim):
        came = f"an array of shape {tuple(value.shape)}" if value is not None else repr(result)
        allowed = "one number" if scalar else "an array of x's library, or a number"
        raise ValueError(f"f gives {came}; allowed: {allowed}")
    if not bool(xp.all(xp.isfinite(value))):
        raise ValueError("f gives NaN or infinity near x; allowed: finite values")
    return value


def _plain(value, x, xp):
    """Return a number or array as an array like x, without a graph; None if it is neither."""
    if not is_array_api_obj(value):
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        return xp.asarray(float(value), dtype=x.dtype, device=device(x)) if plain else None
    if array_namespace(value) is not xp:
        return None
    if not xp.isdtype(value.dtype, "numeric") or xp.isdtype(value.dtype, "complex floating"):
        return None
    return xp.astype(value.detach() if is_torch_array(value) else value, x.dtype)


def _eps(x):
    return float(array_namespace(x).finfo(x.dtype).eps)


def _position(number, shape):
    """Write the place of an entry, ``[1, 0]``, from its number in the flattened array."""
    if not shape:
        return ""
    place = []
    for size in reversed(shape):
        number, last = divmod(number, size)
        place.insert(0, last)
    return str(place)
