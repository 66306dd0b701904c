"""The table of models: parameter counts against published ones and transformers' classes."""

import subprocess
import sys
from collections import Counter
from dataclasses import fields, replace

import pytest
import torch
import transformers

from transformer_math import cost

COUNTS = {
    "transformer-base": 63_082_496,
    "transformer-big": 214_245_376,
    "gpt-2": 124_439_808,
    "gpt-2-medium": 354_823_168,
    "gpt-2-large": 774_030_080,
    "gpt-2-xl": 1_557_611_200,
    "gpt-3": 174_604_259_328,
    "bert-base": 109_482_240,
    "llama-2-7b": 6_738_415_616,
    "llama-2-13b": 13_015_864_320,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496,
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.1-405b": 405_853_388_800,
    "mistral-7b": 7_241_732_096,
    "mixtral-8x7b": 46_702_792_704,
    "vit-b-16": 86_567_656,
    "vit-b-32": 88_224_232,
    "vit-l-16": 304_326_632,
    "vit-h-14": 632_045_800,
}
PUBLISHED_IN_BILLIONS = {"deepseek-v2": (236, 21), "deepseek-v3": (671, 37)}


def in_transformers(model):
    """Build transformers' class with the sizes of a model, allocating nothing."""
    t = transformers
    sizes = {
        "vocab_size": model.vocabulary,
        "hidden_size": model.width,
        "intermediate_size": model.hidden,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "max_position_embeddings": model.context,
        "tie_word_embeddings": model.tied,
    }
    grouped = {**sizes, "num_key_value_heads": model.kv_heads}
    family = model.name.split("-")[0]
    if family == "gpt":
        config = t.GPT2Config(
            vocab_size=model.vocabulary,
            n_positions=model.positions,
            n_embd=model.width,
            n_layer=model.layers,
            n_head=model.heads,
            n_inner=model.hidden,
        )
        kind = t.GPT2LMHeadModel
    elif family == "bert":
        kind, config = t.BertModel, t.BertConfig(**sizes, type_vocab_size=model.segments)
    elif family == "mistral":
        kind, config = t.MistralForCausalLM, t.MistralConfig(**grouped)
    elif family == "mixtral":
        experts = {"num_local_experts": model.experts, "num_experts_per_tok": model.active_experts}
        kind, config = t.MixtralForCausalLM, t.MixtralConfig(**grouped, **experts)
    elif family == "deepseek":
        latent = {
            "kv_lora_rank": model.latent_width,
            "q_lora_rank": model.query_latent_width,
            "qk_nope_head_dim": model.head_width,
            "qk_rope_head_dim": model.rope_width,
            "v_head_dim": model.value_width,
            "n_routed_experts": model.experts,
            "n_shared_experts": model.shared_experts,
            "num_experts_per_tok": model.active_experts,
            "moe_intermediate_size": model.expert_hidden,
            "first_k_dense_replace": model.dense_layers,
        }
        if model.name.endswith("v2"):
            kind, config = t.DeepseekV2ForCausalLM, t.DeepseekV2Config(**grouped, **latent)
        else:
            latent["num_mtp_layers"] = 0
            kind, config = t.DeepseekV3ForCausalLM, t.DeepseekV3Config(**grouped, **latent)
    elif family == "vit":
        side = round((model.patch / 3) ** 0.5)
        kind = t.ViTForImageClassification
        config = t.ViTConfig(
            **{key: sizes[key] for key in list(sizes)[1:5]},
            patch_size=side,
            image_size=224,
            num_labels=model.classes,
        )
    else:
        kind, config = t.LlamaForCausalLM, t.LlamaConfig(**grouped)
    with torch.device("meta"):
        return kind(config)


PARTS = {
    "norms": ("ln_", "norm", "LayerNorm"),
    "positions": ("wpe", "position_embeddings"),
    "head": ("lm_head", "pooler", "classifier"),
    "embedding": ("wte", "embed"),
    "attention": ("attn", "attention"),
}


def part(name):
    """Sort transformers' names of parameters into the package's parts."""
    for known, words in PARTS.items():
        if any(word in name for word in words):
            return known
    return "feed_forward"


@pytest.mark.parametrize("name", COUNTS)
def test_published_count(name):
    assert cost.parameters(cost.model(name)).total == COUNTS[name]


