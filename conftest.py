"""How nbval judges lessons: printed text must repeat, and every code cell must have been run.

It runs them with both front ends: the live one is rehearsed, and what the page shows is kept for
the book, so that a lesson that passed is not executed a second time when the book is built. Here
rather than in `tests/`, because `pytest --nbval chapters` reads no file of `tests/`. Without
`--nbval` nothing of this takes part.
"""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).parent

# What a front end draws is tested elsewhere and is not stored in the notebooks.
DRAWN = (
    "text/html",
    "text/markdown",
    "text/latex",
    "application/vnd.plotly.v1+json",
    "application/vnd.jupyter.widget-view+json",
    "application/javascript",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "stderr",
)


def pytest_configure(config):
    """Give each process that runs notebooks a parent of its kernels, while it lasts."""
    if getattr(config.option, "nbval", False) and not getattr(config.option, "numprocesses", None):
        from courseware.lessons.execution import ENVIRONMENT
        from courseware.lessons.forked import kernels

        stack = ExitStack()
        both = {"COURSEWARE_FRONT_END": "both"}
        config.option.nbval_kernel_name = stack.enter_context(kernels(ENVIRONMENT | both))
        config.add_cleanup(stack.close)


def pytest_collectstart(collector):
    """nbval keeps what it does not compare on each notebook's collector."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare = (*collector.skip_compare, *DRAWN)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a code cell that was never run: nbval has nothing to compare it with, and passes it."""
    started = time.perf_counter()
    result = yield
    cell = getattr(item, "cell", None)
    if cell is None:
        return result
    if cell.source.strip() and cell.execution_count is None:
        pytest.fail(
            "this cell was never executed, so there is no output to compare: "
            "python -m courseware.lessons.notebooks execute stores it",
            pytrace=False,
        )
    passed = item.parent.__dict__.setdefault("passed", [])
    passed.append((item.test_outputs, time.perf_counter() - started))
    if len(passed) == sum(cell.cell_type == "code" for cell in item.parent.nb.cells):
        _keep(item.path, passed)
    return result


def _keep(path, passed):
    """All cells of a lesson have passed: their outputs are what the book shows."""
    from courseware import build
    from courseware.lessons import execution

    if not (ROOT / "_toc.yml").exists() or path not in build.pages(ROOT):
        return
    notebook = build.read_notebook(path)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, (cell, (outputs, _)) in enumerate(zip(cells, passed, strict=True), start=1):
        cell.outputs, cell.execution_count = outputs, count
    execution.keep(build.results(ROOT), path, notebook, sum(seconds for _, seconds in passed))
