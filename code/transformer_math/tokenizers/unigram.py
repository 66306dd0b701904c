r"""Unigram: every piece has a probability, and a word is cut in its most probable way.

A segmentation's probability is the product of its pieces', as if each were drawn on its own; a
word's is the sum over its segmentations. Training starts from many pieces, fits their probabilities
by expectation–maximisation, and drops those without which the text stays most probable.

Source: Kudo (2018), https://arxiv.org/abs/1804.10959
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..arrays import is_finite, whole
from .base import Tokenizer, count_words, remember, require_strings
from .lattice import LatticeNode, best_path, edges_of, forward, paths, viterbi
from .unigram_training import Lattices, frequent_substrings, normalised, shrink
from .words import require_text, split_whitespace

WORD_START = "\u2581"
"""▁, which SentencePiece puts in front of each word."""

UNKNOWN_PENALTY = 10.0
"""An unknown character's log-probability is this much below the rarest piece's."""

MANY = 16
"""Words of more characters have too many segmentations to list: over 32768."""


class Unigram(Tokenizer):
    r"""A Unigram tokenizer: pieces with log-probabilities.

    .. math:: P(x_1, \ldots, x_m) = \prod_{i=1}^m p(x_i), \qquad
              P(w) = \sum_{x_1 \cdots x_m = w} P(x_1, \ldots, x_m)

    Encoding finds the segmentation of each word with the highest P (Viterbi). Words are what stands
    between white space, with ``word_start`` in front. Ids: the special tokens first, then the
    pieces in the order given.

    Parameters
    ----------
    log_probabilities : for each piece log p, a finite number of at most 0 (natural logarithm).
    special_tokens : tokens that are recognised in a text and kept whole; they have no probability.
    unknown : the token for characters that no piece spells, one for a run of them; put in front of
        the special tokens if it is not among them. Without one, such a character is an error.
    word_start : what begins each word, by default ``"▁"``; decoding writes a space for it. If it is
        empty, decoding cannot tell where words began and joins everything.

    Raises
    ------
    ValueError
        If there is no piece, a log-probability is not a finite number of at most 0, or a special
        token is also a piece.

    Source: Kudo (2018), https://arxiv.org/abs/1804.10959
    """

    kind = "Unigram"

    def __init__(
        self,
        log_probabilities: Mapping[str, float],
        special_tokens: Sequence[str] = (),
        unknown: str | None = None,
        word_start: str = WORD_START,
    ):
        if not isinstance(log_probabilities, Mapping) or not log_probabilities:
            raise ValueError(
                f"log_probabilities is {log_probabilities!r}; allowed: a dict of at least one piece"
            )
        for piece, score in log_probabilities.items():
            if not is_finite(score) or score > 0:
                raise ValueError(
                    f"log_probabilities has {score!r} for {piece!r}; allowed: a finite number of "
                    "at most 0"
                )
        special_tokens = _specials(special_tokens, unknown)
        super().__init__([*special_tokens, *log_probabilities], special_tokens, unknown)
        self.word_start = word_start
        self._split = splitter(word_start)
        self.log_probabilities = {p: float(score) for p, score in log_probabilities.items()}
        self._longest = max(map(len, log_probabilities))
        self._scores = _WithUnknown(self.log_probabilities)
        self._words: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocabulary_size: int,
        special_tokens: Sequence[str] = (),
        unknown: str | None = None,
        word_start: str = WORD_START,
        seed_size: int | None = None,
        longest: int = 16,
        keep: float = 0.75,
        steps: int = 2,
    ) -> "Unigram":
        """Fit a vocabulary to texts: frequent substrings, then rounds of EM and pruning.

        Starts from ``seed_size`` pieces (10 times ``vocabulary_size`` if None) of at most
        ``longest`` characters. A round takes ``steps`` steps of EM and keeps the share ``keep`` of
        the pieces, single characters always. Special tokens count as part of ``vocabulary_size``;
        the vocabulary is smaller if the texts have fewer substrings that occur twice. Pieces are
        ordered by probability.

        Raises
        ------
        ValueError
            If ``texts`` is not an iterable of str or has no words, ``vocabulary_size`` is too small
            for the special tokens and characters, ``keep`` is not between 0 and 1, or a number is
            not a whole one of at least 1.
        """
        special_tokens = _specials(special_tokens, unknown)
        words = count_words(texts, splitter(word_start), special_tokens)
        characters = set().union(*words)
        if not characters:
            raise ValueError("texts has no words; allowed: at least one")
        whole("vocabulary_size", vocabulary_size, len(special_tokens) + len(characters))
        for name, value in {"longest": longest, "steps": steps}.items():
            whole(name, value)
        if not is_finite(keep) or not 0 < keep < 1:
            raise ValueError(f"keep is {keep!r}; allowed: a number between 0 and 1")
        size = vocabulary_size - len(special_tokens)
        if seed_size is not None:
            whole("seed_size", seed_size, size)
        seeds = frequent_substrings(words, seed_size or 10 * vocabulary_size, longest)
        scores = shrink(words, seeds, size, keep, steps)
        ordered = dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))
        return cls(ordered, special_tokens, unknown, word_start)

    def segmentations(self, word: str) -> list[tuple[list[str], float]]:
        r"""Every way to cut a word, with its probability :math:`\prod p(x_i)`, likeliest first.

        The word is cut as it is: nothing is put in front. Their sum is the word's probability.

        Raises
        ------
        ValueError
            If ``word`` is not a str, has more than 16 characters, or has one that no piece spells.
        """
        if len(require_text(word, "word")) > MANY:
            raise ValueError(f"word has {len(word)} characters; allowed: at most {MANY}")
        edges = edges_of(word, self.log_probabilities, self._longest)
        ways = paths(edges, self.log_probabilities)
        found = [(pieces, math.exp(score)) for pieces, score in ways]
        if not found:
            raise ValueError(f"word is {word!r}, which no pieces spell; allowed: one they can")
        return sorted(found, key=lambda item: -item[1])

    def log_likelihood(self, text: str) -> float:
        r"""Log-probability of a text's words, each summed over all its segmentations.

        .. math:: \log P = \sum_w \log \sum_{x_1 \cdots x_m = w} \prod_i p(x_i)

        Returns
        -------
        Natural logarithm; 0 for a text without words.

        Raises
        ------
        ValueError
            If ``text`` is not a str, or has a word that no pieces spell.
        """
        require_text(text)
        return self._lattices([text]).log_likelihood(self.log_probabilities)

    def expected_counts(self, texts: Iterable[str]) -> dict[str, float]:
        """How often each piece is expected in texts, given their words: the E step.

        Each segmentation of a word counts as much as it is probable among the word's.

        Raises
        ------
        ValueError
            If ``texts`` is not an iterable of str, or has a word that no pieces spell.
        """
        return self._lattices(texts).expected_counts(self.log_probabilities)

    def em_step(self, texts: Iterable[str]) -> "Unigram":
        r"""The tokenizer after one step of expectation–maximisation on texts.

        .. math:: p'(x) = \frac{c(x)}{\sum_y c(y)}

        with the expected counts c. The texts' likelihood never falls by it.

        Raises
        ------
        ValueError
            As :meth:`expected_counts`, or if ``texts`` has no words.

        Source: Dempster, Laird and Rubin (1977), https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
        """
        lattices = self._lattices(texts)
        if not lattices.words:
            raise ValueError("texts has no words; allowed: at least one")
        scores = normalised(lattices.expected_counts(self.log_probabilities))
        return type(self)(scores, self.special_tokens, self.unknown, self.word_start)

    def trace(self, text: str) -> list[list[LatticeNode]]:
        """How each word of a text is cut: for every word the best path to each position.

        Raises
        ------
        ValueError
            As :meth:`tokens`; and special tokens are read as ordinary text here.
        """
        return [self._viterbi(word) for word in self._split(require_text(text))]

    def _lattices(self, texts: Iterable[str]) -> Lattices:
        """The words of texts, or a ValueError for one that has probability 0."""
        lattices = Lattices(
            words := count_words(texts, self._split, self.special_tokens), self.log_probabilities
        )
        for word, (edges, _) in zip(words, lattices.words, strict=True):
            if forward(edges, self.log_probabilities)[-1] == -math.inf:
                raise ValueError(
                    f"text has the word {word!r}, which no pieces spell; allowed: words they can"
                )
        return lattices

    def _viterbi(self, word: str) -> list[LatticeNode]:
        unknown = self.unknown is not None
        nodes = viterbi(edges_of(word, self._scores, self._longest, unknown), self._scores)
        if nodes[-1].score == -math.inf:
            self._unknown_id(next(c for c in word if c not in self._scores))
        return nodes

    def _cut(self, text: str) -> Iterator[int]:
        for word in self._split(text):
            ids = self._words.get(word)
            if ids is None:
                path = best_path(self._viterbi(word))
                pieces = [p if p in self.log_probabilities else self.unknown for p in path]
                # A run of unknown characters is one token.
                pairs = zip(pieces, [None, *pieces], strict=False)
                ids = [self.ids[p] for p, last in pairs if not p == last == self.unknown]
                remember(self._words, word, ids)
            yield from ids

    def _join(self, pieces: list[str]) -> str:
        text = "".join(pieces)
        if not self.word_start:
            return text
        return text.replace(self.word_start, " ").removeprefix(" ")

    def _settings(self) -> dict[str, Any]:
        return {
            "special_tokens": self.special_tokens,
            "unknown": self.unknown,
            "word_start": self.word_start,
            "log_probabilities": self.log_probabilities,
        }


class _WithUnknown(dict):
    """Log-probabilities; a character that has none counts as far below the rarest piece."""

    def __init__(self, log_probabilities: Mapping[str, float]):
        super().__init__(log_probabilities)
        self.unknown = min(self.values()) - UNKNOWN_PENALTY

    def __missing__(self, piece: str) -> float:
        return self.unknown


def seed_pieces(
    texts: Iterable[str],
    size: int | None = None,
    longest: int = 16,
    word_start: str = WORD_START,
) -> dict[str, int]:
    """The pieces that training starts from, with their counts: characters, frequent substrings.

    Substrings of words that occur twice or more, those first that cover most text (count times
    length), ``size`` pieces in all or every one with None.

    Raises
    ------
    ValueError
        If ``texts`` is not an iterable of str, or a number is not a whole one of at least 1.

    >>> seed_pieces(["hug hugs"], word_start="")
    {'g': 2, 'h': 2, 's': 1, 'u': 2, 'hug': 2, 'hu': 2, 'ug': 2}
    """
    if size is not None:
        whole("size", size)
    whole("longest", longest)
    return frequent_substrings(count_words(texts, splitter(word_start)), size, longest)


def splitter(word_start: str):
    """The function that splits a text into words, each with ``word_start`` in front."""
    if not isinstance(word_start, str):
        raise ValueError(f"word_start is {word_start!r}; allowed: a str, empty for none")
    return lambda text: [word_start + word for word in split_whitespace(text)]


def _specials(special_tokens: Sequence[str], unknown: str | None) -> list[str]:
    special_tokens = require_strings("special_tokens", special_tokens)
    return [unknown, *special_tokens] if unknown not in (None, *special_tokens) else special_tokens
