"""Softmax and its relatives against torch, against finite differences, and by their laws."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.probability import (
    entropy,
    logsumexp,
    softmax,
    softmax_backward,
    softmax_jacobian,
)

matrices = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=1, max_dims=3, max_side=6),
    elements=st.floats(-50, 50),
)


def as_numpy(x):
    return np.asarray(x)


def test_worked_example(array):
    p = softmax(array([1.2, 3.5, 0.8, 0.1, 2.4]))
    assert as_numpy(p) == pytest.approx([0.06537, 0.65201, 0.04382, 0.02176, 0.21704], abs=5e-6)
    assert as_numpy(softmax(array([2.0, 1.0, 0.1]))) == pytest.approx(
        [0.659, 0.242, 0.099], abs=5e-4
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("temperature", [0.3, 1, 7.0])
def test_equals_torch(draw, array, dtype, tolerance, axis, temperature):
    x = draw(3, 4, 5) * 8
    expected = torch.softmax(x / temperature, dim=axis)
    p = softmax(array(x, dtype), axis=axis, temperature=temperature)
    assert str(p.dtype).endswith(dtype)
    assert as_numpy(p) == pytest.approx(expected.numpy(), abs=tolerance)
    total = logsumexp(array(x, dtype), axis=axis)
    assert str(total.dtype).endswith(dtype)
    assert as_numpy(total) == pytest.approx(
        torch.logsumexp(x, dim=axis).numpy(), rel=tolerance * 10
    )


@given(matrices, st.floats(-1e3, 1e3), st.floats(0.1, 10))
def test_laws(x, shift, temperature):
    p = softmax(x, temperature=temperature)
    assert np.all(p >= 0)
    assert np.sum(p, axis=-1) == pytest.approx(1, abs=1e-12)
    assert softmax(x + shift, temperature=temperature) == pytest.approx(p, abs=1e-9)
    assert softmax(x / temperature) == pytest.approx(p, abs=1e-9)
    assert logsumexp(x + shift) == pytest.approx(logsumexp(x) + shift, abs=1e-9)
    assert np.all(logsumexp(x) >= np.max(x, axis=-1))
    assert softmax(x[..., ::-1].copy()) == pytest.approx(softmax(x)[..., ::-1], abs=1e-12)


@given(matrices)
def test_entropy_lies_between_certainty_and_evenness(x):
    p = softmax(x)
    h = entropy(p, base=2)
    assert np.all(h >= -1e-12)
    assert np.all(h <= math.log2(p.shape[-1]) + 1e-12)
    # H = log Z - E[x]: another way to the same number.
    assert entropy(p) == pytest.approx(logsumexp(x) - np.sum(p * x, axis=-1), abs=1e-9)


def test_entropy_equals_torch_distribution_and_its_gradient_is_finite(draw):
    p = torch.softmax(draw(4, 6), -1)
    expected = torch.distributions.Categorical(probs=p).entropy()
    torch.testing.assert_close(entropy(p), expected)
    certain = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    entropy(certain).backward()
    assert torch.isfinite(certain.grad).all()
    assert str(entropy(np.array([0.0, 1.0]))) == "0.0"  # not -0.0
    assert entropy(np.full(8, 1 / 8), base=2) == pytest.approx(3)


def test_temperature_limits(array):
    x = array([0.0, 1.0, 1.0 + 1e-3])
    assert as_numpy(softmax(x, temperature=1e-6)) == pytest.approx([0, 0, 1], abs=1e-12)
    assert as_numpy(softmax(x, temperature=1e9)) == pytest.approx(np.full(3, 1 / 3), abs=1e-8)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_extreme_scores_give_no_nan(array, dtype):
    inf = math.inf
    x = array([[1e4, -1e4, 0], [-inf, 1e4, -inf], [-inf] * 3, [1e4, 1e4, -inf]], dtype)
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0.5, 0.5, 0]]
    for temperature in (1, 1e-30, 1e30):
        with np.errstate(over="ignore"):  # -2e4 / 1e-30 is -inf in half precision, rightly
            p = as_numpy(softmax(x, temperature=temperature))
        assert np.isfinite(p).all()
        if temperature <= 1:
            assert p.tolist() == expected
    assert as_numpy(logsumexp(x[1:3])).tolist() == [1e4, -inf]
    assert as_numpy(logsumexp(array([[0, inf]], dtype))).tolist() == [inf]


def test_gradient_through_a_masked_row_is_zero():
    x = torch.tensor([[-math.inf, -math.inf], [0.0, -math.inf]], requires_grad=True)
    softmax(x).square().sum().backward()
    assert x.grad.tolist() == [[0, 0], [0, 0]]


def test_jacobian_and_backward_equal_autograd(draw):
    x = draw(5) * 3
    torch.testing.assert_close(
        softmax_jacobian(softmax(x)), torch.func.jacrev(lambda z: torch.softmax(z, -1))(x)
    )
    torch.testing.assert_close(softmax_jacobian(softmax(x)), torch.func.jacrev(softmax)(x))

    batch, gradient = (draw(2, 3, 5) * 3).requires_grad_(), draw(2, 3, 5)
    torch.softmax(batch, -1).backward(gradient)
    backward = softmax_backward(softmax(batch.detach()), gradient)
    torch.testing.assert_close(backward, batch.grad)
    jacobian = softmax_jacobian(softmax(batch.detach()))
    torch.testing.assert_close((jacobian @ gradient[..., None])[..., 0], backward)
    assert torch.autograd.gradcheck(softmax, x.requires_grad_())
    assert torch.autograd.gradcheck(logsumexp, x)


def test_jacobian_equals_finite_differences(draw):
    x, h = draw(6).numpy(), 1e-6
    differences = np.stack(
        [(softmax(x + h * e) - softmax(x - h * e)) / (2 * h) for e in np.eye(6)], axis=-1
    )
    assert softmax_jacobian(softmax(x)) == pytest.approx(differences, abs=1e-9)


@given(matrices)
def test_jacobian_is_positive_with_norm_at_most_a_half(x):
    values = np.linalg.eigvalsh(softmax_jacobian(softmax(x)))
    assert np.all(values >= -1e-12)
    assert np.all(values <= 0.5 + 1e-12)
    assert softmax_jacobian(softmax(x)).sum(-1) == pytest.approx(0, abs=1e-12)


def test_strict_array_api():
    strict = pytest.importorskip("array_api_strict")
    x = strict.asarray([[0.5, 2.0, -1.0]], dtype=strict.float32)
    p = softmax(x, temperature=2.0)
    assert p.dtype == strict.float32
    for y in (logsumexp(x), entropy(p), softmax_jacobian(p), softmax_backward(p, x)):
        assert y.dtype == strict.float32
