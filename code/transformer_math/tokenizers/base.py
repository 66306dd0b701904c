"""What every tokenizer shares: a vocabulary, special tokens, ids and back, one file format."""

import json
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, SupportsIndex

from .words import require_text

FORMAT = "transformer_math tokenizer"
VERSION = 1
CACHED_WORDS = 2**17


class Tokenizer:
    """A vocabulary in which a piece's place is its id, and the special tokens kept whole.

    ``kind`` names the subclass in a saved file. A subclass says how to cut a stretch of text that
    holds no special token (``_cut``) and how to write pieces as text (``_join``).
    """

    kind: ClassVar[str]

    def __init__(
        self,
        vocabulary: Sequence[str],
        special_tokens: Sequence[str] = (),
        unknown: str | None = None,
    ):
        self.vocabulary = require_strings("vocabulary", vocabulary)
        self.ids = {piece: i for i, piece in enumerate(self.vocabulary)}
        self.special_tokens = require_strings("special_tokens", special_tokens)
        self.unknown = unknown
        for token in self.special_tokens:
            if token not in self.ids:
                raise ValueError(
                    f"special_tokens has {token!r}; allowed: tokens of the vocabulary, which lacks "
                    "it"
                )
        if unknown is not None and unknown not in self.ids:
            raise ValueError(
                f"unknown is {unknown!r}; allowed: None, or a token of the vocabulary, which lacks "
                "it"
            )
        self._special_pattern = special_pattern(self.special_tokens)

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} pieces)"

    def tokens(self, text: str) -> list[str]:
        """The pieces of a text, each an entry of the vocabulary; ``[]`` for an empty text.

        Special tokens are recognised where they stand and are one piece each.

        Raises
        ------
        ValueError
            If ``text`` is not a str, or has a character that the vocabulary cannot write while
            there is no unknown token.
        """
        return [self.vocabulary[i] for i in Tokenizer.encode(self, text)]

    def encode(self, text: str) -> list[int]:
        """The ids of a text's tokens.

        Raises
        ------
        ValueError
            As :meth:`tokens`.
        """
        ids = []
        for part, special in split_special(require_text(text), self._special_pattern):
            if special:
                ids.append(self.ids[part])
            else:
                ids.extend(self._cut(part))
        return ids

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of some ids; special tokens are written as they are.

        Raises
        ------
        ValueError
            For an id that the vocabulary does not have.
        """
        return self._join(self.pieces(ids))

    def pieces(self, ids: Iterable[SupportsIndex]) -> list[str]:
        """The entries of the vocabulary that some ids stand for.

        Raises
        ------
        ValueError
            For an id that the vocabulary does not have.
        """
        found = []
        for place, i in enumerate(ids):
            try:
                i = operator.index(i)
            except TypeError:
                i = repr(i)
            if isinstance(i, str) or not 0 <= i < len(self.vocabulary):
                last = len(self.vocabulary) - 1
                raise ValueError(f"ids has {i} at position {place}; allowed: 0 to {last}")
            found.append(self.vocabulary[i])
        return found

    def save(self, path: str | PathLike) -> None:
        """Write the tokenizer to one JSON file, which :meth:`load` reads."""
        content = {"format": FORMAT, "version": VERSION, "kind": self.kind, **self._settings()}
        Path(path).write_text(json.dumps(content, ensure_ascii=False, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, path: str | PathLike) -> "Tokenizer":
        """Read a tokenizer that :meth:`save` wrote.

        Raises
        ------
        ValueError
            If the file cannot be read, or is not one of this kind and version.
        """
        allowed = f"allowed: a file that {cls.__name__}.save wrote"
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"path is {str(path)!r}: {error}; {allowed}") from None
        expected = {"format": FORMAT, "version": VERSION, "kind": cls.kind}
        for name, value in expected.items():
            came = content.pop(name, None) if isinstance(content, dict) else None
            if came != value:
                raise ValueError(
                    f"path is {str(path)!r}, with {name} {came!r} where {value!r} is expected; "
                    f"{allowed}"
                )
        try:
            return cls._from_settings(content)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"path is {str(path)!r}, whose content is damaged ({error}); {allowed}"
            ) from None

    def _settings(self) -> dict[str, Any]:
        """What the constructor takes, in JSON's types."""
        raise NotImplementedError

    @classmethod
    def _from_settings(cls, settings: dict[str, Any]) -> "Tokenizer":
        return cls(**settings)

    def _cut(self, text: str) -> Iterable[int]:
        raise NotImplementedError

    def _join(self, pieces: list[str]) -> str:
        raise NotImplementedError

    def _unknown_id(self, character: str) -> int:
        """The unknown token's id, or a ValueError that names the character."""
        if self.unknown is None:
            raise ValueError(
                f"text has {character!r}, which the vocabulary cannot write; allowed: its "
                "characters, or any once the tokenizer has an unknown token"
            )
        return self.ids[self.unknown]


def remember(words: dict[str, list[int]], word: str, ids: list[int]) -> None:
    """Keep a word's ids for the next time; all is forgotten when there are too many."""
    if len(words) >= CACHED_WORDS:
        words.clear()
    words[word] = ids


def require_strings(name: str, values: Sequence[str]) -> list[str]:
    """Return a list of distinct non-empty str, else raise a ValueError."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"{name} is {values!r}; allowed: a list of pieces, each a str")
    values = list(values)
    for value in values:
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} has {value!r}; allowed: str of at least one character")
    if len(set(values)) < len(values):
        twice = next(value for value, count in Counter(values).items() if count > 1)
        raise ValueError(f"{name} has {twice!r} twice; allowed: each once")
    return values


def special_pattern(tokens: Sequence[str]) -> re.Pattern | None:
    """A pattern that finds the special tokens, the longest first where several fit."""
    if not tokens:
        return None
    return re.compile(f"({'|'.join(map(re.escape, sorted(tokens, key=len, reverse=True)))})")


def split_special(text: str, pattern: re.Pattern | None) -> Iterator[tuple[str, bool]]:
    """The parts of a text in order, each with whether it is a special token."""
    # The pattern is a group, so split() keeps the special tokens: text, token, text, token, …
    parts = pattern.split(text) if pattern else [text]
    for place, part in enumerate(parts):
        if part:
            yield part, place % 2 == 1


def count_words(
    texts: Iterable[str], split: Callable[[str], Iterable[str]], special_tokens: Sequence[str] = ()
) -> Counter:
    """How often each word occurs in the texts, special tokens left out, in order of appearance.

    Raises
    ------
    ValueError
        If ``texts`` is a single str or something else than an iterable of str.
    """
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise ValueError(f"texts is of type {type(texts).__name__}; allowed: an iterable of str")
    pattern = special_pattern(require_strings("special_tokens", special_tokens))
    words = Counter()
    for text in texts:
        for part, special in split_special(require_text(text, "texts has an entry that"), pattern):
            if not special:
                words.update(split(part))
    return words
