r"""Softmax, its logarithm's normaliser, its derivative, and the entropy of what comes out."""

import math

from array_api_compat import device, is_torch_array

from ..arrays import Array, Float, Number, namespace, positive


def logsumexp(x: Float[Array, "..."], axis: int = -1) -> Float[Array, "..."]:
    r"""Logarithm of a sum of exponentials, without overflow.

    .. math:: \operatorname{LSE}(x) = \log \sum_i e^{x_i} = m + \log \sum_i e^{x_i - m},
              \qquad m = \max_i x_i

    Parameters
    ----------
    x : floating-point array of any shape; ``-inf`` stands for an entry that is not there.
    axis : the dimension that is summed, and that the result lacks.

    Returns
    -------
    Array like ``x`` without ``axis``, in natural-log units. All entries ``-inf`` give ``-inf``.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array, or ``axis`` is not one of its dimensions or empty.

    Source: Blanchard, Higham and Higham (2021), https://doi.org/10.1093/imanum/draa038
    """
    xp = namespace(x=x)
    _check_axis(x, axis)
    m = finite(xp.max(x, axis=axis, keepdims=True), xp)
    total = xp.sum(xp.exp(x - m), axis=axis)
    # The largest summand is e^0 = 1, so a total of 0 means that every entry was -inf.
    log = xp.where(total == 0, -math.inf, xp.log(xp.clip(total, min=0.5)))
    return log + xp.squeeze(m, axis=axis)


def softmax(
    x: Float[Array, "*shape"], axis: int = -1, temperature: Number = 1.0
) -> Float[Array, "*shape"]:
    r"""Probabilities that grow with ``x`` and sum to one.

    .. math:: p_i = \frac{e^{x_i / T}}{\sum_j e^{x_j / T}}
                  = \frac{e^{(x_i - m) / T}}{\sum_j e^{(x_j - m) / T}}, \qquad m = \max_j x_j

    Parameters
    ----------
    x : floating-point scores of any shape; ``-inf`` stands for a choice that is ruled out.
    axis : the dimension that sums to one.
    temperature : T > 0, in the units of ``x``; small is sharp, large is even.

    Returns
    -------
    Array of the shape and dtype of ``x``. Where every entry is ``-inf`` nothing can be chosen and
    all probabilities are 0, by definition here; most libraries give NaN. NaN and ``+inf`` make
    NaN of the probabilities they compete with.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array, ``axis`` is not one of its dimensions or empty, or
        ``temperature`` is not a finite number above 0.

    Source: Bridle (1990), https://doi.org/10.1007/978-3-642-76153-9_28
    """
    xp = namespace(x=x)
    _check_axis(x, axis)
    temperature = _representable(positive("temperature", temperature), x, xp)
    m = xp.max(x, axis=axis, keepdims=True)
    if is_torch_array(x):
        return _in_one_kernel(x, m, axis, temperature, xp)
    e = xp.exp((x - finite(m, xp)) / temperature)
    total = xp.sum(e, axis=axis, keepdims=True)
    # The largest summand is e^0 = 1: only the 0 of an axis full of -inf is raised here.
    return e / xp.clip(total, min=0.5)


def log_softmax(
    x: Float[Array, "*shape"], axis: int = -1, temperature: Number = 1.0
) -> Float[Array, "*shape"]:
    r"""Logarithm of :func:`softmax`, finite also where the probability itself underflows to 0.

    .. math:: \log p_i = \frac{x_i - m}{T} - \log \sum_j e^{(x_j - m) / T}, \qquad m = \max_j x_j

    Parameters
    ----------
    x : floating-point scores of any shape; ``-inf`` stands for a choice that is ruled out.
    axis : the dimension whose probabilities sum to one.
    temperature : T > 0, in the units of ``x``.

    Returns
    -------
    Array of the shape and dtype of ``x``, in natural-log units, at most 0. Where every entry is
    ``-inf`` all are ``-inf``, as :func:`softmax` gives probabilities of 0 there.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array, ``axis`` is not one of its dimensions or empty, or
        ``temperature`` is not a finite number above 0.

    Source: Blanchard, Higham and Higham (2021), https://doi.org/10.1093/imanum/draa038
    """
    xp = namespace(x=x)
    _check_axis(x, axis)
    temperature = _representable(positive("temperature", temperature), x, xp)
    m = finite(xp.max(x, axis=axis, keepdims=True), xp)
    shifted = (x - m) / temperature
    total = xp.sum(xp.exp(shifted), axis=axis, keepdims=True)
    # The largest summand is e^0 = 1: only the 0 of an axis full of -inf is raised here.
    return shifted - xp.log(xp.clip(total, min=0.5))


