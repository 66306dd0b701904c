"""Unigram: Viterbi against the tokenizers library, sums against listing every segmentation."""

import json
import math
from functools import cache
from pydoc_data.topics import topics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from transformer_math.tokenizers import Unigram, seed_pieces

pytestmark = pytest.mark.usefixtures("unchecked")

TEXT = "\n".join(topics.values())
HUGS = [" ".join(["hug"] * 10 + ["pug"] * 5 + ["pun"] * 12 + ["bun"] * 4 + ["hugs"] * 5)]
# No piece of this name: the special token stands first, as in ours.
UNKNOWN = "<unk>"


@cache
def example():
    """The well-known example: all strict substrings of its words, in proportion to counts."""
    counts = seed_pieces(HUGS, word_start="")
    counts = {piece: n for piece, n in counts.items() if piece not in ("pug", "pun", "bun", "hugs")}
    total = sum(counts.values())
    assert total == 210
    return Unigram({piece: math.log(n / total) for piece, n in counts.items()}, word_start="")


@cache
def trained():
    return Unigram.train([TEXT[:30_000]], 500, unknown=UNKNOWN, seed_size=3000)


def reference_of(ours):
    pieces = [(UNKNOWN, 0.0), *ours.log_probabilities.items()]
    reference = Tokenizer(models.Unigram(pieces, unk_id=0))
    reference.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    return reference


@cache
def frozen():
    """A vocabulary that the reference trained itself, with its scores."""
    reference = Tokenizer(models.Unigram())
    reference.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=3000, unk_token=UNKNOWN, special_tokens=[UNKNOWN], show_progress=False
    )
    reference.train_from_iterator([" ".join(TEXT.split())], trainer)
    pieces = dict(json.loads(reference.to_str())["model"]["vocab"])
    del pieces[UNKNOWN]
    return Unigram(pieces, unknown=UNKNOWN)


def test_the_corrected_probabilities_of_the_well_known_example():
    """P(p) is 17/210, not 5/210; so [p, u, g] has 0.001322 and [pu, g] 0.00771."""
    ours = example()
    assert math.exp(ours.log_probabilities["p"]) == pytest.approx(17 / 210, rel=1e-14)
    ways = {" ".join(pieces): p for pieces, p in ours.segmentations("pug")}
    assert ways.keys() == {"p u g", "pu g", "p ug"}
    assert ways["p u g"] == pytest.approx(17 * 36 * 20 / 210**3, rel=1e-13)
    assert ways["pu g"] == pytest.approx(17 * 20 / 210**2, rel=1e-13)
    assert round(ways["p u g"], 6) == 0.001322 and round(ways["pu g"], 5) == 0.00771


@pytest.mark.parametrize("model", [trained, frozen])
def test_every_distinct_word_is_encoded_like_in_the_reference(model):
    ours = model()
    words = sorted(set(TEXT.split()))
    words += ["好", "a好好b", "x😀y好", "zzzzqqqq", "<pad>"]
    for word, expected in zip(words, reference_of(ours).encode_batch(words), strict=True):
        assert ours.encode(word) == expected.ids, word


def test_a_sentence_is_encoded_and_given_back():
    text = "The generator's values, as a list: [1, 2]."
    assert trained().encode(text) == reference_of(trained()).encode(text).ids
    assert trained().decode(trained().encode(text)) == text


words = st.text("hugspnb", min_size=1, max_size=9)


@given(words)
def test_viterbi_finds_the_best_of_all_segmentations(word):
    ways = example().segmentations(word)
    assert all("".join(pieces) == word for pieces, _ in ways)
    assert ways[0][1] == pytest.approx(max(p for _, p in ways), rel=1e-12)
    best = math.exp(sum(example().log_probabilities[t] for t in example().tokens(word)))
    assert best == pytest.approx(ways[0][1], rel=1e-12)


@given(words)
def test_the_forward_algorithm_sums_over_all_segmentations(word):
    total = math.fsum(p for _, p in example().segmentations(word))
    assert example().log_likelihood(word) == pytest.approx(math.log(total), rel=1e-12)


@given(st.lists(words, min_size=1, max_size=5))
def test_expected_counts_are_means_over_all_segmentations(texts):
    expected = dict.fromkeys(example().log_probabilities, 0.0)
    for word in texts:
        ways = example().segmentations(word)
        total = math.fsum(p for _, p in ways)
        for pieces, p in ways:
            for piece in pieces:
                expected[piece] += p / total
    counts = example().expected_counts(texts)
    assert counts == pytest.approx(expected, abs=1e-12)
    assert sum(n * len(piece) for piece, n in counts.items()) == pytest.approx(len("".join(texts)))


@given(
    st.lists(words, min_size=1, max_size=8),
    st.lists(st.floats(0.01, 1), min_size=15, max_size=15),
)
def test_a_step_of_em_never_lowers_the_likelihood(texts, weights):
    pieces = example().log_probabilities
    total = math.fsum(weights)
    ours = Unigram(
        {p: math.log(w / total) for p, w in zip(pieces, weights, strict=True)}, word_start=""
    )
    text, before = " ".join(texts), -math.inf
    for _ in range(4):
        after = ours.log_likelihood(text)
        assert after >= before - 1e-9 * abs(after)
        before, ours = after, ours.em_step(texts)
        assert math.fsum(map(math.exp, ours.log_probabilities.values())) == pytest.approx(1)


