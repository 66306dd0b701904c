"""What `answer` refuses to register: each with the argument, what came, and what to write."""

import math
import numbers
from fractions import Fraction
from typing import Any

from courseware.exercises.by_hand import ORDINALS, HandExercise, parts_of

LETTERS = "ABCDEFGHIJ"


def hand_exercise(
    name: str,
    value: Any,
    tolerance: float | None,
    hints: dict[Any, str] | None,
    choices: list[str] | dict[str, str] | None,
    label: str,
    unit: str,
) -> HandExercise:
    """The exercise, when all that is said of it fits together.

    Raises:
        ValueError: see `courseware.exercises.registry.answer`.
    """
    hints = dict(hints or {})
    if not isinstance(label, str) or not label.strip():
        raise _fault(name, "label", f"is {label!r}", "say what is asked for, such as 'Variance'")
    for wrong, text in hints.items():
        if not isinstance(text, str) or not text.strip():
            raise _fault(name, "hints", f"say nothing to {wrong!r}", "write one sentence")
    if choices is not None:
        return _choosing(name, value, tolerance, hints, choices, label, unit)
    for part in _value_parts(name, value):
        _check_part(name, part, tolerance)
    _check_tolerance(name, value, tolerance)
    entry = HandExercise(name, value, tolerance, hints, None, label, unit)
    _check_hints(entry)
    return entry


def _fault(name: str, argument: str, came: str, instead: str) -> ValueError:
    return ValueError(f"{argument} of exercise {name} {came}; {instead}")


def _value_parts(name: str, value: Any) -> tuple:
    parts = parts_of(value)
    if not 1 <= len(parts) <= len(ORDINALS):
        raise _fault(name, "value", f"has {len(parts)} parts", f"allowed: 1 to {len(ORDINALS)}")
    return parts


def _check_part(name: str, part: Any, tolerance: float | None) -> None:
    if isinstance(part, str) and part.strip():
        return
    if isinstance(part, bool) or not isinstance(part, numbers.Real):
        raise _fault(
            name,
            "value",
            f"holds {part!r}",
            "allowed: a number, a text, or a tuple of these; for a yes or no give choices",
        )
    if not math.isfinite(part):
        raise _fault(name, "value", f"holds {part}", "give a finite number, or choices")
    if tolerance is None and not isinstance(part, (numbers.Integral, Fraction)):
        raise ValueError(
            f"tolerance of exercise {name} is missing: {part} is a float, and how many digits of "
            "it a reader should find is yours to say. Give tolerance=0.005 (relative to "
            "max(1, |value|), fit for two decimals), or the value as a Fraction"
        )


def _check_tolerance(name: str, value: Any, tolerance: float | None) -> None:
    if tolerance is None:
        return
    if not isinstance(tolerance, numbers.Real) or not 0 < tolerance < 0.5:
        raise _fault(name, "tolerance", f"is {tolerance!r}", "allowed: above 0, below 0.5")
    if all(isinstance(part, (numbers.Integral, str)) for part in parts_of(value)):
        raise _fault(name, "tolerance", "has no use", "whole numbers and texts are exact: drop it")


def _check_hints(entry: HandExercise) -> None:
    name, seen = entry.name, []
    for wrong in entry.hints:
        parts = parts_of(wrong)
        kinds = [isinstance(part, str) for part in parts]
        if kinds != [isinstance(part, str) for part in entry.parts]:
            raise _fault(
                name, "hints", f"speak to {wrong!r}", f"a wrong value looks like {entry.value!r}"
            )
        if all(map(entry.near, parts, entry.parts)):
            raise _fault(
                name,
                "hints",
                f"speak to {wrong!r}, which is the right answer within the tolerance",
                "drop the hint or make the tolerance smaller",
            )
        for other in seen:
            if all(map(entry.near, parts, other)):
                raise _fault(
                    name,
                    "hints",
                    f"speak to {wrong!r} and to {other!r}, one within the tolerance of the other",
                    "only the first would ever be said: join them",
                )
        seen.append(parts)


def _choosing(name, value, tolerance, hints, choices, label, unit) -> HandExercise:
    if tolerance is not None or unit:
        raise _fault(name, "choices", "stand beside tolerance or unit", "drop these")
    if not isinstance(choices, dict):
        choices = dict(zip(LETTERS, choices, strict=False))
    if len(choices) < 2 or not all(
        isinstance(text, str) and text.strip() for pair in choices.items() for text in pair
    ):
        raise _fault(name, "choices", f"are {choices!r}", "give two or more texts")
    if len(set(choices.values())) < len(choices):
        raise _fault(name, "choices", f"repeat a text: {list(choices.values())}", "give each once")
    keys = {text: key for key, text in choices.items()} | {key: key for key in choices}

    def key_of(given: Any, argument: str) -> str:
        if not isinstance(given, str) or given not in keys:
            came = f"{'is' if argument == 'value' else 'speak to'} {given!r}"
            raise _fault(name, argument, f"{came}, which is no choice", f"allowed: {list(keys)}")
        return keys[given]

    right = key_of(value, "value")
    slips = {key_of(wrong, "hints"): text for wrong, text in hints.items()}
    if right in slips:
        raise _fault(name, "hints", f"speak to {right!r}, which is the right answer", "drop it")
    return HandExercise(name, right, None, slips, dict(choices), label, "")
