"""Answers found by hand: what may be registered, what is said to a wrong one, and the field."""

import base64
import json
import math
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from courseware.exercises import check, find, last, lessons, names, registry
from courseware.exercises.by_hand import RIGHT, WRONG, HandExercise, reply
from courseware.exercises.page import to_page


@pytest.fixture
def answer(monkeypatch):
    """`answer(value, …)` registers exercise 99.1.1 for this test, and returns it."""
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))

    def register(value, **settings):
        registry.answer("99.1.1", value, **settings)
        return find("99.1.1")

    return register


@pytest.mark.parametrize(
    "value, settings, words",
    [
        (1.25, {}, "tolerance of exercise 99.1.1 is missing: 1.25 is a float"),
        ((1, 0.5), {}, "Give tolerance=0.005"),
        (1.25, {"tolerance": 0}, "tolerance of exercise 99.1.1 is 0; allowed: above 0"),
        (1.25, {"tolerance": 1}, "below 0.5"),
        ((3, "a"), {"tolerance": 0.01}, "whole numbers and texts are exact: drop it"),
        (True, {}, "for a yes or no give choices"),
        (None, {}, "holds None"),
        ((1, (2, 3)), {}, r"holds \(2, 3\)"),
        ({"a": 1}, {}, "allowed: a number, a text, or a tuple"),
        ((), {}, "has 0 parts"),
        (math.inf, {}, "finite"),
        (3, {"hints": {3: "?"}}, "which is the right answer within the tolerance"),
        (1.25, {"tolerance": 0.01, "hints": {1.26: "?"}}, "1.26, which is the right answer"),
        (Fraction(2, 9), {"hints": {0.2222: "?"}}, "0.2222, which is the right answer"),
        (1.25, {"tolerance": 0.01, "hints": {2.0: "a", 2.0001: "b"}}, "only the first would"),
        (3, {"hints": {(1, 2): "?"}}, r"speak to \(1, 2\); a wrong value looks like 3"),
        ((1, "a"), {"hints": {("a", 1): "?"}}, "a wrong value looks like"),
        (3, {"hints": {4: " "}}, "hints of exercise 99.1.1 say nothing to 4"),
        (3, {"label": ""}, "say what is asked for"),
        ("c", {"choices": ["a", "b"]}, "value of exercise 99.1.1 is 'c', which is no choice"),
        (3, {"choices": ["a", "b"]}, "value of exercise 99.1.1 is 3, which is no choice"),
        ("a", {"choices": ["a"]}, "give two or more texts"),
        ("a", {"choices": ["a", "a"]}, "repeat a text"),
        ("a", {"choices": ["a", " "]}, "give two or more texts"),
        ("a", {"choices": ["a", "b"], "hints": {"c": "?"}}, "speak to 'c', which is no choice"),
        ("a", {"choices": ["a", "b"], "hints": {"A": "?"}}, "which is the right answer"),
        ("a", {"choices": ["a", "b"], "tolerance": 0.1}, "drop these"),
    ],
)
def test_what_does_not_fit_together_is_refused(answer, value, settings, words):
    with pytest.raises(ValueError, match=words):
        answer(value, **settings)


def test_who_checks_what_nobody_registered_is_told_where_to():
    with pytest.raises(ValueError, match=r"answer or exercise in lesson_98_7\.py"):
        check("98.7.1", 1)


def test_a_notebook_may_register_its_own(answer, capsys):
    answer(5)
    check("99.1.1", 5)
    assert capsys.readouterr().out == "Exercise 99.1.1 is right.\n"


@pytest.mark.parametrize(
    "value, tolerance, right, wrong",
    [
        (80, None, [80, 80.0, np.int64(80), torch.tensor(80.0), 80 + 1e-9, [80]], [80.01, 79]),
        (25_165_824, None, [25_165_824], [25_165_825]),
        (Fraction(-7, 6), None, [-7 / 6, -1.1667, -1.17, Fraction(-7, 6)], [-1.2, 7 / 6]),
        (Fraction(2, 9), None, [0.2222, 0.22], [0.2]),
        (1.25, 0.01, [1.26, 1.24], [1.3]),
        (400.0, 0.01, [403], [405]),
        ((3, 0.5), 0.01, [(3, 0.505), [3, 0.5], np.array([3, 0.5])], [(3.01, 0.5), (3, 0.6)]),
        ("Rows first", None, ["rows  FIRST "], ["rows"]),
        ((2, "1100"), None, [(2, "1100")], [(2, "110")]),
    ],
)
def test_the_tolerance_fits_the_hand(answer, value, tolerance, right, wrong):
    entry = answer(value, tolerance=tolerance)
    for given in right:
        assert reply(entry, given) == (RIGHT, ""), given
    for given in wrong:
        assert reply(entry, given)[0] == WRONG, given


