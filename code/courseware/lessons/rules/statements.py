"""Theorems and their proofs, numbers and references, links and sources."""

import re
from collections.abc import Iterator
from pathlib import Path

from courseware.lessons.reading import STATEMENTS, Lesson, slug, words
from courseware.lessons.rules.exercises import exercise_names
from courseware.lessons.rules.table import rule, second_edition

PROOF = re.compile(r"\*Proof\b.*?(?:∎|\Z)", re.S)
MAX_STEP, MAX_IDEA = 120, 40


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


@second_edition
def proof_paragraphs(lesson: Lesson) -> Iterator[str]:
    for quote in lesson.quotes:
        if found := PROOF.search(quote):
            paragraphs = re.split(r"\n\s*\n", found[0])
            lengths = [len(words(paragraph)) for paragraph in paragraphs]
            opening = " ".join(paragraphs[0].split()[:8])
            if max(lengths) > MAX_STEP:
                yield f"a step of `{opening} …` has {max(lengths)} words; {MAX_STEP} is the most"
            if sum(lengths) > MAX_STEP and lengths[0] > MAX_IDEA:
                yield (
                    f"`{opening} …` has {sum(lengths)} words and opens with {lengths[0]}; a long "
                    f"proof opens with its idea, a paragraph of {MAX_IDEA} words at most"
                )


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
def links(lesson: Lesson) -> Iterator[str]:
    for name, target in lesson.links:
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (lesson.path.parent / file).resolve() if file else lesson.path
        if not path.exists():
            yield f"[{name}]({target}): there is no such file"
        elif anchor and slug(anchor) not in _anchors(path, lesson):
            yield f"[{name}]({target}): {path.name} has no such heading"


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
