"""Wrong input to the cost functions: each error names the argument and what is allowed."""

import math
from dataclasses import replace

import pytest

from transformer_math import cost

pytestmark = pytest.mark.usefixtures("unchecked")

SIZES = {"layers": 2, "width": 12, "heads": 4, "hidden": 5, "vocabulary": 7, "context": 16}
TINY = cost.Model(**SIZES)
ENCODER = replace(TINY, kind="encoder")
VISION = cost.Model(**{**SIZES, "vocabulary": 0}, kind="vision", patch=3)
PAIR = replace(TINY, kind="encoder-decoder", encoder_layers=2)
LATENT = replace(TINY, latent_width=4, rope_width=2)
GPU = cost.gpu("h100")
NOT_A_COUNT = [0, -1, 1.5, "2", True, None]
NOT_POSITIVE = [0, -1.0, math.nan, math.inf, "1", None, True]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, values, call, *words):
    return [case(f"{name} {value!r}", lambda v=value: call(v), *words) for value in values]


def sized(**sizes):
    return lambda: replace(TINY, **sizes)


TABLES = [
    case("model unknown", lambda: cost.model("gpt-5"), "'gpt-5'", "'gpt-2'", "'mixtral-8x7b'"),
    case("model none", lambda: cost.model(None), "name is None", "'gpt-2'"),
    case("gpu unknown", lambda: cost.gpu("rtx"), "name is 'rtx'", "'a100-80'", "'tpu-v5e'"),
    case("gpu list", lambda: cost.gpu([]), "name is []", "'h100'"),
    *[
        case(f"gpu {name} {value!r}", lambda n=name, v=value: replace(GPU, **{n: v}), f"{name} is")
        for name in ("peak", "bandwidth", "memory")
        for value in NOT_POSITIVE
    ],
]

MODEL = [
    *[
        case(f"{name} {value!r}", sized(**{name: value}), f"{name} is", "at least 1")
        for name in ("layers", "width", "heads", "hidden", "context", "vocabulary")
        for value in NOT_A_COUNT
    ],
    *[
        case(f"{name} {value!r}", sized(**{name: value}), f"{name} is", "at least 1")
        for name in ("kv_heads", "head_width", "value_width", "expert_hidden", "window")
        for value in (0, -1, 1.5, "2")
    ],
    *[
        case(f"{name} {value!r}", sized(**{name: value}), f"{name} is", "at least 0")
        for name in ("positions", "experts", "shared_experts", "dense_layers", "latent_width")
        + ("query_latent_width", "rope_width", "segments", "patch", "classes", "outer_norms")
        + ("active_experts", "encoder_layers")
        for value in (-1, 0.5, "2", None)
    ],
    case("kind", sized(kind="rnn"), "kind is 'rnn'", "'decoder'", "'encoder-decoder'"),
    case("norm", sized(norm="batch"), "norm is 'batch'", "'layer', 'rms'"),
    *[
        case(f"{name} {value!r}", sized(**{name: value}), f"{name} is {value!r}", "True or False")
        for name in ("gated", "bias", "tied", "pooler")
        for value in (2, "yes", None)
    ],
    case("heads", lambda: cost.Model(**{**SIZES, "heads": 5}), "heads is 5", "width, 12"),
    case("kv_heads divide", sized(kv_heads=3), "kv_heads is 3", "divisor of heads, 4"),
    case("kv_heads more", sized(kv_heads=8), "kv_heads is 8", "divisor of heads, 4"),
    case("experts none active", sized(experts=4), "active_experts is 0", "1 to experts, 4"),
    case("experts too active", sized(experts=4, active_experts=5), "active_experts is 5"),
    case("experts missing", sized(active_experts=2), "active_experts is 2", "0 without experts"),
    case("shared only", sized(shared_experts=2), "shared_experts is 2", "0 without experts"),
    case("dense", sized(dense_layers=3), "dense_layers is 3", "0 without experts"),
    case(
        "dense more",
        sized(dense_layers=3, experts=2, active_experts=1),
        "dense_layers is 3",
        "0 to layers, 2",
    ),
    case("pooler", sized(pooler=True), "pooler is True", "'encoder'"),
    case("classes", sized(classes=3), "classes is 3", "'vision'"),
    case(
        "encoder experts",
        lambda: replace(ENCODER, experts=2, active_experts=1),
        "experts is 2",
        "'decoder'",
    ),
    case("encoder latent", lambda: replace(ENCODER, latent_width=2), "latent_width is 2"),
    case("encoder window", lambda: replace(ENCODER, window=2), "window is 2", "'encoder'"),
    case("pair alone", sized(kind="encoder-decoder"), "encoder_layers is 0", "at least 1"),
    case("encoder layers", sized(encoder_layers=2), "encoder_layers is 2", "'decoder'"),
    case("vision patch", sized(kind="vision"), "patch is 0", "at least 1"),
    case("patch", sized(patch=3), "patch is 3", "'decoder'"),
    case("rope alone", sized(rope_width=2), "latent_width is 0", "rope_width"),
    case("query latent alone", sized(query_latent_width=2), "latent_width is 0"),
]

