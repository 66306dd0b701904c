"""What every lesson must have; names what is missing or malformed.

    python -m courseware.lessons.anatomy LESSON.ipynb …

The rules stand in :mod:`courseware.lessons.rules`.
"""

import sys

from courseware.lessons.reading import Lesson
from courseware.lessons.rules import RULES


def faults(lesson: Lesson) -> list[str]:
    """Every fault of a lesson, as "rule: sentence"."""
    return [f"{name}: {fault}" for name, check in RULES.items() for fault in check(lesson)]


if __name__ == "__main__":
    found = [f"{path}: {fault}" for path in sys.argv[1:] for fault in faults(Lesson(path))]
    print("\n".join(found) or "Nothing is missing.")
    sys.exit(bool(found))
