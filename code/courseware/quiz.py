"""A lesson's quiz questions for a learning management system.

    python -m courseware.quiz LESSON.ipynb …

prints them in Moodle's GIFT format, which most such systems import.
"""

import sys

from courseware.questions import export, quiz

__all__ = ["export", "quiz"]

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m courseware.quiz LESSON.ipynb …")
    print("\n\n".join(export(path) for path in sys.argv[1:]))
