"""Run a learner's solution against the reference and say what differs."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from courseware.exercises.by_hand import RIGHT, UNSOLVED, WRONG, HandExercise, reply
from courseware.exercises.compare import compare, show
from courseware.exercises.raised import describe, line, parameters, wrong_error
from courseware.exercises.registry import CodeExercise, find


@dataclass(frozen=True)
class Result:
    """What `check` found: `status` is "right", "wrong" or "unsolved"."""

    name: str
    status: str
    message: str


_last: Result | None = None


def check(name: str, answer: Any) -> None:
    """Say whether an exercise is solved, and if not, what differs and where.

    A function is run on seeded random inputs beside the reference; it never sees the arrays the
    reference gets. A value found by hand is compared with the answer. An unsolved stub is no error.
    A function that never returns is not stopped: interrupt the kernel.

    Args:
        name: "chapter.lesson.number", such as "4.2.1".
        answer: the function itself (`check("4.2.2", score_scale)`), or the value found by hand.

    Raises:
        ValueError: there is no such exercise; the message lists those there are.
    """
    global _last
    entry = find(name)
    status, message = (
        _check_code(entry, answer)
        if isinstance(entry, CodeExercise)
        else _check_hand(entry, answer)
    )
    _last = Result(name, status, message)
    print(message)


def last() -> Result | None:
    """The result of the last `check` of this process."""
    return _last


def _check_hand(entry: HandExercise, answer: Any) -> tuple[str, str]:
    status, text = reply(entry, answer)
    if status == UNSOLVED:
        return status, f"Not solved yet: {text}"
    if status == RIGHT:
        return status, f"Exercise {entry.name} is right."
    return (
        status,
        f"Exercise {entry.name} is not right yet (you gave {show(answer)}). {text}".strip(),
    )


def _check_code(entry: CodeExercise, function: Any) -> tuple[str, str]:
    title = entry.reference.__name__
    if function is None or function is ...:
        return UNSOLVED, f"Not solved yet: write {title}, then run the cell."
    if not callable(function):
        return WRONG, (
            f"Exercise {entry.name} is not right yet: give check the function itself, "
            f'check("{entry.name}", {title}), not a value ({show(function)}).'
        )
    cases, raised, largest = entry.cases(), 0, None
    for case in cases:
        expected, error = _call(entry.reference, copy.deepcopy(case))
        mine = copy.deepcopy(case)
        got, own_error = _call(function, mine)
        if isinstance(own_error, NotImplementedError) or (
            own_error is None and (got is ... or (got is None and expected is not None))
        ):
            return _unfinished(entry, case, got, started=raised or case is not cases[0])
        problem = _call_problem(entry, error, got, own_error, function)
        if not problem and error is None:
            found = compare(got, expected, entry.tolerance)
            problem = found.problem
            if found.largest is not None:
                largest = max(largest or 0.0, found.largest)
        if not problem:
            problem = _mutation(entry.reference, case, mine)
        if problem:
            return WRONG, f"Exercise {entry.name} is not right yet. {_given(entry, case)}{problem}."
        raised += error is not None
    agreement = f"{title} agrees with the reference in all {len(cases)} cases"
    agreement += f", {raised} of them errors it must raise." if raised else "."
    return RIGHT, f"Exercise {entry.name} is right: {agreement}{_closeness(largest)}"


def _unfinished(entry: CodeExercise, case: tuple, got: Any, started: bool) -> tuple[str, str]:
    title = entry.reference.__name__
    if not started:
        return UNSOLVED, f"Not solved yet: complete {title}, then run the cell."
    return WRONG, (
        f"Exercise {entry.name} is not right yet. {_given(entry, case)}{title} returns {got}; "
        "does every branch end in a return?"
    )


def _call(function: Callable, case: tuple) -> tuple[Any, Exception | None]:
    try:
        return function(*case), None
    except Exception as error:  # a learner's code may raise anything
        return None, error


def _call_problem(
    entry: CodeExercise,
    error: Exception | None,
    got: Any,
    own_error: Exception | None,
    function: Callable,
) -> str:
    """What is wrong with how the call ended: an exception too many, too few, or another one."""
    if own_error is None:
        if error is None:
            return ""
        return f"it should raise a {type(error).__name__} (“{error}”), but returned {show(got)}"
    if error is None:
        return f"your function raised {describe(own_error)}{line(own_error, function)}"
    return wrong_error(error, own_error, function, entry.reference)


def _mutation(reference: Callable, case: tuple, used: tuple) -> str:
    for name, before, after in zip(_parameters(reference, case), case, used, strict=True):
        data = isinstance(before, (list, dict)) or hasattr(before, "__array__")
        if data and compare(after, before, 0.0).problem:
            return f"your function changes its argument {name}; work on a copy"
    return ""


def _given(entry: CodeExercise, case: tuple) -> str:
    """The call in words: "For d_model = 512, heads = 8: "."""
    names = _parameters(entry.reference, case)
    parts = [f"{name} = {show(value)}" for name, value in zip(names, case, strict=True)]
    return f"For {', '.join(parts)}: " if parts else ""


def _parameters(function: Callable, case: tuple) -> list[str]:
    """A name for each argument of the call."""
    names = parameters(function)[: len(case)]
    return names + [f"argument {i + 1}" for i in range(len(names), len(case))]


def _closeness(largest: float | None) -> str:
    """The largest difference, rounded up so coarsely that every machine prints the same."""
    if largest is None:
        return ""
    for bound in (1e-12, 1e-9, 1e-5, 1e-3):
        if largest < bound:
            return f" Largest difference below {bound:.0e}."
    return f" Largest difference {largest:.1g}."
