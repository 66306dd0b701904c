"""Update rules, step for step against torch.optim."""

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.learning import Velocity, adam, adamw, minimise, momentum, nesterov, sgd
from transformer_math.learning.adaptive import Moments, SquareMean, SquareSum, adagrad, rmsprop

STEPS = 50
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
RULES = {rule.__name__: rule for rule in (sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw)}
RATE = {"learning_rate": 0.05}


def grid(rule, optimiser, fixed=None, names=None, **values):
    """Every combination of the values, under our names and, translated, under torch's."""
    for chosen in itertools.product(*values.values()):
        ours = dict(zip(values, chosen, strict=True))
        theirs = {(names or {}).get(name, name): value for name, value in ours.items()}
        theirs |= fixed or {}
        if "beta1" in theirs:
            theirs["betas"] = theirs.pop("beta1"), theirs.pop("beta2")
        theirs["lr"] = theirs.pop("learning_rate")
        shown = " ".join(f"{name}={value}" for name, value in ours.items())
        yield pytest.param(rule, ours, optimiser, theirs, id=f"{rule.__name__} {shown}")


RATES, DECAYS = (0.3, 0.01), (0.0, 0.1)
CASES = [
    *grid(sgd, torch.optim.SGD, learning_rate=RATES, weight_decay=DECAYS),
    *grid(
        momentum,
        torch.optim.SGD,
        names={"beta": "momentum"},
        learning_rate=RATES,
        beta=(0.5, 0.9),
        dampening=(0.0, 0.4),
        weight_decay=DECAYS,
    ),
    *grid(
        momentum,
        torch.optim.SGD,
        names={"beta": "momentum"},
        learning_rate=RATES,
        beta=(0.0,),  # torch then skips dampening
        weight_decay=DECAYS,
    ),
    *grid(
        nesterov,
        torch.optim.SGD,
        fixed={"nesterov": True},
        names={"beta": "momentum"},
        learning_rate=RATES,
        beta=(0.5, 0.9),
        weight_decay=DECAYS,
    ),
    *grid(
        adagrad,
        torch.optim.Adagrad,
        learning_rate=RATES,
        eps=(1e-10, 1e-2),
        weight_decay=DECAYS,
    ),
    *grid(
        rmsprop,
        torch.optim.RMSprop,
        names={"beta": "alpha", "centred": "centered"},
        learning_rate=(0.01,),
        beta=(0.0, 0.9, 0.99),
        eps=(1e-8, 1e-2),
        centred=(False,),
        weight_decay=DECAYS,
    ),
    *grid(
        rmsprop,
        torch.optim.RMSprop,
        names={"beta": "alpha", "centred": "centered"},
        learning_rate=(0.01,),
        beta=(0.9, 0.99),
        eps=(1e-4, 1e-2),
        centred=(True,),
        weight_decay=DECAYS,
    ),
    *(
        case
        for rule, optimiser in ((adam, torch.optim.Adam), (adamw, torch.optim.AdamW))
        for case in grid(
            rule,
            optimiser,
            learning_rate=(0.1, 0.001),
            beta1=(0.0, 0.9),
            beta2=(0.95, 0.999),
            eps=(1e-8, 1e-2),
            weight_decay=(0.0, 0.1),
        )
    ),
]


def test_every_rule_is_compared():
    assert {case.values[0].__name__ for case in CASES} == set(RULES)


@pytest.mark.usefixtures("unchecked")  # thousands of steps; one of each is checked below
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule, ours, optimiser, theirs", CASES)
def test_equals_torch_step_for_step(draw, dtype, rule, ours, optimiser, theirs):
    start, gradients = draw(3, 4).to(getattr(torch, dtype)), draw(STEPS, 3, 4)
    gradients = gradients.to(start.dtype)
    moved = start.clone().requires_grad_()
    reference, expected = optimiser([moved], **theirs), []
    for gradient in gradients:
        moved.grad = gradient.clone()
        reference.step()
        expected.append(moved.detach().clone())
    expected = torch.stack(expected)
    for library in (torch, np):
        if library is np:
            start, gradients = start.numpy(), gradients.numpy()
        parameter, state, path = start, None, []
        for gradient in gradients:
            parameter, state = rule(parameter, gradient, state, **ours)
            path.append(parameter)
        kept = [parameter, *(x for x in state or () if not isinstance(x, int))]
        assert all(isinstance(x, type(start)) and x.dtype == start.dtype for x in kept)
        path = torch.as_tensor(library.stack(path))
        assert torch.max(torch.abs(path - expected) / (1 + torch.abs(expected))) < TOLERANCE[dtype]


