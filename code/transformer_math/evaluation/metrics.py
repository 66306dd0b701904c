r"""How good predictions are: of language, of classes and of masks.

What was predicted comes first, what is true second, as in the losses. Results are Python's own
numbers unless there are several; nothing here is meant to be differentiated. For scores, which only
a threshold turns into classes, see :mod:`transformer_math.evaluation.roc`; for probabilities
:mod:`transformer_math.evaluation.calibration`.
"""

import math

from array_api_compat import array_namespace, device, is_array_api_obj

from ..arrays import Array, Bool, Float, Int, Number, is_finite, namespace, whole
from ..learning.targets import check_labels, check_library, check_shape, mask_axes, share_of_one

Classes = Int[Array, "*shape"] | Bool[Array, "*shape"]
AVERAGES = ("binary", "macro", "micro", "none")


def perplexity(nll: Float[Array, "..."] | Number) -> float:
    r"""How many equally likely choices would be as surprising as these.

    .. math:: \operatorname{PPL} = \exp \Bigl( -\frac1n \sum_{t=1}^n \log p(x_t \mid x_{<t}) \Bigr)

    Parameters
    ----------
    nll : the negative log-likelihood of each token in nats, as
        :func:`~transformer_math.learning.losses.cross_entropy` gives with ``reduction="none"``;
        or their mean, as one number.

    Returns
    -------
    A number from 1 (certain and right) upwards; infinite beyond the range of double precision.

    Raises
    ------
    ValueError
        If ``nll`` is neither a number nor a floating-point array with at least one entry, or an
        entry is negative or NaN.

    Source: Jelinek et al. (1977), https://doi.org/10.1121/1.2016299
    """
    if is_array_api_obj(nll):
        xp = namespace(nll=nll)
        if 0 in nll.shape:
            raise ValueError(f"nll has shape {tuple(nll.shape)}; allowed: at least one entry")
        least, mean = float(xp.min(nll)), float(xp.mean(nll))
    else:
        least = mean = nll
    if not isinstance(mean, (int, float)) or isinstance(mean, bool) or not least >= 0:
        came = f"an entry {least}" if is_array_api_obj(nll) else repr(nll)
        raise ValueError(f"nll is or has {came}; allowed: numbers of at least 0")
    try:
        return math.exp(mean)
    except OverflowError:
        return math.inf


def bits_per_character(nats: Number, characters: int) -> float:
    r"""What a text costs in bits for each of its characters.

    .. math:: \operatorname{BPC} = \frac{\sum_t -\log p(x_t \mid x_{<t})}{n_{\text{characters}}
              \log 2}

    Unlike perplexity it compares models whose tokens differ: the text, and so the number of
    characters, stays the same.

    Parameters
    ----------
    nats : the sum (not the mean) of the negative log-likelihoods of the text's tokens.
    characters : how many characters these tokens spell.

    Returns
    -------
    Bits per character.

    Raises
    ------
    ValueError
        If ``nats`` is not a finite number of at least 0, or ``characters`` not a whole number of
        at least 1.
    """
    return _bits_per("characters", nats, characters)


def bits_per_byte(nats: Number, size: int) -> float:
    r"""What a text costs in bits for each byte of its encoding, usually UTF-8.

    .. math:: \operatorname{BPB} = \frac{\sum_t -\log p(x_t \mid x_{<t})}{n_{\text{bytes}} \log 2}

    Parameters
    ----------
    nats : the sum (not the mean) of the negative log-likelihoods of the text's tokens.
    size : the length of the text in bytes, ``len(text.encode())``.

    Returns
    -------
    Bits per byte; 8 is no compression.

    Raises
    ------
    ValueError
        If ``nats`` is not a finite number of at least 0, or ``size`` not a whole number of at
        least 1.
    """
    return _bits_per("size", nats, size)


def accuracy(predicted: Classes, actual: Classes) -> float:
    r"""Share of predictions that are right.

    .. math:: \frac1n \sum_i [\hat y_i = y_i]

    Parameters
    ----------
    predicted, actual : class numbers or Booleans, of one shape.

    Returns
    -------
    A number from 0 to 1.

    Raises
    ------
    ValueError
        If the two are not arrays of whole numbers of at least 0 or of Booleans, differ in library
        or shape, or are empty.
    """
    xp, predicted, actual = _classes(predicted, actual)
    return float(xp.mean(xp.astype(predicted == actual, xp.float64)))


