"""Every lesson has every part, and every rule that says so notices when its part is damaged."""

import copy
from functools import lru_cache
from pathlib import Path

import nbformat
import pytest

from courseware.lessons.anatomy import faults
from courseware.lessons.notebooks import lessons, root_of
from courseware.lessons.reading import Lesson
from courseware.lessons.rules import RULES, TO_BE_REVISED

ROOT = root_of(Path(__file__))
TEMPLATE = ROOT / "chapters" / "_template.ipynb"
NOTEBOOKS = lessons(ROOT)
ids = [path.stem for path in NOTEBOOKS]

lesson_at = lru_cache(Lesson)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_lesson(path, rule):
    found = list(RULES[rule](lesson_at(path)))
    assert not found, "\n".join([path.relative_to(ROOT).as_posix(), *found])


def replace(identity, old, new):
    """Damage: put `new` in place of `old` in one cell."""

    def damage(cells):
        assert old in cells[identity].source, f"{old!r} is not in cell {identity}"
        cells[identity].source = cells[identity].source.replace(old, new)

    return damage


def change(identity, **fields):
    """Damage: give one cell other fields."""
    return lambda cells: cells[identity].update(nbformat.from_dict(fields))


def tag(identity, *tags):
    return lambda cells: cells[identity].metadata.update(tags=list(tags))


def unfold(identity, key):
    return lambda cells: cells[identity].metadata.pop(key)


OUTPUT = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<b>"}}
ADDRESS = {"output_type": "stream", "name": "stdout", "text": "<object at 0x7f00>"}
FIGURE = OUTPUT | {"data": {"text/plain": "", "image/png": "A" * 300_000}}

EXPLORERS = ("explorer", "parts")
BY_HAND = ("exercise-1", "exercise-3", "exercise-4", "exercise-6")
LONG = "many words of one idea and then of another " * 32
STEPS = "> A step of a proof that is long enough to be folded away on the page. " * 8


def drop(*identities):
    """Damage: leave out these cells."""
    return lambda cells: [cells.pop(identity) for identity in identities]


def output(identity, text):
    """Damage: let a cell print something else."""
    return lambda cells: cells[identity].outputs[0].update(text=text)


def lengthen(*questions):
    """Damage: make the right choices of these questions long."""

    def damage(cells):
        for choice in questions:
            replace("quiz", choice, f'{choice[:-1]}, for a reason that takes long to say"')(cells)

    return damage


