"""Parameters by formula against parameters counted, for random sizes and for published models."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.transformer import Transformer, TransformerConfig, parameter_count
from transformer_math.transformer.config import CHOICES

few = st.integers(1, 5)


@st.composite
def configurations(draw):
    """Any valid configuration of small sizes."""
    choices = {name: draw(st.sampled_from(allowed)) for name, allowed in CHOICES.items()}
    kv_heads = draw(few)
    sizes = dict(
        vocabulary=draw(st.integers(1, 50)),
        width=2 * draw(few),
        heads=kv_heads * draw(st.integers(1, 3)),
        kv_heads=kv_heads,
        head_width=2 * draw(few),
        layers=draw(st.integers(1, 3)),
        hidden=draw(st.integers(1, 30)),
        context=draw(st.integers(1, 30)),
        buckets=4 * draw(few),
        segments=draw(st.integers(0, 2)),
    )
    return TransformerConfig(**sizes, **choices)


def built(config):
    """The model without its memory."""
    with torch.device("meta"):
        return Transformer(config)


def part(name):
    """The part of the count that a parameter belongs to."""
    if "norm." in name:
        return "norms"
    parts = {
        "embedding.tokens": "tokens",
        "embedding.positions": "positions",
        "bias_table": "positions",
        "embedding.segments": "segments",
        ".attention.": "attention",
        ".cross.": "cross",
        ".feed_forward.": "feed_forward",
        "head.": "head",
    }
    return next(value for key, value in parts.items() if key in name)


@given(configurations())
def test_formula_equals_counting_part_by_part(config):
    counted = dict.fromkeys(vars(parameter_count(config)), 0)
    for name, parameter in built(config).named_parameters():
        counted[part(name)] += parameter.numel()
    assert vars(parameter_count(config)) == counted
    assert parameter_count(config).total == sum(counted.values())


def gpt(width, heads, layers, context=1024):
    return TransformerConfig(50257, width, heads, layers, 4 * width, context)


def llama(width, heads, layers, hidden, vocabulary=32000, kv_heads=None):
    choices = dict(norm="rms", activation="swiglu", positions="rotary", bias=False, tied=False)
    return TransformerConfig(
        vocabulary, width, heads, layers, hidden, 4096, kv_heads=kv_heads, **choices
    )


def vaswani(width, heads, hidden):
    """All products have biases; one embedding serves source, target and output."""
    choices = dict(kind="encoder-decoder", norm_first=False, activation="relu")
    return TransformerConfig(37000, width, heads, 6, hidden, 512, positions="sinusoidal", **choices)


BERT = TransformerConfig(
    30522, 768, 12, 12, 3072, 512, kind="encoder", norm_first=False, eps=1e-12, segments=2,
    embedding_norm=True, head="none",
)  # fmt: skip
POOLER = 768 * 768 + 768  # what BERT's published count has besides the encoder

PUBLISHED = {
    "GPT-2": (gpt(768, 12, 12), 124_439_808),
    "GPT-2 medium": (gpt(1024, 16, 24), 354_823_168),
    "GPT-2 large": (gpt(1280, 20, 36), 774_030_080),
    "GPT-2 XL": (gpt(1600, 25, 48), 1_557_611_200),
    "GPT-3": (gpt(12288, 96, 96, 2048), 174_604_259_328),
    "Llama-2-7B": (llama(4096, 32, 32, 11008), 6_738_415_616),
    "Llama-2-13B": (llama(5120, 40, 40, 13824), 13_015_864_320),
    "Llama-2-70B": (llama(8192, 64, 80, 28672, kv_heads=8), 68_976_648_192),
    "Llama-3-8B": (llama(4096, 32, 32, 14336, 128256, 8), 8_030_261_248),
    "Llama-3-70B": (llama(8192, 64, 80, 28672, 128256, 8), 70_553_706_496),
    "Llama-3.1-405B": (llama(16384, 128, 126, 53248, 128256, 8), 405_853_388_800),
    "Mistral-7B": (llama(4096, 32, 32, 14336, kv_heads=8), 7_241_732_096),
    "Vaswani base": (vaswani(512, 8, 2048), 63_082_496),
    "Vaswani big": (vaswani(1024, 16, 4096), 214_245_376),
    "BERT base": (BERT, 109_482_240 - POOLER),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models(name):
    config, expected = PUBLISHED[name]
    assert parameter_count(config).total == expected


@pytest.mark.parametrize("name", ["GPT-2 XL", "GPT-3", "Llama-3-8B", "Vaswani big", "BERT base"])
def test_published_models_as_built(name):
    config, expected = PUBLISHED[name]
    assert sum(p.numel() for p in built(config).parameters()) == expected


@given(few, st.integers(1, 8), few, few)
def test_gpt_s_formula(heads, width, layers, context):
    d = heads * width
    n = parameter_count(gpt(d, heads, layers, context)).total
    assert n == layers * (12 * d**2 + 13 * d) + 50257 * d + context * d + 2 * d


def test_key_and_value_heads_save_what_they_do_not_hold():
    full, shared = (parameter_count(llama(64, 8, 3, 100, 50, k)) for k in (8, 2))
    assert full.attention - shared.attention == 3 * 2 * 64 * 6 * 8
    assert full.total - shared.total == full.attention - shared.attention


@pytest.mark.parametrize("config", [None, {"width": 3}, 7], ids=str)
def test_no_configuration(config, unchecked):
    with pytest.raises(ValueError, match="config is a .*; allowed: a TransformerConfig"):
        parameter_count(config)
