r"""Scores that a threshold turns into classes: what each threshold gains and what it costs."""

import math

from array_api_compat import array_namespace, device

from ..arrays import Array, Bool, Float, Int
from ..learning.targets import check_scored

Labels = Int[Array, "n"] | Bool[Array, "n"]


def roc_curve(
    scores: Float[Array, "n"], actual: Labels
) -> tuple[Float[Array, "points"], Float[Array, "points"], Float[Array, "points"]]:
    r"""False and true positive rates as the threshold falls.

    .. math:: \operatorname{FPR}(t) = \frac{\#\{i : s_i \ge t,\ y_i = 0\}}{\#\{i : y_i = 0\}},
              \qquad
              \operatorname{TPR}(t) = \frac{\#\{i : s_i \ge t,\ y_i = 1\}}{\#\{i : y_i = 1\}}

    Parameters
    ----------
    scores : s, larger for what is more likely positive; any finite numbers.
    actual : y, Boolean or 0 and 1, one for each score; both must occur.

    Returns
    -------
    fpr, tpr : from (0, 0) to (1, 1), neither ever falling.
    thresholds : t for each point: infinity, then every score that occurs, falling.

    Raises
    ------
    ValueError
        If ``scores`` is not a vector of finite floating-point numbers, ``actual`` does not fit
        as above, or only one of the two classes occurs.

    Source: Fawcett (2006), https://doi.org/10.1016/j.patrec.2005.10.010
    """
    xp = check_scored("scores", scores, "actual", actual)
    y = xp.astype(actual, xp.float64)
    if bool(xp.all(y == 1)) or bool(xp.all(y == 0)):
        raise ValueError("actual has only one class; allowed: at least one 0 and one 1")
    order = xp.argsort(scores, descending=True)
    s, y = xp.take(scores, order), xp.take(y, order)
    # A point stands where the next score differs: equal scores cross the threshold together.
    end = xp.ones((1,), dtype=xp.bool, device=device(s))
    turn = xp.concat([end, s[1:] != s[:-1], end])
    rates = []
    for counted in (1 - y, y):
        reached = xp.cumulative_sum(counted, include_initial=True)
        rates.append(xp.astype(reached[turn] / reached[-1], s.dtype))
    top = xp.full((1,), math.inf, dtype=s.dtype, device=device(s))
    return *rates, xp.concat([top, s[turn[1:]]])


def auc(scores: Float[Array, "n"], actual: Labels) -> float:
    r"""Area under the ROC curve: how often a positive scores above a negative.

    .. math:: \operatorname{AUC} = \int \operatorname{TPR} \, d\operatorname{FPR}
              = P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)

    Parameters
    ----------
    scores, actual : as in :func:`roc_curve`.

    Returns
    -------
    A number from 0 to 1; 0.5 for scores that know nothing.

    Raises
    ------
    ValueError
        As in :func:`roc_curve`.

    Source: Fawcett (2006), https://doi.org/10.1016/j.patrec.2005.10.010
    """
    fpr, tpr, _ = roc_curve(scores, actual)
    xp = array_namespace(fpr)
    return float(xp.sum((fpr[1:] - fpr[:-1]) * (tpr[1:] + tpr[:-1])) / 2)
