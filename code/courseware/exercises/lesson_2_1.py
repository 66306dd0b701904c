"""Exercises of lesson 2.1, artificial neural networks."""

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "2.1.1",
    (3, -5, 2),
    label="v₁, v₂, v₃",
    hints={
        (3, -2, 0): "These are the slopes. A hinge carries the change of slope at its kink.",
        (3, -2, 2): "At 2 the slope goes from 3 to −2: that is a change of more than 2.",
        (3, 5, 2): "At 2 the line bends down; the sign is missing.",
        (3, -5, -2): "At 5 the line bends up again, from −2 to 0.",
    },
)


def stacks(rng):
    for widths in ((3, 2), (4, 4, 4), (2, 5, 1, 3), (64, 32, 10), (1, 1, 1, 1, 1, 1)):
        yield [
            (rng.normal(size=(d_in, d_out)) / np.sqrt(d_in), rng.normal(size=d_out))
            for d_in, d_out in zip(widths, widths[1:], strict=False)
        ]
    yield [(np.ones((2, 3)), np.ones(3)), (np.ones((2, 1)), np.ones(1))]  # 3 outputs, 2 inputs
    yield []


@exercise("2.1.2", inputs=stacks)
def collapse(layers):
    """The one affine layer that a stack of affine layers is."""
    if not layers:
        raise ValueError("layers is empty; allowed: at least one pair (W, b)")
    W, b = layers[0]
    for W_next, b_next in layers[1:]:
        if W.shape[1] != W_next.shape[0]:
            raise ValueError(
                f"layers do not fit: {W.shape[1]} outputs meet {W_next.shape[0]} inputs"
            )
        W, b = W @ W_next, b @ W_next + b_next
    return W, b


def places(rng):
    for k in (1, 2, 3, 6, 10):
        yield rng.uniform(0, 1, size=40), k
    yield np.array([0.0, 0.25, 0.5, 0.75, 1.0]), 2
    yield np.array([-0.5, 0.3, 1.5]), 3  # outside [0, 1] the tent goes on, down or flat


@exercise("2.1.3", inputs=places)
def folded(x, k):
    """The tent map 2 ReLU(x) − 4 ReLU(x − ½), applied k times."""
    for _ in range(k):
        x = 2 * np.maximum(x, 0) - 4 * np.maximum(x - 0.5, 0)
    return x
