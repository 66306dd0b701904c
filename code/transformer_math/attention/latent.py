r"""Multi-head latent attention: keys and values of all heads from one small vector a token.

A token leaves behind a latent :math:`c` (:math:`d_c` numbers) and one rotated key :math:`k^R`
(:math:`d_R` numbers) that all heads share. Keys and values can be made from the latents, the
explicit form, or the matrices that would make them can be moved to the query's and the output's
side, the absorbed form. Both compute the same attention. The explicit form suits a whole prompt.
The absorbed one suits decoding: it reads the latents as they lie in the cache, as if there were a
single key head of width :math:`d_c + d_R`.
"""

import math

from ..arrays import Array, Bool, Float, Number, at_least, is_finite, namespace, whole
from ..positions.rotary import rotation_matrix
from .multihead import split_heads
from .scaled_dot_product import attention


def explicit_latent_attention(
    q: Float[Array, "*batch heads queries key_width"],
    q_rotary: Float[Array, "*batch heads queries rotary_width"],
    latent: Float[Array, "*batch keys latent_width"],
    k_rotary: Float[Array, "*batch keys rotary_width"],
    w_uk: Float[Array, "latent_width all_keys"],
    w_uv: Float[Array, "latent_width all_values"],
    mask: Bool[Array, "..."] | None = None,
    scale: Number | None = None,
) -> tuple[
    Float[Array, "*batch heads queries value_width"], Float[Array, "*batch heads queries keys"]
]:
    r"""Latent attention with the keys and values of every head written out.

    .. math:: k^h_j = [\, c_j W_{UK}^h \mid k^R_j \,], \qquad v^h_j = c_j W_{UV}^h, \qquad
              o^h = \operatorname{softmax}\Bigl(
              \frac{[\, q^h \mid q^{R,h} \,] \cdot k^h}{\sqrt{d_h + d_R}} \Bigr)\, v^h

    Parameters
    ----------
    q : content queries, one set a head, :math:`d_h` wide.
    q_rotary : queries turned by their positions, :math:`d_R` wide.
    latent : c, a row for each key.
    k_rotary : :math:`k^R`, turned by its position; the same for all heads.
    w_uk, w_uv : up-projections, :math:`d_c` rows, the columns of the heads side by side.
    mask : Boolean, True where the query may attend; broadcasts to ``(..., heads, queries, keys)``.
    scale : what the dot products are multiplied by, instead of :math:`1/\sqrt{d_h + d_R}`.

    Returns
    -------
    output : :math:`o^h`, before the heads are merged and projected.
    weights : of every head, each row summing to one.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype, or their shapes do not fit each other.

    Source: DeepSeek-AI (2024), https://arxiv.org/abs/2405.04434
    """
    xp, k, v, scale = _prepare(q, q_rotary, latent, k_rotary, w_uk, w_uv, scale)
    c = latent[..., None, :, :]  # the heads' axis: all read the same latents
    shared = xp.broadcast_to(
        k_rotary[..., None, :, :],
        (*q.shape[:-2], *k_rotary.shape[-2:]),
    )
    keys = xp.concat([c @ k, shared], axis=-1)
    return attention(xp.concat([q, q_rotary], axis=-1), keys, c @ v, mask, scale)


