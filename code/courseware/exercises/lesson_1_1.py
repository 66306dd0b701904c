"""Exercises of lesson 1.1, linear algebra for deep learning."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "1.1.1",
    3,
    label="Distance",
    hints={
        9: "That is the squared distance; take the root.",
        2: "That is t. The nearest point is t times a; how far is b from it?",
        6: "That is the length of the shadow, from the origin to the nearest point.",
        18: "That is the dot product. Divide it by ‖a‖² to find the nearest point.",
        math.sqrt(45): "That is the length of b, its distance from the origin.",
        math.sqrt(18): "That is the distance from b to the tip of a, not to the line.",
    },
)


def vector_inputs(rng):
    for size in (1, 2, 3, 64):
        yield rng.normal(size=size), rng.normal(size=size)
    a = rng.normal(size=5)
    yield a, -2.5 * a
    yield np.array([2.0, 1.0]), np.array([-2.0, 4.0])
    yield np.zeros(3), rng.normal(size=3)
    yield rng.normal(size=3), rng.normal(size=4)


@exercise("1.1.2", inputs=vector_inputs)
def project(a, b):
    """The t for which t·a is nearest to b, and the distance that is left."""
    if a.shape != b.shape:
        raise ValueError(f"a has shape {a.shape}, b {b.shape}; they must agree")
    square = a @ a
    if square == 0:
        raise ValueError("a is the zero vector, which spans no line")
    t = a @ b / square
    return t, np.linalg.norm(b - t * a)


def coin_inputs(rng):
    for d in (1, 2, 7, 10, 64, 301):
        # No sum of d coin flips is near ε d: rounding cannot decide.
        yield d, (int(rng.integers(0, d)) + 0.5) / d
    yield 64, 0.2031
    yield 8, 0.5  # four of the eight: as large as ε, not larger


@exercise("1.1.3", inputs=coin_inputs)
def coin_tail(d, epsilon):
    """P(|cos| > ε) for two vectors of d independent coin flips ±1."""
    return sum(math.comb(d, k) for k in range(d + 1) if abs(d - 2 * k) > epsilon * d) / 2**d
