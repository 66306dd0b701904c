"""Exercises of lesson 2.5, optimization algorithms."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "2.5.1",
    (3.8, 2, 0.1, 0.1, 0.38),
    tolerance=0.001,
    label="(a) to (e)",
    hints={
        (0.38, 2.0, 0.1, 0.1, 0.38): "The velocity is a sum, no average: v₂ = 0.9 · 2 + 2.",
        (3.8, 0.2, 0.1, 0.1, 0.38): "On a steady slope the velocity grows to 10 gradients.",
        (3.8, 20.0, 0.1, 0.1, 0.38): "20 is where the velocity tends; the step is η times it.",
        (3.8, 2.0, 0.2, 0.2, 0.38): "Adam divides by the size of the gradient: the 2 cancels.",
        (3.8, 2.0, 0.1, 0.1, 2.0): "2 is the corrected m̂₂. Without the correction m₁ = 0.1 · 2.",
    },
)


def adam_inputs(rng):
    for n in (1, 2, 10, 60):
        yield rng.normal(size=n).tolist(), float(rng.uniform(0.001, 1)), 0.9, 0.999
    yield [2.0] * 100, 0.1, 0.9, 0.999
    yield [3e6, 0.0, 0.0, -3e6], 0.1, 0.5, 0.9
    yield [1.0, -2.0, 3.0], 0.1, 0.0, 0.0
    yield [1.0], 0.1, 1.0, 0.999  # not an average any more: a ValueError
    yield [1.0], 0.1, 0.9, -0.1
    yield [1.0], 0.1, -0.1, 0.999
    yield [1.0], 0.1, 0.9, 1.0


@exercise("2.5.2", inputs=adam_inputs)
def adam_steps(gradients, learning_rate, beta1, beta2):
    """The change of one coordinate at each step of Adam with ε = 0."""
    if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
        raise ValueError(f"beta1 is {beta1}, beta2 is {beta2}; allowed: at least 0 and below 1")
    m, v, steps = 0.0, 0.0, []
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        corrected = (m / (1 - beta1**t), v / (1 - beta2**t))
        steps.append(-learning_rate * corrected[0] / math.sqrt(corrected[1]))
    return steps


def rate_inputs(rng):
    for steps in (0, 1, 2, 30):
        curvature, variance, start = rng.uniform(0.1, 5, size=3).tolist()
        yield curvature, variance, start, steps
    yield 1.0, 1.0, 1e12, 10  # hardly known: 1, 1/2, 1/3, …


@exercise("2.5.3", inputs=rate_inputs)
def best_rates(curvature, variance, start, steps):
    """The rates that make the expected square smallest, found step by step from (2.5.9)."""
    a, rates = np.float64(start), []
    for _ in range(steps):
        rates.append(float(curvature * a / (curvature**2 * a + variance)))
        a = variance * a / (curvature**2 * a + variance)
    return rates
