r"""Text to words, before a tokenizer cuts the words into pieces.

:func:`split_whitespace` keeps what stands between white space; :func:`split_gpt2` cuts as GPT-2
does and loses nothing: the words joined are the text. :func:`to_byte_characters` then writes each
byte of a word's UTF-8 form as one visible character, so that 256 characters spell every text.

Characters are classified by Python's own ``unicodedata``; a library with an older or newer Unicode
table cuts otherwise at the few characters that one of the two does not know.
"""

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby

WHITE_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Unicode's White_Space characters, as ranges of a regular expression.

``\\s`` of :mod:`re` and ``str.split`` also count the four separators 1C to 1F, which are none.
"""

_LAST_LETTER = 0x3FFFF  # Planes 4 and up hold no letter and no number.


def split_whitespace(text: str) -> list[str]:
    """The stretches of a text without white space.

    Raises
    ------
    ValueError
        If ``text`` is not a str.

    >>> split_whitespace(" the  cat's\\that ")
    ['the', "cat's", 'hat']
    """
    return _stretch().findall(require_text(text))


def split_gpt2(text: str) -> list[str]:
    r"""GPT-2's words: a space goes with the word after it, and nothing is lost.

    A word is an English contraction (``'s 't 're 've 'm 'll 'd``), or a run of letters, of numbers
    or of other signs, each with one space before it if there is one, or a run of white space, which
    leaves its last space to the word that follows. The pattern is the published

    .. code-block:: text

        's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

    with Unicode's classes written out, since :mod:`re` knows no ``\p{L}``.

    Raises
    ------
    ValueError
        If ``text`` is not a str.

    Source: Radford et al. (2019), GPT-2, file ``encoder.py``, https://github.com/openai/gpt-2

    >>> split_gpt2("They've 12  cats.")
    ['They', "'ve", ' 12', ' ', ' cats', '.']
    """
    return _gpt2_pattern().findall(require_text(text))


@cache
def byte_alphabet() -> tuple[str, ...]:
    """The character that stands for each byte, 0 to 255.

    Bytes that are visible Latin-1 characters stand for themselves; the 68 others (spaces, control
    characters, the soft hyphen) become, in order, the characters from code point 256 on. So a space
    is ``Ġ`` and a line feed ``Ċ``.

    Source: Radford et al. (2019), GPT-2, file ``encoder.py``, https://github.com/openai/gpt-2
    """
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = (byte for byte in range(256) if byte not in visible)
    stand_ins = {byte: chr(256 + n) for n, byte in enumerate(hidden)}
    return tuple(stand_ins.get(byte, chr(byte)) for byte in range(256))


@cache
def byte_values() -> dict[str, int]:
    """The byte that each character of :func:`byte_alphabet` stands for."""
    return {character: byte for byte, character in enumerate(byte_alphabet())}


def to_byte_characters(text: str) -> str:
    """Spell a text's UTF-8 bytes in the characters of :func:`byte_alphabet`.

    Raises
    ------
    ValueError
        If ``text`` is not a str, or holds half of a surrogate pair, which UTF-8 cannot write.

    >>> to_byte_characters(" naïve")
    'ĠnaÃ¯ve'
    """
    try:
        return require_text(text).encode().decode("latin-1").translate(_byte_table())
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text has the lone surrogate {text[error.start]!r}; allowed: characters that UTF-8 "
            "can write"
        ) from None


def from_byte_characters(characters: str) -> str:
    """The text whose bytes are spelled; bytes that are no UTF-8 become U+FFFD.

    Raises
    ------
    ValueError
        If a character is not in :func:`byte_alphabet`.

    >>> from_byte_characters("ĠnaÃ¯ve")
    ' naïve'
    """
    values = byte_values()
    try:
        spelled = bytes(values[character] for character in require_text(characters, "characters"))
    except KeyError as error:
        raise ValueError(
            f"characters has {error.args[0]!r}; allowed: the 256 of byte_alphabet()"
        ) from None
    return spelled.decode(errors="replace")


def require_text(text: object, name: str = "text") -> str:
    """Return ``text`` if it is a str, else raise a ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"{name} is of type {type(text).__name__}; allowed: a str")
    return text


@cache
def _byte_table() -> dict[int, str]:
    return dict(enumerate(byte_alphabet()))


@cache
def _stretch() -> re.Pattern:
    return re.compile(f"[^{WHITE_SPACE}]+")


@cache
def _gpt2_pattern() -> re.Pattern:
    letters, numbers = _ranges("L"), _ranges("N")
    return re.compile(
        "'s|'t|'re|'ve|'m|'ll|'d"
        f"| ?[{letters}]+| ?[{numbers}]+| ?[^{WHITE_SPACE}{letters}{numbers}]+"
        f"|[{WHITE_SPACE}]+(?![^{WHITE_SPACE}])|[{WHITE_SPACE}]+"
    )


def _ranges(major: str) -> str:
    """The characters of a major Unicode category, as ranges of a regular expression."""
    last = min(_LAST_LETTER, sys.maxunicode)
    runs = groupby(range(last + 1), lambda i: unicodedata.category(chr(i))[0] == major)
    ends = ((run[0], run[-1]) for inside, codes in runs if inside for run in [list(codes)])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ends)
