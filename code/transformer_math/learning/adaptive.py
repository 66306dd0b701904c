r"""Optimisers that give each coordinate a rate of its own, from the gradients it has had.

The rules have the form of those in :mod:`transformer_math.learning.optimisers`, and the same
symbols. Squares, roots and quotients of arrays are taken coordinate by coordinate.
"""

from typing import NamedTuple

from ..arrays import Array, Float, Number, positive
from .optimisers import check, fraction, not_negative, penalised


class SquareMean(NamedTuple):
    """State of :func:`rmsprop`."""

    square: Array
    """Running mean of the squared gradients."""
    mean: Array
    """Running mean of the gradients."""


class SquareSum(NamedTuple):
    """State of :func:`adagrad`."""

    total: Array
    """Sum of the squared gradients."""


class Moments(NamedTuple):
    """State of :func:`adam` and :func:`adamw`."""

    step: int
    """Steps made so far, t."""
    mean: Array
    """Running mean of the gradients, m, not yet corrected."""
    square: Array
    """Running mean of the squared gradients, v, not yet corrected."""


def adagrad(
    parameter: Float[Array, "*shape"],
    gradient: Float[Array, "*shape"],
    state: SquareSum | None = None,
    *,
    learning_rate: Number,
    eps: Number = 1e-10,
    weight_decay: Number = 0.0,
) -> tuple[Float[Array, "*shape"], SquareSum]:
    r"""A rate of its own for each coordinate, which shrinks with all it has seen.

    .. math:: s \leftarrow s + g^2, \qquad
              \theta \leftarrow \theta - \eta\, \frac{g}{\sqrt{s} + \varepsilon}

    Parameters
    ----------
    parameter, gradient : :math:`\theta` and g, of one shape and dtype.
    state : None before the first step (s = 0), then the :class:`SquareSum` returned.
    learning_rate : :math:`\eta \ge 0`.
    eps : :math:`\varepsilon > 0`, in the units of g; one that the dtype rounds to 0 is raised.
    weight_decay : :math:`\lambda \ge 0` of the L2 penalty.

    Returns
    -------
    The new parameter and state.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype and shape, ``state`` does not fit, or a
        hyperparameter is not a finite number in its range.

    Source: Duchi, Hazan and Singer (2011), https://jmlr.org/papers/v12/duchi11a.html
    """
    xp = check(SquareSum, parameter, gradient, state)
    rate, eps = not_negative("learning_rate", learning_rate), _eps(eps, parameter, xp)
    g = penalised(gradient, parameter, weight_decay)
    total = (0.0 if state is None else state.total) + g**2
    return parameter - rate * g / (xp.sqrt(total) + eps), SquareSum(total)


def rmsprop(
    parameter: Float[Array, "*shape"],
    gradient: Float[Array, "*shape"],
    state: SquareMean | None = None,
    *,
    learning_rate: Number,
    beta: Number = 0.99,
    eps: Number = 1e-8,
    centred: bool = False,
    weight_decay: Number = 0.0,
) -> tuple[Float[Array, "*shape"], SquareMean]:
    r"""Divide each coordinate by the root mean square of its recent gradients.

    .. math:: s \leftarrow \beta s + (1 - \beta) g^2, \qquad
              \theta \leftarrow \theta - \eta\, \frac{g}{\sqrt{s} + \varepsilon}

    Centred, the variance :math:`s - m^2` stands in place of s, with
    :math:`m \leftarrow \beta m + (1 - \beta) g`; where rounding makes it negative it is 0 here, and
    NaN in torch. Both start at 0 and are not corrected for it: the first step is
    :math:`1 / \sqrt{1 - \beta}` times as long as a later one would be.

    Parameters
    ----------
    parameter, gradient : :math:`\theta` and g, of one shape and dtype.
    state : None before the first step, then the :class:`SquareMean` returned.
    learning_rate : :math:`\eta \ge 0`.
    beta : :math:`0 \le \beta < 1`, torch's ``alpha``.
    eps : :math:`\varepsilon > 0`, in the units of g; one that the dtype rounds to 0 is raised.
    centred : whether to subtract the square of the mean.
    weight_decay : :math:`\lambda \ge 0` of the L2 penalty.

    Returns
    -------
    The new parameter and state.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype and shape, ``state`` does not fit,
        ``centred`` is not a Boolean, or a hyperparameter is not a finite number in its range.

    Source: Tieleman and Hinton (2012), lecture 6e,
    https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf; centred: Graves
    (2013), https://arxiv.org/abs/1308.0850
    """
    xp = check(SquareMean, parameter, gradient, state)
    rate, beta = not_negative("learning_rate", learning_rate), fraction("beta", beta)
    eps = _eps(eps, parameter, xp)
    if not isinstance(centred, bool):
        raise ValueError(f"centred is {centred!r}; allowed: True or False")
    g = penalised(gradient, parameter, weight_decay)
    square, mean = state or SquareMean(xp.zeros_like(g), xp.zeros_like(g))
    square = beta * square + (1 - beta) * g**2
    mean = beta * mean + (1 - beta) * g
    spread = xp.clip(square - mean**2, min=0.0) if centred else square
    return parameter - rate * g / (xp.sqrt(spread) + eps), SquareMean(square, mean)


