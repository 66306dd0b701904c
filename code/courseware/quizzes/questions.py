"""Quizzes as plain data: shown as form controls, exported to a learning management system.

quiz(
    {
        "question": "Which factor keeps the variance of $q \\cdot k$ at 1?",
        "right": {"$1/\\sqrt{d_h}$": "The variance of the sum is $d_h$."},
        "wrong": {"$1/d_h$": "That would make the variance $1/d_h$."},
    }
)
"""

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEYS = ("question", "right", "wrong")


@dataclass(frozen=True)
class Choice:
    """One choice: its text, whether it is right, and why."""

    text: str
    right: bool
    why: str


@dataclass(frozen=True)
class Question:
    """A question with its choices in the order they are shown."""

    text: str
    choices: tuple[Choice, ...]

    @property
    def several(self) -> bool:
        """Whether more than one choice is right, so that all of them must be ticked."""
        return sum(choice.right for choice in self.choices) > 1


def letter(place: int) -> str:
    """The name of a choice: A, B, …"""
    return chr(ord("A") + place)


def read(questions: tuple | list) -> list[Question]:
    """Check the data of a quiz and put its choices in order."""
    if not questions:
        raise ValueError("quiz needs at least one question")
    asked = [_read_one(data, f"question {n}") for n, data in enumerate(questions, 1)]
    texts = [question.text for question in asked]
    for n, text in enumerate(texts, 1):
        if text in texts[: n - 1]:
            raise ValueError(f"quiz: question {n} asks what another asked: {text[:40]!r}")
    return asked


def from_notebook(notebook: Any) -> list[Question]:
    """The questions of all quizzes in a notebook, without running it.

    Args:
        notebook: a path, or a notebook as nbformat reads it.

    Raises:
        ValueError: a quiz is not written as plain data.
    """
    if isinstance(notebook, (str, Path)):
        import nbformat

        notebook = nbformat.read(notebook, as_version=4)
    questions = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and "quiz(" in cell.source:
            questions += _from_source(cell.source)
    return questions


def _from_source(source: str) -> list[Question]:
    lines = ["pass" if line.lstrip()[:1] in ("%", "!") else line for line in source.splitlines()]
    questions = []
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "quiz":
            try:
                data = [ast.literal_eval(argument) for argument in node.args]
            except ValueError:
                raise ValueError(
                    f"quiz on line {node.lineno} of its cell: write the questions as plain data "
                    "(dicts of texts) inside the call, so that they can be exported"
                ) from None
            questions += read(data)
    return questions


def _read_one(data: Any, name: str) -> Question:
    if not isinstance(data, Mapping):
        raise ValueError(f"quiz: {name} should be a dict with {', '.join(KEYS)}, got {data!r}")
    unknown = [key for key in data if key not in KEYS]
    missing = [key for key in KEYS if key not in data]
    if unknown or missing:
        problem = f"unknown key {unknown[0]!r}" if unknown else f"no {missing[0]!r}"
        raise ValueError(f"quiz: {name} has {problem}; its keys are {', '.join(KEYS)}")
    text = data["question"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"quiz: {name} has an empty 'question'")
    name = f"{name} ({text.strip()[:40]!r})"
    choices = _choices(data, "right", name) + _choices(data, "wrong", name)
    seen = set()
    for choice in choices:
        if choice.text.strip() in seen:
            raise ValueError(f"quiz: {name} has the choice {choice.text!r} twice")
        seen.add(choice.text.strip())
    return Question(text, tuple(sorted(choices, key=lambda choice: _draw(text, choice))))


def _choices(data: Mapping, key: str, name: str) -> list[Choice]:
    given = data[key]
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"quiz: {name} has no {key} choice; {key!r} maps each choice to its why")
    for text, why in given.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"quiz: {name} has an empty choice in {key!r}")
        if not isinstance(why, str) or not why.strip():
            raise ValueError(f"quiz: {name} does not say why {text!r} is {key}")
    return [Choice(text, key == "right", why) for text, why in given.items()]


def _draw(question: str, choice: Choice) -> bytes:
    """The lot that decides a choice's place: random for readers, the same in every build."""
    return hashlib.sha256(f"{question}\0{choice.text}".encode()).digest()