DAMAGES = [
    ("title", replace("title", "# 0.1 The mean", "# The mean")),
    ("title", replace("code-text", "Equation", "# Another title\n\nEquation")),
    ("question", replace("title", "**Question.**", "**Q.**")),
    ("question", replace("title", "?", ".")),
    ("objectives", replace("title", "**You will be able to**", "You will")),
    ("objectives", replace("title", " · ", " and ")),
    ("needs", replace("title", "**15 minutes**,", "**A while**,")),
    ("needs", replace("title", "**15 minutes**, exercises **46 minutes.**", "**15 minutes.**")),
    ("needs", replace("title", "**46 minutes.**", "**45 minutes.**")),
    ("needs", replace("exercise-1", "3 min", "4 min")),
    ("needs", replace("title", "**Needs**", "Needs")),
    ("setup_cell", replace("setup", "--quiet", "")),
    ("setup_cell", tag("setup", "setup")),
    ("setup_cell", lambda cells: cells.pop("setup")),
    ("headings", replace("check-text", "## Check", "## Checks")),
    ("headings", replace("mistake-text", "## Common mistake:", "## A mistake:")),
    ("headings", replace("quiz-heading", "## Quiz", "### Quiz")),
    ("headings", replace("end", "## In three lines", "## Summary")),
    ("headings", replace("quiz-heading", "## Quiz", "## Sources\n\n## Quiz")),
    ("proofs", replace("theorem", "∎", "")),
    ("proofs", replace("theorem", "*Proof.*", "Proof.")),
    ("proofs", replace("theorem", "**Theorem 0.1.2", "**Fact 0.1.2")),
    ("statement_numbers", replace("theorem", "**Theorem 0.1.2", "**Theorem 0.1.1")),
    ("statement_numbers", replace("theorem", "**Theorem 0.1.2", "**Theorem 0.2.2")),
    ("statement_numbers", replace("theorem", "**Theorem 0.1.2 (", "**Theorem (")),
    ("equation_numbers", replace("theorem", r"\tag{0.1.2}", r"\tag{0.1.1}")),
    ("equation_numbers", replace("theorem", r"\tag{0.1", r"\tagged{0.1")),
    ("references", replace("check-text", "(0.1.2)", "(0.1.7)")),
    ("references", replace("check-text", "(0.1.2)", "(7.9.1)")),
    ("references", replace("check-text", "(0.1.2)", "Theorem 0.1.1")),
    ("references", replace("end", "Exercise 0.1.2", "Exercise 0.1.9")),
    ("explorers", lambda cells: [replace(n, "explore(", "see(")(cells) for n in EXPLORERS]),
    ("explorers", replace("explorer", "alt=", "title=")),
    ("explorers", replace("explorer", 'alt="A curve', 'alt="A", title="A curve')),
    ("predictions", replace("picture", "**Predict.**", "Predict.")),
    ("check_section", change("check", outputs=[])),
    ("common_mistake", change("mistake", outputs=[])),
    ("common_mistake", replace("mistake-text", "> **Common mistake.**", "")),
    (
        "common_mistake",
        replace("mistake-text", "](https", "] (https"),
    ),
    ("quiz", replace("quiz", '"wrong": {"the median"', '"false": {"the median"')),
    ("quiz", lambda cells: cells.pop("quiz")),
    ("exercises", replace("exercise-1", "by hand", "anyhow")),
    ("exercises", lambda cells: [replace(n, "by hand", "in code")(cells) for n in BY_HAND]),
    ("exercises", replace("exercise-1", "★ ·", "·")),
    ("exercises", replace("exercise-1", "3 min", "soon")),
    ("exercises", replace("exercise-2", "Exercise 0.1.2", "Exercise 0.1.3")),
    ("exercises", replace("stub-2", 'check("0.1.2"', 'check("0.1.1"')),
    ("exercises", replace("solution-2", "check(", "# check(")),
    ("exercises", tag("stub-1")),
    ("exercises", tag("solution-1", "hide-input")),
    ("exercises", replace("solution-1-text", "<details>", "")),
    ("exercises", replace("solution-1-text", "</summary>\n\n", "</summary>\n")),
    ("exercises", lambda cells: [cells.pop(f"{part}-2") for part in ("exercise", "stub")]),
    ("three_lines", replace("end", "- What remains", "  What remains")),
    ("sources", replace("end", "1109020", "1109021")),
    ("sources", replace("end", "](https://doi.org/10.1137/1109020)", "]")),
    ("plain_markdown", replace("end", "the weighted mean", "{cite}`nadaraya1964`")),
    ("plain_markdown", replace("end", "## Sources", ":::{note}\nx\n:::\n\n## Sources")),
    ("plain_markdown", replace("end", "## Sources", "```{note}\nx\n```\n\n## Sources")),
    ("links", replace("end", "## Sources", "[x](missing.ipynb)\n\n## Sources")),
    ("links", replace("end", "## Sources", "[x](#no-such-heading)\n\n## Sources")),
    ("stored_outputs", change("quiz", outputs=[OUTPUT])),
    ("stored_outputs", change("check", outputs=[ADDRESS])),
    ("stored_outputs", change("quiz", outputs=[FIGURE])),
    ("normal_form", replace("code", "print(", "print( ")),
    ("normal_form", change("code", id="")),
    ("normal_form", change("code", execution_count=17)),
    ("normal_form", lambda cells: cells["code"].metadata.update(collapsed=True)),
    ("executed", change("explorer", execution_count=None)),
    ("unskipped", replace("code", "def cost", "# NBVAL_IGNORE_OUTPUT\ndef cost")),
    ("unskipped", tag("code", "nbval-skip")),
    ("code_length", replace("code", "def cost", "1\n" * 20 + "def cost")),
    ("folded_cells", unfold("explorer", "cellView")),
    ("folded_cells", unfold("quiz", "jupyter")),
    ("folded_cells", unfold("solution-1", "jupyter")),
    ("folded_cells", replace("explorer", "# @title", "# title")),
    ("voice", replace("end", "## Sources", "It is important to note this.\n\n## Sources")),
    ("ladder", drop("exercise-6", "solution-6-text")),
    ("ladder", replace("exercise-6", "★★★", "★★")),
    ("ladder", replace("exercise-5", "in code", "by hand")),
    (
        "ladder",
        lambda cells: [replace(f"exercise-{n}", "by hand", "in code")(cells) for n in (1, 3)],
    ),
    ("fair_quiz", replace("quiz", "quiz(", "quiz()\nask(")),
    ("fair_quiz", lengthen('"40"', '"2"')),
    ("claimed", replace("title", "# 0.1", "# 0.7")),
    ("findings", replace("explorer", "finding=", "title=")),
    ("findings", replace("parts", "finding=", "finding=f")),
    ("findings", replace("parts", 'finding="', 'finding="Both grow.", title="')),
    ("map_of_the_machine", replace("map", "machine(lit=", "machine(")),
    ("map_of_the_machine", tag("map", "hide-input")),
    ("map_of_the_machine", unfold("map", "jupyter")),
    ("map_of_the_machine", drop("map")),
    ("enough_explorers", replace("parts", "explore(", "explored(")),
    ("enough_explorers", replace("explorer", "times=[1, 3, 5],", "")),
    ("proof_paragraphs", replace("theorem", "> Write", f"> {'A long step. ' * 41}\n>\n> Write")),
    ("proof_paragraphs", replace("theorem", "cancel.\n>\n>", f"cancel.\n{STEPS}\n>")),
    ("service_folded", lambda cells: [unfold("imports", key)(cells) for key in ("jupyter",)]),
    ("service_folded", unfold("check", "jupyter")),
    ("bare_truth", output("check", "both sides agree within 1e-12: True\n")),
    ("bare_truth", output("code", "False\n")),
    ("field_words", replace("end", "## Sources", "A heap of guesses.\n\n## Sources")),
    ("field_words", replace("quiz", "A square is never", "Blame nobody: it is never")),
    ("one_idea_a_cell", replace("check-text", "Both sides", f"{LONG}. Both sides")),
    ("read_sources", replace("end", "Nadaraya 1964", "Nadaraya 1964†")),
    (
        "read_sources",
        replace("end", "## Sources", "Some were not opened.\n\n## Sources"),
    ),
]


