"""Exercises of lesson 2.4, loss functions."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "2.4.1",
    (0.85, math.log(17)),
    tolerance=0.005,
    label="Probability of the true class, gap of the logits",
    hints={
        (0.8, math.log(16)): "The true class gets its part of the ε that is spread over all four.",
        (0.8, math.log(12)): "The ε is spread over all four classes, the true one included.",
        (0.85, 17): "That is the ratio of the probabilities. The gap is its logarithm.",
        (0.85, 0.8): "The gap is the logarithm of a ratio, not a difference of probabilities.",
    },
)

answer(
    "2.4.2",
    (64, math.log2(27) / 3),
    tolerance=0.005,
    label="Perplexity of the first, bits per character of the second",
    hints={
        (6, math.log2(27) / 3): "Six bits a token is right. The perplexity is 2 to that power.",
        (
            2**1.5,
            math.log2(27) / 3,
        ): "That is the perplexity per character; a token has four of them.",
        (64, 4.75): "That is bits for a token of three characters.",
        (64, 9): "Perplexities are not divided by the length. Take the logarithm first.",
        (64, 1.1): "That is in nats; a bit is ln 2 = 0.693 nats.",
    },
)


def logit_inputs(rng):
    for rows, classes in ((1, 2), (8, 3), (40, 10)):
        yield rng.normal(scale=3, size=(rows, classes)), rng.integers(0, classes, size=rows)
    z = rng.normal(scale=3, size=(8, 5)).astype(np.float32)
    labels = rng.integers(0, 5, size=8)
    for shift in (1e3, -1e3):
        yield z + np.float32(shift), labels
    yield 100 * z, labels
    yield np.full((4, 5), 1e8, dtype=np.float32), np.arange(4)  # ln S is lost if m is added to it
    yield z, np.full(8, 5)
    yield z, np.full(8, -1)


@exercise("2.4.3", inputs=logit_inputs, tolerance=2e-6)
def safe_loss(z, labels):
    """Mean of (m − z_c) + ln Σ e^{z_j − m} over the rows."""
    if labels.min() < 0 or labels.max() >= z.shape[1]:
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}; allowed: 0 to {z.shape[1] - 1}"
        )
    m = z.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(z - m).sum(axis=1))
    behind = (m - z)[np.arange(len(z)), labels]
    return (behind + log_sum).mean()


def report_inputs(rng):
    for loss in ("log", "squared", "absolute", "focal"):
        for pi in (0.5, 0.9, *rng.uniform(0.02, 0.98, size=3)):
            yield float(pi), loss
    yield 0.0, "focal"
    yield 1.0, "log"
    yield 0.5, "hinge"


@exercise("2.4.4", inputs=report_inputs, tolerance=1e-4)
def best_report(pi, loss):
    """The p that minimises π ℓ(p) + (1 − π) ℓ(1 − p)."""
    if not 0 < pi < 1:
        raise ValueError(f"pi is {pi}; allowed: between 0 and 1")
    if loss in ("log", "squared"):
        return pi
    if loss == "absolute":
        return 0.5 if pi == 0.5 else float(pi > 0.5)
    if loss != "focal":
        raise ValueError(f"loss is {loss!r}; allowed: log, squared, absolute, focal")

    def slope(p):
        return 2 * (1 - p) * math.log(p) - (1 - p) ** 2 / p

    low, high = 0.0, 1.0
    for _ in range(50):
        p = (low + high) / 2
        low, high = (low, p) if pi * slope(p) > (1 - pi) * slope(1 - p) else (p, high)
    return p
