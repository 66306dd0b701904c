"""Claims: sentences of a lesson, each with the test that would refute it, and the results kept.

A lesson's claims stand in `tests/claims/test_4_2.py`, a function for each sentence:

    def test_top_share(lesson, record):
        "Unscaled, the top key gets more than nine tenths at every width from 1024 on."

The first paragraph of the docstring is the sentence. It stands in what the reader is told, word for
word, so whoever edits it meets its claim. What takes long is marked `slow`: `make claims` runs it
and keeps the result in `tests/claims/results/4.2.json`.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from courseware.lessons.reading import Lesson

FEWEST_WORDS = 4
FIGURES = 3  # significant, of a recorded number


@dataclass(frozen=True)
class Claim:
    """One sentence, the name of its test, whether that is slow, and the test's own code."""

    name: str
    sentence: str
    slow: bool
    source: str


def file_of(lesson: Lesson) -> Path:
    """Where a lesson's claims stand."""
    return lesson.root / "tests" / "claims" / f"test_{lesson.number.replace('.', '_')}.py"


def number_of(path: Path) -> str:
    """The lesson a file of claims belongs to: "4.2" for test_4_2.py.

    Raises:
        ValueError: the file's name has another form.
    """
    match = re.fullmatch(r"test_(\d+)_(\d+)\.py", path.name)
    if not match:
        raise ValueError(f"{path.name} is no file of claims; they are named like test_4_2.py")
    return f"{match[1]}.{match[2]}"


def lesson_path(root: Path, number: str) -> Path:
    """The notebook of a lesson.

    Raises:
        ValueError: there is none, or more than one.
    """
    chapter, place = map(int, number.split("."))
    if chapter == 0:
        return root / "chapters" / "_template.ipynb"
    found = list((root / "chapters").glob(f"{chapter:02d}-*/{place:02d}-*.ipynb"))
    if len(found) != 1:
        raise ValueError(f"{len(found)} notebooks in chapters/ are lesson {number}; one is needed")
    return found[0]


def claims(path: Path) -> list[Claim]:
    """The claims of a file in order, read without running it."""
    source = path.read_text(encoding="utf-8")
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            code = ast.get_source_segment(source, node) or ""
            slow = any("mark.slow" in mark for mark in marks)
            found.append(
                Claim(node.name, sentence(ast.get_docstring(node)), slow, " ".join(code.split()))
            )
    return found


def sentence(docstring: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((docstring or "").strip().split("\n\n")[0].split())


def plain(text: str) -> str:
    """A text without the signs of Markdown and the breaks of its lines."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)\s]*\)", r"\1", text)
    text = re.sub(r"^\s*(?:>\s?)+", " ", text, flags=re.M)
    text = re.sub(r"^\s*(?:[-*]|\d+\.|#+)\s+", " ", text, flags=re.M)
    return " ".join(re.sub(r"[*`$\\]", "", text).split())


def told(lesson: Lesson) -> str:
    """All that the reader of a lesson is told: its text, captions, replies and the guides."""
    parts = [lesson.text, *lesson.strings]
    exercises = lesson.root / "code/courseware/exercises"
    for path in exercises.glob(f"lesson_{lesson.number.replace('.', '_')}.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        parts += [n.value for n in nodes if isinstance(getattr(n, "value", None), str)]
    pages = [*lesson.path.parent.glob("*.md"), *(lesson.root / "guides").glob("*.md")]
    for path in [*sorted(pages), lesson.root / "index.md"]:
        parts.append(path.read_text(encoding="utf-8"))
    return " ¶ ".join(map(plain, parts))


def unheard(found: Iterable[Claim], lesson: Lesson) -> Iterator[str]:
    """A line for each claim whose sentence is missing, too short, or told nowhere."""
    text = told(lesson)
    for claim in found:
        words = plain(claim.sentence).rstrip(".,;:")
        if len(words.split()) < FEWEST_WORDS:
            yield f"{claim.name}: its docstring holds no sentence of {FEWEST_WORDS} words"
        elif words not in text:
            yield f"{claim.name}: lesson {lesson.number} says nowhere “{claim.sentence}”"


def results_of(path: Path) -> Path:
    """Where the results of a file of claims are kept."""
    return path.parent / "results" / f"{number_of(path)}.json"


def stale(path: Path) -> Iterator[str]:
    """A line for each slow claim whose kept result is missing, failed, or that of another text."""
    file = results_of(path)
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    found = claims(path)
    for claim in found:
        result = kept.get(claim.name)
        if claim.slow and result is None:
            yield f"{claim.name} has no result yet"
        elif result and result["sentence"] != claim.sentence:
            yield f"{claim.name}: its result belongs to the sentence “{result['sentence']}”"
        elif claim.slow and result["test"] != digest(claim.source):
            yield f"{claim.name}: its test has changed since the result was kept"
        elif result and not result["passed"]:
            yield f"{claim.name}: was found false"
    for name in sorted(kept.keys() - {claim.name for claim in found}):
        yield f"{name} has a result and no test"


def keep(path: Path, outcomes: dict[str, dict[str, Any]]) -> None:
    """Write what `make claims` found into the results of a file; what it did not run stays.

    Args:
        path: the file of claims.
        outcomes: per name of a test, whether it `passed` and the numbers it `found`.
    """
    file = results_of(path)
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    written = {}
    for claim in claims(path):
        if claim.name in outcomes:
            known = {"sentence": claim.sentence, "slow": claim.slow, "test": digest(claim.source)}
            written[claim.name] = known | outcomes[claim.name]
        elif claim.name in kept:
            written[claim.name] = kept[claim.name]
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def digest(source: str) -> str:
    """A short fingerprint of a test's code; line breaks and indentation do not count."""
    return hashlib.sha256(source.encode()).hexdigest()[:8]


def rounded(name: str, value: Any) -> Any:
    """A recorded value with three significant figures, arrays as lists.

    Raises:
        ValueError: it is no number, text or list of them; a bare truth value tells nothing.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [rounded(name, item) for item in value]
    if isinstance(value, dict):
        return {str(key): rounded(name, item) for key, item in value.items()}
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"record({name}=…) got {value!r}; record numbers, texts or lists of them")
    return float(f"{value:.{FIGURES}g}") if isinstance(value, float) else value
