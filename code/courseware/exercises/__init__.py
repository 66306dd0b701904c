"""Exercises that check themselves: a reference, seeded inputs, and a sentence on what differs.

Learners call `check("4.2.1", …)`; authors register exercises in `lesson_<chapter>_<lesson>.py`
with `exercise` and `answer` (see `courseware.exercises.registry`).
"""

from courseware.exercises.checking import Result, check, last
from courseware.exercises.registry import answer, exercise, find, lessons, names

__all__ = ["Result", "answer", "check", "exercise", "find", "last", "lessons", "names"]
