"""Exercises of lesson 3.5, the Transformer pipeline."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise


def _softmax(z):
    e = np.exp(z - np.max(z))
    return e / e.sum()


def _attended(scores):
    shares = _softmax(np.array(scores))
    return (*shares, shares @ np.array([10.0, 20.0, 40.0]))


answer(
    "3.5.1",
    _attended([0.0, 2.0, 1.0]),
    tolerance=2e-4,
    label="The three weights and the answer",
    hints={
        _attended(
            [0.0, 2 * math.sqrt(2), math.sqrt(2)]
        ): "These weights belong to the scores before "
        "the division by the root of the head's width.",
        _attended([0.0, math.sqrt(2), math.sqrt(2) / 2]): "Divide by the root of the width, √2, "
        "and not by the width, 2.",
        _attended([4.0, 2.0, 1.0]): "The first product is 1·2 + 2·(−1): mind the sign.",
    },
)


def draw_inputs(rng):
    for size in (2, 8, 50):
        for temperature in (0.5, 1.0, 2.0):
            yield rng.normal(scale=2, size=size), temperature, float(rng.uniform())
    yield np.array([0.0, 0.0]), 1.0, 0.0
    yield np.array([0.0, 0.0]), 1.0, 0.5  # the sum reaches u, but is not above it
    yield np.zeros(10), 1.0, 0.9999999999999999  # ten tenths, added up, are no more than this
    yield np.log([0.25, 0.5, 0.25]), 1.0, 0.3
    yield np.array([5000.0, 4999.0, -5000.0]), 1.0, 0.9  # powers of e overflow if taken as they are
    yield np.array([1.0, 2.0]), 0.0, 0.5
    yield np.array([1.0, 2.0]), -1.0, 0.5
    yield np.array([1.0, 2.0]), 1.0, 1.0
    yield np.array([1.0, 2.0]), 1.0, -0.1


@exercise("3.5.2", inputs=draw_inputs)
def draw_word(logits, temperature, u):
    """The first word whose running sum of probabilities is above u."""
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; allowed: above 0")
    if not 0 <= u < 1:
        raise ValueError(f"u is {u}; allowed: from 0 to below 1")
    reached = np.cumsum(_softmax(np.asarray(logits, dtype=float) / temperature))
    return min(int(np.sum(reached <= u)), len(reached) - 1)


def flops_inputs(rng):
    yield 2, 4, 2, 8, 6
    yield 12, 768, 12, 50257, 1024
    yield 96, 12288, 96, 50257, 2048
    for _ in range(4):
        heads = int(rng.integers(1, 9))
        layers, width = int(rng.integers(1, 20)), heads * int(rng.integers(1, 65))
        yield layers, width, heads, int(rng.integers(2, 5000)), int(rng.integers(1, 3000))
    yield 2, 10, 3, 8, 6


@exercise("3.5.3", inputs=flops_inputs)
def causal_flops(layers, width, heads, vocabulary, tokens):
    """FLOPs of a forward pass that computes only the pairs a causal mask allows."""
    if width % heads:
        raise ValueError(f"heads is {heads}; allowed: a divisor of width, {width}")
    matrices = 12 * layers * width**2 + vocabulary * width
    return 2 * tokens * matrices + 2 * layers * width * tokens * (tokens + 1)


def disagreeing_inputs(rng):
    yield np.array([1.0, 0.0]), 0, 1, 40.0
    yield np.array([0.0, 0.0]), 0, 1, 3.0
    for size in (2, 3, 8):
        for s in (0.1, 1.0, 4.0, 30.0):
            a, b = rng.choice(size, size=2, replace=False)
            yield rng.normal(size=size), int(a), int(b), s


@exercise("3.5.4", inputs=disagreeing_inputs)
def loss_after(logits, a, b, s):
    """Mean loss of two examples with the same state and the right words a and b, after a step."""
    aim = np.zeros(len(logits))
    aim[a] += 0.5
    aim[b] += 0.5
    z = logits - s * (_softmax(logits) - aim)
    return z.max() + math.log(np.exp(z - z.max()).sum()) - aim @ z
