"""Of every exercise in every lesson, the stub fails and the solution passes.

nbval runs every cell of every lesson and holds what it prints to what the lesson stores, these
cells included. So what `check` answers stands in the stored output, and is read here.
"""

import re
from functools import lru_cache
from pathlib import Path

import pytest

from courseware.exercises import lessons, names
from courseware.lessons.notebooks import lessons as notebooks
from courseware.lessons.notebooks import root_of
from courseware.lessons.reading import Lesson, cell_tags, printed
from courseware.lessons.rules import checked_exercises

ROOT = root_of(Path(__file__))
lesson_at = lru_cache(Lesson)
PATHS = notebooks(ROOT)
EXERCISES = [(path, name) for path in PATHS for name in checked_exercises(lesson_at(path))]


def answer_of_check(path, name, tag):
    """What the cell with this tag prints when it is run."""
    cells = lesson_at(path).codes
    found = [cell for cell in cells if tag in cell_tags(cell) and f'check("{name}"' in cell.source]
    assert len(found) == 1, f"exercise {name} has {len(found)} cells tagged {tag}"
    return printed(found[0])


@pytest.mark.parametrize("path, name", EXERCISES, ids=[name for _, name in EXERCISES])
def test_stub_fails(path, name):
    """A stub is empty, or holds a slip to be found."""
    said = answer_of_check(path, name, "exercise")
    assert re.match(rf"Not solved yet|Exercise {re.escape(name)} is not right yet", said)


@pytest.mark.parametrize("path, name", EXERCISES, ids=[name for _, name in EXERCISES])
def test_solution_passes(path, name):
    lines = answer_of_check(path, name, "solution").splitlines()
    assert re.match(rf"Exercise {re.escape(name)} is right\b", lines[-1])


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_lesson_and_register_name_the_same_exercises(path):
    lesson = lesson_at(path)
    assert checked_exercises(lesson) == names(lesson.number)


def test_every_register_has_its_lesson():
    assert set(lessons()) <= {lesson_at(path).number for path in PATHS}
