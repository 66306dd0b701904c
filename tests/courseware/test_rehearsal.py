"""With both front ends a cell shows its page, and the live widgets have been moved before."""

import nbformat
import pytest
from nbclient import NotebookClient

from courseware.lessons.execution import ENVIRONMENT
from courseware.lessons.forked import kernels

BEGIN = """
import os
import numpy as np
from courseware import explore, figures, quiz, show
asked = []
words = dict(caption="Bars.", alt="Bars.", finding="They rise.")
def draw(a, b, c):
    asked.append((a, len(b), c))
    return figures.bars(["x"], [a + len(b) + c])
arrays = [("one", np.zeros(1)), ("two", np.zeros(2))]
"""
EXPLORE = "explore(draw, **words, a=(0, 2), b=arrays, c=False, start={'a': 2})"
COUNTING = """
calls = 0
def fails_when_moved(a):
    global calls
    calls += 1
    if calls == 2:
        raise ZeroDivisionError("only live")
    return figures.bars(["x"], [a])
explore(fails_when_moved, **words, a=(0, 3))
"""
DEAF = """
from courseware.explorers import live
live._position = lambda widget, control: control.start
explore(lambda a: figures.bars(["x"], [a]), **words, a=(0, 3))
"""
SHOW = "show(figures.bars(['x'], [1]), **words)"
QUIZ = "quiz({'question': 'Why?', 'right': {'So': 'it is'}, 'wrong': {'Not so': 'it is not'}})"


ON_THE_PAGE = "os.environ['COURSEWARE_FRONT_END'] = 'page'"


@pytest.fixture(scope="module")
def cells():
    """The outputs of cells by their source; the last ones drew for the page alone."""
    sources = [BEGIN, EXPLORE, "asked[:4]", SHOW, QUIZ, COUNTING, DEAF, ON_THE_PAGE]
    sources += [EXPLORE, SHOW, QUIZ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    with kernels(ENVIRONMENT | {"COURSEWARE_FRONT_END": "both"}) as name:
        NotebookClient(notebook, kernel_name=name, allow_errors=True).execute()
    return [cell.outputs for cell in notebook.cells]


def test_shows_what_the_page_shows(cells):
    both, page = [cells[1], cells[3], cells[4]], cells[-3:]
    assert both == page
    for (shown,) in both:
        assert list(shown.data) == ["text/html"]
    assert all("They rise." in shown.data["text/html"] for (shown,) in both[:2])


def test_moves_every_control(cells):
    asked = "[(2, 1, False), (0, 1, False), (0, 2, False), (0, 2, True)]"
    assert cells[2][0].data["text/plain"] == asked


def test_an_error_of_the_live_front_end_fails_the_cell(cells):
    assert "ZeroDivisionError" in [output.get("ename") for output in cells[5]]


def test_a_control_that_draw_does_not_hear_fails_the_cell(cells):
    assert [output.get("ename") for output in cells[6]] == ["RuntimeError"]
    assert "moving 'a'" in cells[6][0].evalue
