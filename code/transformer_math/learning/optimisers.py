r"""Optimisers as pure update rules: parameter, gradient and state in, parameter and state out.

Every rule has the form ``rule(parameter, gradient, state, **hyperparameters)``. The state is None
before the first step and what the rule returned before every other; nothing is changed in place.
Written :math:`\theta` is the parameter, g its gradient, :math:`\eta` the learning rate and
:math:`\lambda` the weight decay. A rate that is too large is no error: the parameter grows, and
ends at ``inf`` or NaN, as the formula says.

Where a rule takes ``weight_decay``, it means the L2 penalty :math:`\frac\lambda2 \lVert \theta
\rVert^2`, which makes g into :math:`g + \lambda\theta`. Rules that give each coordinate a rate of
its own are in :mod:`transformer_math.learning.adaptive`.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any, NamedTuple

from ..arrays import Array, Float, Number, is_finite, namespace, whole


class Velocity(NamedTuple):
    """State of :func:`momentum` and :func:`nesterov`."""

    velocity: Array
    """What the rate is multiplied by, v: a fading sum of the gradients."""


def sgd(
    parameter: Float[Array, "*shape"],
    gradient: Float[Array, "*shape"],
    state: None = None,
    *,
    learning_rate: Number,
    weight_decay: Number = 0.0,
) -> tuple[Float[Array, "*shape"], None]:
    r"""A step down the gradient.

    .. math:: \theta \leftarrow \theta - \eta\, g

    Parameters
    ----------
    parameter, gradient : :math:`\theta` and g, of one shape and dtype.
    state : None; plain descent remembers nothing.
    learning_rate : :math:`\eta \ge 0`.
    weight_decay : :math:`\lambda \ge 0` of the L2 penalty.

    Returns
    -------
    The new parameter, and None.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype and shape, ``state`` is not None,
        ``learning_rate`` or ``weight_decay`` is not a finite number of at least 0.

    Source: Robbins and Monro (1951), https://doi.org/10.1214/aoms/1177729586
    """
    check(type(None), parameter, gradient, state)
    rate = not_negative("learning_rate", learning_rate)
    return parameter - rate * penalised(gradient, parameter, weight_decay), None


def momentum(
    parameter: Float[Array, "*shape"],
    gradient: Float[Array, "*shape"],
    state: Velocity | None = None,
    *,
    learning_rate: Number,
    beta: Number = 0.9,
    dampening: Number = 0.0,
    weight_decay: Number = 0.0,
) -> tuple[Float[Array, "*shape"], Velocity]:
    r"""A heavy ball: the gradient changes a velocity, and the velocity the parameter.

    .. math:: v \leftarrow \beta v + (1 - \tau) g, \qquad \theta \leftarrow \theta - \eta\, v,
              \qquad v_1 = g_1

    This is torch's convention. Sutskever et al. put the rate inside, :math:`v \leftarrow \beta v -
    \eta g` and :math:`\theta \leftarrow \theta + v`: the same path while the rate is constant, but
    after a change of rate their velocity still carries the old one. Others average,
    :math:`v \leftarrow \beta v + (1 - \beta) g`: but for the first step that is dampening
    :math:`\tau = \beta`, and takes a rate :math:`1 / (1 - \beta)` times as large for steps of the
    same length.

    Parameters
    ----------
    parameter, gradient : :math:`\theta` and g, of one shape and dtype.
    state : None before the first step, then the :class:`Velocity` returned.
    learning_rate : :math:`\eta \ge 0`.
    beta : :math:`0 \le \beta < 1`, the part of the velocity that is kept.
    dampening : :math:`0 \le \tau < 1`, left out at the first step, as in torch (which
        also leaves it out when :math:`\beta = 0`).
    weight_decay : :math:`\lambda \ge 0` of the L2 penalty.

    Returns
    -------
    The new parameter and state.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype and shape, ``state`` does not fit, or a
        hyperparameter is not a finite number in its range.

    Source: Polyak (1964), https://doi.org/10.1016/0041-5553(64)90137-5; compared by Sutskever
    et al. (2013), https://proceedings.mlr.press/v28/sutskever13.html
    """
    check(Velocity, parameter, gradient, state)
    rate, beta = not_negative("learning_rate", learning_rate), fraction("beta", beta)
    tau = fraction("dampening", dampening)
    v = _velocity(penalised(gradient, parameter, weight_decay), state, beta, tau)
    return parameter - rate * v, Velocity(v)


def nesterov(
    parameter: Float[Array, "*shape"],
    gradient: Float[Array, "*shape"],
    state: Velocity | None = None,
    *,
    learning_rate: Number,
    beta: Number = 0.9,
    weight_decay: Number = 0.0,
) -> tuple[Float[Array, "*shape"], Velocity]:
    r"""Momentum that looks ahead, to where its velocity would carry it next.

    .. math:: v \leftarrow \beta v + g, \qquad \theta \leftarrow \theta - \eta\, (g + \beta v)

    As in torch, the parameter kept is the one looked ahead to, so g is taken where it stands.

    Parameters
    ----------
    parameter, gradient : :math:`\theta` and g, of one shape and dtype.
    state : None before the first step, then the :class:`Velocity` returned.
    learning_rate : :math:`\eta \ge 0`.
    beta : :math:`0 \le \beta < 1`, the part of the velocity that is kept.
    weight_decay : :math:`\lambda \ge 0` of the L2 penalty.

    Returns
    -------
    The new parameter and state.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype and shape, ``state`` does not fit, or a
        hyperparameter is not a finite number in its range.

    Source: Sutskever et al. (2013), https://proceedings.mlr.press/v28/sutskever13.html
    """
    check(Velocity, parameter, gradient, state)
    rate, beta = not_negative("learning_rate", learning_rate), fraction("beta", beta)
    g = penalised(gradient, parameter, weight_decay)
    v = _velocity(g, state, beta, 0.0)
    return parameter - rate * (g + beta * v), Velocity(v)


def minimise(
    gradient: Callable,
    start: Float[Array, "*shape"],
    rule: Callable,
    steps: int,
    **hyperparameters: Any,
) -> Float[Array, "points *shape"]:
    r"""Apply a rule again and again, and keep the whole path.

    Parameters
    ----------
    gradient : a function from the parameter to the gradient there, an array like it.
    start : :math:`\theta_0`.
    rule : :func:`sgd`, :func:`~transformer_math.learning.adaptive.adam`, or one of the same form.
    steps : how many, at least 0.
    hyperparameters : those of the rule, by name.

    Returns
    -------
    ``(steps + 1, *shape)``: the start and the parameter after each step. A path that diverges is
    returned like any other, ``inf`` and NaN included.

    Raises
    ------
    ValueError
        If ``gradient`` or ``rule`` cannot be called, ``start`` is not a floating-point array,
        ``steps`` is not a whole number of at least 0, ``hyperparameters`` lack one that the rule
        needs or have one that it does not know; and whatever the rule finds wrong.
    """
    import numpy

    xp = namespace(start=start)
    for name, function in (("gradient", gradient), ("rule", rule)):
        if not callable(function):
            raise ValueError(f"{name} is a {type(function).__name__}; allowed: a function")
    try:
        signature(rule).bind(start, start, None, **hyperparameters)
    except TypeError as error:
        names = ", ".join(list(signature(rule).parameters)[3:])
        raise ValueError(f"hyperparameters do not fit: {error}; allowed: {names}") from None
    path, state = [start], None
    with numpy.errstate(over="ignore", invalid="ignore"):  # the path says so itself
        for _ in range(whole("steps", steps, least=0)):
            parameter, state = rule(path[-1], gradient(path[-1]), state, **hyperparameters)
            path.append(parameter)
    return xp.stack(path)


def penalised(gradient: Array, parameter: Array, weight_decay: Number) -> Array:
    """Add the gradient of the L2 penalty; nothing at weight decay 0."""
    decay = not_negative("weight_decay", weight_decay)
    return gradient + decay * parameter if decay else gradient


def _velocity(g, state, beta, tau):
    if state is None:
        return 1.0 * g  # a copy: the caller may fill the same array with the next gradient
    return beta * state.velocity + (1 - tau) * g


def fraction(name: str, value: Number) -> float:
    """Return ``value`` if it is at least 0 and below 1, else raise a ValueError."""
    if not is_finite(value) or not 0 <= value < 1:
        raise ValueError(f"{name} is {value!r}; allowed: a number of at least 0 and below 1")
    return float(value)


def not_negative(name: str, value: Number) -> float:
    """Return ``value`` if it is finite and at least 0, else raise a ValueError."""
    if not is_finite(value) or value < 0:
        raise ValueError(f"{name} is {value!r}; allowed: a finite number of at least 0")
    return float(value)


def check(kind: type, parameter: Array, gradient: Array, state: Any) -> Any:
    """Return the array functions, or raise a ValueError unless the three fit each other."""
    xp = namespace(parameter=parameter, gradient=gradient)
    if state is not None and not isinstance(state, kind):
        came = type(state).__name__
        allowed = "None" if kind is type(None) else f"None at the first step, then {kind.__name__}"
        raise ValueError(f"state is a {came}; allowed: {allowed}")
    kept = {f"state.{name}": x for name, x in getattr(state, "_asdict", dict)().items()}
    arrays = {name: x for name, x in kept.items() if name != "state.step"}
    namespace(parameter=parameter, **arrays)
    for name, array in {"gradient": gradient, **arrays}.items():
        if array.shape != parameter.shape:
            raise ValueError(
                f"{name} has shape {tuple(array.shape)}; allowed: the shape of parameter, "
                f"{tuple(parameter.shape)}"
            )
    return xp
