"""The claims of the template lesson: what the files of other lessons look like."""

import numpy as np
import pytest


def dashed_line(figure):
    """Where the dashed line stands."""
    (line,) = figure.layout.shapes
    return line.x0


def heights(figure):
    return np.asarray(figure.data[0].y)


def test_one_friend_of_seven(lesson, record):
    """Squared, the cheapest answer moves by a seventh of what the last friend moves: from 20 to
    24.
    """
    figure = lesson.figure("costs")
    lines = [dashed_line(figure.draw(**s)) for s in figure.states(rule="squared", times=1)]
    moved = [s["last"] - 22 for s in figure.states(rule="squared", times=1)]
    record(cheapest=lines)
    assert lines == pytest.approx([20 + m / 7 for m in moved])
    assert (lines[0], lines[-1]) == pytest.approx((20, 24))


def test_counted_five_times(lesson, record):
    """he has five elevenths of the say and moves it from 20.7 to 33.5"""
    figure = lesson.figure("costs")
    lines = [dashed_line(figure.draw(**s)) for s in figure.states(rule="squared", times=5)]
    record(cheapest=lines)
    assert (lines[-1] - lines[0]) / 28 == pytest.approx(5 / 11)
    assert (round(lines[0], 1), round(lines[-1], 1)) == (20.7, 33.5)


def test_absolute_distances(lesson, record):
    """With absolute distances it stays where it is, whatever he says."""
    figure = lesson.figure("costs")
    for times in (1, 3, 5):
        states = figure.states(rule="absolute", times=times)
        lines = {dashed_line(figure.draw(**state)) for state in states}
        record(**{f"cheapest, counted {times} times": sorted(lines)})
        assert len(lines) == 1


def test_line_stands_at_the_lowest_point(lesson):
    """The dashed line stands at the cheapest answer"""
    figure = lesson.figure("costs")
    for state in figure.states():
        drawn = figure.draw(**state)
        curve = drawn.data[0]
        assert abs(curve.x[np.argmin(curve.y)] - dashed_line(drawn)) <= 0.5, state
        assert np.min(curve.y) >= 1 - 1e-12, state


def test_what_remains(lesson, record):
    """What remains is 12 times the square of the spread, the same for every answer: 12, 48, 108."""
    figure = lesson.figure("parts")
    for spread in (1, 2, 3):
        remains = {heights(figure.draw(**s))[0] for s in figure.states(spread=spread)}
        record(**{f"spread {spread}": sorted(remains)})
        assert remains == {12 * spread**2}


def test_what_the_answer_adds(lesson):
    """What the answer adds is 7 times its squared distance from 20, the same for every spread."""
    figure = lesson.figure("parts")
    for state in figure.states():
        assert heights(figure.draw(**state))[1] == 7 * (state["a"] - 20) ** 2, state


def test_a_tail_without_its_mean(lesson, record):
    """The tail is on the right and the mean is left of the median"""
    skewness, tailed = lesson.get("skewness", "tailed")
    record(skewness=skewness(tailed), mean=tailed.mean(), median=np.median(tailed))
    assert skewness(tailed) > 1 and tailed.mean() < np.median(tailed)
    assert "skewness 1.38" in lesson.printed("def skewness")
