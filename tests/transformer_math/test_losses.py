"""Losses, their gradients and divergences against torch, finite differences and their laws."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.calculus import check_gradient
from transformer_math.learning import (
    binary_cross_entropy,
    binary_cross_entropy_gradient,
    categorical_focal_loss,
    cross_entropy,
    cross_entropy_gradient,
    dice_loss,
    focal_loss,
    mean_squared_error,
    mean_squared_error_gradient,
)
from transformer_math.probability import (
    distribution_cross_entropy,
    entropy,
    kl_divergence,
    logsumexp,
    softmax,
)

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
both_reductions = pytest.mark.parametrize("reduction", ["mean", "none"])
logit_rows = arrays.arrays(np.float64, (3, 5), elements=st.floats(-30, 30))
shares = st.floats(0, 1)
classes = arrays.arrays(np.int64, 3, elements=st.integers(0, 4))


def close(ours, theirs, dtype="float64"):
    assert str(ours.dtype).endswith(dtype)
    assert ours.shape == theirs.shape
    return np.asarray(ours) == pytest.approx(
        theirs.numpy(), rel=TOLERANCE[dtype], abs=TOLERANCE[dtype]
    )


@both_dtypes
@both_reductions
@pytest.mark.parametrize("smoothing", [0, 0.1, 1])
@pytest.mark.parametrize("ignore", [None, 1, -100])
def test_cross_entropy_of_classes_equals_torch(draw, array, dtype, reduction, smoothing, ignore):
    z = draw(2, 6, 5) * 4
    y = torch.tensor([[0, 1, 2, 3, 4, 1], [1, 1, 0, 4, 4, 2]])
    if ignore == -100:
        y[0, 0] = y[1, 3] = -100
    options = {"label_smoothing": smoothing, "reduction": reduction}
    expected = F.cross_entropy(z.mT, y, ignore_index=-7 if ignore is None else ignore, **options)
    loss = cross_entropy(array(z, dtype), array(y, "int64"), ignore=ignore, **options)
    assert close(loss, expected, dtype)


@both_dtypes
@both_reductions
@pytest.mark.parametrize("smoothing", [0, 0.1, 1])
def test_cross_entropy_of_distributions_equals_torch(draw, array, dtype, reduction, smoothing):
    z, q = draw(4, 5) * 4, torch.softmax(draw(4, 5), -1)
    options = {"label_smoothing": smoothing, "reduction": reduction}
    loss = cross_entropy(array(z, dtype), array(q, dtype), **options)
    assert close(loss, F.cross_entropy(z, q, **options), dtype)


@both_dtypes
@pytest.mark.parametrize("smoothing", [0, 0.3])
@pytest.mark.parametrize("kind", ["classes", "ignored", "distributions"])
def test_cross_entropy_gradient_equals_autograd_and_differences(
    draw, array, dtype, smoothing, kind
):
    z = draw(4, 5).requires_grad_()
    y = torch.softmax(draw(4, 5), -1) if kind == "distributions" else torch.tensor([0, 3, 4, 1])
    ignore = 3 if kind == "ignored" else None
    options = {} if ignore is None else {"ignore_index": ignore}
    F.cross_entropy(z, y, label_smoothing=smoothing, **options).backward()
    targets = array(y, dtype if kind == "distributions" else "int64")
    ours = cross_entropy_gradient(array(z.detach(), dtype), targets, smoothing, ignore)
    assert close(ours, z.grad, dtype)
    assert np.asarray(ours).sum(-1) == pytest.approx(0, abs=1e-6)
    if dtype == "float64":
        x = array(z.detach())
        error = check_gradient(lambda t: cross_entropy(t, targets, smoothing, ignore), ours, x)
        assert error < 1e-8
        own = z.detach().clone().requires_grad_()
        cross_entropy(own, y, smoothing, ignore).backward()
        assert torch.allclose(own.grad, z.grad, atol=1e-14)


@given(logit_rows, classes, shares, st.floats(-100, 100))
def test_cross_entropy_laws(z, y, smoothing, shift):
    one_hot = np.eye(5)[y]
    hard = cross_entropy(z, y, reduction="none")
    assert cross_entropy(z, one_hot, reduction="none") == pytest.approx(hard, abs=1e-12)
    assert hard == pytest.approx(logsumexp(z) - z[np.arange(3), y], abs=1e-9)
    assert np.all(hard >= 0)
    assert cross_entropy(z + shift, y) == pytest.approx(np.mean(hard), abs=1e-9)
    # Smoothing mixes the loss of the label with the loss of knowing nothing.
    uniform = cross_entropy(z, np.full((3, 5), 0.2), reduction="none")
    smooth = cross_entropy(z, y, smoothing, reduction="none")
    assert smooth == pytest.approx((1 - smoothing) * hard + smoothing * uniform, abs=1e-9)
    mixture = (1 - smoothing) * one_hot + smoothing / 5
    assert smooth == pytest.approx(cross_entropy(z, mixture, reduction="none"), abs=1e-9)


def test_cross_entropy_of_one_row_of_huge_and_of_ruled_out_logits(array):
    assert float(cross_entropy(array([0.0, math.log(3)]), array(1, "int64"))) == pytest.approx(
        math.log(4 / 3)
    )
    assert float(cross_entropy(array([1e5, 0.0]), array(1, "int64"))) == 1e5
    assert str(float(cross_entropy(array([1e5, 0.0]), array(0, "int64")))) == "0.0"  # not -0.0
    z = array([[0.0, -math.inf, 0.0]])
    assert float(cross_entropy(z, array([0], "int64"))) == pytest.approx(math.log(2))
    assert float(cross_entropy(z, array([1], "int64"))) == math.inf
    assert float(cross_entropy(z, array([[0.5, 0.0, 0.5]]))) == pytest.approx(math.log(2))
    gradient = cross_entropy_gradient(z, array([0], "int64"))
    assert np.asarray(gradient).tolist() == pytest.approx(np.array([[-0.5, 0, 0.5]]))
    leaf = torch.tensor([[0.0, -math.inf, 2.0]], requires_grad=True)
    cross_entropy(leaf, torch.tensor([0])).backward()
    assert leaf.grad[0].tolist() == pytest.approx(
        [-1 + 1 / (1 + math.exp(2)), 0, 1 / (1 + math.exp(-2))]
    )


@pytest.mark.usefixtures("unchecked")  # Int means signed there
def test_class_numbers_may_be_bytes(array):
    """With 300 classes the numbers 0 to 299 themselves do not fit into a byte."""
    z = array(np.arange(300.0)[None] / 100)
    bytes_, whole = array([44], "uint8"), array([44], "int64")
    assert float(cross_entropy(z, bytes_)) == float(cross_entropy(z, whole))
    assert np.array_equal(cross_entropy_gradient(z, bytes_), cross_entropy_gradient(z, whole))


@both_dtypes
@both_reductions
def test_squared_and_binary_losses_equal_torch(draw, array, dtype, reduction):
    z, t = draw(3, 4) * 5, draw(3, 4)
    y = torch.sigmoid(draw(3, 4))
    a, b, c = array(z, dtype), array(t, dtype), array(y, dtype)
    assert close(mean_squared_error(a, b, reduction), F.mse_loss(z, t, reduction=reduction), dtype)
    expected = F.binary_cross_entropy_with_logits(z, y, reduction=reduction)
    assert close(binary_cross_entropy(a, c, reduction), expected, dtype)
    expected = F.binary_cross_entropy_with_logits(z, (t > 0).double(), reduction=reduction)
    for kind in ("bool", "int64", dtype):
        hard = array(t > 0, kind)
        assert close(binary_cross_entropy(a, hard, reduction), expected, dtype)


@both_dtypes
def test_their_gradients_equal_autograd_and_differences(draw, array, dtype):
    z, t, y = draw(3, 4).requires_grad_(), draw(3, 4), torch.sigmoid(draw(3, 4))
    x = array(z.detach())
    for loss, gradient, torchs, targets in (
        (mean_squared_error, mean_squared_error_gradient, F.mse_loss, t),
        (
            binary_cross_entropy,
            binary_cross_entropy_gradient,
            F.binary_cross_entropy_with_logits,
            y,
        ),
    ):
        z.grad = None
        torchs(z, targets).backward()
        ours = gradient(array(z.detach(), dtype), array(targets, dtype))
        assert close(ours, z.grad, dtype)
        b = array(targets)
        assert check_gradient(lambda q, f=loss, b=b: f(q, b), gradient(x, b), x) < 1e-8
        assert torch.autograd.gradcheck(loss, (z, targets))


@given(arrays.arrays(np.float64, 6, elements=st.floats(-700, 700)))
def test_binary_is_two_class_cross_entropy(z):
    two = np.stack([np.zeros(6), z], axis=-1)
    y = np.array([0, 1, 0, 1, 1, 0])
    hard = binary_cross_entropy(z, y, "none")
    assert hard == pytest.approx(cross_entropy(two, y, reduction="none"), rel=1e-12, abs=1e-15)
    assert binary_cross_entropy(-z, 1 - y, "none") == pytest.approx(hard)


@pytest.mark.filterwarnings("error")
def test_infinite_logits_are_certain(array):
    z, y = array([math.inf, -math.inf, math.inf, -math.inf]), array([1, 0, 0, 1], "int64")
    expected = [0, 0, math.inf, math.inf]
    assert np.asarray(binary_cross_entropy(z, y, "none")).tolist() == expected
    for gamma in (0, 0.5, 2):
        loss = focal_loss(z, y, gamma=gamma, reduction="none")
        assert np.asarray(loss).tolist() == expected


def published_focal_loss(z, y, alpha, gamma, reduction):
    """Equation of Lin et al. (2017), from torch's parts, in terms of probabilities."""
    p_t = torch.where(y == 1, torch.sigmoid(z), 1 - torch.sigmoid(z))
    alpha_t = 1.0 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    losses = -alpha_t * (1 - p_t) ** gamma * torch.log(p_t)
    return losses.mean() if reduction == "mean" else losses


