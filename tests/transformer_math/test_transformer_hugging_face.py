"""The same weights give the same logits as in Hugging Face's models, there and back."""

import json
from dataclasses import replace
from functools import cache

import pytest
import torch
import transformers

from transformer_math.positions.scaling import RopeScaling
from transformer_math.transformer import (
    Transformer,
    TransformerConfig,
    config_from_hugging_face,
    from_hugging_face_state_dict,
    load_hugging_face,
    to_hugging_face_config,
    to_hugging_face_state_dict,
)

LLAMA = dict(
    vocab_size=41,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
)
GPT2 = dict(vocab_size=41, n_embd=24, n_layer=2, n_head=3, n_positions=20)
BERT = dict(
    vocab_size=41,
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=40,
    max_position_embeddings=20,
)
T5 = dict(vocab_size=41, d_model=24, d_kv=10, d_ff=40, num_layers=2, num_heads=3)
T5 |= dict(relative_attention_num_buckets=8, relative_attention_max_distance=12)


def rope(kind, **options):
    return LLAMA | dict(rope_parameters=dict(rope_type=kind, rope_theta=1e4, **options))


# Name, class of the configuration, of the model, its sizes, and how close: rotary tables and
# T5's buckets are float32 over there, and so is what an RMS norm computes.
CASES = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", GPT2, 1e-12),
    "gpt2-inner-unscaled": (
        "GPT2Config",
        "GPT2LMHeadModel",
        GPT2 | dict(n_inner=31, activation_function="relu", scale_attn_weights=False),
        1e-12,
    ),
    "gpt2-untied": ("GPT2Config", "GPT2LMHeadModel", GPT2 | dict(tie_word_embeddings=False), 1e-12),
    "llama": ("LlamaConfig", "LlamaForCausalLM", LLAMA, 1e-5),
    "llama-tied": ("LlamaConfig", "LlamaForCausalLM", LLAMA | dict(tie_word_embeddings=True), 1e-5),
    "llama-mha-head-width": (
        "LlamaConfig",
        "LlamaForCausalLM",
        LLAMA | dict(num_key_value_heads=4, head_dim=12),
        1e-5,
    ),
    "llama-mqa": ("LlamaConfig", "LlamaForCausalLM", LLAMA | dict(num_key_value_heads=1), 1e-5),
    "llama-linear": ("LlamaConfig", "LlamaForCausalLM", rope("linear", factor=4.0), 1e-5),
    "llama-dynamic": (
        "LlamaConfig",
        "LlamaForCausalLM",
        rope("dynamic", factor=4.0) | dict(max_position_embeddings=8),
        1e-5,
    ),
    "llama-yarn": (
        "LlamaConfig",
        "LlamaForCausalLM",
        rope("yarn", factor=4.0, original_max_position_embeddings=16),
        1e-5,
    ),
    "llama-yarn-options": (
        "LlamaConfig",
        "LlamaForCausalLM",
        rope(
            "yarn",
            factor=4.0,
            original_max_position_embeddings=32,
            beta_fast=4.0,
            beta_slow=0.5,
            attention_factor=0.8,
        ),
        1e-5,
    ),
    "llama-llama3": (
        "LlamaConfig",
        "LlamaForCausalLM",
        rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=16,
        ),
        1e-5,
    ),
    "mistral": ("MistralConfig", "MistralForCausalLM", LLAMA | dict(sliding_window=5), 1e-5),
    "bert": ("BertConfig", "BertForMaskedLM", BERT, 1e-12),
    "bert-relu": ("BertConfig", "BertForMaskedLM", BERT | dict(hidden_act="relu"), 1e-12),
    "bert-without-head": ("BertConfig", "BertModel", BERT, 1e-12),
    "t5": ("T5Config", "T5ForConditionalGeneration", T5, 1e-5),
    "t5-1.1": (
        "T5Config",
        "T5ForConditionalGeneration",
        T5 | dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False),
        1e-5,
    ),
}


@cache
def theirs(name):
    """A tiny model in double precision with every parameter redrawn."""
    config_class, model_class, sizes, _ = CASES[name]
    config = getattr(transformers, config_class)(**sizes)
    model = getattr(transformers, model_class)._from_config(config, attn_implementation="eager")
    if name == "t5-1.1":  # since version 5 the library ties what the published model does not
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    model = model.eval().double()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(0.25 * torch.randn(parameter.shape, generator=draw))
            if (
                "norm" in key.lower()
                and key.endswith("weight")
                or ".ln_" in key
                and "weight" in key
            ):
                parameter += 1
    return model


def converted(name, **options):
    model = theirs(name)
    return from_hugging_face_state_dict(model.config, model.state_dict(), **options)


