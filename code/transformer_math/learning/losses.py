r"""Losses, from logits wherever there is a softmax or sigmoid, and their gradients by formula.

A logit's own exponential is never formed, so no loss overflows and none takes the logarithm of a
probability that was rounded to 0.
"""

import math

from ..arrays import Array, Bool, Float, Int, Number, is_finite, namespace, positive
from ..networks.activations import sigmoid, softplus
from ..probability.divergences import weighted
from ..probability.softmax import log_softmax, logsumexp, softmax
from .targets import (
    binary_targets,
    check_shape,
    count,
    mask_axes,
    reduce,
    share_of_one,
    size,
    target_distributions,
)

Classes = Int[Array, "*batch"] | Float[Array, "*batch classes"]
Binary = Float[Array, "*shape"] | Int[Array, "*shape"] | Bool[Array, "*shape"]


def mean_squared_error(
    predictions: Float[Array, "*shape"],
    targets: Float[Array, "*shape"],
    reduction: str = "mean",
) -> Float[Array, "..."]:
    r"""Mean squared distance from the targets.

    .. math:: L = \frac1n \sum_i (\hat y_i - y_i)^2, \qquad
              \frac{\partial L}{\partial \hat y_i} = \frac{2}{n} (\hat y_i - y_i)

    Up to constants it is the negative log-likelihood of targets that scatter normally, with one
    variance, around the predictions.

    Parameters
    ----------
    predictions, targets : :math:`\hat y` and y, n entries each, of one shape.
    reduction : ``"mean"`` over all entries, or ``"none"``.

    Returns
    -------
    A scalar, or the squares in the shape of the predictions; in the targets' units squared.

    Raises
    ------
    ValueError
        If the two are not floating-point arrays of one dtype and one shape, there is nothing to
        average, or ``reduction`` is unknown.
    """
    namespace(predictions=predictions, targets=targets)
    check_shape("targets", targets, "predictions", predictions)
    return reduce((predictions - targets) ** 2, reduction)


