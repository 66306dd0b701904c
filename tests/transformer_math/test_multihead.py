"""Multi-head attention against torch's module, and its circuits against itself."""

import numpy as np
import pytest
import torch

from transformer_math.attention import (
    MultiHeadAttention,
    attention_scores,
    causal_mask,
    merge_heads,
    multi_head_attention,
    ov_circuit,
    padding_mask,
    qk_circuit,
    split_heads,
)


def redrawn(draw, width=12, heads=3, **options):
    """A torch module whose parameters, biases included, are drawn from N(0, 1/4)."""
    module = torch.nn.MultiheadAttention(
        width, heads, batch_first=True, dtype=torch.float64, **options
    )
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(draw(*parameter.shape) * 0.5)
    return module.eval()


def weights_of(module):
    """Its weights as ours: (d_in, d_out), and the biases by name."""
    if module.in_proj_weight is not None:
        w_q, w_k, w_v = module.in_proj_weight.chunk(3)
    else:
        w_q, w_k, w_v = module.q_proj_weight, module.k_proj_weight, module.v_proj_weight
    matrices = [w.detach().T for w in (w_q, w_k, w_v, module.out_proj.weight)]
    if module.in_proj_bias is None:
        return matrices, {}
    biases = [*module.in_proj_bias.detach().chunk(3), module.out_proj.bias.detach()]
    return matrices, dict(zip(("b_q", "b_k", "b_v", "b_o"), biases, strict=True))


def compare(ours, theirs, tolerance=1e-12):
    for own, reference in zip(ours, theirs, strict=True):
        assert np.asarray(own) == pytest.approx(reference.detach().numpy(), abs=tolerance)


@pytest.mark.parametrize("heads", [1, 2, 3, 12])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_equals_torch(draw, array, heads, bias, causal):
    module, x = redrawn(draw, heads=heads, bias=bias), draw(2, 5, 12)
    matrices, biases = weights_of(module)
    mask = causal_mask(5, like=x) if causal else None
    theirs = module(
        x,
        x,
        x,
        attn_mask=~mask if causal else None,  # its True blocks
        average_attn_weights=False,
    )
    ours = multi_head_attention(
        array(x),
        *map(array, matrices),
        heads,
        mask=array(mask, "bool") if causal else None,
        **{name: array(b) for name, b in biases.items()},
    )
    compare(ours, theirs)


def test_cross_attention_and_padding_equal_torch(draw, array):
    module = redrawn(draw, kdim=8, vdim=8)
    matrices, biases = weights_of(module)
    x, context = draw(2, 5, 12), draw(2, 7, 8)
    mask = padding_mask([4, 7], 7, like=x)
    theirs = module(
        x, context, context, key_padding_mask=~mask[:, 0, 0], average_attn_weights=False
    )
    ours = multi_head_attention(
        array(x),
        *map(array, matrices),
        3,
        context=array(context),
        mask=array(mask, "bool"),
        **{name: array(b) for name, b in biases.items()},
    )
    compare(ours, theirs)
    assert ours[1].shape == (2, 3, 5, 7)


def test_float32_equals_torch(draw):
    module, x = redrawn(draw).float(), draw(5, 12).float()
    matrices, biases = weights_of(module)
    theirs = module(x, x, x, average_attn_weights=False)
    compare(multi_head_attention(x, *matrices, 3, **biases), theirs, tolerance=1e-5)


