"""Exercises of lesson 4.4, multi-head attention."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise
from transformer_math.attention import attention, split_heads

answer(
    "4.4.1",
    (2_359_296, 12_582_912, 25_165_824),
    label="Parameters, weights of 12 heads, weights of 24",
    hints={
        (589_824, 12_582_912, 25_165_824): "There are four such matrices.",
        (1_769_472, 12_582_912, 25_165_824): "W_O counts too: four matrices, not three.",
        (2_359_296, 1_048_576, 1_048_576): "That is one map. Every head draws its own.",
        (2_359_296, 12_288, 24_576): "Every query weighs every key: n² weights a map, not n.",
        (2_359_296, 12_582_912, 12_582_912): "Parameters do not see h; the number of maps does.",
    },
)


def layers(rng):
    for n, d, heads in ((3, 4, 2), (5, 6, 1), (4, 12, 4), (1, 6, 6), (7, 8, 2)):
        yield rng.normal(size=(n, d)), *rng.normal(size=(4, d, d)) / math.sqrt(d), heads
    yield rng.normal(size=(3, 6)), *rng.normal(size=(4, 6, 6)), 4


@exercise("4.4.2", inputs=layers)
def contributions(x, w_q, w_k, w_v, w_o, heads):
    """What each head adds, (heads, n, d): the terms of the sum that multi-head attention is."""
    q, k, v = (split_heads(x @ w, heads) for w in (w_q, w_k, w_v))
    output, _ = attention(q, k, v)
    return output @ w_o.reshape(heads, -1, w_o.shape[1])


def maps(rng):
    def rows(scores):
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    yield rows(rng.normal(size=(6, 6)))
    for n, m, width in ((6, 6, 2), (8, 5, 3), (9, 9, 1)):
        shift = 5 * rng.normal(size=(n, 1))
        yield rows(rng.normal(size=(n, width)) @ rng.normal(size=(width, m)) + shift)
    yield np.full((4, 4), 0.25)
    yield np.full((7, 7), 0.5 / 6) + (0.5 - 0.5 / 6) * np.eye(7)
    yield np.array([[0.5, 0.5], [1.0, 0.0]])
    yield np.array([[0.5, 0.4], [0.2, 0.8]])


@exercise("4.4.3", inputs=maps)
def narrowest_head(A):
    """Least width, at least 1, of a head that can draw A exactly (Theorem 4.4.5)."""
    if (A <= 0).any() or np.abs(A.sum(axis=1) - 1).max() > 1e-6:
        raise ValueError("A needs positive entries and rows that sum to 1")
    L = np.log(A)
    L = L - L.mean(axis=1, keepdims=True)
    return max(1, int((np.linalg.svd(L, compute_uv=False) > 1e-8).sum()))


def circles(rng):
    for n in (2, 3, 10, 58, 512):
        yield n, float(rng.uniform(0.6, 0.999))
    yield 12, 0.05
    yield 4, 0.25
    yield 12, 1.0


@exercise("4.4.4", inputs=circles)
def circle_gain(n, a):
    """A factor t on the queries of n points on the circle with which every A_ii is at least a."""
    if not 1 / n < a < 1:
        raise ValueError(f"a is {a}; allowed: more than 1/n = {1 / n:.3g} and less than 1")
    gap = 1 - math.cos(2 * math.pi / n)
    return math.sqrt(2) / gap * math.log((n - 1) * a / (1 - a))