def mean_squared_error_gradient(
    predictions: Float[Array, "*shape"], targets: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    r"""Gradient of :func:`mean_squared_error` with respect to the predictions.

    .. math:: \frac{\partial L}{\partial \hat y_i} = \frac{2}{n} (\hat y_i - y_i)

    Parameters
    ----------
    predictions, targets : as in the loss, n entries each.

    Returns
    -------
    Array of the shape of the predictions.

    Raises
    ------
    ValueError
        As in the loss.
    """
    namespace(predictions=predictions, targets=targets)
    check_shape("targets", targets, "predictions", predictions)
    return 2 * (predictions - targets) / count(size(predictions))


def cross_entropy(
    logits: Float[Array, "*batch classes"],
    targets: Classes,
    label_smoothing: Number = 0.0,
    ignore: int | None = None,
    reduction: str = "mean",
) -> Float[Array, "..."]:
    r"""Negative log-likelihood of the targets under the softmax of the logits.

    .. math:: L = -\sum_k q_k \log p_k = \operatorname{LSE}(z) - \sum_k q_k z_k, \qquad
              p = \operatorname{softmax}(z), \qquad
              q = (1 - \varepsilon)\, y + \frac{\varepsilon}{K}

    Here y is one-hot at the target, or the target distribution itself, over K classes.

    Parameters
    ----------
    logits : z; ``-inf`` rules a class out.
    targets : class numbers from 0 to K - 1, one for each row of logits, or a distribution for each
        row, in the dtype of the logits.
    label_smoothing : :math:`\varepsilon` from 0 to 1.
    ignore : class number that marks rows to leave out, such as padding; it may lie outside 0 to
        K - 1. Their loss is 0, and the mean is over the others.
    reduction : ``"mean"`` over the rows, or ``"none"``.

    Returns
    -------
    A scalar, or a loss for each row, in nats. Infinite if a class of positive target probability
    is ruled out.

    Raises
    ------
    ValueError
        If ``logits`` is not a floating-point array with at least one class, ``targets`` do not fit
        as above or are distributions that do not sum to one, ``label_smoothing`` is not from 0 to
        1, ``ignore`` is not a whole number or the targets are distributions, no row is left to
        average, or ``reduction`` is unknown.

    Source: label smoothing: Szegedy et al. (2015), https://arxiv.org/abs/1512.00567
    """
    xp, q, rows = target_distributions(logits, targets, label_smoothing, ignore)
    losses = 0.0 - xp.sum(weighted(q, log_softmax(logits), xp), axis=-1)
    return reduce(losses, reduction, rows)


def cross_entropy_gradient(
    logits: Float[Array, "*batch classes"],
    targets: Classes,
    label_smoothing: Number = 0.0,
    ignore: int | None = None,
) -> Float[Array, "*batch classes"]:
    r"""Gradient of the mean :func:`cross_entropy` with respect to the logits.

    .. math:: \frac{\partial L}{\partial z} = \frac{p - q}{n}, \qquad
              p = \operatorname{softmax}(z)

    Parameters
    ----------
    logits, targets, label_smoothing, ignore : as in the loss; q is the smoothed target and n the
        number of rows that are not ignored.

    Returns
    -------
    Array of the shape of the logits. Each row sums to 0; ignored rows are 0.

    Raises
    ------
    ValueError
        As in the loss.
    """
    xp, q, rows = target_distributions(logits, targets, label_smoothing, ignore)
    kept = xp.sum(q, axis=-1, keepdims=True) > 0
    return xp.where(kept, softmax(logits) - q, 0.0) / count(rows)


def binary_cross_entropy(
    logits: Float[Array, "*shape"], targets: Binary, reduction: str = "mean"
) -> Float[Array, "..."]:
    r"""Negative log-likelihood of yes and no under the sigmoid of the logits.

    .. math:: L = -y \log \sigma(z) - (1 - y) \log \sigma(-z)
                = y \operatorname{softplus}(-z) + (1 - y) \operatorname{softplus}(z)

    Parameters
    ----------
    logits : z, the log-odds of yes.
    targets : y, of the same shape: Boolean, whole numbers 0 and 1, or probabilities in the dtype
        of the logits.
    reduction : ``"mean"`` over all entries, or ``"none"``.

    Returns
    -------
    A scalar, or the losses in the shape of the logits; in nats.

    Raises
    ------
    ValueError
        If ``logits`` is not a floating-point array, ``targets`` have another shape or leave 0 to
        1, there is nothing to average, or ``reduction`` is unknown.
    """
    xp, y = binary_targets(logits, targets)
    losses = weighted(y, softplus(0.0 - logits), xp) + weighted(1 - y, softplus(logits), xp)
    return reduce(losses, reduction)


def binary_cross_entropy_gradient(
    logits: Float[Array, "*shape"], targets: Binary
) -> Float[Array, "*shape"]:
    r"""Gradient of the mean :func:`binary_cross_entropy` with respect to the logits.

    .. math:: \frac{\partial L}{\partial z_i} = \frac{\sigma(z_i) - y_i}{n}

    Parameters
    ----------
    logits, targets : as in the loss, n entries each.

    Returns
    -------
    Array of the shape of the logits.

    Raises
    ------
    ValueError
        As in the loss.
    """
    _, y = binary_targets(logits, targets)
    return (sigmoid(logits) - y) / count(size(logits))


def focal_loss(
    logits: Float[Array, "*shape"],
    targets: Binary,
    alpha: Number | None = 0.25,
    gamma: Number = 2.0,
    reduction: str = "mean",
) -> Float[Array, "..."]:
    r"""Binary cross-entropy that gives less weight to what is already right.

    .. math:: L = -\alpha_t (1 - p_t)^\gamma \log p_t, \qquad
              p_t = \begin{cases} \sigma(z) & y = 1 \\ \sigma(-z) & y = 0 \end{cases} \qquad
              \alpha_t = \begin{cases} \alpha & y = 1 \\ 1 - \alpha & y = 0 \end{cases}

    Parameters
    ----------
    logits : z, the log-odds of yes.
    targets : y, of the same shape: Boolean, or 0 and 1.
    alpha : weight of yes, from 0 to 1; that of no is the rest. None for no weights.
    gamma : :math:`\gamma \ge 0`, the focus; 0 gives the cross-entropy.
    reduction : ``"mean"`` over all entries, or ``"none"``.

    Returns
    -------
    A scalar, or the losses in the shape of the logits; in nats.

    Raises
    ------
    ValueError
        If ``logits`` is not a floating-point array, ``targets`` have another shape or other values,
        ``alpha`` is not from 0 to 1, ``gamma`` is not a finite number of at least 0, there is
        nothing to average, or ``reduction`` is unknown.

    Source: Lin et al. (2017), https://arxiv.org/abs/1708.02002
    """
    xp, y = binary_targets(logits, targets, hard=True)
    if alpha is not None:
        alpha = share_of_one("alpha", alpha)
    z_t = xp.where(y == 1, logits, 0.0 - logits)
    losses = _focus(softplus(z_t), gamma, xp) * softplus(0.0 - z_t)
    if alpha is not None:
        losses = (alpha * y + (1 - alpha) * (1 - y)) * losses
    return reduce(losses, reduction)


def categorical_focal_loss(
    logits: Float[Array, "*batch classes"],
    targets: Int[Array, "*batch"],
    gamma: Number = 2.0,
    reduction: str = "mean",
) -> Float[Array, "..."]:
    r"""Focal loss among several classes.

    .. math:: L = -(1 - p_y)^\gamma \log p_y, \qquad p = \operatorname{softmax}(z)

    Parameters
    ----------
    logits : z.
    targets : y, class numbers, one for each row of logits.
    gamma : :math:`\gamma \ge 0`, the focus; 0 gives the cross-entropy.
    reduction : ``"mean"`` over the rows, or ``"none"``.

    Returns
    -------
    A scalar, or a loss for each row; in nats. With two classes of logits 0 and z it is
    :func:`focal_loss` without weights.

    Raises
    ------
    ValueError
        If ``logits`` is not a floating-point array with at least one class, ``targets`` are not
        class numbers, one a row, ``gamma`` is not a finite number of at least 0, there is nothing
        to average, or ``reduction`` is unknown.

    Source: Lin et al. (2017), https://arxiv.org/abs/1708.02002 (binary, of which this is the
    natural extension)
    """
    xp, q, _ = target_distributions(logits, targets)
    if targets.ndim == logits.ndim:
        raise ValueError(f"targets have dtype {targets.dtype}; allowed: class numbers, one a row")
    nll = 0.0 - xp.sum(weighted(q, log_softmax(logits), xp), axis=-1)
    others = logsumexp(xp.where(q > 0, -math.inf, logits))  # 1 - p_y = e^(others - LSE)
    return reduce(_focus(logsumexp(logits) - others, gamma, xp) * nll, reduction)


def dice_loss(
    logits: Float[Array, "*shape"],
    targets: Binary,
    smoothing: Number = 1.0,
    axis: int | tuple[int, ...] | None = None,
    reduction: str = "mean",
) -> Float[Array, "..."]:
    r"""One minus the soft Dice coefficient of a predicted mask and the true one.

    .. math:: L = 1 - \frac{2 \sum_i p_i y_i + s}{\sum_i p_i + \sum_i y_i + s}, \qquad
              p = \sigma(z)

    The smoothing s makes two empty masks agree (loss 0) and keeps the gradient finite; compared
    with masks of many pixels it changes little. Milletari et al. square the terms below the line;
    this is the form without squares, of which a mask of zeros and ones is the same case.

    Parameters
    ----------
    logits : z, the log-odds of each pixel.
    targets : y, of the same shape: Boolean, 0 and 1, or probabilities.
    smoothing : s > 0, in pixels.
    axis : the dimensions of one mask; None for all. ``(-2, -1)`` for a batch of images.
    reduction : ``"mean"`` over the masks, or ``"none"``.

    Returns
    -------
    A scalar, or a loss for each mask, from 0 to 1.

    Raises
    ------
    ValueError
        If ``logits`` is not a floating-point array, ``targets`` have another shape or leave 0 to
        1, ``smoothing`` is not a finite number above 0, ``axis`` names no dimension, there is
        nothing to average, or ``reduction`` is unknown.

    Source: Milletari, Navab and Ahmadi (2016), https://arxiv.org/abs/1606.04797
    """
    xp, y = binary_targets(logits, targets)
    s = positive("smoothing", smoothing)
    axis = mask_axes(axis, logits)
    p = sigmoid(logits)
    overlap = 2 * xp.sum(p * y, axis=axis) + s
    return reduce(1 - overlap / (xp.sum(p, axis=axis) + xp.sum(y, axis=axis) + s), reduction)


def _focus(x, gamma, xp):
    """Return (1 - p)^gamma from x = -log(1 - p), so that p = 1 has a finite gradient."""
    if not is_finite(gamma) or gamma < 0:
        raise ValueError(f"gamma is {gamma!r}; allowed: a finite number of at least 0")
    return xp.exp(-float(gamma) * x) if gamma else xp.ones_like(x)
