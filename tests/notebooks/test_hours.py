"""Minutes of a lesson, hours of a chapter: what the pages tell is what the lessons add up to."""

import re
from functools import lru_cache
from pathlib import Path

import pytest

from courseware.lessons.notebooks import lessons, root_of
from courseware.lessons.reading import Lesson
from courseware.lessons.rules import minutes

ROOT = root_of(Path(__file__))
LESSONS = [path for path in lessons(ROOT) if path.parent.name != "chapters"]
CHAPTERS = sorted({path.parent for path in LESSONS})
lesson_at = lru_cache(Lesson)
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=[path.name for path in CHAPTERS])


def hours(text):
    whole, half = re.fullmatch(r"(\d+)(½?)", text).groups()
    return int(whole) + (0.5 if half else 0)


def told(pattern, path):
    """What the one place in a page says that the pattern finds."""
    found = re.findall(pattern, path.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1, f"{path.relative_to(ROOT)} has {len(found)} places like {pattern}"
    return found[0]


def item(address, pattern):
    """The pattern, in the list item whose link leads there."""
    return rf"\({re.escape(address)}\)(?:(?!\n- ).)*?{pattern}"


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_minutes_of_a_lesson(path):
    reading, exercises = minutes(lesson_at(path))
    wanted = str(reading), str(exercises)
    card = item(path.name, r"\*(\d+) minutes, exercises (\d+)\*")
    assert told(card, path.parent / "index.md") == wanted
    address = f"../{path.relative_to(ROOT).as_posix()}"
    row = rf"\({re.escape(address)}\) \| (\d+) \| (\d+) \|"
    assert told(row, ROOT / "guides" / "instructor.md") == wanted


@each_chapter
def test_hours_of_a_chapter(chapter):
    total = sum(sum(minutes(lesson_at(path))) for path in LESSONS if path.parent == chapter)
    page = told(r"\*\*(\d+½?) hours with the exercises\.\*\*", chapter / "index.md")
    address = f"{chapter.relative_to(ROOT).as_posix()}/index.md"
    card = item(address, r"\*(\d+) lessons? · (\d+½?) hours\*")
    count, front = told(card, ROOT / "index.md")
    assert int(count) == sum(path.parent == chapter for path in LESSONS)
    for said in (page, front):
        assert abs(hours(said) - total / 60) <= 0.25, f"{total} minutes are not {said} hours"
