"""Every claim's sentence stands before the reader, and every slow claim has its result."""

from pathlib import Path

import pytest

from courseware.lessons import claims
from courseware.lessons.notebooks import root_of
from courseware.lessons.reading import Lesson

ROOT = root_of(__file__)
FILES = sorted(
    path for path in Path(__file__).parent.glob("test_*.py") if path.name != "test_kept.py"
)
each_file = pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])


@each_file
def test_sentences_are_told(path):
    lesson = Lesson(claims.lesson_path(ROOT, claims.number_of(path)))
    assert not list(claims.unheard(claims.claims(path), lesson))


@each_file
def test_results_are_those_of_the_tests(path):
    faults = list(claims.stale(path))
    lesson = claims.number_of(path)
    assert not faults, "\n".join([*faults, f"make claims LESSON={lesson} runs them again"])


def test_every_result_has_its_tests():
    known = {claims.results_of(path) for path in FILES}
    assert set((Path(__file__).parent / "results").glob("*")) <= known
