"""A lesson's quiz questions for a learning management system.

    python -m courseware.quizzes LESSON.ipynb …

prints them in Moodle's GIFT format, which most such systems import.
"""

import sys

from courseware.quizzes.gift import export

if len(sys.argv) < 2:
    sys.exit("usage: python -m courseware.quizzes LESSON.ipynb …")
print("\n\n".join(export(path) for path in sys.argv[1:]))
