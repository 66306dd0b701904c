"""Relative positions against Hugging Face's T5, BLOOM, Wav2Vec2-BERT, and against plain loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BloomConfig, T5Config, Wav2Vec2BertConfig
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.wav2vec2_bert.modeling_wav2vec2_bert import Wav2Vec2BertSelfAttention

from transformer_math.attention import attention_scores, merge_heads, split_heads
from transformer_math.positions import (
    alibi_bias,
    alibi_slopes,
    relative_positions,
    shaw_scores,
    shaw_values,
    t5_bias,
    t5_bucket,
)

DTYPES = ("float32", "float64")


def vectors(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def test_relative_positions(array):
    queries, keys = array([4, 2], "int64"), array([0, 4, 5], "int64")
    assert relative_positions(queries, keys).tolist() == [[-4, 0, 1], [-2, 2, 3]]
    batch = relative_positions(array([[4, 2], [0, 1]], "int64"), array([[0], [1]], "int64"))
    assert batch.tolist() == [[[-4], [-2]], [[1], [0]]]


# T5


def test_t5_buckets_of_the_original():
    causal = {0: 0, 1: 1, 15: 15, 16: 16, 20: 17, 32: 21, 64: 26, 100: 30, 127: 31, 128: 31}
    distances = np.array(list(causal))
    assert t5_bucket(-distances, bidirectional=False).tolist() == list(causal.values())
    assert t5_bucket(distances, bidirectional=False).tolist() == [0] * len(causal)
    both = {0: 0, 7: 7, 8: 8, 16: 10, 32: 12, 64: 14, 128: 15, 10**6: 15}
    distances = np.array(list(both))
    assert t5_bucket(-distances).tolist() == list(both.values())
    assert t5_bucket(distances[1:]).tolist() == [16 + b for b in list(both.values())[1:]]


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("buckets", [4, 8, 32, 34, 64])
@pytest.mark.parametrize("max_distance", [33, 100, 128, 1000])
def test_t5_buckets_equal_hugging_face(array, bidirectional, buckets, max_distance):
    relative = torch.arange(-1100, 1101)
    expected = T5Attention._relative_position_bucket(relative, bidirectional, buckets, max_distance)
    ours = t5_bucket(array(relative, "int64"), bidirectional, buckets, max_distance)
    assert np.asarray(ours).tolist() == expected.tolist()


@given(st.integers(2, 40), st.integers(0, 500), st.booleans())
def test_t5_buckets_by_the_formula_and_in_order(half, extra, bidirectional):
    buckets, e = 2 * half, (half // 2 if bidirectional else half)
    n, distance = (half if bidirectional else buckets), e + 1 + extra
    x = np.arange(0, 2 * distance)
    bucket = t5_bucket(-x, bidirectional, buckets, distance)
    assert (bucket[: e + 1] == x[: e + 1]).all()
    assert (np.diff(bucket) >= 0).all()
    assert (bucket[distance:] == n - 1).all()
    place = e + (n - e) * np.log(x[e:] / e) / math.log(distance / e)
    clear = np.abs(place - np.round(place)) > 1e-9
    expected = np.minimum(n - 1, np.floor(place))
    assert (bucket[e:] == expected)[clear].all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("decoder", [False, True])
def test_t5_bias_equals_hugging_face(draw, array, dtype, decoder):
    config = T5Config(d_model=8, num_heads=3, d_kv=4, is_decoder=decoder)
    layer = T5Attention(config, has_relative_attention_bias=True, layer_idx=0).double()
    layer.relative_attention_bias.weight.data = draw(32, 3) / 4
    table = array(layer.relative_attention_bias.weight.detach(), dtype)
    everything = array(range(200), "int64")
    ours = t5_bias(table, everything, everything, bidirectional=not decoder)
    theirs = layer.compute_bias(200, 200)[0].detach().numpy()
    assert str(ours.dtype).endswith(dtype)
    assert np.asarray(ours) == pytest.approx(theirs, abs=0 if dtype == "float64" else 1e-7)
    # One query after 199 cached keys.
    last = t5_bias(table, everything[-1:], everything, bidirectional=not decoder)
    theirs = layer.compute_bias(1, 200, past_seen_tokens=199)[0].detach().numpy()
    assert np.asarray(last) == pytest.approx(theirs, abs=0 if dtype == "float64" else 1e-7)


def test_t5_attention_equals_hugging_face(draw):
    config = T5Config(d_model=12, num_heads=3, d_kv=4, dropout_rate=0.0)
    config._attn_implementation = "eager"
    layer = T5Attention(config, has_relative_attention_bias=True, layer_idx=0).double().eval()
    for weight in layer.parameters():
        weight.data = draw(*weight.shape) / 4
    x, positions = draw(2, 40, 12), torch.arange(40)
    q, k, v = (split_heads(x @ getattr(layer, name).weight.T, 3) for name in "qkv")
    bias = t5_bias(layer.relative_attention_bias.weight, positions, positions)
    weights = torch.softmax(attention_scores(q, k, scale=1.0) + bias, -1)
    ours = merge_heads(weights @ v) @ layer.o.weight.T
    torch.testing.assert_close(ours, layer(x)[0], atol=1e-6, rtol=0)


# ALiBi


@pytest.mark.parametrize("heads", [1, 2, 3, 7, 8, 12, 16, 25, 112])
def test_alibi_slopes_and_bias_equal_bloom(heads):
    assert BloomConfig().hidden_size  # the class whose model this tensor belongs to
    n = 9
    theirs = build_alibi_tensor(torch.ones(1, n), heads, torch.float32).numpy()[:, 0]
    assert alibi_slopes(heads) == pytest.approx(theirs[:, 1], rel=1e-6)  # of position 1
    ours = alibi_bias(heads, np.arange(n), np.arange(n))
    # Bloom adds m j instead of m (j - i): the same but for a constant in each row.
    theirs = theirs[:, None, :] - theirs[:, :, None]
    past = np.tril(np.ones((n, n), dtype=bool))
    assert ours[:, past] == pytest.approx(theirs[:, past], rel=1e-6)


def test_alibi_slopes():
    assert alibi_slopes(8).tolist() == [2.0**-i for i in range(1, 9)]
    twelve = alibi_slopes(12)
    assert (twelve[:8] == alibi_slopes(8)).all()
    assert twelve[8:] == pytest.approx([0.70711, 0.35355, 0.17678, 0.08839], abs=5e-6)
    assert alibi_slopes(1).tolist() == [2.0**-8]


@pytest.mark.parametrize("dtype", DTYPES)
def test_alibi_bias(array, dtype):
    queries, keys = array([5, 1], "int64"), array([0, 5, 7], "int64")
    bias = alibi_bias(2, queries, keys, like=array([0.0], dtype))
    assert str(bias.dtype).endswith(dtype)
    distance = np.array([[5, 0, 2], [1, 4, 6]])
    expected = np.stack([-distance / 16, -distance / 256])
    assert np.asarray(bias) == pytest.approx(expected, abs=0)
    batch = alibi_bias(2, array([[5, 1]] * 3, "int64"), array([[0, 5, 7]] * 3, "int64"))
    assert str(batch.dtype).endswith("float64")
    assert np.asarray(batch) == pytest.approx(np.stack([expected] * 3), abs=0)


@given(st.integers(1, 40), st.integers(-1000, 1000))
def test_all_biases_depend_on_the_distance_alone(heads, shift):
    queries, keys = np.arange(5, 9), np.arange(12)
    table = vectors(0, 8, heads)
    for bias in (
        lambda shift: alibi_bias(heads, queries + shift, keys + shift),
        lambda shift: t5_bias(table, queries + shift, keys + shift),
    ):
        assert (bias(shift) == bias(0)).all()
        assert bias(0).shape == (heads, 4, 12)


# Shaw


def shaw_by_the_paper(q, k, v, keys_table, values_table):
    """Equations of Shaw et al. with plain loops, one head."""
    n, width = q.shape
    clip = len(keys_table) // 2
    out = np.zeros_like(v)
    for i in range(n):
        place = [min(max(j - i, -clip), clip) + clip for j in range(n)]
        e = [q[i] @ (k[j] + keys_table[place[j]]) / math.sqrt(width) for j in range(n)]
        alpha = np.exp(e) / np.exp(e).sum()
        for j in range(n):
            out[i] += alpha[j] * (v[j] + values_table[place[j]])
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("clip", [0, 2, 10])
def test_shaw_equals_the_paper(array, dtype, clip):
    q, k, v = vectors(0, 3, 2, 3, 6, 4)
    keys_table, values_table = vectors(1, 2, 2 * clip + 1, 4)
    positions = array(range(6), "int64")
    queries, tables = array(q, dtype), (array(keys_table, dtype), array(values_table, dtype))
    scores = attention_scores(queries, array(k, dtype)) + shaw_scores(
        queries, tables[0], positions, positions
    )
    weights = np.exp(np.asarray(scores))
    weights = array(weights / weights.sum(-1, keepdims=True), dtype)
    output = weights @ array(v, dtype) + shaw_values(weights, tables[1], positions, positions)
    assert str(output.dtype).endswith(dtype)
    for b in range(2):
        for h in range(3):
            expected = shaw_by_the_paper(q[b, h], k[b, h], v[b, h], keys_table, values_table)
            tolerance = {"float32": 1e-5, "float64": 1e-13}[dtype]
            assert np.asarray(output[b, h]) == pytest.approx(expected, abs=tolerance)


def test_shaw_keys_equal_hugging_face(draw):
    """Wav2Vec2-BERT's "relative_key" has Shaw's keys, and no relative values."""
    config = Wav2Vec2BertConfig(
        hidden_size=12,
        num_attention_heads=3,
        position_embeddings_type="relative_key",
        left_max_position_embeddings=4,
        right_max_position_embeddings=4,
        attention_dropout=0.0,
    )
    config._attn_implementation = "eager"
    layer = Wav2Vec2BertSelfAttention(config).double().eval()
    for weight in layer.parameters():
        weight.data = draw(*weight.shape) / 4
    x, positions = draw(2, 11, 12), torch.arange(11)
    q, k, v = (
        split_heads(x @ part.weight.T + part.bias, 3)
        for part in (layer.linear_q, layer.linear_k, layer.linear_v)
    )
    bias = shaw_scores(q, layer.distance_embedding.weight, positions, positions)
    weights = torch.softmax(attention_scores(q, k) + bias, -1)
    ours = merge_heads(weights @ v) @ layer.linear_out.weight.T + layer.linear_out.bias
    torch.testing.assert_close(ours, layer(x)[0], atol=1e-12, rtol=0)


def test_shaw_in_batches_and_for_a_single_query(array):
    q, table = array(vectors(0, 2, 3, 4, 6)), array(vectors(1, 5, 6))
    queries, keys = np.array([[3, 4, 5, 6], [0, 9, 2, 1]]), np.array([[0, 1, 2], [7, 8, 9]])
    weights = array(vectors(2, 2, 3, 4, 3))
    scores = shaw_scores(q, table, array(queries, "int64"), array(keys, "int64"))
    values = shaw_values(weights, table, array(queries, "int64"), array(keys, "int64"))
    for b in range(2):
        for i in range(4):
            m, n = array(queries[b, i : i + 1], "int64"), array(keys[b], "int64")
            alone = shaw_scores(q[b, :, i : i + 1], table, m, n)
            assert np.asarray(scores[b, :, i : i + 1]) == pytest.approx(np.asarray(alone))
            alone = shaw_values(weights[b, :, i : i + 1], table, m, n)
            assert np.asarray(values[b, :, i : i + 1]) == pytest.approx(np.asarray(alone))
    unscaled = shaw_scores(q, table, array(queries, "int64"), array(keys, "int64"), scale=1.0)
    assert np.asarray(unscaled) == pytest.approx(np.asarray(scores) * math.sqrt(6))


def test_gradients(draw):
    q, table, buckets = (draw(*s).requires_grad_() for s in ((2, 3, 4), (5, 4), (8, 2)))
    p = torch.arange(3)
    assert torch.autograd.gradcheck(lambda q, t: shaw_scores(q, t, p, p), (q, table))
    weights = draw(2, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda w, t: shaw_values(w, t, p, p), (weights, table))
    assert torch.autograd.gradcheck(lambda t: t5_bias(t, p, p), (buckets,))


def test_strict_array_api():
    strict = pytest.importorskip("array_api_strict")
    q, table, buckets = vectors(0, 2, 4, 6), vectors(1, 5, 6), vectors(2, 8, 2)
    positions = np.arange(4)
    calls = [
        lambda a: shaw_scores(a(q), a(table), a(positions), a(positions)),
        lambda a: shaw_values(a(vectors(3, 2, 4, 4)), a(table), a(positions), a(positions)),
        lambda a: t5_bias(a(buckets), a(positions), a(positions)),
        lambda a: t5_bias(a(buckets), a(positions), a(positions), False, 20),
        lambda a: alibi_bias(3, a(positions), a(positions)),
    ]
    for call in calls:
        assert np.asarray(call(strict.asarray)) == pytest.approx(call(np.asarray), abs=1e-15)
