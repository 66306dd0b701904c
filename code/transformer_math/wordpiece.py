r"""WordPiece: text to pieces of a fixed vocabulary, the way BERT reads it.

Four steps, each a function of its own:

1. :func:`normalise`: no control characters, Chinese characters apart, no accents, lower case;
2. :func:`split_words`: cut at white space, and make every punctuation mark a word;
3. :func:`longest_match`: cover a word, left to right, by the longest pieces of the vocabulary;
4. :class:`WordPiece`: the three in a row, with ``[CLS]``, ``[SEP]``, … around and between.

Characters are classified by Python's own ``unicodedata``. The reference implementation has an older
table, and treats the few marks and punctuation signs added to Unicode since then as letters.

Sources: Devlin et al. (2019), https://arxiv.org/abs/1810.04805, for the normalisation; Wu et al.
(2016), section 4.1, https://arxiv.org/abs/1609.08144, for the pieces.
"""

import operator
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import SupportsIndex

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
    _require_text(text)
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
    _require_text(text)
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
    _require_text(word, "word")
    if len(word) > LONGEST_WORD:
        return [UNKNOWN]
    pieces, start = [], 0
    while start < len(word):
        prefix = CONTINUES if start else ""
        for end in range(len(word), start, -1):
            if (piece := prefix + word[start:end]) in vocabulary:
                break
        else:
            return [UNKNOWN]
        pieces.append(piece)
        start = end
    return pieces


class WordPiece:
    """A WordPiece encoder: text to tokens, tokens to ids, and back.

    ``vocabulary`` lists the pieces; a piece's place is its id. It must hold ``[UNK]``. Those of
    ``[CLS]``, ``[SEP]``, ``[PAD]`` and ``[MASK]`` that it holds are recognised in a text as they
    stand, so ``"the [MASK] sat"`` has a mask.

    Raises
    ------
    ValueError
        If ``vocabulary`` is not a sequence of str, has a piece twice, or has no ``[UNK]``.
    """

    def __init__(self, vocabulary: Sequence[str]):
        if isinstance(vocabulary, str):
            raise ValueError(f"vocabulary is one text, {vocabulary!r}; allowed: a list of pieces")
        self.vocabulary = tuple(vocabulary)
        self.ids = {piece: i for i, piece in enumerate(self.vocabulary)}
        if not all(isinstance(piece, str) for piece in self.vocabulary):
            raise ValueError("vocabulary has a piece that is not a str; allowed: str only")
        if len(self.ids) < len(self.vocabulary):
            twice = next(p for i, p in enumerate(self.vocabulary) if self.ids[p] != i)
            raise ValueError(f"vocabulary has {twice!r} twice; allowed: every piece once")
        if UNKNOWN not in self.ids:
            raise ValueError(f"vocabulary has no {UNKNOWN!r}; allowed: pieces with it among them")
        special = (re.escape(token) for token in SPECIAL if token in self.ids)
        self._special = re.compile(f"({'|'.join(special)})")

    def __len__(self) -> int:
        return len(self.vocabulary)

    def tokens(self, text: str) -> list[str]:
        """The pieces of a text, without ``[CLS]`` and ``[SEP]``; ``[]`` for an empty text.

        Raises
        ------
        ValueError
            If ``text`` is not a str.
        """
        _require_text(text)
        tokens = []
        # The pattern is a group, so split() keeps the special tokens: text, token, text, token, …
        for place, part in enumerate(self._special.split(text)):
            if place % 2:
                tokens.append(part)
            else:
                for word in split_words(normalise(part)):
                    tokens.extend(longest_match(word, self.ids))
        return tokens

    def encode(self, text: str, special: bool = True) -> list[int]:
        """The ids of a text's tokens, between ``[CLS]`` and ``[SEP]`` unless ``special`` is False.

        Raises
        ------
        ValueError
            If ``text`` is not a str, or the vocabulary has no ``[CLS]`` or ``[SEP]`` to put.
        """
        tokens = self.tokens(text)
        if special:
            if missing := [token for token in (START, END) if token not in self.ids]:
                raise ValueError(
                    f"special is True; allowed: False, as the vocabulary has no {missing[0]!r}"
                )
            tokens = [START, *tokens, END]
        return [self.ids[token] for token in tokens]

    def decode(self, ids: Iterable[SupportsIndex], special: bool = False) -> str:
        """The text of some ids: a piece with ``##`` joins the one before, others follow a space.

        ``[CLS]``, ``[SEP]`` and ``[PAD]`` are left out unless ``special`` is True. Encoding loses
        case, accents and spaces, so decoding gives back the normalised words.

        Raises
        ------
        ValueError
            For an id that the vocabulary does not have.
        """
        text = ""
        for place, i in enumerate(map(operator.index, ids)):
            if not 0 <= i < len(self.vocabulary):
                last = len(self.vocabulary) - 1
                raise ValueError(f"ids has {i} at position {place}; allowed: 0 to {last}")
            piece = self.vocabulary[i]
            if piece in FRAME and not special:
                continue
            if text and piece.startswith(CONTINUES):
                text += piece[len(CONTINUES) :]
            else:
                text += f" {piece}" if text else piece
        return text


def _require_text(text: object, name: str = "text") -> None:
    if not isinstance(text, str):
        raise ValueError(f"{name} is of type {type(text).__name__}; allowed: a str")


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
