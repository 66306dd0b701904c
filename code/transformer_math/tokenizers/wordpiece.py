r"""WordPiece: text to pieces of a fixed vocabulary, the way BERT reads it.

Four steps, each a function of its own:

1. :func:`normalise`: no control characters, Chinese characters apart, no accents, lower case;
2. :func:`split_words`: cut at white space, and make every punctuation mark a word;
3. :func:`longest_match`: cover a word, left to right, by the longest pieces of the vocabulary;
4. :class:`WordPiece`: the three in a row, with ``[CLS]``, ``[SEP]``, … around and between.

The vocabulary is given, or learned by :meth:`WordPiece.train`.

Characters are classified by Python's own ``unicodedata``. The reference implementation has an older
table, and treats the few marks and punctuation signs added to Unicode since then as letters.

Sources: Devlin et al. (2019), https://arxiv.org/abs/1810.04805, for the normalisation; Wu et al.
(2016), https://arxiv.org/abs/1609.08144, for the pieces.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

from ..arrays import whole
from .base import Tokenizer, count_words, require_strings
from .pairs import LikeliestPair, MergeStep, PairCounts, learn_merges, watch_merges
from .words import require_text

UNKNOWN = "[UNK]"
START = "[CLS]"
END = "[SEP]"
PADDING = "[PAD]"
MASK = "[MASK]"
SPECIAL = (PADDING, UNKNOWN, START, END, MASK)
FRAME = (START, END, PADDING)

CONTINUES = "##"
"""Prefix of a piece that continues a word."""

LONGEST_WORD = 100
"""Words of more characters become one unknown token."""

# The blocks of Chinese characters; Japanese kana and Korean hangul are cut by the vocabulary. The
# sixth block starts at 2B820; the reference implementation starts it at 2B920, and so do we: BERT's
# vocabularies hold no character of the gap.
CHINESE = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


def normalise(text: str) -> str:
    """Lower-case text without accents and control characters, and spaces around Chinese ones.

    Accents go by canonical decomposition: é becomes e and a combining acute, which is dropped.

    Raises
    ------
    ValueError
        If ``text`` is not a str.

    >>> normalise("Café, ZÜRICH")
    'cafe, zurich'
    """
    require_text(text)
    clean = "".join(map(_clean, text))
    apart = "".join(f" {c} " if _is_chinese(c) else c for c in clean)
    decomposed = unicodedata.normalize("NFD", apart)
    unaccented = (c for c in decomposed if unicodedata.category(c) != "Mn")
    # One character at a time: in a whole text, lower() writes the capital sigma at a word's end ς.
    return "".join(c.lower() for c in unaccented)


def split_words(text: str) -> list[str]:
    """The words of a text; each punctuation mark is a word of its own.

    >>> split_words("don't stop.")
    ['don', "'", 't', 'stop', '.']
    """
    require_text(text)
    return "".join(f" {c} " if _is_punctuation(c) else c for c in text).split()


def longest_match(word: str, vocabulary: Collection[str]) -> list[str]:
    """Cover a word from left to right, each time by the longest piece in the vocabulary.

    A piece that does not begin the word is looked up with ``##`` in front. A word that cannot be
    covered, or that has more than 100 characters, becomes ``["[UNK]"]`` as a whole. Pass a set or
    a dict: looking up a list is slow.

    Raises
    ------
    ValueError
        If ``word`` is not a str.

    >>> longest_match("rebuilding", {"re", "##build", "##ing", "##b"})
    ['re', '##build', '##ing']
    """
    require_text(word, "word")
    stretches = list(_match(word, vocabulary))
    if None in stretches:
        return [UNKNOWN]
    return [_piece(word, start, end) for start, end in stretches]


def _match(word: str, vocabulary: Collection[str]) -> Iterator[tuple[int, int] | None]:
    """From where to where each piece goes; None at the end if nothing fits."""
    start = 0
    while start < len(word) <= LONGEST_WORD:
        for end in range(len(word), start, -1):
            if _piece(word, start, end) in vocabulary:
                break
        else:
            break
        yield start, end
        start = end
    if start < len(word):
        yield None


def _piece(word: str, start: int, end: int) -> str:
    return (CONTINUES if start else "") + word[start:end]


@dataclass(frozen=True)
class Match:
    """One step of the longest match: the piece taken, and the longer ones tried in vain before."""

    piece: str
    tried: list[str]


class WordPiece(Tokenizer):
    r"""A WordPiece encoder: text to tokens, tokens to ids, and back.

    .. math:: \operatorname{score}(a, b) = \frac{f(ab)}{f(a)\, f(b)}

    is what training raises: it merges the pair of neighbours with the highest score. Encoding knows
    nothing of scores and merges: it takes the longest piece that fits, :func:`longest_match`.

    Parameters
    ----------
    vocabulary : the pieces; a piece's place is its id. It must hold ``[UNK]``.
    special_tokens : tokens of the vocabulary that are recognised in a text as they stand, so
        ``"the [MASK] sat"`` has a mask; None for those of ``[PAD]``, ``[UNK]``, ``[CLS]``,
        ``[SEP]`` and ``[MASK]`` that it holds.

    Raises
    ------
    ValueError
        If ``vocabulary`` is not a sequence of str, has a piece twice, or has no ``[UNK]``, or
        ``special_tokens`` has one that is not in it.

    Source: Wu et al. (2016), https://arxiv.org/abs/1609.08144
    """

    kind = "WordPiece"

    def __init__(self, vocabulary: Sequence[str], special_tokens: Sequence[str] | None = None):
        vocabulary = require_strings("vocabulary", vocabulary)
        if UNKNOWN not in vocabulary:
            raise ValueError(f"vocabulary has no {UNKNOWN!r}; allowed: pieces with it among them")
        if special_tokens is None:
            special_tokens = [token for token in SPECIAL if token in vocabulary]
        super().__init__(vocabulary, special_tokens, UNKNOWN)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocabulary_size: int,
        special_tokens: Sequence[str] = SPECIAL,
        min_count: int = 1,
    ) -> "WordPiece":
        """Merge pairs by their score until the vocabulary is full or no pair is left.

        Texts are normalised and cut into words as for encoding; a word's first character is a piece
        as it is, the others have ``##`` in front. Ids: the special tokens first, then these pieces
        by code point, then the merged ones in order. Equal scores go to the smallest ids. The score
        favours rare pairs; ``min_count`` bars those that occur less often.

        Raises
        ------
        ValueError
            If ``texts`` is not an iterable of str, ``special_tokens`` lacks ``[UNK]``, or
            ``vocabulary_size`` is too small for the special tokens and characters.
        """
        special_tokens = require_strings("special_tokens", special_tokens)
        if UNKNOWN not in special_tokens:
            raise ValueError(
                f"special_tokens lacks {UNKNOWN!r}; allowed: tokens with it among them"
            )
        best, vocabulary = _start(texts, special_tokens, min_count)
        whole("vocabulary_size", vocabulary_size, len(vocabulary))
        learned = learn_merges(best, vocabulary, join_pieces)
        while len(vocabulary) < vocabulary_size and next(learned, None):
            pass
        return cls(vocabulary, special_tokens)

    @staticmethod
    def merge_steps(
        texts: Iterable[str], merges: int, min_count: int = 1, shown: int = 5
    ) -> Iterator[MergeStep]:
        """Training watched merge by merge: at most ``merges`` steps, fewer if no pair is left.

        ``shown`` is how many of the pairs with the highest scores each step lists.

        Raises
        ------
        ValueError
            If ``texts`` is not an iterable of str, or a number is not a whole one of at least 1.

        >>> text = "hug " * 10 + "pug " * 5 + "pun " * 12 + "bun " * 4 + "hugs " * 5
        >>> [(step.merge, step.value) for step in WordPiece.merge_steps([text], 1)]
        [(('##g', '##s'), 0.05)]
        """
        whole("merges", merges)
        whole("shown", shown)
        best, vocabulary = _start(texts, (), min_count)
        return watch_merges(best, vocabulary, join_pieces, merges, shown)

    def encode(self, text: str, special: bool = True) -> list[int]:
        """The ids of a text's tokens, between ``[CLS]`` and ``[SEP]`` unless ``special`` is False.

        Raises
        ------
        ValueError
            If ``text`` is not a str, or the vocabulary has no ``[CLS]`` or ``[SEP]`` to put.
        """
        ids = super().encode(text)
        if special:
            if missing := [token for token in (START, END) if token not in self.ids]:
                raise ValueError(
                    f"special is True; allowed: False, as the vocabulary has no {missing[0]!r}"
                )
            ids = [self.ids[START], *ids, self.ids[END]]
        return ids

    def decode(self, ids: Iterable[SupportsIndex], special: bool = False) -> str:
        """The text of some ids: a piece with ``##`` joins the one before, others follow a space.

        ``[CLS]``, ``[SEP]`` and ``[PAD]`` are left out unless ``special`` is True. Encoding loses
        case, accents and spaces, so decoding gives back the normalised words.

        Raises
        ------
        ValueError
            For an id that the vocabulary does not have.
        """
        return self._join([p for p in self.pieces(ids) if special or p not in FRAME])

    def trace(self, text: str) -> list[list[Match]]:
        """How each word of a text is covered: for every word its matches, left to right.

        A word with no match at some place is the unknown token: its last step has piece ``[UNK]``.
        Special tokens are read as ordinary text here.

        Raises
        ------
        ValueError
            If ``text`` is not a str.
        """
        return [self._trace_word(word) for word in split_words(normalise(text))]

    def _trace_word(self, word: str) -> list[Match]:
        if len(word) > LONGEST_WORD:
            return [Match(UNKNOWN, [])]
        steps, place = [], 0
        for stretch in _match(word, self.ids):
            start, end = stretch or (place, place)
            tried = [_piece(word, start, longer) for longer in range(len(word), end, -1)]
            steps.append(Match(_piece(word, start, end) if stretch else UNKNOWN, tried))
            place = end
        return steps

    def _cut(self, text: str) -> Iterator[int]:
        for word in split_words(normalise(text)):
            for piece in longest_match(word, self.ids):
                yield self.ids[piece]

    def _join(self, pieces: list[str]) -> str:
        text = ""
        for piece in pieces:
            if text and piece.startswith(CONTINUES):
                text += piece[len(CONTINUES) :]
            else:
                text += f" {piece}" if text else piece
        return text

    def _settings(self) -> dict[str, Any]:
        return {"special_tokens": self.special_tokens, "vocabulary": self.vocabulary}


def join_pieces(left: str, right: str) -> str:
    """The piece that two neighbours make: the second, which continues a word, loses its ``##``."""
    return left + right[len(CONTINUES) :]


def _start(texts, special_tokens, min_count):
    """What training starts from: words cut into characters, and the vocabulary of these."""
    whole("min_count", min_count)
    words = count_words(texts, lambda text: split_words(normalise(text)), special_tokens)
    cut = [[word[0], *(CONTINUES + character for character in word[1:])] for word in words]
    alphabet = set().union(*cut)
    vocabulary = list(dict.fromkeys([*special_tokens, *sorted(alphabet)]))
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    counts = PairCounts([[ids[piece] for piece in pieces] for pieces in cut], words.values())
    return LikeliestPair(counts, min_count), vocabulary


def _clean(character: str) -> str:
    """White space as a space; control, format, private and surrogate characters as nothing."""
    if character in "\t\n\r":  # control characters by category, white space by use
        return " "
    if character in "\0\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    return " " if character.isspace() else character


def _is_chinese(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in CHINESE)


def _is_punctuation(character: str) -> bool:
    """Category P, or any ASCII sign: $, +, ^ and the like are symbols to Unicode."""
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")
