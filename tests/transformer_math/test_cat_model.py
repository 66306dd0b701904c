"""The cat model: its weights are those that lesson 3.5 shows, and it says what the lesson says."""

import json

import numpy as np
import pytest
import torch

from courseware.lessons.notebooks import root_of
from transformer_math.models import (
    CAT_SENTENCE,
    CAT_WORDS,
    cat_ids,
    cat_model,
    cat_weights,
)

PIPELINE = "chapters/03-transformer-architecture/05-the-transformer-pipeline.ipynb"


@pytest.fixture(scope="module")
def lesson():
    """What the cell of lesson 3.5 that holds the weights defines."""
    cells = json.loads((root_of(__file__) / PIPELINE).read_text("utf-8"))["cells"]
    source = next(text for cell in cells if "NUMBERS = dict(" in (text := "".join(cell["source"])))
    names = {}
    exec(source, names)
    return names


def test_the_weights_are_those_of_the_lesson(lesson):
    weights = cat_weights()
    for name in "EPU":
        np.testing.assert_array_equal(getattr(weights, name), lesson[name])
    assert len(weights.layers) == len(lesson["LAYERS"]) == 2
    for ours, theirs in zip(weights.layers, lesson["LAYERS"], strict=True):
        assert ours.keys() == theirs.keys()
        for name, matrix in theirs.items():
            np.testing.assert_array_equal(ours[name], matrix)
    sizes = [getattr(weights, name).size for name in "EPU"]
    assert sum(sizes) + sum(m.size for layer in weights.layers for m in layer.values()) == 344
    assert list(CAT_WORDS) == lesson["WORDS"] and list(CAT_SENTENCE) == lesson["SENTENCE"]


@pytest.mark.parametrize(
    "who, did, ending, share",
    [("cat", "sat", "mat", 0.82), ("dog", "sat", "cat", 0.71), ("cat", "ran", "dog", 0.71)],
)
def test_it_ends_the_sentence(who, did, ending, share):
    logits = cat_model()(torch.tensor(cat_ids(f"the {who} {did} on the")))[-1]
    p = torch.softmax(logits, dim=-1)
    assert CAT_WORDS[int(p.argmax())] == ending and round(float(p.max()), 2) == share


def test_all_parameters_are_written():
    model, weights = cat_model(), cat_weights()
    gains = [p for name, p in model.named_parameters() if name.endswith("gain")]
    assert all(bool((gain == 1).all()) for gain in gains)
    assert sum(p.numel() for p in model.parameters()) == 344 + sum(g.numel() for g in gains)
    np.testing.assert_array_equal(
        model.decoder.blocks[1].feed_forward.w_2.numpy(), weights.layers[1]["W_2"]
    )


def test_the_weights_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        cat_weights().E[0, 0] = 1


@pytest.mark.parametrize("words", ["", "  ", "the cow"])
def test_words_it_does_not_know(words):
    with pytest.raises(ValueError, match="words are .*; allowed: some of the, cat"):
        cat_ids(words)
