r"""Learning-rate schedules: from the number of a step to what the learning rate is multiplied by.

Steps count from 0, as in torch's ``LambdaLR``, which takes these functions as they are::

    LambdaLR(optimiser, lambda step: cosine_schedule(step, total=1000, warmup=100, floor=0.1))

Warm-up begins at the factor 0, and a floor of 0 is reached at step ``total``: a loop that is not to
spend a step on the rate 0 counts from 1. Only :func:`noam_rate` is a rate itself.
"""

import math

from ..arrays import Number, is_finite, whole

SHAPES = {
    "linear": lambda p: 1 - p,
    "cosine": lambda p: (1 + math.cos(math.pi * p)) / 2,
    "1-sqrt": lambda p: 1 - math.sqrt(p),
}


def constant_schedule(step: int, warmup: int = 0) -> float:
    r"""Linear warm-up, then no change.

    .. math:: f(t) = \min(1, t / w)

    Parameters
    ----------
    step : t, at least 0.
    warmup : w, the number of steps from 0 up to 1; with 0 the factor is always 1.

    Returns
    -------
    Factor from 0 to 1.

    Raises
    ------
    ValueError
        If ``step`` or ``warmup`` is not a whole number of at least 0.

    Source: Goyal et al. (2017), https://arxiv.org/abs/1706.02677
    """
    t, w = whole("step", step, least=0), whole("warmup", warmup, least=0)
    return t / w if t < w else 1.0


def linear_schedule(step: int, total: int, warmup: int = 0, floor: Number = 0.0) -> float:
    r"""Linear warm-up, then a straight line down to the floor.

    .. math:: f(t) = \begin{cases} t / w & t < w \\ f_{\min} + (1 - f_{\min}) (1 - p) & t \ge w
              \end{cases} \qquad p = \min\Bigl(1, \frac{t - w}{T - w}\Bigr)

    Parameters
    ----------
    step : t, at least 0.
    total : T, the step that reaches the floor; the factor stays there.
    warmup : w, the number of steps from 0 up to 1, less than T.
    floor : :math:`f_{\min}`, from 0 to 1.

    Returns
    -------
    Factor from 0 to 1.

    Raises
    ------
    ValueError
        If ``step`` or ``warmup`` is not a whole number of at least 0, ``total`` not one above
        ``warmup``, or ``floor`` not a number from 0 to 1.

    Source: Devlin et al. (2018), https://arxiv.org/abs/1810.04805
    """
    return _decay("linear", step, total, warmup, floor)


def cosine_schedule(step: int, total: int, warmup: int = 0, floor: Number = 0.0) -> float:
    r"""Linear warm-up, then half a cosine wave down to the floor.

    .. math:: f(t) = \begin{cases} t / w & t < w \\
              f_{\min} + (1 - f_{\min}) \dfrac{1 + \cos \pi p}{2} & t \ge w \end{cases}
              \qquad p = \min\Bigl(1, \frac{t - w}{T - w}\Bigr)

    After step T the factor stays at the floor; in torch's ``CosineAnnealingLR``, and in
    ``get_cosine_schedule_with_warmup`` of transformers, the wave goes on and the rate rises again.

    Parameters
    ----------
    step : t, at least 0.
    total : T, the step that reaches the floor.
    warmup : w, the number of steps from 0 up to 1, less than T.
    floor : :math:`f_{\min}`, from 0 to 1.

    Returns
    -------
    Factor from 0 to 1.

    Raises
    ------
    ValueError
        If ``step`` or ``warmup`` is not a whole number of at least 0, ``total`` not one above
        ``warmup``, or ``floor`` not a number from 0 to 1.

    Source: Loshchilov and Hutter (2017), there without warm-up, https://arxiv.org/abs/1608.03983
    """
    return _decay("cosine", step, total, warmup, floor)


def warmup_stable_decay_schedule(
    step: int, warmup: int, stable: int, decay: int, floor: Number = 0.0, shape: str = "linear"
) -> float:
    r"""Linear warm-up, a long plateau, and a short decay that may be put off until wanted.

    .. math:: f(t) = \begin{cases} t / w & t < w \\ 1 & w \le t < w + s \\
              f_{\min} + (1 - f_{\min})\, h(p) & t \ge w + s \end{cases}
              \qquad p = \min\Bigl(1, \frac{t - w - s}{d}\Bigr)

    The decay's shape h is ``linear``, :math:`1 - p`; ``cosine``, :math:`(1 + \cos \pi p) / 2`; or
    ``1-sqrt``, :math:`1 - \sqrt p`.

    Parameters
    ----------
    step : t, at least 0.
    warmup, stable, decay : w, s and d, how many steps each part has; d at least 1.
    floor : :math:`f_{\min}`, from 0 to 1; the factor stays there.
    shape : h.

    Returns
    -------
    Factor from 0 to 1.

    Raises
    ------
    ValueError
        If ``step``, ``warmup`` or ``stable`` is not a whole number of at least 0, ``decay`` not one
        of at least 1, ``floor`` not a number from 0 to 1, or ``shape`` not one of the three.

    Source: Hu et al. (2024), https://arxiv.org/abs/2404.06395; the shape 1-sqrt: Hägele et al.
    (2024), https://arxiv.org/abs/2405.18392
    """
    t, s = whole("step", step, least=0), whole("stable", stable, least=0)
    w, d = whole("warmup", warmup, least=0), whole("decay", decay)
    if shape not in SHAPES:
        raise ValueError(f"shape is {shape!r}; allowed: {', '.join(SHAPES)}")
    climb_and_plateau = t if t < w else max(w, t - s)
    return _decay(shape, climb_and_plateau, w + d, w, floor)


