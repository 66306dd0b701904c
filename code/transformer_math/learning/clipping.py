"""Gradient clipping: no step longer than agreed, however steep the loss."""

from ..arrays import Array, Float, Number, namespace, positive

Arrays = list | tuple | dict


def clip_by_norm(gradients: Arrays, max_norm: Number) -> tuple[Arrays, Float[Array, ""]]:
    r"""Shorten all gradients together, keeping their direction, if their norm is too large.

    .. math:: g_i \leftarrow g_i \min\Bigl(1, \frac{c}{\lVert g \rVert + 10^{-6}}\Bigr), \qquad
              \lVert g \rVert = \sqrt{\sum_i \lVert g_i \rVert_2^2}

    Parameters
    ----------
    gradients : a list, tuple or dictionary of arrays, of one dtype and of any shapes.
    max_norm : c > 0, in the units of the gradients.

    Returns
    -------
    gradients : new ones, in a container of the same kind.
    norm : :math:`\lVert g \rVert` before clipping.

    Raises
    ------
    ValueError
        If ``gradients`` is not such a container, has no array or no entry, its arrays are not
        floating-point of one dtype, their norm is not finite, or ``max_norm`` is not a finite
        number above 0.

    Source: Pascanu, Mikolov and Bengio (2013), https://arxiv.org/abs/1211.5063; the small term is
    torch's.
    """
    arrays, xp = _named(gradients)
    max_norm = positive("max_norm", max_norm)
    entries = xp.concat([xp.reshape(g, (-1,)) for g in arrays.values()])
    if entries.shape[0] == 0:
        raise ValueError("gradients have no entry; allowed: at least one")
    largest = xp.max(xp.abs(entries))  # the unit of length, so that no square overflows
    unit = xp.where((largest > 0) & xp.isfinite(largest), largest, 1.0)
    norm = unit * xp.sqrt(xp.sum((entries / unit) ** 2))
    if not bool(xp.isfinite(norm)):
        raise ValueError(f"gradients have norm {float(norm)}; allowed: a finite norm")
    factor = xp.clip(max_norm / (norm + 1e-6), max=1.0)
    return _like(gradients, [g * factor for g in arrays.values()]), norm


def clip_by_value(gradients: Arrays, limit: Number) -> Arrays:
    r"""Bound each coordinate by itself, which may turn the direction.

    .. math:: g_i \leftarrow \min(c, \max(-c, g_i))

    Parameters
    ----------
    gradients : a list, tuple or dictionary of arrays, of one dtype and of any shapes.
    limit : c > 0, in the units of the gradients.

    Returns
    -------
    New gradients, in a container of the same kind. NaN stays NaN.

    Raises
    ------
    ValueError
        If ``gradients`` is not such a container or is empty, its arrays are not floating-point of
        one dtype, or ``limit`` is not a finite number above 0.

    Source: :func:`torch.nn.utils.clip_grad_value_`
    """
    arrays, xp = _named(gradients)
    limit = positive("limit", limit)
    return _like(gradients, [xp.clip(g, min=-limit, max=limit) for g in arrays.values()])


def _named(gradients):
    """Return the arrays by a name that an error can use, and their library."""
    if not isinstance(gradients, list | tuple | dict) or not gradients:
        came = "an empty" if isinstance(gradients, list | tuple | dict) else "a"
        raise ValueError(
            f"gradients is {came} {type(gradients).__name__}; allowed: a list, tuple or dictionary "
            "of at least one array"
        )
    items = gradients.items() if isinstance(gradients, dict) else enumerate(gradients)
    arrays = {f"gradients[{key!r}]": gradient for key, gradient in items}
    return arrays, namespace(**arrays)


def _like(gradients, arrays):
    if isinstance(gradients, dict):
        return dict(zip(gradients, arrays, strict=True))
    return type(gradients)(arrays)
