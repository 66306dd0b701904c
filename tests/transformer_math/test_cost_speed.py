"""Rooflines and times: published numbers, and sums done by hand on what the package counts."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_math import cost

RIDGE = {
    "v100": 139,
    "a100-40": 201,
    "a100-80": 153,
    "h100": 295,
    "h200": 206,
    "b200": 281,
    "tpu-v5e": 240,
}
LLAMA, H200 = cost.model("llama-3-8b"), cost.gpu("h200")
decoders = st.sampled_from(["gpt-2", "llama-3-8b", "mistral-7b", "mixtral-8x7b", "deepseek-v3"])


@pytest.mark.parametrize("name", RIDGE)
def test_ridge_points(name):
    gpu = cost.gpu(name)
    ridge = cost.ridge_point(gpu)
    assert round(ridge) == RIDGE[name]
    assert cost.attainable(gpu, ridge) == pytest.approx(gpu.peak)
    assert cost.attainable(gpu, ridge / 4) == pytest.approx(gpu.peak / 4)
    assert cost.attainable(gpu, 9 * ridge) == gpu.peak
    assert cost.attainable(gpu, 0) == 0


def test_the_table_of_accelerators_is_complete():
    assert set(cost.gpus()) == set(RIDGE)


@given(st.floats(1e3, 1e18), st.floats(1e3, 1e15))
def test_roofline(flop, traffic):
    point = cost.Roofline(H200, flop, traffic)
    assert point.seconds == pytest.approx(flop / point.attainable, rel=1e-12)
    assert point.seconds >= max(point.compute_seconds, point.memory_seconds)
    past_ridge = point.intensity > cost.ridge_point(H200)
    assert point.bound == ("compute" if past_ridge else "memory")


def test_decode_step_of_llama():
    one, many = (cost.decode_step_time(LLAMA, H200, b, 8192) for b in (1, 64))
    assert round(1e3 * one, 2) == 3.57
    assert round(1e3 * many, 1) == 17.7
    cache, weights = 8192 * 131_072, 2 * 8_030_261_248
    assert one == (weights + cache) / 4.8e12
    assert many == (weights + 64 * cache) / 4.8e12
    assert cost.tokens_per_second(LLAMA, H200, 64, 8192) == 64 / many
    step = cost.decode_step(LLAMA, H200, 64, 8192)
    assert step.bound == "memory"
    assert step.flop == cost.flops(LLAMA, 1, 64, cached=8191).forward


def test_decoding_many_short_texts_is_bound_by_arithmetic():
    step = cost.decode_step(LLAMA, H200, 1024, 1)
    assert step.bound == "compute"
    assert step.seconds == step.flop / H200.peak


def test_narrower_numbers_are_read_faster():
    times = [cost.decode_step_time(LLAMA, H200, 1, 8192, dtype) for dtype in ("float8", "int4")]
    assert times[0] == cost.decode_step_time(LLAMA, H200, 1, 8192) / 2
    assert times[1] == times[0] / 2
    mixed = cost.decode_step(LLAMA, H200, 4, 8192, "int4", cache_dtype="bfloat16")
    assert mixed.traffic == 8_030_261_248 / 2 + 4 * 8192 * 131_072


def test_a_step_reads_the_experts_that_are_visited():
    mixtral = cost.model("mixtral-8x7b")
    step = cost.decode_step(mixtral, H200, 1, 1)
    cache = cost.kv_cache_bytes(mixtral, 1)
    assert step.traffic == pytest.approx(2 * 12_879_925_248 + cache, rel=1e-12)
    large = cost.decode_step(mixtral, H200, 256, 1)
    assert large.traffic == pytest.approx(2 * 46_702_792_704 + 256 * cache, rel=1e-12)


def test_visited_experts_against_a_simulation():
    """Experts that at least one of B texts visits, when each visits k of E at random."""
    mixtral, rng = cost.model("mixtral-8x7b"), np.random.default_rng(0)
    batch, trials = 3, 4000
    choices = rng.random((trials, batch, 8)).argsort(-1)[..., :2]
    visited = np.mean([len(np.unique(trial)) for trial in choices])
    step = cost.decode_step(mixtral, H200, batch, 1)
    read = step.traffic - batch * cost.kv_cache_bytes(mixtral, 1)
    expert = 2 * 32 * 3 * 4096 * 14336
    unvisited = (2 * 46_702_792_704 - read) / expert
    assert 8 - unvisited == pytest.approx(visited, abs=0.05)


def test_prefill():
    point = cost.prefill(LLAMA, H200, 8192)
    assert point.bound == "compute"
    assert point.flop == cost.flops(LLAMA, 8192, causal=True, logits="last").forward
    assert point.traffic == 2 * 8_030_261_248 + 8192 * 131_072
    assert cost.prefill_time(LLAMA, H200, 8192) == point.flop / 989.4e12
    assert cost.prefill(LLAMA, H200, 8).bound == "memory"


@given(decoders, st.integers(1, 512), st.integers(1, 1023))  # GPT-2 holds 1024
def test_no_bound_is_beaten(name, batch, context):
    model, gpu = cost.model(name), cost.gpu("h100")
    step = cost.decode_step(model, gpu, batch, context)
    assert step.flop / step.seconds <= gpu.peak * (1 + 1e-12)
    assert step.traffic / step.seconds <= gpu.bandwidth * (1 + 1e-12)
    assert step.seconds <= cost.decode_step_time(model, gpu, batch + 1, context)
    assert step.seconds <= cost.decode_step_time(model, gpu, batch, context + 1) * (1 + 1e-12)
    assert cost.tokens_per_second(model, gpu, batch, context) == batch / step.seconds


@given(decoders, st.integers(1, 1024), st.sampled_from(["bfloat16", "float8", "int4"]))
def test_largest_batch_fits_and_one_more_does_not(name, context, dtype):
    model = cost.model(name)
    for gpu in map(cost.gpu, cost.gpus()):
        batch = cost.largest_batch(model, gpu, context, dtype)
        used = cost.weight_bytes(model, dtype)
        if batch:
            assert used + cost.kv_cache_bytes(model, context, batch, dtype) <= gpu.memory
        assert used + cost.kv_cache_bytes(model, context, batch + 1, dtype) > gpu.memory


def test_largest_batch_of_llama():
    assert cost.largest_batch(LLAMA, H200, 8192) == (141e9 - 16_060_522_496) // 2**30 == 116
    assert cost.largest_batch(LLAMA, H200, 8192, cache_dtype="int4") == 465
    assert cost.largest_batch(cost.model("llama-3.1-405b"), H200, 1) == 0
    eight = replace(H200, memory=8 * H200.memory)
    assert cost.largest_batch(cost.model("llama-3.1-405b"), eight, 8192) == 74


def test_balanced_batch():
    balance = cost.balanced_batch(LLAMA, 8192)
    assert balance == 2 * 8_030_261_248 / 2**30
    assert cost.balanced_batch(LLAMA, 4096) == 2 * balance
    assert cost.balanced_batch(LLAMA, 8192, "int4", "bfloat16") == balance / 4
    at = cost.decode_step(replace(LLAMA, layers=32), H200, 15, 8192)
    assert at.traffic == pytest.approx(2 * cost.weight_bytes(LLAMA), rel=0.02)


def test_intensity_of_decoding():
    assert cost.decode_intensity(cost.model("gpt-3")) == 1
    assert cost.decode_intensity(cost.model("llama-2-70b")) == 8
    assert cost.decode_intensity(LLAMA) == 4
    assert cost.decode_intensity(LLAMA, "float8") == 8
    latent = cost.decode_intensity(cost.model("deepseek-v2"))
    assert latent == 2 * 128 * (576 + 512) / (2 * 576)
    assert round(latent, 1) == 241.8


@pytest.mark.parametrize("name", ["gpt-3", "llama-2-70b", "mistral-7b", "deepseek-v2"])
def test_long_texts_reach_the_limit(name):
    model = replace(cost.model(name), context=10**9)
    absorbed = bool(model.latent_width)
    exact = cost.attention_intensity(model, 1, 10**9, absorbed=absorbed)
    assert exact == pytest.approx(cost.decode_intensity(model), rel=1e-5)
    assert cost.attention_intensity(model, 1, 1, absorbed=absorbed) < exact


@given(st.integers(1, 8192), st.integers(1, 8192))
def test_intensity_of_attention_is_flops_by_bytes(queries, keys):
    """Counted one by one: q and o of 32 heads, k and v of 8, each 128 wide, 2 bytes."""
    flop = 2 * 32 * queries * keys * (128 + 128)
    traffic = 2 * (2 * queries * 32 * 128 + 2 * keys * 8 * 128)
    ours = cost.attention_intensity(LLAMA, queries, keys)
    assert ours == pytest.approx(flop / traffic, rel=1e-12)
    if queries <= keys:
        counted = cost.flops(LLAMA, queries, cached=keys - queries).attention / LLAMA.layers
        assert counted == flop


def test_prefill_of_one_head_is_n_over_two_at_two_bytes():
    gpt3 = cost.model("gpt-3")
    assert cost.attention_intensity(gpt3, 2048, 2048) == 2048 / 2


def test_intensity_of_a_linear_map():
    assert cost.matmul_intensity(1, 4096, 4096) == pytest.approx(1, rel=1e-3)
    assert cost.matmul_intensity(4096, 4096, 4096) == pytest.approx(4096 / 3)
    assert cost.matmul_intensity(3, 5, 7, "float32") == 2 * 105 / (4 * (15 + 35 + 21))
    few = [cost.matmul_intensity(n, 10**6, 10**6) / n for n in (1, 32, 295)]
    assert few == pytest.approx([1, 1, 1], rel=1e-3)
    assert math.isclose(cost.matmul_intensity(7, 11, 13), cost.matmul_intensity(13, 7, 11))
