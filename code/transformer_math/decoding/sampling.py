r"""Which token comes next: filters on logits, and drawing from what is left.

A filter puts :math:`-\infty` in place of the logits it rules out and leaves the others alone, so
filters may follow one another; softmax then makes probabilities that sum to one. At least one token
always stays.
"""

import math
from typing import Any

from array_api_compat import device, is_torch_array

from ..arrays import Array, Float, Int, Number, is_finite, namespace, positive, whole
from ..probability.softmax import softmax


def apply_temperature(
    logits: Float[Array, "*batch vocabulary"], temperature: Number
) -> Float[Array, "*batch vocabulary"]:
    r"""Sharpen or flatten a distribution.

    .. math:: z'_i = z_i / T

    Parameters
    ----------
    logits : z, a score for each token; ``-inf`` stands for one that is ruled out.
    temperature : T > 0; below 1 favours likely tokens, towards 0 it becomes greedy.

    Returns
    -------
    Logits of the same shape.

    Raises
    ------
    ValueError
        If ``logits`` are not a floating-point array with a last dimension, all of a row are
        ``-inf``, one is NaN or ``+inf``, or ``temperature`` is not a finite number above 0.

    Source: Ackley, Hinton and Sejnowski (1985), https://doi.org/10.1207/s15516709cog0901_7
    """
    xp = _check(logits)
    temperature = positive("temperature", temperature)
    # The greatest is moved to 0, which softmax does not see, so that a tiny T makes -inf, not NaN.
    shifted = logits - xp.max(logits, axis=-1, keepdims=True)
    return shifted / max(temperature, float(xp.finfo(logits.dtype).smallest_normal))


def top_k(logits: Float[Array, "*batch vocabulary"], k: int) -> Float[Array, "*batch vocabulary"]:
    r"""Keep the k most likely tokens.

    .. math:: z'_i = z_i \text{ if } z_i \ge z_{(k)}, \text{ else } -\infty

    with :math:`z_{(k)}` the k-th greatest. Tokens that tie with it stay, too.

    Parameters
    ----------
    logits : z, a score for each token.
    k : at least 1; from the size of the vocabulary on nothing is ruled out.

    Returns
    -------
    Logits of the same shape.

    Raises
    ------
    ValueError
        If ``logits`` are not as in :func:`apply_temperature`, or ``k`` is not a whole number of at
        least 1.

    Source: Fan, Lewis and Dauphin (2018), https://arxiv.org/abs/1805.04833
    """
    xp = _check(logits)
    k = min(whole("k", k), logits.shape[-1])
    ascending = xp.sort(logits, axis=-1)
    return xp.where(logits >= ascending[..., -k, None], logits, -math.inf)


def top_p(
    logits: Float[Array, "*batch vocabulary"], p: Number
) -> Float[Array, "*batch vocabulary"]:
    r"""Keep the smallest set of most likely tokens whose probabilities sum to p or more.

    .. math:: z'_i = z_i \text{ if } \sum_{j \text{ before } i} \operatorname{softmax}(z)_j < p,
              \text{ else } -\infty

    "Before" is in order of falling probability; of tokens that tie, the one of lower id comes
    first. The most likely token always stays.

    Parameters
    ----------
    logits : z, a score for each token.
    p : above 0, at most 1; at 1 nothing is ruled out.

    Returns
    -------
    Logits of the same shape.

    Raises
    ------
    ValueError
        If ``logits`` are not as in :func:`apply_temperature`, or ``p`` is not a number above 0 and
        at most 1.

    Source: Holtzman et al. (2020), https://arxiv.org/abs/1904.09751
    """
    xp = _check(logits)
    if not is_finite(p) or not 0 < p <= 1:
        raise ValueError(f"p is {p!r}; allowed: a number above 0 and at most 1")
    if p == 1:
        return xp.where(logits == logits, logits, -math.inf)
    falling = xp.flip(xp.sort(softmax(logits), axis=-1), axis=-1)
    before = xp.cumulative_sum(falling, axis=-1) - falling
    kept = xp.sum(xp.astype(before < p, xp.int64), axis=-1, keepdims=True)
    kept = xp.clip(kept, min=1)
    order = xp.argsort(logits, axis=-1, descending=True, stable=True)
    rank = xp.argsort(order, axis=-1)
    return xp.where(rank < kept, logits, -math.inf)


