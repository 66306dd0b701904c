"""What the reader is asked: the check, the common mistake, the quiz, the exercises."""

import re
from collections.abc import Iterator

from courseware.lessons import claims
from courseware.lessons.reading import Lesson, cell_tags, printed
from courseware.lessons.rules.table import revised, rule, second_edition
from courseware.quizzes.questions import Question, from_notebook

EXERCISE = re.compile(
    r"### Exercise (?P<name>\S+) · (?P<kind>by hand|in code)\b(?P<more>[^·]*) · (?P<stars>★{1,3})"
    r" · (?P<minutes>\d+) min"
)
CLAIMS = 5


@rule
def check_section(lesson: Lesson) -> Iterator[str]:
    codes = [cell for cell in lesson.section("Check") if not isinstance(cell, str)]
    if not any(printed(cell).strip() for cell in codes):
        yield "`## Check` holds no code cell that prints how equation and code agree"


@rule
def common_mistake(lesson: Lesson) -> Iterator[str]:
    parts = lesson.section("Common mistake")
    if not parts and lesson.section("A question"):
        return
    if not any(isinstance(part, str) and "> **Common mistake.** " in part for part in parts):
        yield "`## Common mistake` lacks `> **Common mistake.** …`"
    if not any(not isinstance(part, str) and printed(part).strip() for part in parts):
        yield "`## Common mistake` holds no code cell that shows it failing"
    text = "\n".join(part for part in parts if isinstance(part, str))
    if revised(lesson) and "](http" not in text:
        yield "`## Common mistake` links no source; without one, ask under `## A question: …`"


@rule
def quiz(lesson: Lesson) -> Iterator[str]:
    try:
        asked = from_notebook(lesson.notebook)
    except ValueError as error:
        yield str(error)
    else:
        if len(asked) < 3:
            yield f"there are {len(asked)} quiz questions; 3 is the least"


@second_edition
def fair_quiz(lesson: Lesson) -> Iterator[str]:
    asked = quiz_questions(lesson)
    if len(asked) < 4:
        yield f"there are {len(asked)} quiz questions; 4 is the least"
    longest = [question.text for question in asked if _right_is_longest(question)]
    if 5 * len(longest) > 2 * len(asked):
        yield (
            f"the right choice is the longest in {len(longest)} of {len(asked)} questions; "
            f"two of five is the most: {'; '.join(text[:40] for text in longest)}"
        )


@rule
def exercises(lesson: Lesson) -> Iterator[str]:
    found = _exercises(lesson)
    if len(found) < 2:
        yield f"there are {len(found)} exercises; 2 is the least"
    kinds = {head["kind"] for head in _heads(lesson)}
    for kind in ("by hand", "in code"):
        if kind not in kinds:
            yield f"no exercise is {kind}"
    for count, (texts, codes) in enumerate(found, 1):
        name, head = f"{lesson.number}.{count}", texts[0].splitlines()[0]
        match = EXERCISE.match(head)
        if not match or match["name"] != name:
            yield f"`{head}` should read `### Exercise {name} · by hand|in code · ★ · 5 min`"
        tags = [t for c in codes for t in cell_tags(c) if t in ("exercise", "solution")]
        # A proof by hand is compared with nothing: it may do without cells.
        proof = match and match["kind"] == "by hand" and not codes and revised(lesson)
        if tags != ["exercise", "solution"] and not proof:
            yield f"exercise {name} should have one cell tagged exercise, then one tagged solution"
        for cell in codes:
            last = cell.source.strip().splitlines()[-1]
            if cell_tags(cell) and not re.match(rf'check\("{re.escape(name)}", .+\)', last):
                yield f'exercise {name}: the cell `{last}` should end in check("{name}", …)'
        if not re.search(
            r"<details>\s*<summary>Solution</summary>\n\n.*\n\n</details>", "\n".join(texts), re.S
        ):
            yield f"exercise {name} lacks <details><summary>Solution</summary> with empty lines"


@second_edition
def ladder(lesson: Lesson) -> Iterator[str]:
    heads = _heads(lesson)
    hand = sum(head["kind"] == "by hand" and "code" not in head["more"] for head in heads)
    code = sum(head["kind"] == "in code" for head in heads)
    for count, least, what in (
        (len(heads), 6, "exercises"),
        (hand, 3, "exercises by hand alone"),
        (code, 2, "exercises in code"),
        (sum(head["stars"] == "★★★" for head in heads), 1, "exercises with three stars"),
    ):
        if count < least:
            yield f"there are {count} {what}; {least} is the least"


@second_edition
def claimed(lesson: Lesson) -> Iterator[str]:
    file = claims.file_of(lesson)
    count = len(claims.claims(file)) if file.exists() else 0
    if count < CLAIMS:
        yield f"{file.name} holds {count} claims; {CLAIMS} is the least"


def exercise_names(lesson: Lesson) -> list[str]:
    """The numbers of a lesson's exercises, from its headings."""
    return re.findall(r"^### Exercise (\d+\.\d+\.\d+)", lesson.text, re.M)


def checked_exercises(lesson: Lesson) -> list[str]:
    """The numbers of those that `check` compares: all but proofs by hand."""
    code = "\n".join(cell.source for cell in lesson.codes)
    return [name for name in exercise_names(lesson) if f'check("{name}"' in code]


def exercise_minutes(lesson: Lesson) -> int:
    """The minutes of a lesson's exercises together, from their headings."""
    return sum(int(head["minutes"]) for head in _heads(lesson))


def quiz_questions(lesson: Lesson) -> list[Question]:
    """A lesson's quiz; none where it is not written as plain data, which the rule `quiz` tells."""
    try:
        return from_notebook(lesson.notebook)
    except ValueError:
        return []


def _right_is_longest(question: Question) -> bool:
    def longest(right: bool) -> int:
        return max(len(_seen(c.text)) for c in question.choices if c.right == right)

    return longest(True) > longest(False)


def _seen(text: str) -> str:
    """A choice about as long as it reads: of TeX, each command is one sign."""
    return re.sub(r"[${}*`_^]", "", re.sub(r"\\[a-zA-Z]+", "x", text)).strip()


def _heads(lesson: Lesson) -> list[re.Match]:
    return [head for texts, _ in _exercises(lesson) if (head := EXERCISE.match(texts[0]))]


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