def test_em_raises_the_likelihood_of_the_example():
    ours, found = example(), []
    for _ in range(6):
        found.append(ours.log_likelihood(HUGS[0]))
        ours = ours.em_step(HUGS)
    assert found == sorted(found) and found[-1] > found[0] + 20


def test_seed_pieces_are_characters_and_frequent_substrings():
    counts = seed_pieces(["abab abc"], word_start="")
    assert counts == {"a": 3, "b": 3, "c": 1, "ab": 3}
    assert list(seed_pieces(["abab " * 2], 4, word_start="")) == ["a", "b", "ab", "abab"]
    assert "ababab" not in seed_pieces(["ababab " * 3], longest=4, word_start="")


def test_training_keeps_the_pieces_that_matter():
    ours = trained()
    assert len(ours) == 500 and ours.vocabulary[0] == UNKNOWN
    assert "▁the" in ours.vocabulary[:5]
    assert set("▁" + "".join(TEXT[:30_000].split())) <= set(ours.vocabulary)
    total = math.fsum(map(math.exp, ours.log_probabilities.values()))
    assert total == pytest.approx(1, abs=1e-12)


def test_training_beats_the_seeds_of_the_same_size():
    """Pruning by loss keeps better pieces than taking the most frequent ones."""
    text = TEXT[:30_000]
    counts = seed_pieces([text], 499)
    total = sum(counts.values())
    seeds = Unigram({piece: math.log(n / total) for piece, n in counts.items()})
    for _ in range(5):
        seeds = seeds.em_step([text])
    assert trained().log_likelihood(text) > seeds.log_likelihood(text) + 1000


def test_pruning_drops_the_piece_whose_loss_is_least():
    """Here each piece can be taken away in turn and the fall of the likelihood measured."""
    from transformer_math.tokenizers.unigram_training import losses, prune

    ours = example()
    for _ in range(3):
        ours = ours.em_step(HUGS)
    counts, scores = ours.expected_counts(HUGS), ours.log_probabilities
    cost = losses(counts, scores)
    pruned = prune(counts, scores, len(scores) - 1)
    (gone,) = scores.keys() - pruned.keys()
    assert cost[gone] == min(cost.values())
    fall = {}
    for piece in cost:
        left = Unigram({p: s for p, s in scores.items() if p != piece}, word_start="")
        fall[piece] = ours.log_likelihood(HUGS[0]) - left.log_likelihood(HUGS[0])
    assert fall[gone] < 0.1 and max(fall, key=fall.get) == max(cost, key=cost.get)


def test_the_lattice_shows_the_best_score_at_each_position():
    (nodes,) = example().trace("hugs")
    assert [node.end for node in nodes] == [0, 1, 2, 3, 4]
    assert nodes[0].score == 0 and nodes[0].piece is None and nodes[0].candidates == []
    assert [piece for piece, _ in nodes[3].candidates] == ["hug", "ug", "g"]
    assert nodes[3].piece == "hug"
    assert nodes[3].score == pytest.approx(math.log(15 / 210))
    for node in nodes[1:]:
        assert node.score == max(score for _, score in node.candidates)
    tokens = example().tokens("hugs")
    assert nodes[4].score == sum(example().log_probabilities[token] for token in tokens)


def test_unknown_characters_are_an_error_or_one_token_for_a_run():
    with pytest.raises(ValueError, match="text has 'x', which the vocabulary cannot write"):
        example().encode("hux")
    known = Unigram(example().log_probabilities, unknown="?", word_start="")
    assert known.tokens("xxhugxy xu") == ["?", "hug", "?", "?", "u"]
    assert known.vocabulary[0] == "?"


def test_special_tokens_are_whole_and_have_the_first_ids():
    ours = Unigram(example().log_probabilities, ["<s>", "</s>"], "?", "")
    assert ours.vocabulary[:3] == ["?", "<s>", "</s>"]
    assert ours.tokens("<s>hug</s>") == ["<s>", "hug", "</s>"]
    assert ours.decode(ours.encode("<s>hug</s>")) == "<s>hug</s>"


@given(st.text(st.sampled_from("theandrs "), max_size=30))
def test_decoding_gives_back_the_words(text):
    assert trained().decode(trained().encode(text)) == " ".join(text.split())


@given(st.text(min_size=1, max_size=30))
def test_any_text_has_tokens_of_the_vocabulary(text):
    assume(UNKNOWN not in text)
    assert all(token in trained().ids for token in trained().tokens(text))


def test_saved_and_loaded_it_is_the_same(tmp_path):
    trained().save(tmp_path / "unigram.json")
    loaded = Unigram.load(tmp_path / "unigram.json")
    assert loaded.log_probabilities == trained().log_probabilities
    assert loaded.vocabulary == trained().vocabulary
    assert loaded.encode(TEXT[:3000]) == trained().encode(TEXT[:3000])
