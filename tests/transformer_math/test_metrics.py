"""Metrics, ROC curves and calibration against scikit-learn and by their laws."""

import math
import warnings

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from transformer_math.evaluation import (
    accuracy,
    auc,
    bits_per_byte,
    bits_per_character,
    calibration_error,
    confusion_matrix,
    dice_coefficient,
    f1,
    iou,
    perplexity,
    precision,
    recall,
    roc_curve,
)
from transformer_math.learning import cross_entropy, dice_loss

sk = pytest.importorskip("sklearn.metrics")
bits = arrays.arrays(np.int64, 12, elements=st.integers(0, 1))
labels = arrays.arrays(np.int64, 12, elements=st.integers(0, 4))
RATES = {
    "precision": (precision, sk.precision_score),
    "recall": (recall, sk.recall_score),
    "f1": (f1, sk.f1_score),
}


def classes(n=60, k=4, seed=0):
    """Actual classes, and predictions that are right about half of the time."""
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, k, n)
    return np.where(rng.random(n) < 0.5, actual, rng.integers(0, k, n)), actual


def test_perplexity_and_bits(array):
    nll = array([[1.0, 2.0], [3.0, 4.0]])
    assert perplexity(nll) == pytest.approx(math.exp(2.5))
    assert perplexity(array([1.0, 3.0], "float32")) == pytest.approx(math.exp(2), rel=1e-6)
    assert perplexity(2.5) == pytest.approx(math.exp(2.5))
    assert perplexity(0) == 1
    assert perplexity(1e6) == math.inf
    logits, targets = array(np.zeros((5, 50))), array([0, 1, 2, 3, 4], "int64")
    assert perplexity(cross_entropy(logits, targets, reduction="none")) == pytest.approx(50)
    assert perplexity(cross_entropy(logits, targets)) == pytest.approx(50)
    # 8 fair bits over 4 characters, which are 6 bytes in UTF-8.
    text = "naïß"
    assert bits_per_character(8 * math.log(2), len(text)) == pytest.approx(2)
    assert bits_per_byte(8 * math.log(2), len(text.encode())) == pytest.approx(8 / 6)


