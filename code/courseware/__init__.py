"""What makes notebooks a course: explorers, figures, quizzes, exercises and the book.

Names are imported when first used, so a lesson that only checks an answer never loads plotly.
"""

from importlib import import_module

_HOME = {
    "explore": "courseware.explorers",
    "show": "courseware.explorers",
    "quiz": "courseware.quizzes",
    "check": "courseware.exercises",
    "figures": "courseware.figures",
}
__all__ = list(_HOME)


# By hand, not by `transformer_math.doors`: a plugin of the tests lives here, and it must load
# before the mathematics does, whose shapes another plugin then checks.
def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'courseware' has no attribute {name!r}")
    module = import_module(_HOME[name])
    value = module if name == "figures" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
