r"""What it costs to believe one distribution while another is true."""

import math

from ..arrays import Array, Float, Number, namespace, positive


def distribution_cross_entropy(
    p: Float[Array, "*shape"],
    q: Float[Array, "*shape"],
    axis: int = -1,
    base: Number = math.e,
) -> Float[Array, "..."]:
    r"""Mean surprise of one who believes q while the truth is p.

    .. math:: H(p, q) = -\sum_i p_i \log_b q_i = H(p) + D_{\mathrm{KL}}(p \,\|\, q), \qquad
              0 \log q = 0

    From logits, and averaged over a batch, it is the loss
    :func:`~transformer_math.learning.losses.cross_entropy`.

    Parameters
    ----------
    p, q : probabilities of one shape, at least 0, summing to one along ``axis`` (the sums are not
        checked).
    axis : the dimension that is summed, and that the result lacks.
    base : b; e gives nats, 2 gives bits.

    Returns
    -------
    Array without ``axis``, infinite where q excludes what p admits. An outcome with
    :math:`p_i = 0` contributes nothing, whatever q says of it.

    Raises
    ------
    ValueError
        If the two are not floating-point arrays of one dtype and one shape, ``axis`` is not one of
        their dimensions or empty, an entry is negative or NaN, or ``base`` is not a finite number
        above 1.

    Source: Cover and Thomas (2006), https://doi.org/10.1002/047174882X
    """
    xp = _check(p, q, axis, base)
    return (0.0 - xp.sum(weighted(p, _log(q, xp), xp), axis=axis)) / math.log(base)


def kl_divergence(
    p: Float[Array, "*shape"],
    q: Float[Array, "*shape"],
    axis: int = -1,
    base: Number = math.e,
) -> Float[Array, "..."]:
    r"""Kullback-Leibler divergence: the price of believing q while the truth is p.

    .. math:: D_{\mathrm{KL}}(p \,\|\, q) = \sum_i p_i \log_b \frac{p_i}{q_i} \ge 0, \qquad
              0 \log \frac{0}{q} = 0

    Parameters
    ----------
    p, q : probabilities of one shape, at least 0, summing to one along ``axis`` (the sums are not
        checked).
    axis : the dimension that is summed, and that the result lacks.
    base : b; e gives nats, 2 gives bits.

    Returns
    -------
    Array without ``axis``: 0 where p = q, infinite where q excludes what p admits. Rounding may
    leave a number just below 0.

    Raises
    ------
    ValueError
        As in :func:`distribution_cross_entropy`.

    Source: Kullback and Leibler (1951), https://doi.org/10.1214/aoms/1177729694
    """
    xp = _check(p, q, axis, base)
    log_p = xp.log(xp.where(p == 0, 1.0, p))  # any finite number does where p = 0
    return xp.sum(weighted(p, log_p - _log(q, xp), xp), axis=axis) / math.log(base)


def _check(p, q, axis, base):
    xp = namespace(p=p, q=q)
    if p.shape != q.shape:
        raise ValueError(f"q has shape {tuple(q.shape)}; allowed: the shape of p, {tuple(p.shape)}")
    if not -p.ndim <= axis < p.ndim or p.shape[axis] == 0:
        raise ValueError(
            f"axis is {axis} for arrays of shape {tuple(p.shape)}; "
            "allowed: one of their dimensions, with at least one entry"
        )
    for name, array in (("p", p), ("q", q)):
        if not bool(xp.all(array >= 0)):
            raise ValueError(
                f"{name} has a negative entry or NaN; allowed: probabilities of at least 0"
            )
    if positive("base", base) <= 1:
        raise ValueError(f"base is {base!r}; allowed: a finite number above 1")
    return xp


def weighted(weight, x, xp):
    """Return weight times x, where a weight of 0 silences even infinity."""
    return weight * xp.where(weight == 0, 0.0, x)


def _log(x, xp):
    """Return the logarithm, with -inf at 0 but neither a warning nor a NaN in its gradient."""
    return xp.where(x == 0, -math.inf, xp.log(xp.where(x == 0, 1.0, x)))
