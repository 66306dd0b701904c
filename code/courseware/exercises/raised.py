"""Whether the error that a learner's function raised is the one that was asked for."""

import dis
import inspect
import re
import traceback
from collections.abc import Callable
from types import TracebackType

OURS = ("__main__", "transformer_math", "courseware")
ARTICLES = ("a", "A", "I")  # parameters that are also words


def wrong_error(wanted: Exception, got: Exception, function: Callable, reference: Callable) -> str:
    """What is wrong with the learner's error; empty when it is the one that was asked for.

    It must be of the same kind, be raised by a `raise` and not by an operation that happened to
    fail, and, where both messages name arguments, speak of the same ones.
    """
    kind = type(wanted).__name__
    came = f"raised {describe(got)}{line(got, function)}"
    if not isinstance(got, type(wanted)):
        return f"it should raise a {kind} (“{wanted}”), but {came}"
    if not is_raised(got, function):
        return (
            f"it should check its arguments and raise a {kind} (“{wanted}”), but stumbled: {came}"
        )
    named = parameters(reference)
    about, mine = concerns(wanted, [named]), concerns(got, [named, parameters(function)])
    if about and mine and not about & mine:
        words = " and ".join(named[i] for i in sorted(about))
        return f"it should raise a {kind} about {words} (“{wanted}”), but {came}"
    return ""


def is_raised(error: Exception, function: Callable) -> bool:
    """Whether a `raise` of the learner's, or of the course's packages, ended the call."""
    last = _last(error.__traceback__)
    if last is None:
        return False
    code, module = last.tb_frame.f_code, last.tb_frame.f_globals.get("__name__", "")
    own = getattr(inspect.unwrap(function), "__code__", None)
    ours = module.partition(".")[0] in OURS or (own and code.co_filename == own.co_filename)
    return bool(ours) and dis.opname[code.co_code[last.tb_lasti]] == "RAISE_VARARGS"


def _last(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def concerns(error: Exception, signatures: list[list[str]]) -> set[int]:
    """The places of the arguments that the message names."""
    words = set(re.findall(r"[^\W\d]\w*", str(error)))
    return {
        i
        for names in signatures
        for i, name in enumerate(names)
        if name in words and name not in ARTICLES
    }


def parameters(function: Callable) -> list[str]:
    """The names of a function's arguments; none where it has no signature."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def describe(error: Exception) -> str:
    """The error in one line."""
    text = " ".join(str(error).split())
    return type(error).__name__ + (f": {text}" if text else "")


def line(error: Exception, function: Callable) -> str:
    """The line of the learner's own cell where the exception arose."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if code and frame.filename == code.co_filename]
    return f" (line {lines[-1]} of its cell)" if lines else ""
