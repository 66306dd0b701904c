"""Explorers and figures: the picture, the prediction before it, the words below it."""

import ast
from collections.abc import Iterator

from courseware.lessons.reading import Lesson, cell_tags, is_folded, tree
from courseware.lessons.rules.table import rule, second_edition

MIN_FINDING = 8
WORDS = {"caption", "alt", "finding", "title", "labels", "start"}


@rule
def explorers(lesson: Lesson) -> Iterator[str]:
    if not lesson.calls("explore"):
        yield "there is no explorer, `explore(draw, …, caption=…, alt=…)`"
    for place, call in lesson.calls("explore", "show"):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        for key in ("caption", "alt"):
            words = _words(given.get(key))
            if words is not None and len(words.split()) < 4:
                yield f"{call.func.id} in cell {place} has no {key} of four words or more"
        if "alt" in given and "caption" in given:
            if ast.dump(given["alt"]) == ast.dump(given["caption"]):
                yield f"{call.func.id} in cell {place} says the same in caption and alt"


@rule
def predictions(lesson: Lesson) -> Iterator[str]:
    for place, _ in lesson.calls("explore"):
        before = [c.source for c in lesson.cells[:place] if c.cell_type == "markdown"]
        if not before or "> **Predict.** " not in before[-1]:
            yield f"the text before the explorer in cell {place} lacks `> **Predict.** …`"


@second_edition
def findings(lesson: Lesson) -> Iterator[str]:
    for place, call in lesson.calls("explore"):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        finding = getattr(given.get("finding"), "value", None)
        if not isinstance(finding, str) or len(finding.split()) < MIN_FINDING:
            yield f"explore in cell {place} has no finding, a text of {MIN_FINDING} words or more"
        elif finding == getattr(given.get("caption"), "value", None):
            yield f"explore in cell {place} says the same in caption and finding"


@second_edition
def enough_explorers(lesson: Lesson) -> Iterator[str]:
    calls = [call for _, call in lesson.calls("explore")]
    if len(calls) < 2:
        yield f"there are {len(calls)} explorers; 2 is the least"
    most = max(map(_controls, calls), default=0)
    if most < 3:
        yield f"no explorer has more than {most} controls; one should have 3"


@second_edition
def map_of_the_machine(lesson: Lesson) -> Iterator[str]:
    setups = [n for n, cell in enumerate(lesson.cells) if "setup" in cell_tags(cell)]
    after = lesson.cells[setups[0] + 1 :][:2] if setups else []  # imports may come first
    for cell in after:
        if cell.cell_type == "code" and "map" in cell_tags(cell) and is_folded(cell):
            if any(map(_draws_the_map, ast.walk(tree(cell.source)))):
                return
    yield "after setup and imports stands no folded cell tagged map with `figures.machine(lit=…)`"


def _draws_the_map(node: ast.AST) -> bool:
    named = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "machine"
    return named and any(keyword.arg == "lit" for keyword in node.keywords)


def _controls(call: ast.Call) -> int:
    unpacked = [k.value for k in call.keywords if k.arg is None and isinstance(k.value, ast.Dict)]
    named = [k.arg for k in call.keywords if k.arg and k.arg not in WORDS]
    return len(named) + sum(len(node.keys) for node in unpacked)


def _words(value: ast.expr | None) -> str | None:
    """The words of a text in the code; None when only running it would tell."""
    if value is None:
        return ""
    parts = [node.value for node in ast.walk(value) if isinstance(node, ast.Constant)]
    if isinstance(value, (ast.Constant, ast.JoinedStr, ast.BinOp)):
        return "".join(str(part) for part in parts)
    return None
