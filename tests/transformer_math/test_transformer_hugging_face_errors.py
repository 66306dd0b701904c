"""Weights of Hugging Face's models: what does not fit is named."""

import json
from dataclasses import replace

import pytest
import torch
import transformers
from hugging_face_models import BERT, GPT2, LLAMA, T5, close, ids, theirs

from transformer_math.transformer import (
    Transformer,
    TransformerConfig,
    config_from_hugging_face,
    from_hugging_face_state_dict,
    load_hugging_face,
    to_hugging_face_config,
    to_hugging_face_state_dict,
)


def missing(state):
    del state["model.layers.1.mlp.up_proj.weight"]


def extra(state):
    state["model.layers.2.mlp.up_proj.weight"] = torch.ones(48, 32)


def bias(state):
    state["model.layers.0.self_attn.q_proj.bias"] = torch.ones(32)


def ill_shaped(state):
    state["model.layers.1.mlp.up_proj.weight"] = torch.ones(47, 32).double()


def no_head(state):
    del state["lm_head.weight"]


def no_tensor(state):
    state["model.norm.weight"] = [1.0]


@pytest.mark.parametrize(
    "change, words",
    [
        (missing, "no 'layers.1.mlp.up_proj.weight'; allowed: all tensors"),
        (extra, "has 'layers.2.mlp.up_proj.weight'; allowed: tensors that such a model has"),
        (bias, "has 'layers.0.self_attn.q_proj.bias'; allowed"),
        (ill_shaped, "has shape (47, 32), which gives decoder.blocks.1.feed_forward.w_1"),
        (ill_shaped, "the shape (32, 47); allowed: (32, 48)"),
        (no_head, "no 'lm_head.weight'"),
        (no_tensor, "'model.norm.weight', a list; allowed: tensors"),
    ],
    ids=["missing", "extra", "bias", "shape", "shape allowed", "no head", "no tensor"],
)
def test_tensors_that_do_not_fit(change, words):
    state = dict(theirs("llama").state_dict())
    change(state)
    with pytest.raises(ValueError) as error:
        from_hugging_face_state_dict(theirs("llama").config, state)
    assert words in str(error.value)


def test_a_tied_copy_that_differs():
    state = dict(theirs("gpt2").state_dict())
    state["lm_head.weight"] = state["lm_head.weight"] + 1
    with pytest.raises(ValueError, match="'lm_head.weight'.* differs from 'wte.weight'"):
        from_hugging_face_state_dict(theirs("gpt2").config, state)


@pytest.mark.parametrize("state", [None, [1], "state"], ids=str)
def test_no_state_dict(state, unchecked):
    with pytest.raises(ValueError, match="state_dict is a .*; allowed: a dict of tensors"):
        from_hugging_face_state_dict(theirs("gpt2").config, state)


def llama(**changes):
    return LLAMA | dict(model_type="llama") | changes


@pytest.mark.parametrize(
    "config, words",
    [
        (None, "config is a NoneType; allowed: the dict of a config.json"),
        ({}, "model_type is None; allowed: 'gpt2', 'llama'"),
        ({"model_type": "mamba"}, "model_type is 'mamba'"),
        ({"model_type": "gpt2"}, "config has no 'n_embd'"),
        (llama(vocab_size=None), "config has no 'vocab_size'"),
        (llama(num_attention_heads=3), "heads is 3"),
        (llama(hidden_act="tanh"), "hidden_act is 'tanh'; allowed: 'silu'"),
        (llama(attention_bias=True), "attention_bias is True; allowed: False"),
        (llama(mlp_bias=True), "mlp_bias is True"),
        (llama(partial_rotary_factor=0.5), "partial_rotary_factor is 0.5; allowed: 1.0"),
        (llama(rope_scaling={"rope_type": "longrope"}), "rope_type is 'longrope'; allowed: 'def"),
        (llama(rope_scaling={"rope_type": "linear"}), "config has no 'factor'"),
        (llama(rope_scaling={"type": "linear", "factor": 0.5}), "factor is 0.5"),
        (GPT2 | dict(model_type="gpt2", activation_function="x"), "activation_function is 'x'"),
        (GPT2 | dict(model_type="gpt2", scale_attn_by_inverse_layer_idx=True), "inverse_layer"),
        (BERT | dict(model_type="bert", is_decoder=True), "is_decoder is True"),
        (BERT | dict(model_type="bert", position_embedding_type="relative_key"), "relative_key"),
        (T5 | dict(model_type="t5", num_decoder_layers=3), "num_decoder_layers is 3; allowed"),
        (T5 | dict(model_type="t5", feed_forward_proj="gated-x"), "feed_forward_proj is 'x'"),
        (T5 | dict(model_type="t5", feed_forward_proj="x-gelu"), "feed_forward_proj is"),
    ],
    ids=lambda value: value if isinstance(value, str) else "config",
)
def test_configurations_that_cannot_be_read(config, words, unchecked):
    with pytest.raises(ValueError) as error:
        config_from_hugging_face(config)
    assert words in str(error.value)


