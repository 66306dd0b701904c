"""Build times: this book cold, warm and after a change; the stock book of the same lessons."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]

# Stands in for the package `courseware` in the stock book: the same lessons, with what one would
# write without it (ipywidgets' own interact, a bare figure, a printed quiz).
STOCK_FRONT_END = """
import courseware
import ipywidgets
from IPython.display import Markdown, display


def plain(figure):
    figure.show() if hasattr(figure, "show") else display(figure)


def explore(draw, *, caption, alt, title=None, labels=None, start=None, **controls):
    ipywidgets.interact(lambda **values: plain(draw(**values)), **controls)
    display(Markdown(caption))


def show(figure, *, caption, alt):
    plain(figure)
    display(Markdown(caption))


def quiz(*questions):
    for question in questions:
        choices = [*question["right"], *question["wrong"]]
        display(Markdown("\\n".join([question["question"], "", *(f"- {c}" for c in choices)])))


courseware.explore, courseware.show, courseware.quiz = explore, show, quiz
"""
# nbclient answers a figure in an Output widget on the socket on which it awaits the cell's reply,
# and now and then misses that reply, until the cell's time is over. It is told not to answer.
STOCK_PROGRAM = """
from nbclient import NotebookClient
NotebookClient.on_comm_open_jupyter_widget = lambda client, message: None
from jupyter_book.cli.main import main
main()
"""
STOCK_CONFIG = """\
title: The stock equivalent
only_build_toc_files: true
execute:
  execute_notebooks: force
  timeout: 300
"""


def copy_of_tree(target: Path) -> Path:
    """What a clone would hold, with nothing built."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / "node_modules").symlink_to(ROOT / "node_modules")
    return target


def seconds(command: list[str], folder: Path, **variables: str) -> float:
    """How long a command takes; it must succeed."""
    environment = os.environ | {"PYTHONPATH": str(folder / "code")} | variables
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    took = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} failed\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return took


def change(lesson: Path, cell_type: str, addition: str) -> None:
    """Edit the last cell of a kind, as an author would."""
    notebook = nbformat.read(lesson, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == cell_type]
    cells[-1].source += addition
    nbformat.write(notebook, lesson)


def own_book(folder: Path, lesson: str) -> dict[str, float]:
    """Seconds for the four builds one meets; `lesson` is the one that changes."""
    build = [sys.executable, "-m", "courseware.build", "html"]
    times = {"cold": seconds(build, folder), "nothing_changed": seconds(build, folder)}
    change(folder / lesson, "markdown", "\n\nOne sentence more.")
    times["text_of_one_lesson_changed"] = seconds(build, folder)
    change(folder / lesson, "code", "\n# one comment more")
    times["code_of_one_lesson_changed"] = seconds(build, folder)
    return times


def stock_book(folder: Path) -> dict[str, float]:
    """Seconds for Jupyter Book as it comes: every notebook executed in turn, MathJax, widgets."""
    (folder / "_config.yml").write_text(STOCK_CONFIG)
    (folder / "stock_front_end.py").write_text(STOCK_FRONT_END)
    toc = (folder / "_toc.yml").read_text()
    lessons = re.findall(r"file: (chapters/\S+/\d\S*)", toc)
    entries = "".join(f"- file: {name}\n" for name in lessons)
    (folder / "_toc.yml").write_text(f"format: jb-book\nroot: start\nchapters:\n{entries}")
    (folder / "start.md").write_text("# The stock equivalent\n")
    for name in lessons:
        path = folder / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        setup = next(cell for cell in notebook.cells if cell.cell_type == "code")
        setup.source = f"import sys; sys.path.insert(0, {str(folder)!r}); import stock_front_end"
        nbformat.write(notebook, path)
    command = [sys.executable, "-c", STOCK_PROGRAM, "build", ".", "-q"]
    return {"cold": seconds(command, folder, COURSEWARE_FRONT_END="live", OMP_NUM_THREADS="1")}