def confusion_matrix(
    predicted: Classes, actual: Classes, classes: int | None = None
) -> Int[Array, "classes classes"]:
    r"""Count how often each class is taken for each other.

    .. math:: C_{jk} = \#\{i : y_i = j,\ \hat y_i = k\}, \qquad C = Y^\top \hat Y

    with one-hot rows in Y and :math:`\hat Y`.

    Parameters
    ----------
    predicted, actual : class numbers or Booleans, of one shape.
    classes : how many classes there are; by default as many as the largest number tells, and at
        least two.

    Returns
    -------
    Whole numbers: a row for each actual class, a column for each predicted one. What is right
    stands on the diagonal.

    Raises
    ------
    ValueError
        As in :func:`accuracy`, or if ``classes`` is not a whole number above every class number.
    """
    xp, predicted, actual = _classes(predicted, actual)
    most = max(int(xp.max(predicted)), int(xp.max(actual)))
    if classes is None:
        classes = max(2, most + 1)
    elif whole("classes", classes) <= most:
        raise ValueError(f"classes is {classes}; allowed: at least {most + 1}, to hold {most}")
    numbers = xp.arange(classes, device=device(actual))
    y, y_hat = (
        xp.astype(xp.reshape(each, (-1, 1)) == numbers, xp.float64) for each in (actual, predicted)
    )
    return xp.astype(xp.matrix_transpose(y) @ y_hat, xp.int64)


def precision(
    predicted: Classes,
    actual: Classes,
    average: str = "binary",
    undefined: Number = 0.0,
) -> float | Float[Array, "classes"]:
    r"""Share of those called positive that are.

    .. math:: P = \frac{TP}{TP + FP}

    Parameters
    ----------
    predicted, actual : class numbers or Booleans, of one shape.
    average : ``"binary"``: of class 1, where there are only 0 and 1. ``"none"``: of each class
        against the rest. ``"macro"``: their mean, over the classes that occur among the actual or
        the predicted. ``"micro"``: of all classes' counts together, which is the accuracy.
    undefined : the value of 0/0, from 0 to 1; here, if nothing is called positive.

    Returns
    -------
    A number from 0 to 1; for ``"none"`` an array of one for each class.

    Raises
    ------
    ValueError
        As in :func:`accuracy`, or if ``average`` is unknown, ``"binary"`` meets another class than
        0 and 1, or ``undefined`` is not from 0 to 1.

    Source: van Rijsbergen (1979), https://www.dcs.gla.ac.uk/Keith/Preface.html
    """
    return _averaged(lambda tp, fp, fn: (tp, tp + fp), predicted, actual, average, undefined)


def recall(
    predicted: Classes,
    actual: Classes,
    average: str = "binary",
    undefined: Number = 0.0,
) -> float | Float[Array, "classes"]:
    r"""Share of the positive that are called so.

    .. math:: R = \frac{TP}{TP + FN}

    Parameters
    ----------
    predicted, actual, average : as in :func:`precision`.
    undefined : the value of 0/0, from 0 to 1; here, if nothing is positive.

    Returns
    -------
    As in :func:`precision`. For ROC curves this is the true positive rate.

    Raises
    ------
    ValueError
        As in :func:`precision`.
    """
    return _averaged(lambda tp, fp, fn: (tp, tp + fn), predicted, actual, average, undefined)


def f1(
    predicted: Classes,
    actual: Classes,
    average: str = "binary",
    undefined: Number = 0.0,
) -> float | Float[Array, "classes"]:
    r"""Harmonic mean of precision and recall.

    .. math:: F_1 = \frac{2 P R}{P + R} = \frac{2\, TP}{2\, TP + FP + FN}

    Parameters
    ----------
    predicted, actual, average : as in :func:`precision`.
    undefined : the value of 0/0, from 0 to 1; here, if nothing is positive nor called so.

    Returns
    -------
    As in :func:`precision`. The macro average is the mean of the classes' F1, not the harmonic
    mean of macro precision and macro recall.

    Raises
    ------
    ValueError
        As in :func:`precision`.
    """
    return _averaged(
        lambda tp, fp, fn: (2 * tp, 2 * tp + fp + fn), predicted, actual, average, undefined
    )