def damaged(damage):
    """The template lesson after one damage."""
    notebook = copy.deepcopy(lesson_at(TEMPLATE).notebook)
    cells = {cell.id: cell for cell in notebook.cells}
    order = list(cells)
    damage(cells)
    notebook.cells = [cells[identity] for identity in order if identity in cells]
    return Lesson(TEMPLATE, notebook)


@pytest.mark.parametrize("rule, damage", DAMAGES, ids=[rule for rule, _ in DAMAGES])
def test_rule_bites(rule, damage):
    assert not list(RULES[rule](lesson_at(TEMPLATE))), "the template itself breaks this rule"
    assert list(RULES[rule](damaged(damage))), f"{rule} did not notice"


def test_every_rule_is_tried():
    assert set(RULES) == {rule for rule, _ in DAMAGES}


def test_the_list_of_old_lessons_only_becomes_shorter():
    """Whoever revises a lesson takes it out; none comes in."""
    first = {
        f"{chapter}.{n}"
        for chapter, count in enumerate((5, 6, 6, 5), 1)
        for n in range(1, count + 1)
    }
    assert TO_BE_REVISED <= first
    assert TO_BE_REVISED <= {lesson_at(path).number for path in NOTEBOOKS}


def test_old_lessons_wait_for_the_second_edition(monkeypatch):
    without_finding = replace("explorer", "finding=", "title=")
    monkeypatch.setattr("courseware.lessons.rules.table.TO_BE_REVISED", {"0.1"})
    assert not list(RULES["findings"](damaged(without_finding)))


def test_a_question_may_stand_for_the_mistake():
    """Where no source makes the mistake, the lesson asks."""
    asked = damaged(replace("mistake-text", "## Common mistake:", "## A question:"))
    assert not list(RULES["headings"](asked)) and not list(RULES["common_mistake"](asked))


def test_a_proof_by_hand_needs_no_cell():
    assert not any("stub-6" in cell.id for cell in lesson_at(TEMPLATE).cells)
    stub_missing = damaged(drop("stub-3"))
    assert any("0.1.3" in fault for fault in RULES["exercises"](stub_missing))
    both_missing = damaged(drop("stub-5", "solution-5"))
    assert list(RULES["exercises"](both_missing)), "an exercise in code has its cells"


def test_all_faults_are_listed():
    lesson = damaged(replace("title", "**15 minutes**,", "**A while**,"))
    (fault,) = faults(lesson)
    form = "**35 minutes**, exercises **60 minutes.**"
    assert fault == f"needs: the first cell lacks the paragraph `**Needs** …. {form}`"


def test_links_that_land():
    mistake = "#common-mistake-the-mean-lies-on-the-side-of-the-long-tail"
    text = f"[a]({mistake}) [b](#Check) [c](_template.ipynb#quiz)"
    lesson = damaged(replace("end", "## Sources", f"{text} [d](../README.md)\n\n## Sources"))
    assert [fault for fault in RULES["links"](lesson) if "README" not in fault] == []
