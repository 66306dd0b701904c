"""Exercises of lesson 1.5, gradient descent fundamentals."""

from fractions import Fraction

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "1.5.1",
    (Fraction(2, 9), Fraction(1, 5), Fraction(4, 5)),
    label="Border, best rate, factor per step",
    hints={
        (
            2 / 9,
            1 / 9,
            8 / 9,
        ): "1/L is a safe rate. The best balances both axes: 2/(λ_min + λ_max).",
        (2, 1 / 5, 4 / 5): "The steepest axis sets the border: 2/λ_max, and λ_max is 9.",
        (1 / 9, 1 / 5, 4 / 5): "At 1/9 the steep coordinate lands on 0. Twice that is the border.",
        (2 / 9, 1 / 10, 9 / 10): "The best rate is 2/(λ_min + λ_max); the 2 is missing.",
    },
)


def line_inputs(rng):
    for n in (2, 5, 40):
        x, y = rng.normal(1, 1, size=(2, n))
        yield x, y, float(rng.uniform(0.05, 0.3)), int(rng.integers(1, 60))
    yield np.array([0.0, 2.0]), np.array([4.0, 12.0]), 0.5, 2
    yield np.arange(1.0, 13.0), np.arange(12.0), 0.0363, 30
    yield np.arange(1.0, 13.0), np.arange(12.0), 0.0365, 30  # beyond 2/λ_max: a ValueError
    yield np.zeros(4), np.ones(4), 1.9, 3  # no slope to learn: λ_max is 1
    yield np.zeros(4), np.ones(4), 1.9, 0
    yield np.zeros(4), np.ones(4), 2.0, 3  # the border itself does not converge
    yield np.ones(3), np.ones(3), 0.0, 3
    yield np.ones(3), np.ones(4), 0.1, 3


@exercise("1.5.2", inputs=line_inputs)
def fit_line(x, y, learning_rate, steps):
    """Slope and intercept after so many steps from (0, 0); only rates that converge."""
    if x.shape != y.shape:
        raise ValueError(f"x has shape {x.shape}, y {y.shape}; they must agree")
    X = np.stack([x, np.ones(len(x))], axis=1)
    border = 2 / np.linalg.eigvalsh(X.T @ X / len(x))[-1]
    if not 0 < learning_rate < border:
        raise ValueError(f"learning_rate is {learning_rate}; allowed: between 0 and {border}")
    theta = np.zeros(2)
    for _ in range(steps):
        theta = theta - learning_rate * X.T @ (X @ theta - y) / len(x)
    return theta[0], theta[1]


def gap_inputs(rng):
    for k in (0, 1, 2, 10, 1000):
        yield k, float(rng.uniform(0.1, 10)), float(rng.uniform(0.1, 10))
    yield 100, 1.0, 1.0


@exercise("1.5.3", inputs=gap_inputs)
def worst_gap(k, L, R):
    """The largest value, over the threshold, that k steps from R leave: LR²/(4k + 2)."""
    delta = R / (2 * k + 1)
    return L * (delta * (R - k * delta) - delta**2 / 2)
