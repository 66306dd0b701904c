r"""Byte-pair encoding: the most frequent pair of neighbours becomes one piece, again and again.

Training starts from single characters and records each merge. Encoding a word starts from its
characters too and applies, among the merges that fit, the one learned first. At character level
words are what stands between white space; at byte level they are GPT-2's words, spelled in 256
characters for the 256 bytes, so that every text can be written and is given back exactly.

Sources: Gage (1994), "A new algorithm for data compression"; Sennrich, Haddow and Birch (2016),
https://arxiv.org/abs/1508.07909; byte level: Radford et al. (2019),
https://github.com/openai/gpt-2
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise
from operator import add
from typing import Any

from ..arrays import whole
from .base import Tokenizer, count_words, remember, require_strings
from .pairs import MergeStep, MostFrequentPair, PairCounts, learn_merges, watch_merges
from .words import (
    byte_alphabet,
    from_byte_characters,
    split_gpt2,
    split_whitespace,
    to_byte_characters,
)

LEVELS = ("byte", "character")


@dataclass(frozen=True)
class MergeState:
    """A word's pieces after a merge, the two pieces merged and the merge's rank.

    The first state of a word has ``merge`` and ``rank`` None: nothing is merged yet.
    """

    pieces: list[str]
    merge: tuple[str, str] | None = None
    rank: int | None = None


class BPE(Tokenizer):
    r"""Byte-pair encoding at byte or character level.

    .. math:: (a, b)^\star = \operatorname*{arg\,max}_{(a, b)} f(ab)

    is what training merges at each step, where f(ab) counts how often piece b follows piece a
    within a word. Equal counts go to the pair with the smallest ids. Ids: the special tokens first,
    then the characters by code point, then the merged pieces in order.

    Parameters
    ----------
    vocabulary : the pieces; a piece's place is its id.
    merges : pairs of pieces in the order learned; the place of a merge is its rank.
    level : ``"byte"`` or ``"character"``.
    special_tokens : tokens of the vocabulary that are recognised in a text and kept whole.
    unknown : character level only: the token for a character that the vocabulary lacks. Without
        one, such a character is an error. At byte level every character can be written.
    end_of_word : character level only: a mark at the end of each word's last piece, such as
        ``"</w>"``; decoding writes a space for it. Without one, decoding cannot tell where words
        ended and joins everything.
    counts : how often each merge's pair occurred when it was learned, for the reader only.

    Raises
    ------
    ValueError
        If a merge's pieces or what they make are not in the vocabulary, a merge comes twice, or an
        option is not one of those above.

    Source: Sennrich, Haddow and Birch (2016), https://arxiv.org/abs/1508.07909
    """

    kind = "BPE"

    def __init__(
        self,
        vocabulary: Sequence[str],
        merges: Sequence[Sequence[str]],
        level: str = "byte",
        special_tokens: Sequence[str] = (),
        unknown: str | None = None,
        end_of_word: str = "",
        counts: Sequence[int] | None = None,
    ):
        super().__init__(vocabulary, special_tokens, unknown)
        _check_options(level, unknown, end_of_word)
        self.level, self.end_of_word = level, end_of_word
        self.merges = _as_pairs(merges)
        self.ranks = {merge: rank for rank, merge in enumerate(self.merges)}
        self.counts = None if counts is None else list(counts)
        for merge in self.merges:
            if not {*merge, "".join(merge)} <= self.ids.keys():
                raise ValueError(
                    f"merges has {merge!r}; allowed: two pieces of the vocabulary that together "
                    "are a third"
                )
        if len(self.ranks) < len(self.merges):
            raise ValueError("merges has a pair twice; allowed: each once")
        if self.counts is not None and len(self.counts) != len(self.merges):
            raise ValueError(
                f"counts has {len(self.counts)} entries; allowed: one a merge, {len(self.merges)}"
            )
        if level == "byte" and (lacking := set(byte_alphabet()) - self.ids.keys()):
            raise ValueError(
                f"vocabulary lacks {min(lacking)!r}; allowed at byte level: one that holds all "
                "256 characters of byte_alphabet()"
            )
        self._words: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocabulary_size: int,
        level: str = "byte",
        special_tokens: Sequence[str] = (),
        unknown: str | None = None,
        end_of_word: str = "",
        min_count: int = 1,
    ) -> "BPE":
        """Learn merges until the vocabulary is full or no pair occurs ``min_count`` times.

        Special tokens (and ``unknown``, put in front of them if it is not among them) count as part
        of ``vocabulary_size``, and are left out of what is learned from the texts.

        Raises
        ------
        ValueError
            If ``texts`` is not an iterable of str, ``vocabulary_size`` is too small for the special
            tokens and characters, or another option is wrong.
        """
        special_tokens = require_strings("special_tokens", special_tokens)
        if unknown is not None and unknown not in special_tokens:
            special_tokens = [unknown, *special_tokens]
        best, vocabulary = _start(texts, level, special_tokens, unknown, end_of_word, min_count)
        whole("vocabulary_size", vocabulary_size, len(vocabulary))
        learned = learn_merges(best, vocabulary, add)
        merges, counts = [], []
        while len(vocabulary) < vocabulary_size and (found := next(learned, None)):
            merges.append(found[0])
            counts.append(found[1])
        return cls(vocabulary, merges, level, special_tokens, unknown, end_of_word, counts)

    @staticmethod
    def merge_steps(
        texts: Iterable[str],
        merges: int,
        level: str = "character",
        end_of_word: str = "",
        min_count: int = 1,
        shown: int = 5,
    ) -> Iterator[MergeStep]:
        """Training watched merge by merge: at most ``merges`` steps, fewer if no pair is left.

        ``shown`` is how many of the most frequent pairs each step lists.

        Raises
        ------
        ValueError
            As :meth:`train`, or if ``merges`` or ``shown`` is not a whole number of at least 1.

        >>> for step in BPE.merge_steps(["hug hug pug hugs"], 2):
        ...     print(step.merge, step.value, step.words)
        ('u', 'g') 4 [(('h', 'ug'), 2), (('p', 'ug'), 1), (('h', 'ug', 's'), 1)]
        ('h', 'ug') 3 [(('hug',), 2), (('p', 'ug'), 1), (('hug', 's'), 1)]
        """
        whole("merges", merges)
        whole("shown", shown)
        best, vocabulary = _start(texts, level, (), None, end_of_word, min_count)
        return watch_merges(best, vocabulary, add, merges, shown)

    def trace(self, text: str) -> list[list[MergeState]]:
        """How each word of a text is put together: for every word its states, merge by merge.

        Raises
        ------
        ValueError
            As :meth:`tokens`; and special tokens are read as ordinary text here.
        """
        return [self._trace_word(word) for word in split_at(self.level)(text)]

    def _trace_word(self, word: str) -> list[MergeState]:
        pieces = self._known_pieces(word)
        states = [MergeState(list(pieces))]
        for rank in apply_merges(pieces, self.ranks):
            states.append(MergeState([p for p in pieces if p], self.merges[rank], rank))
        return states

    def _cut(self, text: str) -> Iterator[int]:
        for word in split_at(self.level)(text):
            ids = self._words.get(word)
            if ids is None:
                pieces = self._known_pieces(word)
                for _ in apply_merges(pieces, self.ranks):
                    pass
                ids = [self.ids[piece] for piece in pieces if piece]
                remember(self._words, word, ids)
            yield from ids

    def _known_pieces(self, word: str) -> list[str]:
        """A word's characters, the unknown token for those that the vocabulary lacks."""
        pieces = first_pieces(word, self.level, self.end_of_word)
        return [p if p in self.ids else self.vocabulary[self._unknown_id(p)] for p in pieces]

    def _join(self, pieces: list[str]) -> str:
        if self.level == "character":
            text = "".join(pieces)
            return text.replace(self.end_of_word, " ").rstrip(" ") if self.end_of_word else text
        special, text, run = set(self.special_tokens), "", ""
        for piece in pieces:
            if piece in special:
                text += from_byte_characters(run) + piece
                run = ""
            else:
                run += piece
        return text + from_byte_characters(run)

    def _settings(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "special_tokens": self.special_tokens,
            "unknown": self.unknown,
            "end_of_word": self.end_of_word,
            "vocabulary": self.vocabulary,
            "merges": self.merges,
            "counts": self.counts,
        }


