r"""Scaled dot-product attention: queries choose among keys, and receive a mean of values."""

import math

from array_api_compat import array_namespace

from ..arrays import Array, Bool, Float, Number, at_least, is_finite, namespace, positive, present
from ..probability.softmax import softmax

LAYOUT = "(..., heads, positions, width) or (positions, width)"


def attention_scores(
    q: Float[Array, "*q_heads queries width"],
    k: Float[Array, "*k_heads keys width"],
    scale: Number | None = None,
) -> Float[Array, "*batch queries keys"]:
    r"""How well each key answers each query.

    .. math:: S = \frac{Q K^\top}{\sqrt{d_h}}

    Parameters
    ----------
    q, k : queries and keys, a vector a row. Keys may have fewer heads than queries, if these divide
        evenly: head i of h queries then reads key head :math:`\lfloor i h_{kv} / h \rfloor`.
    scale : what the dot products are multiplied by, instead of :math:`1/\sqrt{d_h}`; here
        :math:`d_h` is the width of one head's vectors, not of the model.

    Returns
    -------
    Scores, a row for each query and a column for each key. No unit: they are exponents.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype, lack positions or width, differ in width,
        have heads that do not divide or batches that do not broadcast, or ``scale`` is not a finite
        number.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; shared key heads:
    Ainslie et al. (2023), https://arxiv.org/abs/2305.13245
    """
    xp = namespace(q=q, k=k)
    check_pair(q, k)
    if scale is None:
        scale = 1 / math.sqrt(q.shape[-1])
    elif not is_finite(scale):
        raise ValueError(f"scale is {scale!r}; allowed: a finite number, or None for 1/sqrt(width)")
    # Scaling before the product keeps half precision from overflowing.
    return (q * float(scale)) @ xp.matrix_transpose(share_heads(k, q))


def attention(
    q: Float[Array, "*q_heads queries width"],
    k: Float[Array, "*k_heads keys width"],
    v: Float[Array, "*k_heads keys value_width"],
    mask: Bool[Array, "..."] | None = None,
    scale: Number | None = None,
    softcap: Number | None = None,
    bias: Float[Array, "..."] | None = None,
) -> tuple[Float[Array, "*batch queries value_width"], Float[Array, "*batch queries keys"]]:
    r"""Each query's mean of the values, weighted by how well their keys answer.

    .. math:: \operatorname{Attention}(Q, K, V) = A V, \qquad
              A = \operatorname{softmax}\Bigl(\frac{Q K^\top}{\sqrt{d_h}} + B\Bigr)

    B is zero unless a bias is given. Masked scores become :math:`-\infty` before the softmax. With
    a soft cap c, scores s become :math:`c \tanh(s / c)` before bias and mask, so that none exceeds
    c.

    Parameters
    ----------
    q, k, v : queries, keys and values, ``(..., heads, positions, width)`` or ``(positions,
        width)``. Keys and values may have fewer heads, if these divide evenly: consecutive query
        heads share one.
    mask : Boolean, True where the query may attend; any shape that broadcasts to the scores'. It
        hides keys altogether, values by the weight 0; so values must be finite behind a mask, too:
        0 times NaN or infinity is NaN, as in torch's kernels.
    scale : what the dot products are multiplied by, instead of :math:`1/\sqrt{d_h}`.
    softcap : c > 0, or None for none.
    bias : B, added to the scores after the soft cap; any shape that broadcasts to theirs. Relative
        positions enter here.

    Returns
    -------
    output : a row for each query, as wide as the values.
    weights : A, non-negative, each row summing to one. A query that may attend to nothing has
        weights 0 and output 0.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype or lack positions or width, q and k differ
        in width, k and v in anything but width, heads do not divide, batches do not broadcast,
        ``mask`` is not Boolean, ``mask`` or ``bias`` does not broadcast to the scores, ``scale`` is
        not finite, or ``softcap`` is not a finite number above 0.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; soft cap: Gemma Team
    (2024), https://arxiv.org/abs/2408.00118
    """
    xp = namespace(q=q, k=k, v=v, **present(bias=bias))
    scores = attention_scores(q, k, scale)
    check_values(k, v)
    if softcap is not None:
        cap = positive("softcap", softcap)
        scores = cap * xp.tanh(scores / cap)
    if bias is not None:
        check_broadcasts("bias", bias, scores.shape)
        scores = scores + bias
    if mask is not None:
        check_mask(mask, scores.shape, xp)
        scores = xp.where(mask, scores, -math.inf)
    weights = softmax(scores)
    return weights @ share_heads(v, q), weights