def inverse_sqrt_schedule(step: int, warmup: int) -> float:
    r"""Linear warm-up, then a decay like one over the root of the step.

    .. math:: f(t) = \min\Bigl(\frac{t}{w}, \sqrt{\frac{w}{t}}\Bigr)

    It needs no total: training may stop at any time. T5 kept the rate at its peak in place of the
    warm-up.

    Parameters
    ----------
    step : t, at least 0.
    warmup : w, the step at which the factor is 1; at least 1.

    Returns
    -------
    Factor from 0 to 1.

    Raises
    ------
    ValueError
        If ``step`` is not a whole number of at least 0, or ``warmup`` not one of at least 1.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; Raffel et al. (2019),
    https://arxiv.org/abs/1910.10683
    """
    t, w = whole("step", step, least=0), whole("warmup", warmup)
    return t / w if t < w else math.sqrt(w / t)


def noam_rate(step: int, width: int, warmup: int = 4000) -> float:
    r"""Learning rate, not a factor, of the first Transformer.

    .. math:: \eta(t) = d^{-1/2} \min\bigl(t^{-1/2},\; t\, w^{-3/2}\bigr)

    It is :func:`inverse_sqrt_schedule` times its peak, :math:`(d\, w)^{-1/2}`.

    Parameters
    ----------
    step : t, counted from 1, as the formula has it.
    width : d, the model's width.
    warmup : w, the step at which the rate is highest.

    Returns
    -------
    Learning rate above 0.

    Raises
    ------
    ValueError
        If one of the three is not a whole number of at least 1.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762
    """
    t, d, w = whole("step", step), whole("width", width), whole("warmup", warmup)
    return d**-0.5 * min(t**-0.5, t * w**-1.5)


def step_schedule(step: int, every: int, factor: Number = 0.1) -> float:
    r"""A cut every so many steps.

    .. math:: f(t) = \gamma^{\lfloor t / n \rfloor}

    Parameters
    ----------
    step : t, at least 0.
    every : n, the number of steps from one cut to the next.
    factor : :math:`\gamma`, above 0 and at most 1.

    Returns
    -------
    Factor from 0 to 1.

    Raises
    ------
    ValueError
        If ``step`` is not a whole number of at least 0, ``every`` not one of at least 1, or
        ``factor`` not a number above 0 and at most 1.

    Source: He et al. (2015), who divided by 10, https://arxiv.org/abs/1512.03385
    """
    t, n = whole("step", step, least=0), whole("every", every)
    return _share("factor", factor) ** (t // n)


def exponential_schedule(step: int, factor: Number) -> float:
    r"""The same small cut at every step.

    .. math:: f(t) = \gamma^t

    Parameters
    ----------
    step : t, at least 0.
    factor : :math:`\gamma`, above 0 and at most 1; the factor halves every
        :math:`\log 2 / \log(1/\gamma)` steps.

    Returns
    -------
    Factor from 0 to 1.

    Raises
    ------
    ValueError
        If ``step`` is not a whole number of at least 0, or ``factor`` not a number above 0 and at
        most 1.
    """
    return _share("factor", factor) ** whole("step", step, least=0)


def one_cycle_schedule(
    step: int, total: int, rise: Number = 0.3, start: Number = 0.04, end: Number = 4e-6
) -> float:
    r"""Up along half a cosine wave, and down along another to almost nothing.

    .. math:: f(t) = \begin{cases} 1 - (1 - a) \dfrac{1 + \cos(\pi t / u)}{2} & t \le u \\
              b + (1 - b) \dfrac{1 + \cos(\pi p)}{2} & t > u \end{cases}
              \qquad u = r T - 1, \quad p = \min\Bigl(1, \frac{t - u}{T - 1 - u}\Bigr)

    Torch's ``OneCycleLR`` with two phases, without its cycle of the momentum.

    Parameters
    ----------
    step : t, at least 0; the last is T - 1, and the factor then stays at b.
    total : T, the number of steps.
    rise : r, the share of them that goes up; r T above 1, and r below 1.
    start, end : a and b, the factors at both ends, above 0 and at most 1.

    Returns
    -------
    Factor from 0 to 1.

    Raises
    ------
    ValueError
        If ``step`` is not a whole number of at least 0, ``total`` not one of at least 1, ``rise``
        not below 1 and above 1 / ``total``, or ``start`` or ``end`` not above 0 and at most 1.

    Source: Smith and Topin (2018), https://arxiv.org/abs/1708.07120
    """
    t, total = whole("step", step, least=0), whole("total", total)
    a, b = _share("start", start), _share("end", end)
    if not is_finite(rise) or not 1 < rise * total < total:
        raise ValueError(f"rise is {rise!r}; allowed: above 1/total, {1 / total:g}, and below 1")
    top = rise * total - 1
    wave = SHAPES["cosine"]
    if t <= top:
        return 1 - (1 - a) * wave(t / top)
    return b + (1 - b) * wave(min(1.0, (t - top) / (total - 1 - top)))


def _decay(shape, step, total, warmup, floor):
    t, w = whole("step", step, least=0), whole("warmup", warmup, least=0)
    if whole("total", total) <= w:
        raise ValueError(f"total is {total}; allowed: a whole number above warmup, {w}")
    if not is_finite(floor) or not 0 <= floor <= 1:
        raise ValueError(f"floor is {floor!r}; allowed: a number from 0 to 1")
    if t < w:
        return t / w
    p = min(1.0, (t - w) / (total - w))
    return floor + (1 - floor) * SHAPES[shape](p)


def _share(name, value):
    if not is_finite(value) or not 0 < value <= 1:
        raise ValueError(f"{name} is {value!r}; allowed: a number above 0 and at most 1")
    return float(value)
