"""Exercises of lesson 4.1, query, key and value vectors."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "4.1.1",
    (10 * math.exp(-1 / 2) + 20 + 40 * math.exp(-2)) / (math.exp(-1 / 2) + 1 + math.exp(-2)),
    tolerance=0.001,
    label="The answer to the query",
    hints={
        20: "The key at 1 matches exactly, but the other two keep some weight.",
        17.5: "Halfway by equal weights of two: give all three keys their Gaussian weight.",
        23.33: "That is the plain average; weigh by exp(−distance²/2).",
        31.478: "Divide by the sum of the weights.",
    },
)


def line_inputs(rng):
    for count in (1, 2, 5):
        yield float(rng.normal()), rng.normal(size=count), float(rng.uniform(0.5, 2))
    yield 0.0, rng.normal(size=3), 0.0
    yield 0.0, rng.normal(size=3), -1.0


@exercise("4.1.2", inputs=line_inputs)
def as_query_and_keys(hour, keys, sigma):
    """Query (t, 1)/σ² and keys (t_j, −t_j²/2): their dot products are −(t − t_j)²/2σ² + const."""
    if sigma <= 0:
        raise ValueError(f"sigma={sigma} must be positive")
    return np.array([hour, 1.0]) / sigma**2, np.stack([keys, -(keys**2) / 2], axis=1)


def gauge_inputs(rng):
    for width, head in ((4, 2), (6, 3), (8, 1)):
        w_q, w_k = rng.normal(size=(2, width, head))
        M = np.eye(head) + 0.3 * rng.normal(size=(head, head))
        yield w_q, w_k, w_q @ M
    yield *rng.normal(size=(2, 5, 2)), rng.normal(size=(5, 2))


@exercise("4.1.3", inputs=gauge_inputs)
def other_keys(w_q, w_k, w_q_other):
    """W_K′ = W_K M⁻ᵀ, where W_Q′ = W_Q M."""
    M = np.linalg.lstsq(w_q, w_q_other, rcond=None)[0]
    if not np.allclose(w_q @ M, w_q_other):
        raise ValueError("w_q_other spans another space than w_q: no gauge of this head")
    return w_k @ np.linalg.inv(M).T
