"""What every lesson must have, as a table of rules; each names what is missing or malformed.

    python -m courseware.lessons.anatomy LESSON.ipynb …

A rule takes a lesson and yields one sentence for each fault it finds.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from courseware.lessons.notebooks import SETUP_TAGS, deviations, setup_source, to_text
from courseware.lessons.reading import STATEMENTS, Lesson, cell_tags, is_folded, printed, slug
from courseware.quizzes.questions import from_notebook

Rule = Callable[[Lesson], Iterator[str]]
RULES: dict[str, Rule] = {}

HEADINGS = ("Check", "Common mistake", "Quiz", "Exercises", "In three lines", "Sources")
EXERCISE = re.compile(r"### Exercise (\S+) · (by hand|in code)\b[^·]* · ★{1,3} · \d+ min")
FILLER = (
    "in this section",
    "it is important to note",
    "let's dive",
    "let us dive",
    "delve",
    "in conclusion",
    "as we all know",
)
COMMAND = "python -m courseware.lessons.notebooks"
MAX_LINES = 20
MAX_BYTES = 300_000


def rule(function: Rule) -> Rule:
    """Enter a function in the table under its own name."""
    RULES[function.__name__] = function
    return function


def faults(lesson: Lesson) -> list[str]:
    """Every fault of a lesson, as "rule: sentence"."""
    return [f"{name}: {fault}" for name, check in RULES.items() for fault in check(lesson)]


@rule
def title(lesson: Lesson) -> Iterator[str]:
    if not lesson.number:
        yield "the first cell should open with `# 4.2 Title of the lesson`"
    if sum(level == 1 for level, _ in lesson.headings) > 1:
        yield "there is more than one first-level heading"
    place = re.search(r"/(\d+)-[^/]*/(\d+)-[^/]*$", lesson.path.as_posix())
    if place and lesson.number != f"{int(place[1])}.{int(place[2])}":
        yield f"the title says {lesson.number}, the file's place {int(place[1])}.{int(place[2])}"


@rule
def question(lesson: Lesson) -> Iterator[str]:
    if not re.search(r"^> \*\*Question\.\*\* .*\?", lesson.opening, re.M):
        yield "the first cell lacks `> **Question.** …?`, one question that makes curious"


@rule
def objectives(lesson: Lesson) -> Iterator[str]:
    match = re.search(r"^\*\*You will be able to\*\* (.+)$", lesson.opening, re.M)
    if not match:
        yield "the first cell lacks the paragraph `**You will be able to** … · … · ….`"
    elif not 2 <= len(match[1].split(" · ")) <= 4:
        yield f"there should be 2 to 4 objectives between ` · `, not {match[1].count(' · ') + 1}"


@rule
def needs(lesson: Lesson) -> Iterator[str]:
    match = re.search(r"^\*\*Needs\*\* .+?\*\*(\d+) minutes\.\*\*$", lesson.opening, re.M)
    if not match:
        yield "the first cell lacks the paragraph `**Needs** …. **35 minutes.**`"


@rule
def setup_cell(lesson: Lesson) -> Iterator[str]:
    first = lesson.codes[0] if lesson.codes else None
    if not first or first.source != setup_source(lesson.root) or cell_tags(first) != SETUP_TAGS:
        yield f"the first code cell is not the setup cell: {COMMAND} stamp"


@rule
def headings(lesson: Lesson) -> Iterator[str]:
    second = [words for level, words in lesson.headings if level == 2]
    for name in HEADINGS:
        ends = "(:.*)?$" if name == "Common mistake" else "$"
        if not any(re.match(name + ends, words) for words in second):
            yield f"there is no heading `## {name}`"
    places = [second.index(name) for name in HEADINGS[2:] if name in second]
    if places != sorted(places):
        yield f"these headings should follow each other: {', '.join(HEADINGS[2:])}"


@rule
def proofs(lesson: Lesson) -> Iterator[str]:
    if not any(kind == "Theorem" for kind, _ in lesson.statements):
        yield "there is no `> **Theorem 4.2.1 (name).** …`"
    for place, quote in enumerate(lesson.quotes):
        match = re.match(r"\*\*(Theorem|Lemma|Proposition|Corollary) (\S+)", quote)
        if match:
            after = quote if "*Proof" in quote else "".join(lesson.quotes[place + 1 : place + 2])
            if not re.search(r"\*Proof\b.*∎", after, re.S):
                yield f"{match[1]} {match[2]} lacks a proof, `> *Proof.* … ∎`"


@rule
def statement_numbers(lesson: Lesson) -> Iterator[str]:
    if re.search(rf"^> \*\*({'|'.join(STATEMENTS)})\b(?! \d)", lesson.text, re.M):
        yield "a statement has no number; write `> **Theorem 4.2.1 (name).** …`"
    yield from _counted([number for _, number in lesson.statements], lesson, "statements")


@rule
def equation_numbers(lesson: Lesson) -> Iterator[str]:
    if not lesson.tags:
        yield r"no equation has a number, `\tag{4.2.1}`"
    yield from _counted(lesson.tags, lesson, "equations")


@rule
def references(lesson: Lesson) -> Iterator[str]:
    kinds = "|".join((*STATEMENTS, "Exercise"))
    text = re.sub(r"\\tag\{[^}]*\}", "", lesson.prose)
    for number in re.findall(r"\((\d+\.\d+\.\d+)\)", text):
        home = _home(number, lesson)
        if home is None or number not in home.tags:
            yield f"({number}) names no equation"
    for kind, number in re.findall(rf"({kinds})s? (\d+\.\d+\.\d+)", text):
        home = _home(number, lesson)
        stated = home and [*home.statements, *(("Exercise", n) for n in exercise_names(home))]
        if not stated or (kind, number) not in stated:
            yield f"{kind} {number} does not exist"


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


@rule
def check_section(lesson: Lesson) -> Iterator[str]:
    codes = [cell for cell in lesson.section("Check") if not isinstance(cell, str)]
    if not any(printed(cell).strip() for cell in codes):
        yield "`## Check` holds no code cell that prints how equation and code agree"


@rule
def common_mistake(lesson: Lesson) -> Iterator[str]:
    parts = lesson.section("Common mistake")
    if not any(isinstance(part, str) and "> **Common mistake.** " in part for part in parts):
        yield "`## Common mistake` lacks `> **Common mistake.** …`"
    if not any(not isinstance(part, str) and printed(part).strip() for part in parts):
        yield "`## Common mistake` holds no code cell that shows it failing"


@rule
def quiz(lesson: Lesson) -> Iterator[str]:
    try:
        asked = from_notebook(lesson.notebook)
    except ValueError as error:
        yield str(error)
    else:
        if len(asked) < 3:
            yield f"there are {len(asked)} quiz questions; 3 is the least"


@rule
def exercises(lesson: Lesson) -> Iterator[str]:
    found = _exercises(lesson)
    if len(found) < 2:
        yield f"there are {len(found)} exercises; 2 is the least"
    kinds = {EXERCISE.match(texts[0])[2] for texts, _ in found if EXERCISE.match(texts[0])}
    for kind in ("by hand", "in code"):
        if kind not in kinds:
            yield f"no exercise is {kind}"
    for count, (texts, codes) in enumerate(found, 1):
        name, head = f"{lesson.number}.{count}", texts[0].splitlines()[0]
        if not EXERCISE.match(head) or EXERCISE.match(head)[1] != name:
            yield f"`{head}` should read `### Exercise {name} · by hand|in code · ★ · 5 min`"
        if [t for c in codes for t in cell_tags(c) if t in ("exercise", "solution")] != [
            "exercise",
            "solution",
        ]:
            yield f"exercise {name} should have one cell tagged exercise, then one tagged solution"
        for cell in codes:
            last = cell.source.strip().splitlines()[-1]
            if cell_tags(cell) and not re.match(rf'check\("{re.escape(name)}", .+\)', last):
                yield f'exercise {name}: the cell `{last}` should end in check("{name}", …)'
        if not re.search(
            r"<details>\s*<summary>Solution</summary>\n\n.*\n\n</details>", "\n".join(texts), re.S
        ):
            yield f"exercise {name} lacks <details><summary>Solution</summary> with empty lines"


@rule
def three_lines(lesson: Lesson) -> Iterator[str]:
    text = "\n".join(p for p in lesson.section("In three lines") if isinstance(p, str))
    lines = re.findall(r"^(?:[-*]|\d\.) \S", text, re.M)
    if len(lines) != 3:
        yield f"`## In three lines` has {len(lines)} list items"


@rule
def sources(lesson: Lesson) -> Iterator[str]:
    text = "\n".join(p for p in lesson.section("Sources") if isinstance(p, str))
    items = re.findall(r"^[-*] .+$", text, re.M)
    if not items:
        yield "`## Sources` lists nothing"
    for item in items:
        if "](http" not in item:
            yield f"the source `{item[:60]}` has no link to its DOI or arXiv page"
    bibliography = (lesson.root / "references.bib").read_text(encoding="utf-8")
    known = {url.rstrip("/") for url in re.findall(r"url\s*=\s*\{([^}]*)\}", bibliography)}
    for _, url in lesson.links:
        cited = url in text or re.match(r"https?://(dx\.)?(doi|arxiv)\.org/", url)
        if url.startswith("http") and cited and url.rstrip("/") not in known:
            yield f"{url} does not stand in references.bib"


@rule
def plain_markdown(lesson: Lesson) -> Iterator[str]:
    for pattern in (r"^\s*(?:> )?:::", r"^\s*(?:> )?(?:```|~~~)\{", r"(?<!\\)\{[a-z][\w:+-]*\}`"):
        for match in re.finditer(pattern, lesson.text, re.M):
            line = lesson.text[match.start() :].strip().splitlines()[0]
            yield f"`{line[:50]}` is a directive or role that Colab shows raw"


@rule
def links(lesson: Lesson) -> Iterator[str]:
    for words, target in lesson.links:
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (lesson.path.parent / file).resolve() if file else lesson.path
        if not path.exists():
            yield f"[{words}]({target}): there is no such file"
        elif anchor and slug(anchor) not in _anchors(path, lesson):
            yield f"[{words}]({target}): {path.name} has no such heading"


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


@rule
def voice(lesson: Lesson) -> Iterator[str]:
    for phrase in FILLER:
        if phrase in lesson.prose.lower():
            yield f"“{phrase}” says nothing"


def exercise_names(lesson: Lesson) -> list[str]:
    """The numbers of a lesson's exercises, from its headings."""
    return re.findall(r"^### Exercise (\d+\.\d+\.\d+)", lesson.text, re.M)