def test_what_is_said_to_a_wrong_answer(answer):
    entry = answer(80, hints={64: "Add the mean."})
    assert [reply(entry, x)[1] for x in (64, 81, -3)] == [
        "Add the mean.",
        "Too large.",
        "Too small.",
    ]
    assert "without quotes" in reply(entry, "80")[1]
    assert "the value itself" in reply(entry, abs)[1]
    assert reply(entry, True)[1] == "True is not a number."
    assert reply(entry, (80, 1))[1] == "1 number is asked for; you gave 2."

    entry = answer(
        (1, 2, 3), hints={(1, 20, 3): "Ten.", (10, 2, 30): "Both.", (1, 2, 9): "The square."}
    )
    said = {
        (1, 20, 3): "The second number: Ten.",
        (7, 20, 8): "The second number: Ten.",
        (10, 5, 30): "The first and third numbers: Both.",
        (10, 20, 30): "The first and third numbers: Both.",
        (1, 2, 4): "The third number is too large.",
        (0, 2, 4): "The first and third numbers are not right yet.",
        (0, 0, 0): "None of the 3 numbers is right yet.",
        (1, 2): "3 numbers are asked for; you gave 2.",
    }
    for given, text in said.items():
        assert reply(entry, given) == (WRONG, text)
    assert reply(entry, (1, ..., 3))[0] == "unsolved"

    entry = answer((2.5, "1100"), tolerance=0.01, hints={(2.5, "11"): "Four bits."})
    assert reply(entry, (2.5, "11"))[1] == "The second entry: Four bits."
    assert reply(entry, (2.5, "0"))[1] == "The second entry is not right yet."
    assert reply(entry, (2.5, 1100))[1] == "1100 is not a text; write it between quotes."


def test_choices_go_by_letter_name_or_text(answer):
    entry = answer("the rows", choices=["the columns", "the rows"], hints={"A": "Look again."})
    assert reply(entry, "b")[0] == reply(entry, "The rows")[0] == RIGHT
    assert reply(entry, "the columns") == (WRONG, "Look again.")
    assert reply(entry, 2) == (WRONG, "Choose one of 'A', 'B'.")
    entry = answer("up", choices={"up": "It rises.", "down": "It falls."})
    assert reply(entry, "UP")[0] == RIGHT and reply(entry, "down") == (WRONG, "")


def test_check_never_prints_the_right_answer(answer, capsys):
    answer(80, hints={64: "Add the mean."})
    for given in (80, 64, 7):
        check("99.1.1", given)
        assert ("80" in last().message) is False
    assert capsys.readouterr().out.splitlines() == [
        "Exercise 99.1.1 is right.",
        "Exercise 99.1.1 is not right yet (you gave 64). Add the mean.",
        "Exercise 99.1.1 is not right yet (you gave 7). Too small.",
    ]


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_the_field_is_labelled_and_does_not_show_the_answer(answer):
    entry = answer(
        1234.5, tolerance=0.01, label="Cost in *bits*", unit="bits", hints={7: "Zeta: $x$."}
    )
    page = Tags(to_page(entry))
    (field,) = page.all("input")
    named = {attributes["id"] for _, attributes in page.found if "id" in attributes}
    assert page.all("label")[0]["for"] == field["id"] and "name" not in field
    assert set(field["aria-describedby"].split()) <= named
    assert page.all("legend") and page.all("fieldset") and page.all("em")
    assert [div["role"] for div in page.all("div") if "role" in div] == ["status"]
    assert "1234" not in to_page(entry) and "Zeta" not in to_page(entry)
    data = json.loads(base64.b64decode(page.all("form")[0]["data-answer"]))
    assert data["parts"] == [[1234.5, 12.345]] and "katex" in data["hints"][0]["text"]


def test_choices_are_radio_buttons(answer):
    page = Tags(to_page(answer("by $r$", choices=["by $c$", "by $r$"])))
    assert [i["value"] for i in page.all("input") if i["type"] == "radio"] == ["A", "B"]
    assert len(page.all("label")) == 2


def test_every_registered_answer_has_a_field_of_its_own_name():
    found = [find(name) for lesson in lessons() for name in names(lesson)]
    answers = [entry for entry in found if isinstance(entry, HandExercise)]
    assert len(answers) > 20
    for entry in answers:
        assert f'id="answer-{entry.name.replace(".", "-")}"' in to_page(entry)
