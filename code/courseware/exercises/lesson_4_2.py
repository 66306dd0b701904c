"""Exercises of lesson 4.2, scaled dot-product attention."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise
from transformer_math.probability import softmax

answer(
    "4.2.1",
    (4, 0, 2),
    label="q·k₁, q·k₂ and δ",
    hints={
        (4, 0, 4): "That is the difference without the division; divide it by the root of 4.",
        (4, 0, 1): "You divided by d_h. The root of 4 is 2.",
        (4, 4, 0): "In the second product the last term is −1 times 2.",
        (3, 0, 1.5): "In the first product the last term is −1 times 0, which is 0.",
        (7, 0, 3.5): "In the first product the second term is 0 times 3, which is 0.",
    },
)

answer(
    "4.2.2",
    80,
    label="Variance",
    hints={
        64: "That is the variance when both means are 0. Here E[qqᵀ] is I + μμᵀ.",
        96: "The mean enters squared: ‖μ‖² is 64 times one quarter.",
        16: "That is ‖μ‖²; add what the covariance contributes.",
        1.25: "That is the variance of one product; the score adds 64 of them.",
    },
)

answer(
    "4.2.3",
    ((0.02**2 * 768) ** 2, 1 / math.sqrt(768)),
    tolerance=6e-4,
    label="Variance, and the σ that makes it 1",
    hints={
        (0.307, 0.036): "0.307 is the mean square of one coordinate, σ²d. The variance takes one "
        "such factor from the query and one from the key.",
        (6.04, 0.036): "That is the variance before the division; divide it by d_h = 64.",
        (0.094, 0.0013): "1/768 is σ². The question is for σ.",
    },
)

answer(
    "4.2.4",
    "B",
    choices={
        "A": r"Near uniform weights $\|J\|_2$ is not $\frac1m$ but goes to 0 with the width.",
        "B": r"$J$ is not the gradient at the query; a factor $K/c$ is missing.",
        "C": r"$\|J\|_2\approx\frac1m$ is itself small, since the number $m$ of keys is large.",
        "D": r"The keys lengthen like $d_h$, so the gradient grows with the width.",
    },
    label="The flaw",
    hints={
        "A": "Check it at exactly uniform weights: J is 1/m times a projection, at every width.",
        "C": "It is as small at every width; the question is what changes with the width.",
        "D": "A key of d_h numbers of variance 1 has length √d_h. And in the last two columns of "
        "the table γ falls by half from 64 to 256.",
    },
)

answer(
    "4.2.5",
    (8, 2),
    label="Mean and variance",
    hints={
        (64, 128): "Right before the division. The mean is divided by √64, the variance by 64.",
        (8, 16): "Dividing by 8 divides the variance by 8², not by 8.",
        (8, 1): "The terms are squares of Gaussians: each has variance 2.",
        (0, 1): "That is the case of independent matrices. Tied, the score is a sum of squares.",
    },
)


def head_inputs(rng):
    for heads, width, head_width in ((1, 4, 4), (2, 8, 4), (4, 8, 2), (3, 5, 6), (2, 6, 1)):
        X = rng.normal(size=(int(rng.integers(2, 7)), width))
        yield X, *rng.normal(size=(2, width, heads * head_width)), heads


@exercise("4.2.6", inputs=head_inputs)
def scores_of_heads(X, W_Q, W_K, heads):
    """Q Kᵀ / √d_h of each head, where d_h is the number of columns of W_Q over heads."""
    Q, K = (
        (X @ W).reshape(len(X), heads, W.shape[1] // heads).transpose(1, 0, 2) for W in (W_Q, W_K)
    )
    return Q @ K.transpose(0, 2, 1) / math.sqrt(Q.shape[-1])


def gradient_inputs(rng):
    for width, keys in ((1, 2), (4, 3), (16, 12), (64, 64)):
        q, K, g = rng.normal(size=width), rng.normal(size=(keys, width)), rng.normal(size=keys)
        yield q, K, math.sqrt(width), g
    yield 40 * rng.normal(size=8), rng.normal(size=(5, 8)), 1.0, rng.normal(size=5)


@exercise("4.2.7", inputs=gradient_inputs)
def query_gradient(q, K, c, g):
    """Kᵀ J g / c with J = diag(p) − ppᵀ and p = softmax(Kq/c)."""
    p = softmax(K @ q / c)
    return K.T @ ((np.diag(p) - np.outer(p, p)) @ g) / c


answer(
    "4.2.8",
    (0.001, 0.25),
    tolerance=1e-6,
    label="Rate, and factor on the weights",
    hints={
        (0.00025, 0.25): "That is the rate for plain gradient descent, η/c. For Adam it is η/√c.",
        (0.00025, 0.0625): "Both are divided by √c, not by c.",
        (0.016, 4): "The other way round: taking a divisor away makes both smaller.",
        (0.001, 0.0625): "The score is a product of two matrices; each takes one √c.",
    },
)

answer(
    "4.2.9",
    1 / math.sqrt(math.pi),
    tolerance=1e-3,
    label="Limit",
    hints={
        0.282: "‖J‖_F is twice the derivative of the sigmoid: J has four entries of that size.",
        0.798: "δ is a difference of two scores; its variance is 2‖q‖².",
        0.399: "δ has variance 2‖q‖², and ‖J‖_F is twice the derivative of the sigmoid.",
    },
)