def softmax_jacobian(p: Float[Array, "*batch n"]) -> Float[Array, "*batch n n"]:
    r"""Derivative of softmax, from its output.

    .. math:: J_{ij} = \frac{\partial p_i}{\partial x_j} = p_i (\delta_{ij} - p_j), \qquad
              J = \operatorname{diag}(p) - p p^\top

    Parameters
    ----------
    p : output of :func:`softmax` at temperature 1 along the last axis; divide J by T otherwise.

    Returns
    -------
    One symmetric n by n matrix for each distribution, row i the gradient of :math:`p_i`.

    Raises
    ------
    ValueError
        If ``p`` is not a floating-point array of at least one dimension.

    Source: Bridle (1990), https://doi.org/10.1007/978-3-642-76153-9_28
    """
    xp = namespace(p=p)
    _check_axis(p, -1)
    identity = xp.eye(p.shape[-1], dtype=p.dtype, device=device(p))
    return p[..., :, None] * (identity - p[..., None, :])


def softmax_backward(
    p: Float[Array, "*batch n"], grad: Float[Array, "*batch n"]
) -> Float[Array, "*batch n"]:
    r"""Carry a gradient back through softmax without forming the Jacobian.

    .. math:: \frac{\partial L}{\partial x} = J^\top g
              = p \circ \Bigl(g - \sum_i g_i p_i\Bigr), \qquad g = \frac{\partial L}{\partial p}

    Parameters
    ----------
    p : output of :func:`softmax` at temperature 1 along the last axis.
    grad : g, the gradient of a scalar loss with respect to ``p``; same shape.

    Returns
    -------
    Gradient of the loss with respect to the scores. It sums to zero along the last axis.

    Raises
    ------
    ValueError
        If the two are not floating-point arrays of one dtype and one shape.

    Source: Dao et al. (2022), https://arxiv.org/abs/2205.14135
    """
    xp = namespace(p=p, grad=grad)
    _check_axis(p, -1)
    if p.shape != grad.shape:
        raise ValueError(
            f"grad has shape {tuple(grad.shape)}; allowed: the shape of p, {tuple(p.shape)}"
        )
    return p * (grad - xp.sum(grad * p, axis=-1, keepdims=True))


def entropy(p: Float[Array, "..."], axis: int = -1, base: Number = math.e) -> Float[Array, "..."]:
    r"""How undecided a distribution is.

    .. math:: H(p) = -\sum_i p_i \log_b p_i, \qquad 0 \log 0 = 0

    Parameters
    ----------
    p : probabilities, at least 0, summing to one along ``axis`` (the sum is not checked).
    axis : the dimension that is summed, and that the result lacks.
    base : b; e gives nats, 2 gives bits. :math:`b^H` is the number of equally likely choices.

    Returns
    -------
    Array like ``p`` without ``axis``: 0 when one choice is certain, :math:`\log_b n` at most.

    Raises
    ------
    ValueError
        If ``p`` is not a floating-point array, ``axis`` is not one of its dimensions or empty, an
        entry is negative or NaN, or ``base`` is not a finite number above 1.

    Source: Shannon (1948), https://doi.org/10.1002/j.1538-7305.1948.tb01338.x
    """
    xp = namespace(p=p)
    _check_axis(p, axis)
    if positive("base", base) <= 1:
        raise ValueError(f"base is {base!r}; allowed: a finite number above 1")
    if not bool(xp.all(p >= 0)):
        raise ValueError("p has a negative entry or NaN; allowed: probabilities of at least 0")
    # 1 log 1 = 0 takes the place of 0 log 0, so neither the value nor its gradient is NaN.
    q = xp.where(p == 0, 1.0, p)
    return (0.0 - xp.sum(q * xp.log(q), axis=axis)) / math.log(base)  # certainty is 0, not -0


def finite(m: Array, xp) -> Array:
    """Put 0 for an infinite maximum before it is subtracted, since inf - inf is NaN."""
    return xp.where(xp.isfinite(m), m, 0.0)


def _in_one_kernel(x, m, axis, temperature, xp):
    """Softmax as torch computes it: the same formula in one pass over memory instead of five.

    Torch's kernel gives NaN where all is -inf, so those rows go around it. Its plain exponential,
    besides, is up to a hundred times slower where the result is 0 or nearly so.
    """
    if temperature != 1.0:
        x = (x - finite(m, xp)) / temperature
    nothing = m == -math.inf
    if not bool(xp.any(nothing)):
        return xp.softmax(x, dim=axis)
    return xp.where(nothing, 0.0, xp.softmax(xp.where(nothing, 0.0, x), dim=axis))


def _representable(temperature, x, xp):
    """Keep a temperature from becoming 0 or infinite in the dtype of ``x``."""
    limits = xp.finfo(x.dtype)
    return min(max(temperature, float(limits.smallest_normal)), float(limits.max) / 2)


def _check_axis(x, axis):
    if not -x.ndim <= axis < x.ndim or x.shape[axis] == 0:
        raise ValueError(
            f"axis is {axis} for an array of shape {tuple(x.shape)}; "
            "allowed: one of its dimensions, with at least one entry"
        )