def adam(
    parameter: Float[Array, "*shape"],
    gradient: Float[Array, "*shape"],
    state: Moments | None = None,
    *,
    learning_rate: Number,
    beta1: Number = 0.9,
    beta2: Number = 0.999,
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
) -> tuple[Float[Array, "*shape"], Moments]:
    r"""Momentum over root mean square, both corrected for having started at zero.

    .. math:: m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad
              v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \qquad m_0 = v_0 = 0

    .. math:: \hat m_t = \frac{m_t}{1 - \beta_1^t}, \qquad
              \hat v_t = \frac{v_t}{1 - \beta_2^t}, \qquad
              \theta_t = \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}

    Parameters
    ----------
    parameter, gradient : :math:`\theta` and g, of one shape and dtype.
    state : None before the first step, then the :class:`Moments` returned.
    learning_rate : :math:`\eta \ge 0`; about the length of a step in each coordinate.
    beta1, beta2 : at least 0 and below 1.
    eps : :math:`\varepsilon > 0`, in the units of g; one that the dtype rounds to 0 is raised.
    weight_decay : :math:`\lambda \ge 0` of the L2 penalty, which is divided by
        :math:`\sqrt{\hat v}` like the rest of the gradient; :func:`adamw` keeps it out.

    Returns
    -------
    The new parameter and state.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype and shape, ``state`` does not fit, or a
        hyperparameter is not a finite number in its range.

    Source: Kingma and Ba (2015), algorithm 1, https://arxiv.org/abs/1412.6980
    """
    xp = check(Moments, parameter, gradient, state)
    rate, eps = not_negative("learning_rate", learning_rate), _eps(eps, parameter, xp)
    beta1, beta2 = fraction("beta1", beta1), fraction("beta2", beta2)
    g = penalised(gradient, parameter, weight_decay)
    t, m, v = state or Moments(0, xp.zeros_like(g), xp.zeros_like(g))
    t = t + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return parameter - rate * m_hat / (xp.sqrt(v_hat) + eps), Moments(t, m, v)


def adamw(
    parameter: Float[Array, "*shape"],
    gradient: Float[Array, "*shape"],
    state: Moments | None = None,
    *,
    learning_rate: Number,
    beta1: Number = 0.9,
    beta2: Number = 0.999,
    eps: Number = 1e-8,
    weight_decay: Number = 0.01,
) -> tuple[Float[Array, "*shape"], Moments]:
    r"""Adam, with the parameter itself shrunk at each step instead of its gradient changed.

    .. math:: \theta_t = (1 - \eta \lambda)\, \theta_{t-1}
              - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}

    As in torch, the decay is multiplied by the learning rate; the paper multiplies it by the
    schedule's factor only.

    Parameters
    ----------
    parameter, gradient : :math:`\theta` and g, of one shape and dtype.
    state : None before the first step, then the :class:`Moments` returned.
    learning_rate : :math:`\eta \ge 0`; about the length of a step in each coordinate.
    beta1, beta2 : at least 0 and below 1.
    eps : :math:`\varepsilon > 0`, in the units of g; one that the dtype rounds to 0 is raised.
    weight_decay : :math:`\lambda \ge 0`, not part of any gradient.

    Returns
    -------
    The new parameter and state.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype and shape, ``state`` does not fit, or a
        hyperparameter is not a finite number in its range.

    Source: Loshchilov and Hutter (2019), algorithm 2, https://arxiv.org/abs/1711.05101
    """
    check(Moments, parameter, gradient, state)
    rate = not_negative("learning_rate", learning_rate)
    decay = rate * not_negative("weight_decay", weight_decay)
    hyperparameters = dict(learning_rate=learning_rate, beta1=beta1, beta2=beta2, eps=eps)
    return adam((1 - decay) * parameter, gradient, state, **hyperparameters)


def _eps(eps, parameter, xp):
    """Keep eps from becoming 0 in a narrow dtype, where a gradient of 0 would then give 0/0."""
    return max(positive("eps", eps), float(xp.finfo(parameter.dtype).smallest_normal))
