"""Byte-pair encoding against the tokenizers library, on real English."""

import json
from functools import cache
from pydoc_data.topics import topics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from transformer_math.tokenizers import BPE, MergeState

# Checking the type of each of a million small calls would take longer than the training.
pytestmark = pytest.mark.usefixtures("unchecked")

TEXT = "\n".join(topics.values())
HUGS = [" ".join(["hug"] * 10 + ["pug"] * 5 + ["pun"] * 12 + ["bun"] * 4 + ["hugs"] * 5)]
AWKWARD = [
    "",
    " leading and trailing ",
    "naïve café e\u0301 İ ẞ",
    "I ❤️ it 😀👍🏽 👩‍👩‍👧 🇨🇭",
    "我爱北京 ひらがな 한국어 नमस्ते",
    "\0\x1c\x7f\x85\xa0\u200b\ufeff\ue000\ufffd",
    "tabs\t\tand\n\n\nlines\r\n  def f(x):\n        return x  # done",
    "don't they've WE'LL x'y",
    "a" * 1000,
    "ab" * 700 + "aba" * 500,
    "1234567890 3.14159 0x1F",
]


@cache
def trained(level, size):
    """Ours and the reference's, trained on the same text; special token and ids included."""
    special = ["<|endoftext|>"] if level == "byte" else []
    reference = Tokenizer(models.BPE())
    alphabet = []
    reference.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if level == "byte":
        reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=0,
        special_tokens=special,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    reference.train_from_iterator([TEXT], trainer)
    return BPE.train([TEXT], size, level, special_tokens=special), reference


def size_of(level):
    """The size of vocabulary that takes 8000 merges."""
    return 8257 if level == "byte" else 8000 + len(set("".join(TEXT.split())))


@pytest.mark.parametrize("level", ["character", "byte"])
def test_8000_merges_and_all_ids_equal_the_reference(level):
    ours, reference = trained(level, size_of(level))
    model = json.loads(reference.to_str())["model"]
    assert len(ours.merges) >= 8000
    assert ours.merges == [tuple(merge) for merge in model["merges"]]
    assert ours.ids == model["vocab"]
    assert len(ours) == size_of(level)


@pytest.mark.parametrize("level", ["character", "byte"])
def test_every_distinct_word_is_encoded_like_in_the_reference(level):
    ours, reference = trained(level, size_of(level))
    words = sorted(set(TEXT.split()))
    words += [" " + word for word in words] if level == "byte" else []
    for word, expected in zip(words, reference.encode_batch(words), strict=True):
        assert ours.encode(word) == expected.ids
        assert ours.tokens(word) == expected.tokens
    assert ours.encode(TEXT) == reference.encode(TEXT).ids


@pytest.mark.parametrize("text", AWKWARD, ids=range(len(AWKWARD)))
def test_awkward_texts_are_encoded_like_in_the_reference_and_given_back(text):
    ours, reference = trained("byte", size_of("byte"))
    assert ours.encode(text) == reference.encode(text).ids
    assert ours.decode(ours.encode(text)) == text


@given(st.text() | st.text(st.sampled_from("ab 's\n<|endoftext|>é")))
def test_byte_level_gives_back_every_text(text):
    ours, _ = trained("byte", size_of("byte"))
    assert ours.decode(ours.encode(text)) == text
    assert [ours.ids[token] for token in ours.tokens(text)] == ours.encode(text)


@settings(max_examples=60)
@given(st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=12))
def test_training_on_few_letters_equals_the_reference(words):
    """Here pieces are often made twice, by different merges, and pairs overlap."""
    reference = Tokenizer(models.BPE())
    reference.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=14, min_frequency=0, special_tokens=[], show_progress=False
    )
    reference.train_from_iterator([" ".join(words)], trainer)
    model = json.loads(reference.to_str())["model"]
    ours = BPE.train([" ".join(words)], 14, "character")
    assert ours.vocabulary == sorted(model["vocab"], key=model["vocab"].get)
    for word in words:
        assert ours.encode(word) == reference.encode(word).ids