def score_variance(
    q_second_moment: Float[Array, "width width"],
    k_second_moment: Float[Array, "width width"],
    q_mean: Float[Array, "width"],
    k_mean: Float[Array, "width"],
) -> Float[Array, ""]:
    r"""Variance of the dot product of an independent query and key.

    .. math:: \operatorname{Var}(q \cdot k) = \operatorname{tr}(M_q M_k) - (\mu_q \cdot \mu_k)^2,
              \qquad M = \mathbb{E}[x x^\top], \quad \mu = \mathbb{E}[x]

    Nothing else is assumed: no Gaussian, no independence between coordinates. If both second
    moments are the identity and one mean is zero, the variance is the width.

    Parameters
    ----------
    q_second_moment, k_second_moment : :math:`M_q` and :math:`M_k`, means of outer products (not
        covariances).
    q_mean, k_mean : :math:`\mu_q` and :math:`\mu_k`.

    Returns
    -------
    The variance of the unscaled score; multiply by the scale squared.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype, or the shapes are not ``(width, width)``
        and ``(width,)`` with one width.
    """
    moments = {"q_second_moment": q_second_moment, "k_second_moment": k_second_moment}
    means = {"q_mean": q_mean, "k_mean": k_mean}
    xp = namespace(**moments, **means)
    width = q_mean.shape[-1] if q_mean.ndim else 0
    for name, array in {**moments, **means}.items():
        shape = (width, width) if name in moments else (width,)
        if tuple(array.shape) != shape:
            raise ValueError(f"{name} has shape {tuple(array.shape)}; allowed: {shape}")
    # tr(AB) is the sum of the entries of A times those of B transposed.
    trace = xp.sum(q_second_moment * xp.matrix_transpose(k_second_moment))
    return trace - xp.sum(q_mean * k_mean) ** 2


def share_heads(shared: Array, q: Array) -> Array:
    """Repeat each key or value head for the consecutive query heads that share it."""
    if min(shared.ndim, q.ndim) < 3 or shared.shape[-3] in (1, q.shape[-3]):
        return shared  # as many heads, or one: broadcasting pairs them
    xp = namespace(shared=shared)
    *batch, heads, n, width = shared.shape
    group = q.shape[-3] // heads
    repeated = xp.broadcast_to(shared[..., None, :, :], (*batch, heads, group, n, width))
    return xp.reshape(repeated, (*batch, heads * group, n, width))


def check_pair(q: Array, k: Array) -> None:
    """Raise a ValueError unless every query can be compared with every key."""
    at_least("q", q, 2, LAYOUT)
    at_least("k", k, 2, LAYOUT)
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"k has width {k.shape[-1]} (shape {tuple(k.shape)}); allowed: the width of q, "
            f"{q.shape[-1]}"
        )
    if min(q.ndim, k.ndim) > 2 and q.shape[-3] % k.shape[-3]:
        raise ValueError(
            f"k has {k.shape[-3]} heads (shape {tuple(k.shape)}); allowed: a divisor of q's "
            f"{q.shape[-3]} heads"
        )
    batches = zip(q.shape[-4::-1], k.shape[-4::-1], strict=False)
    if any(1 not in pair and len(set(pair)) > 1 for pair in batches):
        raise ValueError(
            f"k has shape {tuple(k.shape)}; allowed: a batch that broadcasts with that of q, "
            f"{tuple(q.shape[:-3])}"
        )


def check_values(k: Array, v: Array) -> None:
    """Raise a ValueError unless each key has one value."""
    if k.shape[:-1] != v.shape[:-1]:
        raise ValueError(
            f"v has shape {tuple(v.shape)}; allowed: {tuple(k.shape[:-1])} + (any width,), "
            "a value for each key of k"
        )


def check_mask(mask: Array, shape: tuple[int, ...], xp) -> None:
    """Raise a ValueError unless ``mask`` is Boolean, of library ``xp``, and fits ``shape``."""
    if not isinstance(mask, Array) or not array_namespace(mask).isdtype(mask.dtype, "bool"):
        came = f"dtype {mask.dtype}" if isinstance(mask, Array) else f"type {type(mask).__name__}"
        raise ValueError(f"mask has {came}; allowed: a Boolean array, True where to attend")
    if array_namespace(mask) is not xp:
        raise ValueError("mask and scores come from different libraries; allowed: one")
    check_broadcasts("mask", mask, shape)


def check_broadcasts(name: str, array: Array, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless ``array`` broadcasts to the scores' ``shape``."""
    missing = len(shape) - array.ndim
    if missing < 0 or any(
        size not in (1, whole) for size, whole in zip(array.shape, shape[missing:], strict=True)
    ):
        raise ValueError(
            f"{name} has shape {tuple(array.shape)}; allowed: one that broadcasts to the scores' "
            f"{tuple(shape)}"
        )
