"""Fewer key and value heads: by hand, as least squares, and what keeps the outputs."""

import copy

import numpy as np
import pytest
import torch

from transformer_math.attention import LatentAttention
from transformer_math.transformer import Transformer, TransformerConfig, with_fewer_kv_heads

SIZES = dict(vocabulary=11, width=12, layers=2, hidden=20, context=9)
SIX = TransformerConfig(**SIZES, heads=6, head_width=2)
IDS = torch.tensor([[1, 2, 3, 4, 5], [10, 9, 8, 7, 0]])


def model(**other):
    torch.manual_seed(0)
    made = Transformer(TransformerConfig(**{**SIZES, "heads": 6, "head_width": 2, **other}))
    for p in made.parameters():
        torch.nn.init.normal_(p, std=0.5)
    return made.eval()


def layer(m, number=0):
    return m.decoder.blocks[number].attention


def test_by_hand():
    """Two columns a head, four heads: (1 2 | 3 4 | 5 6 | 7 8) has the means (2 3 | 6 7)."""
    m = model(heads=4, width=8)
    row = torch.arange(1.0, 9.0)
    layer(m).w_k.data[0] = row
    layer(m).b_v.data[:] = row
    pooled = layer(with_fewer_kv_heads(m, 2))
    assert pooled.w_k[0].tolist() == [2, 3, 6, 7]
    assert pooled.b_v.tolist() == [2, 3, 6, 7]
    assert layer(with_fewer_kv_heads(m, 1)).w_k[0].tolist() == [4, 5]
    assert layer(with_fewer_kv_heads(m, 2, "first")).w_k[0].tolist() == [1, 2, 5, 6]
    assert layer(with_fewer_kv_heads(m, 1, "first")).b_v.tolist() == [1, 2]


@pytest.mark.parametrize("kv_heads", [1, 2, 3])
def test_the_mean_is_the_least_squares_shared_projection(kv_heads):
    m = model()
    group = 6 // kv_heads
    for letter in "kv":
        old = getattr(layer(m), f"w_{letter}").detach().numpy().astype(np.float64)
        new = getattr(layer(with_fewer_kv_heads(m, kv_heads)), f"w_{letter}").detach().numpy()
        heads = np.split(old, 6, axis=1)
        for j in range(kv_heads):
            ours = np.vstack(heads[j * group : (j + 1) * group])
            # One W for all of the group: the overdetermined system (I; I; ...) W = (W_1; W_2; ...).
            design = np.vstack([np.eye(12)] * group)
            best, residual, *_ = np.linalg.lstsq(design, ours, rcond=None)
            found = new[:, 2 * j : 2 * j + 2]
            np.testing.assert_allclose(found, best, atol=1e-6)
            assert ((ours - design @ found) ** 2).sum() == pytest.approx(residual.sum(), rel=1e-5)


@pytest.mark.parametrize("how", ["mean", "first"])
def test_as_many_heads_change_nothing(how):
    m = model()
    same = with_fewer_kv_heads(m, 6, how)
    assert all(torch.equal(w, same.state_dict()[name]) for name, w in m.state_dict().items())
    assert torch.equal(m(IDS), same(IDS))


