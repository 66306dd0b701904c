"""The comparison of printed text notices one digit, and a cell that was never run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from courseware.lessons.notebooks import read, root_of

ROOT = root_of(Path(__file__))
pytestmark = pytest.mark.xdist_group("bites")  # the notebooks are run once
TEMPLATE = ROOT / "chapters" / "_template.ipynb"
DRAWS = "import sys\nfrom IPython.display import HTML, display\n"
DRAWS += "print(1, file=sys.stderr)\ndisplay({'text/html': '<b>'}, raw=True)\nprint(2.5)"


def cell(stored, count=1):
    """A code cell that draws, warns and prints 2.5, with the output that was stored of it."""
    output = nbformat.v4.new_output("stream", name="stdout", text=stored)
    return nbformat.v4.new_code_cell(DRAWS, execution_count=count, outputs=[output] * bool(stored))


CELLS = {
    "same": cell("2.5\n"),
    "digit changed": cell("2.4\n"),
    "output missing": cell(""),
    "never run": cell("", count=None),
}


def spoiled():
    """The template lesson with one digit of its printed text changed."""
    notebook = read(TEMPLATE)
    (check,) = (cell for cell in notebook.cells if cell.id == "check")
    before = check.outputs[0].text
    check.outputs[0].text = re.sub(r"\d(?=\D*$)", lambda d: str((int(d[0]) + 1) % 10), before)
    assert check.outputs[0].text != before
    return notebook


@pytest.fixture(scope="session")
def failed(tmp_path_factory):
    """The places of the code cells that nbval, with the course's rules, finds at fault."""
    folder = tmp_path_factory.mktemp("lessons")
    shutil.copy(ROOT / "conftest.py", folder)
    small = nbformat.v4.new_notebook(cells=list(CELLS.values()))
    nbformat.write(small, folder / "small.ipynb")
    nbformat.write(spoiled(), folder / "lesson.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "-rA", "-p", "no:cacheprovider", folder]
    report = subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout
    lines = re.findall(r"^(PASSED|FAILED|ERROR) (\w+)\.ipynb::Cell (\d+)", report, re.M)
    assert {name for _, name, _ in lines} == {"small", "lesson"}, report
    return {
        name: {int(place) for word, of, place in lines if of == name and word != "PASSED"}
        for name in ("small", "lesson")
    }


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_passes_only_unchanged(failed, name):
    place = list(CELLS).index(name)
    assert (place in failed["small"]) == (name != "same")


def test_one_digit_of_a_lesson_fails_its_cell_and_no_other(failed):
    codes = [cell.id for cell in read(TEMPLATE).cells if cell.cell_type == "code"]
    assert failed["lesson"] == {codes.index("check")}
