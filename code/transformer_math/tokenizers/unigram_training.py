r"""How a Unigram vocabulary is found: many pieces at first, expectation–maximisation, pruning.

Source: Kudo (2018), https://arxiv.org/abs/1804.10959. The implementation of the same author,
SentencePiece, takes other choices in places: a suffix array for the first pieces, a Bayesian M step
and the best segmentation alone where we take all of them.
"""

import math
import sys
from collections import Counter
from collections.abc import Collection, Mapping

from .lattice import edges_of, expected_pieces, forward

LEAST = sys.float_info.min
"""What an expected count of 0 counts as, so that its logarithm exists."""


def frequent_substrings(words: Mapping[str, int], size: int | None, longest: int) -> dict[str, int]:
    """All characters, and the substrings that cover most text: count times length is highest.

    Substrings of ``longest`` characters at most that occur twice or more; ``size`` pieces in all,
    or every one with None. The piece with the smallest code points goes first among equals.
    """
    counts = Counter()
    for word, frequency in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(start + longest, len(word)) + 1):
                counts[word[start:end]] += frequency
    characters = sorted(piece for piece in counts if len(piece) == 1)
    longer = [piece for piece, count in counts.items() if len(piece) > 1 and count > 1]
    longer.sort(key=lambda piece: (-counts[piece] * len(piece), piece))
    if size is not None:
        longer = longer[: max(size - len(characters), 0)]
    return {piece: counts[piece] for piece in [*characters, *longer]}


def normalised(counts: Mapping[str, float]) -> dict[str, float]:
    """Log-probabilities in proportion to counts."""
    total = math.log(math.fsum(counts.values()))
    return {piece: math.log(max(count, LEAST)) - total for piece, count in counts.items()}


class Lattices:
    """The words of some texts, each with its edges and how often it occurs.

    The edges are found once: new probabilities leave them as they are, pruning only takes away.
    """

    def __init__(self, words: Mapping[str, int], pieces: Collection[str]):
        longest = max(map(len, pieces))
        self.words = [(edges_of(word, pieces, longest), n) for word, n in words.items()]

    def keep(self, pieces: Collection[str]) -> None:
        """Take away the edges of all other pieces."""
        for edges, _ in self.words:
            edges[:] = [[edge for edge in ending if edge[1] in pieces] for ending in edges]

    def expected_counts(self, scores: Mapping[str, float]) -> dict[str, float]:
        """How often each piece is expected, over all segmentations by probability: the E step."""
        counts = dict.fromkeys(scores, 0.0)
        for edges, frequency in self.words:
            for piece, share in expected_pieces(edges, scores):
                counts[piece] += frequency * share
        return counts

    def log_likelihood(self, scores: Mapping[str, float]) -> float:
        """Log-probability of all words, each summed over its segmentations."""
        return math.fsum(n * forward(edges, scores)[-1] for edges, n in self.words)


def losses(counts: Mapping[str, float], scores: Mapping[str, float]) -> dict[str, float]:
    r"""For each piece of two characters or more, about how much log-likelihood goes with it.

    .. math:: \operatorname{loss}(x) = c(x)\,\Bigl(\log p(x) - \log P_{-x}(x)\Bigr)

    c(x) is how often the piece is expected; :math:`P_{-x}(x)` is the probability of its characters
    under all segmentations into other pieces, which would stand in for it.
    """
    longest = max(map(len, scores))
    found = {}
    for piece in scores:
        if len(piece) > 1:
            edges = edges_of(piece, scores, longest)
            edges[-1] = [(start, last) for start, last in edges[-1] if start > 0]
            found[piece] = counts[piece] * (scores[piece] - forward(edges, scores)[-1])
    return found


def prune(counts: Mapping[str, float], scores: Mapping[str, float], size: int) -> dict[str, float]:
    """The ``size`` pieces that are dearest to lose; single characters always stay."""
    cost = losses(counts, scores)
    ranked = sorted(cost, key=lambda piece: (-cost[piece], piece))
    kept = set(ranked[: max(size - (len(scores) - len(cost)), 0)])
    left = {piece: score for piece, score in scores.items() if len(piece) == 1 or piece in kept}
    total = math.log(math.fsum(map(math.exp, left.values())))
    return {piece: score - total for piece, score in left.items()}


def shrink(
    words: Mapping[str, int], seeds: Mapping[str, float], size: int, share: float, steps: int
) -> dict[str, float]:
    """Log-probabilities in proportion to counts, then EM and pruning until ``size`` are left.

    Each round takes ``steps`` steps of EM and prunes to ``share`` of the pieces; after the last
    pruning there is one more round of EM.
    """
    lattices, scores = Lattices(words, seeds), normalised(seeds)
    while True:
        for _ in range(steps):
            counts = lattices.expected_counts(scores)
            scores = normalised(counts)
        if len(scores) <= size:
            return scores
        scores = prune(counts, scores, max(size, int(share * len(scores))))
        lattices.keep(scores)
