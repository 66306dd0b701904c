"""Activations and their derivatives against torch and by their laws; log-softmax beside them."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.calculus import check_gradient
from transformer_math.networks import (
    activation_derivative,
    geglu,
    gelu,
    leaky_relu,
    normal_cdf,
    relu,
    sigmoid,
    silu,
    softplus,
    swiglu,
    tanh,
)
from transformer_math.probability import log_softmax, softmax

# name: (ours, torch's, options of ours)
ACTIVATIONS = {
    "sigmoid": (sigmoid, torch.sigmoid, {}),
    "tanh": (tanh, torch.tanh, {}),
    "relu": (relu, F.relu, {}),
    "leaky_relu": (leaky_relu, F.leaky_relu, {}),
    "leaky_relu 0.3": (leaky_relu, lambda x: F.leaky_relu(x, 0.3), {"slope": 0.3}),
    "gelu": (gelu, F.gelu, {}),
    "gelu tanh": (gelu, lambda x: F.gelu(x, approximate="tanh"), {"approximate": True}),
    "silu": (silu, F.silu, {}),
    "silu 1.7": (silu, lambda x: x * torch.sigmoid(1.7 * x), {"beta": 1.7}),
    "softplus": (softplus, lambda x: F.softplus(x, threshold=1e9), {}),
}
TOLERANCE = {"float32": 3e-6, "float64": 2e-14}
POINTS = [*np.linspace(-12, 12, 97), -0.01, 0.01, 1e-9, -1e-9, -25.0, 25.0]
finite = arrays.arrays(np.float64, st.integers(1, 8), elements=st.floats(-50, 50))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_torch(array, dtype, name):
    ours, theirs, options = ACTIVATIONS[name]
    expected = theirs(torch.tensor(POINTS, dtype=torch.float64)).numpy()
    y = ours(array(POINTS, dtype), **options)
    assert str(y.dtype).endswith(dtype)
    assert y.shape == (len(POINTS),)
    assert np.asarray(y) == pytest.approx(expected, rel=TOLERANCE[dtype], abs=TOLERANCE[dtype])


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_derivative_equals_autograd(array, dtype, name):
    _, theirs, options = ACTIVATIONS[name]
    x = torch.tensor([*POINTS, 0.0], dtype=torch.float64, requires_grad=True)
    theirs(x).sum().backward()
    slope = activation_derivative(name.split()[0], array(x.detach(), dtype), **options)
    assert str(slope.dtype).endswith(dtype)
    assert np.asarray(slope) == pytest.approx(x.grad.numpy(), abs=TOLERANCE[dtype])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_equals_finite_differences_and_own_autograd(array, name):
    ours, _, options = ACTIVATIONS[name]
    x = array([-3.3, -1.2, -0.4, 0.3, 1.1, 2.7])  # none of the kinks is near
    slope = activation_derivative(name.split()[0], x, **options)
    assert check_gradient(lambda t: ours(t, **options), np_or_torch_diagonal(slope), x) < 1e-9
    own = torch.tensor([*POINTS, 0.0], dtype=torch.float64, requires_grad=True)
    ours(own, **options).sum().backward()
    formula = activation_derivative(name.split()[0], own.detach(), **options)
    torch.testing.assert_close(own.grad, formula, rtol=1e-12, atol=1e-14)


def np_or_torch_diagonal(v):
    return torch.diag(v) if isinstance(v, torch.Tensor) else np.diag(v)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ends_are_limits_without_overflow(array, dtype, name):
    """Value and derivative far out, infinity included, are the limits; NaN stays NaN."""
    ours, _, options = ACTIVATIONS[name]
    name = name.split()[0]
    far = [-math.inf, -1e30, -1e4, 1e4, 1e30, math.inf]
    low = options.get("slope", 0.01) if name == "leaky_relu" else {"tanh": -1.0}.get(name, 0.0)
    bounded = name in ("sigmoid", "tanh")
    x = array(far, dtype)
    expected = [low * v for v in far[:3]] if name == "leaky_relu" else [low] * 3
    expected += [1.0] * 3 if bounded else far[3:]
    assert np.asarray(ours(x, **options)) == pytest.approx(expected, rel=1e-6)
    slopes = [low if name == "leaky_relu" else 0.0] * 3 + [0.0 if bounded else 1.0] * 3
    assert np.asarray(activation_derivative(name, x, **options)) == pytest.approx(slopes, rel=1e-6)
    nan = array([math.nan], dtype)
    with np.errstate(invalid="ignore"):  # NumPy may say so; the result must say so
        assert np.isnan(np.asarray(ours(nan, **options))).all()
    assert np.isnan(np.asarray(activation_derivative(name, nan, **options))).all()


def test_left_tails_keep_their_digits(array):
    """Relative accuracy where 1 + erf and 1 - sigmoid would have cancelled."""
    special = pytest.importorskip("scipy.special")
    x = np.array([-35.0, -20, -9, -6, -3, -1])
    assert normal_cdf(x) == pytest.approx(special.ndtr(x), rel=1e-13, abs=0)
    assert np.asarray(normal_cdf(array(x))) == pytest.approx(special.ndtr(x), abs=2e-16)
    assert gelu(x) == pytest.approx(x * special.ndtr(x), rel=1e-13, abs=0)
    assert np.asarray(gelu(array(x))) == pytest.approx(x * special.ndtr(x), abs=1e-15)
    assert np.asarray(sigmoid(array(x))) == pytest.approx(special.expit(x), rel=1e-14, abs=0)
    assert np.asarray(sigmoid(array([-700.0]))) == pytest.approx(math.exp(-700), rel=1e-12, abs=0)
    small = np.asarray(softplus(array([-700.0])))
    assert small == pytest.approx(math.exp(-700), rel=1e-12, abs=0)
    tail = np.asarray(activation_derivative("tanh", array([20.0])))
    assert tail == pytest.approx(4 * math.exp(-40), rel=1e-12, abs=0)


def test_worked_values(array):
    """Values that a pocket calculator with a table of the normal distribution gives."""
    assert np.asarray(gelu(array([1.0, -1.0]))) == pytest.approx([0.8413447461, -0.1586552539])
    assert np.asarray(silu(array([1.0]))) == pytest.approx([1 / (1 + math.exp(-1))])
    assert np.asarray(softplus(array([0.0]))) == pytest.approx([math.log(2)])
    for name, at_zero in (("sigmoid", 0.25), ("tanh", 1), ("gelu", 0.5), ("silu", 0.5)):
        assert np.asarray(activation_derivative(name, array([0.0])))[0] == pytest.approx(at_zero)
    x = np.linspace(-6, 6, 2001)
    worst = np.max(np.abs(gelu(x) - gelu(x, approximate=True)))
    assert 4e-4 < worst < 5e-4  # the approximation is good to three decimals


def test_gated_units_equal_their_definition(draw, array):
    gate, value = draw(3, 4), draw(3, 4)
    both = array(gate), array(value)
    assert np.asarray(swiglu(*both)) == pytest.approx((F.silu(gate) * value).numpy(), abs=1e-15)
    assert np.asarray(geglu(*both)) == pytest.approx((F.gelu(gate) * value).numpy(), abs=1e-15)
    leaves = gate.requires_grad_(), value.requires_grad_()
    assert torch.autograd.gradcheck(swiglu, leaves)
    assert torch.autograd.gradcheck(geglu, leaves)


@given(finite)
def test_symmetries(x):
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1, abs=1e-15)
    assert tanh(x) == pytest.approx(2 * sigmoid(2 * x) - 1, abs=1e-15)
    assert softplus(x) - softplus(-x) == pytest.approx(x, abs=1e-12)
    assert softplus(x) == pytest.approx(-np.log(sigmoid(-x)), rel=1e-12)
    for f in (gelu, silu, relu):  # x f(x) split by a symmetric gate: both halves make x
        assert f(x) - f(-x) == pytest.approx(x, abs=1e-12)
    assert leaky_relu(x, 0.0) == pytest.approx(relu(x))
    assert leaky_relu(x, 1) == pytest.approx(x)
    assert silu(x, 1e4) == pytest.approx(relu(x), abs=1e-4)
    assert silu(x, 1e-9) == pytest.approx(x / 2, abs=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-13)])
@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("temperature", [0.3, 1, 7.0])
def test_log_softmax_equals_torch(draw, array, dtype, tolerance, axis, temperature):
    x = draw(3, 4, 5) * 8
    expected = torch.log_softmax(x / temperature, dim=axis).numpy()
    log_p = log_softmax(array(x, dtype), axis=axis, temperature=temperature)
    assert str(log_p.dtype).endswith(dtype)
    assert np.asarray(log_p) == pytest.approx(expected, rel=tolerance, abs=tolerance * 20)


@given(arrays.arrays(np.float64, (2, 5), elements=st.floats(-500, 500)), st.floats(-1e3, 1e3))
def test_log_softmax_laws(x, shift):
    log_p = log_softmax(x)
    assert np.exp(log_p) == pytest.approx(softmax(x), abs=1e-12)
    assert log_softmax(x + shift) == pytest.approx(log_p, abs=1e-9)
    assert log_softmax(log_p) == pytest.approx(log_p, abs=1e-9)  # normalising twice changes nothing


@pytest.mark.filterwarnings("error")
def test_log_softmax_of_ruled_out_and_of_huge_scores(array, draw):
    inf = math.inf
    x = array([[-inf, 3.0, 3.0], [-inf, -inf, -inf], [1e4, -1e4, 0.0]])
    expected = [[-inf, -math.log(2), -math.log(2)], [-inf] * 3, [0, -2e4, -1e4]]
    assert np.asarray(log_softmax(x)) == pytest.approx(np.array(expected))
    leaf = torch.tensor([[0.5, -inf, 1.0], [-inf] * 3], dtype=torch.float64, requires_grad=True)
    log_softmax(leaf)[0, 0].backward()
    assert torch.isfinite(leaf.grad).all()
    p = softmax(leaf.detach())[0].tolist()
    assert leaf.grad[0].tolist() == pytest.approx([1 - p[0], 0, -p[2]])
    assert torch.autograd.gradcheck(log_softmax, draw(2, 3).requires_grad_())


def test_strict_array_api():
    strict = pytest.importorskip("array_api_strict")
    x = strict.asarray([[0.5, 2.0, -1.0]], dtype=strict.float32)
    for name, (ours, _, options) in ACTIVATIONS.items():
        assert ours(x, **options).dtype == strict.float32
        assert activation_derivative(name.split()[0], x, **options).dtype == strict.float32
    assert log_softmax(x).dtype == strict.float32
    assert swiglu(x, x).dtype == strict.float32


X, INTEGERS = np.ones((2, 3)), np.ones((2, 3), dtype=int)
UNARY = [sigmoid, tanh, relu, leaky_relu, gelu, silu, softplus, normal_cdf, log_softmax]
NOT_FINITE = [math.nan, math.inf, "1", None, True]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        *[
            case(f"{f.__name__} {kind}", lambda f=f, x=x: f(x), "x ", word)
            for f in UNARY
            for kind, x, word in (
                ("list", [1.0], "x is a list; allowed: a NumPy array or a torch tensor"),
                ("integers", INTEGERS, "x has dtype int64; allowed: a floating-point dtype"),
            )
        ],
        *[case(f"slope {v!r}", lambda v=v: leaky_relu(X, v), "slope is") for v in NOT_FINITE],
        *[case(f"beta {v!r}", lambda v=v: silu(X, v), "beta is") for v in [*NOT_FINITE, 0, -1]],
        *[case(f"tanh {v!r}", lambda v=v: gelu(X, v), "approximate is") for v in (None, 1, "tanh")],
        *[
            case(f"{f.__name__} {kind}", lambda f=f, a=a, b=b: f(a, b), *words)
            for f in (swiglu, geglu)
            for kind, a, b, *words in (
                ("shape", X, X[:1], "value has shape (1, 3)", "(2, 3)"),
                ("dtype", X, X.astype("f"), "value has dtype float32"),
                ("library", X, torch.ones(2, 3), "different libraries"),
                ("list", [1.0], X, "gate is a list"),
                ("integers", X, INTEGERS, "value has dtype int64"),
            )
        ],
        case("name", lambda: activation_derivative("swish", X), "name is 'swish'", "gelu, silu"),
        case("unhashable name", lambda: activation_derivative(["a"], X), "name is ['a']"),
        case("option", lambda: activation_derivative("relu", X, slope=1), "slope is no option"),
        case("option name", lambda: activation_derivative("silu", X, b=1), "b is no", "beta"),
        case("option value", lambda: activation_derivative("silu", X, beta=0), "beta is 0"),
        case("slope", lambda: activation_derivative("leaky_relu", X, slope=None), "slope is None"),
        case("flag", lambda: activation_derivative("gelu", X, approximate=1), "approximate is 1"),
        case("list", lambda: activation_derivative("gelu", [1.0]), "x is a list"),
        case("integers", lambda: activation_derivative("relu", INTEGERS), "x has dtype int64"),
        case("axis", lambda: log_softmax(X, axis=2), "axis is 2", "(2, 3)"),
        case("empty", lambda: log_softmax(X[:, :0]), "axis is -1", "at least one entry"),
        *[
            case(f"T {v!r}", lambda v=v: log_softmax(X, temperature=v), "temperature is")
            for v in [*NOT_FINITE, 0, -1]
        ],
    ],
)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