@both_dtypes
@both_reductions
@pytest.mark.parametrize("alpha", [0.25, 0.9, None])
@pytest.mark.parametrize("gamma", [0, 0.5, 2.0, 5])
def test_focal_loss_equals_the_published_formula(draw, array, dtype, reduction, alpha, gamma):
    z, y = draw(4, 5) * 2, draw(4, 5) > 0
    expected = published_focal_loss(z, y.double(), alpha, gamma, reduction)
    for kind in ("bool", "int64", dtype):
        loss = focal_loss(array(z, dtype), array(y, kind), alpha, gamma, reduction)
        assert close(loss, expected, dtype)


@pytest.mark.parametrize("gamma", [0, 0.5, 2.0])
def test_focal_gradient_equals_autograd_and_stays_finite(draw, array, gamma):
    z, y = draw(3, 4).requires_grad_(), draw(3, 4) > 0
    published_focal_loss(z, y.double(), 0.25, gamma, "mean").backward()
    own = z.detach().clone().requires_grad_()
    focal_loss(own, y, gamma=gamma).backward()
    torch.testing.assert_close(own.grad, z.grad)
    error = check_gradient(
        lambda t: focal_loss(t, array(y, "bool"), gamma=gamma), array(own.grad), array(own.detach())
    )
    assert error < 1e-8
    certain = torch.tensor([800.0, -800.0], requires_grad=True)
    focal_loss(certain, torch.tensor([True, False]), gamma=gamma).backward()
    assert certain.grad.tolist() == [0, 0]
    rows = torch.tensor([[800.0, 0.0], [0.0, 1.0]], requires_grad=True)
    categorical_focal_loss(rows, torch.tensor([0, 1]), gamma=gamma).backward()
    assert torch.isfinite(rows.grad).all()
    assert rows.grad[0].tolist() == [0, 0]


