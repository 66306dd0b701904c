"""Layer norm and RMS norm against torch, and by their laws."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.networks import layer_norm, rms_norm

vectors = arrays.arrays(np.float64, (3, 8), elements=st.floats(-100, 100))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("eps", [1e-5, 1e-12, 1])
def test_equals_torch(draw, array, dtype, tolerance, eps):
    x, gain, bias = draw(2, 5, 7) * 3 + 1, draw(7), draw(7)
    expected = torch.nn.functional.layer_norm(x, (7,), gain, bias, eps)
    y = layer_norm(array(x, dtype), array(gain, dtype), array(bias, dtype), eps=eps)
    assert str(y.dtype).endswith(dtype)
    assert np.asarray(y) == pytest.approx(expected.numpy(), abs=tolerance)
    plain = torch.nn.functional.layer_norm(x, (7,), eps=eps)
    assert np.asarray(layer_norm(array(x, dtype), eps=eps)) == pytest.approx(
        plain.numpy(), abs=tolerance
    )


@given(vectors, st.floats(0.1, 10), st.floats(-100, 100))
def test_mean_variance_and_invariance(x, a, b):
    y = layer_norm(x, eps=1e-12)
    assert y.mean(-1) == pytest.approx(0, abs=1e-9)
    assert np.all(y.var(-1) <= 1 + 1e-9)
    if np.all(x.std(-1) > 1e-2):
        assert y.var(-1) == pytest.approx(1, abs=1e-6)
        assert layer_norm(a * x + b, eps=1e-12) == pytest.approx(y, abs=1e-4)


def test_constant_vector_gives_the_bias(array):
    bias = array([1.0, 2.0, 3.0])
    y = layer_norm(array([[5.0, 5.0, 5.0]]), gain=array([9.0, 9.0, 9.0]), bias=bias)
    assert np.asarray(y).tolist() == [[1, 2, 3]]


def test_gradient(draw):
    x, gain, bias = draw(2, 4), draw(4), draw(4)
    inputs = tuple(tensor.requires_grad_() for tensor in (x, gain, bias))
    assert torch.autograd.gradcheck(layer_norm, inputs)
    # Its Jacobian annihilates the constant direction and, as eps goes to 0, its own output.
    vector = x[0].detach()
    jacobian = torch.func.jacrev(lambda z: layer_norm(z, eps=1e-14))(vector)
    assert (jacobian @ torch.ones(4, dtype=torch.float64)).abs().max() < 1e-12
    assert (jacobian @ layer_norm(vector, eps=1e-14)).abs().max() < 1e-12


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("eps", [1e-6, 1e-12, 1])
def test_rms_norm_equals_torch(draw, array, dtype, tolerance, eps):
    x, gain = draw(2, 5, 7) * 3 + 1, draw(7)
    expected = torch.nn.functional.rms_norm(x, (7,), gain, eps)
    y = rms_norm(array(x, dtype), array(gain, dtype), eps=eps)
    assert str(y.dtype).endswith(dtype)
    assert np.asarray(y) == pytest.approx(expected.numpy(), abs=tolerance)
    plain = torch.nn.functional.rms_norm(x, (7,), eps=eps)
    assert np.asarray(rms_norm(array(x, dtype), eps=eps)) == pytest.approx(
        plain.numpy(), abs=tolerance
    )


@given(vectors, st.floats(0.1, 10))
def test_rms_norm_forgets_length_and_is_layer_norm_of_what_is_centred(x, a):
    y = rms_norm(x, eps=1e-12)
    assert np.all((y**2).mean(-1) <= 1 + 1e-9)
    if np.all(np.abs(x).max(-1) > 1e-2):
        assert (y**2).mean(-1) == pytest.approx(1, abs=1e-6)
        assert rms_norm(a * x, eps=1e-12) == pytest.approx(y, abs=1e-4)
    centred = x - x.mean(-1, keepdims=True)
    if np.all(centred.std(-1) > 1e-2):
        assert rms_norm(centred, eps=1e-12) == pytest.approx(layer_norm(x, eps=1e-12), abs=1e-6)


def test_rms_norm_of_zero_is_zero(array):
    assert not np.asarray(rms_norm(array([[0.0, 0.0]]))).any()


def test_rms_norm_gradient(draw):
    inputs = tuple(tensor.requires_grad_() for tensor in (draw(2, 4), draw(4)))
    assert torch.autograd.gradcheck(rms_norm, inputs)


X = np.ones((2, 6))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: rms_norm([1.0]), "x is a list; allowed: a NumPy array or a torch tensor"),
        (lambda: rms_norm(np.ones((2, 6), dtype=int)), "x has dtype int64"),
        (lambda: rms_norm(np.float64(1.0)), "x has shape (); allowed: (..., width)"),
        (lambda: rms_norm(X[:, :0]), "x has shape (2, 0)"),
        (lambda: rms_norm(X, X[0, :5]), "gain has shape (5,); allowed: (6,)"),
        (lambda: rms_norm(X, X), "gain has shape (2, 6); allowed: (6,)"),
        (lambda: rms_norm(X, X[0].astype("f")), "gain has dtype float32 but x has float64"),
        (lambda: rms_norm(X, torch.ones(6)), "different libraries"),
        (lambda: rms_norm(X, eps=0), "eps is 0; allowed: a finite number above 0"),
        (lambda: rms_norm(X, eps=float("nan")), "eps is nan"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rms_norm_errors(call, words, unchecked):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)
