"""Exercises of lesson 3.2, encoder-decoder architecture."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "3.2.1",
    (2, 1.5, 4 / math.sqrt(32 / 7)),
    tolerance=1e-3,
    label="(a), (b), (c)",
    hints={
        (2, 2, 4 / math.sqrt(32 / 7)): "a negative factor turns the pattern over; which "
        "number of x is then the largest?",
        (2, -1.5, 4 / math.sqrt(32 / 7)): "under −3 the smallest number of x becomes the "
        "largest, and it lies above the mean.",
        (2, 1.5, 2): "torch.std divides the sum of squares by 7, not by 8.",
        (4 / math.sqrt(32 / 7), 1.5, 2): "the layer norm divides by d, torch.std by d − 1.",
    },
)


def count_inputs(rng):
    for family in ("encoder", "decoder", "encoder-decoder"):
        for _ in range(3):
            L, d = int(rng.integers(1, 40)), 8 * int(rng.integers(1, 200))
            yield family, L, d, int(rng.integers(1, 60_000)), int(rng.integers(1, 5)) * d + 8
    yield "encoder-decoder", 6, 512, 37_000, 2048
    yield "translator", 6, 512, 37_000, 2048


@exercise("3.2.2", inputs=count_inputs, tolerance=1e-12)  # a count is exact
def count(family, L, d, V, F):
    """Parameters of the layers and of one table of tokens."""
    if family not in ("encoder", "decoder", "encoder-decoder"):
        raise ValueError(f"family is {family!r}; allowed: encoder, decoder, encoder-decoder")
    attention, forward, norm = 4 * d * d + 4 * d, 2 * d * F + F + d, 2 * d
    layer = attention + forward + 2 * norm
    if family == "encoder-decoder":
        layer += attention + layer + norm
    return L * layer + V * d


def backward_inputs(rng):
    for d in (2, 3, 8, 64):
        for eps in (1e-5, 1.0):
            yield rng.normal(2, 3, size=d), rng.normal(size=d), eps
    yield np.full(5, 3.0), rng.normal(size=5), 1e-4  # a constant row
    yield rng.normal(size=4), rng.normal(size=3), 1e-5


@exercise("3.2.3", inputs=backward_inputs)
def norm_backward(x, p, eps):
    """The gradient with respect to x, from that with respect to the normalised row."""
    if x.shape != p.shape:
        raise ValueError(f"p has shape {p.shape}; allowed: that of x, {x.shape}")
    s = math.sqrt(x.var() + eps)
    hat = (x - x.mean()) / s
    return (p - p.mean() - hat * (hat @ p) / len(x)) / s


def writer_inputs(rng):
    for rows, d in ((1, 2), (3, 5), (5, 3), (16, 16)):
        for _ in range(2):
            yield rng.normal(1, 2, size=(rows, d))
    yield rng.normal(size=4)


@exercise("3.2.4", inputs=writer_inputs)
def centred(W):
    """W with the mean taken from each row, so that what it writes has mean 0."""
    if W.ndim != 2:
        raise ValueError(f"W has {W.ndim} axes; allowed: 2")
    return W - W.mean(1, keepdims=True)
