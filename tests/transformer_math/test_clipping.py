"""Gradient clipping against torch.nn.utils."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.learning import clip_by_norm, clip_by_value

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


def gradients_of(draw, kind):
    arrays = {"w": draw(3, 4), "b": draw(5), "scalar": draw(1)[0]}
    return arrays if kind is dict else kind(arrays.values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [list, tuple, dict])
@pytest.mark.parametrize("max_norm", [1e-3, 0.5, 3.0, 1e3])
def test_clip_by_norm_equals_torch(draw, array, dtype, kind, max_norm):
    drawn = gradients_of(draw, kind)
    tensors = list(drawn.values()) if kind is dict else list(drawn)
    parameters = [torch.zeros_like(x, dtype=getattr(torch, dtype)) for x in tensors]
    for parameter, x in zip(parameters, tensors, strict=True):
        parameter.grad = x.to(parameter.dtype).clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    ours = [array(x.numpy(), dtype) for x in tensors]
    ours = dict(zip(drawn, ours, strict=True)) if kind is dict else kind(ours)
    clipped, total = clip_by_norm(ours, max_norm)
    assert type(clipped) is kind and str(total.dtype).endswith(dtype)
    assert float(total) == pytest.approx(float(norm), rel=TOLERANCE[dtype])
    values = clipped.values() if kind is dict else clipped
    for x, parameter in zip(values, parameters, strict=True):
        expected = parameter.grad.numpy()
        assert np.asarray(x) == pytest.approx(expected, rel=TOLERANCE[dtype], abs=1e-12)
        assert str(x.dtype).endswith(dtype)
    if kind is dict:
        assert list(clipped) == ["w", "b", "scalar"]


@pytest.mark.parametrize("limit", [0.1, 1.0, 100.0])
def test_clip_by_value_equals_torch(draw, array, limit):
    tensors = gradients_of(draw, list)
    parameters = [torch.zeros_like(x) for x in tensors]
    for parameter, x in zip(parameters, tensors, strict=True):
        parameter.grad = x.clone()
    torch.nn.utils.clip_grad_value_(parameters, limit)
    clipped = clip_by_value([array(x.numpy()) for x in tensors], limit)
    for x, parameter in zip(clipped, parameters, strict=True):
        assert (np.asarray(x) == parameter.grad.numpy()).all()


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=6), st.floats(1e-3, 1e3))
def test_clipping_keeps_the_direction_and_bounds_the_norm(values, max_norm):
    g = np.array(values)
    (clipped,), norm = clip_by_norm([g], max_norm)
    assert norm == pytest.approx(math.hypot(*values), rel=1e-12)
    assert math.hypot(*clipped) <= max_norm * (1 + 1e-12)
    assert (np.abs(clipped) <= np.abs(g)).all()
    assert clipped * norm == pytest.approx(g * math.hypot(*clipped), rel=1e-9, abs=1e-9)


def test_clipping_of_extreme_and_zero_gradients(array):
    (clipped,), norm = clip_by_norm([array([3e30, 4e30], "float32")], 1.0)
    assert float(norm) == pytest.approx(5e30) and np.asarray(clipped) == pytest.approx([0.6, 0.8])
    (clipped,), norm = clip_by_norm((array([0.0, 0.0]),), 1.0)
    assert float(norm) == 0 and np.asarray(clipped).tolist() == [0, 0]
    (empty, _), norm = clip_by_norm([array([]), array([2.0])], 1.0)
    assert empty.shape == (0,) and float(norm) == 2


def case(name, call, *words):
    return pytest.param(call, words, id=name)


X = np.ones(3)
NOT_POSITIVE = [0, -1.0, math.nan, math.inf, "1", None, True]
CLIPPING = [
    test
    for clip in (clip_by_norm, clip_by_value)
    for test in (
        case(f"{clip.__name__} array", lambda c=clip: c(X, 1.0), "gradients is a ndarray"),
        case(f"{clip.__name__} generator", lambda c=clip: c(iter([X]), 1.0), "gradients is a"),
        case(f"{clip.__name__} empty", lambda c=clip: c([], 1.0), "gradients is an empty list"),
        case(f"{clip.__name__} list", lambda c=clip: c([[1.0]], 1.0), "gradients[0] is a list"),
        case(f"{clip.__name__} none", lambda c=clip: c({"w": None}, 1.0), "gradients['w'] is a"),
        case(f"{clip.__name__} int", lambda c=clip: c([X.astype(int)], 1.0), "gradients[0]", "int"),
        case(f"{clip.__name__} dtypes", lambda c=clip: c([X, X.astype("f")], 1.0), "gradients[1]"),
        case(f"{clip.__name__} kinds", lambda c=clip: c([X, torch.ones(3)], 1.0), "libraries"),
        *(
            case(f"{clip.__name__} {v!r}", lambda c=clip, v=v: c([X], v), f"is {v!r}", "above 0")
            for v in NOT_POSITIVE
        ),
    )
] + [
    case("norm inf", lambda: clip_by_norm([X * math.inf], 1.0), "gradients have norm inf"),
    case("no entry", lambda: clip_by_norm([X[:0]], 1.0), "gradients have no entry", "at least one"),
    case("norm one NaN", lambda: clip_by_norm([X, X * math.nan], 1.0), "norm nan"),
    case("norm NaN", lambda: clip_by_norm([X * math.nan], 1.0), "norm nan", "finite"),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("call, words", CLIPPING)
def test_errors(call, words):
    with pytest.raises(ValueError) as error:
        call()
    for word in words:
        assert word in str(error.value)
