r"""Softmax and attention in one pass over the keys, in memory that does not grow with their number.

What is kept while reading: the largest score so far, m, and sums taken relative to it. When a
larger score arrives, everything gathered so far shrinks by :math:`e^{m_{old} - m_{new}}`.
"""

import math
from typing import NamedTuple

from ..arrays import Array, Bool, Float, Number, namespace, whole
from ..probability.softmax import finite
from .scaled_dot_product import attention_scores, check_mask, check_pair, check_values, share_heads


class OnlineSoftmax(NamedTuple):
    """What online softmax holds after each step; all three have the shape of the scores."""

    maximum: Array
    """Largest score so far, :math:`m_t`."""
    rescale: Array
    """What the sum so far was multiplied by, :math:`e^{m_{t-1} - m_t}`; 0 at the first step."""
    total: Array
    """Sum so far, :math:`l_t = \\sum_{i \\le t} e^{s_i - m_t}`."""


def online_softmax_steps(scores: Float[Array, "*batch keys"]) -> OnlineSoftmax:
    r"""Every step of the one-pass softmax over the last axis.

    .. math:: m_t = \max(m_{t-1}, s_t), \qquad
              l_t = l_{t-1}\, e^{m_{t-1} - m_t} + e^{s_t - m_t}, \qquad m_0 = -\infty,\; l_0 = 0

    After the last step :math:`p_i = e^{s_i - m_n} / l_n`.

    Parameters
    ----------
    scores : read from first to last along the last axis; ``-inf`` stands for a masked key.

    Returns
    -------
    :class:`OnlineSoftmax`, column t of its arrays being the state after t + 1 scores.

    Raises
    ------
    ValueError
        If ``scores`` is not a floating-point array with at least one entry on its last axis.

    Source: Milakov and Gimelshein (2018), algorithm 3, https://arxiv.org/abs/1805.02867
    """
    xp = namespace(scores=scores)
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ValueError(f"scores have shape {tuple(scores.shape)}; allowed: (..., at least one)")
    steps = []
    m = xp.full_like(scores[..., 0], -math.inf)
    total = xp.zeros_like(m)
    for t in range(scores.shape[-1]):
        new = xp.maximum(m, scores[..., t])
        rescale = xp.exp(m - finite(new, xp))
        total = total * rescale + xp.exp(scores[..., t] - finite(new, xp))
        m = new
        steps.append((m, rescale, total))
    return OnlineSoftmax(*(xp.stack(kept, axis=-1) for kept in zip(*steps, strict=True)))


def online_attention(
    q: Float[Array, "*q_heads queries width"],
    k: Float[Array, "*k_heads keys width"],
    v: Float[Array, "*k_heads keys value_width"],
    mask: Bool[Array, "..."] | None = None,
    scale: Number | None = None,
    block: int = 64,
) -> Float[Array, "*batch queries value_width"]:
    r"""Exact attention that reads the keys block by block and never holds the matrix of weights.

    .. math:: m' = \max(m, \max_j S_j), \qquad
              l' = l\, e^{m - m'} + \sum_j e^{S_j - m'}, \qquad
              O' = O\, e^{m - m'} + \sum_j e^{S_j - m'} V_j

    where j runs over the keys of a block; the output is :math:`O / l`.

    Parameters
    ----------
    q, k, v, mask, scale : as in :func:`~transformer_math.attention.scaled_dot_product.attention`.
    block : keys read at a time. Changes the memory in use, not the result (but for rounding).

    Returns
    -------
    The output of :func:`~transformer_math.attention.scaled_dot_product.attention`, without the
    weights. A query that may attend to nothing has output 0.

    Raises
    ------
    ValueError
        In every case of :func:`~transformer_math.attention.scaled_dot_product.attention`, or if
        ``block`` is not a whole number of at least 1.

    Source: Dao et al. (2022), algorithm 1, https://arxiv.org/abs/2205.14135
    """
    xp = namespace(q=q, k=k, v=v)
    whole("block", block)
    check_pair(q, k)
    check_values(k, v)
    keys = k.shape[-2]
    if mask is not None:
        scores_shape = attention_scores(q, k[..., :1, :], scale).shape
        check_mask(mask, (*scores_shape[:-1], keys), xp)
        mask = xp.broadcast_to(mask, (*mask.shape[:-1], keys))
    m, total, output = -math.inf, 0.0, 0.0
    for start in range(0, keys, block):
        now = slice(start, min(start + block, keys))
        scores = attention_scores(q, k[..., now, :], scale)
        if mask is not None:
            scores = xp.where(mask[..., now], scores, -math.inf)
        largest = xp.max(scores, axis=-1, keepdims=True)
        new = largest if start == 0 else xp.maximum(m, largest)
        rescale = xp.exp(m - finite(new, xp))
        e = xp.exp(scores - finite(new, xp))
        total = total * rescale + xp.sum(e, axis=-1, keepdims=True)
        output = output * rescale + e @ share_heads(v[..., now, :], q)
        m = new
    return output / xp.clip(total, min=0.5)  # 0 where nothing may be attended to
