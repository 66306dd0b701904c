"""Answers found by hand: what is right, which slips are known, and what is said to the others.

The page's fields (`page.py`, `answers.js`) and `check` in a notebook judge by the same numbers and
say the same words.
"""

import math
import numbers
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from courseware.exercises.compare import show, to_array

RIGHT, WRONG, UNSOLVED = "right", "wrong", "unsolved"
EXACT = 1e-6  # what rounding errors may take from a whole number that was computed
BY_HAND = 5e-3  # two decimals of a fraction
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()


class Slip(NamedTuple):
    """A foreseen wrong answer, what to say to it, and the places where it is wrong."""

    parts: tuple
    text: str
    places: list[int]


@dataclass(frozen=True)
class HandExercise:
    """A value to find by hand, with a hint for each mistake that was foreseen.

    Attributes:
        parts: the value as a tuple of numbers and texts; for choices, the key of the right one.
        slips: the hints, those first that speak of more parts. A hint speaks of the parts where it
            differs from the value, whatever stands in the others.
    """

    name: str
    value: Any
    tolerance: float | None = None
    hints: dict[Any, str] = field(default_factory=dict)
    choices: dict[str, str] | None = None
    label: str = "Your answer"
    unit: str = ""

    @cached_property
    def parts(self) -> tuple:
        return parts_of(self.value)

    @cached_property
    def slips(self) -> list[Slip]:
        found = [self._slip(wrong, text) for wrong, text in self.hints.items()]
        return sorted(found, key=lambda slip: -len(slip.places))

    @property
    def noun(self) -> tuple[str, str]:
        """What the parts are called: one, several."""
        texts = any(isinstance(part, str) for part in self.parts)
        return ("entry", "entries") if texts else ("number", "numbers")

    def near(self, got: Any, wanted: Any) -> bool:
        """Whether two parts are the same: texts without regard to case and spaces."""
        if isinstance(wanted, str):
            return isinstance(got, str) and _plain(got) == _plain(wanted)
        if isinstance(got, str):
            return False
        return got == wanted or abs(float(got) - float(wanted)) <= margin(wanted, self.tolerance)

    def _slip(self, wrong: Any, text: str) -> Slip:
        parts = parts_of(wrong)
        places = [
            i
            for i, (part, right) in enumerate(zip(parts, self.parts, strict=True))
            if not self.near(part, right)
        ]
        if len(places) < len(self.parts):
            text = f"The {self.those(places)}: {text}"
        return Slip(parts, text, places)

    def those(self, places: list[int]) -> str:
        """The parts at these places: "second number", "first and third entries"."""
        *most, last = (ORDINALS[i] for i in places)
        named = f"{', '.join(most)} and {last}" if most else last
        return f"{named} {self.noun[len(places) > 1]}"


def margin(value: float | Fraction, tolerance: float | None) -> float:
    """How far from the value an answer may lie: tolerance · max(1, |value|).

    A whole number is exact, whatever the tolerance.
    """
    if math.isinf(value):
        return 0.0
    size = max(1.0, abs(float(value)))
    if isinstance(value, numbers.Integral):
        return min(EXACT * size, 0.25)
    return (BY_HAND if tolerance is None else tolerance) * size


def reply(entry: HandExercise, answer: Any) -> tuple[str, str]:
    """`RIGHT`, `WRONG` or `UNSOLVED`, and what there is to say; the right answer is never said."""
    if _is_blank(answer):
        return UNSOLVED, "put your answer in place of the dots, then run the cell."
    given = _choice(entry, answer) if entry.choices else _given(entry, answer)
    if isinstance(given, str):
        return WRONG, given
    right = [entry.near(got, wanted) for got, wanted in zip(given, entry.parts, strict=True)]
    if all(right):
        return RIGHT, ""
    for slip in entry.slips:
        if all(entry.near(given[i], slip.parts[i]) for i in slip.places):
            return WRONG, slip.text
    return WRONG, "" if entry.choices else _places(entry, given, right)


def parts_of(value: Any) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _plain(text: str) -> str:
    return " ".join(text.split()).lower()


def _is_blank(answer: Any) -> bool:
    """A stub's value: `...` or None, alone or among others."""
    if isinstance(answer, (tuple, list)):
        return any(_is_blank(item) for item in answer)
    return answer is None or answer is ...


def _choice(entry: HandExercise, answer: Any) -> tuple | str:
    """The key of the chosen one, which may be given by its key or by its text."""
    keys = {_plain(text): key for key, text in entry.choices.items()}
    keys |= {_plain(key): key for key in entry.choices}
    if isinstance(answer, str) and _plain(answer) in keys:
        return (keys[_plain(answer)],)
    return f"Choose one of {', '.join(map(repr, entry.choices))}."


def _given(entry: HandExercise, answer: Any) -> tuple | str:
    """The answer's parts, as many and of such kinds as are asked for; else what is wrong."""
    if callable(answer):
        return "Your answer is a function; the value itself is asked for."
    if hasattr(answer, "shape"):
        answer = to_array(answer).tolist()
    given, parts = parts_of(answer), entry.parts
    if len(given) != len(parts):
        return count(entry, len(given))
    for got, wanted in zip(given, parts, strict=True):
        if not isinstance(wanted, str) and not _is_number(got):
            if isinstance(got, str):
                return f"{show(got)} is a text; write a number, without quotes."
            return f"{show(got)} is not a number."
        if isinstance(wanted, str) and not isinstance(got, str):
            return f"{show(got)} is not a text; write it between quotes."
    return given


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_)):
        return False
    if hasattr(value, "shape"):  # a scalar of NumPy or torch within a tuple
        return to_array(value).shape == () and to_array(value).dtype.kind in "iuf"
    return isinstance(value, numbers.Real)


def count(entry: HandExercise, given: int) -> str:
    """What to say to another number of parts."""
    wanted = len(entry.parts)
    noun = entry.noun[wanted != 1]
    return f"{wanted} {noun} {'is' if wanted == 1 else 'are'} asked for; you gave {given}."


def _places(entry: HandExercise, given: tuple, right: list[bool]) -> str:
    """Which parts are wrong, and to which side when it is one."""
    wrong = [i for i, good in enumerate(right) if not good]
    if len(wrong) == len(right) > 1:
        return f"None of the {len(right)} {entry.noun[1]} is right yet."
    if len(wrong) > 1:
        return f"The {entry.those(wrong)} are not right yet."
    wanted = entry.parts[wrong[0]]
    if isinstance(wanted, str):
        return "" if len(right) == 1 else f"The {entry.those(wrong)} is not right yet."
    side = "large" if given[wrong[0]] > wanted else "small"
    return f"Too {side}." if len(right) == 1 else f"The {entry.those(wrong)} is too {side}."
