r"""The arithmetic of speculative sampling: guess with a small model, check with the large one.

A token x drawn from the draft's distribution q is accepted with probability min(1, p(x)/q(x)); if
it is not, another is drawn from what p has in excess of q. Together that is p, exactly.

Source: Leviathan, Kalman and Matias (2023), https://arxiv.org/abs/2211.17192; Chen et al. (2023),
https://arxiv.org/abs/2302.01318
"""

from typing import Any

from array_api_compat import array_namespace

from ..arrays import Array, Float, Int, Number, is_finite, positive, whole
from .sampling import check_weights, sample, uniform


def acceptance(
    p: Float[Array, "*batch vocabulary"], q: Float[Array, "*batch vocabulary"]
) -> Float[Array, "*batch"]:
    r"""Probability that a token drawn from q is accepted for p.

    .. math:: \alpha = \sum_x q(x) \min\Bigl(1, \frac{p(x)}{q(x)}\Bigr) = \sum_x \min(p(x), q(x))
              = 1 - \operatorname{TV}(p, q), \qquad
              \operatorname{TV}(p, q) = \tfrac{1}{2} \sum_x |p(x) - q(x)|

    Parameters
    ----------
    p, q : probabilities of the large and of the small model, each summing to one.

    Returns
    -------
    One number from 0 to 1 for each pair of distributions.

    Raises
    ------
    ValueError
        If the two are not floating-point arrays of one library, dtype and shape, an entry is
        negative or NaN, or a row does not sum to one.

    Source: Leviathan, Kalman and Matias (2023), https://arxiv.org/abs/2211.17192
    """
    xp = _check_pair(p, q)
    return xp.sum(xp.where(p < q, p, q), axis=-1)


def residual(
    p: Float[Array, "*batch vocabulary"], q: Float[Array, "*batch vocabulary"]
) -> Float[Array, "*batch vocabulary"]:
    r"""Distribution of the token that replaces a rejected one.

    .. math:: r(x) = \frac{\max(p(x) - q(x), 0)}{\sum_y \max(p(y) - q(y), 0)}

    Parameters
    ----------
    p, q : probabilities of the large and of the small model, each summing to one.

    Returns
    -------
    Probabilities. Where p equals q nothing is ever rejected; r is p there, by definition here.

    Raises
    ------
    ValueError
        As :func:`acceptance`.

    Source: Leviathan, Kalman and Matias (2023), https://arxiv.org/abs/2211.17192
    """
    xp = _check_pair(p, q)
    excess = xp.where(p > q, p - q, 0.0)
    total = xp.sum(excess, axis=-1, keepdims=True)
    return xp.where(total > 0, excess / xp.where(total > 0, total, 1.0), p)


def speculative_step(
    p: Float[Array, "gamma_plus_one vocabulary"],
    q: Float[Array, "gamma vocabulary"],
    guesses: Int[Array, "gamma"],
    generator: Any = None,
) -> Int[Array, "accepted_plus_one"]:
    r"""Accept guesses from the left until one is rejected, and add one token of p's own.

    .. math:: \text{accept } x_i \text{ with probability } \min\Bigl(1,
              \frac{p_i(x_i)}{q_i(x_i)}\Bigr)

    Parameters
    ----------
    p : probabilities of the large model at the place of each guess, and after the last.
    q : probabilities that the guesses were drawn from.
    guesses : token ids, :math:`x_i \sim q_i`.
    generator : of random numbers, as in :func:`~transformer_math.decoding.sampling.sample`.

    Returns
    -------
    The accepted guesses and one more token: drawn from the residual of p and q at the rejected
    guess, or from p after the last if all were accepted. Each token is distributed as p says.

    Raises
    ------
    ValueError
        If p and q are not as in :func:`acceptance`, p has not one row more than q, or the guesses
        are not ids of the vocabulary that q allows, one for each row of q.

    Source: Leviathan, Kalman and Matias (2023), algorithm 1, https://arxiv.org/abs/2211.17192
    """
    for name, rows in (("p", p), ("q", q)):
        if not isinstance(rows, Array) or rows.ndim != 2:
            came = tuple(rows.shape) if isinstance(rows, Array) else type(rows).__name__
            raise ValueError(f"{name} is {came}; allowed: an array (places, vocabulary)")
    gamma = q.shape[0]
    if p.shape[0] != gamma + 1:
        raise ValueError(f"p has {p.shape[0]} rows; allowed: one more than q, {gamma + 1}")
    xp = _check_pair(p[:gamma, :], q)
    check_weights("p", p)
    _check_guesses(guesses, q)
    u = uniform(p, (gamma,), generator)
    chosen = [int(x) for x in guesses]
    for i, x in enumerate(chosen):
        if float(u[i]) * float(q[i, x]) >= float(p[i, x]):
            last = sample(residual(p[i, :], q[i, :]), generator)
            return xp.concat([guesses[:i], xp.reshape(xp.astype(last, guesses.dtype), (1,))])
    last = sample(p[gamma, :], generator)
    return xp.concat([guesses, xp.reshape(xp.astype(last, guesses.dtype), (1,))])


