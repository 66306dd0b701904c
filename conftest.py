"""How nbval judges lessons: printed text must repeat, and every code cell must have been run.

Here rather than in `tests/`, because `pytest --nbval chapters` reads no file of `tests/`. Without
`--nbval` nothing of this takes part.
"""

import pytest

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


def pytest_collectstart(collector):
    """nbval keeps what it does not compare on each notebook's collector."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare = (*collector.skip_compare, *DRAWN)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a code cell that was never run: nbval has nothing to compare it with, and passes it."""
    result = yield
    cell = getattr(item, "cell", None)
    if cell is not None and cell.source.strip() and cell.execution_count is None:
        pytest.fail(
            "this cell was never executed, so there is no output to compare: "
            "python -m courseware.notebooks execute stores it",
            pytrace=False,
        )
    return result