MODEL_WANTED = {
    "parameters": cost.parameters,
    "attention_maps": cost.attention_maps,
    "feed_forward_maps": cost.feed_forward_maps,
    "flops": lambda m: cost.flops(m, 1),
    "pairs": lambda m: cost.pairs(m, 1),
    "palm": lambda m: cost.palm_training_flops(m, 1),
    "kaplan": lambda m: cost.kaplan_forward_flops(m, 1),
    "crossover": cost.crossover_context,
    "weight_bytes": cost.weight_bytes,
    "elements": cost.kv_elements_per_token,
    "per token": cost.kv_bytes_per_token,
    "cache": lambda m: cost.kv_cache_bytes(m, 1),
    "activations": lambda m: cost.activation_bytes(m, 1),
    "training": lambda m: cost.training_memory(m, 1),
    "decode_intensity": cost.decode_intensity,
    "attention_intensity": lambda m: cost.attention_intensity(m, 1, 1),
    "prefill": lambda m: cost.prefill(m, GPU, 1),
    "prefill_time": lambda m: cost.prefill_time(m, GPU, 1),
    "decode": lambda m: cost.decode_step(m, GPU, 1, 1),
    "decode time": lambda m: cost.decode_step_time(m, GPU, 1, 1),
    "tokens": lambda m: cost.tokens_per_second(m, GPU, 1, 1),
    "largest": lambda m: cost.largest_batch(m, GPU, 1),
    "balanced": lambda m: cost.balanced_batch(m, 1),
}
DECODES = ["elements", "per token", "cache", "decode_intensity", "prefill", "prefill_time"]
DECODES += ["decode", "decode time", "tokens", "largest", "balanced"]
STACK = ["palm", "kaplan", "crossover", "activations", "training"]
DECODER_ONLY = DECODES[4:]
KINDS = [
    *[
        case(f"{n} str", lambda f=f: f("gpt-2"), "model is 'gpt-2'")
        for n, f in MODEL_WANTED.items()
    ],
    *[
        case(f"{n} encoder", lambda n=n: MODEL_WANTED[n](ENCODER), "kind 'encoder'", "decoder")
        for n in DECODES
    ],
    *[
        case(f"{n} pair", lambda n=n: MODEL_WANTED[n](PAIR), "kind 'encoder-decoder'", "decoder")
        for n in STACK + DECODER_ONLY
    ],
    *[
        case(f"{name} gpu", lambda f=f: f("h100"), "gpu is 'h100'", "cost.gpu")
        for name, f in {
            "ridge": cost.ridge_point,
            "attainable": lambda g: cost.attainable(g, 1),
            "roofline": lambda g: cost.Roofline(g, 1, 1),
            "prefill": lambda g: cost.prefill(TINY, g, 1),
            "prefill_time": lambda g: cost.prefill_time(TINY, g, 1),
            "decode": lambda g: cost.decode_step(TINY, g, 1, 1),
            "decode time": lambda g: cost.decode_step_time(TINY, g, 1, 1),
            "tokens": lambda g: cost.tokens_per_second(TINY, g, 1, 1),
            "largest": lambda g: cost.largest_batch(TINY, g, 1),
        }.items()
    ],
]

