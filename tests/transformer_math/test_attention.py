"""Attention, direct and online, against torch's fused kernel and by its laws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention as sdpa

from transformer_math.attention import (
    attention,
    attention_scores,
    causal_mask,
    online_attention,
    online_softmax_steps,
    padding_mask,
    score_variance,
    window_mask,
)
from transformer_math.probability import softmax

seeds = st.integers(0, 2**32 - 1)
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


def random_heads(seed, heads=2, queries=5, keys=7, width=4):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(heads, queries, width)) * 2,
        rng.normal(size=(heads, keys, width)) * 2,
        rng.normal(size=(heads, keys, 3)),
    )


def masks():
    some = torch.rand(2, 4, 6, 9, generator=torch.Generator().manual_seed(1)) < 0.5
    blind = some.clone()
    blind[1, 2, 3] = False  # one query that may attend to nothing
    return {
        "none": None,
        "causal": causal_mask(6, 9, like=some),
        "padding": padding_mask([5, 0], 9, like=some),
        "causal and padding": causal_mask(6, 9, like=some) & padding_mask([9, 4], 9, like=some),
        "window": window_mask(6, 2, 9, like=some),
        "random": some,
        "blind query": blind,
        "all masked": torch.zeros_like(some),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", masks())
@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_equals_sdpa(draw, array, dtype, name, kv_heads):
    q, k, v = draw(2, 4, 6, 8), draw(2, kv_heads, 9, 8), draw(2, kv_heads, 9, 5)
    mask = masks()[name]
    expected = sdpa(q, k, v, attn_mask=mask, enable_gqa=True).numpy()
    arrays = [array(tensor, dtype) for tensor in (q, k, v)]
    mask = None if mask is None else array(mask, "bool")
    output, weights = attention(*arrays, mask)
    assert str(output.dtype).endswith(dtype)
    assert np.asarray(output) == pytest.approx(expected, abs=TOLERANCE[dtype])
    assert weights.shape == (2, 4, 6, 9)
    for block in (1, 4, 64):
        online = online_attention(*arrays, mask, block=block)
        assert str(online.dtype).endswith(dtype)
        assert np.asarray(online) == pytest.approx(expected, abs=TOLERANCE[dtype])


def test_equals_sdpa_causal_flag_and_scale(draw):
    q, k, v = draw(3, 6, 8), draw(3, 6, 8), draw(3, 6, 8)
    torch.testing.assert_close(
        attention(q, k, v, causal_mask(6, like=q), scale=0.7)[0],
        sdpa(q, k, v, is_causal=True, scale=0.7),
    )
    torch.testing.assert_close(online_attention(q, k, v, scale=0.7), sdpa(q, k, v, scale=0.7))


def test_definition_on_matrices(array):
    """Two queries and two keys, by hand: scores log 3 apart give weights 3/4 and 1/4."""
    q = array([[math.log(3) * 2, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    k = array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    v = array([[4.0, 0.0], [0.0, 8.0]])
    output, weights = attention(q, k, v)
    assert np.asarray(attention_scores(q, k)) == pytest.approx(np.array([[math.log(3), 0], [0, 0]]))
    assert np.asarray(weights) == pytest.approx(np.array([[0.75, 0.25], [0.5, 0.5]]))
    assert np.asarray(output) == pytest.approx(np.array([[3, 2], [2, 4]]))


def test_grouped_heads_share_consecutively(draw):
    q, k, v = draw(2, 6, 3, 4), draw(2, 3, 5, 4), draw(2, 3, 5, 4)
    output, weights = attention(q, k, v)
    for head in range(6):
        alone, alone_weights = attention(q[:, head], k[:, head // 2], v[:, head // 2])
        torch.testing.assert_close(output[:, head], alone)
        torch.testing.assert_close(weights[:, head], alone_weights)
    assert attention_scores(q, k[0, 0]).shape == (2, 6, 3, 5)


def test_soft_cap_bounds_scores_before_the_mask(draw):
    q, k, v = draw(3, 4) * 30, draw(5, 4) * 30, draw(5, 2)
    mask = causal_mask(3, 5, like=q)
    _, weights = attention(q, k, v, mask, softcap=2.0)
    scores = 2 * torch.tanh(attention_scores(q, k) / 2)
    torch.testing.assert_close(weights, torch.softmax(scores.masked_fill(~mask, -math.inf), -1))
    open_weights = weights[2]  # sees all five keys: no ratio above e^(2 - -2)
    assert open_weights.max() / open_weights.min() <= math.exp(4) + 1e-9


def test_blind_query_has_zero_weights_output_and_gradient(draw):
    q, k, v = (draw(2, 4).requires_grad_() for _ in range(3))
    mask = torch.tensor([[True, True], [False, False]])
    output, weights = attention(q, k, v, mask)
    assert weights[1].tolist() == [0, 0]
    assert output[1].tolist() == [0] * 4
    (output.square().sum() + weights.square().sum()).backward()
    assert q.grad[1].tolist() == [0] * 4
    assert all(torch.isfinite(tensor.grad).all() for tensor in (q, k, v))


def test_gradients(draw):
    q, k, v = (draw(2, 3, 4).requires_grad_() for _ in range(3))
    mask = causal_mask(3, like=q)
    assert torch.autograd.gradcheck(lambda *x: attention(*x, mask), (q, k, v))
    assert torch.autograd.gradcheck(lambda *x: online_attention(*x, mask, block=2), (q, k, v))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_extreme_scores_give_no_nan(array, dtype):
    q = array([[1e2, 1e2], [-1e2, 1e2], [0, 0]], dtype)
    k = array([[1e2, -1e2], [1e2, 1e2], [-1e2, -1e2]], dtype)
    v = array([[1, 0], [0, 1], [1, 1]], dtype)
    mask = array([[True, True, True], [True, False, True], [False] * 3], "bool")
    for scale in (None, 0.5, 1.0):  # scores up to 2e4; 4e4 would still fit in float16
        output, weights = attention(q, k, v, mask, scale=scale)
        assert np.asarray(weights).tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
        assert np.asarray(output).tolist() == [[0, 1], [1, 1], [0, 0]]
        online = online_attention(q, k, v, mask, scale=scale, block=1)
        assert np.asarray(online).tolist() == [[0, 1], [1, 1], [0, 0]]


@given(seeds)
def test_permuting_tokens_permutes_the_output(seed):
    q, k, v = random_heads(seed)
    rng = np.random.default_rng(seed + 1)
    rows, columns = rng.permutation(5), rng.permutation(7)
    output, weights = attention(q, k, v)
    permuted, permuted_weights = attention(q[:, rows], k[:, columns], v[:, columns])
    assert permuted == pytest.approx(output[:, rows], abs=1e-12)
    assert permuted_weights == pytest.approx(weights[:, rows][:, :, columns], abs=1e-12)


@given(seeds, st.booleans())
def test_output_is_a_convex_combination_of_the_values(seed, causal):
    q, k, v = random_heads(seed)
    output, weights = attention(q, k, v, causal_mask(5, 7) if causal else None)
    assert np.all(weights >= 0)
    assert weights.sum(-1) == pytest.approx(1, abs=1e-12)
    assert np.all(output >= v.min(-2, keepdims=True) - 1e-12)
    assert np.all(output <= v.max(-2, keepdims=True) + 1e-12)
    assert output == pytest.approx(weights @ v, abs=1e-12)


@given(seeds, st.floats(-5, 5))
def test_moving_all_keys_alike_changes_nothing(seed, shift):
    """A vector added to every key adds the same to all scores of a query: softmax ignores it."""
    q, k, v = random_heads(seed)
    assert attention(q, k + shift, v)[0] == pytest.approx(attention(q, k, v)[0], abs=1e-10)


@given(seeds, st.integers(0, 5))
def test_causal_output_ignores_the_future(seed, last):
    q, k, v = random_heads(seed, queries=6, keys=6)
    before, _ = attention(q, k, v, causal_mask(6))
    for x in (q, k, v):
        x[:, last + 1 :] = np.random.default_rng(seed + 1).normal(size=x[:, last + 1 :].shape) * 9
    after, _ = attention(q, k, v, causal_mask(6))
    assert (after[:, : last + 1] == before[:, : last + 1]).all()


@given(seeds, st.integers(1, 20), st.booleans())
def test_online_equals_direct_for_any_block(seed, block, masked):
    q, k, v = random_heads(seed, keys=17)
    mask = np.random.default_rng(seed).random((5, 17)) < 0.4 if masked else None
    direct, _ = attention(q, k, v, mask)
    assert online_attention(q, k, v, mask, block=block) == pytest.approx(direct, abs=1e-12)


def test_online_mask_may_broadcast_over_keys(draw):
    q, k, v = draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 4)
    mask = torch.tensor([[True], [False], [True]])
    torch.testing.assert_close(
        online_attention(q, k, v, mask, block=2), attention(q, k, v, mask)[0]
    )


@given(st.lists(st.floats(-1e4, 1e4) | st.just(-math.inf), min_size=1, max_size=8))
def test_online_softmax_steps(scores):
    scores = np.array(scores)
    steps = online_softmax_steps(scores)
    for t in range(len(scores)):
        seen = scores[: t + 1]
        maximum = steps.maximum[t]
        assert maximum == seen.max()
        direct = np.exp(seen - maximum).sum() if np.isfinite(maximum) else 0
        assert steps.total[t] == pytest.approx(direct, rel=1e-12)
    assert not np.isnan(steps.rescale).any()
    if np.isfinite(scores.max()):
        weights = np.exp(scores - steps.maximum[-1]) / steps.total[-1]
        assert weights == pytest.approx(softmax(scores), abs=1e-12)


def test_online_softmax_worked_example():
    steps = online_softmax_steps(np.log(np.array([1.0, 4.0, 2.0])))
    assert np.exp(steps.maximum) == pytest.approx([1, 4, 4])
    assert steps.rescale == pytest.approx([0, 0.25, 1])
    assert steps.total == pytest.approx([1, 1.25, 1.75])


def test_score_variance_against_samples_that_are_neither_gaussian_nor_independent():
    rng = np.random.default_rng(0)
    mix_q, mix_k = rng.normal(size=(2, 5, 5))
    q = rng.exponential(size=(400_000, 5)) @ mix_q
    k = rng.integers(0, 2, size=(400_000, 5)) @ mix_k + 1.0
    moments = (q.T @ q / len(q), k.T @ k / len(k), q.mean(0), k.mean(0))
    assert np.var((q * k).sum(-1)) == pytest.approx(score_variance(*moments), rel=0.02)
    identity, zero, one = np.eye(64), np.zeros(64), np.ones(64) / 8
    assert score_variance(identity, identity, zero, one) == 64
    assert isinstance(score_variance(*map(torch.as_tensor, moments)), torch.Tensor)


def test_strict_array_api():
    strict = pytest.importorskip("array_api_strict")
    q, k, v = (strict.asarray(x) for x in random_heads(0))
    grouped = strict.concat([q, q])
    mask = causal_mask(5, 7, like=q)
    output, _ = attention(grouped, k, v, mask, softcap=5.0)
    online = online_attention(grouped, k, v, mask, block=3)
    assert strict.max(strict.abs(output - online)) > 1e-6  # the cap makes a difference
    plain, _ = attention(grouped, k, v, mask)
    assert strict.max(strict.abs(plain - online)) < 1e-12


BIASES = {"all": (2, 4, 6, 9), "heads": (4, 6, 9), "one": (6, 9), "keys": (1, 9), "row": (9,)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BIASES)
def test_a_bias_is_sdpa_s_additive_mask(draw, array, dtype, name):
    q, k, v, bias = draw(2, 4, 6, 8), draw(2, 2, 9, 8), draw(2, 2, 9, 5), 3 * draw(*BIASES[name])
    whole = bias.expand(2, 4, 6, 9)
    expected = sdpa(q, k, v, attn_mask=whole, enable_gqa=True)
    arrays = [array(tensor, dtype) for tensor in (q, k, v)]
    output, _ = attention(*arrays, bias=array(bias, dtype))
    assert str(output.dtype).endswith(dtype)
    assert np.asarray(output) == pytest.approx(expected.numpy(), abs=TOLERANCE[dtype])
    plain, _ = attention(*arrays)
    assert np.abs(np.asarray(output) - np.asarray(plain)).max() > 1e-2
    mask = masks()["random"]
    masked = sdpa(q, k, v, attn_mask=whole.masked_fill(~mask, -math.inf), enable_gqa=True)
    output, _ = attention(*arrays, array(mask, "bool"), bias=array(bias, dtype))
    assert np.asarray(output) == pytest.approx(masked.numpy(), abs=TOLERANCE[dtype])


@given(seeds)
def test_a_bias_multiplies_the_odds(seed):
    q, k, v = random_heads(seed)
    bias = np.random.default_rng(seed).normal(size=(5, 7))
    _, plain = attention(q, k, v)
    _, weights = attention(q, k, v, bias=bias)
    odds = plain * np.exp(bias)
    assert weights == pytest.approx(odds / odds.sum(-1, keepdims=True), abs=1e-12)
    # One number for all keys of a query changes nothing.
    assert attention(q, k, v, bias=bias[:, :1])[1] == pytest.approx(plain, abs=1e-12)


def test_a_bias_comes_after_the_soft_cap_and_has_a_gradient(draw):
    q, k, v, bias = draw(3, 4), draw(5, 4), draw(5, 2), draw(3, 5)
    scores = 2 * torch.tanh(attention_scores(q, k) / 2) + bias
    expected = torch.softmax(scores, -1) @ v
    torch.testing.assert_close(attention(q, k, v, softcap=2.0, bias=bias)[0], expected)
    bias.requires_grad_()
    assert torch.autograd.gradcheck(lambda b: attention(q, k, v, bias=b)[0], (bias,))


@pytest.mark.parametrize(
    "bias, words",
    [
        ([[0.0]], "bias is a list; allowed: a NumPy array or a torch tensor"),
        (np.zeros((2, 2), dtype=int), "bias has dtype int64; allowed: a floating-point dtype"),
        (np.zeros((2, 2), dtype="f"), "bias has dtype float32 but q has float64"),
        (torch.zeros(2, 2).double(), "different libraries"),
        (np.zeros((2, 3)), "bias has shape (2, 3); allowed: one that broadcasts to the scores'"),
        (np.zeros((1, 2, 2)), "bias has shape (1, 2, 2)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_biases(bias, words, unchecked):
    x = np.ones((2, 6))
    with pytest.raises(ValueError) as error:
        attention(x, x, x, bias=bias)
    assert words in str(error.value)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_mask_hides_keys_altogether_and_values_by_weight_alone(poison):
    # Said in the docstring: 0 times NaN is NaN, in torch's kernel as in ours.
    q, k, v = (torch.from_numpy(x) for x in random_heads(0))
    mask = torch.ones(5, 7, dtype=torch.bool)
    mask[:, 3] = False
    clean = attention(q, k, v, mask)[0]
    k[:, 3] = poison
    torch.testing.assert_close(attention(q, k, v, mask)[0], clean, atol=1e-13, rtol=0)
    torch.testing.assert_close(online_attention(q, k, v, mask, block=3), clean)
    v[:, 3] = poison
    theirs = sdpa(q, k.nan_to_num(0, 0, 0), v, attn_mask=mask)
    assert bool(theirs.isnan().all())
    assert bool(attention(q, k, v, mask)[0].isnan().all())
    assert bool(online_attention(q, k, v, mask, block=3).isnan().all())
