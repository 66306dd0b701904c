"""Exercises of lesson 3.4, embedding representations."""

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "3.4.1",
    (2.7, 9.1),
    tolerance=0.001,
    label="The row of token 2",
    hints={
        (2.9, 9.0): "Token 2 occurs twice. Its gradient is the sum of both.",
        (2.8, 9.1): "That is the second occurrence alone. The gradients are added.",
        (2.85, 9.05): "The gradients of the two places are added, not averaged.",
        (3.3, 8.9): "Gradient descent goes against the gradient.",
        (3.0, -1.0): "That is the gradient. Now take the step.",
    },
)


def analogy_inputs(rng):
    for keep in (True, False):
        for rows, width in ((8, 3), (40, 5), (200, 16)):
            a, b, c = (int(i) for i in rng.choice(rows, 3, replace=False))
            # Rows of different lengths: without scaling the longest would win.
            E = rng.normal(size=(rows, width)) * rng.uniform(0.2, 5, size=(rows, 1))
            yield E, a, b, c, keep
        square = np.array([[1.0, 0, 0.2], [0, 1, 0.2], [1, 0, -0.4], [0, 1, -0.4], [1, 1, 1]])
        yield square, 0, 1, 2, keep
    yield np.array([[1.0, 0], [0, 0], [0, 2], [1, 1]]), 0, 2, 3, True


@exercise("3.4.2", inputs=analogy_inputs)
def analogy(E, a, b, c, keep):
    """The row nearest in angle to b − a + c, all rows scaled to length 1."""
    lengths = np.linalg.norm(E, axis=1)
    if not lengths.all():
        raise ValueError("E has a row of zeros, which has no direction")
    rows = E / lengths[:, None]
    score = rows @ (rows[b] - rows[a] + rows[c])
    if not keep:
        score[[a, b, c]] = -np.inf
    return int(score.argmax())


def length_inputs(rng):
    yield 2, 0.5
    yield 7, 0.9
    for _ in range(6):
        yield int(rng.integers(3, 5000)), float(rng.uniform(0.5, 0.999))
    yield 1, 0.9
    yield 10, 1.0
    yield 10, 0.3


@exercise("3.4.3", inputs=length_inputs)
def sufficient_length(V, p):
    """Length of the state that gives the right one of V words on a clock the probability p."""
    if V < 2:
        raise ValueError(f"V is {V}; allowed: at least 2")
    if not 0.5 <= p < 1:
        raise ValueError(f"p is {p}; allowed: 1/2 up to, but not including, 1")
    return np.log((V - 1) * p / (1 - p)) / (1 - np.cos(2 * np.pi / V))
