"""Exercises of lesson 2.2, forward and backward propagation."""

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "2.2.1",
    (20, 8, -4),
    label="The gradients of a, b and y",
    hints={
        (12, 8, -4): "That is what reaches a through the product. It is an input of the sum, too.",
        (8, 8, -4): "That is what reaches a through the sum. It is a factor of the product, too.",
        (20, 8, 4): "Raise y by a little: the miss shrinks. The arrow from y carries −1.",
        (10, 4, -2): "The square hands back twice the miss, not the miss.",
        (96, 8, -4): "Along a route arrows multiply. Where two routes meet, blames add.",
    },
)


def layers(rng):
    for n, d_in, d_out in ((1, 1, 1), (2, 3, 4), (5, 4, 2), (20, 64, 32)):
        X, W = rng.normal(size=(n, d_in)), rng.normal(size=(d_in, d_out))
        yield X, W, rng.normal(size=d_out), rng.normal(size=(n, d_out))
    yield np.zeros((3, 2)), np.ones((2, 4)), np.array([0.0, 1, -1, 0]), np.ones((3, 4))  # kinks
    yield np.ones((3, 2)), np.ones((2, 4)), np.zeros(4), np.ones((4, 3))  # dH lies on its side
    yield np.ones((3, 2)), np.ones((2, 4)), np.zeros(4), np.ones((1, 4))


@exercise("2.2.2", inputs=layers)
def layer_backward(X, W, b, dH):
    """Gradients of H = ReLU(XW + b): for X, for W and for b."""
    if dH.shape != (len(X), W.shape[1]):
        raise ValueError(f"dH has shape {dH.shape}; allowed: {(len(X), W.shape[1])}")
    dS = dH * (X @ W + b > 0)
    return dS @ W.T, X.T @ dS, dS.sum(axis=0)


def tied(rng):
    for n, d, k in ((1, 1, 1), (1, 3, 2), (4, 2, 5), (30, 16, 4)):
        X, W = rng.normal(size=(n, d)), rng.normal(size=(d, k))
        yield X, W, rng.normal(size=(n, d))
    yield np.array([[1.0, 2.0]]), np.array([[1.0, 2.0, -1.0], [-1.0, 1.0, 1.0]]), np.ones((1, 2))


@exercise("2.2.3", inputs=tied)
def tied_backward(X, W, dY):
    """Gradients of Y = ReLU(XW) Wᵀ: for X and for W, which is used twice."""
    S = X @ W
    H = np.maximum(S, 0)
    dS = (dY @ W) * (S > 0)
    return dS @ W.T, X.T @ dS + dY.T @ H
