"""`check` accepts what is right, and says of what is wrong where it first goes wrong."""

import math

import numpy as np
import pytest
import torch

from courseware.exercises import check, find, last, lessons, names, registry
from courseware.exercises.by_hand import HandExercise
from courseware.exercises.compare import compare


@pytest.fixture
def exercise(monkeypatch):
    """Register exercises of an invented lesson 99.1; they vanish after the test."""
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))

    def register(reference, inputs, **settings):
        registry.exercise("99.1.1", inputs=inputs, **settings)(reference)

    return register


def said(capsys, name, value):
    check(name, value)
    text = capsys.readouterr().out
    assert text == last().message + "\n" and last().name == name
    assert text.count("\n") == 1, "check prints one line"
    return last().status, text


def scores(q, k):
    return q @ k.swapaxes(-1, -2)


def score_inputs(rng):
    for n in (2, 3):
        yield rng.normal(size=(n, 4)), rng.normal(size=(5, 4))


def test_right_function_passes_and_output_repeats(exercise, capsys):
    exercise(scores, score_inputs)
    first = said(capsys, "99.1.1", lambda q, k: np.einsum("id,jd->ij", q, k))
    assert first == said(capsys, "99.1.1", lambda a, b: a @ b.T)
    assert first[0] == "right" and "all 2 cases. Largest difference below 1e-12." in first[1]


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda q, k: k @ q.T, "(5, 2), should have shape (2, 5): it is the transpose"),
        (lambda q, k: (q @ k.T)[0], "shape (5,), should have shape (2, 5)"),
        (lambda q, k: 2 * q @ k.T, "every one is 2 times what it should be"),
        (lambda q, k: np.round(q @ k.T, 2), "entry [0, 0] is "),
        (lambda q, k: q @ k, "raised ValueError: matmul"),
        (lambda q, k: (q @ k.T, 1), "should be"),
        (lambda q, k: q @ k.T + np.eye(2, 5), "too large by 1 (2 of 10 entries differ)"),
        (lambda q, k: "no", "is 'no', should be an array of shape (2, 5)"),
        (lambda q: q, "raised TypeError"),
        (lambda q, k: (q @ k.T) > 0, "should be an array of numbers, its type is bool"),
    ],
)
def test_wrong_function_is_told_what_differs(exercise, capsys, wrong, words):
    exercise(scores, score_inputs)
    status, text = said(capsys, "99.1.1", wrong)
    assert status == "wrong" and words in text
    assert text.startswith("Exercise 99.1.1 is not right yet. For q = [[-")
    assert ", k = array of shape (5, 4): " in text


def test_line_of_the_learners_error_is_named(exercise, capsys):
    exercise(scores, score_inputs)
    cell = "def mine(q, k):\n    a = 1\n    return a / 0\n"
    space = {}
    exec(compile(cell, "cell", "exec"), space)
    assert "(line 3 of its cell)" in said(capsys, "99.1.1", space["mine"])[1]


def test_stubs_are_unsolved_and_a_forgotten_branch_is_not(exercise, capsys):
    exercise(scores, score_inputs)

    def unwritten(q, k):
        raise NotImplementedError

    for stub in (lambda q, k: ..., lambda q, k: None, unwritten, None, ...):
        status, text = said(capsys, "99.1.1", stub)
        assert status == "unsolved" and text.startswith("Not solved yet: ")
    forgotten = said(capsys, "99.1.1", lambda q, k: q @ k.T if len(q) == 2 else None)
    assert forgotten[0] == "wrong" and "does every branch end in a return?" in forgotten[1]


def test_a_value_in_place_of_the_function(exercise, capsys):
    exercise(scores, score_inputs)
    status, text = said(capsys, "99.1.1", 3.0)
    assert status == "wrong" and 'check("99.1.1", scores)' in text


def test_learner_cannot_reach_the_references_inputs(exercise, capsys):
    exercise(scores, score_inputs)

    def spoils(q, k):
        result = q @ k.T
        q *= 0
        return result

    status, text = said(capsys, "99.1.1", spoils)
    assert status == "wrong" and "changes its argument q; work on a copy" in text


def test_errors_that_must_be_raised(exercise, capsys):
    def root(x):
        if x < 0:
            raise ValueError("x must not be negative")
        return math.sqrt(x)

    exercise(root, lambda rng: [4.0, -1.0])
    status, text = said(capsys, "99.1.1", lambda x: abs(x) ** 0.5)
    assert status == "wrong" and "should raise a ValueError (“x must not be negative”)" in text
    assert "but returned 1" in text

    def other(x):
        return math.log(x) and x**0.5 if x > 0 else [][0]

    assert "but raised IndexError" in said(capsys, "99.1.1", other)[1]
    status, text = said(capsys, "99.1.1", lambda x: math.sqrt(x))  # a ValueError by accident
    assert status == "wrong" and "should check its arguments and raise a ValueError" in text

    def checks(number):
        if number < 0:
            raise ValueError(f"number is {number}")
        return math.sqrt(number)

    status, text = said(capsys, "99.1.1", checks)
    assert status == "right" and "1 of them errors it must raise" in text


