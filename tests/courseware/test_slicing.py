"""Slices of a lesson: exactly what a name depends on, and never training that nobody asked for."""

import ast
import inspect

import nbformat
import pytest

from courseware.lessons.notebooks import root_of
from courseware.lessons.reading import Lesson
from courseware.lessons.slicing import Slicer
from courseware.lessons.statements import statements
from courseware.lessons.taken import NeedsTraining, Taken


def lesson(*cells, tags=(), text="# 0.1 A lesson"):
    """A lesson of these code cells; `tags` are those of its last one."""
    made = [nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(cells)]
    made[-1].metadata["tags"] = list(tags)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), *made])
    return Lesson(root_of(__file__) / "chapters" / "_made.ipynb", notebook)


def sources(name, *cells):
    """The first words of the statements in the slice of a name."""
    found = statements(lesson(*cells))
    return [ast.unparse(s.node).splitlines()[0] for s in Slicer(found).slice([name], len(found))]


SLICES = {
    "what nobody needs stays out": ("a", ["a = 1", "b = 2"], ["a = 1"]),
    "what it was computed from": ("b", ["a = 1\nc = 5", "b = a + 1"], ["a = 1", "b = a + 1"]),
    "an earlier binding is dead": ("a", ["a = 1", "a = 2"], ["a = 2"]),
    "unless it is used on the way": ("b", ["a = 1\nb = a", "a = 2"], ["a = 1", "b = a"]),
    "a binding that may not happen": (
        "a",
        ["a = 1", "if a > 3:\n    a = 2"],
        ["a = 1", "if a > 3:"],
    ),
    "both branches bind": ("a", ["a = 1", "if 1:\n    a = 2\nelse:\n    a = 3"], ["if 1:"]),
    "a tuple": ("b", ["a, (b, *c) = 1, (2, 3)"], ["a, (b, *c) = (1, (2, 3))"]),
    "augmented": ("a", ["a = 1", "a += 1", "b = a"], ["a = 1", "a += 1"]),
    "an entry": ("a", ["a = [1]", "a[0] = 2"], ["a = [1]", "a[0] = 2"]),
    "a method for its effect": ("a", ["a = [1]", "a.append(2)"], ["a = [1]", "a.append(2)"]),
    "a method that only answers": ("a", ["a = 'x'", "b = a.upper()"], ["a = 'x'"]),
    "a chain of methods": (
        "f",
        ["f = go.Figure()", "f.update_xaxes().update_yaxes()", "show(f)"],
        ["f = go.Figure()", "f.update_xaxes().update_yaxes()"],
    ),
    "a function's names, bound after it": (
        "f",
        ["def f():\n    return g() + 1", "def g():\n    return N", "N = 3", "M = 4"],
        ["def f():", "def g():", "N = 3"],
    ),
    "a function inside a dict": (
        "table",
        ["def f():\n    return N", "table = {'f': f}", "N = 3"],
        ["def f():", "table = {'f': f}", "N = 3"],
    ),
    "a decorator and a default": (
        "f",
        ["from functools import cache", "N = 2", "@cache\ndef f(n=N):\n    return n"],
        ["from functools import cache", "N = 2", "@cache"],
    ),
    "a local name is not the lesson's": (
        "f",
        ["x = 1", "def f(x):\n    return [y for y in x]", "y = 2"],
        ["def f(x):"],
    ),
    "draws that came before": (
        "b",
        ["rng = default_rng(0)", "a = rng.normal()", "b = rng.normal()", "c = rng.normal()"],
        ["rng = default_rng(0)", "a = rng.normal()", "b = rng.normal()"],
    ),
    "draws of a lesson's function": (
        "b",
        [
            "rng = default_rng(0)\ndef f(r):\n    return r.normal()",
            "a = f(rng)",
            "b = rng.normal()",
        ],
        ["rng = default_rng(0)", "def f(r):", "a = f(rng)", "b = rng.normal()"],
    ),
    "a function that leaves its argument alone": (
        "a",
        ["a = [1]\ndef f(x):\n    return x + x", "b = f(a)"],
        ["a = [1]"],
    ),
    "torch's own generator": (
        "b",
        ["import torch", "torch.manual_seed(0)", "a = torch.randn(2)", "b = torch.randn(2)"],
        ["import torch", "torch.manual_seed(0)", "a = torch.randn(2)", "b = torch.randn(2)"],
    ),
    "a new seed forgets the draws": (
        "b",
        ["import torch", "a = torch.randn(2)", "torch.manual_seed(0)", "b = torch.randn(2)"],
        ["import torch", "torch.manual_seed(0)", "b = torch.randn(2)"],
    ),
    "an optimiser changes what it holds": (
        "net",
        ["net = Net()", "adam = Adam(net.parameters())", "for _ in range(3):\n    adam.step()"],
        ["net = Net()", "adam = Adam(net.parameters())", "for _ in range(3):"],
    ),
    "gradients are left behind": (
        "x",
        ["x = tensor(1.0)", "y = x * x", "y.backward()"],
        ["x = tensor(1.0)", "y = x * x", "y.backward()"],
    ),
    "settings hold for all": (
        "a",
        ["import torch", "torch.set_default_dtype(torch.float64)", "a = 1"],
        ["import torch", "torch.set_default_dtype(torch.float64)", "a = 1"],
    ),
    "a magic command is nothing": ("a", ["%matplotlib inline\na = 1", "!ls"], ["a = 1"]),
}


