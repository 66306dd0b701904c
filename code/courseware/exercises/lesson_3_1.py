"""Exercises of lesson 3.1, from RNNs to Transformers."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "3.1.1",
    (7, 1024, math.log(100)),
    tolerance=0.005,
    label="(a), (b), (c)",
    hints={
        (6, 1024, math.log(100)): "0.9⁶ is 0.53, still more than a half.",
        (5, 1024, math.log(100)): "Each word takes a tenth of what is left, not of the beginning.",
        (7, 20, math.log(100)): "Ten halvings multiply: a half of a half of a half …",
        (7, 1 / 1024, math.log(100)): "That share is left; asked was how many times smaller.",
        (7, 1024, 2): "2 is the logarithm to base 10; the sigmoid uses e.",
        (7, 1024, 100): "A bias of 100 never forgets. Which bias makes the gate 100/101?",
    },
)

answer(
    "3.1.2",
    (999, 250, 5, 8, 1),
    label="(a) to (e)",
    hints={
        (1000, 250, 5, 8, 1): "Between 1000 states there are 999 moves.",
        (999, 200, 5, 8, 1): "Width 5 includes the position itself: 4 further back a layer.",
        (999, 250, 4, 8, 1): "5⁴ is 625, and 624 back is not far enough.",
        (999, 250, 5, 7, 1): "Seven layers reach 889 back. Round up.",
        (999, 250, 5, 8, 0): "Even full attention takes one step to look.",
    },
)


def tanh_inputs(rng):
    for width, steps in ((2, 1), (3, 4), (5, 12), (4, 0), (1, 3)):
        yield rng.normal(size=(width, width)), np.tanh(rng.normal(size=(steps, width)))
    yield np.array([[0.0, 0.0], [1.0, 0.0]]), np.zeros((2, 2))  # remembers one step only
    yield rng.normal(size=(2, 3)), np.zeros((2, 3))  # not square: a ValueError
    yield rng.normal(size=(3, 3)), np.zeros((2, 4))


@exercise("3.1.3", inputs=tanh_inputs)
def through_tanh(W, states):
    """The Jacobian of the last of the states by the state before the first."""
    if W.shape != (len(W), len(W)):
        raise ValueError(f"W has shape {W.shape}; allowed: square")
    if states.shape[1] != len(W):
        raise ValueError(f"states have width {states.shape[1]}; allowed: {len(W)}")
    J = np.eye(len(W))
    for h in states:
        J = np.diag(1 - h**2) @ W @ J
    return J


def pattern_inputs(rng):
    for k in (1, 2, 5, 9):
        yield float(rng.uniform(0.5, 3)), np.tile([[1.0, 0.0]], (k, 1))
        single = np.eye(2)[rng.integers(0, 2, size=k)]
        yield float(rng.uniform(0.5, 3)), single
    yield 2.0, np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])  # both on, but only at the end
    yield 2.0, np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0]])  # both on between: nothing is left
    yield 2.0, np.array([[0.0, 0.0], [1.0, 0.0]])
    yield 2.0, np.array([[0.0, 1.0], [0.0, 0.0]])
    yield 1.5, np.array([[1.0, 1.0]])


@exercise("3.1.4", inputs=pattern_inputs)
def norm(g, on):
    """The norm of the product, by multiplying the matrices."""
    W, J = g * np.array([[1.0, -1.0], [1.0, -1.0]]), np.eye(2)
    for row in on:
        J = np.diag(row) @ W @ J
    return np.linalg.norm(J, 2)
