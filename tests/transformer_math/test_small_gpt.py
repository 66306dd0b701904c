"""The shipped model: what its manifest says is true of the files, and it has learned."""

import math
import shutil
import subprocess
import sys

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from transformer_math.data import corpus
from transformer_math.models.small_gpt import load, small_gpt
from transformer_math.models.small_gpt.data import END, document_streams, train_tokenizer
from transformer_math.models.small_gpt.model import HERE
from transformer_math.models.small_gpt.quality import baseline_bits, head_scores, model_bits, nats
from transformer_math.transformer.hugging_face import to_hugging_face_state_dict

SHIPPED = ("weights.safetensors", "tokenizer.json", "losses.json", "manifest.json", "card.md")


@pytest.fixture(scope="module")
def gpt():
    return small_gpt()


def test_it_is_small(gpt):
    assert sum((HERE / name).stat().st_size for name in SHIPPED) <= 8_000_000
    count = sum(p.numel() for p in gpt.model.parameters())
    assert count == gpt.manifest["parameters"]
    assert 1_000_000 <= count <= 3_000_000


def test_it_loads_in_under_a_second():
    code = (
        "import time, torch; from transformer_math.models.small_gpt import load\n"
        "from transformer_math.models.small_gpt.model import HERE\n"
        "times = []\n"
        "for _ in range(3):\n"
        "    start = time.process_time(); load(HERE); times.append(time.process_time() - start)\n"
        "print(min(times))"
    )
    seconds = float(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
    )
    assert seconds < 1


def test_quality_is_what_the_manifest_says(gpt):
    measured = gpt.manifest["bits per character"]
    streams, characters = document_streams(gpt.tokenizer, "test")
    # The whole test split takes a minute; every second document, weighed by its length, is near.
    found = model_bits(gpt.model, streams, characters)
    assert found == pytest.approx(measured["small GPT"], abs=2e-3)


def test_it_has_learned_more_than_counting_and_compressing(gpt):
    measured = gpt.manifest["bits per character"]
    for name, bits in baseline_bits().items():
        assert bits == pytest.approx(measured[name], abs=2e-2), name
        assert measured["small GPT"] < 0.85 * bits, name


def test_nats_are_those_of_one_pass(gpt):
    ids = gpt.ids(corpus.text("test")[:700])
    assert len(ids) <= gpt.model.config.context
    with torch.no_grad():
        log_p = gpt.model(ids[:-1]).log_softmax(-1)
    expected = -log_p[torch.arange(len(ids) - 1), ids[1:]]
    torch.testing.assert_close(nats(gpt.model, ids), expected, rtol=1e-4, atol=1e-4)
    longer = gpt.ids(corpus.text("test")[:4000])
    assert len(nats(gpt.model, longer)) == len(longer) - 1


def test_heads_are_what_the_manifest_says(gpt):
    listed = gpt.manifest["heads"]
    found = head_scores(gpt.model, gpt.tokenizer)
    for pattern, heads in listed.items():
        assert heads, f"no {pattern} head is listed"
        for layer, head, score in heads:
            assert found[pattern][layer, head] == pytest.approx(score, abs=5e-3)
        assert (found[pattern] >= 0.3).sum() == len(heads)


def test_tokenizer_is_trained_on_the_training_split(gpt):
    again = train_tokenizer()
    assert again.vocabulary == gpt.tokenizer.vocabulary
    assert again.merges == gpt.tokenizer.merges
    assert gpt.tokenizer.vocabulary[0] == END


def test_equals_hugging_faces_llama(gpt):
    c = gpt.model.config
    theirs = LlamaConfig(
        vocab_size=c.vocabulary,
        hidden_size=c.width,
        intermediate_size=c.hidden,
        num_hidden_layers=c.layers,
        num_attention_heads=c.heads,
        num_key_value_heads=c.kv_heads,
        max_position_embeddings=c.context,
        rms_norm_eps=c.eps,
        tie_word_embeddings=True,
    )
    llama = LlamaForCausalLM._from_config(theirs, attn_implementation="eager").eval()
    llama.load_state_dict(to_hugging_face_state_dict(gpt.model, "llama"), strict=False)
    ids = gpt.ids("Return the number of items in a container.")
    with torch.no_grad():
        torch.testing.assert_close(gpt.model(ids), llama(ids[None]).logits[0], rtol=1e-4, atol=1e-4)


def test_completions(gpt):
    text = gpt.complete("Return the ", tokens=40, temperature=0.5, seed=1)
    assert text.startswith("Return the ") and len(text) > 60
    assert text == gpt.complete("Return the ", tokens=40, temperature=0.5, seed=1)
    assert text != gpt.complete("Return the ", tokens=40, temperature=0.5, seed=2)
    words = [word for word in text.lower().split() if word.isalpha()]
    known = set(corpus.text("train").lower().split())
    assert len(words) >= 5 and sum(word in known for word in words) > 0.8 * len(words)


def test_losses_tell_the_whole_run(gpt):
    assert len(gpt.losses["train"]) == gpt.manifest["steps"]
    assert gpt.losses["train"][0] == pytest.approx(math.log(2048), abs=0.2)
    assert gpt.losses["validation"][-1][1] < 0.5 * gpt.losses["validation"][0][1] + 2


def test_card_and_manifest_agree(gpt):
    card = (HERE / "card.md").read_text()
    for name, bits in gpt.manifest["bits per character"].items():
        assert name in card and f"{bits:.3f}" in card
    for word in ("PSF", "What it cannot do", f"{gpt.manifest['parameters']:,}"):
        assert word in card


def test_changed_files_are_refused(tmp_path):
    for name in SHIPPED:
        shutil.copy(HERE / name, tmp_path)
    content = bytearray((tmp_path / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="weights.safetensors is not the file of the manifest"):
        load(tmp_path)
    shutil.copy(HERE / "weights.safetensors", tmp_path)
    (tmp_path / "losses.json").unlink()
    with pytest.raises(ValueError, match="there is no .*losses.json"):
        load(tmp_path)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(text=3), "text is"),
        (dict(text="a", tokens=0), "tokens is 0"),
        (dict(text="a", tokens=10_000), "tokens is 10000; allowed: at most"),
        (dict(text="a", temperature=0), "temperature"),
    ],
)
def test_errors(gpt, arguments, words, unchecked):
    with pytest.raises(ValueError, match=words):
        gpt.complete(**arguments)