def expected_tokens(alpha: Number, gamma: int) -> float:
    r"""Mean number of tokens that one pass of the large model yields.

    .. math:: \mathbb{E}[\text{tokens}] = \sum_{i=0}^{\gamma} \alpha^i
              = \frac{1 - \alpha^{\gamma + 1}}{1 - \alpha}

    Parameters
    ----------
    alpha : probability that a guess is accepted, from 0 to 1, the same for all and independent.
    gamma : number of guesses, at least 1.

    Returns
    -------
    A number from 1 (nothing accepted) to gamma + 1.

    Raises
    ------
    ValueError
        If an argument is not as said.

    Source: Leviathan, Kalman and Matias (2023), https://arxiv.org/abs/2211.17192
    """
    if not is_finite(alpha) or not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha!r}; allowed: a number from 0 to 1")
    return float(sum(alpha**i for i in range(whole("gamma", gamma) + 1)))


def speculative_speedup(alpha: Number, gamma: int, cost: Number) -> float:
    r"""How many times as fast speculation is as the large model alone.

    .. math:: \frac{1 - \alpha^{\gamma + 1}}{(1 - \alpha)(\gamma c + 1)}

    Counted in passes of the large model, each of which takes as long for :math:`\gamma + 1` tokens
    as for one: true where memory bandwidth bounds it.

    Parameters
    ----------
    alpha, gamma : as in :func:`expected_tokens`.
    cost : c > 0, time of one pass of the small model over that of the large one.

    Returns
    -------
    A factor; below 1 speculation costs more than it gains.

    Raises
    ------
    ValueError
        If an argument is not as said.

    Source: Leviathan, Kalman and Matias (2023), https://arxiv.org/abs/2211.17192
    """
    return expected_tokens(alpha, gamma) / (gamma * positive("cost", cost) + 1)


def _check_pair(p, q):
    xp = check_weights("p", p)
    check_weights("q", q)
    if array_namespace(q) is not xp or p.dtype != q.dtype or p.shape != q.shape:
        raise ValueError(
            f"q is of {type(q).__module__}, {q.dtype}, {tuple(q.shape)}; allowed: library, dtype "
            f"and shape of p, {type(p).__module__}, {p.dtype}, {tuple(p.shape)}"
        )
    tolerance = 100 * float(xp.finfo(p.dtype).eps) * p.shape[-1] ** 0.5
    for name, rows in (("p", p), ("q", q)):
        if bool(xp.any(xp.abs(xp.sum(rows, axis=-1) - 1) > tolerance)):
            raise ValueError(f"{name} has a row that does not sum to one; allowed: probabilities")
    return xp


def _check_guesses(guesses, q):
    gamma, vocabulary = q.shape
    if not isinstance(guesses, Array) or array_namespace(guesses) is not array_namespace(q):
        raise ValueError(f"guesses are a {type(guesses).__name__}; allowed: an array as p and q")
    xp = array_namespace(guesses)
    if not xp.isdtype(guesses.dtype, "integral") or tuple(guesses.shape) != (gamma,):
        raise ValueError(
            f"guesses have dtype {guesses.dtype} and shape {tuple(guesses.shape)}; allowed: whole "
            f"numbers, ({gamma},), one for each row of q"
        )
    if bool(xp.any((guesses < 0) | (guesses >= vocabulary))):
        raise ValueError(f"guesses have an id outside; allowed: from 0 to {vocabulary - 1}")
    if any(float(q[i, int(guesses[i])]) <= 0 for i in range(gamma)):
        raise ValueError("guesses have one of probability 0 under q; allowed: what q can draw")
