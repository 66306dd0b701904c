"""No mutant of a reference passes its own check, unless it computes the same.

Each reference of a code exercise is changed in one place: a comparison, a number, a side of a
condition, a guard, an operation. What `check` then calls right must stand in `EQUIVALENT`, with
the reason why no input can tell it from the reference.
"""

import ast
import copy
import inspect
import signal
import textwrap
import warnings
from contextlib import contextmanager

import pytest

from courseware.exercises import check, find, last, lessons, names
from courseware.exercises.registry import CodeExercise

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATIONS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
NEVER_READ = "never read, or only where nothing is reached"
SHORTER = "halving once more or less changes nothing within the tolerance"
ROUNDING = "only on the border itself, which rounding decides"
ZEROS = "what is divided or multiplied there is 0"
# Exercise -> the changed line, before and after, and why no input can tell.
EQUIVALENT = {
    "1.1.3": {
        ("range(d + 1)", "range(d + 2)"): "d choose d + 1 is 0",
    },
    "2.2.3": {
        (
            "S > 0",
            "S >= 0",
        ): "at a kink either slope is a derivative, and the exercise asks for none",
    },
    "2.4.4": {
        ("range(50)", "range(51)"): SHORTER,
        ("range(50)", "range(49)"): SHORTER,
        ("pi * slope(p) > (", "pi * slope(p) >= ("): ROUNDING,
        ("float(pi > 0.5)", "float(pi >= 0.5)"): "the half has been answered before",
    },
    "3.1.4": {
        ("g * np.array", "g / np.array"): "the entries are 1 and −1",
    },
    "3.3.2": {
        ("score, came = ([0.0]", "score, came = ([1.0]"): "all scores are shifted",
        ("score, came = ([0.0]", "score, came = ([-1.0]"): "all scores are shifted",
        ("([0.0], [0])", "([0.0], [1])"): NEVER_READ,
        ("([0.0], [0])", "([0.0], [-1])"): NEVER_READ,
        ("len(word) + 1", "len(word) + 2"): "beyond the word stands its score once more",
        ("(-math.inf, 0)", "(-math.inf, 1)"): NEVER_READ,
        ("(-math.inf, 0)", "(-math.inf, -1)"): NEVER_READ,
    },
    "3.6.4": {
        ("-log_p.max() < surprise", "-log_p.max() <= surprise"): ROUNDING,
        ("surprise < -log_p.mean()", "surprise <= -log_p.mean()"): ROUNDING,
        ("(-20.0, 20.0)", "(-21.0, 20.0)"): "the answer lies far inside",
        ("(-20.0, 20.0)", "(-19.0, 20.0)"): "the answer lies far inside",
        ("(-20.0, 20.0)", "(-20.0, 21.0)"): "the answer lies far inside",
        ("(-20.0, 20.0)", "(-20.0, 19.0)"): "the answer lies far inside",
        ("range(90)", "range(91)"): SHORTER,
        ("range(90)", "range(89)"): SHORTER,
        ("reached < surprise", "reached <= surprise"): ROUNDING,
    },
    "4.3.3": {
        ("total == 0, 1.0", "total == 0, 2.0"): ZEROS,
        ("(m), m, 0.0", "(m), m, 1.0"): ZEROS,
        ("(m), m, 0.0", "(m), m, -1.0"): ZEROS,
    },
    "4.4.2": {
        ("(heads, -1,", "(heads, -2,"): "NumPy takes any negative size for the one it finds",
        ("w_o.shape[1]", "w_o.shape[0]"): "W_O is square",
    },
    "4.4.3": {
        ("max() > 1e-06", "max() >= 1e-06"): ROUNDING,
        ("> 1e-08", ">= 1e-08"): ROUNDING,
    },
    "4.5.3": {
        ("> 1e-09", ">= 1e-09"): ROUNDING,
    },
}


def changes(node):
    """The nodes that may stand in place of this one."""
    if isinstance(node, ast.Compare):
        for i, sign in enumerate(node.ops):
            for other in COMPARISONS.get(type(sign), ()):
                ops = [*node.ops[:i], other(), *node.ops[i + 1 :]]
                yield ast.Compare(node.left, ops, node.comparators)
        if len(node.ops) == 2:  # one side of 0 < x < 1
            yield ast.Compare(node.left, node.ops[:1], node.comparators[:1])
            yield ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        for value in (node.value + 1, node.value - 1):
            yield ast.Constant(value)
    elif isinstance(node, ast.BoolOp):
        for i in range(len(node.values)):
            rest = node.values[:i] + node.values[i + 1 :]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise):
        yield node.orelse[0] if node.orelse else ast.Pass()
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        yield ast.BinOp(node.left, OPERATIONS[type(node.op)](), node.right)


def mutants(function):
    """The line that was changed, before and after, and the function with that change."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree.body[0].decorator_list = []
    tree.body[0].body = tree.body[0].body[1:]  # the docstring
    words = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        for inner in ast.walk(node)
    }
    before = ast.unparse(tree).splitlines()
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in words:
            continue
        for choice in range(len(list(changes(node)))):
            mutant = copy.deepcopy(tree)
            target = list(ast.walk(mutant))[place]
            Swap(target, list(changes(target))[choice]).visit(mutant)
            ast.fix_missing_locations(mutant)
            space = dict(function.__globals__)
            exec(compile(mutant, "mutant", "exec"), space)
            after = ast.unparse(mutant).splitlines()
            old, new = next(pair for pair in zip(before, after, strict=False) if len(set(pair)) > 1)
            yield (old.strip(), new.strip()), space[function.__name__]


class Swap(ast.NodeTransformer):
    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else super().visit(node)


@contextmanager
def seconds(limit):
    """A mutant that never returns is stopped."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


CODE = [n for lesson in lessons() for n in names(lesson) if isinstance(find(n), CodeExercise)]


@pytest.mark.parametrize("name", CODE)
def test_only_equivalent_mutants_pass(name, capsys):
    passed, count = [], 0
    for change, mutant in mutants(find(name).reference):
        count += 1
        with seconds(5), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(name, mutant)
        if last().status == "right":
            passed.append(change)
    assert count > 2
    unused = dict(EQUIVALENT.get(name, {}))
    for before, after in passed:
        known = [
            (old, new) for old, new in unused if old in before and before.replace(old, new) == after
        ]
        assert known, f"passes as right: {before}  →  {after}"
        del unused[known[0]]
    assert not unused, "no longer passes, or is no longer a mutant"
