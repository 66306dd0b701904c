"""Where the exercises of every lesson are registered: references, inputs and answers.

A lesson's exercises stand in one file, `lesson_4_2.py` for lesson 4.2, which is imported when
one of its exercises is checked and not before:

    def scale_inputs(rng):
        for _ in range(8):
            yield 8 * int(rng.integers(1, 9)), 8, "sqrt"
        yield 10, 3, "sqrt"  # the reference raises a ValueError here, so must the learner's

    @exercise("4.2.2", inputs=scale_inputs)
    def score_scale(d_model, heads, rule): ...

    answer("4.2.1", 80, label="Variance", hints={64: "The mean of q adds to E[q²]."})
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from courseware.exercises.by_hand import HandExercise
from courseware.exercises.valid import hand_exercise

NAME = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class CodeExercise:
    """A function to write: what it must agree with, and on which inputs."""

    name: str
    reference: Callable
    inputs: Callable[[np.random.Generator], Iterable[tuple]]
    tolerance: float

    def cases(self) -> list[tuple]:
        """The argument tuples, the same at every call."""
        rng = np.random.default_rng([int(part) for part in self.name.split(".")])
        return [case if isinstance(case, tuple) else (case,) for case in self.inputs(rng)]


_registered: dict[str, CodeExercise | HandExercise] = {}


def exercise(
    name: str,
    *,
    inputs: Callable[[np.random.Generator], Iterable[tuple]],
    tolerance: float = 1e-6,
) -> Callable:
    """Register the decorated function as the reference solution of a code exercise.

    Args:
        name: "chapter.lesson.number".
        inputs: takes a seeded NumPy generator, yields the arguments of one call at a time
            (a tuple; a single argument may stand alone). Where the reference raises,
            the learner's function must raise the same kind of exception.
        tolerance: allowed |got − expected| / max(1, |expected|).

    Raises:
        ValueError: the name has another form, or is taken by another function.
    """
    if not callable(inputs):
        raise ValueError(
            f"inputs of exercise {name}: a generator function is needed, got {inputs!r}"
        )

    def register(reference: Callable) -> Callable:
        _add(CodeExercise(_valid(name), reference, inputs, tolerance))
        return reference

    return register


def answer(
    name: str,
    value: Any,
    *,
    tolerance: float | None = None,
    hints: dict[Any, str] | None = None,
    choices: list[str] | dict[str, str] | None = None,
    label: str = "Your answer",
    unit: str = "",
) -> None:
    """Register the answer of an exercise by hand. On the page it gets a field.

    Args:
        name: "chapter.lesson.number".
        value: a number, a text, or a tuple of these; with `choices`, one of them.
        tolerance: allowed |got − value| / max(1, |value|). Whole numbers are exact and take none;
            a `Fraction` is accepted with two decimals unless this says otherwise; a float needs it.
        hints: a wrong value → one sentence that leads from it to the right one. A hint that is
            wrong in one of several parts speaks to that part, whatever the others are.
        choices: texts, which are called A, B, …; or a dict of names and texts. Markdown.
        label: what the field asks for; for several numbers, their names in order.
        unit: stands behind the field.

    Raises:
        ValueError: the name has another form or is taken; a float has no tolerance; a hint belongs
            to the right value, within the tolerance; the value is no choice.
    """
    _add(hand_exercise(_valid(name), value, tolerance, hints, choices, label, unit))


def find(name: str) -> CodeExercise | HandExercise:
    """The registered exercise.

    Raises:
        ValueError: no such exercise; the message lists those there are.
    """
    _valid(name)
    lesson = name.rpartition(".")[0]
    known = names(lesson)
    if name not in _registered:  # a notebook may register its own
        if known:
            there_are = f"lesson {lesson} has {', '.join(known)}"
        else:
            there_are = f"there are exercises for the lessons {', '.join(lessons())}"
        raise ValueError(
            f"check: there is no exercise {name!r}; {there_are}. "
            f"Authors register one with answer or exercise in {_file(lesson)}"
        )
    return _registered[name]


def lessons() -> list[str]:
    """The lessons that have a file of exercises, such as "4.2", in order."""
    found = (
        re.fullmatch(r"lesson_(\d+)_(\d+)", module.name)
        for module in pkgutil.iter_modules([str(Path(__file__).parent)])
    )
    ordered = sorted((int(match[1]), int(match[2])) for match in found if match)
    return [f"{chapter}.{lesson}" for chapter, lesson in ordered]


def names(lesson: str) -> list[str]:
    """The names of a lesson's exercises, in order; empty when the lesson has none."""
    if lesson not in lessons():
        return []
    importlib.import_module(f"courseware.exercises.{_file(lesson).removesuffix('.py')}")
    own = [name for name in _registered if name.rpartition(".")[0] == lesson]
    return sorted(own, key=lambda name: int(name.rpartition(".")[2]))


def _file(lesson: str) -> str:
    return f"lesson_{lesson.replace('.', '_')}.py"


def _valid(name: str) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f'check: name should be "chapter.lesson.number" such as "4.2.1", got {name!r}'
        )
    return name


def _add(new: CodeExercise | HandExercise) -> None:
    old = _registered.get(new.name)
    if old is not None and _home(old) != _home(new):  # a module may be loaded again
        raise ValueError(f"exercise {new.name} is registered twice")
    _registered[new.name] = new


def _home(entry: CodeExercise | HandExercise) -> tuple:
    if isinstance(entry, HandExercise):
        return (HandExercise,)
    return entry.reference.__module__, entry.reference.__qualname__
