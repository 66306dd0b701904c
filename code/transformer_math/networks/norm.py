r"""Layer normalisation, and its lighter relative."""

from ..arrays import Array, Float, Number, at_least, namespace, positive, present


def layer_norm(
    x: Float[Array, "*positions width"],
    gain: Float[Array, "width"] | None = None,
    bias: Float[Array, "width"] | None = None,
    eps: Number = 1e-5,
) -> Float[Array, "*positions width"]:
    r"""Centre each vector, give it unit variance, then rescale and shift its coordinates.

    .. math:: \operatorname{LN}(x) = \gamma \circ \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} +
              \beta, \qquad \mu = \frac1d \sum_i x_i, \quad \sigma^2 = \frac1d \sum_i (x_i - \mu)^2

    The variance is the biased one (divided by d, not d - 1) and epsilon stands inside the root.

    Parameters
    ----------
    x : vectors along the last axis.
    gain, bias : :math:`\gamma` and :math:`\beta`, one number a coordinate; 1 and 0 by default.
    eps : :math:`\varepsilon > 0`, in the units of x squared.

    Returns
    -------
    Array of the shape of ``x``. A constant vector gives ``bias``.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype, ``x`` has no dimension or a last one of
        0, ``gain`` or ``bias`` is not a vector of x's width, or ``eps`` is not a finite number
        above 0.

    Source: Ba, Kiros and Hinton (2016), https://arxiv.org/abs/1607.06450
    """
    xp = _check(x, eps, gain=gain, bias=bias)
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    variance = xp.mean(centred**2, axis=-1, keepdims=True)
    normal = centred / xp.sqrt(variance + float(eps))
    if gain is not None:
        normal = gain * normal
    return normal if bias is None else normal + bias


def rms_norm(
    x: Float[Array, "*positions width"],
    gain: Float[Array, "width"] | None = None,
    eps: Number = 1e-6,
) -> Float[Array, "*positions width"]:
    r"""Divide each vector by its root mean square, then rescale its coordinates.

    .. math:: \operatorname{RMSNorm}(x) = \gamma \circ
              \frac{x}{\sqrt{\frac1d \sum_i x_i^2 + \varepsilon}}

    Nothing is centred and nothing shifted, unlike in :func:`layer_norm`; on a vector whose
    coordinates sum to zero the two agree.

    Parameters
    ----------
    x : vectors along the last axis.
    gain : :math:`\gamma`, one number a coordinate; 1 by default.
    eps : :math:`\varepsilon > 0`, in the units of x squared.

    Returns
    -------
    Array of the shape of ``x``. A zero vector stays zero.

    Raises
    ------
    ValueError
        As in :func:`layer_norm`.

    Source: Zhang and Sennrich (2019), https://arxiv.org/abs/1910.07467
    """
    xp = _check(x, eps, gain=gain)
    normal = x / xp.sqrt(xp.mean(x**2, axis=-1, keepdims=True) + float(eps))
    return normal if gain is None else gain * normal


def _check(x, eps, **vectors):
    given = present(**vectors)
    xp = namespace(x=x, **given)
    at_least("x", x, 1, "(..., width)")
    for name, vector in given.items():
        if tuple(vector.shape) != (x.shape[-1],):
            raise ValueError(f"{name} has shape {tuple(vector.shape)}; allowed: ({x.shape[-1]},)")
    positive("eps", eps)
    return xp
