r"""Rotary position embedding: every position turns queries and keys by its own angle.

A pair of coordinates is a point of the plane, and position m turns the i-th plane by the angle
:math:`m \theta_i`. Turning both vectors of a dot product by one angle changes nothing, so only the
difference of two positions is left in a score.

Which coordinates make a pair is a convention, the layout: ``"half"`` pairs i with i + width/2
(GPT-NeoX, Llama, and most published weights), ``"interleaved"`` pairs 2i with 2i + 1 (the paper,
DeepSeek). One is the other after a permutation of the coordinates, :func:`to_half` or
:func:`to_interleaved`; mixed up, they give other scores.
"""

import math

from array_api_compat import array_namespace, device

from ..arrays import (
    Array,
    Float,
    Int,
    Number,
    at_least,
    is_finite,
    library,
    namespace,
    positive,
    whole,
)

LAYOUTS = ("half", "interleaved")


def rotary_frequencies(width: int, base: Number = 10000.0) -> Float[Array, "half"]:
    r"""Angle by which one step turns each plane.

    .. math:: \theta_i = b^{-2i/d}, \qquad i = 0, \dots, d/2 - 1

    Parameters
    ----------
    width : d, the even width of one head's vectors.
    base : b > 1. A larger base makes the slow planes slower.

    Returns
    -------
    NumPy array of float64, in radians a position, falling from 1. These are the frequencies of
    the sinusoids of Vaswani et al. (2017), too.

    Raises
    ------
    ValueError
        If ``width`` is not an even whole number of at least 2, or ``base`` is not a finite number
        above 1.

    Source: Su et al. (2021), https://arxiv.org/abs/2104.09864
    """
    xp, _ = library(None)
    width = even("width", width)
    if positive("base", base) <= 1:
        raise ValueError(f"base is {base!r}; allowed: a finite number above 1")
    i = xp.arange(width // 2, dtype=xp.float64)
    return float(base) ** (-2 * i / width)


def wavelengths(frequencies: Float[Array, "half"]) -> Float[Array, "half"]:
    r"""Number of positions after which each plane has come round.

    .. math:: \lambda_i = \frac{2 \pi}{\theta_i}

    Parameters
    ----------
    frequencies : :math:`\theta_i > 0`, in radians a position.

    Returns
    -------
    Array like ``frequencies``, in positions. The longest for width d and base b is
    :math:`2 \pi b^{(d-2)/d}`, not :math:`2 \pi b`.

    Raises
    ------
    ValueError
        If ``frequencies`` is not a floating-point array of positive numbers.
    """
    xp = namespace(frequencies=frequencies)
    if not bool(xp.all(frequencies > 0)):
        raise ValueError("frequencies have an entry that is not above 0; allowed: all above 0")
    return 2 * math.pi / frequencies


def rotate(
    x: Float[Array, "*heads positions width"],
    positions: Int[Array, "*batch positions"] | Float[Array, "*batch positions"],
    frequencies: Float[Array, "half"],
    layout: str = "half",
    attention_factor: Number = 1.0,
) -> Float[Array, "*heads positions width"]:
    r"""Turn each pair of coordinates by the position times the pair's frequency.

    .. math:: \begin{pmatrix} x'_a \\ x'_b \end{pmatrix} = c
              \begin{pmatrix} \cos m\theta_i & -\sin m\theta_i \\
                              \sin m\theta_i & \cos m\theta_i \end{pmatrix}
              \begin{pmatrix} x_a \\ x_b \end{pmatrix}, \qquad
              (a, b) = \begin{cases} (i, i + d/2) & \text{half} \\
                                     (2i, 2i + 1) & \text{interleaved} \end{cases}

    It is applied to queries and to keys, so that
    :math:`\langle R_m q, R_n k \rangle = \langle q, R_{n-m} k \rangle`. Cosines and sines are
    computed in float64 and cast to the dtype of ``x``. Many implementations round positions times
    frequencies to float32; for width 128 and base 10,000 their angles are wrong by up to 0.0002
    radians near position 4,096 and 0.007 near 100,000, and their scores differ accordingly.

    Parameters
    ----------
    x : queries or keys, ``(..., heads, positions, width)`` or ``(positions, width)``.
    positions : m of each row of ``x``, ``(positions,)``, or ``(batch, positions)`` for an ``x`` of
        shape ``(batch, heads, positions, width)``. Whole numbers, or any finite ones (position
        interpolation), negative ones included. An array of the library of ``x`` or of NumPy.
    frequencies : :math:`\theta_i`, half as many as ``x`` is wide: from :func:`rotary_frequencies`
        or a ``RopeScaling``. An array of the library of ``x`` or of NumPy.
    layout : ``"half"`` or ``"interleaved"``.
    attention_factor : c > 0, 1 but for YaRN. It enters a score twice, once from each side.

    Returns
    -------
    Array of the shape and dtype of ``x``, of the same norms (times c).

    Raises
    ------
    ValueError
        If ``x`` is not floating-point, lacks positions or has an odd width, positions do not fit
        ``x`` or are not finite numbers, there are not width/2 frequencies, the layout is unknown,
        or ``attention_factor`` is not a finite number above 0.

    Source: Su et al. (2021), https://arxiv.org/abs/2104.09864
    """
    namespace(x=x)
    at_least("x", x, 2, "(..., heads, positions, width)")
    cos, sin = rotary_table(positions, frequencies, attention_factor, like=x)
    return turn(x, cos, sin, layout)


def rotary_table(
    positions: Int[Array, "*batch positions"] | Float[Array, "*batch positions"],
    frequencies: Float[Array, "half"],
    attention_factor: Number = 1.0,
    *,
    like: Array | None = None,
) -> tuple[Float[Array, "*batch positions half"], Float[Array, "*batch positions half"]]:
    r"""Cosines and sines that :func:`turn` takes, to compute them once for all layers.

    .. math:: C_{mi} = c \cos m \theta_i, \qquad S_{mi} = c \sin m \theta_i

    Parameters
    ----------
    positions, frequencies, attention_factor : as in :func:`rotate`.
    like : a floating-point array whose library, device and dtype the tables take; those of
        ``frequencies`` by default. The angles are float64 all the same.

    Returns
    -------
    cos, sin : a row for each position, a column for each pair.

    Raises
    ------
    ValueError
        If the positions are not an array of finite numbers, ``frequencies`` is not a
        floating-point vector, or ``attention_factor`` is not a finite number above 0.
    """
    factor = positive("attention_factor", attention_factor)
    like = frequencies if like is None else like
    xp = namespace(like=like)
    theta = _bring("frequencies", frequencies, like, xp)
    if theta.ndim != 1:
        raise ValueError(f"frequencies have shape {tuple(theta.shape)}; allowed: (width / 2,)")
    m = _bring("positions", positions, like, xp)
    if m.ndim == 0:
        raise ValueError("positions have shape (); allowed: (positions,) or (batch, positions)")
    angles = m[..., None] * theta
    return (
        xp.astype(factor * xp.cos(angles), like.dtype),
        xp.astype(factor * xp.sin(angles), like.dtype),
    )


def turn(
    x: Float[Array, "*heads positions width"],
    cos: Float[Array, "*batch positions half"],
    sin: Float[Array, "*batch positions half"],
    layout: str = "half",
) -> Float[Array, "*heads positions width"]:
    r"""Rotate by angles whose cosines and sines are given.

    .. math:: x'_a = x_a \cos - x_b \sin, \qquad x'_b = x_a \sin + x_b \cos

    Parameters
    ----------
    x, layout : as in :func:`rotate`.
    cos, sin : of :func:`rotary_table`, for ``(positions,)`` or ``(batch, positions)``; the heads
        of a batch element share them.

    Returns
    -------
    Array of the shape and dtype of ``x``.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype, the tables do not fit ``x``, or the
        layout is unknown.
    """
    xp = namespace(x=x, cos=cos, sin=sin)
    at_least("x", x, 2, "(..., heads, positions, width)")
    even("the width of x", x.shape[-1])
    _check_layout(layout)
    for name, table in (("cos", cos), ("sin", sin)):
        _check_table(name, table, x)
    if cos.ndim > 2:  # a batch of positions: the same for all heads
        cos, sin = cos[..., None, :, :], sin[..., None, :, :]
    a, b = _pairs(x, layout)
    return _unpair(a * cos - b * sin, a * sin + b * cos, layout, xp)


def rotation_matrix(
    position: Number, frequencies: Float[Array, "half"], layout: str = "half"
) -> Float[Array, "width width"]:
    r"""The whole rotation of one position as a matrix.

    .. math:: R_m = \operatorname{diag}\left(
              \begin{pmatrix} \cos m\theta_0 & -\sin m\theta_0 \\
                              \sin m\theta_0 & \cos m\theta_0 \end{pmatrix}, \dots,
              \begin{pmatrix} \cos m\theta_{d/2-1} & -\sin m\theta_{d/2-1} \\
                              \sin m\theta_{d/2-1} & \cos m\theta_{d/2-1} \end{pmatrix} \right)

    for the interleaved layout. The half layout has the same numbers in four diagonal blocks.
    :func:`rotate` never forms it: it has :math:`d^2` entries, 2d of them other than zero.

    Parameters
    ----------
    position : m, any finite number.
    frequencies : :math:`\theta_i`.
    layout : ``"half"`` or ``"interleaved"``.

    Returns
    -------
    Orthogonal matrix of the library and dtype of ``frequencies``. It stands to the left of a
    column; rows are turned by its transpose: ``rotate(x, ...) == x @ rotation_matrix(...).T``.

    Raises
    ------
    ValueError
        If ``position`` is not a finite number, ``frequencies`` is not a floating-point vector, or
        the layout is unknown.

    Source: Su et al. (2021), https://arxiv.org/abs/2104.09864
    """
    xp = namespace(frequencies=frequencies)
    if not is_finite(position):
        raise ValueError(f"position is {position!r}; allowed: a finite number")
    at_least("frequencies", frequencies, 1, "(width / 2,)")
    width = 2 * frequencies.shape[-1]
    identity = xp.eye(width, dtype=frequencies.dtype, device=device(frequencies))
    everywhere = xp.full((width,), float(position), dtype=xp.float64, device=device(frequencies))
    return xp.matrix_transpose(rotate(identity, everywhere, frequencies, layout))


def to_half(x: Float[Array, "*rows columns"], heads: int = 1) -> Float[Array, "*rows columns"]:
    r"""Reorder coordinates from the interleaved layout to the half layout.

    .. math:: (a_0, b_0, a_1, b_1, \dots) \mapsto (a_0, a_1, \dots, b_0, b_1, \dots)

    Done to queries and keys alike, or to the columns of :math:`W_Q` and :math:`W_K` (and to their
    biases), it leaves every score as it was, provided that the layout given to :func:`rotate`
    changes with it: with the permutation P, :math:`R^{half}_m P = P R^{interleaved}_m`.

    Parameters
    ----------
    x : vectors or a projection matrix ``(d_in, heads * width)``; the last axis is reordered.
    heads : number of heads side by side along the last axis, each reordered by itself.

    Returns
    -------
    Array like ``x``. Undone by :func:`to_interleaved`.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array with a last axis of ``heads`` even widths.
    """
    xp, blocks = _blocks(x, heads)
    a, b = _pairs(blocks, "interleaved")
    return xp.reshape(_unpair(a, b, "half", xp), x.shape)


def to_interleaved(
    x: Float[Array, "*rows columns"], heads: int = 1
) -> Float[Array, "*rows columns"]:
    r"""Reorder coordinates from the half layout to the interleaved layout.

    .. math:: (a_0, a_1, \dots, b_0, b_1, \dots) \mapsto (a_0, b_0, a_1, b_1, \dots)

    Parameters
    ----------
    x, heads : as in :func:`to_half`.

    Returns
    -------
    Array like ``x``. Undone by :func:`to_half`.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array with a last axis of ``heads`` even widths.
    """
    xp, blocks = _blocks(x, heads)
    a, b = _pairs(blocks, "half")
    return xp.reshape(_unpair(a, b, "interleaved", xp), x.shape)


def even(name: str, width: int) -> int:
    """Return ``width`` if it is an even whole number of at least 2, else raise a ValueError."""
    if whole(name, width, least=2) % 2:
        raise ValueError(f"{name} is {width}; allowed: an even number, for coordinates in pairs")
    return int(width)


def _pairs(x, layout):
    """First and second coordinate of each pair."""
    if layout == "half":
        half = x.shape[-1] // 2
        return x[..., :half], x[..., half:]
    return x[..., 0::2], x[..., 1::2]


def _unpair(a, b, layout, xp):
    if layout == "half":
        return xp.concat([a, b], axis=-1)
    return xp.reshape(xp.stack([a, b], axis=-1), (*a.shape[:-1], 2 * a.shape[-1]))


def _blocks(x, heads):
    xp = namespace(x=x)
    at_least("x", x, 1, "(..., heads * width)")
    if x.shape[-1] % (2 * whole("heads", heads)):
        raise ValueError(
            f"x has {x.shape[-1]} columns; allowed: an even width for each of {heads} heads"
        )
    return xp, xp.reshape(x, (*x.shape[:-1], heads, x.shape[-1] // heads))


def _bring(name, values, like, xp):
    """Positions or frequencies as float64 in the library and on the device of ``like``."""
    numpy, _ = library(None)
    if not isinstance(values, Array):
        raise ValueError(f"{name} is a {type(values).__name__}; allowed: a NumPy array or a tensor")
    own = array_namespace(values)
    if own is not xp and own is not numpy:
        raise ValueError(f"{name} come from another library than x; allowed: the same, or NumPy")
    kinds = "real floating" if name == "frequencies" else ("integral", "real floating")
    if not own.isdtype(values.dtype, kinds):
        allowed = "floating-point" if name == "frequencies" else "whole or floating-point"
        raise ValueError(f"{name} have dtype {values.dtype}; allowed: {allowed} numbers")
    if own.isdtype(values.dtype, "real floating") and not bool(own.all(own.isfinite(values))):
        raise ValueError(f"{name} have an entry that is NaN or infinite; allowed: finite numbers")
    return xp.asarray(values, dtype=xp.float64, device=device(like))


def _check_layout(layout):
    if layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}; allowed: 'half' or 'interleaved'")


def _check_table(name, table, x):
    rows, width = x.shape[-2:]
    if table.ndim < 2 or table.shape[-2:] != (rows, width // 2):
        raise ValueError(
            f"{name} has shape {tuple(table.shape)}; allowed: (..., {rows}, {width // 2}), the "
            "positions of x and half its width"
        )
    batch = table.shape[:-2]
    fits = len(batch) <= max(x.ndim - 3, 0) and all(
        size in (1, whole_size)
        for size, whole_size in zip(batch[::-1], x.shape[-4::-1], strict=False)
    )
    if not fits:
        raise ValueError(
            f"{name} has batch {tuple(batch)}; allowed: one that broadcasts to that of x, "
            f"{tuple(x.shape[:-3])}"
        )
