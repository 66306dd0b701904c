"""WordPiece learned by its score; and the three tokenizers where they differ."""

from functools import cache
from pydoc_data.topics import topics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from transformer_math.tokenizers import BPE, Match, WordPiece, pair_counts, pair_scores
from transformer_math.tokenizers.wordpiece import join_pieces, split_words

pytestmark = pytest.mark.usefixtures("unchecked")

TEXT = "\n".join(topics.values())
HUGS = [" ".join(["hug"] * 10 + ["pug"] * 5 + ["pun"] * 12 + ["bun"] * 4 + ["hugs"] * 5)]


@cache
def trained():
    return WordPiece.train([TEXT], 2000, min_count=10)


def plain_merges(words, vocabulary, number):
    """The definition in its plainest form: all scores anew at each step."""
    merges = []
    for _ in range(number):
        scores = pair_scores(words)
        if not scores:
            break
        best = min(scores, key=lambda p: (-scores[p], *map(vocabulary.index, p)))
        merges.append((best, scores[best]))
        piece = join_pieces(*best)
        if piece not in vocabulary:
            vocabulary.append(piece)
        merged = {}
        for word, frequency in words.items():
            new = []
            for part in word:
                if new and (new[-1], part) == best:
                    new[-1] = piece
                else:
                    new.append(part)
            merged[tuple(new)] = merged.get(tuple(new), 0) + frequency
        words = merged
    return merges


def cut(word):
    return word[0], *("##" + c for c in word[1:])


@given(st.lists(st.text("abc", min_size=1, max_size=8), min_size=1, max_size=10))
def test_merges_are_those_of_the_definition(words):
    counted = {}
    for word in words:
        counted[cut(word)] = counted.get(cut(word), 0) + 1
    alphabet = sorted({piece for word in counted for piece in word})
    expected = plain_merges(counted, alphabet, 6)
    # The definition knows no piece made twice: it would list the pair again.
    if len({merge for merge, _ in expected}) == len(expected):
        steps = WordPiece.merge_steps([" ".join(words)], 6)
        assert [(step.merge, step.value) for step in steps] == expected


def test_the_corrected_scores_of_the_well_known_example():
    """After hu is merged, score(hu, ##g) is 10/225, not 1/15; (hu, ##gs) has 1/15."""
    words = {
        ("hu", "##g"): 10,
        ("p", "##u", "##g"): 5,
        ("p", "##u", "##n"): 12,
        ("b", "##u", "##n"): 4,
        ("hu", "##gs"): 5,
    }
    scores = pair_scores(words)
    assert scores[("hu", "##g")] == 10 / 225
    assert scores[("hu", "##gs")] == 1 / 15
    assert pair_counts(words)[("hu", "##g")] == 10
    start = pair_scores(
        {cut(w): n for w, n in zip(["hug", "pug", "hugs"], [10, 5, 5], strict=True)}
    )
    assert start[("##u", "##g")] == 20 / (20 * 20)


def test_merge_steps_show_scores_choice_and_words():
    first, second, third = WordPiece.merge_steps(HUGS, 3, shown=2)
    assert first.best[0] == (("##g", "##s"), 5 / (20 * 5)) == (first.merge, first.value)
    assert first.best[1][1] == 1 / 36
    assert (("h", "##u", "##gs"), 5) in first.words
    # Equal scores: all pairs with ##u but (##u, ##gs) have 1/36. The smallest ids win.
    assert (second.merge, second.value) == (("##u", "##g"), 1 / 36)
    assert third.value == max(pair_scores(dict(second.words)).values())


def test_training_fills_the_vocabulary_special_tokens_first():
    ours = trained()
    assert len(ours) == 2000
    assert ours.vocabulary[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert ours.encode("x")[0] == ours.ids["[CLS]"]
    assert ours.decode(ours.encode("The generator's cat.")) == "the generator ' s cat ."


def test_every_distinct_word_is_encoded_like_in_the_reference():
    ours = trained()
    model = models.WordPiece(vocab=ours.ids, unk_token="[UNK]", max_input_chars_per_word=100)
    reference = Tokenizer(model)
    words = sorted(set(split_words(TEXT.lower())))
    assert len(words) > 3000
    for word in words:
        assert ours.encode(word, special=False) == reference.encode(word).ids


def test_trace_shows_what_was_tried():
    ours = WordPiece(["[UNK]", "hu", "##g", "##s", "p"])
    assert ours.trace("Hugs px") == [
        [Match("hu", ["hugs", "hug"]), Match("##g", ["##gs"]), Match("##s", [])],
        [Match("p", ["px"]), Match("[UNK]", ["##x"])],
    ]
    assert ours.tokens("Hugs px") == ["hu", "##g", "##s", "[UNK]"]
    assert ours.trace("h" * 101) == [[Match("[UNK]", [])]]


def test_wordpiece_and_bpe_encode_differently_with_the_same_pieces():
    """BPE merges what it learned first; WordPiece takes the longest piece that begins the word."""
    bpe = BPE.train(["bc bc bc ab ab"], 5, "character")
    assert bpe.merges == [("b", "c"), ("a", "b")]
    pieces = bpe.vocabulary
    wordpiece = WordPiece(["[UNK]", *pieces, *("##" + piece for piece in pieces)])
    assert bpe.tokens("abc") == ["a", "bc"]
    assert wordpiece.tokens("abc") == ["ab", "##c"]
    reference = Tokenizer(models.BPE(vocab=bpe.ids, merges=bpe.merges))
    assert reference.encode("abc").tokens == ["a", "bc"]


def test_on_real_words_too_the_same_pieces_are_put_together_otherwise():
    bpe = BPE.train([TEXT.lower()], 2000, "character")
    wordpiece = WordPiece(["[UNK]", *bpe.vocabulary, *("##" + p for p in bpe.vocabulary)])
    words = sorted({word for word in split_words(TEXT.lower()) if word.isascii()})
    plain = {word: [t.removeprefix("##") for t in wordpiece.tokens(word)] for word in words}
    differ = [word for word in words if bpe.tokens(word) != plain[word]]
    assert 0.05 < len(differ) / len(words) < 0.6
    assert all("".join(bpe.tokens(word)) == "".join(plain[word]) for word in differ)


def test_saved_and_loaded_it_is_the_same(tmp_path):
    ours = trained()
    ours.save(tmp_path / "wordpiece.json")
    loaded = WordPiece.load(tmp_path / "wordpiece.json")
    assert loaded.vocabulary == ours.vocabulary
    assert loaded.special_tokens == ours.special_tokens
    assert loaded.encode(TEXT[:3000]) == ours.encode(TEXT[:3000])
