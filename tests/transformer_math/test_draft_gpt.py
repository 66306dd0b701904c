"""The draft model: it is what its manifest says, and guesses for the small GPT."""

import json
import shutil

import numpy as np
import pytest
import torch

from transformer_math.data import corpus
from transformer_math.decoding import Sampler, generate, greedy, speculative
from transformer_math.models import NGram
from transformer_math.models.draft_gpt import (
    acceptance_by_position,
    acceptance_on_text,
    draft_gpt,
)
from transformer_math.models.draft_gpt.model import HERE, load_draft
from transformer_math.models.draft_gpt.train import CONFIG, RECIPE
from transformer_math.models.small_gpt import small_gpt
from transformer_math.transformer import TransformerConfig, parameter_count

SHIPPED = ("weights.safetensors", "losses.json", "manifest.json")


@pytest.fixture(scope="module")
def pair():
    return small_gpt(), draft_gpt()


def test_it_is_smaller_still(pair):
    large, draft = pair
    assert sum((HERE / name).stat().st_size for name in SHIPPED) <= 700_000
    count = sum(p.numel() for p in draft.model.parameters())
    assert count == draft.manifest["parameters"] == parameter_count(CONFIG).total <= 300_000
    assert draft.model.config == CONFIG == TransformerConfig(**draft.manifest["config"])
    assert draft.tokenizer is large.tokenizer
    assert len(draft.losses["train"]) == draft.manifest["steps"] == RECIPE.steps
    assert draft.manifest["data"] == corpus.manifest()


def test_acceptance_is_what_the_manifest_says(pair):
    large, draft = pair
    found = acceptance_on_text(large.model, draft.model, large.tokenizer)
    said = draft.manifest["quality"]["acceptance on test text"]
    assert found == pytest.approx(said, abs=2e-3)
    counted = NGram(np.array(large.tokenizer.encode(corpus.text("train")[:60_000])), 2, 2048)
    bigram = acceptance_on_text(large.model, counted, large.tokenizer, windows=1)
    assert bigram["temperature 1"] < found["temperature 1"] - 0.05


def test_acceptance_is_one_less_the_total_variation(pair):
    large, draft = pair
    ids = large.ids("Return the number of items in a container.")
    p, q = (m.model(ids).div(0.7).softmax(-1) for m in pair)
    expected = 1 - (p - q).abs().sum(-1) / 2
    found = acceptance_by_position(large.model, draft.model, ids, 0.7)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    own = acceptance_by_position(large.model, large.model, ids)
    torch.testing.assert_close(own, torch.ones(len(ids)), rtol=1e-5, atol=1e-5)


def test_acceptance_of_an_ngram_model(pair):
    large, _ = pair
    ids = large.ids("a list of a list of a list of")
    counted = NGram(ids.numpy(), 2, 2048)
    p = large.model(ids[:3]).softmax(-1)[-1]
    q = torch.from_numpy(counted.next(ids[2:3].numpy()))
    found = acceptance_by_position(large.model, counted, ids[:3])[-1]
    assert float(found) == pytest.approx(float(torch.minimum(p, q.float()).sum()), abs=1e-5)


def test_speculation_writes_the_large_models_text(pair):
    large, draft = pair
    ids = large.ids("Return the ")
    alone = generate(large.model, ids, 16, sampler=greedy)
    drafted = speculative(large.model, draft.model, ids, 16, gamma=2, sampler=greedy)
    assert torch.equal(drafted.ids, alone)
    assert drafted.passes < 16


def test_another_vocabulary(pair, unchecked):
    large, _ = pair
    with pytest.raises(ValueError, match="draft has a vocabulary of 5; allowed: .* 2048"):
        acceptance_by_position(large.model, NGram(np.arange(5), 2, 5), torch.tensor([1]))
    with pytest.raises(ValueError, match="temperature is 0"):
        acceptance_by_position(large.model, large.model, torch.tensor([1]), 0)


def test_changed_files_are_refused(tmp_path):
    for name in SHIPPED:
        shutil.copy(HERE / name, tmp_path)
    assert load_draft(tmp_path).manifest["parameters"] > 0
    content = bytearray((tmp_path / "weights.safetensors").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="weights.safetensors is not the file of the manifest"):
        load_draft(tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    with pytest.raises(ValueError, match="there is no .*weights.safetensors"):
        load_draft(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"tokenizer": "another"}))
    with pytest.raises(ValueError, match="tokenizer.json is not what the draft was trained with"):
        load_draft(tmp_path)
    (tmp_path / "manifest.json").write_text('{"files": ')
    with pytest.raises(ValueError, match="manifest.json is no manifest"):
        load_draft(tmp_path)


def test_samplers_agree_on_what_a_temperature_is(pair):
    """The formula of the test above divides logits; so do samplers."""
    logits = pair[0].model(torch.tensor([5]))
    torch.testing.assert_close(Sampler(0.5).probabilities(logits), (2 * logits).softmax(-1))
