"""Exercises of lesson 1.4, calculus for optimization."""

from fractions import Fraction

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "1.4.1",
    Fraction(-7, 6),
    label="The multiple of h, with its sign",
    hints={
        7 / 6: "The size is right. The truth gains, its rival loses: does the loss rise or fall?",
        -2 / 3: "That is what raising the second score does alone; the first moves too.",
        -1 / 6: "The first score goes down, so its share p₁ − y₁ counts with a minus.",
        -0.5: "That is what lowering the first score does alone.",
        -7 / 6 / np.sqrt(2): "That is the slope for a change of length 1. "
        "This change is h times (−1, 1, 0).",
    },
)


def picture_inputs(rng):
    for classes, squares in ((2, 1), (3, 4), (10, 64)):
        W, b = rng.normal(size=(classes, squares)), rng.normal(size=classes)
        for _ in range(2):
            yield W, b, rng.uniform(size=squares), int(rng.integers(classes))
    yield 400 * W, b, rng.uniform(size=squares), 3
    yield W, b, rng.uniform(size=squares), 10
    yield W, b, rng.uniform(size=squares), -1


@exercise("1.4.2", inputs=picture_inputs)
def picture_gradient(W, b, x, label):
    """Wᵀ(p − y), the gradient of −ln p_label with respect to the picture x."""
    if not 0 <= label < len(W):
        raise ValueError(f"label is {label}; allowed: 0 to {len(W) - 1}")
    z = W @ x + b
    p = np.exp(z - z.max())
    p /= p.sum()
    p[label] -= 1
    return W.T @ p


def ruler_inputs(rng):
    for ruler in ("2", "inf", "1"):
        for size in (1, 3, 64):
            yield rng.normal(size=size), ruler
        yield np.array([0.0, -2.0, 1.0, 2.0]), ruler
    yield np.zeros(3), "2"
    yield np.zeros(3), "inf"
    yield np.ones(3), "0"


@exercise("1.4.3", inputs=ruler_inputs)
def steepest(g, ruler):
    """The v of length 1 under the ruler with the largest g·v."""
    if not np.any(g):
        raise ValueError("g is 0: no direction is steepest")
    if ruler == "2":
        return g / np.linalg.norm(g)
    if ruler == "inf":
        return np.sign(g)
    if ruler == "1":
        best = np.abs(g).argmax()
        return np.where(np.arange(len(g)) == best, np.sign(g), 0.0)
    raise ValueError(f"ruler is {ruler!r}; allowed: '2', 'inf', '1'")
