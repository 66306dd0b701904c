r"""Relative positions in the scores: Shaw's vectors, T5's buckets and ALiBi's slopes.

What these three share: a score gets a summand that depends on the query's and the key's positions
only through their difference. All take the positions themselves, so that a window, a cache or a
batch of different lengths needs no special case: ``(positions,)``, or ``(batch, positions)``, and
the result has a batch then. Relative positions are key minus query: negative is the past.
"""

import math
from functools import cache
from typing import Any

from array_api_compat import array_namespace, device

from ..arrays import Array, Float, Int, Number, at_least, is_finite, library, namespace, whole


def relative_positions(
    query_positions: Int[Array, "*batch queries"], key_positions: Int[Array, "*batch keys"]
) -> Int[Array, "*batch queries keys"]:
    r"""How far each key is from each query.

    .. math:: r_{ij} = n_j - m_i

    Parameters
    ----------
    query_positions : m, whole numbers.
    key_positions : n, whole numbers.

    Returns
    -------
    A row for each query, in positions; negative where the key comes before the query.

    Raises
    ------
    ValueError
        If the two are not integer arrays of one library with at least one dimension, or their
        batches differ.
    """
    for name, array in (("query_positions", query_positions), ("key_positions", key_positions)):
        xp = _integers(name, array)
        at_least(name, array, 1, "(positions,) or (batch, positions)")
    if array_namespace(query_positions) is not xp:
        raise ValueError(
            "query_positions and key_positions come from different libraries; allowed: one"
        )
    if query_positions.shape[:-1] != key_positions.shape[:-1]:
        raise ValueError(
            f"key_positions have shape {tuple(key_positions.shape)}; allowed: the batch of "
            f"query_positions, {tuple(query_positions.shape[:-1])}"
        )
    return key_positions[..., None, :] - query_positions[..., :, None]


def shaw_scores(
    q: Float[Array, "*heads queries width"],
    table: Float[Array, "distances width"],
    query_positions: Int[Array, "*batch queries"],
    key_positions: Int[Array, "*batch keys"],
    scale: Number | None = None,
) -> Float[Array, "*all_heads queries keys"]:
    r"""What relative key vectors add to the scores.

    .. math:: B_{ij} = \frac{q_i \cdot a^K_{ij}}{\sqrt{d_h}}, \qquad
              a^K_{ij} = w^K_{\operatorname{clip}(n_j - m_i, -k, k)}

    Parameters
    ----------
    q : queries, ``(..., heads, queries, width)`` or ``(queries, width)``.
    table : :math:`w^K_{-k}, \dots, w^K_k`, 2k + 1 learned vectors, a row each; all heads share it.
    query_positions, key_positions : as in :func:`relative_positions`.
    scale : what the dot products are multiplied by, instead of :math:`1/\sqrt{d_h}`.

    Returns
    -------
    Summand of the scores: the ``bias`` of attention.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype, the table has not an odd number of rows
        as wide as q, the positions do not fit, or ``scale`` is not finite.

    Source: Shaw et al. (2018), https://arxiv.org/abs/1803.02155
    """
    xp = namespace(q=q, table=table)
    at_least("q", q, 2, "(..., heads, queries, width)")
    if scale is not None and not is_finite(scale):
        raise ValueError(f"scale is {scale!r}; allowed: a finite number, or None for 1/sqrt(width)")
    a = _shaw_vectors(table, query_positions, key_positions, xp)
    if table.shape[-1] != q.shape[-1]:
        raise ValueError(f"table has width {table.shape[-1]}; allowed: that of q, {q.shape[-1]}")
    _check_rows("query_positions", query_positions, "q", -2, q)
    dots = (q[..., :, None, :] @ xp.matrix_transpose(a))[..., 0, :]
    return dots * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)


def shaw_values(
    weights: Float[Array, "*heads queries keys"],
    table: Float[Array, "distances width"],
    query_positions: Int[Array, "*batch queries"],
    key_positions: Int[Array, "*batch keys"],
) -> Float[Array, "*all_heads queries width"]:
    r"""What relative value vectors add to the output of attention.

    .. math:: \Delta z_i = \sum_j A_{ij}\, a^V_{ij}, \qquad
              a^V_{ij} = w^V_{\operatorname{clip}(n_j - m_i, -k, k)}

    Parameters
    ----------
    weights : A, the attention weights, ``(..., heads, queries, keys)`` or ``(queries, keys)``.
    table : :math:`w^V_{-k}, \dots, w^V_k`, 2k + 1 learned vectors, a row each; all heads share it.
    query_positions, key_positions : as in :func:`relative_positions`.

    Returns
    -------
    Summand of the output, a row for each query.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype, the table has not an odd number of
        rows, or the positions do not fit the weights.

    Source: Shaw et al. (2018), https://arxiv.org/abs/1803.02155
    """
    xp = namespace(weights=weights, table=table)
    at_least("weights", weights, 2, "(..., heads, queries, keys)")
    a = _shaw_vectors(table, query_positions, key_positions, xp)
    _check_rows("query_positions", query_positions, "weights", -2, weights)
    _check_rows("key_positions", key_positions, "weights", -1, weights)
    return (weights[..., :, None, :] @ a)[..., 0, :]


