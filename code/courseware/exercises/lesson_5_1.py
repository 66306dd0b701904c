"""Exercises of lesson 5.1, why decoding is bound by memory."""

import math

from courseware.exercises.registry import answer, exercise

answer(
    "5.1.1",
    (1280, 320, 4),
    label="FLOP, bytes, and FLOP per byte",
    hints={
        (
            640,
            320,
            2,
        ): "A product takes a multiplication and an addition: 2 FLOP. And there are two "
        "products, with the keys and with the values.",
        (1280, 160, 8): "Keys and values are both read.",
        (1280, 1280, 1): "Keys and values stand there once for each of the 2 key/value heads, not "
        "for each of the 8 query heads.",
        (320, 320, 1): "The arithmetic is done for each of the 8 query heads.",
    },
)

answer(
    "5.1.2",
    (200 / 3, 200 / 3),
    tolerance=5e-3,
    label="Tokens per second, before and after",
    hints={
        (66.7, 133.3): "What bounds the step is reading the weights; arithmetic waits already.",
        (16.7, 16.7): "That is the model at 16 bits. Four bits are half a byte.",
        (33.3, 33.3): "That is the model at 8 bits. Four bits are half a byte.",
        (8.33, 8.33): "100 gigabytes per second, not gigabits.",
    },
)

answer(
    "5.1.3",
    (15.5 / 3, 10, 6000),
    tolerance=5e-3,
    label="ms at B = 1, ms at B = 30, tokens per second at most",
    hints={
        (5, 10, 6000): "The text's own cache is read as well.",
        (5.17, 155, 6000): "The weights are read once for all 30 texts.",
        (5.17, 5.17, 6000): "Each of the 30 texts has a cache of its own.",
        (5.17, 10, 3000): "That is the rate at B = 30. Let B grow without end in B/t.",
        (5.17, 10, 200): "That is the bandwidth divided by the weights. With a large batch the "
        "caches are what is read.",
    },
)

answer(
    "5.1.4",
    "B",
    choices={
        "A": r"The intensity of attention does not depend on $h_{kv}$.",
        "B": "At batch 1 most of the bytes are weights, and a step reads them all the same.",
        "C": "The cache is not a quarter as large, because the heads become wider.",
        "D": "With a quarter of the cache, arithmetic becomes the bound.",
    },
    label="The flaw",
    hints={
        "A": "It does, by (5.1.5): each key read serves h/h_kv query heads.",
        "C": "The width of a head stays at 128; there are only fewer of them.",
        "D": "At batch 1 the arithmetic takes 0.02 ms, the bytes more than 3.",
    },
)

_PER_KEY = 15e9 / (131072 * (200 - 4)), 15e9 / (65536 * (200 - 8))
answer(
    "5.1.5",
    _PER_KEY,
    tolerance=2e-3,
    label="Context at 16 bits, and at 8 bits",
    unit="tokens",
    hints={
        (15e9 / (131072 * 200), _PER_KEY[1]): "Attention does arithmetic too: each byte that a key "
        "adds brings 4 FLOP with it, so that 196 are missing, not 200.",
        (15e9 / (131072 * 200), 15e9 / (65536 * 200)): "Attention does arithmetic too: 4 FLOP for "
        "each byte that a key adds at 16 bits, 8 at 8 bits.",
        (_PER_KEY[0], 2 * _PER_KEY[0]): "Half the bytes also double the intensity of attention: "
        "8 FLOP for each byte.",
        (_PER_KEY[0], 15e9 / (65536 * 200)): "At 8 bits attention does 8 FLOP for each byte.",
        (
            _PER_KEY[0],
            15e9 / (65536 * 196),
        ): "At 8 bits attention does 8 FLOP for each byte, not 4.",
    },
)

answer(
    "5.1.6",
    53,
    label="Least n",
    hints={
        52: "206/4 = 51.5 leaves out that the queries themselves are read and the outputs written.",
        51: "At 51 it is still below; and the queries themselves are read, too.",
        206: "Each key that is read serves h/h_kv = 4 heads of every query.",
        212: "Each key that is read serves h/h_kv = 4 heads of every query.",
    },
)


def attention_inputs(rng):
    for heads, kv_heads in ((8, 8), (32, 8), (32, 1), (6, 3), (1, 1)):
        queries, keys = (int(n) for n in rng.integers(1, 5000, size=2))
        yield heads, kv_heads, queries, keys, (1, 2, 4)[int(rng.integers(3))]
    yield 32, 8, 1, 8192, 2
    yield 32, 32, 1, 1, 2


@exercise("5.1.7", inputs=attention_inputs)
def attention_intensity(heads, kv_heads, queries, keys, size):
    """2hnm / (b(hn + h_kv m)), equation (5.1.4)."""
    flop = 2 * heads * queries * keys
    return flop / (size * (heads * queries + kv_heads * keys))


def step_inputs(rng):
    for _ in range(8):
        weights, matrices = rng.uniform(5e9, 50e9, size=2)
        cache = rng.uniform(1e6, 4e7)
        yield weights, matrices, cache, 4 * cache, float(rng.uniform(100, 300))
    yield 16e9, 16e9, 1e9, 4e9, 200.0  # caches too large for any batch
    yield 16e9, 15e9, 1e8, 5e9, 200.0  # intensities tend to 200 and stay below it
    yield 16.0, 15.0, 1.0, 1.0, 8.0  # a batch of 16 has exactly 8
    yield 10.0, 1000.0, 1.0, 10.0, 2.0  # one text is enough
    yield 4.0, 2.5, 1.0, 1.0, 3.0  # half a FLOP is gained per text
    yield 7.0, 20.0, 0.0, 0.0, 10.0  # no cache at all


@exercise("5.1.8", inputs=step_inputs)
def critical_batch(weights, matrices, cache, attention, ridge):
    """The least B with B(C_W + C_m) ≥ I*(D_W + B D_m); infinity if there is none."""
    gained = matrices + attention - ridge * cache
    return math.ceil(ridge * weights / gained) if gained > 0 else math.inf


answer(
    "5.1.9",
    (45, 48),
    label="Bound (5.1.6), and the bound for two phases",
    unit="ms",
    hints={
        (45, 45): "At this batch the matrices are bound by arithmetic: 8 ms, not the 5 ms that "
        "reading the weights takes.",
        (48, 48): "The first bound takes the maximum once, for all bytes against all arithmetic.",
        (45, 53): "In the first phase reading and arithmetic overlap: the longer one counts, 8 ms.",
        (40, 48): "The weights are read as well: 5 ms.",
    },
)
