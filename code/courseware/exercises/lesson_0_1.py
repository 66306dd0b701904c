"""Exercises of the template lesson, `chapters/_template.ipynb`."""

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "0.1.1",
    (5, 38),
    label="The cheapest answer and its cost",
    hints={
        (3, 50): "3 is the median. The squared cost is least at the mean.",
        (5, 12): "12 is the sum of the distances; they have to be squared first.",
    },
)


def weighted_inputs(rng):
    for n in (1, 2, 5, 20):
        yield rng.normal(size=n), rng.uniform(size=n)
    yield np.array([1.0, 5.0]), np.array([3.0, 0.0])
    yield np.array([1.0, 5.0]), np.array([0.0, 0.0])
    yield np.array([1.0, 5.0]), np.array([2.0, -1.0])


@exercise("0.1.2", inputs=weighted_inputs)
def weighted_mean(x, w):
    """The answer a for which Σ wᵢ (xᵢ − a)² is least."""
    if (w < 0).any() or w.sum() == 0:
        raise ValueError("w must not be negative, and not all 0")
    return (w * x).sum() / w.sum()


answer(
    "0.1.3",
    48,
    hints={
        4: "That is the square of the distance for one number; there are twelve.",
        24: "The distance enters squared: 2² = 4 for each number.",
    },
)
answer(
    "0.1.4",
    38,
    hints={
        32: "The three numbers below the median may be as large as the median.",
        70: "Then the median is 10 as well.",
    },
)


def left_out_inputs(rng):
    for n in (2, 3, 7, 30):
        yield 10 * rng.normal(size=n)
    yield np.array([4.0, 4.0, 4.0])


@exercise("0.1.5", inputs=left_out_inputs)
def left_out_cost(x):
    """Σ (xᵢ − mean of the others)²."""
    others = (x.sum() - x) / (len(x) - 1)
    return ((x - others) ** 2).sum()
