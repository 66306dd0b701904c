"""Where the exercises of every lesson are registered: references, inputs and answers.

A lesson's exercises stand in one file, `lesson_4_2.py` for lesson 4.2, which is imported when
one of its exercises is checked and not before:

    def scale_inputs(rng):
        for _ in range(8):
            yield 8 * int(rng.integers(1, 9)), 8, "sqrt"
        yield 10, 3, "sqrt"  # the reference raises a ValueError here, so must the learner's

    @exercise("4.2.2", inputs=scale_inputs)
    def score_scale(d_model, heads, rule): ...

    answer("4.2.1", 80, hints={64: "The mean of q adds to E[q²]."})
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

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


@dataclass(frozen=True)
class HandExercise:
    """A value to find by hand, with a hint for each mistake that was foreseen."""

    name: str
    value: Any
    tolerance: float
    hints: dict[Any, str] = field(default_factory=dict)


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
    name: str, value: Any, *, tolerance: float = 1e-6, hints: dict[Any, str] | None = None
) -> None:
    """Register the answer of an exercise by hand.

    Args:
        name: "chapter.lesson.number".
        value: a number, a text, an array, or a tuple or dict of these.
        tolerance: allowed |got − value| / max(1, |value|).
        hints: a wrong value → one sentence that leads from it to the right one.

    Raises:
        ValueError: the name has another form or is taken, or a hint belongs to the right value.
    """
    from courseware.exercises.compare import compare

    for wrong in hints or {}:
        if not compare(wrong, value, tolerance).problem:
            raise ValueError(f"hints of exercise {name}: {wrong!r} is the right answer")
    _add(HandExercise(_valid(name), value, tolerance, dict(hints or {})))


def find(name: str) -> CodeExercise | HandExercise:
    """The registered exercise.

    Raises:
        ValueError: no such exercise; the message lists those there are.
    """
    _valid(name)
    lesson = name.rpartition(".")[0]
    known = names(lesson)
    if name not in known:
        if known:
            there_are = f"lesson {lesson} has {', '.join(known)}"
        else:
            there_are = f"there are exercises for the lessons {', '.join(lessons())}"
        raise ValueError(f"check: there is no exercise {name!r}; {there_are}")
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
    importlib.import_module(f"courseware.exercises.lesson_{lesson.replace('.', '_')}")
    own = [name for name in _registered if name.rpartition(".")[0] == lesson]
    return sorted(own, key=lambda name: int(name.rpartition(".")[2]))


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
