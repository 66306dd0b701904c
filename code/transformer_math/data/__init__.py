"""Real English and handwritten digits, offline."""

from . import corpus, digits

__all__ = [
    "corpus",
    "digits",
]
