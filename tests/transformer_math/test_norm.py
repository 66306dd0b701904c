"""Layer norm against torch, and by its laws."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_math import layer_norm

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