def absorbed_latent_attention(
    q: Float[Array, "*batch heads queries key_width"],
    q_rotary: Float[Array, "*batch heads queries rotary_width"],
    latent: Float[Array, "*batch keys latent_width"],
    k_rotary: Float[Array, "*batch keys rotary_width"],
    w_uk: Float[Array, "latent_width all_keys"],
    w_uv: Float[Array, "latent_width all_values"],
    mask: Bool[Array, "..."] | None = None,
    scale: Number | None = None,
) -> tuple[
    Float[Array, "*batch heads queries value_width"], Float[Array, "*batch heads queries keys"]
]:
    r"""The same attention on the latents themselves: multi-query attention of width d_c + d_R.

    .. math:: q^h \cdot (c_j W_{UK}^h) = (q^h W_{UK}^{h\top}) \cdot c_j, \qquad
              \sum_j A^h_{j}\, (c_j W_{UV}^h) = \Bigl( \sum_j A^h_{j}\, c_j \Bigr) W_{UV}^h

    No key or value of a single head is ever made: the heads differ only in their queries.

    Parameters
    ----------
    q, q_rotary, latent, k_rotary, w_uk, w_uv, mask, scale : as in
        :func:`explicit_latent_attention`.

    Returns
    -------
    output, weights : those of :func:`explicit_latent_attention`, up to rounding.

    Raises
    ------
    ValueError
        As in :func:`explicit_latent_attention`.

    Source: DeepSeek-AI (2024), https://arxiv.org/abs/2405.04434
    """
    xp, k, v, scale = _prepare(q, q_rotary, latent, k_rotary, w_uk, w_uv, scale)
    queries = xp.concat([q @ xp.matrix_transpose(k), q_rotary], axis=-1)
    keys = xp.concat([latent, k_rotary], axis=-1)[..., None, :, :]  # a single head
    mixed, weights = attention(queries, keys, latent[..., None, :, :], mask, scale)
    return mixed @ v, weights


def latent_score_matrix(
    w_q: Float[Array, "d columns"],
    w_uk: Float[Array, "latent_width columns"],
    offset: int = 0,
    frequencies: Float[Array, "half"] | None = None,
    layout: str = "interleaved",
) -> Float[Array, "d latent_width"]:
    r"""What stands between a token and a latent in one head's score.

    .. math:: q_m \cdot k_n = x_m \; W_Q\, R_{n-m}\, W_{UK}^\top \; c_n^\top

    Without rotation it is one matrix, :math:`W_Q W_{UK}^\top`, made once and for all: that is
    absorption. If compressed keys were rotated, a different matrix would stand there at every
    distance n - m, and nothing could be made once. Hence the separate rotary key.

    Parameters
    ----------
    w_q, w_uk : one head's query projection (d rows) and key up-projection (:math:`d_c` rows).
    offset : n - m, key position minus query position.
    frequencies : of the rotation, half as many as the head is wide; None for no rotation.
    layout : the rotation's, ``"half"`` or ``"interleaved"``.

    Returns
    -------
    Matrix of d rows and :math:`d_c` columns.

    Raises
    ------
    ValueError
        If the arrays are not floating-point matrices of one dtype and one number of columns, or
        the rotation does not fit.

    Source: DeepSeek-AI (2024), https://arxiv.org/abs/2405.04434
    """
    xp = namespace(w_q=w_q, w_uk=w_uk)
    for name, weight in (("w_q", w_q), ("w_uk", w_uk)):
        if weight.ndim != 2:
            raise ValueError(f"{name} has shape {tuple(weight.shape)}; allowed: (rows, columns)")
    if w_q.shape[1] != w_uk.shape[1]:
        raise ValueError(f"w_uk has {w_uk.shape[1]} columns; allowed: those of w_q, {w_q.shape[1]}")
    if frequencies is None:
        return w_q @ xp.matrix_transpose(w_uk)
    namespace(w_q=w_q, frequencies=frequencies)
    if not is_finite(offset):
        raise ValueError(f"offset is {offset!r}; allowed: a whole number")
    rotation = rotation_matrix(offset, frequencies, layout)
    if rotation.shape[0] != w_q.shape[1]:
        raise ValueError(
            f"frequencies have shape {tuple(frequencies.shape)}; allowed: half of w_q's "
            f"{w_q.shape[1]} columns"
        )
    return w_q @ rotation @ xp.matrix_transpose(w_uk)


def latent_cache_size(latent_width: int, rotary_width: int) -> int:
    r"""Numbers that one token leaves in the cache of one layer.

    .. math:: d_c + d_R

    instead of the :math:`2 h_{kv} d_h` of grouped attention.

    Parameters
    ----------
    latent_width, rotary_width : :math:`d_c` and :math:`d_R`.

    Returns
    -------
    A count of numbers, not of bytes; the number of heads does not enter.

    Raises
    ------
    ValueError
        If a width is not a whole number of at least 1.

    Source: DeepSeek-AI (2024), https://arxiv.org/abs/2405.04434
    """
    return whole("latent_width", latent_width) + whole("rotary_width", rotary_width)


