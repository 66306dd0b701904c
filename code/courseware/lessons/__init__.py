"""Lessons as files: read, held to their anatomy, kept in normal form, executed.

Names are imported when first used: a forked kernel's script reads no notebook.
"""

from transformer_math.doors import doors

_HOME = {
    "Lesson": "courseware.lessons.reading",
    "faults": "courseware.lessons.anatomy",
    "kernels": "courseware.lessons.forked",
    "lessons": "courseware.lessons.notebooks",
    "read": "courseware.lessons.notebooks",
    "root_of": "courseware.lessons.notebooks",
}
__all__ = list(_HOME)
__getattr__, __dir__ = doors(__name__, _HOME)
