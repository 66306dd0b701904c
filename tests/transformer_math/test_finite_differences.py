"""Central differences against torch.autograd, and their error against its theory."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.calculus import check_gradient, gradient, jacobian
from transformer_math.probability import logsumexp, softmax, softmax_jacobian

ACCURACY = {"float32": 1e-3, "float64": 1e-9}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_equals_autograd(draw, array, dtype):
    x = draw(3, 4).requires_grad_()
    torch.logsumexp(x, dim=(0, 1)).backward()
    f = lambda t: logsumexp(t.reshape(12))  # noqa: E731
    measured = gradient(f, array(x.detach(), dtype))
    assert str(measured.dtype).endswith(dtype)
    assert np.asarray(measured) == pytest.approx(x.grad.numpy(), abs=ACCURACY[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_jacobian_equals_autograd(draw, array, dtype):
    x, a = draw(2, 3), draw(3, 4)
    expected = torch.func.jacrev(lambda t: torch.tanh(t @ a))(x)
    a = array(a, dtype)
    tanh = torch.tanh if isinstance(a, torch.Tensor) else np.tanh
    measured = jacobian(lambda t: tanh(t @ a), array(x, dtype))
    assert measured.shape == (2, 4, 2, 3)
    assert str(measured.dtype).endswith(dtype)
    assert np.asarray(measured) == pytest.approx(expected.numpy(), abs=ACCURACY[dtype])


def test_rows_are_outputs_and_columns_inputs(array):
    """The convention of the course: J has a row for each output."""
    x = array([2.0, 3.0])
    j = jacobian(lambda t: t[:1] * t[1:], x)
    assert np.asarray(j) == pytest.approx(np.array([[3.0, 2.0]]))
    assert np.asarray(jacobian(lambda t: t * t, array(3.0))) == pytest.approx(6)
    assert np.asarray(gradient(lambda t: float(t) ** 3, array(2.0))) == pytest.approx(12)
    assert jacobian(lambda t: t * 2, array(np.zeros((0, 2)))).shape == (0, 2, 0, 2)
    assert check_gradient(lambda t: t * 2, array(np.zeros((0, 0))), array(np.zeros(0))) == 0


def test_torch_comes_back_without_a_graph(draw):
    x, w = draw(3).requires_grad_(), draw(3).requires_grad_()
    measured = gradient(lambda t: (t * w).sum(), x)
    assert not measured.requires_grad
    assert x.grad is None
    torch.testing.assert_close(measured, w.detach())
    assert check_gradient(lambda t: (t * w).sum(), w, x) < 1e-9


@given(st.floats(-3, 3), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_exact_for_parabolas_whatever_the_step(x, a, b):
    """Truncation has no share: the third derivative is 0."""
    x = np.asarray([x])
    slope = gradient(lambda t: (a * t * t + b * t)[0], x, step=0.5)
    assert slope == pytest.approx(2 * a * x + b, abs=1e-9)


@pytest.mark.parametrize(("x", "step"), [(0.7, 1e-2), (0.7, 1e-3), (1.3, 1e-2)])
def test_truncation_is_the_third_derivative_by_step_squared_over_six(x, step):
    error = gradient(lambda t: np.sin(t), np.asarray(x), step) - math.cos(x)
    assert error == pytest.approx(-math.cos(x) * step**2 / 6, rel=1e-2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_default_step_is_near_the_best(array, dtype):
    """Both a much larger and a much smaller step do worse, on the mean over many places."""
    x = array(np.linspace(0.5, 2.5, 41), dtype)
    exp = torch.exp if isinstance(x, torch.Tensor) else np.exp

    def error(step):
        measured = [float(gradient(exp, point, step)) for point in x]
        return np.mean(np.abs(np.asarray(measured) - np.exp(np.linspace(0.5, 2.5, 41))))

    best = float(np.finfo(dtype).eps) ** (1 / 3)
    assert error(None) < error(best * 100) / 5
    assert error(None) < error(best / 100) / 5
    assert error(None) < 20 * best**2


def test_step_grows_with_x(array):
    """At 1e8 an absolute step of 6e-6 would hardly change x."""
    x = array([1e8, 1e-8, -2e5])
    assert np.asarray(gradient(lambda t: (t * t).sum() / 2, x)) == pytest.approx(
        np.asarray(x), rel=1e-6, abs=1e-5
    )


def test_check_gives_the_error_of_a_right_derivative(array, draw):
    x = array(draw(5))
    p = softmax(x)
    assert 0 < check_gradient(logsumexp, p, x) < 1e-9
    assert 0 < check_gradient(logsumexp, softmax, x) < 1e-9
    assert 0 < check_gradient(softmax, softmax_jacobian(p), x) < 1e-9
    single = array(draw(5), "float32")
    assert 0 < check_gradient(logsumexp, softmax, single) < 1e-2
    # At a minimum there is nothing but rounding, which must not count as an error of 100 %.
    assert check_gradient(lambda t: ((t - x) ** 2).sum(), x * 0, x) < 1e-6
    assert check_gradient(lambda t: (t * 0).sum() + 7, x * 0, x) == 0


def test_check_tells_a_wrong_derivative(array):
    x = array([1.0, 2.0, 3.0])
    cube = lambda t: (t**3).sum()  # noqa: E731
    wrong = array([3.0, 12.0, 27.5])
    with pytest.raises(ValueError) as caught:
        check_gradient(cube, wrong, x)
    for words in (
        "derivative[2] is 27.5",
        "give 27",
        "relative error of 0.018",
        "allowed: 0.00012",
    ):
        assert words in str(caught.value)
    assert check_gradient(cube, wrong, x, tolerance=0.02) == pytest.approx(0.5 / 27.5, rel=1e-6)
    first = array([[1.0, 0, 0], [0, 0, 0], [1, 0, 0]])
    with pytest.raises(ValueError, match=r"derivative\[1, 0\] is 0 where .* give 1"):
        check_gradient(lambda t: t[:1] + t * 0, first, x)
    with pytest.raises(ValueError, match="derivative is 5 where"):
        check_gradient(lambda t: t * t, array(5.0), array(2.0))
    small = array([1e-3, 2e-3])
    with pytest.raises(ValueError, match="relative error of 0.5"):
        check_gradient(lambda t: (t * t).sum(), small, small)  # a forgotten factor of 2


X, LONG = np.ones(3), np.ones(2)
total = np.sum
NOT_POSITIVE = [0, -1.0, math.nan, math.inf, "1", True]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, values, call, *words):
    return [case(f"{name} {v!r}", lambda v=v: call(v), *words) for v in values]


def ragged():
    sizes = iter(range(100))
    return lambda x: np.zeros(next(sizes) // 2)


ERRORS = [
    *[
        each_case
        for f in (gradient, jacobian)
        for each_case in (
            case(f"{f.__name__} list", lambda f=f: f(total, [1.0]), "x is a list"),
            case(f"{f.__name__} number", lambda f=f: f(total, 1.0), "x is a float"),
            case(f"{f.__name__} ints", lambda f=f: f(total, X.astype(int)), "x has dtype int64"),
            case(f"{f.__name__} NaN", lambda f=f: f(total, X * math.nan), "x has", "NaN"),
            case(f"{f.__name__} infinity", lambda f=f: f(total, X * math.inf), "x has", "inf"),
            *each(f"{f.__name__} step", NOT_POSITIVE, lambda h, f=f: f(total, X, h), "step is"),
            case(f"{f.__name__} tiny step", lambda f=f: f(total, X, 1e-30), "step is 1e-30"),
            case(f"{f.__name__} none", lambda f=f: f(lambda x: None, X), "f gives None"),
            case(f"{f.__name__} text", lambda f=f: f(lambda x: "1", X), "f gives '1'"),
            case(f"{f.__name__} complex", lambda f=f: f(lambda x: total(x) * 1j, X), "f gives"),
            case(
                f"{f.__name__} library",
                lambda f=f: f(lambda x: torch.ones(()), X),
                "f gives tensor",
            ),
            case(f"{f.__name__} NaN value", lambda f=f: f(lambda x: math.nan, X), "f gives NaN"),
            case(
                f"{f.__name__} pole",
                lambda f=f: f(lambda x: math.inf if x[0] > 1 else 0.0, X),
                "f gives NaN or infinity",
            ),
        )
    ],
    case("gradient vector", lambda: gradient(lambda x: x, X), "f gives an array", "(3,)", "one"),
    case("ragged", lambda: jacobian(ragged(), X), "different shapes"),
    case("check x", lambda: check_gradient(total, X, [1.0]), "x is a list"),
    case("check step", lambda: check_gradient(total, X, X, step=0), "step is 0"),
    *each(
        "check tolerance", NOT_POSITIVE, lambda t: check_gradient(total, X, X, t), "tolerance is"
    ),
    case(
        "check shape", lambda: check_gradient(total, LONG, X), "derivative has shape (2,)", "(3,)"
    ),
    case("check list", lambda: check_gradient(total, [1.0], X), "derivative has list", "(3,)"),
    case("check library", lambda: check_gradient(total, torch.ones(3), X), "derivative has Tensor"),
    case("check NaN", lambda: check_gradient(total, X * math.nan, X), "derivative has", "NaN"),
    case("check call", lambda: check_gradient(total, lambda x: LONG, X), "derivative has shape"),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("call", "words"), ERRORS)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