def iou(
    predicted: Classes, actual: Classes, axis: int | tuple[int, ...] | None = None
) -> float | Float[Array, "..."]:
    r"""Intersection over union of two masks, the Jaccard index.

    .. math:: J = \frac{|A \cap B|}{|A \cup B|} = \frac{D}{2 - D}

    Parameters
    ----------
    predicted, actual : Boolean or 0 and 1, of one shape.
    axis : the dimensions of one mask; None for all. ``(-2, -1)`` for a batch of images.

    Returns
    -------
    A number from 0 to 1, or with ``axis`` an array of one for each mask. Two empty masks agree: 1.

    Raises
    ------
    ValueError
        If the two are not Boolean or 0 and 1, differ in library or shape, or ``axis`` names no
        dimension.

    Source: Jaccard (1912), https://doi.org/10.1111/j.1469-8137.1912.tb05611.x
    """
    xp, both, either, _ = _overlap(predicted, actual, axis)
    return _divide(both, either, 1.0, xp)


def dice_coefficient(
    predicted: Classes, actual: Classes, axis: int | tuple[int, ...] | None = None
) -> float | Float[Array, "..."]:
    r"""Overlap of two masks relative to their mean size; also the F1 of their pixels.

    .. math:: D = \frac{2 |A \cap B|}{|A| + |B|} = \frac{2J}{1 + J}

    Parameters
    ----------
    predicted, actual, axis : as in :func:`iou`.

    Returns
    -------
    As in :func:`iou`. Two empty masks agree: 1.

    Raises
    ------
    ValueError
        As in :func:`iou`.

    Source: Dice (1945), https://doi.org/10.2307/1932409
    """
    xp, both, _, sizes = _overlap(predicted, actual, axis)
    return _divide(2 * both, sizes, 1.0, xp)


def _bits_per(name, nats, units):
    if not is_finite(nats) or nats < 0:
        raise ValueError(f"nats is {nats!r}; allowed: a finite number of at least 0")
    return float(nats) / (whole(name, units) * math.log(2))


def _classes(predicted, actual):
    """Return the functions and both arrays as whole numbers, or raise a ValueError."""
    for name, array in (("predicted", predicted), ("actual", actual)):
        check_labels(name, array)
    check_library("predicted", predicted, "actual", actual)
    check_shape("predicted", predicted, "actual", actual)
    xp = array_namespace(actual)
    if 0 in actual.shape:
        raise ValueError(f"actual has shape {tuple(actual.shape)}; allowed: at least one entry")
    return xp, xp.astype(predicted, xp.int64), xp.astype(actual, xp.int64)


def _averaged(counts, predicted, actual, average, undefined):
    """Divide what ``counts`` makes of true positives, false positives and false negatives."""
    if average not in AVERAGES:
        raise ValueError(f"average is {average!r}; allowed: {', '.join(map(repr, AVERAGES))}")
    undefined = share_of_one("undefined", undefined)
    c = confusion_matrix(predicted, actual)
    xp = array_namespace(c)
    if average == "binary" and c.shape[0] > 2:
        raise ValueError(
            f"average is 'binary' but the classes go up to {c.shape[0] - 1}; allowed: 'macro', "
            "'micro' or 'none', or only the classes 0 and 1"
        )
    right = xp.linalg.diagonal(c)
    tp, fp, fn = (
        xp.astype(n, xp.float64)
        for n in (right, xp.sum(c, axis=0) - right, xp.sum(c, axis=1) - right)
    )
    if average == "micro":
        return float(_divide(*counts(xp.sum(tp), xp.sum(fp), xp.sum(fn)), undefined, xp))
    values = _divide(*counts(tp, fp, fn), undefined, xp)
    if average == "none":
        return values
    return float(values[1]) if average == "binary" else float(xp.mean(values[tp + fp + fn > 0]))


def _overlap(predicted, actual, axis):
    """Count, for each mask, the pixels in both, in either, and in one plus the other."""
    xp, predicted, actual = _classes(predicted, actual)
    if bool(xp.any((predicted > 1) | (actual > 1))):
        raise ValueError("predicted or actual has numbers above 1; allowed: masks of 0 and 1")
    axes = mask_axes(axis, actual)
    both, sizes = (
        xp.astype(xp.sum(each, axis=axes), xp.float64)
        for each in (predicted * actual, predicted + actual)
    )
    return xp, both, sizes - both, sizes


def _divide(above, below, undefined, xp):
    """Divide, and put ``undefined`` for 0/0; a single quotient becomes a Python number."""
    quotient = xp.where(below == 0, undefined, above / xp.where(below == 0, 1.0, below))
    return quotient if quotient.ndim else float(quotient)
