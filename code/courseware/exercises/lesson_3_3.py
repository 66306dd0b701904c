"""Exercises of lesson 3.3, tokenization concepts."""

import math

from courseware.exercises.registry import answer, exercise

answer(
    "3.3.1",
    17,
    label="Tokens",
    hints={
        32: "That is the text in letters, before any merge.",
        22: "That is after one merge, a and n. One more.",
        12: "A merge turns two tokens into one: each occurrence saves one, not two.",
        7: "There are two kinds of words here, but they occur three times and twice.",
        15: "Count the pairs of the second merge again: an a occurs once in each word.",
        19: "The pair an an occurs 3 times; b an and an a occur more often.",
    },
)

ALPHABET = "abc"


def cut_inputs(rng):
    for length in (1, 4, 9, 14):
        for _ in range(2):
            word = "".join(rng.choice(list(ALPHABET), size=length))
            stretches = {word[s:e] for s in range(length) for e in range(s + 1, length + 1)}
            pieces = sorted({*ALPHABET, *(x for x in stretches if len(x) < 5)})
            yield (
                word,
                dict(zip(pieces, -rng.uniform(0.5, 8, size=len(pieces)).round(4), strict=True)),
            )
    yield "pug", {"p": -2.5, "u": -1.7, "g": -2.4, "pu": -2.6, "ug": -2.3}
    yield "abab", {"a": -1.0, "b": -1.5, "aba": -0.1}  # the longest piece first is wrong
    yield "aab", {"aa": -0.1, "a": -1.0, "ab": -3.0}  # taking aa leads nowhere
    yield "cab", {"a": -1.0, "b": -1.0, "ab": -0.5}
    yield "abc", {"a": -1.0, "b": -1.0, "ab": -0.5}
    yield "ab", {"ab": -1.0}  # a piece, though its letters are none


@exercise("3.3.2", inputs=cut_inputs)
def best_cut(word, log_p):
    """The pieces of the most probable cut."""
    score, came = [0.0], [0]
    for end in range(1, len(word) + 1):
        ways = [(score[s] + log_p[word[s:end]], s) for s in range(end) if word[s:end] in log_p]
        best, start = max(ways, default=(-math.inf, 0))
        score.append(best)
        came.append(start)
    if score[-1] == -math.inf:
        raise ValueError(f"word is {word!r}, which the pieces cannot spell")
    pieces, end = [], len(word)
    while end:
        pieces.append(word[came[end] : end])
        end = came[end]
    return pieces[::-1]


def gain_inputs(rng):
    for _ in range(8):
        f_a, f_b = (int(n) for n in rng.integers(5, 500, size=2))
        yield f_a, f_b, int(rng.integers(1, min(f_a, f_b))), 2 * (f_a + f_b)
    yield 7, 7, 7, 50  # a and b never occur apart
    yield 1, 1, 1, 2
    yield 20, 5, 6, 100
    yield 5, 20, 6, 100


@exercise("3.3.3", inputs=gain_inputs)
def likelihood_gain(f_a, f_b, k, N):
    """Change of the log-likelihood under the best urn when k pairs ab become one piece."""
    if k > min(f_a, f_b):
        raise ValueError(f"k is {k}; allowed: at most {min(f_a, f_b)}, the rarer of the two pieces")

    def g(x):
        return x * math.log(x) if x else 0.0

    return g(f_a - k) - g(f_a) + g(f_b - k) - g(f_b) + g(k) - g(N - k) + g(N)
