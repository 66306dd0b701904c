"""Exercises of lesson 4.5, mathematical intuition behind attention."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "4.5.1",
    (4, 4),
    label="Place and token",
    hints={
        (3, 4): "Place 3 holds the earlier 9 itself; the head attends to what followed it.",
        (3, 9): "Place 3 holds the earlier 9 itself; the head attends to what followed it.",
        (4, 9): "9 is the token whose earlier copy the head looks for. Which one followed it?",
        (5, 7): "The present token is 9, at place 7. Where did a 9 stand before?",
        (7, 9): "Place 7 is where the head stands; it looks for an earlier copy of that token.",
    },
)

answer(
    "4.5.2",
    (0.1, 0.4, 0.5, 0),
    tolerance=0.005,
    label="The four weights",
    hints={
        (0.7, -0.2, -0.1, 0.6): "The shift has the wrong sign: the last weight must fall by 0.3.",
        (0.5, 0.2, 0.3, 0): "These weights sum to 1, but their output is not (0.8, 1.0).",
        (4 / 7, 1 / 7, 2 / 7, 0): "Renormalising the others moves the output away from (0.8, 1.0).",
    },
)


def weight_inputs(rng):
    for n in (2, 3, 8):
        yield rng.dirichlet(np.ones(5), size=n)
    yield np.tile(rng.dirichlet(np.ones(4)), (3, 1))  # equal rows: everything overlaps
    yield np.eye(3)  # nothing overlaps
    yield np.array([[0.5, 0.6], [0.5, 0.5]])
    yield np.array([[1.5, -0.5], [0.5, 0.5]])


@exercise("4.5.3", inputs=weight_inputs)
def overlap(A):
    """Dobrushin's α: the least, over pairs of rows, of Σ_j min(A_ij, A_kj)."""
    if (A < 0).any() or (np.abs(A.sum(axis=1) - 1) > 1e-9).any():
        raise ValueError("the rows of A must be non-negative and sum to 1")
    return np.minimum(A[:, None], A[None]).sum(axis=-1).min()


def point_inputs(rng):
    for n, d in ((2, 1), (5, 2), (12, 4)):
        yield rng.normal(size=(n, d)), int(rng.integers(1, 9)), float(rng.uniform(0.5, 4))
    yield rng.normal(size=(6, 2)), 0, 1.0


@exercise("4.5.4", inputs=point_inputs)
def distance_bound(points, layers, temperature):
    """(1 − e^{−Δ}/n)^layers times the largest distance to the first row, Δ = 2R²/(T√d)."""
    count, width = points.shape
    spread = 2 * (points**2).sum(axis=1).max() / (temperature * math.sqrt(width))
    distance = np.linalg.norm(points - points[0], axis=1).max()
    return (1 - math.exp(-spread) / count) ** layers * distance