@pytest.mark.parametrize("name", RULES)
def test_nothing_is_changed_in_place_and_nothing_is_shared(array, name):
    parameter, gradient = array([1.0, -2.0]), array([0.5, 0.25])
    once, state = RULES[name](parameter, gradient, None, **RATE)
    before = [np.asarray(x).copy() for x in state or ()]
    twice, _ = RULES[name](once, gradient, state, **RATE)
    again, _ = RULES[name](once, gradient, state, **RATE)
    assert (np.asarray(twice) == np.asarray(again)).all()
    assert np.asarray(parameter).tolist() == [1.0, -2.0]
    gradient[:] = 7.0  # a caller may reuse the array for the next gradient
    assert all((x == np.asarray(y)).all() for x, y in zip(before, state or (), strict=True))


@pytest.mark.parametrize("name", RULES)
def test_numbers_and_half_precision(array, name):
    """Parameters without dimensions; gradients of 0 in a dtype that cannot hold eps."""
    parameter, state = RULES[name](array(1.0), array(0.5), None, **RATE)
    assert parameter.shape == () and float(parameter) < 1
    path = array([1.0, -1.0], "float16")
    state = None
    for _ in range(3):
        path, state = RULES[name](path, array([0.0, 0.0], "float16"), state, **RATE)
    assert np.isfinite(np.asarray(path)).all() and str(path.dtype).endswith("float16")


def test_worked_examples():
    """Two steps of momentum and one of Adam, by hand."""
    one = np.array([1.0])
    x, state = momentum(one, one, None, learning_rate=0.1, beta=0.5)
    assert x == pytest.approx([0.9])
    assert momentum(x, one, state, learning_rate=0.1, beta=0.5)[0] == pytest.approx([0.75])
    x, state = adam(one, 40 * one, None, learning_rate=0.1)
    assert x == pytest.approx([0.9])  # the first step has the length of the rate, whatever g is
    assert (state.step, state.mean[0], state.square[0]) == (1, pytest.approx(4), pytest.approx(1.6))


@given(st.integers(1, 15), st.floats(-100, 100).filter(lambda g: abs(g) > 1e-3))
def test_bias_correction_recovers_a_constant_gradient(steps, gradient):
    g, state = np.array([gradient]), None
    for _ in range(steps):
        _, state = adam(g, g, state, learning_rate=0.1)
    assert state.mean / (1 - 0.9**state.step) == pytest.approx(g)
    assert state.square / (1 - 0.999**state.step) == pytest.approx(g**2)


@given(st.floats(1e-3, 1e3))
def test_adam_ignores_the_scale_of_the_gradient(scale):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(5, 3))
    paths = []
    for c in (1.0, scale):
        x, state = np.zeros(3), None
        for g in gradients:
            x, state = adam(x, c * g, state, learning_rate=0.1, eps=1e-300)
        paths.append(x)
    assert paths[0] == pytest.approx(paths[1], abs=1e-12)


def test_l2_and_decoupled_decay_differ_for_adam_and_agree_for_descent():
    x, g = np.array([1.0, 1.0]), np.array([10.0, 0.1])
    l2, _ = adam(x, g, None, **RATE, weight_decay=0.1)
    decoupled, _ = adamw(x, g, None, **RATE, weight_decay=0.1)
    plain, _ = adam(x, g, None, **RATE)
    assert l2 == pytest.approx(plain)  # at the first step only the sign of g + decay x is left
    assert decoupled == pytest.approx(plain - 0.05 * 0.1 * x)
    descent, _ = sgd(x, g, None, **RATE, weight_decay=0.1)
    assert descent == pytest.approx(sgd(x, g, None, **RATE)[0] - 0.05 * 0.1 * x)


