r"""What an attention head does, measured on its weights."""

from ..arrays import Array, Float, at_least, namespace, whole


def offset_score(weights: Float[Array, "*heads n n"], offset: int = 1) -> Float[Array, "*heads"]:
    r"""How much a head looks at the token ``offset`` places back.

    .. math:: s = \frac{1}{n - k} \sum_{i \ge k} A_{i,\, i-k}

    With k = 1 a head that scores near 1 is a *previous-token head*.

    Parameters
    ----------
    weights : attention weights of one text, ``(..., queries, keys)`` with as many keys as queries.
    offset : k, from 0 (the token itself) to n - 1.

    Returns
    -------
    Mean weight, from 0 to 1, for each head.

    Raises
    ------
    ValueError
        If ``weights`` is not a floating-point array of square matrices, or ``offset`` is not a
        whole number from 0 to n - 1.

    Source: Elhage et al. (2021), https://transformer-circuits.pub/2021/framework/index.html
    """
    xp = namespace(weights=weights)
    at_least("weights", weights, 2, "(..., n, n)")
    n = weights.shape[-1]
    if weights.shape[-2] != n:
        raise ValueError(f"weights has shape {tuple(weights.shape)}; allowed: (..., n, n)")
    if whole("offset", offset, least=0) >= n:
        raise ValueError(f"offset is {offset}; allowed: 0 to {n - 1}, for {n} tokens")
    rows = xp.arange(offset, n)
    return xp.mean(weights[..., rows, rows - offset], axis=-1)


def induction_score(weights: Float[Array, "*heads n n"], period: int) -> Float[Array, "*heads"]:
    r"""How much a head looks at what followed the last occurrence of the present token.

    .. math:: s = \frac{1}{n - p} \sum_{i \ge p} A_{i,\, i-p+1}

    on a text that repeats itself after p tokens, such as random tokens said twice: token i occurred
    at i - p, and what followed it stands at i - p + 1. A head that scores high on random text
    cannot have learned the words; it has learned to copy. It is an *induction head*.

    Parameters
    ----------
    weights : attention weights on the repeated text, ``(..., n, n)``.
    period : p, from 2 to n - 1.

    Returns
    -------
    Mean weight, from 0 to 1, for each head.

    Raises
    ------
    ValueError
        If ``weights`` is not a floating-point array of square matrices, or ``period`` is not a
        whole number from 2 to n - 1.

    Source: Olsson et al. (2022),
    https://transformer-circuits.pub/2022/in-context-learning-and-induction-heads/index.html
    """
    xp = namespace(weights=weights)
    at_least("weights", weights, 2, "(..., n, n)")
    n = weights.shape[-1]
    if weights.shape[-2] != n:
        raise ValueError(f"weights has shape {tuple(weights.shape)}; allowed: (..., n, n)")
    if whole("period", period, least=2) >= n:
        raise ValueError(f"period is {period}; allowed: 2 to {n - 1}, for {n} tokens")
    rows = xp.arange(period, n)
    return xp.mean(weights[..., rows, rows - period + 1], axis=-1)