def min_p(
    logits: Float[Array, "*batch vocabulary"], p: Number
) -> Float[Array, "*batch vocabulary"]:
    r"""Keep tokens that are at least p times as likely as the likeliest.

    .. math:: z'_i = z_i \text{ if } \operatorname{softmax}(z)_i
              \ge p \max_j \operatorname{softmax}(z)_j, \text{ else } -\infty

    Parameters
    ----------
    logits : z, a score for each token.
    p : at least 0, below 1; at 0 nothing is ruled out.

    Returns
    -------
    Logits of the same shape.

    Raises
    ------
    ValueError
        If ``logits`` are not as in :func:`apply_temperature`, or ``p`` is not a number of at least
        0 and below 1.

    Source: Nguyen et al. (2024), https://arxiv.org/abs/2407.01082
    """
    xp = _check(logits)
    if not is_finite(p) or not 0 <= p < 1:
        raise ValueError(f"p is {p!r}; allowed: a number of at least 0 and below 1")
    probabilities = softmax(logits)
    least = p * xp.max(probabilities, axis=-1, keepdims=True)
    return xp.where(probabilities >= least, logits, -math.inf)


def sample(
    probabilities: Float[Array, "*batch vocabulary"], generator: Any = None
) -> Int[Array, "*batch"]:
    r"""Draw a token from each distribution.

    .. math:: i = \min \Bigl\{ i : \sum_{j \le i} p_j > u \sum_j p_j \Bigr\}, \qquad
              u \sim \operatorname{Uniform}[0, 1)

    Parameters
    ----------
    probabilities : p, at least 0 and not all 0; they need not sum to one.
    generator : a ``numpy.random.Generator`` for arrays of NumPy, a ``torch.Generator`` for tensors;
        by default a fresh one, or torch's own.

    Returns
    -------
    Token ids, an integer for each distribution. A token of probability 0 is never drawn.

    Raises
    ------
    ValueError
        If ``probabilities`` are not a floating-point array with a last dimension, one is negative,
        NaN or infinite, all of a row are 0, or ``generator`` is of another library.

    Source: inversion of the distribution function: Devroye (1986), chapter III,
    https://doi.org/10.1007/978-1-4613-8643-8
    """
    xp = check_weights("probabilities", probabilities)
    if probabilities.shape[:-1] and 0 in probabilities.shape[:-1]:
        raise ValueError(
            f"probabilities have shape {tuple(probabilities.shape)}; allowed: at least one row"
        )
    u = uniform(probabilities, (*probabilities.shape[:-1], 1), generator)
    cumulative = xp.cumulative_sum(xp.astype(probabilities, xp.float64), axis=-1)
    total = cumulative[..., -1:]
    # The second condition matters where rounding makes u times the total the total itself.
    passed = (cumulative <= u * total) & (cumulative < total)
    return xp.sum(xp.astype(passed, xp.int64), axis=-1)


def uniform(like: Array, shape: tuple[int, ...], generator: Any = None) -> Array:
    """Return float64 random numbers from 0 to below 1, of the library of ``like``."""
    if is_torch_array(like):
        import torch

        _check_generator(generator, torch.Generator)
        where = device(like) if generator is None else generator.device
        drawn = torch.rand(shape, generator=generator, dtype=torch.float64, device=where)
        return drawn.to(device(like))
    import numpy

    _check_generator(generator, numpy.random.Generator)
    drawn = (generator or numpy.random.default_rng()).random(shape)
    return namespace(like=like).asarray(drawn, device=device(like))


def check_weights(name: str, p: Array) -> Any:
    """Return the functions of p's library if its rows can be distributions, or raise."""
    xp = namespace(**{name: p})
    if p.ndim == 0 or p.shape[-1] == 0:
        raise ValueError(
            f"{name} has shape {tuple(p.shape)}; allowed: (..., vocabulary), not empty"
        )
    sums = xp.sum(p, axis=-1)
    if not bool(xp.all(p >= 0)) or not bool(xp.all(xp.isfinite(sums) & (sums > 0))):
        raise ValueError(f"{name} has a negative entry, NaN, or a row of zeros; allowed: weights")
    return xp


def _check(logits):
    """Return the functions of the logits' library, or raise a ValueError."""
    xp = namespace(logits=logits)
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)}; allowed: (..., vocabulary), not empty"
        )
    # NaN and +inf make the greatest not finite; so does a row with nothing to choose from.
    if not bool(xp.all(xp.isfinite(xp.max(logits, axis=-1)))):
        raise ValueError(
            "logits have NaN, +inf, or a row of -inf alone; allowed: finite, or -inf for what is "
            "ruled out"
        )
    return xp


def _check_generator(generator, kind):
    if generator is not None and not isinstance(generator, kind):
        came, wanted = type(generator), f"{kind.__module__}.{kind.__name__}"
        raise ValueError(
            f"generator is a {came.__module__}.{came.__name__}; allowed: a {wanted} or None"
        )
