"""Exercises of lesson 1.2, matrix operations and vector spaces."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "1.2.1",
    math.sqrt(2),
    tolerance=0.005,
    label="Frobenius error",
    hints={
        2: "That is the squared error; take the root.",
        math.sqrt(8): "That is the larger singular value, which the approximation keeps.",
        8: "That is the larger eigenvalue of AᵀA, the square of what is kept.",
        math.sqrt(10): "That is the Frobenius norm of A itself.",
        0: "A has two independent columns, so rank 1 cannot reach it exactly.",
    },
)


def matrix_inputs(rng):
    for rows, columns, k in ((1, 1, 1), (4, 3, 1), (3, 5, 2), (6, 6, 0), (8, 5, 5), (30, 20, 7)):
        yield rng.normal(size=(rows, columns)), k
    yield np.array([[3.0, 0.0], [4.0, 5.0]]), 1
    yield rng.normal(size=(4, 3)), 4
    yield rng.normal(size=(4, 3)), -1


@exercise("1.2.2", inputs=matrix_inputs)
def best_approximation(A, k):
    """The matrix of rank at most k nearest to A in the Frobenius norm."""
    if not 0 <= k <= min(A.shape):
        raise ValueError(f"k={k} must be between 0 and {min(A.shape)} for the shape {A.shape}")
    u, s, vt = np.linalg.svd(A, full_matrices=False)
    return (u[:, :k] * s[:k]) @ vt[:k]


def weighted_inputs(rng):
    for rows, columns, k in ((2, 2, 1), (5, 3, 1), (4, 6, 2), (20, 8, 3)):
        yield rng.normal(size=(rows, columns)), rng.uniform(0.2, 5, size=rows), k
    yield rng.normal(size=(6, 4)), np.ones(6), 2


@exercise("1.2.3", inputs=weighted_inputs)
def weighted_approximation(A, weights, k):
    """The B of rank at most k that minimises Σ w_i ‖a_i − b_i‖²: D⁻¹(DA)_k with D = diag(√w)."""
    root = np.sqrt(weights)[:, None]
    u, s, vt = np.linalg.svd(root * A, full_matrices=False)
    return (u[:, :k] * s[:k]) @ vt[:k] / root
