r"""Several attentions side by side, each with its own small queries, keys and values.

Tokens are rows and a weight matrix has shape (d_in, d_out): Q = X W_Q. Head number i owns the i-th
block of columns of W_Q, W_K and W_V, and the i-th block of rows of W_O.
"""

from ..arrays import Array, Bool, Float, Number, at_least, namespace, present, whole
from .scaled_dot_product import attention, share_heads


def split_heads(x: Float[Array, "*batch n width"], heads: int) -> Float[Array, "*batch h n w"]:
    r"""Cut every row into ``heads`` equal pieces, and give each head its own matrix of them.

    .. math:: X = [X^1 \mid X^2 \mid \dots \mid X^h] \;\mapsto\; (X^1, X^2, \dots, X^h)

    Parameters
    ----------
    x : ``(..., positions, width)``.
    heads : h, a divisor of the width.

    Returns
    -------
    ``(..., heads, positions, width / heads)``; :func:`merge_heads` undoes it.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array of at least two dimensions, or ``heads`` is not a
        whole number of at least 1 that divides the width.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762
    """
    xp = namespace(x=x)
    at_least("x", x, 2, "(..., positions, width)")
    *batch, n, width = x.shape
    if width % whole("heads", heads):
        raise ValueError(f"heads is {heads}; allowed: a divisor of the width, {width}")
    pieces = xp.reshape(x, (*batch, n, heads, width // heads))
    return xp.moveaxis(pieces, -2, -3)


def merge_heads(x: Float[Array, "*batch h n w"]) -> Float[Array, "*batch n width"]:
    r"""Lay the heads' rows side by side again; the inverse of :func:`split_heads`.

    .. math:: (X^1, X^2, \dots, X^h) \;\mapsto\; [X^1 \mid X^2 \mid \dots \mid X^h]

    Parameters
    ----------
    x : ``(..., heads, positions, width)``.

    Returns
    -------
    ``(..., positions, heads * width)``.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array of at least three dimensions.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762
    """
    xp = namespace(x=x)
    at_least("x", x, 3, "(..., heads, positions, width)")
    *batch, heads, n, width = x.shape
    return xp.reshape(xp.moveaxis(x, -3, -2), (*batch, n, heads * width))


def multi_head_attention(
    x: Float[Array, "*batch queries d"],
    w_q: Float[Array, "d q_columns"],
    w_k: Float[Array, "context_d k_columns"],
    w_v: Float[Array, "context_d v_columns"],
    w_o: Float[Array, "o_rows out"],
    heads: int,
    kv_heads: int | None = None,
    context: Float[Array, "*context_batch keys context_d"] | None = None,
    mask: Bool[Array, "..."] | None = None,
    *,
    b_q: Float[Array, "q_columns"] | None = None,
    b_k: Float[Array, "k_columns"] | None = None,
    b_v: Float[Array, "v_columns"] | None = None,
    b_o: Float[Array, "out"] | None = None,
    scale: Number | None = None,
) -> tuple[Float[Array, "*all queries out"], Float[Array, "*all {heads} queries keys"]]:
    r"""Multi-head attention: self-attention, or cross-attention to a ``context``.

    .. math:: \operatorname{MHA}(X, C) = [\,O^1 \mid \dots \mid O^h\,]\, W_O, \qquad
              O^i = \operatorname{Attention}(X W_Q^i,\; C W_K^i,\; C W_V^i)

    with C = X for self-attention.

    Parameters
    ----------
    x : ``(..., queries, d)``, a token a row.
    w_q : ``(d, heads * width)``.
    w_k, w_v : ``(d_context, kv_heads * width)``; the values' width may differ from the keys'.
    w_o : ``(heads * value width, d_out)``.
    heads : number of query heads.
    kv_heads : number of key and value heads, a divisor of ``heads``; ``heads`` by default.
    context : ``(..., keys, d_context)``, what is attended to; ``x`` itself by default.
    mask : Boolean, True where to attend; broadcasts to ``(..., heads, queries, keys)``.
    b_q, b_k, b_v, b_o : biases added after each product; none by default.
    scale : what the dot products are multiplied by, instead of one over the root of the head width.

    Returns
    -------
    output : ``(..., queries, d_out)``.
    weights : ``(..., heads, queries, keys)``.

    Raises
    ------
    ValueError
        If a matrix or bias does not fit, ``heads`` does not divide the columns of ``w_q``,
        ``kv_heads`` those of ``w_k`` and ``w_v`` or ``heads`` itself, and in every case of
        :func:`~transformer_math.attention.scaled_dot_product.attention`.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; fewer key heads:
    Ainslie et al. (2023), https://arxiv.org/abs/2305.13245
    """
    given = present(context=context, b_q=b_q, b_k=b_k, b_v=b_v, b_o=b_o)
    namespace(x=x, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o, **given)
    kv_heads = _check_heads(heads, kv_heads)
    c = x if context is None else context
    at_least("x", x, 2, "(..., queries, d)")
    at_least("context", c, 2, "(..., keys, d_context)")

    q = split_heads(_affine("q", x, w_q, b_q, heads), heads)
    k = split_heads(_affine("k", c, w_k, b_k, kv_heads), kv_heads)
    v = split_heads(_affine("v", c, w_v, b_v, kv_heads), kv_heads)
    output, weights = attention(q, k, v, mask, scale)
    return _affine("o", merge_heads(output), w_o, b_o, heads), weights


def qk_circuit(
    w_q: Float[Array, "d q_columns"],
    w_k: Float[Array, "context_d k_columns"],
    heads: int,
    kv_heads: int | None = None,
) -> Float[Array, "{heads} d context_d"]:
    r"""What each head looks for: one bilinear form on pairs of tokens, of rank at most d_h.

    .. math:: C_{QK}^i = W_Q^i \, (W_K^i)^\top, \qquad
              s^i(x, y) = \frac{x^\top C_{QK}^i \, y}{\sqrt{d_h}}

    Parameters
    ----------
    w_q : ``(d, heads * width)``.
    w_k : ``(d_context, kv_heads * width)``.
    heads, kv_heads : as in :func:`multi_head_attention`.

    Returns
    -------
    ``(heads, d, d_context)``, not symmetric in general.

    Raises
    ------
    ValueError
        If the matrices are not floating-point of one dtype and two dimensions, their columns are
        not divided by the heads, or the head widths differ.

    Source: Elhage et al. (2021), https://transformer-circuits.pub/2021/framework/index.html
    """
    xp = namespace(w_q=w_q, w_k=w_k)
    kv_heads = _check_heads(heads, kv_heads)
    q, k = _columns("w_q", w_q, heads), _columns("w_k", w_k, kv_heads)
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"w_k has heads of width {k.shape[-1]}; allowed: the width of w_q's, {q.shape[-1]}"
        )
    return q @ xp.matrix_transpose(share_heads(k, q))


def ov_circuit(
    w_v: Float[Array, "d v_columns"],
    w_o: Float[Array, "o_rows out"],
    heads: int,
    kv_heads: int | None = None,
) -> Float[Array, "{heads} d out"]:
    r"""What each head passes on: one linear map from the token attended to, of rank at most d_h.

    .. math:: C_{OV}^i = W_V^i \, W_O^i, \qquad
              \operatorname{MHA}(X) = \sum_i A^i X \, C_{OV}^i

    Parameters
    ----------
    w_v : ``(d, kv_heads * width)``.
    w_o : ``(heads * width, d_out)``.
    heads, kv_heads : as in :func:`multi_head_attention`.

    Returns
    -------
    ``(heads, d, d_out)``.

    Raises
    ------
    ValueError
        If the matrices are not floating-point of one dtype and two dimensions, or the heads do not
        divide the columns of ``w_v`` and the rows of ``w_o`` into pieces of one width.

    Source: Elhage et al. (2021), https://transformer-circuits.pub/2021/framework/index.html
    """
    xp = namespace(w_v=w_v, w_o=w_o)
    kv_heads = _check_heads(heads, kv_heads)
    v = _columns("w_v", w_v, kv_heads)
    _check_matrix("w_o", w_o)
    rows = heads * v.shape[-1]
    if w_o.shape[0] != rows:
        raise ValueError(f"w_o has {w_o.shape[0]} rows; allowed: heads * head width = {rows}")
    o = xp.reshape(w_o, (heads, v.shape[-1], w_o.shape[1]))
    return share_heads(v, o) @ o


def _affine(letter, x, weight, bias, heads):
    """x W + b, after saying which of the two does not fit."""
    name = f"w_{letter}"
    _check_matrix(name, weight)
    if weight.shape[0] != x.shape[-1]:
        raise ValueError(
            f"{name} has shape {tuple(weight.shape)}; allowed: {x.shape[-1]} rows, the width of "
            "what it multiplies"
        )
    if letter != "o":
        _check_columns(name, weight, heads)
    if bias is None:
        return x @ weight
    if tuple(bias.shape) != (weight.shape[1],):
        raise ValueError(
            f"b_{letter} has shape {tuple(bias.shape)}; allowed: ({weight.shape[1]},), the columns "
            f"of {name}"
        )
    return x @ weight + bias


def _columns(name, weight, heads):
    _check_matrix(name, weight)
    _check_columns(name, weight, heads)
    return split_heads(weight, heads)


def _check_matrix(name, weight):
    if weight.ndim != 2:
        raise ValueError(f"{name} has shape {tuple(weight.shape)}; allowed: (d_in, d_out)")


def _check_columns(name, weight, heads):
    if weight.shape[1] % heads:
        raise ValueError(
            f"{name} has {weight.shape[1]} columns; allowed: a multiple of its {heads} heads"
        )


def _check_heads(heads, kv_heads):
    whole("heads", heads)
    if kv_heads is None:
        return heads
    if heads % whole("kv_heads", kv_heads):
        raise ValueError(f"kv_heads is {kv_heads}; allowed: a divisor of heads, {heads}")
    return kv_heads