@both_dtypes
@both_reductions
@pytest.mark.parametrize("gamma", [0, 0.5, 2.0])
def test_categorical_focal_loss(draw, array, dtype, reduction, gamma):
    z, y = draw(6, 4) * 2, torch.tensor([0, 1, 2, 3, 3, 1])
    p = torch.softmax(z, -1)[torch.arange(6), y]
    expected = -((1 - p) ** gamma) * torch.log(p)
    expected = expected.mean() if reduction == "mean" else expected
    ours = categorical_focal_loss(array(z, dtype), array(y, "int64"), gamma, reduction)
    assert close(ours, expected, dtype)
    two = torch.stack([torch.zeros(6, dtype=z.dtype), z[:, 0]], -1)
    binary = focal_loss(z[:, 0], y > 1, None, gamma)
    torch.testing.assert_close(categorical_focal_loss(two, (y > 1).long(), gamma), binary)
    assert torch.autograd.gradcheck(
        lambda t: categorical_focal_loss(t, y, gamma, reduction), z.requires_grad_()
    )


@both_dtypes
@both_reductions
def test_dice_loss_equals_its_formula(draw, array, dtype, reduction):
    z, y = draw(3, 4, 5) * 3, draw(3, 4, 5) > 0
    p, t = torch.sigmoid(z).flatten(1), y.double().flatten(1)
    expected = 1 - (2 * (p * t).sum(-1) + 1) / (p.sum(-1) + t.sum(-1) + 1)
    expected = expected.mean() if reduction == "mean" else expected
    ours = dice_loss(array(z, dtype), array(y, "bool"), axis=(-2, -1), reduction=reduction)
    assert close(ours, expected, dtype)
    one = dice_loss(array(z[0], dtype), array(y[0], dtype), reduction=reduction)
    assert float(one) == pytest.approx(
        float(dice_loss(array(z[0].flatten(), dtype), array(y[0].flatten(), "int64"), axis=0)),
        rel=1e-6,
    )
    assert torch.autograd.gradcheck(lambda a: dice_loss(a, y, 0.5, axis=0), z.requires_grad_())


