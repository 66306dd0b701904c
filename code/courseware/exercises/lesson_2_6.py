"""Exercises of lesson 2.6, generalisation and metrics."""

from fractions import Fraction

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "2.6.1",
    (Fraction(18, 48), Fraction(18, 20), Fraction(36, 68), Fraction(968, 1000), Fraction(98, 100)),
    label="Precision, recall, F1, accuracy, accuracy of never saying 8",
    hints={
        (18 / 20, 18 / 48, 36 / 68, 968 / 1000, 980 / 1000): "Precision and recall are exchanged. "
        "Precision divides by what was called 8.",
        (18 / 48, 18 / 20, (18 / 48 + 18 / 20) / 2, 968 / 1000, 980 / 1000): "F1 is the harmonic "
        "mean, 2TP / (2TP + FP + FN), not the arithmetic one.",
        (18 / 48, 18 / 20, 36 / 68, 18 / 1000, 980 / 1000): "Accuracy counts the true negatives "
        "too: everything that is not on the side of a mistake.",
        (18 / 48, 18 / 20, 36 / 68, 968 / 1000, 20 / 1000): "The program that never says 8 is "
        "right about everything that is no 8.",
    },
)


def scored_inputs(rng):
    for size in (2, 5, 40, 2000):
        positive = rng.random(size) < 0.4
        positive[:2] = True, False
        yield rng.normal(size=size) + positive, positive
        yield rng.integers(0, 4, size=size).astype(float), positive
    yield np.ones(6), np.arange(6) % 2 == 0
    yield rng.normal(size=5), np.ones(5, dtype=bool)
    yield rng.normal(size=5), np.zeros(5, dtype=bool)


@exercise("2.6.2", inputs=scored_inputs)
def auc_fast(scores, positive):
    """P(s₊ > s₋) + ½ P(s₊ = s₋) by sorting."""
    above, below = scores[positive], np.sort(scores[~positive])
    if not len(above) or not len(below):
        raise ValueError(f"{len(above)} positives and {len(below)} negatives; allowed: at least 1")
    wins = np.searchsorted(below, above), np.searchsorted(below, above, side="right")
    return (wins[0] + wins[1]).sum() / 2 / (len(above) * len(below))


def design_inputs(rng):
    for n, d in ((2, 1), (6, 3), (4, 9), (40, 5)):
        for penalty in (0.01, 2.0):
            yield rng.normal(size=(n, d)), rng.normal(size=n), penalty
    yield rng.normal(size=(6, 2)), rng.normal(size=6), 0.0
    yield rng.normal(size=(6, 2)), rng.normal(size=6), -1.0


@exercise("2.6.3", inputs=design_inputs)
def leave_one_out(X, y, penalty):
    """Mean squared error of ridge predictions for rows left out one by one, done the long way."""
    if not penalty > 0:
        raise ValueError(f"penalty is {penalty}; allowed: above 0")
    errors = []
    for i in range(len(X)):
        rest, target = np.delete(X, i, axis=0), np.delete(y, i)
        theta = np.linalg.solve(rest.T @ rest + penalty * np.eye(X.shape[1]), rest.T @ target)
        errors.append((y[i] - X[i] @ theta) ** 2)
    return np.mean(errors)
