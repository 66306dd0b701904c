"""Quiz questions in GIFT, Moodle's text format for question banks.

A question is `::title:: [html]text { =right#why ~wrong#why }`; with several right choices each
carries its share of the grade, `~%50%right#why`. Formulas become `\\( … \\)`, which MathJax sets.
"""

import re
from typing import Any

from courseware.quizzes.questions import Choice, Question, from_notebook
from courseware.typesetting.inline import to_html

SPECIAL = re.compile(r"([\\~=#{}:])")


def export(notebook: Any) -> str:
    """A notebook's questions as GIFT text, Moodle's plain format for question banks."""
    return to_gift(from_notebook(notebook))


def to_gift(questions: list[Question]) -> str:
    """The questions, separated by empty lines."""
    return "\n\n".join(_question(question, n) for n, question in enumerate(questions, 1))


def _question(question: Question, number: int) -> str:
    right = sum(choice.right for choice in question.choices)
    wrong = len(question.choices) - right
    title = _escape(f"{number}. {' '.join(question.text.split())[:60]}")
    lines = [f"::{title}:: [html]{_text(question.text)} {{"]
    for choice in question.choices:
        lines.append(f"  {_grade(choice, question.several, right, wrong)}{_text(choice.text)}")
        lines.append(f"    #{_text(choice.why)}")
    return "\n".join([*lines, "}"])


def _grade(choice: Choice, several: bool, right: int, wrong: int) -> str:
    if not several:
        return "=" if choice.right else "~"
    share = 100 / right if choice.right else -100 / wrong
    return f"~%{f'{share:.5f}'.rstrip('0').rstrip('.')}%"


def _text(text: str) -> str:
    html = re.sub(r"\$([^$]+)\$", r"\\(\1\\)", to_html(" ".join(text.split())))
    return _escape(html)


def _escape(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)