def test_split_and_merge(draw, array):
    x = array(draw(2, 5, 12))
    heads = split_heads(x, 4)
    assert heads.shape == (2, 4, 5, 3)
    assert np.asarray(heads[:, 1]).tolist() == np.asarray(x[..., 3:6]).tolist()
    assert np.asarray(merge_heads(heads)).tolist() == np.asarray(x).tolist()


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_circuits_give_scores_and_output(draw, array, kv_heads):
    """MHA(X) = sum over heads of A X W_V W_O, and scores are x C_QK y over the root of d_h."""
    heads, d, width, value_width = 4, 10, 3, 5
    x, w_q, w_o = draw(6, d), draw(d, heads * width), draw(heads * value_width, 7)
    w_k, w_v = draw(d, kv_heads * width), draw(d, kv_heads * value_width)
    x, w_q, w_k, w_v, w_o = map(array, (x, w_q, w_k, w_v, w_o))
    output, weights = multi_head_attention(x, w_q, w_k, w_v, w_o, heads, kv_heads)
    qk, ov = qk_circuit(w_q, w_k, heads, kv_heads), ov_circuit(w_v, w_o, heads, kv_heads)
    assert (qk.shape, ov.shape) == ((heads, d, d), (heads, d, 7))
    assert np.asarray((weights @ x @ ov).sum(0)) == pytest.approx(np.asarray(output), abs=1e-10)
    q, k = split_heads(x @ w_q, heads), split_heads(x @ w_k, kv_heads)
    scores = np.asarray(attention_scores(q, k, scale=1.0))
    assert np.asarray(x @ qk @ x.T) == pytest.approx(scores, abs=1e-10)
    assert np.linalg.matrix_rank(np.asarray(qk)).tolist() == [width] * heads
    assert np.linalg.matrix_rank(np.asarray(ov)).tolist() == [value_width] * heads


def test_heads_may_be_rotated_without_a_trace(draw):
    """Gauge freedom: W_Q M and W_K M^-T give the same attention for every invertible M."""
    x, w_q, w_k, w_v, w_o = draw(5, 8), draw(8, 4), draw(8, 4), draw(8, 4), draw(4, 8)
    m = draw(4, 4)
    before = multi_head_attention(x, w_q, w_k, w_v, w_o, 1)
    after = multi_head_attention(x, w_q @ m, w_k @ torch.linalg.inv(m).T, w_v, w_o, 1)
    torch.testing.assert_close(before, after)
    torch.testing.assert_close(
        qk_circuit(w_q, w_k, 1), qk_circuit(w_q @ m, w_k @ torch.linalg.inv(m).T, 1)
    )


def test_few_key_heads_equal_repeated_ones(draw):
    x, w_q, w_o = draw(2, 5, 8), draw(8, 12), draw(12, 8)
    w_k, w_v = draw(8, 6), draw(8, 6)
    few = multi_head_attention(x, w_q, w_k, w_v, w_o, 4, kv_heads=2)
    wide = [torch.cat([w[:, :3], w[:, :3], w[:, 3:], w[:, 3:]], dim=1) for w in (w_k, w_v)]
    torch.testing.assert_close(few, multi_head_attention(x, w_q, *wide, w_o, 4))


def test_permuting_tokens_permutes_the_output(draw):
    x, matrices = draw(6, 8), [draw(8, 8) for _ in range(4)]
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    output, _ = multi_head_attention(x, *matrices, 2)
    torch.testing.assert_close(multi_head_attention(x[order], *matrices, 2)[0], output[order])


def test_gradients_reach_every_argument(draw):
    x, context = draw(3, 4), draw(5, 6)
    matrices = [draw(4, 4), draw(6, 2), draw(6, 2), draw(4, 4)]
    inputs = tuple(tensor.requires_grad_() for tensor in (x, context, *matrices))
    assert torch.autograd.gradcheck(
        lambda x, c, *w: multi_head_attention(x, *w, 2, 1, context=c), inputs
    )


@pytest.mark.parametrize("bias", [False, True])
def test_module_is_the_function_with_weights(draw, bias):
    torch.manual_seed(0)
    module = MultiHeadAttention(12, 4, kv_heads=2, context_width=6, bias=bias).double()
    for name, parameter in module.named_parameters():
        if name.startswith("b"):
            assert not parameter.any()
            torch.nn.init.normal_(parameter)
    parameters = dict(module.named_parameters())
    assert set(parameters) == {"w_q", "w_k", "w_v", "w_o"} | (
        {"b_q", "b_k", "b_v", "b_o"} if bias else set()
    )
    assert parameters["w_k"].shape == (6, 6)
    x, context, mask = draw(2, 5, 12), draw(2, 3, 6), padding_mask([2, 3], 3, like=draw(1))
    torch.testing.assert_close(
        module(x, context, mask),
        multi_head_attention(x, heads=4, kv_heads=2, context=context, mask=mask, **parameters),
    )
    module(x, context)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    assert "heads=4" in repr(module)


def test_module_starts_with_the_variance_it_says():
    torch.manual_seed(0)
    assert MultiHeadAttention(256, 4).w_q.var().item() == pytest.approx(2 / 512, rel=0.03)
