"""The table of rules, and the lessons that are still to be brought to the second edition."""

from collections.abc import Callable, Iterator
from functools import wraps

from courseware.lessons.reading import Lesson

Rule = Callable[[Lesson], Iterator[str]]
RULES: dict[str, Rule] = {}
COMMAND = "python -m courseware.lessons.notebooks"

# Lessons written before the second edition. A lesson leaves the list when it has been revised, and
# the list only ever becomes shorter.
TO_BE_REVISED = {
    "1.1", "1.2", "1.3", "1.4", "1.5",
    "2.1", "2.2", "2.3", "2.4", "2.5", "2.6",
    "3.1", "3.2", "3.3", "3.4", "3.5", "3.6",
    "4.1", "4.3", "4.4", "4.5",
}  # fmt: skip


def rule(function: Rule) -> Rule:
    """Enter a function in the table under its own name."""
    RULES[function.__name__] = function
    return function


def revised(lesson: Lesson) -> bool:
    """Whether the rules of the second edition hold for this lesson."""
    return lesson.number not in TO_BE_REVISED


def second_edition(function: Rule) -> Rule:
    """Enter a rule that is asked of revised lessons only."""

    @wraps(function)
    def check(lesson: Lesson) -> Iterator[str]:
        if revised(lesson):
            yield from function(lesson)

    return rule(check)
