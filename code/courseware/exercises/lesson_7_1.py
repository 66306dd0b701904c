"""Exercises of lesson 7.1, why position matters."""

from fractions import Fraction

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "7.1.1",
    (Fraction(25, 48), Fraction(13, 48), Fraction(7, 48), Fraction(3, 48)),
    label="Weights, first token to last",
    hints={
        (Fraction(1, 4), Fraction(1, 4), Fraction(1, 4), Fraction(1, 4)): "That is after one "
        "layer. The second averages rows that are themselves averages.",
        (Fraction(25, 12), Fraction(13, 12), Fraction(7, 12), Fraction(1, 4)): "These sum to 4: "
        "the second layer gives each of the four places the weight 1/4.",
        (Fraction(3, 48), Fraction(7, 48), Fraction(13, 48), Fraction(25, 48)): "The other way "
        "round: the first token is in the average of every place.",
    },
)

answer(
    "7.1.2",
    (5, 360),
    label="Vectors, and texts",
    hints={
        (6, 720): "Two of the six tokens are equal.",
        (1, 1): "The mean vector is one; the six rows belong to different words.",
        (3, 180): "Only one pair of tokens is equal: divide by 2 once.",
    },
)

answer(
    "7.1.3",
    (25, Fraction(2, 25), Fraction(25, 2)),
    tolerance=0.002,
    label="Place, output, place believed in",
    hints={
        (24, Fraction(1, 25), 25): "The marker itself stands at place 1, and two of 25 tokens now "
        "have the value 1.",
        (4, Fraction(2, 24), 50): "A share of 0.04 is one of 25; a larger share means an earlier "
        "place.",
        (26, Fraction(1, 26), 24): "The head averages over the t tokens it sees, itself included.",
    },
)

answer(
    "7.1.4",
    "B",
    choices={
        "A": "The theorem speaks of one head, and layers have several.",
        "B": "Reordering the tokens does not merely reorder the rows that enter the second layer.",
        "C": "The residual connection carries the order past the attention.",
        "D": "There is none; Theorem 7.1.6 uses weights that training cannot reach.",
    },
    label="The flaw",
    hints={
        "A": "Several heads side by side are covered: each of them sees the same bag.",
        "C": "The residual connection adds a token's own row. No order is in it.",
        "D": "In the experiment of this lesson training finds weights that see the order, with all "
        "five seeds.",
    },
)

answer(
    "7.1.5",
    "B",
    choices={
        "A": "*dog bites man*, and *man bites dog*",
        "B": "*bites man dog*, and *man dog bites*",
        "C": "*dog man bites*, and *bites dog man*",
        "D": "no two",
    },
    label="The orders",
    hints={
        "A": "Their sums are 0, 2, 4 and 2, 2, 2.",
        "C": "Their sums are 0, 3, 3 and 1, 1, 4.",
        "D": "Look for two orders whose sums are 1, 2 and 3.",
    },
)

answer(
    "7.1.6",
    "B",
    choices={
        "A": r"All of them sit at $\ln2$, where losses are equal anyway.",
        "B": "Only the prediction at the last place is trained, and its row of the causal mask "
        "allows every place.",
        "C": "Without a table of positions a mask has no effect.",
        "D": "Both kinds start from the same weights, and training does not move them.",
    },
    label="The reason",
    hints={
        "A": "With the table they fall below 0.1, and are equal there too.",
        "C": "With two layers and no table the mask decides everything.",
        "D": "The losses fall, so the weights move.",
    },
)


def parts_inputs(rng):
    for n, places, d in ((1, 1, 3), (4, 4, 2), (3, 8, 5), (5, 3, 4), (2, 1, 2)):
        yield rng.normal(size=(n, d)), rng.normal(size=(places, d)), rng.normal(size=(d, d))


@exercise("7.1.7", inputs=parts_inputs)
def four_parts(X, P, W):
    """x W xᵀ, x W pᵀ, p W xᵀ and p W pᵀ, with as many rows of P as X has."""
    n = len(X)
    if len(P) < n:
        raise ValueError(f"P has {len(P)} rows; the text has {n} tokens")
    both = np.concatenate([X, P[:n]])
    scores = both @ W @ both.T
    return np.stack([scores[:n, :n], scores[:n, n:], scores[n:, :n], scores[n:, n:]])


def row_sums(X):
    """Equivariant: acts on each row alone."""
    return np.cumsum(X, axis=1)


def past_sums(X):
    """Not equivariant: each row adds those before it."""
    return np.cumsum(X, axis=0)


def gap_inputs(rng):
    for n, f in ((2, row_sums), (5, row_sums), (3, past_sums), (6, past_sums)):
        yield f, rng.normal(size=(n, 3)), rng.permutation(n).tolist()
    yield past_sums, rng.normal(size=(4, 2)), [3, 0, 1, 2]  # not its own inverse
    yield row_sums, rng.normal(size=(3, 2)), [0, 1]
    yield past_sums, rng.normal(size=(3, 2)), [0, 1, 1]
    yield past_sums, rng.normal(size=(3, 2)), [1, 2, 3]


@exercise("7.1.8", inputs=gap_inputs)
def order_gap(f, X, order):
    """max |f(ΠX) − Πf(X)|, where row i of ΠX is row order[i] of X."""
    order = list(order)
    if sorted(order) != list(range(len(X))):
        raise ValueError(f"order must hold each of 0 to {len(X) - 1} once, got {order}")
    permutation = np.eye(len(X))[order]
    return np.abs(f(permutation @ X) - permutation @ f(X)).max()


answer(
    "7.1.9",
    8,
    label="Layers",
    hints={
        7: "For 7 layers it is 1 − 2/128 + 1/2187 = 0.985. The second token's weight falls like "
        "2·2^-L, not like 2^-L.",
        5: "That is from 1 − 3^-L, which leaves out the second token: its weight is "
        "2(2^-L − 3^-L).",
        9: "One too many: for 8 layers it is already 0.992.",
        2: "After two layers the first token has 11/18.",
    },
)