def test_the_definition_in_its_plainest_form_gives_the_same_merges():
    """Count all pairs anew at each step: highest count, smallest ids."""
    words = [list(word) for word in HUGS[0].split()]
    vocabulary = sorted(set("".join(HUGS[0].split())))
    expected = []
    for _ in range(6):
        counts = {}
        for word in words:
            for pair in zip(word, word[1:], strict=False):
                counts[pair] = counts.get(pair, 0) + 1
        best = min(counts, key=lambda p: (-counts[p], *map(vocabulary.index, p)))
        expected.append((best, counts[best]))
        vocabulary.append("".join(best))
        for word in words:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == best:
                    word[i : i + 2] = ["".join(best)]
                i += 1
    ours = BPE.train(HUGS, len(vocabulary), "character")
    assert list(zip(ours.merges, ours.counts, strict=True)) == expected
    assert ours.merges[:3] == [("u", "g"), ("u", "n"), ("h", "ug")]
    assert ours.counts[:3] == [20, 16, 15]


def test_trace_shows_every_merge_of_a_word():
    ours = BPE.train(HUGS, 7 + 4, "character")
    (states,) = ours.trace("hugs")
    assert states == [
        MergeState(["h", "u", "g", "s"]),
        MergeState(["h", "ug", "s"], ("u", "g"), 0),
        MergeState(["hug", "s"], ("h", "ug"), 2),
    ]
    assert ours.tokens("hugs pun") == ["hug", "s", "pun"]
    assert [word[-1].pieces for word in ours.trace("hugs pun")] == [["hug", "s"], ["pun"]]


def test_merge_steps_show_counts_choice_and_words():
    steps = list(BPE.merge_steps(HUGS, 3, shown=3))
    assert steps[0].best == [(("u", "g"), 20), (("p", "u"), 17), (("u", "n"), 16)]
    assert (steps[0].merge, steps[0].value) == (("u", "g"), 20)
    assert steps[0].words[0] == (("h", "ug"), 10)
    assert [step.merge for step in steps] == BPE.train(HUGS, 7 + 3, "character").merges
    assert [n for _, n in steps[2].words] == [10, 5, 12, 4, 5]
    assert len(list(BPE.merge_steps(["ab ab abc"], 99))) == 2


def test_special_tokens_are_whole_come_first_and_teach_nothing():
    text = ["ab<s>ab<sep><s>"] * 3
    ours = BPE.train(text, 7, "character", special_tokens=["<s>", "<sep>"], unknown="<unk>")
    assert ours.vocabulary == ["<unk>", "<s>", "<sep>", "a", "b", "ab"]
    assert ours.tokens("ab<sep>b<s>") == ["ab", "<sep>", "b", "<s>"]
    assert ours.decode(ours.encode("ab<sep>b")) == "ab<sep>b"


def test_unknown_characters_are_an_error_or_the_unknown_token():
    plain = BPE.train(["ab"], 3, "character")
    with pytest.raises(ValueError, match="text has 'x', which the vocabulary cannot write"):
        plain.encode("axb")
    known = BPE.train(["ab"], 4, "character", unknown="?")
    assert known.tokens("axyb") == ["a", "?", "?", "b"]
    model = models.BPE(vocab=known.ids, merges=known.merges, unk_token="?")
    assert Tokenizer(model).encode("axyb").ids == known.encode("axyb")


def test_with_a_mark_at_the_end_of_words_spaces_come_back():
    ours = BPE.train(HUGS, 13, "character", end_of_word="</w>")
    assert ours.tokens("hug")[-1].endswith("</w>")
    assert ours.decode(ours.encode("hug  pun")) == "hug pun"
    model = models.BPE(vocab=ours.ids, merges=ours.merges, end_of_word_suffix="</w>")
    reference = Tokenizer(model)
    for word in ["hug", "pug", "pun", "bun", "hugs", "gun", "s"]:
        assert ours.tokens(word) == reference.encode(word).tokens
    without = BPE.train(HUGS, 13, "character")
    assert without.decode(without.encode("hug pun")) == "hugpun"


def test_training_stops_when_pairs_are_too_rare():
    assert BPE.train(["ab ab bc"], 300, "character").merges == [("a", "b"), ("b", "c")]
    assert BPE.train(["ab ab bc"], 300, "character", min_count=2).merges == [("a", "b")]


def test_saved_and_loaded_it_is_the_same(tmp_path):
    ours = BPE.train([TEXT[:20_000]], 400, special_tokens=["<|endoftext|>"])
    ours.save(tmp_path / "bpe.json")
    loaded = BPE.load(tmp_path / "bpe.json")
    assert loaded.encode(TEXT[:5000]) == ours.encode(TEXT[:5000])
    assert vars(loaded).keys() == vars(ours).keys()
    for name in ("vocabulary", "merges", "counts", "special_tokens", "level", "unknown"):
        assert getattr(loaded, name) == getattr(ours, name)
