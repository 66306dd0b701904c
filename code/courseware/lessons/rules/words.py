"""The words of a lesson: plain Markdown, in a voice that says something."""

import re
from collections.abc import Iterator

from courseware.lessons.reading import Lesson, words
from courseware.lessons.rules.table import rule, second_edition

FILLER = (
    "in this section",
    "it is important to note",
    "let's dive",
    "let us dive",
    "delve",
    "in conclusion",
    "as we all know",
)

# Words of this course alone, and sentences that are translated: what the field, or English, says.
DIALECT = {
    r"blam(?:e[sd]?|ing)": "gradient",
    r"heaps?": "training set, test set, sample",
    r"by lot": "at random",
    r"loud(?:er|est|ly|ness)?": "large, norm, variance",
    r"deaf(?:er|ness)?": "saturated",
    r"how many \w+ has": "how many … does it have",
    r"with which probability": "with what probability",
    r"in the middle, the answer": "on average, the answer",
    r"shall bridge": "is to span",
    r"makes of it": "turns it into",
    r"(?:nobody|no one) asked yet": "nobody has asked yet",
    r"who wants to run": "whoever wants to run",
    r"an? \w+ with \d+ %": "a machine that is right 90 % of the time",
    r"turned round": "reversed",
    r"(?:does|do|did) not stir": "does not change",
    r"(?:one (?:row|column|number|dot|bar|line|curve)|(?:two|three|four|five|\d[\d,]*) \w+s)"
    r" an? (?:point|query|token|width|step|layer|head|row|parameter|word|character)": "per",
}
MAX_WORDS = 280  # about 250


@rule
def three_lines(lesson: Lesson) -> Iterator[str]:
    text = "\n".join(p for p in lesson.section("In three lines") if isinstance(p, str))
    lines = re.findall(r"^(?:[-*]|\d\.) \S", text, re.M)
    if len(lines) != 3:
        yield f"`## In three lines` has {len(lines)} list items"


@rule
def plain_markdown(lesson: Lesson) -> Iterator[str]:
    for pattern in (r"^\s*(?:> )?:::", r"^\s*(?:> )?(?:```|~~~)\{", r"(?<!\\)\{[a-z][\w:+-]*\}`"):
        for match in re.finditer(pattern, lesson.text, re.M):
            line = lesson.text[match.start() :].strip().splitlines()[0]
            yield f"`{line[:50]}` is a directive or role that Colab shows raw"


@rule
def voice(lesson: Lesson) -> Iterator[str]:
    for phrase in FILLER:
        if phrase in lesson.prose.lower():
            yield f"“{phrase}” says nothing"


@second_edition
def field_words(lesson: Lesson) -> Iterator[str]:
    text = "\n".join([lesson.prose, *lesson.strings])
    for pattern, better in DIALECT.items():
        if match := re.search(rf"\b(?:{pattern})\b", text, re.I):
            yield f"“{match[0]}”: say rather “{better}”"


@second_edition
def one_idea_a_cell(lesson: Lesson) -> Iterator[str]:
    sources = lesson.section("Sources")
    for place, cell in enumerate(lesson.cells):
        if cell.cell_type == "markdown":
            text = cell.source
            for part in sources:  # a list to look things up in is not read like a text
                text = text.replace(part, "") if isinstance(part, str) else text
            text = re.sub(r"^> ", "", text, flags=re.M)
            count = len(words(re.sub(r"\*Proof\b.*?(?:∎|\Z)", "", text, flags=re.S)))
            if count > MAX_WORDS:
                yield f"cell {place} has {count} words beside its proofs; about 250 is the most"


@second_edition
def read_sources(lesson: Lesson) -> Iterator[str]:
    if match := re.search(r"†|not opened", lesson.text):
        yield (
            f"“{match[0]}” tells of a source that was not read: read it, or use nothing of it; "
            "where it was read is noted in references.bib"
        )