@pytest.mark.parametrize("name", PUBLISHED_IN_BILLIONS)
def test_published_count_in_billions(name):
    count = cost.parameters(cost.model(name))
    total, active = PUBLISHED_IN_BILLIONS[name]
    assert round(count.total / 1e9) == total
    assert abs(count.active / 1e9 - active) < 0.6


@pytest.mark.parametrize("name", [n for n in cost.models() if not n.startswith("transformer")])
def test_count_equals_transformers(name):
    model = cost.model(name)
    theirs = in_transformers(model)
    ours = cost.parameters(model)
    assert sum(p.numel() for p in theirs.parameters()) == ours.total
    counted = Counter()
    for parameter_name, parameter in theirs.named_parameters():
        counted[part(parameter_name)] += parameter.numel()
    for name in ("embedding", "positions", "attention", "feed_forward", "norms", "head"):
        assert counted[name] == getattr(ours, name)


def test_closed_form_of_gpt():
    for name in ("gpt-2", "gpt-2-medium", "gpt-2-large", "gpt-2-xl", "gpt-3"):
        m = cost.model(name)
        d = m.width
        blocks = m.layers * (12 * d**2 + 13 * d)
        assert cost.parameters(m).total == blocks + m.vocabulary * d + m.context * d + 2 * d


def test_closed_form_of_llama():
    m = cost.model("llama-2-70b")
    d, f = m.width, m.hidden
    block = 2 * d * 128 * (m.heads + m.kv_heads) + 3 * d * f + 2 * d
    assert cost.parameters(m).total == m.layers * block + 2 * m.vocabulary * d + d


def test_parts():
    gpt3 = cost.parameters(cost.model("gpt-3"))
    assert gpt3.embedding == 617_558_016
    assert gpt3.head == 0  # tied
    assert gpt3.active == gpt3.total
    vit = cost.parameters(cost.model("vit-b-16"))
    assert vit.total - vit.head == 85_798_656
    mixtral = cost.parameters(cost.model("mixtral-8x7b"))
    assert mixtral.active == 12_879_925_248
    assert mixtral.total - mixtral.active == 32 * 6 * 3 * 4096 * 14336


def test_maps_are_the_shapes_of_the_matrices():
    gpt3 = cost.model("gpt-3")
    assert cost.attention_maps(gpt3) == {name: (12288, 12288) for name in "qkvo"}
    assert cost.feed_forward_maps(gpt3) == {"up": (12288, 49152), "down": (49152, 12288)}
    theirs = in_transformers(replace(cost.model("deepseek-v3"), layers=1, dense_layers=1))
    layer = theirs.model.layers[0]
    named = {"q_down": "q_a_proj", "q_up": "q_b_proj", "kv_down": "kv_a_proj_with_mqa"}
    named |= {"kv_up": "kv_b_proj", "o": "o_proj"}
    for name, shape in cost.attention_maps(cost.model("deepseek-v3")).items():
        assert shape == tuple(getattr(layer.self_attn, named[name]).weight.shape)[::-1]


def test_sizes_by_default():
    m = cost.Model(layers=1, width=12, heads=3, hidden=5, vocabulary=7, context=9)
    assert (m.kv_heads, m.head_width, m.value_width, m.expert_hidden) == (3, 4, 4, 5)
    assert replace(m, kv_heads=1, head_width=6).head_width == 6
    wide = cost.Model(layers=1, width=12, heads=3, hidden=5, vocabulary=7, context=9, head_width=10)
    assert wide.value_width == 10


def test_every_entry_names_its_source_and_only_real_sizes():
    sizes = {field.name for field in fields(cost.Model)}
    for name in cost.models():
        entry = cost.model(name)
        assert entry.name == name
        assert entry.source.startswith("https://")
        assert set(entry.unverified) < sizes
    for name in cost.gpus():
        entry = cost.gpu(name)
        assert entry.name == name
        assert entry.source.startswith("https://")
        assert set(entry.unverified) <= {"peak", "bandwidth", "memory"}


def test_torch_is_not_needed():
    code = (
        "import sys; from transformer_math import cost; from transformer_math.cost import *;"
        "parameters(model('gpt-2')), decode_step_time(model('gpt-2'), gpu('h100'), 1, 8);"
        "assert not {'torch', 'plotly', 'courseware', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