def test_dice_loss_at_its_ends(array):
    """Sharp and right gives 0, sharp and disjoint nearly 1, two empty masks 0."""
    y = array([[0, 1], [1, 1]], "int64")
    sharp = array([[-60.0, 60.0], [60.0, 60.0]])
    assert float(dice_loss(sharp, y)) == pytest.approx(0, abs=1e-12)
    assert float(dice_loss(-sharp, y, 1e-9)) == pytest.approx(1, abs=1e-8)
    assert float(dice_loss(array([-60.0] * 3), array([False] * 3, "bool"))) == pytest.approx(0)
    # Two pixels right of three true, two of two predicted: D = 4/5.
    z = array([[-60.0, 60.0], [60.0, -60.0]])
    assert float(dice_loss(z, y, 1e-12)) == pytest.approx(1 - 4 / 5)
    assert float(dice_loss(z, y, 3)) == pytest.approx(1 - 7 / 8)


@both_dtypes
def test_divergences_equal_torch(draw, array, dtype):
    p, q = torch.softmax(draw(3, 4, 5), 1), torch.softmax(draw(3, 4, 5), 1)
    expected = F.kl_div(q.log(), p, reduction="none").sum(1)
    ours = kl_divergence(array(p, dtype), array(q, dtype), axis=1)
    assert close(ours, expected, dtype)
    bits = kl_divergence(array(p, dtype), array(q, dtype), axis=1, base=2)
    assert np.asarray(bits) == pytest.approx(np.asarray(ours) / math.log(2), rel=1e-6)
    ours = distribution_cross_entropy(array(p, dtype), array(q, dtype), axis=1)
    assert close(ours, F.cross_entropy(q.log(), p, reduction="none"), dtype)


@given(logit_rows, logit_rows, st.floats(1.1, 10))
def test_cross_entropy_is_entropy_plus_divergence(a, b, base):
    p, q = softmax(a), softmax(b)
    kl = kl_divergence(p, q, base=base)
    crossed = distribution_cross_entropy(p, q, base=base)
    assert np.all(kl >= -1e-14)
    assert crossed == pytest.approx(entropy(p, base=base) + kl, rel=1e-9, abs=1e-9)
    assert crossed == pytest.approx(
        cross_entropy(b, p, reduction="none") / math.log(base), rel=1e-9
    )
    assert kl_divergence(p, p) == pytest.approx(0, abs=0)


@pytest.mark.filterwarnings("error")
def test_zeros_in_distributions(array):
    half, sure = array([0.5, 0.5, 0.0]), array([1.0, 0.0, 0.0])
    assert float(kl_divergence(sure, half)) == pytest.approx(math.log(2))
    assert float(kl_divergence(half, sure)) == math.inf
    assert float(kl_divergence(half, half)) == 0
    assert float(distribution_cross_entropy(sure, half, base=2)) == pytest.approx(1)
    assert float(distribution_cross_entropy(half, sure)) == math.inf
    assert str(float(distribution_cross_entropy(sure, sure))) == "0.0"
    for loss in (kl_divergence, distribution_cross_entropy):
        p = torch.tensor([1.0, 0.0, 0.0], requires_grad=True)
        q = torch.tensor([0.5, 0.5, 0.0], requires_grad=True)
        loss(p, q).backward()
        assert torch.isfinite(p.grad).all()
        assert q.grad.tolist() == [-2, 0, 0]


def test_strict_array_api():
    strict = pytest.importorskip("array_api_strict")
    z = strict.asarray([[0.5, 2.0, -1.0], [0.0, 1.0, 3.0]], dtype=strict.float32)
    y, m = strict.asarray([2, 0]), strict.asarray([[True, False, True]] * 2)
    p = softmax(z)
    for loss in (
        cross_entropy(z, y, 0.1, ignore=0),
        cross_entropy(z, p),
        cross_entropy_gradient(z, y),
        mean_squared_error(z, p),
        binary_cross_entropy(z, m),
        focal_loss(z, m),
        categorical_focal_loss(z, y),
        dice_loss(z, m, axis=-1),
        kl_divergence(p, p),
    ):
        assert loss.dtype == strict.float32
