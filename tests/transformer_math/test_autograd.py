"""The scalar engine against torch.autograd, on expressions that nobody chose."""

import ast
import inspect
import io
import math
import tokenize

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from transformer_math.calculus import Value, autograd

# Expressions: a tree of operations over three leaves, so that leaves are used several times. Any
# node may be kept and used again, so that inner nodes are too.
UNARY = {
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "tanh": lambda x: x.tanh(),
    "relu": lambda x: x.relu(),
    "sigmoid": lambda x: x.sigmoid(),
    "-x": lambda x: -x,
    "x**2": lambda x: x**2,
    "x**-3": lambda x: x**-3,
    "x**0.5": lambda x: x**0.5,
    "x**0": lambda x: x**0,
    "1.5**x": lambda x: 1.5**x,
    "2 - x": lambda x: 2 - x,
    "3 / x": lambda x: 3 / x,
    "x + 0.5": lambda x: x + 0.5,
    "0.25 * x": lambda x: 0.25 * x,
}
BINARY = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
}
# Each step takes one or two of the nodes there are (counted from the newest) and adds one.
steps = st.lists(
    st.tuples(
        st.sampled_from([*UNARY, *BINARY]),
        st.integers(0, 4),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=12,
)
numbers = st.floats(-2, 2).filter(lambda x: x == 0 or abs(x) > 1e-2)
leaves = st.tuples(numbers, numbers, numbers)


def build(leaves, program):
    nodes = list(leaves)
    for operation, first, second in program:
        x, y = nodes[-1 - first % len(nodes)], nodes[-1 - second % len(nodes)]
        nodes.append(UNARY[operation](x) if operation in UNARY else BINARY[operation](x, y))
    return nodes


def both(data, program):
    """The same expression here and in torch; refused if it is undefined or huge."""
    try:
        ours = build([Value(x) for x in data], program)
    except ValueError:
        assume(False)
    theirs = build(
        [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in data], program
    )
    for node in theirs[3:]:
        node.retain_grad()
    assume(all(abs(node.data) < 1e6 for node in ours))
    assume(all(abs(slope) < 1e6 for node in ours for _, slope in node.parents))
    return ours, theirs


def gradient(tensor):
    return 0.0 if tensor.grad is None else tensor.grad.item()


def assert_equal(ours, theirs):
    for x, y in zip(ours, theirs, strict=True):
        assert x.data == pytest.approx(y.item(), rel=1e-12, abs=1e-12)
    largest = 1 + max(abs(gradient(y)) for y in theirs)
    for x, y in zip(ours, theirs, strict=True):
        assert x.grad == pytest.approx(gradient(y), rel=1e-9, abs=1e-11 * largest)


@given(leaves, steps)
def test_equals_torch_once_and_called_again_on_one_graph(data, program):
    ours, theirs = both(data, program)
    for seed in (1.0, 1.0, -0.5):
        ours[-1].backward(seed)
        theirs[-1].backward(torch.tensor(seed, dtype=torch.float64), retain_graph=True)
        assert_equal(ours, theirs)


@given(leaves, steps, st.integers(0, 3))
def test_equals_torch_from_two_results_that_share_nodes(data, program, back):
    ours, theirs = both(data, program)
    for place in (-1, -1 - min(back, len(program) - 1)):
        ours[place].backward()
        theirs[place].backward(retain_graph=True)
    assert_equal(ours, theirs)


@given(leaves, steps)
def test_clearing_only_the_leaves_is_enough(data, program):
    """Between two calls on one graph, where an engine that reads old gradients goes wrong."""
    nodes, _ = both(data, program)
    nodes[-1].backward()
    first = [leaf.grad for leaf in nodes[:3]]
    for leaf in nodes[:3]:
        leaf.grad = 0.0
    nodes[-1].backward()
    assert [leaf.grad for leaf in nodes[:3]] == first


def test_worked_example():
    """L = (a b + c)^2 at a = 2, b = -3, c = 10, by hand: 4 = (-6 + 10)^2 / 4."""
    a, b, c = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c")
    product = a * b
    total = product + c
    loss = total**2
    loss.backward()
    assert (product.data, total.data, loss.data) == (-6, 4, 16)
    assert (loss.grad, total.grad, product.grad, c.grad, a.grad, b.grad) == (1, 8, 8, 8, -24, 16)
    assert repr(a) == "Value(2, grad=-24)"


def test_a_node_used_several_times():
    x = Value(3.0)
    y = x * x + x - x / x
    y.backward()
    assert x.grad == pytest.approx(7)
    z = first = Value(1.5)
    for _ in range(60):  # 2^60 paths lead back, which nobody can walk one by one
        z = z + z
    z.backward()
    assert first.grad == 2.0**60


@pytest.mark.usefixtures("unchecked")  # for speed
def test_deep_chains_need_no_recursion():
    x = Value(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    y.backward()
    y.backward()
    assert (y.data, x.grad) == (20_001, 2)
    del y  # nor does taking it down


def test_gradients_add_up_over_graphs_until_cleared():
    w = Value(2.0)
    (3 * w).backward()
    (w * w).backward()
    assert w.grad == 7
    w.grad = 0.0
    w.exp().backward(seed=0.0)
    assert w.grad == 0


def test_leaves_that_play_no_part_get_nothing():
    x, y = Value(1.0), Value(1.0)
    (x * 2).backward()
    assert y.grad == 0
    x.backward()
    assert x.grad == 3


def test_graph_lists_nodes_in_order_of_computation():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    product = a * b
    y = product.tanh() + product
    nodes, edges = y.graph()
    assert [node.label or node.operation for node in nodes] == ["a", "b", "*", "tanh", "+"]
    assert nodes[-1] is y
    slope = 1 - math.tanh(-6) ** 2
    assert edges == [(0, 2, -3.0), (1, 2, 2.0), (2, 3, slope), (3, 4, 1.0), (2, 4, 1.0)]
    assert a.graph() == ([a], [])
    assert a.operation == "" and a.parents == ()
    assert product.parents == ((a, -3.0), (b, 2.0))


@given(leaves, steps)
def test_graph_has_each_node_once_and_parents_first(data, program):
    result = both(data, program)[0][-1]
    nodes, edges = result.graph()
    assert len(set(nodes)) == len(nodes)
    assert all(parent < child for parent, child, _ in edges)
    assert len(edges) == sum(len(node.parents) for node in nodes)
    reached = {len(nodes) - 1}
    for parent, child, _ in reversed(sorted(edges, key=lambda edge: edge[1])):
        assert child in reached
        reached.add(parent)
    assert len(reached) == len(nodes)


def test_adjoints_store_nothing_and_can_be_followed_step_by_step():
    a, b = Value(2.0), Value(3.0)
    product = a * b
    y = product + a
    assert y.adjoints(steps=0) == {y: 1}
    assert y.adjoints(steps=1) == {y: 1, product: 1, a: 1}
    assert y.adjoints(steps=2) == {y: 1, product: 1, a: 4, b: 2}
    assert y.adjoints() == y.adjoints(steps=99) == {y: 1, product: 1, a: 4, b: 2}
    assert y.adjoints(seed=-2)[a] == -8
    assert [node.grad for node in (a, b, product, y)] == [0, 0, 0, 0]


def test_operation_names():
    x = Value(2.0)
    made = [x + 1, x - 1, x * 2, x / 2, -x, x**3, x**0.5, x**-1, x.exp(), x.log(), x.tanh()]
    made += [x.relu(), x.sigmoid()]
    names = ["+", "-", "*", "/", "-", "**3", "**0.5", "**-1", "exp", "log", "tanh"]
    assert [node.operation for node in made] == [*names, "relu", "sigmoid"]


def test_edges_of_definition():
    """Where torch has a derivative, so have we."""
    for build_one in (
        lambda x: x**0,
        lambda x: x**1,
        lambda x: x**2,
        lambda x: x.relu(),
        lambda x: x * 0,
    ):
        ours, theirs = Value(0.0), torch.tensor(0.0, requires_grad=True)
        y = build_one(ours)
        y.backward()
        expected = build_one(theirs)
        expected.backward()
        assert (y.data, ours.grad) == (expected.item(), theirs.grad.item())
    for x in (-800.0, -40.0, 40.0, 800.0):
        ours, theirs = Value(x), torch.tensor(x, dtype=torch.float64, requires_grad=True)
        ours.sigmoid().backward()
        theirs.sigmoid().backward()
        assert ours.sigmoid().data == pytest.approx(theirs.sigmoid().item(), rel=1e-14)
        assert ours.grad == pytest.approx(theirs.grad.item(), rel=1e-12, abs=1e-15)
    assert Value(-800.0).exp().data == 0


@pytest.mark.usefixtures("unchecked")
def test_plain_numbers_of_any_kind_mix():
    x = Value(2)
    for y in (x + 1, 1 + x, np.float64(1.0) + x, x + np.float32(1), x + np.int64(1)):
        assert isinstance(y, Value) and y.data == 3.0 and isinstance(y.data, float)
    assert (np.array([1.0, 2.0]) * x)[1].data == 4


def test_learns_a_line():
    """y = 2 x - 1 by gradient descent on the mean square error, a fresh graph each step."""
    w, b = Value(0.0), Value(0.0)
    points = [(-1, -3), (0, -1), (1, 1), (2, 3)]
    for _ in range(120):
        loss = sum((w * x + b - y) ** 2 for x, y in points) / len(points)
        w.grad = b.grad = 0.0
        loss.backward()
        w.data -= 0.2 * w.grad
        b.data -= 0.2 * b.grad
    assert (w.data, b.data) == (pytest.approx(2, abs=1e-6), pytest.approx(-1, abs=1e-6))


def test_under_a_hundred_lines_of_code():
    """Comments, docstrings and blank lines not counted."""
    source = inspect.getsource(autograd)
    docstrings = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    nothing = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in nothing
        for line in range(token.start[0], token.end[0] + 1)
    }
    assert 50 < len(code - docstrings) < 100


def case(name, call, *words):
    return pytest.param(call, words, id=name)


X = Value(2.0)
NOT_A_NUMBER = ["1", None, True, [1.0], math.nan, math.inf, -math.inf, 1j, 10**400]
NAMES = ["text", "none", "Boolean", "list", "nan", "inf", "-inf", "complex", "huge"]
OPERATORS = {
    "new": (lambda v: Value(v), "data is"),
    "+": (lambda v: X + v, "operand is"),
    "-": (lambda v: X - v, "operand is"),
    "*": (lambda v: X * v, "operand is"),
    "/": (lambda v: X / v, "operand is"),
    "**": (lambda v: X**v, "exponent is"),
    "reflected +": (lambda v: X.__radd__(v), "operand is"),
    "reflected -": (lambda v: v - X, "operand is"),
    "reflected *": (lambda v: X.__rmul__(v), "operand is"),
    "reflected /": (lambda v: v / X, "operand is"),
    "reflected **": (lambda v: v**X, "operand is"),
    "backward": (lambda v: X.backward(v), "seed is"),
    "adjoints": (lambda v: X.adjoints(v), "seed is"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "call, words",
    [
        *(
            case(f"{name} {shown}", lambda c=call, v=value: c(v), words, "a finite number")
            for name, (call, words) in OPERATORS.items()
            for shown, value in zip(NAMES, NOT_A_NUMBER, strict=True)
        ),
        case("divide by 0", lambda: X / 0, "divisor is 0.0", "any number but 0"),
        case("divide by value 0", lambda: 1 / Value(0.0), "divisor is 0.0"),
        case("log 0", lambda: Value(0.0).log(), "argument of log is 0.0", "above 0"),
        case("log negative", lambda: Value(-1.0).log(), "argument of log is -1.0", "above 0"),
        case("root of negative", lambda: Value(-4.0) ** 0.5, "base is -4.0", "at least 0", "0.5"),
        case("slope of root of 0", lambda: Value(0.0) ** 0.5, "base is 0.0", "not 0", "0.5"),
        case("inverse of 0", lambda: Value(0.0) ** -1, "base is 0.0", "not 0", "-1"),
        case("value exponent", lambda: Value(-1.0) ** X, "log is -1.0", "above 0"),
        case("value exponent 0", lambda: Value(0.0) ** X, "log is 0.0", "above 0"),
        case("negative constant base", lambda: (-2) ** X, "log is -2.0", "above 0"),
        case("exp overflow", lambda: Value(1e3).exp(), "exp at [1000.0]", "finite"),
        case("power overflow", lambda: Value(1e200) ** 2, "**2 at [1e+200]", "finite"),
        case("product overflow", lambda: Value(1e200) * 1e200, "* at [1e+200, 1e+200]", "finite"),
        case("sum overflow", lambda: Value(1.7e308) + 1.7e308, "+ at", "finite"),
        case("slope overflow", lambda: Value(1e-320).log(), "log at", "finite"),
        case("quotient overflow", lambda: 1 / Value(1e-320), "/ at", "finite"),
        case("gradient overflow", lambda: (X * 1e300 * 1e-300 * 1e300).backward(1e300), "gradient"),
        case("steps", lambda: X.adjoints(steps=-1), "steps is -1", "at least 0"),
        case("steps fraction", lambda: X.adjoints(steps=1.5), "steps is 1.5"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError) as error:
        call()
    for word in words:
        assert word in str(error.value)


def test_a_failed_backward_leaves_the_gradients_alone():
    x = Value(1.0)
    y = x * 1e300
    with pytest.raises(ValueError, match="gradient is inf"):
        y.backward(1e300)
    assert (x.grad, y.grad) == (0, 0)
