"""Exercises of lesson 3.6, build and train a GPT."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise


def _softmax(z):
    e = np.exp(z - np.max(z))
    return e / e.sum()


_ALIKE = math.log(50257)

answer(
    "3.6.1",
    (_ALIKE, _ALIKE + 768 * 0.02**2 / 2),
    tolerance=2e-4,
    label="Lower and upper number",
    hints={
        (_ALIKE, _ALIKE + 768 * 0.02**2): "The upper end adds half of the variance.",
        (_ALIKE, _ALIKE + 768 * 0.02 / 2): "Square the deviation, then times the width.",
        (math.log2(50257), math.log2(50257) + 768 * 0.02**2 / 2): "The loss is in nats: take the "
        "natural logarithm.",
    },
)

answer(
    "3.6.2",
    (2.1, "1100"),
    tolerance=0.005,
    label="Expected length and the last string",
    hints={
        (2.1, "110"): "The last text has four bits.",
        (2.1, "1110"): "The fourth interval begins where the third ends, at 3/4.",
        (1.7609640474436812, "1100"): "That is the entropy. A string has a whole number of bits.",
    },
)


def nucleus_inputs(rng):
    yield np.array([0.5, 0.2, 0.2, 0.1]), 0.6
    yield np.array([0.25, 0.25, 0.25, 0.25]), 0.5
    yield np.array([0.1, 0.9]), 0.5
    yield np.array([0.1, 0.9]), 1.0
    for size in (3, 10, 100):
        for share in (0.05, 0.5, 0.9):
            yield _softmax(rng.normal(scale=2, size=size)), share
    yield np.array([0.5, 0.5]), 0.0
    yield np.array([0.5, 0.5]), 1.5


@exercise("3.6.3", inputs=nucleus_inputs)
def nucleus(p, share):
    """The distribution scaled up on the smallest set of likeliest tokens that reaches the share."""
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; allowed: above 0, at most 1")
    order = np.argsort(-p, kind="stable")
    before = np.cumsum(p[order]) - p[order]
    kept = np.where(np.isin(np.arange(len(p)), order[before < share]), p, 0.0)
    return kept / kept.sum()


def surprise_inputs(rng):
    yield np.log([0.5, 0.3, 0.2]), -0.5 * math.log(0.5) - 0.3 * math.log(0.3) - 0.2 * math.log(0.2)
    for size in (2, 5, 50):
        for place in (0.1, 0.5, 0.9):
            logits = rng.normal(scale=2, size=size)
            logits[0] = logits.max() + 0.5
            log_p = np.log(_softmax(logits))
            yield logits, float(-(1 - place) * log_p.max() - place * log_p.mean())
    yield np.array([2.0, 0.0]), 0.01
    yield np.array([2.0, 0.0]), 5.0


@exercise("3.6.4", inputs=surprise_inputs, tolerance=1e-5)
def temperature_for(logits, surprise):
    """The temperature at which drawn tokens surprise the model by a given number on average."""
    log_p = np.log(_softmax(np.asarray(logits, dtype=float)))
    if not -log_p.max() < surprise < -log_p.mean():
        raise ValueError(f"surprise is {surprise}; allowed: {-log_p.max()} to {-log_p.mean()}")
    low, high = -20.0, 20.0
    for _ in range(90):
        middle = (low + high) / 2
        reached = -_softmax(log_p * math.exp(-middle)) @ log_p
        low, high = (middle, high) if reached < surprise else (low, middle)
    return math.exp(middle)