def t5_bucket(
    relative: Int[Array, "*shape"],
    bidirectional: bool = True,
    buckets: int = 32,
    max_distance: int = 128,
) -> Int[Array, "*shape"]:
    r"""Number of the bucket that a relative position falls into.

    .. math:: \operatorname{bucket}(x) = \begin{cases} x & x < e \\
              \min\Bigl(n - 1,\; e + \Bigl\lfloor (n - e)
              \dfrac{\log (x / e)}{\log (D / e)} \Bigr\rfloor\Bigr) & x \ge e \end{cases}
              \qquad e = \lfloor n / 2 \rfloor

    Near distances have a bucket each, far ones share buckets that grow geometrically up to D.
    In one direction :math:`x = \max(-r, 0)` of the relative position r and n is the number of
    buckets: the future falls into bucket 0. In both, :math:`x = |r|`, n is half the number, and
    keys after the query take the second half. The boundaries are found in whole numbers, so that
    no rounding moves one.

    Parameters
    ----------
    relative : r, key position minus query position.
    bidirectional : True in an encoder, False in a causal decoder.
    buckets : number of buckets, at least 2; bidirectional: even and at least 4.
    max_distance : D, above e. Distances from D on share the last bucket.

    Returns
    -------
    Integer array of the shape of ``relative``, from 0 to ``buckets - 1``.

    Raises
    ------
    ValueError
        If ``relative`` is not an integer array, ``bidirectional`` is not True or False, or a count
        is not as said.

    Source: Raffel et al. (2020), https://arxiv.org/abs/1910.10683, and its code,
    https://github.com/google-research/text-to-text-transfer-transformer
    """
    xp = _integers("relative", relative)
    if not isinstance(bidirectional, bool):
        raise ValueError(f"bidirectional is {bidirectional!r}; allowed: True or False")
    n = whole("buckets", buckets, least=4 if bidirectional else 2)
    if bidirectional:
        if n % 2:
            raise ValueError(f"buckets is {buckets}; allowed: an even number for both directions")
        n //= 2
    if whole("max_distance", max_distance) <= n // 2:
        raise ValueError(f"max_distance is {max_distance}; allowed: above {n // 2}, what is exact")
    past = xp.where(relative < 0, -relative, xp.zeros_like(relative))
    x = xp.abs(relative) if bidirectional else past
    bucket = xp.where(x < n // 2, x, xp.full_like(x, n // 2))
    for first in _boundaries(n, max_distance):
        bucket = bucket + xp.astype(x >= first, x.dtype)
    return xp.where(relative > 0, bucket + n, bucket) if bidirectional else bucket


def t5_bias(
    table: Float[Array, "buckets heads"],
    query_positions: Int[Array, "*batch queries"],
    key_positions: Int[Array, "*batch keys"],
    bidirectional: bool = True,
    max_distance: int = 128,
) -> Float[Array, "*batch heads queries keys"]:
    r"""One learned number for each bucket and head, added to the scores.

    .. math:: B_{hij} = T_{\operatorname{bucket}(n_j - m_i),\, h}

    Parameters
    ----------
    table : T, learned, ``(buckets, heads)``. One table serves all layers of a T5.
    query_positions, key_positions : as in :func:`relative_positions`.
    bidirectional, max_distance : as in :func:`t5_bucket`.

    Returns
    -------
    Summand of the scores: the ``bias`` of attention (T5 does not divide its scores by
    :math:`\sqrt{d_h}`).

    Raises
    ------
    ValueError
        If ``table`` is not a floating-point matrix, or an argument is not as said.

    Source: Raffel et al. (2020), https://arxiv.org/abs/1910.10683
    """
    xp = namespace(table=table)
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(f"table has shape {tuple(table.shape)}; allowed: (buckets, heads)")
    relative = _relative_in(xp, query_positions, key_positions)
    bucket = t5_bucket(relative, bidirectional, table.shape[0], max_distance)
    return xp.moveaxis(_rows_of(table, bucket, xp), -1, -3)


def alibi_slopes(heads: int) -> Float[Array, "heads"]:
    r"""How steeply each head's bias falls with distance.

    .. math:: m_i = 2^{-8i/n}, \qquad i = 1, \dots, n

    for a power of two n. Any other number of heads takes the slopes of the next smaller power of
    two, and then the first, third, fifth … slope of twice that power, as the authors' code does.

    Parameters
    ----------
    heads : n.

    Returns
    -------
    NumPy array of float64, one slope a head, in units of score a position.

    Raises
    ------
    ValueError
        If ``heads`` is not a whole number of at least 1.

    Source: Press et al. (2022), https://arxiv.org/abs/2108.12409, and its code,
    https://github.com/ofirpress/attention_with_linear_biases
    """
    xp, _ = library(None)
    power = 2 ** (whole("heads", heads).bit_length() - 1)
    slopes = 2.0 ** (-8 * xp.arange(1, power + 1, dtype=xp.float64) / power)
    between = 2.0 ** (-4 * xp.arange(1, 2 * power, 2, dtype=xp.float64) / power)
    return xp.concat([slopes, between[: heads - power]])


def alibi_bias(
    heads: int,
    query_positions: Int[Array, "*batch queries"],
    key_positions: Int[Array, "*batch keys"],
    *,
    like: Array | None = None,
) -> Float[Array, "*batch heads queries keys"]:
    r"""A penalty proportional to distance, added to the scores.

    .. math:: B_{hij} = -m_h\, |n_j - m_i|

    The paper's attention is causal and needs no bars. Here a key after the query is penalised as
    one before it would be; a causal mask removes it.

    Parameters
    ----------
    heads : number of heads, any.
    query_positions, key_positions : as in :func:`relative_positions`.
    like : a floating-point array whose dtype the bias takes; float64 by default. Library and
        device are those of the positions.

    Returns
    -------
    Summand of the scores: the ``bias`` of attention. Nothing in it is learned.

    Raises
    ------
    ValueError
        If ``heads`` is not a whole number of at least 1, the positions do not fit, or ``like`` is
        not a floating-point array of their library.

    Source: Press et al. (2022), https://arxiv.org/abs/2108.12409
    """
    slopes = alibi_slopes(heads)
    distance = abs(relative_positions(query_positions, key_positions))
    xp = array_namespace(distance)
    if like is not None and namespace(like=like) is not xp:
        raise ValueError("like and the positions come from different libraries; allowed: one")
    dtype = xp.float64 if like is None else like.dtype
    slopes = xp.asarray(slopes, dtype=dtype, device=device(distance))
    return -slopes[:, None, None] * xp.astype(distance, dtype)[..., None, :, :]


@cache
def _boundaries(n: int, max_distance: int) -> tuple[int, ...]:
    """First distance of each shared bucket but the first, e = n // 2.

    Bucket e + j begins where (x/e)^(n-e) >= (D/e)^j, which is compared in whole numbers.
    """
    e = n // 2
    firsts = []
    for j in range(1, n - e):
        x = max(e, int(e * (max_distance / e) ** (j / (n - e))) - 1)  # at most the boundary
        while x ** (n - e) * e**j < max_distance**j * e ** (n - e):
            x += 1
        firsts.append(x)
    return tuple(firsts)


def _shaw_vectors(table, query_positions, key_positions, xp):
    """The vector of every query and key; with a batch, an axis for its heads."""
    if table.ndim != 2 or table.shape[0] % 2 == 0 or table.shape[1] == 0:
        raise ValueError(
            f"table has shape {tuple(table.shape)}; allowed: (2k + 1, width), an odd number of rows"
        )
    k = table.shape[0] // 2
    clipped = xp.clip(_relative_in(xp, query_positions, key_positions), -k, k)
    vectors = _rows_of(table, clipped + k, xp)
    return vectors[..., None, :, :, :] if clipped.ndim > 2 else vectors


def _rows_of(table, rows, xp):
    """table[rows] for an integer array of any shape."""
    flat = xp.take(table, xp.reshape(rows, (-1,)), axis=0)
    return xp.reshape(flat, (*rows.shape, table.shape[1]))


def _relative_in(xp, query_positions, key_positions):
    relative = relative_positions(query_positions, key_positions)
    if array_namespace(relative) is not xp:
        raise ValueError("query_positions come from another library than the rest; allowed: one")
    return relative


def _integers(name: str, array: Array) -> Any:
    """Return the functions of an integer array's library, or raise a ValueError."""
    if not isinstance(array, Array):
        raise ValueError(f"{name} is a {type(array).__name__}; allowed: an integer array")
    xp = array_namespace(array)
    if not xp.isdtype(array.dtype, "integral"):
        raise ValueError(f"{name} has dtype {array.dtype}; allowed: whole numbers")
    return xp


def _check_rows(name, positions, other, axis, array):
    """Raise a ValueError unless ``array`` has a row (or column) and a batch for these positions."""
    batches = zip(positions.shape[-2::-1], array.shape[-4::-1], strict=False)
    batch_fits = all(1 in pair or len(set(pair)) == 1 for pair in batches)
    if positions.shape[-1] != array.shape[axis] or not batch_fits:
        raise ValueError(
            f"{name} have shape {tuple(positions.shape)}; allowed: {array.shape[axis]} positions, "
            f"and a batch that broadcasts, for {other} of shape {tuple(array.shape)}"
        )