@pytest.mark.parametrize("k", [2, 4])
def test_classes_equal_sklearn(array, k):
    predicted, actual = classes(k=k)
    p, a = array(predicted, "int64"), array(actual, "int64")
    assert accuracy(p, a) == pytest.approx(sk.accuracy_score(actual, predicted))
    matrix = confusion_matrix(p, a)
    assert np.asarray(matrix).tolist() == sk.confusion_matrix(actual, predicted).tolist()
    assert "int" in str(matrix.dtype)
    wide = np.asarray(confusion_matrix(p, a, classes=6))
    assert wide.shape == (6, 6)
    assert wide.sum() == wide[:k, :k].sum() == 60
    shape = array(predicted.reshape(3, 20), "int64"), array(actual.reshape(3, 20), "int64")
    assert accuracy(*shape) == accuracy(p, a)
    assert np.asarray(confusion_matrix(*shape)).tolist() == np.asarray(matrix).tolist()


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("average", ["binary", "macro", "micro", "none"])
@pytest.mark.parametrize("undefined", [0, 1])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_rates_equal_sklearn(array, name, average, undefined, k):
    """Class 3 of 6 never occurs; class 5 is never predicted: 0/0 in a precision."""
    predicted, actual = classes(k=k) if k > 1 else (np.zeros(5, int), np.zeros(5, int))
    if k == 4:
        predicted[predicted == 3] = 4
        actual[actual == 3] = 5
    ours, theirs = RATES[name]
    p, a = array(predicted, "int64"), array(actual, "int64")
    if average == "binary" and k == 4:
        with pytest.raises(ValueError, match="go up to 5"):
            ours(p, a)
        return
    options = {"zero_division": undefined, "average": None if average == "none" else average}
    if average == "none":
        options["labels"] = range(6 if k == 4 else 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs(actual, predicted, **options)
    assert np.asarray(ours(p, a, average, undefined)) == pytest.approx(np.asarray(expected))


def test_booleans_are_classes_0_and_1(array):
    predicted, actual = classes(k=2)
    whole = array(predicted, "int64"), array(actual, "int64")
    boolean = array(predicted > 0, "bool"), array(actual > 0, "bool")
    for metric in (accuracy, precision, recall, f1, iou, dice_coefficient):
        assert metric(*boolean) == metric(*whole) == metric(whole[0], boolean[1])
        assert isinstance(metric(*boolean), float)
    assert np.array_equal(confusion_matrix(*boolean), confusion_matrix(*whole))


@given(bits, bits)
def test_f1_lies_between_precision_and_recall(predicted, actual):
    p, r, f = (metric(predicted, actual) for metric in (precision, recall, f1))
    assert min(p, r) - 1e-12 <= f <= max(p, r) + 1e-12
    assert f <= (p + r) / 2 + 1e-12  # harmonic, not above arithmetic
    if p + r:
        assert f == pytest.approx(2 * p * r / (p + r))
    assert recall(predicted, actual) == precision(actual, predicted)
    assert f1(predicted, actual) == f1(actual, predicted)
    if predicted.any() or actual.any():
        assert dice_coefficient(predicted, actual) == pytest.approx(f)


@given(labels, labels)
def test_confusion_matrix_has_everything(predicted, actual):
    c = confusion_matrix(predicted, actual, classes=5)
    assert c.sum() == 12
    assert c.sum(0).tolist() == np.bincount(predicted, minlength=5).tolist()
    assert c.sum(1).tolist() == np.bincount(actual, minlength=5).tolist()
    assert confusion_matrix(actual, predicted, classes=5).tolist() == c.T.tolist()
    assert np.trace(c) / 12 == accuracy(predicted, actual)
    for metric in (precision, recall, f1):
        assert metric(predicted, actual, "micro") == pytest.approx(accuracy(predicted, actual))


@given(bits, bits)
def test_dice_is_twice_jaccard_over_one_plus_jaccard(predicted, actual):
    d, j = dice_coefficient(predicted, actual), iou(predicted, actual)
    assert d == pytest.approx(2 * j / (1 + j))
    assert 0 <= j <= d <= 1
    assert iou(actual, actual) == 1
    logits = np.where(predicted == 1, 100.0, -100.0)
    if predicted.any() or actual.any():
        assert j == pytest.approx(sk.jaccard_score(actual, predicted))
        assert dice_loss(logits, actual, smoothing=1e-12) == pytest.approx(1 - d)


def test_masks(array):
    a = array([[[1, 1], [0, 0]], [[0, 0], [0, 0]], [[1, 0], [0, 0]]], "bool")
    b = array([[[1, 0], [1, 0]], [[0, 0], [0, 0]], [[0, 0], [0, 1]]], "bool")
    assert np.asarray(iou(a, b, axis=(-2, -1))) == pytest.approx([1 / 3, 1, 0])
    assert np.asarray(dice_coefficient(a, b, axis=(-2, -1))) == pytest.approx([1 / 2, 1, 0])
    assert iou(a, b) == pytest.approx(1 / 5)
    assert np.asarray(iou(a, b, axis=0)).shape == (2, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("tied", [False, True])
def test_roc_equals_sklearn(array, dtype, tied):
    rng = np.random.default_rng(0)
    actual = rng.random(200) < 0.3
    scores = rng.normal(size=200) + actual
    scores = np.asarray(np.round(scores, 1) if tied else scores, dtype)
    expected = sk.roc_curve(actual, scores, drop_intermediate=False)
    for kind in ("bool", "int64"):
        curve = roc_curve(array(scores, dtype), array(actual, kind))
        for ours, theirs in zip(curve, expected, strict=True):
            assert str(ours.dtype).endswith(dtype)
            assert np.asarray(ours) == pytest.approx(theirs, rel=1e-6)
    area = auc(array(scores, dtype), array(actual, "bool"))
    assert area == pytest.approx(sk.roc_auc_score(actual, scores), abs=1e-6)


@given(arrays.arrays(np.float64, 12, elements=st.integers(-3, 3)), bits)
def test_area_is_the_chance_to_rank_a_positive_higher(scores, actual):
    assume(0 < actual.sum() < 12)
    gap = scores[actual == 1][:, None] - scores[actual == 0]
    chance = np.mean((gap > 0) + (gap == 0) / 2)
    assert auc(scores, actual) == pytest.approx(chance)
    assert auc(-scores, actual) == pytest.approx(1 - chance)
    assert auc(np.exp(scores), actual) == pytest.approx(chance)  # only the order counts
    fpr, tpr, thresholds = roc_curve(scores, actual)
    for x, y, t in zip(fpr, tpr, thresholds, strict=True):
        called = (scores >= t).astype(int)
        assert y == pytest.approx(recall(called, actual))
        assert x == pytest.approx(1 - recall(1 - called, 1 - actual))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bins", [1, 5, 10, 15])
def test_calibration_equals_sklearn(array, dtype, bins):
    sk_curve = pytest.importorskip("sklearn.calibration").calibration_curve
    rng = np.random.default_rng(1)
    confidence = np.concatenate([rng.random(300) ** 3, [0.0, 1.0, 0.2, 0.3, 0.6, 0.7]])
    correct = rng.random(306) < np.sqrt(confidence)
    share, mean = sk_curve(correct, confidence, n_bins=bins)
    ours = calibration_error(array(confidence, dtype), array(correct, "bool"), bins)
    assert np.asarray(ours.accuracy) == pytest.approx(share, abs=1e-6)
    assert np.asarray(ours.confidence) == pytest.approx(mean, abs=1e-6)
    count = np.asarray(ours.count)
    assert count.sum() == 306
    assert ours.error == pytest.approx(np.sum(count * np.abs(share - mean)) / 306, abs=1e-6)
    assert np.asarray(ours.upper) - np.asarray(ours.lower) == pytest.approx(1 / bins, abs=1e-6)
    assert str(ours.accuracy.dtype).endswith(dtype)


def test_calibration_by_hand(array):
    """Bins (0, .5] and (.5, 1]: confident .4 and right half the time; .9 and right always."""
    result = calibration_error(
        array([0.3, 0.5, 0.9, 0.9]), array([True, False, True, True], "bool"), bins=2
    )
    assert result.error == pytest.approx((2 * 0.1 + 2 * 0.1) / 4)
    assert np.asarray(result.count).tolist() == [2, 2]
    assert np.asarray(result.confidence) == pytest.approx([0.4, 0.9])
    assert np.asarray(result.accuracy) == pytest.approx([0.5, 1])
    alone = calibration_error(array([0.95]), array([1], "int64"), bins=10)
    assert np.asarray(alone.lower) == pytest.approx([0.9])  # empty bins are left out
    assert alone.error == pytest.approx(0.05)


@pytest.mark.parametrize("bins", range(1, 30))
def test_bounds_belong_to_the_bin_below(bins):
    edges = np.arange(bins + 1) / bins
    result = calibration_error(edges, np.ones(bins + 1, dtype=int), bins)
    assert result.count.tolist() == [2] + [1] * (bins - 1)
    assert result.upper == pytest.approx(edges[1:])


def test_what_is_right_as_often_as_it_says_is_calibrated():
    rng = np.random.default_rng(2)
    confidence = rng.random(200_000)
    luck = rng.random(200_000)
    assert calibration_error(confidence, luck < confidence).error < 0.005
    # One that is right only confidence squared of the time: E|c - c^2| = 1/6.
    assert calibration_error(confidence, luck < confidence**2).error == pytest.approx(
        1 / 6, abs=5e-3
    )
    # Exactly calibrated groups: k of 10 right at confidence k/10.
    k = np.repeat(np.arange(11), 10)
    right = np.tile(np.arange(10), 11) < k
    assert calibration_error(k / 10, right).error == pytest.approx(0, abs=1e-12)


def test_strict_array_api():
    strict = pytest.importorskip("array_api_strict")
    a, b = strict.asarray([0, 1, 1, 0]), strict.asarray([True, True, False, False])
    scores = strict.asarray([0.1, 0.9, 0.9, 0.3], dtype=strict.float32)
    assert accuracy(a, b) == f1(a, b) == precision(a, b, "macro") == 0.75 - 0.25
    assert recall(a, b, "none").shape == (2,)
    assert iou(a, b) == pytest.approx(1 / 3)
    assert dice_coefficient(a, b, axis=0) == 0.5
    assert roc_curve(scores, b)[0].dtype == strict.float32
    assert auc(scores, a) == 1
    assert calibration_error(scores, b).accuracy.dtype == strict.float32
    assert perplexity(scores) > 1


A, S = np.array([0, 1, 1]), np.array([0.1, 0.5, 0.9])
NOT_A_COUNT = [0, -1, 1.5, "2", True, None]
NOT_NATS = [-1.0, math.nan, math.inf, "1", None, True]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, values, call, *words):
    return [case(f"{name} {v!r}", lambda v=v: call(v), *words) for v in values]


def compared(metric):
    """Errors that all comparisons of two arrays of classes have in common."""
    name = metric.__name__
    return [
        case(f"{name} list", lambda: metric([0, 1], A), "predicted is a list"),
        case(f"{name} actual list", lambda: metric(A, [0, 1]), "actual is a list"),
        case(f"{name} floats", lambda: metric(S, A), "predicted has dtype float64"),
        case(f"{name} actual floats", lambda: metric(A, S), "actual has dtype float64"),
        case(f"{name} negative", lambda: metric(-A, A), "predicted has a negative entry"),
        case(f"{name} library", lambda: metric(A, torch.ones(3, dtype=int)), "libraries"),
        case(f"{name} shape", lambda: metric(A[:2], A), "predicted has shape (2,)", "(3,)"),
        case(f"{name} empty", lambda: metric(A[:0], A[:0]), "actual has shape (0,)"),
    ]


ERRORS = [
    *[
        each_case
        for m in (accuracy, confusion_matrix, precision, recall, f1, iou, dice_coefficient)
        for each_case in compared(m)
    ],
    *[
        each_case
        for m in (precision, recall, f1)
        for each_case in (
            *each(
                f"{m.__name__} average", [None, "weighted", 1], lambda a, m=m: m(A, A, a), "average"
            ),
            *each(
                f"{m.__name__} undefined",
                [-1, 2, math.nan, None, True],
                lambda u, m=m: m(A, A, undefined=u),
                "undefined is",
            ),
            case(f"{m.__name__} binary", lambda m=m: m(A, A * 2), "go up to 2", "'macro'"),
        )
    ],
    *[
        each_case
        for m in (iou, dice_coefficient)
        for each_case in (
            case(f"{m.__name__} classes", lambda m=m: m(A, A * 2), "above 1", "0 and 1"),
            *each(f"{m.__name__} axis", [1, -2, (0, 0), 0.5], lambda a, m=m: m(A, A, a), "axis is"),
        )
    ],
    *each("classes", [0, -1, 1.5, True], lambda n: confusion_matrix(A, A, n), "classes is"),
    case("too few classes", lambda: confusion_matrix(A, A * 3, 3), "classes is 3", "at least 4"),
    *each("perplexity", [-1.0, math.nan, "1", None, True, [1.0]], perplexity, "nll "),
    case("perplexity integers", lambda: perplexity(A), "nll has dtype int64"),
    case("perplexity empty", lambda: perplexity(S[:0]), "nll has shape (0,)"),
    case("perplexity negative", lambda: perplexity(S - 0.2), "an entry -0.1"),
    case("perplexity NaN", lambda: perplexity(S * math.nan), "nan"),
    *each("bpc nats", NOT_NATS, lambda v: bits_per_character(v, 1), "nats is"),
    *each("bpb nats", NOT_NATS, lambda v: bits_per_byte(v, 1), "nats is"),
    *each("bpc", NOT_A_COUNT, lambda n: bits_per_character(1.0, n), "characters is"),
    *each("bpb", NOT_A_COUNT, lambda n: bits_per_byte(1.0, n), "size is"),
    *[
        each_case
        for f, name, label in (
            (roc_curve, "scores", "actual"),
            (auc, "scores", "actual"),
            (calibration_error, "confidence", "correct"),
        )
        for each_case in (
            case(f"{f.__name__} list", lambda f=f: f([0.1], A), f"{name} is a list"),
            case(f"{f.__name__} integers", lambda f=f: f(A, A), f"{name} has dtype int64"),
            case(f"{f.__name__} matrix", lambda f=f: f(S[None], A), f"{name} has shape (1, 3)"),
            case(f"{f.__name__} empty", lambda f=f: f(S[:0], A[:0]), f"{name} has shape (0,)"),
            case(f"{f.__name__} NaN", lambda f=f: f(S * math.nan, A), f"{name} has", "NaN"),
            case(f"{f.__name__} labels", lambda f=f: f(S, [0, 1, 1]), f"{label} is a list"),
            case(f"{f.__name__} floats", lambda f=f: f(S, S), f"{label} has dtype float64"),
            case(f"{f.__name__} negative", lambda f=f: f(S, -A), f"{label} has a negative"),
            case(f"{f.__name__} classes", lambda f=f: f(S, A * 2), f"{label} has numbers above 1"),
            case(f"{f.__name__} shape", lambda f=f: f(S, A[:2]), f"{label} has shape (2,)"),
            case(f"{f.__name__} library", lambda f=f: f(S, torch.ones(3) > 0), "libraries"),
        )
    ],
    *[
        case(
            f"{f.__name__} only {v}", lambda f=f, v=v: f(S, A * 0 + v), "actual has only one class"
        )
        for f in (roc_curve, auc)
        for v in (0, 1)
    ],
    case("confidence above", lambda: calibration_error(S + 0.2, A), "confidence leaves 0 to 1"),
    case("confidence below", lambda: calibration_error(S - 0.2, A), "confidence leaves 0 to 1"),
    *each("bins", NOT_A_COUNT, lambda b: calibration_error(S, A, b), "bins is"),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("call", "words"), ERRORS)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