def _exercises(lesson: Lesson) -> list[tuple[list[str], list]]:
    """The texts and the code cells of each exercise; its first text begins with its heading."""
    found = []
    for part in lesson.section("Exercises"):
        if not isinstance(part, str):
            if found:
                found[-1][1].append(part)
            continue
        for text in re.split(r"^(?=### )", part, flags=re.M):
            if text.startswith("### "):
                found.append(([text], []))
            elif found and text.strip():
                found[-1][0].append(text)
    return found


def _counted(numbers: list[str], lesson: Lesson, what: str) -> Iterator[str]:
    wanted = [f"{lesson.number}.{n}" for n in range(1, len(numbers) + 1)]
    for number, due in zip(numbers, wanted, strict=True):
        if number != due:
            shown = ", ".join(numbers)
            yield f"{what} share one counter; {number} stands where {due} should: {shown}"
            return


def _home(number: str, lesson: Lesson) -> Lesson | None:
    """The lesson a number such as 4.2.1 belongs to; None when it is not written."""
    chapter, of_chapter, _ = number.split(".")
    if lesson.number == f"{chapter}.{of_chapter}":
        return lesson
    pattern = f"{int(chapter):02d}-*/{int(of_chapter):02d}-*.ipynb"
    files = list((lesson.root / "chapters").glob(pattern))
    return Lesson(files[0]) if files else None


def _anchors(path: Path, lesson: Lesson) -> set[str]:
    if path == lesson.path:
        found = lesson.headings
    elif path.suffix == ".ipynb":
        found = Lesson(path).headings
    else:
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"^(#{1,6}) (.+)$", text, re.M)
    return {slug(words) for _, words in found}


def _words(value: ast.expr | None) -> str | None:
    """The words of a text in the code; None when only running it would tell."""
    if value is None:
        return ""
    parts = [node.value for node in ast.walk(value) if isinstance(node, ast.Constant)]
    if isinstance(value, (ast.Constant, ast.JoinedStr, ast.BinOp)):
        return "".join(str(part) for part in parts)
    return None


if __name__ == "__main__":
    found = [f"{path}: {fault}" for path in sys.argv[1:] for fault in faults(Lesson(path))]
    print("\n".join(found) or "Nothing is missing.")
    sys.exit(bool(found))