def test_sutskevers_momentum_is_the_same_path_at_a_constant_rate():
    rng = np.random.default_rng(0)
    x, state, y, v = np.zeros(3), None, np.zeros(3), np.zeros(3)
    for g in rng.normal(size=(20, 3)):
        x, state = momentum(x, g, state, learning_rate=0.1, beta=0.8)
        v = 0.8 * v - 0.1 * g
        y = y + v
        assert x == pytest.approx(y, abs=1e-12)


def test_centred_rmsprop_survives_rounding_that_torch_does_not():
    """A constant gradient has variance 0, which rounding may make negative."""
    gradient, start = torch.linspace(0.1, 3, 1000), torch.zeros(1000)
    expected = start.clone().requires_grad_()
    reference = torch.optim.RMSprop([expected], lr=0.01, alpha=0.5, centered=True)
    parameter, state = start, None
    for _ in range(40):
        expected.grad = gradient.clone()
        reference.step()
        parameter, state = rmsprop(
            parameter, gradient, state, learning_rate=0.01, beta=0.5, centred=True
        )
    assert torch.isnan(expected).any()
    assert torch.isfinite(parameter).all()


def test_differentiable_through_a_step(draw):
    """How the loss after two steps depends on where they began."""
    start = draw(3).requires_grad_()

    def after(x):
        state = None
        for _ in range(2):
            x, state = adam(x, x**3 + x, state, learning_rate=0.1)
        return x

    assert torch.autograd.gradcheck(after, (start,))


# The path of a minimisation


def bowl(curvature):
    return lambda x: curvature * x


@pytest.mark.parametrize("name", RULES)
def test_minimise_is_the_rule_in_a_loop(array, name):
    curvature, start = array([1.0, 10.0]), array([1.0, -1.0])
    path = minimise(bowl(curvature), start, RULES[name], 5, **RATE)
    assert path.shape == (6, 2)
    x, state = start, None
    for t in range(6):
        assert (np.asarray(path[t]) == np.asarray(x)).all()
        x, state = RULES[name](x, curvature * x, state, **RATE)
    assert minimise(bowl(curvature), start, RULES[name], 0, **RATE).shape == (1, 2)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"])
def test_minimise_arrives(name):
    path = minimise(bowl(np.array([1.0, 4.0])), np.array([1.0, -1.0]), RULES[name], 150, **RATE)
    assert np.abs(path[-1]).max() < 0.1


@given(st.floats(0.1, 10), st.floats(0.01, 0.99))
def test_descent_on_a_parabola_converges_below_two_over_the_curvature(curvature, share):
    path = minimise(bowl(curvature), np.array([1.0]), sgd, 9, learning_rate=2 * share / curvature)
    assert path[:, 0] == pytest.approx((1 - 2 * share) ** np.arange(10), abs=1e-12)


def test_a_rate_that_diverges_is_shown_diverging(array):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = np.asarray(minimise(bowl(1.0), array([1.0]), sgd, 120, learning_rate=1001.0))
    assert path[:4, 0].tolist() == [1, -1e3, 1e6, -1e9]
    assert np.isinf(path).any() and not np.isfinite(path[-1]).any()


# Errors, one by one

X, G = np.ones(3), np.ones(3)
NOT_POSITIVE = [0, -1.0, math.nan, math.inf, "1", None, True]
NOT_A_FRACTION = [-0.1, 1.0, 2, math.nan, math.inf, "0", None, True]
NEGATIVE = [-1.0, math.nan, math.inf, "1", None, True]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, option, values, rule):
    return [
        case(
            f"{rule.__name__} {option} {value!r}",
            lambda v=value: rule(X, G, None, **{**RATE, option: v}),
            f"{option} is {value!r}",
            "allowed",
        )
        for value in values
    ]


