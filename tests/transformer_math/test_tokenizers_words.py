"""GPT-2's words and bytes against the tokenizers library, character by character."""

import doctest
import importlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from transformer_math.tokenizers import byte_alphabet, split_gpt2, split_whitespace
from transformer_math.tokenizers.words import from_byte_characters, to_byte_characters

pytestmark = pytest.mark.usefixtures("unchecked")

BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False)
WHITE_SPACE = pre_tokenizers.WhitespaceSplit()
AWKWARD = [
    "",
    " ",
    "  \n\n  ",
    "Don't they've I'd we'll it's I'm you're 'S 'tis rock'n'roll ''s ' s",
    "a  b   c\t\td\n \n e\r\nf ",
    "3.14 1,000 x2 2x ½ ² Ⅷ ٣ 一二三 4th",
    "snake_case __init__ a-b -- ... !? (x[y]{z}) $5+3=8^2",
    "naïve façade e\u0301 Ångström Straße İstanbul Việt",
    "\x1c\x1d\x1e\x1f a\x1cb \x85 c\x0bd\x0ce\xa0f\u1680g\u2003h\u2028i\u2029j\u202fk\u3000l",
    "zero\u200bwidth\u200djoiner \ufeffbom \u00adsoft \ufffd \ue000 \0",
    "我爱北京 ひらがな 한국어 Привет שלום مرحبا नमस्ते",
    "I ❤️ it 😀👍🏽 👩‍👩‍👧 🇨🇭 \U0001d400\U00020000\U000e0041",
]


def words_of(reference, text):
    return [word for word, _ in reference.pre_tokenize_str(text)]


def same(text):
    assert [to_byte_characters(word) for word in split_gpt2(text)] == words_of(BYTE_LEVEL, text)
    assert split_whitespace(text) == words_of(WHITE_SPACE, text)


@pytest.mark.parametrize("text", AWKWARD, ids=range(len(AWKWARD)))
def test_words_of_awkward_texts_equal_the_reference(text):
    same(text)


def test_every_assigned_character_is_treated_like_in_the_reference():
    """Left out: what Python's table does not know yet. The library's is newer."""
    codes = (*range(0x3400), *range(0x3400, 0x32400, 23), *range(0xE0000, 0xE0200))
    characters = [chr(i) for i in codes if unicodedata.category(chr(i)) not in ("Cn", "Cs")]
    assert len(characters) > 15_000
    differ = []
    for c in characters:
        text = f"a{c} 1{c}. {c}"
        if list(map(to_byte_characters, split_gpt2(text))) != words_of(BYTE_LEVEL, text):
            differ.append(hex(ord(c)))
    assert differ == []


assigned = st.characters(exclude_categories=["Cn", "Cs"])


@given(st.text(assigned | st.sampled_from(" \n\t'a1s."), max_size=40))
def test_words_of_any_text_equal_the_reference(text):
    same(text)


@given(st.text())
def test_gpt2_words_lose_nothing(text):
    assert "".join(split_gpt2(text)) == text


@given(st.text())
def test_bytes_are_given_back(text):
    spelled = to_byte_characters(text)
    assert len(spelled) == len(text.encode())
    assert from_byte_characters(spelled) == text


def test_the_alphabet_is_the_reference_s():
    assert sorted(byte_alphabet()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert byte_alphabet()[ord("a")] == "a" and byte_alphabet()[ord(" ")] == "Ġ"


def test_broken_bytes_become_the_replacement_character():
    assert from_byte_characters(to_byte_characters("é")[0]) == "\ufffd"


@pytest.mark.parametrize("name", ["words", "pairs", "bpe", "wordpiece", "unigram"])
def test_docstring_examples(name):
    found = doctest.testmod(importlib.import_module(f"transformer_math.tokenizers.{name}"))
    assert found.failed == 0 and found.attempted > 0
