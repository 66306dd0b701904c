r"""Whether probabilities mean what they say."""

from dataclasses import dataclass

from array_api_compat import device

from ..arrays import Array, Bool, Float, Int, whole
from ..learning.targets import check_scored

Labels = Int[Array, "n"] | Bool[Array, "n"]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Expected calibration error, with what a reliability diagram needs of each bin.

    ``error`` is the number; the arrays have an entry for each bin that holds anything, in order:
    its bounds ``lower`` (exclusive, but for 0) and ``upper``, how many predictions ``count`` it
    holds, their mean ``confidence`` and the share ``accuracy`` of them that is right.
    """

    error: float
    lower: Float[Array, "bins"]
    upper: Float[Array, "bins"]
    count: Int[Array, "bins"]
    confidence: Float[Array, "bins"]
    accuracy: Float[Array, "bins"]


def calibration_error(
    confidence: Float[Array, "n"], correct: Labels, bins: int = 10
) -> Calibration:
    r"""Expected calibration error: how far confidence is from being right that often.

    .. math:: \operatorname{ECE} = \sum_b \frac{|B_b|}{n}
              \bigl| \operatorname{acc}(B_b) - \operatorname{conf}(B_b) \bigr|

    over bins :math:`B_b` of confidence from (b - 1)/M to b/M, the lower bound excluded (0 is in
    the first).

    Parameters
    ----------
    confidence : the probability given to what was predicted, from 0 to 1; for a binary classifier
        also that of the positive class.
    correct : Boolean or 0 and 1: whether it came true.
    bins : M, how many bins of equal width.

    Returns
    -------
    :class:`Calibration`. Empty bins are left out.

    Raises
    ------
    ValueError
        If ``confidence`` is not a vector of numbers from 0 to 1 with at least one, ``correct`` does
        not fit as above, or ``bins`` is not a whole number of at least 1.

    Source: Guo et al. (2017), https://arxiv.org/abs/1706.04599
    """
    xp = check_scored("confidence", confidence, "correct", correct)
    if not bool(xp.all((confidence >= 0) & (confidence <= 1))):
        raise ValueError("confidence leaves 0 to 1 or is NaN; allowed: probabilities")
    edges = xp.arange(whole("bins", bins) + 1, dtype=confidence.dtype, device=device(confidence))
    lower, upper = edges[:-1] / bins, edges[1:] / bins
    column = confidence[:, None]
    inside = ((column > lower) | ((column == 0) & (lower == 0))) & (column <= upper)
    members = xp.astype(inside, xp.float64)
    held = xp.any(inside, axis=0)
    number = xp.sum(members, axis=0)[held]
    mean, share = (
        xp.sum(members * xp.astype(each, xp.float64)[:, None], axis=0)[held] / number
        for each in (confidence, correct)
    )
    error = float(xp.sum(number * xp.abs(share - mean)) / confidence.shape[0])
    kept = [xp.astype(each, confidence.dtype) for each in (mean, share)]
    return Calibration(error, lower[held], upper[held], xp.astype(number, xp.int64), *kept)