def test_an_error_about_another_argument_is_not_the_one(exercise, capsys):
    def share(part, whole):
        if whole == 0:
            raise ValueError("whole must not be 0")
        return part / whole

    exercise(share, lambda rng: [(1.0, 2.0), (3.0, 0.0)])

    def other(part, whole):
        if part > 2:
            raise ValueError("part is too large")
        return part / whole

    status, text = said(capsys, "99.1.1", other)
    assert status == "wrong" and "raise a ValueError about whole" in text

    def renamed(p, w):
        if not w:
            raise ValueError("w is 0")
        return p / w

    def wordless(p, w):
        if not w:
            raise ValueError
        return p / w

    assert said(capsys, "99.1.1", renamed)[0] == said(capsys, "99.1.1", wordless)[0] == "right"


def test_a_check_of_the_course_counts_as_the_learners(exercise, capsys):
    from transformer_math.attention import split_heads

    def split(x, heads):
        return split_heads(x, heads)

    exercise(split, lambda rng: [(np.ones((2, 4)), 2), (np.ones((2, 4)), 3)])
    status, text = said(capsys, "99.1.1", lambda x, heads: split_heads(x, heads))
    assert status == "right", text


def test_tensors_nests_and_texts(exercise, capsys):
    def report(x):
        return {"mean": x.mean(), "parts": (x, [len(x), 2]), "name": "mean"}

    exercise(report, lambda rng: [torch.tensor(rng.normal(size=3))])
    assert said(capsys, "99.1.1", report)[0] == "right"

    def off(x):
        return {"mean": x.mean(), "parts": (x.numpy() + np.array([0, 0, 1.0]), [3, 2]), "name": ""}

    text = said(capsys, "99.1.1", off)[1]
    assert "entry [2] of the result['parts'][0] is" in text and "(1 of 3 entries differ)" in text
    assert "lacks 'parts'" in said(capsys, "99.1.1", lambda x: {"mean": 0, "name": ""})[1]


@pytest.mark.parametrize(
    "got, expected, equal",
    [
        (float("nan"), float("nan"), True),
        (float("inf"), 1.0, False),
        (float("-inf"), float("-inf"), True),
        (64.0, 64, True),
        (np.array([1.0, 2.0]), np.array([1, 2]), False),  # whole numbers were asked
        (True, 1.0, False),
        ([0.5, 0.5], np.array([0.5, 0.5]), True),
        (torch.tensor(0.1, dtype=torch.float32), 0.1, True),
        (torch.tensor([0.1], dtype=torch.bfloat16), np.array([0.1]), False),
        (np.array([[1.0]]), np.array([1.0]), False),
        (("a", "b"), ["a", "b"], True),
        ("ab", ["a", "b"], False),
        (np.zeros(2), "text", False),
        (np.array([]), np.array([]), True),
        ([[1], [2, 3]], [[1], [2, 4]], False),
    ],
)
def test_compare(got, expected, equal):
    assert (not compare(got, expected, 1e-6).problem) == equal


def test_bad_registrations_and_unknown_exercises():
    with pytest.raises(ValueError, match="there is no exercise '4.2.999'; lesson 4.2 has 4.2.1"):
        check("4.2.999", 1)
    with pytest.raises(ValueError, match=r"there are exercises for the lessons .*4\.2"):
        check("77.1.1", 1)
    with pytest.raises(ValueError, match="chapter.lesson.number"):
        check(4.2, 1)
    with pytest.raises(ValueError, match="is the right answer"):
        registry.answer("99.1.9", 1, hints={1.0: "?"})
    with pytest.raises(ValueError, match="generator function"):
        registry.exercise("99.1.9", inputs=[1])
    assert names("4.2"), "lesson 4.2 has exercises"
    name = next(n for n in names("4.2") if isinstance(find(n), registry.CodeExercise))
    with pytest.raises(ValueError, match="registered twice"):
        registry.exercise(name, inputs=score_inputs)(scores)


@pytest.mark.parametrize("name", [name for lesson in lessons() for name in names(lesson)])
def test_every_registered_exercise_is_sound(name, capsys):
    """The reference passes its own check, repeats itself, and a slightly wrong one fails."""
    entry = find(name)
    if isinstance(entry, HandExercise):
        assert said(capsys, name, entry.value)[0] == "right"
        for wrong, hint in entry.hints.items():
            assert said(capsys, name, wrong)[1].endswith(f" {hint}\n")
        return
    assert len(entry.cases()) >= 3, "too few cases to tell right from wrong"
    assert said(capsys, name, entry.reference) == said(capsys, name, entry.reference)
    assert last().status == "right"
    assert said(capsys, name, lambda *case: spoil(entry.reference(*case)))[0] == "wrong"


def spoil(value):
    """Nearly the same value: a number off by a thousandth, a Boolean or a text turned."""
    if isinstance(value, dict):
        return {key: spoil(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(spoil(item) for item in value)
    if isinstance(value, str):
        return value + "."
    if isinstance(value, bool) or str(getattr(value, "dtype", "")) in ("bool", "torch.bool"):
        return not value if isinstance(value, bool) else ~value
    whole = isinstance(value, int) or "int" in str(getattr(value, "dtype", ""))
    return value + 1 if whole else value * 1.001 + 0.001
