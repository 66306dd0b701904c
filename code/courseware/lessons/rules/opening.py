"""How a lesson opens: its title, question, objectives, what it needs, its set-up, its parts."""

import re
from collections.abc import Iterator

from courseware.lessons.notebooks import SETUP_TAGS, setup_source
from courseware.lessons.reading import Lesson, cell_tags
from courseware.lessons.rules.exercises import exercise_minutes
from courseware.lessons.rules.table import COMMAND, revised, rule

HEADINGS = ("Check", "Common mistake", "Quiz", "Exercises", "In three lines", "Sources")


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
    told, due = minutes(lesson), exercise_minutes(lesson)
    if told is None:
        form = "**35 minutes**, exercises **60 minutes.**" if revised(lesson) else "**35 minutes.**"
        yield f"the first cell lacks the paragraph `**Needs** …. {form}`"
    elif revised(lesson) and told[1] != due:
        yield f"the first cell says exercises take {told[1]} minutes; theirs add to {due}"


def minutes(lesson: Lesson) -> tuple[int, int] | None:
    """Minutes of reading with the quiz, and of the exercises, as the lesson tells them.

    A lesson of the first edition tells only those of reading; its exercises' are added up.
    """
    form = r"^\*\*Needs\*\* .+?\*\*(\d+) minutes\*\*, exercises \*\*(\d+) minutes\.\*\*$"
    if match := re.search(form, lesson.opening, re.M):
        return int(match[1]), int(match[2])
    old = re.search(r"^\*\*Needs\*\* .+?\*\*(\d+) minutes\.\*\*$", lesson.opening, re.M)
    return (int(old[1]), exercise_minutes(lesson)) if old and not revised(lesson) else None


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
        asked = "|A question:" if name == "Common mistake" and revised(lesson) else ""
        if not any(re.match(f"{name}{ends}{asked}", words) for words in second):
            yield f"there is no heading `## {name}`"
    places = [second.index(name) for name in HEADINGS[2:] if name in second]
    if places != sorted(places):
        yield f"these headings should follow each other: {', '.join(HEADINGS[2:])}"