CONTEXTS = {
    "flops": ("tokens", lambda n: cost.flops(TINY, n)),
    "source": ("source", lambda n: cost.flops(PAIR, 1, source=n)),
    "palm": ("context", lambda n: cost.palm_training_flops(TINY, n)),
    "kaplan": ("context", lambda n: cost.kaplan_forward_flops(TINY, n)),
    "cache": ("context", lambda n: cost.kv_cache_bytes(TINY, n)),
    "cache source": ("source", lambda n: cost.kv_cache_bytes(PAIR, 1, source=n)),
    "activations": ("tokens", lambda n: cost.activation_bytes(TINY, n)),
    "training": ("tokens", lambda n: cost.training_memory(TINY, n)),
    "intensity": ("keys", lambda n: cost.attention_intensity(TINY, 1, n)),
    "prefill": ("tokens", lambda n: cost.prefill(TINY, GPU, n)),
    "prefill_time": ("tokens", lambda n: cost.prefill_time(TINY, GPU, n)),
    "decode": ("context", lambda n: cost.decode_step(TINY, GPU, 1, n)),
    "decode time": ("context", lambda n: cost.decode_step_time(TINY, GPU, 1, n)),
    "tokens": ("context", lambda n: cost.tokens_per_second(TINY, GPU, 1, n)),
    "largest": ("context", lambda n: cost.largest_batch(TINY, GPU, n)),
    "balanced": ("context", lambda n: cost.balanced_batch(TINY, n)),
}
BATCHES = {
    "flops": lambda n: cost.flops(TINY, 1, n),
    "cache": lambda n: cost.kv_cache_bytes(TINY, 1, n),
    "activations": lambda n: cost.activation_bytes(TINY, 1, n),
    "training": lambda n: cost.training_memory(TINY, 1, n),
    "prefill": lambda n: cost.prefill(TINY, GPU, 1, n),
    "decode": lambda n: cost.decode_step(TINY, GPU, n, 1),
    "decode time": lambda n: cost.decode_step_time(TINY, GPU, n, 1),
    "tokens": lambda n: cost.tokens_per_second(TINY, GPU, n, 1),
}
DTYPES = {
    "element": cost.element_bytes,
    "weights": lambda d: cost.weight_bytes(TINY, d),
    "per token": lambda d: cost.kv_bytes_per_token(TINY, d),
    "cache": lambda d: cost.kv_cache_bytes(TINY, 1, dtype=d),
    "activations": lambda d: cost.activation_bytes(TINY, 1, dtype=d),
    "training": lambda d: cost.training_memory(TINY, 1, dtype=d),
    "decode intensity": lambda d: cost.decode_intensity(TINY, d),
    "intensity": lambda d: cost.attention_intensity(TINY, 1, 1, d),
    "matmul": lambda d: cost.matmul_intensity(1, 1, 1, d),
    "prefill": lambda d: cost.prefill(TINY, GPU, 1, dtype=d),
    "prefill cache": lambda d: cost.prefill(TINY, GPU, 1, cache_dtype=d or "fp8"),
    "decode": lambda d: cost.decode_step(TINY, GPU, 1, 1, d),
    "decode cache": lambda d: cost.decode_step(TINY, GPU, 1, 1, cache_dtype=d or "fp8"),
    "largest": lambda d: cost.largest_batch(TINY, GPU, 1, d),
    "balanced": lambda d: cost.balanced_batch(TINY, 1, d),
}
NUMBERS = [
    *[
        found
        for name, (argument, call) in CONTEXTS.items()
        for found in [
            case(f"{name} long", lambda c=call: c(17), f"{argument} is 17", "context", "16"),
            *each(name, NOT_A_COUNT, call, f"{argument} is"),
        ]
        if found.id not in ("source None", "cache source None")
    ],
    *[
        found
        for name, call in BATCHES.items()
        for found in each(f"{name} batch", NOT_A_COUNT, call, "batch is", "at least 1")
    ],
    *[
        found
        for name, call in DTYPES.items()
        for found in each(f"{name} dtype", ["fp8", 2, None], call, "'bfloat16'", "'int4'")
    ],
    *each("cached", [-1, 1.5, "2", True], lambda n: cost.flops(TINY, 1, cached=n), "cached is"),
    case("cached long", lambda: cost.flops(TINY, 8, cached=9), "cached + tokens is 17", "16"),
    case("cached encoder", lambda: cost.flops(ENCODER, 1, cached=1), "kind 'encoder'"),
    case("cached vision", lambda: cost.flops(VISION, 2, cached=1), "kind 'vision'"),
    case("no source", lambda: cost.flops(PAIR, 1), "source is None", "encoder reads"),
    case("a source", lambda: cost.flops(TINY, 1, source=3), "source is 3", "None"),
    case("no cache source", lambda: cost.kv_cache_bytes(PAIR, 1), "source is None"),
    case("a cache source", lambda: cost.kv_cache_bytes(TINY, 1, source=3), "source is 3", "None"),
    case("logits", lambda: cost.flops(TINY, 1, logits="none"), "logits is 'none'", "'last'"),
    case("absorbed", lambda: cost.flops(TINY, 1, absorbed=True), "absorbed is True", "latent"),
    case(
        "absorbed intensity",
        lambda: cost.attention_intensity(TINY, 1, 1, absorbed=True),
        "absorbed is True",
    ),
    case("causal encoder", lambda: cost.flops(ENCODER, 1, causal=True), "causal is True"),
    case("causal vision", lambda: cost.flops(VISION, 2, causal=True), "causal", "'vision'"),
    case("crossover causal", lambda: cost.crossover_context(ENCODER, True), "causal is True"),
    *each("pairs", NOT_A_COUNT, lambda n: cost.pairs(TINY, n), "tokens is"),
    *each("pairs cached", [-1, 1.5, None], lambda n: cost.pairs(TINY, 1, n), "cached is"),
    *each("maps hidden", [0, -1, 1.5], lambda n: cost.feed_forward_maps(TINY, n), "hidden is"),
    *each("queries", NOT_A_COUNT, lambda n: cost.attention_intensity(TINY, n, 1), "queries is"),
    *each("rows", NOT_A_COUNT, lambda n: cost.matmul_intensity(n, 1, 1), "rows is"),
    *each("inputs", NOT_A_COUNT, lambda n: cost.matmul_intensity(1, n, 1), "inputs is"),
    *each("outputs", NOT_A_COUNT, lambda n: cost.matmul_intensity(1, 1, n), "outputs is"),
    *each(
        "intensity",
        [-1, math.nan, math.inf, "1", None],
        lambda i: cost.attainable(GPU, i),
        "intensity is",
    ),
    *each("flop", NOT_POSITIVE, lambda n: cost.Roofline(GPU, n, 1), "flop is"),
    *each("traffic", NOT_POSITIVE, lambda n: cost.Roofline(GPU, 1, n), "traffic is"),
    case(
        "checkpointing",
        lambda: cost.activation_bytes(TINY, 1, checkpointing="all"),
        "checkpointing is 'all'",
        "'selective'",
    ),
    case("latent activations", lambda: cost.activation_bytes(LATENT, 1), "latent_width 4"),
    case("latent training", lambda: cost.training_memory(LATENT, 1), "latent_width 4"),
    case("prompt batch", lambda: cost.prefill_time(TINY, GPU, 1, 0), "batch is 0"),
]


@pytest.mark.parametrize(("call", "words"), TABLES + MODEL + KINDS + NUMBERS)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
    assert "allowed: " in str(caught.value)