@pytest.mark.parametrize("name, cells, wanted", SLICES.values(), ids=SLICES)
def test_slice(name, cells, wanted):
    assert sources(name, *cells) == wanted


def test_stubs_and_the_set_up_are_left_out():
    made = lesson("def f(): ...", "x = 1", tags=["setup"])
    made.cells[1].metadata["tags"] = ["exercise"]
    assert statements(made) == []


def test_values_and_functions_are_taken():
    taken = Taken(
        lesson("N = 2", "def double(x):\n    return N * x", "a, b = double(3), 0", "1 / 0")
    )
    assert taken.get("a") == 6
    double, b = taken.get("double", "b")
    assert (double(5), b) == (10, 0)


def test_a_state_in_the_middle():
    taken = Taken(lesson("a = 1", "a = a + 10  # later", "a = 0"))
    assert [taken.get("a", at=at) for at in (1, "c0", "later", None)] == [1, 1, 11, 0]


def test_no_test_sees_what_another_left():
    taken = Taken(lesson("a = [1]"))
    taken.get("a").append(2)
    assert taken.get("a") == [1]


def test_source_and_place_of_what_fails_are_told():
    taken = Taken(lesson("def f():\n    return 1 / 0"))
    assert "1 / 0" in inspect.getsource(taken.get("f"))


@pytest.mark.parametrize(
    "names, at, message",
    [
        (("c",), None, "'c' is bound nowhere before the end of lesson 0.1; bound there: a, b"),
        (("b",), 1, "'b' is bound nowhere before the end of cell 1"),
        ((), None, "without a name"),
        (("a",), 7, "no code cell is 7; code cells: 1, 2"),
        (("a",), " = ", "cells 1, 2 all fit"),
    ],
)
def test_wrong_questions(names, at, message):
    with pytest.raises(ValueError, match=message):
        Taken(lesson("a = 1", "b = 2")).get(*names, at=at)


def test_tagged_training_waits_for_leave():
    taken = Taken(lesson("n = []", "n.append(1)", tags=["training"]))
    with pytest.raises(NeedsTraining, match="n depends on training in cells 2.*mark.slow.*True"):
        taken.get("n")
    assert taken.get("n", training=True) == [1]
    assert taken.get("n", at=1) == []


STEPS = """\
w = torch.zeros(1, requires_grad=True)
sgd = torch.optim.SGD([w], lr=0.1)
for _ in range(COUNT):
    sgd.zero_grad()
    (w - 1).square().sum().backward()
    sgd.step()
"""


def test_an_optimiser_gives_training_away():
    few, many = (Taken(lesson("import torch", f"COUNT = {n}", STEPS)) for n in (3, 30))
    assert 0 < few.get("w").item() < 1
    with pytest.raises(NeedsTraining, match="more than 20 steps of an optimiser"):
        many.get("w")
    trained = many.get("w", training=True)
    assert many.get("w", training=True) is trained, "what was trained is kept"
    with pytest.raises(NeedsTraining):
        many.get("w")


FIGURES = """\
from courseware import explore, show
import plotly.graph_objects as go

def scale_lab(d, rule):
    return go.Figure(go.Bar(y=[d * {"root": 1, "none": 2}[rule]]))

explore(scale_lab, d=[1, 2, 4], rule={"with root": "root", "without": "none"}, start={"d": 2},
        caption="Bars against the width.", alt="Some bars of a figure.", labels={"d": "width"})
"""


def test_an_explorer_is_taken():
    taken = Taken(lesson(FIGURES))
    for key in ("scale_lab", "against the width", 1):
        figure = taken.figure(key)
    assert figure.draw().data[0].y == (2,)
    assert figure.draw(d=4, rule="without").data[0].y == (8,)
    assert len(list(figure.states())) == 6
    assert list(figure.states(d=4)) == [{"d": 4, "rule": "root"}, {"d": 4, "rule": "none"}]
    assert [c.label for c in figure.controls] == ["width", "rule"]
    assert (figure.caption[:4], figure.alt[:4]) == ("Bars", "Some")
    with pytest.raises(ValueError, match="d=3: the control can be 1, 2, 4"):
        figure.draw(d=3)
    with pytest.raises(ValueError, match="'width' is no control; controls: d, rule"):
        list(figure.states(width=2))


def test_a_plain_figure_is_taken():
    plain = "figure = go.Figure()\nshow(figure, caption='A plain one', alt='Nothing at all')"
    figure = Taken(lesson(FIGURES, plain)).figure("A plain one")
    assert list(figure.states()) == [{}]
    assert len(figure.draw().data) == 0


def test_a_figure_that_is_not_there():
    with pytest.raises(ValueError, match="0 figures fit 'x'; there are cell 1: scale_lab, 'Bars"):
        Taken(lesson(FIGURES)).figure("x")


def test_what_was_printed():
    made = lesson("print(2)", "print(3)")
    made.cells[2].outputs = [nbformat.v4.new_output("stream", name="stdout", text="three\n")]
    taken = Taken(made)
    assert [taken.printed(key) for key in ("print(3)", "c1", 2, "three")] == ["three\n"] * 4
