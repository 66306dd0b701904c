"""Code cells: short, folded where they only serve, run, and stored in normal form."""

import ast
import re
from collections.abc import Iterator

from courseware.lessons.notebooks import deviations, to_text
from courseware.lessons.reading import Lesson, cell_tags, is_folded, printed, tree
from courseware.lessons.rules.table import COMMAND, rule, second_edition

MAX_LINES = 20
MAX_BYTES = 300_000


@rule
def stored_outputs(lesson: Lesson) -> Iterator[str]:
    for place, cell in enumerate(lesson.cells):
        for output in cell.get("outputs", []):
            kinds = set(output.get("data", {})) - {"text/plain"}
            if output.output_type == "error" or output.get("name") == "stderr" or kinds:
                yield f"cell {place} stores {', '.join(kinds) or output.output_type}, not only text"
            if " at 0x" in printed(cell) + output.get("data", {}).get("text/plain", ""):
                yield f"cell {place} prints an address in memory, which changes every time"
    size = len(to_text(lesson.notebook).encode())
    if size > MAX_BYTES:
        yield f"the file has {size} bytes; {MAX_BYTES} is the most"


@rule
def normal_form(lesson: Lesson) -> Iterator[str]:
    yield from deviations(lesson.path, to_text(lesson.notebook))


@rule
def executed(lesson: Lesson) -> Iterator[str]:
    missing = [str(n) for n, c in enumerate(lesson.cells) if c.get("execution_count", 0) is None]
    if missing:
        yield f"never executed: cells {', '.join(missing)} ({COMMAND} execute)"


@rule
def unskipped(lesson: Lesson) -> Iterator[str]:
    for place, cell in enumerate(lesson.cells):
        if cell.cell_type == "code":
            marks = [tag for tag in cell_tags(cell) if "nbval" in tag or "raises" in tag]
            if marks or re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE_)", cell.source):
                yield f"cell {place} asks not to be compared"


@rule
def code_length(lesson: Lesson) -> Iterator[str]:
    for place, cell in enumerate(lesson.cells):
        if cell.cell_type == "code" and not is_folded(cell):
            length = sum(bool(line.strip()) for line in cell.source.splitlines())
            if length > MAX_LINES:
                yield f"cell {place} has {length} lines; fold it or keep to {MAX_LINES}"


@rule
def folded_cells(lesson: Lesson) -> Iterator[str]:
    for place, cell in enumerate(lesson.cells):
        if cell.cell_type != "code" or "setup" in cell_tags(cell):
            continue
        signs = {
            "the tag hide-input": "hide-input" in cell_tags(cell),
            "jupyter.source_hidden": is_folded(cell),
        }
        if "solution" not in cell_tags(cell):
            signs["cellView: form"] = cell.metadata.get("cellView") == "form"
            signs["the first line `# @title …`"] = bool(re.match(r"# ?@title \S", cell.source))
        missing = [sign for sign, present in signs.items() if not present]
        if missing and (any(signs.values()) or "solution" in cell_tags(cell)):
            yield f"cell {place} is folded for some hosts only; it lacks {', '.join(missing)}"


@second_edition
def service_folded(lesson: Lesson) -> Iterator[str]:
    checks = {id(part) for part in lesson.section("Check") if not isinstance(part, str)}
    for place, cell in enumerate(lesson.cells):
        if cell.cell_type != "code" or is_folded(cell) or "setup" in cell_tags(cell):
            continue
        if id(cell) in checks:
            yield f"cell {place} belongs to the check and is not folded"
        elif all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree(cell.source).body):
            yield f"cell {place} only imports and is not folded"


@second_edition
def bare_truth(lesson: Lesson) -> Iterator[str]:
    for place, cell in enumerate(lesson.cells):
        results = [o.get("data", {}).get("text/plain", "") for o in cell.get("outputs", [])]
        for line in "\n".join([printed(cell), *results]).splitlines():
            if re.search(r"\b(True|False)\W*$", line):
                yield f"cell {place} prints `{line.strip()[:60]}`; print the numbers instead"