def test_learned_positions_set_the_context():
    with pytest.raises(ValueError, match="context is 21; allowed: 20, its learned positions"):
        config_from_hugging_face(GPT2 | dict(model_type="gpt2"), context=21)


OURS = TransformerConfig(41, 24, 3, 2, 40, 20, activation="gelu_tanh")


@pytest.mark.parametrize(
    "change, family, words",
    [
        ({}, "bert", "family is 'bert'; allowed: 'gpt2', 'llama', 'mistral'"),
        ({}, "llama", "norm is 'layer'; allowed: 'rms', in the family 'llama'"),
        ({"kind": "encoder"}, "gpt2", "kind is 'encoder'; allowed: 'decoder'"),
        ({"norm_first": False}, "gpt2", "norm_first is False; allowed: True"),
        ({"positions": "rotary"}, "gpt2", "positions is 'rotary'; allowed: 'learned'"),
        ({"activation": "swiglu"}, "gpt2", "activation is 'swiglu'"),
        ({"bias": False}, "gpt2", "bias is False"),
        ({"kv_heads": 1}, "gpt2", "kv_heads is 1; allowed: 3"),
        ({"window": 3}, "gpt2", "window is 3; allowed: None"),
        ({"logit_scale": 0.5}, "gpt2", "logit_scale is 0.5"),
    ],
    ids=str,
)
def test_models_that_a_family_does_not_have(change, family, words):
    model = Transformer(replace(OURS, **change))
    for call in (
        lambda: to_hugging_face_config(model.config, family),
        lambda: to_hugging_face_state_dict(model, family),
    ):
        with pytest.raises(ValueError) as error:
            call()
        assert words in str(error.value)


def test_no_model(unchecked):
    with pytest.raises(ValueError, match="model is a dict; allowed: a Transformer"):
        to_hugging_face_state_dict({}, "gpt2")


def test_a_model_of_our_own_runs_in_their_classes():
    torch.manual_seed(0)
    ours = Transformer(
        TransformerConfig(
            41,
            24,
            4,
            2,
            40,
            32,
            kv_heads=2,
            norm="rms",
            eps=1e-6,
            activation="swiglu",
            positions="rotary",
            bias=False,
            dropout=0.1,
        )
    ).eval()
    values = to_hugging_face_config(ours.config, "llama")
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**values)).eval()
    model.load_state_dict(to_hugging_face_state_dict(ours, "llama"))
    tokens = ids(2, 32)
    close(model(tokens).logits, ours(tokens), 1e-5)


def no_config(path):
    (path / "config.json").unlink()


def broken_config(path):
    (path / "config.json").write_text("{")


def list_config(path):
    (path / "config.json").write_text("[]")


def no_weights(path):
    (path / "model.safetensors.index.json").unlink()


def no_map(path):
    (path / "model.safetensors.index.json").write_text("{}")


def no_shard(path):
    next(path.glob("model-00002-*")).unlink()


def broken_shard(path):
    next(path.glob("model-00002-*")).write_bytes(b"nothing of the kind")


def wrong_index(path):
    file = path / "model.safetensors.index.json"
    index = json.loads(file.read_text())
    index["weight_map"]["more"] = next(iter(index["weight_map"].values()))
    file.write_text(json.dumps(index))


@pytest.mark.parametrize(
    "spoil, words",
    [
        (no_config, "there is no .*config.json"),
        (broken_config, "config.json is not JSON"),
        (list_config, "config.json holds a list"),
        (no_weights, "has neither model.safetensors nor model.safetensors.index.json"),
        (no_map, "has no weight_map"),
        (no_shard, "there is no .*model-00002"),
        (broken_shard, "model-00002.* is not a safetensors file"),
        (wrong_index, "lacks 'more'"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_files_that_cannot_be_read(spoil, words, tmp_path):
    theirs("gpt2").save_pretrained(tmp_path, max_shard_size="20KB")
    spoil(tmp_path)
    with pytest.raises(ValueError, match=words):
        load_hugging_face(tmp_path)
