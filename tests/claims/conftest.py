"""What a claim is given: its lesson, taken in parts, and a place to record the numbers it finds.

    python -m pytest tests/claims/test_4_2.py             # the quick ones
    python -m pytest tests/claims/test_4_2.py --record    # the slow ones too; results are kept

A quick claim takes under two seconds of processor time. It fails from six on: the same test may
take three times as long on another machine.
"""

import sys
from collections import defaultdict
from fnmatch import fnmatch
from time import process_time

import pytest

from courseware.lessons import claims
from courseware.lessons.notebooks import root_of
from courseware.lessons.taken import Taken

QUICK, NOISE = 2.0, 3
ROOT = root_of(__file__)


def pytest_addoption(parser):
    parser.addoption(
        "--record", action="store_true", help="run slow claims too and keep what all have found"
    )


def pytest_collection_modifyitems(config, items):
    """Without --record the slow claims stay with their kept results, which test_kept.py judges;
    with it they are run, and there is nothing to judge yet."""
    recording = config.getoption("record", False)
    left = [i for i in items if (i.path.name == "test_kept.py" if recording else _is_slow(i))]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="module")
def _taken(request):
    number = claims.number_of(request.path)
    return Taken(claims.lesson_path(ROOT, number))


@pytest.fixture
def lesson(request, _taken):
    """The lesson of this file; see :class:`courseware.lessons.taken.Taken`."""
    _taken.training = _is_slow(request.node)
    return _taken


@pytest.fixture
def record(request):
    """`record(share=0.934)` keeps a number that the claim rests on."""
    found = {}
    request.node.user_properties.append(("found", found))

    def keep(**values):
        found.update({name: claims.rounded(name, value) for name, value in values.items()})

    return keep


@pytest.fixture(autouse=True)
def _alone():
    """No test computes in the number type that another lesson has set."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_default_dtype(sys.modules["torch"].float32)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Fail a claim that says it is quick and is not. Loading libraries is not counted."""
    lesson = pyfuncitem.funcargs.get("lesson")
    begun, imports = process_time(), lesson.seconds_of_imports if lesson else 0.0
    result = yield
    if lesson and not _is_slow(pyfuncitem):
        taken = process_time() - begun - (lesson.seconds_of_imports - imports)
        if taken > NOISE * QUICK:
            pytest.fail(
                f"took {taken:.1f} s; a quick claim takes under {QUICK:.0f}. Compute less, or mark "
                "it with @pytest.mark.slow, so that make claims runs it",
                pytrace=False,
            )
    return result


def pytest_runtest_logreport(report):
    """Collected where the results are written: with several processes, in the one that leads."""
    if report.when == "call" or report.failed:
        _outcomes[report.nodeid] = report.passed, dict(report.user_properties).get("found", {})


_outcomes: dict[str, tuple[bool, dict]] = {}


def pytest_sessionfinish(session):
    config = session.config
    if not config.getoption("record", False) or hasattr(config, "workerinput"):
        return
    files = defaultdict(dict)
    for node, (passed, found) in sorted(_outcomes.items()):
        file, _, name = node.partition("::")
        if not fnmatch(file, "*claims/test_[0-9]*.py"):
            continue
        function, bracket, case = name.partition("[")
        outcome = files[file].setdefault(function, {"passed": True, "found": {}})
        outcome["passed"] &= passed
        outcome["found"] |= {case.rstrip("]"): found} if bracket else found
    for file, outcomes in files.items():
        claims.keep(config.rootpath / file, outcomes)


def _is_slow(item) -> bool:
    return item.get_closest_marker("slow") is not None