def latent_parameters(
    width: int,
    heads: int,
    key_width: int,
    latent_width: int,
    rotary_width: int,
    value_width: int | None = None,
    query_latent_width: int | None = None,
) -> int:
    r"""Number of parameters of one latent attention, the gains of its norms included.

    .. math:: \underbrace{d\,(d_c + d_R) + d_c + d_c\, h\, (d_h + d_v)}_{\text{keys and values}} +
              \underbrace{d\, d_q + d_q + d_q\, h\, (d_h + d_R)}_{\text{queries}} +
              \underbrace{h\, d_v\, d}_{\text{output}}

    where the queries are not compressed, their part is :math:`d\, h\, (d_h + d_R)`.

    Parameters
    ----------
    width, heads, key_width, latent_width, rotary_width, value_width, query_latent_width : d, h,
        :math:`d_h`, :math:`d_c`, :math:`d_R`, :math:`d_v` (that of keys by default) and
        :math:`d_q` (None: queries are not compressed).

    Returns
    -------
    A count, for one layer.

    Raises
    ------
    ValueError
        If one of them is not a whole number of at least 1.

    Source: DeepSeek-AI (2024), https://arxiv.org/abs/2405.04434
    """
    d, h, d_h = whole("width", width), whole("heads", heads), whole("key_width", key_width)
    d_c, d_r = whole("latent_width", latent_width), whole("rotary_width", rotary_width)
    d_v = d_h if value_width is None else whole("value_width", value_width)
    keys_and_values = d * (d_c + d_r) + d_c + d_c * h * (d_h + d_v)
    if query_latent_width is None:
        queries = d * h * (d_h + d_r)
    else:
        d_q = whole("query_latent_width", query_latent_width)
        queries = d * d_q + d_q + d_q * h * (d_h + d_r)
    return keys_and_values + queries + h * d_v * d


def _prepare(q, q_rotary, latent, k_rotary, w_uk, w_uv, scale):
    """Check the shapes, and give every head its own up-projections."""
    arrays = dict(q=q, q_rotary=q_rotary, latent=latent, k_rotary=k_rotary, w_uk=w_uk, w_uv=w_uv)
    xp = namespace(**arrays)
    at_least("q", q, 3, "(..., heads, queries, width)")
    at_least("latent", latent, 2, "(..., keys, latent width)")
    heads, width = q.shape[-3], q.shape[-1]
    if q_rotary.ndim != q.ndim or q_rotary.shape[:-1] != q.shape[:-1] or q_rotary.shape[-1] == 0:
        raise ValueError(
            f"q_rotary has shape {tuple(q_rotary.shape)}; allowed: {tuple(q.shape[:-1])} + (rotary "
            "width,), a vector for each of q"
        )
    if latent.shape[:-2] != q.shape[:-3]:
        raise ValueError(
            f"latent has shape {tuple(latent.shape)}; allowed: the batch of q, "
            f"{tuple(q.shape[:-3])} + (keys, latent width)"
        )
    rotary_shape = (*latent.shape[:-1], q_rotary.shape[-1])
    if tuple(k_rotary.shape) != rotary_shape:
        raise ValueError(f"k_rotary has shape {tuple(k_rotary.shape)}; allowed: {rotary_shape}")
    for name, weight in (("w_uk", w_uk), ("w_uv", w_uv)):
        if weight.ndim != 2 or weight.shape[0] != latent.shape[-1]:
            raise ValueError(
                f"{name} has shape {tuple(weight.shape)}; allowed: {latent.shape[-1]} rows, the "
                "width of the latents"
            )
    if w_uk.shape[1] != heads * width:
        raise ValueError(
            f"w_uk has {w_uk.shape[1]} columns; allowed: {heads} heads of q's width, {width}"
        )
    if w_uv.shape[1] == 0 or w_uv.shape[1] % heads:
        raise ValueError(f"w_uv has {w_uv.shape[1]} columns; allowed: a multiple of {heads} heads")
    if scale is None:
        scale = 1 / math.sqrt(width + q_rotary.shape[-1])
    return xp, split_heads(w_uk, heads), split_heads(w_uv, heads), scale