@pytest.mark.parametrize("how", ["mean", "first"])
@pytest.mark.parametrize("kv_heads", [1, 2, 3])
@pytest.mark.parametrize("positions, bias", [("rotary", False), ("learned", True)])
def test_equal_heads_of_a_group_keep_the_outputs(how, kv_heads, positions, bias):
    shared = model(kv_heads=kv_heads, positions=positions, bias=bias)
    # The same as 6 heads, each written out as often as query heads read it.
    spread = model(positions=positions, bias=bias)
    weights = dict(shared.state_dict())
    for name, w in weights.items():
        if name.endswith((".w_k", ".w_v", ".b_k", ".b_v")):
            heads = w.reshape(*w.shape[:-1], kv_heads, 2)
            weights[name] = heads.repeat_interleave(6 // kv_heads, -2).flatten(-2)
    spread.load_state_dict(weights)
    torch.testing.assert_close(spread(IDS), shared(IDS), rtol=1e-6, atol=1e-6)
    back = with_fewer_kv_heads(spread, kv_heads, how)
    torch.testing.assert_close(back(IDS), spread(IDS), rtol=1e-6, atol=1e-6)


def test_tiled_heads_do_not_keep_the_outputs():
    """Head i reads head i // group. Merging i, i + 2, i + 4 has the same shapes and is wrong."""
    m = model()
    for block in m.decoder.blocks:
        for letter in "kv":
            for name in (f"w_{letter}", f"b_{letter}"):
                p = getattr(block.attention, name)
                p.data = p.data[..., :4].repeat(*[1] * (p.ndim - 1), 3)  # 0 1 0 1 0 1, not 000111
    assert (with_fewer_kv_heads(m, 2)(IDS) - m(IDS)).abs().max() > 0.1


def test_in_two_steps_or_one():
    m = model()
    twice = with_fewer_kv_heads(with_fewer_kv_heads(m, 3), 1)
    once = with_fewer_kv_heads(m, 1)
    for name, w in once.state_dict().items():
        torch.testing.assert_close(w, twice.state_dict()[name], rtol=1e-6, atol=1e-6)


def test_random_heads_have_the_old_deviation():
    m = model(width=240, head_width=40, heads=6, bias=True)
    layer(m).w_v.data *= 3
    made = with_fewer_kv_heads(m, 3, "random", seed=1)
    for number in (0, 1):
        for name in ("w_k", "w_v"):
            old, new = getattr(layer(m, number), name), getattr(layer(made, number), name)
            # 28,800 entries: the deviation's own is 0.42 %.
            assert float((new.std() / old.std()).detach()) == pytest.approx(1, abs=0.02)
            # ... and what was in them is gone.
            old = old.detach().reshape(240, 3, 2, 40).mean(2).flatten()
            assert abs(np.corrcoef(old, new.detach().flatten())[0, 1]) < 0.03
    assert not layer(made).b_k.any()
    again = with_fewer_kv_heads(m, 3, "random", seed=1)
    assert torch.equal(layer(again).w_k, layer(made).w_k)
    other = with_fewer_kv_heads(m, 3, "random", seed=2)
    assert not torch.equal(layer(other).w_k, layer(made).w_k)
    assert not torch.equal(layer(made).w_k, layer(made, 1).w_k)


@pytest.mark.parametrize("kind", ["encoder", "encoder-decoder"])
def test_every_attention_of_every_kind(kind):
    made = with_fewer_kv_heads(model(kind=kind), 2)
    for name, w in made.state_dict().items():
        if name.endswith((".w_k", ".w_v")):
            assert w.shape == (12, 4), name
    assert made.config.kv_heads == 2 and made.config.kind == kind
    memory = made.encode(IDS)
    assert torch.isfinite(memory if kind == "encoder" else made(IDS, memory=memory)).all()


def test_the_old_model_and_the_random_numbers_stay():
    m = model().train()
    before = copy.deepcopy(m.state_dict())
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    made = with_fewer_kv_heads(m, 1, "random")
    assert torch.equal(torch.rand(2), expected)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(1.0)
    assert all(torch.equal(w, m.state_dict()[name]) for name, w in before.items())
    assert made.training and all(p.requires_grad for p in made.parameters())


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(kv_heads=4), "kv_heads is 4; allowed: a divisor of the model's .* 6"),
        (dict(kv_heads=12), "kv_heads is 12; allowed"),
        (dict(kv_heads=0), "kv_heads is 0"),
        (dict(kv_heads=2.0), "kv_heads is 2.0"),
        (dict(kv_heads=2, how="median"), "how is 'median'; allowed: 'mean', 'first', 'random'"),
        (dict(kv_heads=2, seed=-1), "seed is -1"),
    ],
)
def test_errors(arguments, words, unchecked):
    with pytest.raises(ValueError, match=words):
        with_fewer_kv_heads(model(), **arguments)


def test_what_has_no_key_heads(unchecked):
    latent = LatentAttention(12, 3, 4, latent_width=5, rotary_width=2)
    with pytest.raises(ValueError, match="model is a .*Latent.*; allowed: a Transformer"):
        with_fewer_kv_heads(latent, 1)
    grouped = model(kv_heads=2)
    with pytest.raises(ValueError, match="kv_heads is 3; allowed: a divisor of .* 2"):
        with_fewer_kv_heads(grouped, 3)
