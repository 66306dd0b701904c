r"""Sinusoidal positions: a fixed vector for every position, added to the token's embedding.

Learned absolute positions take the same place with a table of the Transformer, one row for each
position up to the context length; there is no formula to write down for them.
"""

from array_api_compat import array_namespace, device

from ..arrays import Array, Float, Int, Number, is_finite, library, namespace, whole
from .rotary import rotary_frequencies, rotary_table, rotation_matrix


def sinusoidal_encoding(
    positions: int | Int[Array, "*shape"] | Float[Array, "*shape"],
    width: int,
    base: Number = 10000.0,
    *,
    like: Array | None = None,
) -> Float[Array, "*encoded width"]:
    r"""Sines and cosines of a position at geometrically falling frequencies.

    .. math:: \operatorname{PE}(p)_{2i} = \sin (p\, \omega_i), \qquad
              \operatorname{PE}(p)_{2i+1} = \cos (p\, \omega_i), \qquad
              \omega_i = b^{-2i/d}

    Parameters
    ----------
    positions : p, an array of whole (or any finite) numbers, ``(positions,)`` or
        ``(batch, positions)``; or a count n, for positions 0 to n - 1.
    width : d, even.
    base : b > 1. The frequencies are those of
        :func:`~transformer_math.positions.rotary.rotary_frequencies`, and their wavelengths go up
        to :math:`2\pi b^{(d-2)/d}` positions: 60,611 for the original's d = 512 and b = 10,000,
        not :math:`2\pi \cdot 10000`.
    like : a floating-point array whose library, device and dtype the encoding takes; by default
        float64 in the library of the positions, NumPy's for a count.

    Returns
    -------
    A row of d numbers for each position, of norm :math:`\sqrt{d/2}`. Two rows have the dot product
    :math:`\sum_i \cos \omega_i (p - q)`.

    Raises
    ------
    ValueError
        If the positions are neither a whole number of at least 1 nor an array of finite numbers,
        ``width`` is not an even whole number of at least 2, ``base`` is not a finite number above
        1, or ``like`` is not a floating-point array.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762
    """
    frequencies = rotary_frequencies(width, base)
    if not isinstance(positions, Array):
        xp, place = library(like)
        positions = xp.arange(whole("positions", positions), device=place)
    if like is None:
        xp = array_namespace(positions)
        like = xp.zeros(1, dtype=xp.float64, device=device(positions))
    xp = namespace(like=like)
    cos, sin = rotary_table(positions, frequencies, like=like)
    return xp.reshape(xp.stack([sin, cos], axis=-1), (*sin.shape[:-1], width))


def shift_matrix(offset: Number, width: int, base: Number = 10000.0) -> Float[Array, "width width"]:
    r"""The one matrix that moves the encoding of every position by ``offset``.

    .. math:: \operatorname{PE}(p + k) = M_k \operatorname{PE}(p), \qquad
              M_k = \operatorname{diag}\left( \begin{pmatrix}
              \cos k\omega_i & \sin k\omega_i \\ -\sin k\omega_i & \cos k\omega_i
              \end{pmatrix} \right)_{i = 0, \dots, d/2-1}

    It does not depend on p. It is the rotary matrix of position -k, since each pair holds its sine
    first.

    Parameters
    ----------
    offset : k, any finite number; negative moves back.
    width, base : as in :func:`sinusoidal_encoding`.

    Returns
    -------
    Orthogonal NumPy matrix of float64. It stands to the left of a column; rows of encodings are
    moved by its transpose.

    Raises
    ------
    ValueError
        If ``offset`` is not a finite number, or ``width`` or ``base`` is not as said.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762
    """
    if not is_finite(offset):
        raise ValueError(f"offset is {offset!r}; allowed: a finite number")
    return rotation_matrix(-offset, rotary_frequencies(width, base), "interleaved")
