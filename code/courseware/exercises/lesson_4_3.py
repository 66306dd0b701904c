"""Exercises of lesson 4.3, attention weight calculation."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "4.3.1",
    (math.log(8), 2),
    tolerance=0.005,
    label="Difference of the scores, ratio at temperature 3",
    hints={
        (8, 2): "A difference of 8 would make a ratio of e⁸, about 3000. Which d has eᵈ = 8?",
        (3, 2): "3 is the logarithm to base 2; the softmax uses e.",
        (math.log(8), 8 / 3): "The temperature divides the scores' difference, not the ratio.",
        (math.log(8), 8): "At T = 3 the scores count a third: the ratio changes.",
        (math.log(8), 512): "512 is 8 cubed, which belongs to T = 1/3.",
    },
)

answer(
    "4.3.2",
    (9, 2),
    label="Allowed pairs, queries that see nothing",
    hints={
        (9, 0): "Do the queries at the two padded positions see anything?",
        (15, 0): "That is the causal window alone: now drop the pairs whose key is padding.",
        (15, 2): "That is the causal window alone: now drop the pairs whose key is padding.",
        (10, 2): "That is causal with padding; the window also drops keys 3 or more back.",
    },
)


def masked_scores(rng):
    for shape in ((4, 6), (1, 5), (2, 3, 3)):
        scores = rng.normal(scale=3, size=shape)
        yield scores, rng.random(shape) < 0.6
    yield 1000 + rng.normal(size=(3, 4)), np.tri(3, 4, dtype=bool)  # would overflow
    yield rng.normal(size=(2, 3)), np.array([[True, False, True], [False, False, False]])
    yield np.array([[0.0, 1.0, 1000.0]]), np.array([[True, True, False]])  # masked, and largest
    yield rng.normal(size=(2, 2)), np.array([[1, 0], [1, 1]])  # numbers for Booleans


@exercise("4.3.3", inputs=masked_scores)
def masked_softmax(scores, mask):
    """Softmax over the entries where ``mask`` is True; rows without one are 0."""
    if mask.dtype != bool:
        raise ValueError(f"mask has dtype {mask.dtype}; allowed: bool, True where to attend")
    s = np.where(mask, scores, -np.inf)
    m = s.max(axis=-1, keepdims=True)
    e = np.exp(s - np.where(np.isfinite(m), m, 0.0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1.0, total)


def attention_inputs(rng):
    for n, m, width, values in ((3, 3, 2, 2), (5, 4, 3, 6), (1, 6, 4, 1)):
        mask = rng.random((n, m)) < 0.7
        mask[:, 0] = True
        sizes = ((n, width), (m, width), (m, values))
        yield *(rng.normal(size=size) for size in sizes), mask, rng.normal(size=(n, values))


@exercise("4.3.4", inputs=attention_inputs)
def attention_backward(Q, K, V, mask, dO):
    """Gradients dQ, dK, dV of a loss whose gradient with respect to the output is dO."""
    root = math.sqrt(Q.shape[-1])
    A = masked_softmax(Q @ K.T / root, mask)
    O = A @ V  # noqa: E741  the output, as the lesson writes it
    dS = A * (dO @ V.T - (dO * O).sum(axis=-1, keepdims=True))
    return dS @ K / root, dS.T @ Q / root, A.T @ dO


def partial_states(rng):
    def state(scores, width=3):
        scores, values = np.asarray(scores, float), rng.normal(size=(len(scores), width))
        m = float(scores.max(initial=-np.inf))
        e = np.exp(scores - m) if np.isfinite(m) else 0 * values[:, 0]
        return m, float(e.sum()), e @ values

    for one, two in ((4, 5), (1, 7), (3, 3)):
        yield state(rng.normal(scale=4, size=one)), state(rng.normal(scale=4, size=two))
    yield state([800.0, 799.0]), state([-800.0])
    yield state([]), state([1.0, 2.0])
    yield state([1.0, 2.0]), state([])
    yield state([-np.inf, -np.inf]), state([])


@exercise("4.3.5", inputs=partial_states)
def merge(a, b):
    """The state (m, l, o) of the keys of both a and b."""
    m = max(a[0], b[0])
    if m == -math.inf:
        return a
    alpha, beta = math.exp(a[0] - m), math.exp(b[0] - m)
    return m, alpha * a[1] + beta * b[1], alpha * a[2] + beta * b[2]
