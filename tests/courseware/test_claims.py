"""Claims: read from their file, held against the lesson's words, their results kept and judged."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from courseware.lessons import claims
from courseware.lessons.reading import Lesson

TEXT = r"""# 7.1 The mean

> **Theorem 7.1.1.** The [mean](x.md) is the *cheapest* single
> answer to $x_1,\dots,x_n$, says `numpy`.
"""
CODE = 'show(f, caption="In all eight states " "the line is lowest at 20.", alt="A line.")'
FILE = '''\
import pytest


def test_cheapest(lesson):
    r"""The mean is the cheapest single answer to $x_1,\\dots,x_n$.

    The rest of a docstring tells how.
    """


@pytest.mark.slow
def test_states(lesson):
    """In all eight states the line is lowest at 20."""
    assert lesson
'''


@pytest.fixture
def lesson(tmp_path):
    (tmp_path / "_config.yml").write_text("")
    (tmp_path / "index.md").write_text("One sentence of the front page.")
    (tmp_path / "guides").mkdir()
    (tmp_path / "guides" / "glossary.md").write_text("**Mean.** The sum over the number of terms.")
    folder = tmp_path / "chapters" / "07-means"
    folder.mkdir(parents=True)
    cells = [nbformat.v4.new_markdown_cell(TEXT), nbformat.v4.new_code_cell(CODE)]
    (folder / "01-mean.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))
    return Lesson(folder / "01-mean.ipynb")


@pytest.fixture
def file(lesson):
    path = claims.file_of(lesson)
    path.parent.mkdir(parents=True)
    path.write_text(FILE)
    return path


def test_a_file_is_read(file, lesson):
    cheapest, states = claims.claims(file)
    assert cheapest.sentence == r"The mean is the cheapest single answer to $x_1,\dots,x_n$."
    assert (cheapest.slow, states.slow) == (False, True)
    assert claims.lesson_path(lesson.root, claims.number_of(file)) == lesson.path


def test_sentences_that_stand_in_the_lesson(file, lesson):
    assert not list(claims.unheard(claims.claims(file), lesson))


@pytest.mark.parametrize(
    "old, new, fault",
    [
        (
            "cheapest single",
            "dearest single",
            "test_cheapest: .* nowhere “The mean is",
        ),
        ("eight", "nine", "test_states: lesson 7.1 says nowhere “In all"),
        (
            "In all eight states the line is lowest at 20.",
            "The mean.",
            "test_states: .* of 4 words",
        ),
        ('"""In all eight states the line is lowest at 20."""', "", "test_states: .*no sentence"),
    ],
)
def test_sentences_that_do_not(file, lesson, old, new, fault):
    assert old in FILE
    file.write_text(FILE.replace(old, new))
    (found,) = claims.unheard(claims.claims(file), lesson)
    assert re.match(fault, found), found


@pytest.mark.parametrize(
    "words", ["The sum over the number of terms", "One sentence of the front page"]
)
def test_guides_and_front_page_count(lesson, words):
    assert words in claims.told(lesson)


def test_results_are_kept_and_judged(file):
    assert list(claims.stale(file)) == ["test_states has no result yet"]
    claims.keep(file, {"test_states": {"passed": True, "found": {"lowest": 20}}})
    assert list(claims.stale(file)) == []
    kept = json.loads(claims.results_of(file).read_text())
    assert kept["test_states"]["found"] == {"lowest": 20}
    # A quick claim's result comes beside it, in the file's order; nothing is lost.
    claims.keep(file, {"test_cheapest": {"passed": True, "found": {}}})
    assert list(json.loads(claims.results_of(file).read_text())) == ["test_cheapest", "test_states"]
    claims.keep(file, {"test_states": {"passed": False, "found": {}}})
    assert list(claims.stale(file)) == ["test_states: was found false"]


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("eight", "nine", "belongs to the sentence “In all eight"),
        ("assert lesson", "assert True", "its test has changed"),
        ("def test_states", "def test_all_states", "no result yet|has a result and no test"),
    ],
)
def test_results_of_another_text_are_stale(file, old, new, fault):
    claims.keep(file, {"test_states": {"passed": True, "found": {}}})
    file.write_text(FILE.replace(old, new))
    found = list(claims.stale(file))
    assert found and all(re.search(fault, line) for line in found), found


def test_layout_makes_nothing_stale(file):
    claims.keep(file, {"test_states": {"passed": True, "found": {}}})
    file.write_text(FILE.replace("assert lesson", "assert  lesson\n"))
    assert list(claims.stale(file)) == []


@pytest.mark.parametrize(
    "value, wanted",
    [
        (0.123456, 0.123),
        (53, 53),
        ("key 3", "key 3"),
        ((1.23456, 2), [1.23, 2]),
        ({2: 0.5}, {"2": 0.5}),
    ],
)
def test_numbers_are_rounded(value, wanted):
    assert claims.rounded("share", value) == wanted


@pytest.mark.parametrize("value", [True, None, [False]])
def test_no_bare_truth_is_recorded(value):
    with pytest.raises(ValueError, match="share.*record numbers"):
        claims.rounded("share", value)


def test_names_of_files(tmp_path):
    with pytest.raises(ValueError, match="test_mean.py is no file of claims"):
        claims.number_of(tmp_path / "test_mean.py")
    (tmp_path / "chapters").mkdir()
    with pytest.raises(ValueError, match="0 notebooks in chapters/ are lesson 9.9"):
        claims.lesson_path(tmp_path, "9.9")


RUN = '''\
import pytest
from time import process_time


def test_cheapest(lesson, record):
    """The mean is the cheapest single answer"""
    record(answer=lesson.get("f"))


def test_busy(lesson):
    """In all eight states the line is lowest at 20."""
    begun = process_time()
    while process_time() < begun + 0.5:
        pass


@pytest.mark.slow
@pytest.mark.parametrize("half", [1, 2])
def test_slow(record, half):
    """One sentence of the front page."""
    record(half=half / 3)
    assert half < 2
'''


def test_claims_are_run(lesson):
    """The fixtures and the options, in a course of one lesson and under a limit of 0.4 seconds."""
    lesson.notebook.cells[1].source = "f = 20 + 1 / 3"
    lesson.path.write_text(nbformat.writes(lesson.notebook))
    folder = lesson.root / "tests" / "claims"
    folder.mkdir(parents=True)
    (folder / "test_7_1.py").write_text(RUN)
    given = Path(__file__).parents[1] / "claims" / "conftest.py"
    limit = "QUICK, NOISE = 2.0, 3"
    assert limit in given.read_text()
    (folder / "conftest.py").write_text(given.read_text().replace(limit, "QUICK, NOISE = 0.1, 4"))
    (lesson.root / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")

    def run(*options):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/claims"]
        done = subprocess.run([*command, *options], cwd=lesson.root, capture_output=True, text=True)
        return done.stdout

    said = run()
    assert "1 failed, 1 passed, 2 deselected" in said, said
    assert "test_busy" in said and "a quick claim takes under" in said
    assert not (folder / "results").exists()

    said = run("--record")
    assert "2 failed, 2 passed" in said, said
    kept = json.loads((folder / "results" / "7.1.json").read_text())
    assert list(kept) == ["test_cheapest", "test_busy", "test_slow"]
    assert kept["test_cheapest"]["found"] == {"answer": 20.3}
    assert kept["test_slow"]["found"] == {"1": {"half": 0.333}, "2": {"half": 0.667}}
    assert [result["passed"] for result in kept.values()] == [True, False, False]