def of_every_rule(rule):
    name = rule.__name__
    other = Moments(1, X, X) if rule is not adam and rule is not adamw else Velocity(X)
    return [
        case(f"{name} list", lambda: rule([1.0], G, None, **RATE), "parameter is a list"),
        case(f"{name} gradient list", lambda: rule(X, [1.0], None, **RATE), "gradient is a list"),
        case(f"{name} none", lambda: rule(X, None, None, **RATE), "gradient is a NoneType"),
        case(f"{name} integers", lambda: rule(X.astype(int), G, None, **RATE), "parameter", "int"),
        case(f"{name} dtypes", lambda: rule(X, G.astype("f"), None, **RATE), "gradient", "float32"),
        case(f"{name} libraries", lambda: rule(X, torch.ones(3), None, **RATE), "libraries"),
        case(f"{name} shapes", lambda: rule(X, G[:2], None, **RATE), "gradient", "(2,)", "(3,)"),
        case(f"{name} broadcast", lambda: rule(X, G[:1], None, **RATE), "gradient has shape (1,)"),
        case(f"{name} state", lambda: rule(X, G, other, **RATE), "state is a", "None"),
        case(f"{name} loose state", lambda: rule(X, G, (X,), **RATE), "state is a tuple"),
        *each(name, "learning_rate", NEGATIVE, rule),
        *each(name, "weight_decay", NEGATIVE, rule),
    ]


SMALL = X[:2]
STATES = [
    case("velocity", lambda: momentum(X, G, Velocity(SMALL), **RATE), "state.velocity", "(2,)"),
    case("nesterov", lambda: nesterov(X, G, Velocity(SMALL), **RATE), "state.velocity", "(2,)"),
    case("adagrad", lambda: adagrad(X, G, SquareSum(SMALL), **RATE), "state.total", "(2,)"),
    case("rmsprop", lambda: rmsprop(X, G, SquareMean(X, SMALL), **RATE), "state.mean", "(2,)"),
    case("adam", lambda: adam(X, G, Moments(1, SMALL, X), **RATE), "state.mean", "(2,)"),
    case("adamw", lambda: adamw(X, G, Moments(1, X, SMALL), **RATE), "state.square", "(2,)"),
    case("dtype", lambda: momentum(X, G, Velocity(X.astype("f")), **RATE), "state.velocity has"),
]


@pytest.mark.parametrize("rule", [sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw])
def test_a_learning_rate_of_nothing_moves_nothing(rule):
    # Warm-up begins and some schedules end there.
    assert np.array_equal(rule(X, G, None, learning_rate=0.0)[0], X)


def path(gradient=np.copy, start=X, rule=sgd, steps=1, **options):
    return minimise(gradient, start, rule, steps, **{**RATE, **options})


MINIMISE = [
    case("minimise gradient", lambda: path(gradient=X), "gradient is a ndarray", "function"),
    case("minimise rule", lambda: path(rule="sgd"), "rule is a str", "function"),
    case("minimise start", lambda: path(start=[1.0]), "start is a list"),
    case("minimise steps", lambda: path(steps=-1), "steps is -1", "at least 0"),
    case("minimise fraction", lambda: path(steps=1.5), "steps is 1.5"),
    case(
        "minimise unknown", lambda: path(beta=0.9), "beta", "allowed: learning_rate, weight_decay"
    ),
    case("minimise missing", lambda: minimise(np.copy, X, adam, 1), "learning_rate", "beta1"),
    case("minimise no array", lambda: path(gradient=list), "gradient is a list"),
    case("minimise shape", lambda: path(gradient=np.sum), "gradient has shape ()", "(3,)"),
    case("minimise range", lambda: path(rule=adam, beta1=1.0), "beta1 is 1.0"),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "call, words",
    [
        *itertools.chain.from_iterable(map(of_every_rule, RULES.values())),
        *each("", "beta", NOT_A_FRACTION, momentum),
        *each("", "dampening", NOT_A_FRACTION, momentum),
        *each("", "beta", NOT_A_FRACTION, nesterov),
        *each("", "beta", NOT_A_FRACTION, rmsprop),
        *each("", "centred", [1, "yes", None], rmsprop),
        *each("", "eps", NOT_POSITIVE, rmsprop),
        *each("", "eps", NOT_POSITIVE, adagrad),
        *(
            test
            for rule in (adam, adamw)
            for option in ("beta1", "beta2")
            for test in each("", option, NOT_A_FRACTION, rule)
        ),
        *(test for rule in (adam, adamw) for test in each("", "eps", NOT_POSITIVE, rule)),
        *STATES,
        *MINIMISE,
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError) as error:
        call()
    for word in words:
        assert word in str(error.value)