def ids(*shape, seed=1):
    return torch.randint(41, shape, generator=torch.Generator().manual_seed(seed))


def run_theirs(name, tokens, mask=None, **others):
    model = theirs(name)
    if name.startswith("t5"):
        others = dict(decoder_input_ids=ids(len(tokens), 6, seed=2)) | others
    with torch.no_grad():
        out = model(
            tokens, attention_mask=mask, output_hidden_states=True, output_attentions=True, **others
        )
    return out


def run_ours(model, tokens, mask=None, **others):
    """The trace; ``mask`` is (batch, n), 1 for a real token, as over there."""
    mask = None if mask is None else mask.bool()[:, None, None]
    with torch.no_grad():
        if model.config.kind != "encoder-decoder":
            return model(tokens, mask, trace=True, **others)
        memory = model.encode(tokens, mask)
        answer = ids(len(tokens), 6, seed=2)
        return model(answer, memory=memory, memory_mask=mask, trace=True, **others)


def close(a, b, tolerance):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_logits_hidden_states_and_weights_are_the_same(name):
    tolerance = CASES[name][3]
    tokens = ids(3, 13)
    expected, output = run_theirs(name, tokens), run_ours(converted(name), tokens)
    if name == "bert-without-head":
        assert output.logits is None
    else:
        close(output.logits, expected.logits, tolerance)
    decoder = "decoder_" if name.startswith("t5") else ""
    close(output.hidden, torch.stack(expected[f"{decoder}hidden_states"]), tolerance)
    attention = torch.stack(expected[f"{decoder}attentions"])
    close(output.attention, attention, tolerance)
    # Near-uniform attention would prove little.
    assert output.attention[..., -1, :].amax(-1).mean() > 2 / 13
    if decoder:
        close(output.cross, torch.stack(expected.cross_attentions), tolerance)


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral", "bert", "bert-without-head", "t5"])
def test_padded_batches(name):
    tokens = ids(3, 11)
    # Over there a query that may attend to nothing becomes NaN, and spreads: with a window of 5
    # every query, of padding too, must see one real key.
    shortest = 7 if name == "mistral" else 4
    mask = (torch.arange(11) < torch.tensor([11, shortest, 8])[:, None]).long()
    expected, output = run_theirs(name, tokens, mask), run_ours(converted(name), tokens, mask)
    if name.startswith("t5"):
        close(output.logits, expected.logits, CASES[name][3])
    else:  # of padding itself nothing is asked
        real = mask.bool()
        theirs_last = expected.hidden_states[-1]
        close(output.hidden[-1][real], theirs_last[real], CASES[name][3])
        if output.logits is not None:
            close(output.logits[real], expected.logits[real], CASES[name][3])


def test_t5_decoder_padding():
    tokens, mask = ids(2, 9), torch.ones(2, 9).long()
    answers = torch.ones(2, 6).long()
    answers[1, 4:] = 0
    expected = run_theirs("t5", tokens, mask, decoder_attention_mask=answers)
    model = converted("t5")
    output = model(
        ids(2, 6, seed=2), answers.bool()[:, None, None], memory=model.encode(tokens), trace=True
    )
    close(output.logits[answers.bool()], expected.logits[answers.bool()], 1e-5)


def test_bert_segments():
    tokens, segments = ids(2, 9), (torch.arange(9) > 4).long().expand(2, 9)
    expected = run_theirs("bert", tokens, token_type_ids=segments)
    output = run_ours(converted("bert"), tokens, segments=segments)
    close(output.logits, expected.logits, 1e-12)
    assert (output.logits - run_ours(converted("bert"), tokens).logits).abs().max() > 1e-3


def test_t5_encoder_states():
    tokens = ids(2, 20)
    model = converted("t5")
    with torch.no_grad():
        expected = theirs("t5").encoder(tokens, output_hidden_states=True)
        output = model.encode(tokens, trace=True)
    assert output.logits is None and output.cross is None
    close(output.hidden, torch.stack(expected.hidden_states), 1e-5)


def test_dynamic_rope_changes_only_texts_longer_than_trained():
    short, long = ids(1, 8), ids(1, 20)
    dynamic = converted("llama-dynamic")
    plain = Transformer(replace(dynamic.config, rope=RopeScaling())).double()
    plain.load_state_dict(dynamic.state_dict())
    assert dynamic.config.context == 32
    close(dynamic(short), plain(short), 1e-12)
    assert (dynamic(long) - plain(long)).abs().max() > 1e-3