def apply_merges(pieces: list[str], ranks: Mapping[tuple[str, str], int]) -> Iterator[int]:
    """Merge neighbours in place, the lowest rank first and the leftmost of equals.

    Yields the rank after each merge. The piece on the left becomes both; the one on the right
    becomes empty. A heap of the merges that fit makes this n log n for n pieces.
    """
    end = len(pieces)
    before, after = list(range(-1, end - 1)), list(range(1, end + 1))
    fits = [(ranks[p], i) for i, p in enumerate(pairwise(pieces)) if p in ranks]
    heapify(fits)
    while fits:
        rank, i = heappop(fits)
        j = after[i]
        if not pieces[i] or j == end or ranks.get((pieces[i], pieces[j])) != rank:
            continue  # One of the two was merged with another since.
        pieces[i] += pieces[j]
        pieces[j] = ""
        after[i] = after[j]
        if after[i] < end:
            before[after[i]] = i
        for left in (before[i], i):
            if left >= 0 and (right := after[left]) < end:
                if (new := ranks.get((pieces[left], pieces[right]))) is not None:
                    heappush(fits, (new, left))
        yield rank


def split_at(level: str):
    """The function that splits a text into words at a level."""
    return split_gpt2 if level == "byte" else split_whitespace


def first_pieces(word: str, level: str, end_of_word: str = "") -> list[str]:
    """A word's characters (at byte level, one a byte), the last with the mark of the word's end."""
    if level == "byte":
        return list(to_byte_characters(word))
    return [*word[:-1], word[-1] + end_of_word]


def _start(texts, level, special_tokens, unknown, end_of_word, min_count):
    """What training starts from: words cut into characters, and the vocabulary of these."""
    _check_options(level, unknown, end_of_word)
    whole("min_count", min_count)
    words = count_words(texts, split_at(level), special_tokens)
    cut = [first_pieces(word, level, end_of_word) for word in words]
    alphabet = set().union(*cut, byte_alphabet() if level == "byte" else ())
    vocabulary = list(dict.fromkeys([*special_tokens, *sorted(alphabet)]))
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    counts = PairCounts([[ids[piece] for piece in pieces] for pieces in cut], words.values())
    return MostFrequentPair(counts, min_count), vocabulary


def _as_pairs(merges: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    try:
        return [(str(left), str(right)) for left, right in merges]
    except (TypeError, ValueError):
        raise ValueError(f"merges is {merges!r}; allowed: a list of pairs of pieces") from None


def _check_options(level: str, unknown: str | None, end_of_word: str) -> None:
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}; allowed: 'byte' or 'character'")
    if not isinstance(end_of_word, str):
        raise ValueError(f"end_of_word is {end_of_word!r}; allowed: a str")
    for name, value in {"unknown": unknown, "end_of_word": end_of_word}.items():
        if value and level == "byte":
            raise ValueError(f"{name} is {value!r}; allowed at byte level: none, nothing needs it")
