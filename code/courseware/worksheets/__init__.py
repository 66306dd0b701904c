"""Calculations whose every number tells where it comes from."""

from courseware.worksheets.worksheet import (
    Entry,
    Line,
    Matrix,
    Stage,
    Worksheet,
    dot,
    factor,
    given,
    normalise,
    number,
    product,
    total,
)

__all__ = [
    "Entry",
    "Line",
    "Matrix",
    "Stage",
    "Worksheet",
    "dot",
    "factor",
    "given",
    "normalise",
    "number",
    "product",
    "total",
]
