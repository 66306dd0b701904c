r"""Who may attend to whom. Masks are Boolean, and True means: this query may see this key.

They combine as sets do: ``causal_mask(n) & padding_mask(lengths, n)`` asks for both,
``causal_mask(n) | mine`` for either.

Fewer queries than keys is the rule while generating with a cache: the queries are then the last
positions of the sequence. So query i stands at position :math:`i + (\text{keys} - \text{queries})`
and the last query sees the last key.
"""

from collections.abc import Sequence

from ..arrays import Array, Bool, Int, library, whole


def causal_mask(
    queries: int, keys: int | None = None, *, like: Array | None = None
) -> Bool[Array, "queries keys"]:
    r"""Every position sees itself and what came before.

    .. math:: M_{ij} = [\, j \le i + (\text{keys} - \text{queries}) \,]

    Parameters
    ----------
    queries : number of query positions.
    keys : number of key positions; as many as queries by default. With fewer keys than queries
        the first queries see nothing.
    like : an array whose library and device the mask takes; NumPy by default.

    Returns
    -------
    Boolean matrix, True where the query may attend.

    Raises
    ------
    ValueError
        If a count is not a whole number of at least 1, or ``like`` is not an array.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762
    """
    i, j = _positions(queries, keys, like)
    return j <= i


def window_mask(
    queries: int, window: int, keys: int | None = None, *, like: Array | None = None
) -> Bool[Array, "queries keys"]:
    r"""Every position sees itself and the ``window - 1`` positions before.

    .. math:: M_{ij} = [\, 0 \le i + (\text{keys} - \text{queries}) - j < w \,]

    Parameters
    ----------
    queries, keys, like : as in :func:`causal_mask`.
    window : w, how many positions are seen, the query's own included.

    Returns
    -------
    Boolean matrix, True where the query may attend.

    Raises
    ------
    ValueError
        If a count is not a whole number of at least 1, or ``like`` is not an array.

    Source: Beltagy et al. (2020), https://arxiv.org/abs/2004.05150
    """
    window = whole("window", window)
    i, j = _positions(queries, keys, like)
    return (j <= i) & (i - j < window)


def prefix_mask(
    queries: int, prefix: int, keys: int | None = None, *, like: Array | None = None
) -> Bool[Array, "queries keys"]:
    r"""Everybody sees the whole prefix; after it, only what came before.

    .. math:: M_{ij} = [\, j < p \;\text{ or }\; j \le i + (\text{keys} - \text{queries}) \,]

    Parameters
    ----------
    queries, keys, like : as in :func:`causal_mask`.
    prefix : p, how many first keys are open to all, from 0 (causal) to ``keys`` (no mask).

    Returns
    -------
    Boolean matrix, True where the query may attend.

    Raises
    ------
    ValueError
        If a count is not a whole number of at least 1 (``prefix``: 0), ``prefix`` exceeds ``keys``,
        or ``like`` is not an array.

    Source: Raffel et al. (2020), https://arxiv.org/abs/1910.10683
    """
    prefix = whole("prefix", prefix, least=0)
    i, j = _positions(queries, keys, like)
    if prefix > j.shape[-1]:
        raise ValueError(f"prefix is {prefix}; allowed: at most the number of keys, {j.shape[-1]}")
    return (j < prefix) | (j <= i)


def padding_mask(
    lengths: Int[Array, "..."] | Sequence[int], keys: int, *, like: Array | None = None
) -> Bool[Array, "... 1 1 keys"]:
    r"""Nobody sees the padding behind a sequence's own length.

    .. math:: M_{b,1,1,j} = [\, j < \text{length}_b \,]

    Parameters
    ----------
    lengths : the true length of each sequence of a batch, a list or an integer array.
    keys : the padded length.
    like : an array whose library and device the mask takes; those of ``lengths``, or NumPy's for a
        list, by default.

    Returns
    -------
    Boolean array of shape ``(batch, 1, 1, keys)``: it broadcasts over heads and queries. A
    sequence of length 0 is masked altogether.

    Raises
    ------
    ValueError
        If ``keys`` is not a whole number of at least 1, or ``lengths`` are not whole numbers from
        0 to ``keys``, or ``like`` is not an array.
    """
    keys = whole("keys", keys)
    xp, device = library(lengths if like is None and isinstance(lengths, Array) else like)
    if like is not None and isinstance(lengths, Array):
        lengths = lengths.tolist()  # the way from one library to another
    try:
        ends = xp.asarray(lengths, device=device)
    except (TypeError, ValueError):  # words, or lists of different lengths
        raise ValueError(f"lengths are {lengths!r}; allowed: whole numbers") from None
    if not xp.isdtype(ends.dtype, "integral"):
        raise ValueError(f"lengths have dtype {ends.dtype}; allowed: whole numbers")
    if bool(xp.any((ends < 0) | (ends > keys))):
        raise ValueError(f"lengths are {lengths}; allowed: from 0 to the number of keys, {keys}")
    return xp.arange(keys, device=device) < ends[..., None, None, None]


def _positions(queries, keys, like):
    """Positions of the queries as a column and of the keys as a row."""
    queries = whole("queries", queries)
    keys = queries if keys is None else whole("keys", keys)
    xp, device = library(like)
    i = xp.arange(queries, device=device)[:, None] + (keys - queries)
    j = xp.arange(keys, device=device)[None, :]
    return i, j
