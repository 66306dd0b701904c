"""What every lesson must have: a file per subject, a function per rule, one table of them all.

A rule takes a lesson and yields one sentence for each fault it finds.
"""

from courseware.lessons.rules import (  # noqa: F401  each enters its rules in the table
    code,
    exercises,
    figures,
    opening,
    statements,
    words,
)
from courseware.lessons.rules.exercises import checked_exercises, exercise_names
from courseware.lessons.rules.opening import minutes
from courseware.lessons.rules.table import RULES, TO_BE_REVISED, revised

__all__ = ["RULES", "TO_BE_REVISED", "checked_exercises", "exercise_names", "minutes", "revised"]