@pytest.mark.parametrize("name", [n for n in CASES if n[0] in "glm"])
def test_the_way_back_gives_every_tensor(name):
    model, original = converted(name), theirs(name)
    family = original.config.model_type
    values = to_hugging_face_config(model.config, family)
    assert config_from_hugging_face(values, model.config.context) == model.config
    config = getattr(transformers, CASES[name][0])(**values)
    with torch.no_grad():
        again = getattr(transformers, CASES[name][1])._from_config(
            config, attn_implementation="eager"
        )
        again.double().eval().load_state_dict(to_hugging_face_state_dict(model, family))
        tokens = ids(2, 13)
        assert torch.equal(again(tokens).logits, original(tokens).logits)


def test_copies_are_copies():
    state = {key: value.clone() for key, value in theirs("gpt2").state_dict().items()}
    model = from_hugging_face_state_dict(theirs("gpt2").config, state)
    back = to_hugging_face_state_dict(model, "gpt2")
    before = model(ids(5)).detach()
    for tensor in (*state.values(), *back.values()):
        tensor.zero_()
    assert torch.equal(model(ids(5)), before)
    assert all(p.requires_grad and p.is_contiguous() for p in model.parameters())
    assert not model.training


def test_loading_leaves_the_caller_s_random_numbers_alone():
    theirs("gpt2")
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    converted("gpt2")
    assert torch.equal(torch.rand(3), expected)


def test_names_without_the_head_s_prefix():
    state = theirs("gpt2").state_dict()
    bare = {name.removeprefix("transformer."): tensor for name, tensor in state.items()}
    del bare["lm_head.weight"]
    bare["h.0.attn.bias"] = torch.ones(1, 1, 20, 20).tril()  # as in the published file
    model = from_hugging_face_state_dict(theirs("gpt2").config, bare)
    assert torch.equal(model(ids(7)), converted("gpt2")(ids(7)))


def test_names_of_the_oldest_bert_files():
    state = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in theirs("bert").state_dict().items()
    }
    state["cls.seq_relationship.weight"] = torch.ones(2, 24)
    state["bert.pooler.dense.bias"] = torch.ones(24)
    model = from_hugging_face_state_dict(theirs("bert").config, state)
    assert torch.equal(model(ids(7)), converted("bert")(ids(7)))


def test_dtype():
    model = converted("gpt2", dtype=torch.float32)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    close(model(ids(7)).double(), converted("gpt2")(ids(7)), 1e-4)
    mixed = dict(theirs("gpt2").state_dict())
    mixed["transformer.wpe.weight"] = mixed["transformer.wpe.weight"].float()
    with pytest.raises(ValueError, match=r"several dtypes \(torch.float32, torch.float64\)"):
        from_hugging_face_state_dict(theirs("gpt2").config, mixed)


FILES = ["gpt2", "llama-yarn", "llama-tied", "llama-dynamic", "mistral", "bert"]
FILES += ["bert-without-head", "t5", "t5-1.1"]


@pytest.mark.parametrize("shards", ["one", "several"])
@pytest.mark.parametrize("name", FILES)
def test_files_as_published(name, shards, tmp_path):
    size = "20KB" if shards == "several" else "1GB"
    theirs(name).save_pretrained(tmp_path, max_shard_size=size)
    assert (tmp_path / "model.safetensors.index.json").exists() == (shards == "several")
    model, expected = load_hugging_face(tmp_path), converted(name)
    assert model.config == expected.config
    for key, parameter in model.named_parameters():
        assert torch.equal(parameter, expected.get_parameter(key)), key


OLD_LLAMA3 = dict(
    model_type="llama",
    vocab_size=128256,
    hidden_size=4096,
    intermediate_size=14336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    max_position_embeddings=131072,
    rms_norm_eps=1e-5,
    rope_theta=500000.0,
    rope_scaling=dict(
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=8192,
        rope_type="llama3",
    ),
)


def test_a_config_in_the_old_form():
    config = config_from_hugging_face(OLD_LLAMA3)
    assert config.rope == RopeScaling("llama3", 8.0, 8192)
    assert (config.rope_base, config.eps, config.kv_heads) == (500000.0, 1e-5, 8)
    assert not config.tied and config.activation == "swiglu" and config.context == 131072
    old = OLD_LLAMA3 | dict(rope_scaling=dict(type="linear", factor=2.0))
    assert config_from_hugging_face(old).rope == RopeScaling("linear", 2.0)
    assert config_from_hugging_face(OLD_LLAMA3 | dict(rope_scaling=None)).rope == RopeScaling()
    assert config_from_hugging_face(OLD_LLAMA3, context=100).context == 100


def test_whether_bert_has_a_head_is_read_from_the_architecture():
    values = BERT | dict(model_type="bert")
    assert config_from_hugging_face(values).head == "none"
    values["architectures"] = ["BertForMaskedLM"]
    assert config_from_hugging_face(values).head == "transform"


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
