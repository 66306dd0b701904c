"""What makes notebooks a course: explorers, figures, quizzes, exercises and the book.

Names are imported when first used, so a lesson that only checks an answer never loads plotly.
"""

from courseware.doors import doors

_HOME = {
    "explore": "courseware.explorers",
    "show": "courseware.explorers",
    "quiz": "courseware.quizzes",
    "check": "courseware.exercises",
    "figures": "courseware.figures",
}
__all__ = list(_HOME)
__getattr__, __dir__ = doors(__name__, _HOME)
