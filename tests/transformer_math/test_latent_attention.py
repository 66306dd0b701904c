"""Latent attention against Hugging Face's DeepSeek-V2 and V3, and one form against the other."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from latent_inputs import FORMS, inputs
from transformers import DeepseekV2Config, DeepseekV3Config
from transformers.models.deepseek_v2.modeling_deepseek_v2 import (
    DeepseekV2Attention,
    DeepseekV2RotaryEmbedding,
)
from transformers.models.deepseek_v3.modeling_deepseek_v3 import (
    DeepseekV3Attention,
    DeepseekV3RotaryEmbedding,
)

from transformer_math.attention import (
    LatentAttention,
    LatentCache,
    absorbed_latent_attention,
    attention,
    causal_mask,
    latent_cache_size,
    latent_parameters,
    latent_score_matrix,
)
from transformer_math.positions import RopeScaling, rotary_frequencies, rotate

TOLERANCE = {"float32": 5e-6, "float64": 1e-12}


def redrawn(layer, draw):
    """Every weight from N(0, 1/16); norm gains around 1."""
    for weight in layer.parameters():
        weight.data = draw(*weight.shape) / 4 + (weight.ndim == 1)
    return layer.double().eval()


@pytest.fixture
def module(draw):
    def make(query_latent_width=7, **options):
        return redrawn(LatentAttention(24, 4, 6, 10, 4, 5, query_latent_width, **options), draw)

    return make


# The two forms


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS)
def test_equals_attention_head_by_head(array, dtype, form):
    q, q_rotary, latent, k_rotary, w_uk, w_uv = arrays = inputs()
    mask = causal_mask(5, 7)
    output, weights = FORMS[form](*(array(a, dtype) for a in arrays), array(mask, "bool"))
    assert str(output.dtype).endswith(dtype)
    for b in range(2):
        for h in range(3):
            k = np.concatenate([latent[b] @ w_uk[:, 4 * h : 4 * h + 4], k_rotary[b]], -1)
            expected = attention(
                np.concatenate([q[b, h], q_rotary[b, h]], -1),
                k,
                latent[b] @ w_uv[:, 5 * h : 5 * h + 5],
                mask,
                scale=1 / math.sqrt(4 + 2),
            )
            for ours, theirs in zip((output[b, h], weights[b, h]), expected, strict=True):
                assert np.asarray(ours) == pytest.approx(theirs, abs=TOLERANCE[dtype])


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(1, 9),
    st.booleans(),
)
def test_absorbed_equals_explicit(seed, heads, queries, d_h, d_c, batched):
    arrays = inputs(seed, (2,) if batched else (), heads, queries, 6, d_h, 2, d_c)
    mask = np.random.default_rng(seed).random((queries, 6)) < 0.7
    explicit, absorbed = (form(*arrays, mask) for form in FORMS.values())
    for ours, theirs in zip(explicit, absorbed, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-12)


def test_absorbed_is_multi_query_attention_on_the_latents(array):
    """One key head of width d_c + d_R, whose first d_c numbers are the values."""
    q, q_rotary, latent, k_rotary, w_uk, w_uv = map(array, inputs(batch=()))
    keys = np.concatenate([np.asarray(latent), np.asarray(k_rotary)], -1)
    _, weights = absorbed_latent_attention(q, q_rotary, latent, k_rotary, w_uk, w_uv)
    for h in range(3):
        moved = np.asarray(q[h]) @ np.asarray(w_uk[:, 4 * h : 4 * h + 4]).T
        query = np.concatenate([moved, np.asarray(q_rotary[h])], -1)
        expected = attention(query, keys, np.asarray(latent), scale=1 / math.sqrt(6))[1]
        assert np.asarray(weights[h]) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("form", FORMS)
def test_gradients(form):
    arrays = [
        torch.tensor(a, requires_grad=True)
        for a in inputs(batch=(), heads=2, queries=2, keys=3, d_h=2, d_c=3, d_v=2)
    ]
    assert torch.autograd.gradcheck(
        lambda *a: FORMS[form](*a, causal_mask(2, 3, like=a[0])), arrays
    )


def test_strict_array_api():
    strict = pytest.importorskip("array_api_strict")
    for form in FORMS.values():
        output, _ = form(*(strict.asarray(a) for a in inputs()), scale=0.3)
        assert np.asarray(output) == pytest.approx(form(*inputs(), scale=0.3)[0], abs=1e-13)


# Why the rotary part is separate


def test_without_rotation_one_matrix_serves_all_distances(array):
    x, c, w_q, w_uk = (
        array(np.random.default_rng(i).normal(size=shape))
        for i, shape in enumerate([(9,), (5,), (9, 4), (5, 4)])
    )
    frequencies = rotary_frequencies(4, 10.0)
    same = np.asarray(latent_score_matrix(w_q, w_uk))
    assert same == pytest.approx(np.asarray(w_q) @ np.asarray(w_uk).T)
    at = {n: latent_score_matrix(w_q, w_uk, n, array(frequencies)) for n in (0, 1, 7)}
    assert np.asarray(at[0]) == pytest.approx(same, abs=1e-14)
    assert np.abs(np.asarray(at[1]) - same).max() > 0.1
    assert np.abs(np.asarray(at[7]) - np.asarray(at[1])).max() > 0.1
    for m, n in ((0, 7), (5, 12), (100, 107)):  # always 7 apart
        q, k = (
            rotate(array(np.asarray(side)[None]), array([p], "int64"), frequencies, "interleaved")
            for side, p in ((x @ w_q, m), (c @ w_uk, n))
        )
        score = (np.asarray(q) @ np.asarray(k).T).item()
        assert score == pytest.approx((np.asarray(x) @ np.asarray(at[7]) @ np.asarray(c)).item())


# The module


def test_two_forms_of_the_module(draw, module):
    x, mask = draw(2, 9, 24), causal_mask(9, like=draw(1))
    for query_latent_width in (None, 7):
        layer = module(query_latent_width)
        explicit, absorbed = (layer(x, mask, absorbed=form) for form in (False, True))
        for ours, theirs in zip(explicit[:2], absorbed[:2], strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


@pytest.mark.parametrize("absorbed", [False, True])
@pytest.mark.parametrize("scaling", [None, RopeScaling("yarn", 4.0, 32)], ids=["plain", "yarn"])
def test_decoding_with_the_cache_equals_the_full_pass(draw, module, absorbed, scaling):
    layer, x = module(scaling=scaling), draw(2, 9, 24)
    full, full_weights, full_cache = layer(x, causal_mask(9, like=x))
    output, _, cache = layer(x[:, :4], causal_mask(4, like=x))  # the prompt
    before = [part.clone() for part in cache]
    steps = [output]
    for t in (4, 6, 7, 8):  # two tokens at first, then one at a time
        n = 2 if t == 4 else 1
        output, weights, longer = layer(
            x[:, t : t + n], causal_mask(n, t + n, like=x), cache, absorbed
        )
        assert all((a == b).all() for a, b in zip(cache, before, strict=True))
        torch.testing.assert_close(weights, full_weights[:, :, t : t + n, : t + n])
        cache, before = longer, [part.clone() for part in longer]
        steps.append(output)
    torch.testing.assert_close(torch.cat(steps, 1), full, atol=1e-12, rtol=0)
    for ours, theirs in zip(cache, full_cache, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


def test_cache_holds_exactly_the_latent_and_the_rotary_key(draw, module):
    _, _, cache = module()(draw(9, 24))
    assert isinstance(cache, LatentCache)
    assert sum(part.numel() for part in cache) == 9 * latent_cache_size(10, 4) == 9 * (10 + 4)
    assert cache.latent.untyped_storage().nbytes() == 9 * 10 * 8  # no view of something larger


def test_output_depends_on_the_past_and_on_distances_alone(draw, module):
    layer, x = module(), draw(6, 24)
    mask = causal_mask(6, like=x)
    changed = x.clone()
    changed[4:] = draw(2, 24)
    torch.testing.assert_close(layer(x, mask)[0][:4], layer(changed, mask)[0][:4])
    # Behind 50 tokens that nobody may look at, the same six tokens give the same output.
    _, _, cache = layer(draw(50, 24))
    hidden = torch.cat([torch.zeros(6, 50, dtype=torch.bool), mask], -1)
    torch.testing.assert_close(layer(x, hidden, cache)[0], layer(x, mask)[0], atol=1e-11, rtol=0)


def test_learns_in_float32():
    layer = LatentAttention(8, 2, 4, 6, 2)
    x = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    output, weights, cache = layer(x, causal_mask(5, like=x))
    assert output.dtype == weights.dtype == cache.latent.dtype == torch.float32
    output.square().sum().backward()
    assert all(weight.grad.abs().max() > 0 for weight in layer.parameters())


def test_half_layout_is_the_interleaved_one_with_permuted_weights(draw, module):
    from transformer_math.positions import to_half

    interleaved, half, x = module(), module(layout="half"), draw(2, 5, 24)
    half.load_state_dict(interleaved.state_dict())
    assert (half(x)[0] - interleaved(x)[0]).abs().max() > 1e-3
    half.w_qr.data, half.w_kr.data = to_half(interleaved.w_qr.data, 4), to_half(half.w_kr.data)
    torch.testing.assert_close(half(x)[0], interleaved(x)[0], atol=1e-12, rtol=0)


# Against DeepSeek


def deepseek(version, draw, query_latent_width):
    options = dict(
        hidden_size=24,
        num_attention_heads=4,
        num_key_value_heads=4,
        q_lora_rank=query_latent_width,
        kv_lora_rank=10,
        qk_nope_head_dim=6,
        qk_rope_head_dim=4,
        v_head_dim=5,
        max_position_embeddings=64,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0},
        attn_implementation="sdpa",  # eager takes the softmax in float32
    )
    if version == 2:
        config = DeepseekV2Config(head_dim=4, **options)
        return DeepseekV2RotaryEmbedding(config), redrawn(DeepseekV2Attention(config, 0), draw)
    config = DeepseekV3Config(**options)
    return DeepseekV3RotaryEmbedding(config), redrawn(DeepseekV3Attention(config, 0), draw)


def copied(theirs, query_latent_width):
    """Our module with the reference's weights; torch's Linear keeps them as (d_out, d_in)."""
    ours = LatentAttention(24, 4, 6, 10, 4, 5, query_latent_width, base=100.0).double()
    compressed = query_latent_width is not None
    queries = (theirs.q_b_proj if compressed else theirs.q_proj).weight.T.unflatten(1, (4, 10))
    up = theirs.kv_b_proj.weight.T.unflatten(1, (4, 11))
    down = theirs.kv_a_proj_with_mqa.weight.T
    state = {
        "w_uq": queries[..., :6].flatten(1),
        "w_qr": queries[..., 6:].flatten(1),
        "w_dkv": down[:, :10],
        "w_kr": down[:, 10:],
        "kv_gain": theirs.kv_a_layernorm.weight,
        "w_uk": up[..., :6].flatten(1),
        "w_uv": up[..., 6:].flatten(1),
        "w_o": theirs.o_proj.weight.T,
    }
    if compressed:
        state |= {"w_dq": theirs.q_a_proj.weight.T, "q_gain": theirs.q_a_layernorm.weight}
    ours.load_state_dict(state)
    return ours


@pytest.mark.parametrize("query_latent_width", [None, 7])
@pytest.mark.parametrize("version", [2, 3])
def test_equals_deepseek(draw, version, query_latent_width):
    rotary, theirs = deepseek(version, draw, query_latent_width)
    ours = copied(theirs, query_latent_width)
    x, positions = draw(2, 9, 24), torch.arange(9)[None]
    mask = causal_mask(9, like=x)
    expected, _ = theirs(
        hidden_states=x,
        position_embeddings=rotary(x, positions),
        attention_mask=mask[None, None],
    )
    for absorbed in (False, True):
        output, _, _ = ours(x, mask, absorbed=absorbed)
        # Their norms and rotations are float32 whatever the weights are.
        torch.testing.assert_close(output, expected, atol=1e-6, rtol=0)
    assert sum(w.numel() for w in ours.parameters()) == sum(w.numel() for w in theirs.parameters())


# Counting


@pytest.mark.parametrize("query_latent_width", [None, 7])
def test_parameters(module, query_latent_width):
    layer = module(query_latent_width)
    formula = latent_parameters(24, 4, 6, 10, 4, 5, query_latent_width)
    assert sum(weight.numel() for weight in layer.parameters()) == formula


def test_deepseek_v2_in_numbers():
    config = DeepseekV2Config(
        hidden_size=5120,
        num_attention_heads=128,
        num_key_value_heads=128,
        q_lora_rank=1536,
        kv_lora_rank=512,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
    )
    with torch.device("meta"):
        layer = DeepseekV2Attention(config, 0)
    counted = sum(weight.numel() for weight in layer.parameters())
    assert latent_parameters(5120, 128, 128, 512, 64, query_latent_width=1536) == counted
    cache = latent_cache_size(512, 64)
    assert cache == 576
    assert cache * 60 * 2 == 69_120  # bytes a token: 60 layers, 2 bytes a number
    assert cache / (2 * 128) == 2.25  # groups of grouped attention with as large a cache
    assert 2 * 128 * 128 / cache == pytest.approx(56.9, abs=0.05)
    assert cache * 61 * 2 == 70_272  # DeepSeek-V3
