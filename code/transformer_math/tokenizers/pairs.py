r"""Pairs of neighbouring pieces: counted once, then kept up to date merge by merge.

What byte-pair encoding and WordPiece training share. They differ in which pair is best: the most
frequent one (:class:`MostFrequentPair`), or the one whose pieces are seen together most often for
how often they are seen at all (:class:`LikeliestPair`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, nsmallest
from itertools import islice, pairwise

from ..arrays import Number, whole

Pair = tuple[int, int]


def pair_counts(words: Mapping[tuple[str, ...], int]) -> dict[tuple[str, str], int]:
    r"""How often each piece is followed by each other one within a word.

    .. math:: f(ab) = \sum_{w} n_w \,\bigl|\{i : w_i = a,\; w_{i+1} = b\}\bigr|

    Parameters
    ----------
    words : for each word, as a tuple of its pieces, how often it occurs, :math:`n_w`.

    Raises
    ------
    ValueError
        If ``words`` is not a dict from tuples of str to whole numbers of at least 1.

    >>> pair_counts({("h", "u", "g"): 10, ("p", "u", "g"): 5})
    {('h', 'u'): 10, ('u', 'g'): 15, ('p', 'u'): 5}
    """
    counts = Counter()
    for word, frequency in require_cut(words).items():
        for pair in pairwise(word):
            counts[pair] += frequency
    return dict(counts)


def pair_scores(words: Mapping[tuple[str, ...], int]) -> dict[tuple[str, str], float]:
    r"""WordPiece's score of each pair of neighbours.

    .. math:: \operatorname{score}(a, b) = \frac{f(ab)}{f(a)\, f(b)}

    Up to a factor, the logarithm of the score is the pointwise mutual information of a and b.

    Parameters
    ----------
    words : for each word, as a tuple of its pieces, how often it occurs.

    Raises
    ------
    ValueError
        If ``words`` is not a dict from tuples of str to whole numbers of at least 1.

    Source: the score is the one that descriptions of WordPiece give; Schuster and Nakajima (2012),
    https://doi.org/10.1109/ICASSP.2012.6289079, choose the merge that raises the likelihood most.

    >>> pair_scores({("hu", "##g"): 10, ("p", "##u", "##g"): 5})[("hu", "##g")] == 10 / (10 * 15)
    True
    """
    pieces = Counter()
    for word, frequency in require_cut(words).items():
        for piece in word:
            pieces[piece] += frequency
    return {(a, b): n / (pieces[a] * pieces[b]) for (a, b), n in pair_counts(words).items()}


def require_cut(words: Mapping[tuple[str, ...], int]) -> Mapping[tuple[str, ...], int]:
    """Return ``words`` if they are counted words cut into pieces, else raise a ValueError."""
    if not isinstance(words, Mapping):
        raise ValueError(
            f"words is of type {type(words).__name__}; allowed: a dict from tuples of pieces to "
            "counts"
        )
    for word, frequency in words.items():
        if not isinstance(word, tuple) or not all(isinstance(piece, str) for piece in word):
            raise ValueError(f"words has {word!r}; allowed: tuples of pieces, each a str")
        whole(f"words[{word!r}]", frequency)
    return words


@dataclass(frozen=True)
class MergeStep:
    """One step of training: the best pairs there were, the one merged, the words as it left them.

    ``best`` lists pairs of pieces with their count (BPE) or score (WordPiece), best first;
    ``merge`` is the first of them and ``value`` its count or score; ``words`` are the distinct
    words, cut into pieces, with how often each occurs.
    """

    best: list[tuple[tuple[str, str], Number]]
    merge: tuple[str, str]
    value: Number
    words: list[tuple[tuple[str, ...], int]]


class PairCounts:
    """Words cut into pieces, and how often each piece and each pair of neighbours occurs.

    Pieces are ids here. Merging a pair looks only at the words that hold it, which ``where`` knows.
    """

    def __init__(self, words: Iterable[Sequence[int]], frequencies: Iterable[int]):
        self.words = [list(word) for word in words]
        self.frequencies = list(frequencies)
        self.pieces: Counter[int] = Counter()
        self.pairs: Counter[Pair] = Counter()
        self.where: defaultdict[Pair, set[int]] = defaultdict(set)
        for i, (word, frequency) in enumerate(zip(self.words, self.frequencies, strict=True)):
            for piece in word:
                self.pieces[piece] += frequency
            for pair in pairwise(word):
                self.pairs[pair] += frequency
                self.where[pair].add(i)

    def merge(self, pair: Pair, merged: int) -> dict[Pair, int]:
        """Write ``merged`` for ``pair`` in every word; return by how much each count changed."""
        changes: defaultdict[Pair, int] = defaultdict(int)
        times = 0
        for i in self.where.pop(pair):
            word, frequency = self.words[i], self.frequencies[i]
            new = self.words[i] = replace(word, pair, merged)
            times += frequency * (len(word) - len(new))
            for old_pair in pairwise(word):
                changes[old_pair] -= frequency
            for new_pair in pairwise(new):
                changes[new_pair] += frequency
                self.where[new_pair].add(i)
        for changed, change in changes.items():
            self.pairs[changed] += change
            if not self.pairs[changed]:
                del self.pairs[changed]
        for piece in pair:
            self.pieces[piece] -= times
        self.pieces[merged] += times
        return changes


class MostFrequentPair:
    """The pair with the highest count at any moment, the smallest ids among equals.

    A heap keeps the pairs in order. A pair whose value rises is entered anew; one whose value falls
    is left as it was (lazy deletion), and put back with its present value when it comes to the top.
    """

    def __init__(self, counts: PairCounts, min_count: int = 1):
        self.counts, self.min_count = counts, min_count
        self._heap = [(-self.value(pair), pair) for pair in counts.pairs]
        heapify(self._heap)

    def value(self, pair: Pair) -> Number:
        """What is to be highest; 0 for a pair that occurs less than ``min_count`` times."""
        count = self.counts.pairs.get(pair, 0)
        return count if count >= self.min_count else 0

    def find(self) -> tuple[Pair, Number] | None:
        """The best pair and its value, or None when none is left."""
        while self._heap:
            value, pair = -self._heap[0][0], self._heap[0][1]
            present = self.value(pair)
            if present == value > 0:
                return pair, value
            heappop(self._heap)
            if 0 < present < value:
                heappush(self._heap, (-present, pair))
        return None

    def first(self, number: int) -> list[tuple[Pair, Number]]:
        """The best pairs with their values, best first."""
        ranked = nsmallest(number, ((-self.value(pair), pair) for pair in self.counts.pairs))
        return [(pair, -value) for value, pair in ranked if value]

    def merge(self, pair: Pair, merged: int) -> None:
        """Merge a pair in all words, and enter the pairs whose values this raised."""
        for raised in self.raised(pair, self.counts.merge(pair, merged)):
            heappush(self._heap, (-self.value(raised), raised))

    def raised(self, pair: Pair, changes: Mapping[Pair, int]) -> Iterable[Pair]:
        return [changed for changed, change in changes.items() if change > 0]


class LikeliestPair(MostFrequentPair):
    """The pair with the highest score f(ab) / (f(a) f(b)), the smallest ids among equals.

    A merge makes its two pieces rarer, and so raises the score of every other pair they are in.
    """

    def __init__(self, counts: PairCounts, min_count: int = 1):
        self._pairs_with: defaultdict[int, set[Pair]] = defaultdict(set)
        self._note(counts.pairs)
        super().__init__(counts, min_count)

    def value(self, pair: Pair) -> Number:
        together = super().value(pair)
        left, right = pair
        return together and together / (self.counts.pieces[left] * self.counts.pieces[right])

    def raised(self, pair: Pair, changes: Mapping[Pair, int]) -> Iterable[Pair]:
        self._note(changed for changed, change in changes.items() if change > 0)
        for piece in pair:
            self._pairs_with[piece] &= self.counts.pairs.keys()
        return {*super().raised(pair, changes)}.union(*(self._pairs_with[piece] for piece in pair))

    def _note(self, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            for piece in pair:
                self._pairs_with[piece].add(pair)


def learn_merges(
    best: MostFrequentPair, vocabulary: list[str], join: Callable[[str, str], str]
) -> Iterator[tuple[tuple[str, str], Number]]:
    """Merge the best pair again and again: yield it with its value, append what it makes.

    A merge may make a piece that is there already, by another way. Then nothing is appended.
    """
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    seen = set()
    while found := best.find():
        (left, right), value = found
        pair = vocabulary[left], vocabulary[right]
        piece = join(*pair)
        if piece not in ids:
            ids[piece] = len(vocabulary)
            vocabulary.append(piece)
        best.merge((left, right), ids[piece])
        if pair not in seen:  # A pair can come back when one of its pieces is made again.
            seen.add(pair)
            yield pair, value


def watch_merges(
    best: MostFrequentPair,
    vocabulary: list[str],
    join: Callable[[str, str], str],
    merges: int,
    shown: int,
) -> Iterator[MergeStep]:
    """The same, step by step for a reader; at most ``merges`` steps."""
    learned = learn_merges(best, vocabulary, join)
    counts = best.counts
    for _ in range(merges):
        first = [((vocabulary[a], vocabulary[b]), v) for (a, b), v in best.first(shown)]
        for pair, value in islice(learned, 1):
            cut = [tuple(vocabulary[i] for i in word) for word in counts.words]
            yield MergeStep(first, pair, value, list(zip(cut, counts.frequencies, strict=True)))


def replace(word: Sequence[int], pair: Pair, merged: int) -> list[int]:
    """The word with ``merged`` for each occurrence of ``pair``, from left to right."""
    left, right = pair
    new, place, last = [], 0, len(word) - 1
    while place <= last:
        if place < last and word[place] == left and word[place + 1] == right:
            new.append(merged)
            place += 2
        else:
            new.append(word[place])
            place += 1
    return new
