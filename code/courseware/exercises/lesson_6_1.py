"""Exercises of lesson 6.1, key–value memory mechanism."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise
from transformer_math.probability import softmax

answer(
    "6.1.1",
    (416, 3328),
    label="With the cache, without it",
    unit="multiplications",
    hints={
        (288, 2304): "Those are products with weights alone. The row also looks at eight words.",
        (400, 2800): "That is the seventh word.",
        (416, 416): "Without a cache all eight rows are computed anew, each against eight keys.",
        (416, 2880): "2880 counts pairs j ≤ i only. Here all 64 pairs are computed.",
        (304, 2432): "The eighth row looks at eight words, not at one.",
    },
)

answer(
    "6.1.2",
    (163_840, 26_214),
    label="Bytes per token, tokens in 4 GiB",
    hints={
        (81_920, 52_428): "Keys *and* values are kept: twice as much.",
        (819_200, 5_242): "The query heads do not enter: only 8 heads have keys and values.",
        (4_096, 1_048_576): "That is one layer; there are 40.",
        (163_840, 26_215): "The last token no longer fits as a whole.",
    },
)

answer(
    "6.1.3",
    (10, 9),
    label="Right result, result of the loop",
    hints={
        (10, 10): "The loop does not compute old rows again: in layer 2 it still has those that "
        "were made when each word was the last one, 0 and 3.",
        (9, 9): "Without a mask all three words see each other in layer 1: its rows are 2, 4, 6.",
        (6, 6): "That is the third word after one layer.",
    },
)

answer(
    "6.1.4",
    (15, 16),
    label="Hidden pairs per head, multiplications per pair",
    hints={
        (21, 16): "21 pairs are visible: those on and below the diagonal.",
        (30, 8): "Only the pairs above the diagonal are hidden: half of the 30 off it.",
        (15, 4): "That is one head in one layer: 2 for the score, 2 for the sum of values.",
        (15, 8): "There are two layers as well as two heads.",
    },
)

answer(
    "6.1.5",
    "B",
    choices={
        "A": "Rotating a kept key a second time adds up the angles of both rotations.",
        "B": "Keys of layer 2 were made from what layer 1 said with earlier frequencies.",
        "C": "The values would have to be kept before rotation and rotated as well.",
        "D": "There is none; it is exact, and merely slower than keeping rotated keys.",
    },
    label="The flaw",
    hints={
        "A": "Nothing is rotated twice: the kept keys are unrotated, and stay so.",
        "C": "Values are not rotated in these models.",
        "D": "Look at the table above: with two layers an error remains.",
    },
)


def piece_inputs(rng):
    yield 0, 4
    for _ in range(6):
        yield int(rng.integers(1, 9)), int(rng.integers(1, 6))
    yield 5, 1


@exercise("6.1.6", inputs=piece_inputs)
def piece_mask(cached, new):
    """True where column j ≤ cached + i, for row i of the piece."""
    return np.arange(cached + new) <= cached + np.arange(new)[:, None]


def next_inputs(rng):
    for heads, kv_heads, width, t in ((1, 1, 2, 3), (2, 2, 4, 5), (4, 2, 4, 6), (4, 1, 3, 2),
                                      (6, 3, 2, 0), (8, 2, 8, 9)):  # fmt: skip
        new = rng.normal(size=(2, kv_heads, width))
        kept = rng.normal(size=(2, kv_heads, t, width))
        yield rng.normal(size=(heads, width)), *new, *kept


@exercise("6.1.7", inputs=next_inputs)
def attend_next(q, k, v, K, V):
    """Each query head at all keys of its key head, the new one included."""
    K, V = (np.concatenate((old, new[:, None]), axis=1) for old, new in ((K, k), (V, v)))
    group = len(q) // len(K)
    rows = [
        softmax(K[head // group] @ query / math.sqrt(q.shape[-1])) @ V[head // group]
        for head, query in enumerate(q)
    ]
    return np.stack(rows), K, V


answer(
    "6.1.8",
    (199, 150),
    label="Weights only, attention only",
    hints={
        (200, 150): "(n+1)/2 reaches 100 one token earlier.",
        (99, 75): "99 % saved leaves a hundredth: the ratio must reach 100, not 50.",
        (199, 149): "(2·149 + 1)/3 is 99.67: not yet.",
        (100, 100): "A factor of t at step t is not yet the ratio of the totals.",
    },
)

answer(
    "6.1.9",
    16,
    label="Pairs of layer and token",
    hints={
        4: "That is r = 0, one row per layer. Deeper layers have more rows to compute.",
        12: "Those are the old rows; each layer computes the new one as well.",
        24: "In layer 1 keys depend on their own token alone: l − 1 steps of look-ahead, not l.",
        20: "Layer l reaches (l − 1)·r tokens ahead, with r = 2.",
    },
)
