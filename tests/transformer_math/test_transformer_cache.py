"""What the Transformer asks of a cache, with the plainest caches that keep to the protocol."""

import pytest
import torch

from transformer_math.positions.scaling import RopeScaling
from transformer_math.transformer import Transformer, TransformerConfig

SIZES = dict(vocabulary=17, width=24, heads=4, kv_heads=2, layers=3, hidden=32, context=16)


class Slots:
    """A fixed number of slots for each layer; empty ones are at position -1."""

    def __init__(self, layers, size, rotated=True, batched=False):
        self.rotated, self.batched, self.size = rotated, batched, size
        self.held, self.cross, self.calls = 0, {}, []
        self.keys, self.values = [None] * layers, [None] * layers

    @property
    def room(self):
        return self.size - self.held

    def next_positions(self, n):
        positions = torch.arange(self.held, self.held + n)
        return positions.expand(2, n) if self.batched else positions

    def extend(self, layer, k, v):
        if self.keys[layer] is None:
            shape = (*k.shape[:2], self.size, k.shape[-1])
            # What an empty slot holds must not matter.
            self.keys[layer], self.values[layer] = torch.full(shape, 9.0), torch.full(shape, 9.0)
            self.keys[layer], self.values[layer] = self.keys[layer].to(k), self.values[layer].to(v)
        n = k.shape[-2]
        self.keys[layer][:, :, self.held : self.held + n] = k
        self.values[layer][:, :, self.held : self.held + n] = v
        self.calls.append(layer)
        slots = torch.arange(self.size)
        positions = torch.where(slots < self.held + n, slots, -1)
        positions = positions.expand(2, self.size) if self.batched else positions
        return self.keys[layer], self.values[layer], positions

    def advance(self, n):
        self.held += n
        self.calls.append("advance")


def build(**changes):
    model = Transformer(TransformerConfig(**SIZES | changes)).double().eval()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.25 * torch.randn(parameter.shape, generator=draw))
    return model.requires_grad_(False)


def ids(*shape, seed=1):
    return torch.randint(17, shape, generator=torch.Generator().manual_seed(seed))


CHANGES = [
    *({"positions": p} for p in ("learned", "sinusoidal", "rotary", "alibi", "t5", "none")),
    {"positions": "rotary", "rope": RopeScaling("yarn", 4.0, 16), "norm": "rms", "bias": False},
    {"positions": "rotary", "window": 4},
    {"norm_first": False},
]


@pytest.mark.parametrize("batched", [False, True], ids=["one row", "a row a text"])
@pytest.mark.parametrize("rotated", [True, False], ids=["rotated", "unrotated"])
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_piece_by_piece_equals_at_once(changes, rotated, batched):
    model, tokens = build(**changes), ids(2, 11)
    cache = Slots(3, 13, rotated, batched)
    pieces = [model(piece, cache=cache) for piece in tokens.split([4, 1, 1, 5], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, 1), model(tokens), atol=1e-11, rtol=0)
    assert cache.calls == [0, 1, 2, "advance"] * 4


def test_the_trace_shows_all_keys():
    model, cache = build(positions="rotary"), Slots(3, 9)
    model(ids(5), cache=cache)
    output = model(ids(2, seed=2), cache=cache, trace=True)
    assert output.logits.shape == (2, 17) and output.attention.shape == (3, 4, 2, 9)
    assert not output.attention[..., 7:].any()  # empty slots
    assert not output.attention[..., 0, 6].any()  # the future


@pytest.mark.parametrize(
    "rotated, layers, equal", [(False, 1, True), (True, 1, False), (False, 2, False)]
)
def test_dynamic_scaling_and_the_cache(rotated, layers, equal):
    # Frequencies change with the length. Keys kept unrotated follow; but what deeper layers keep
    # was computed from attention at an earlier length, as in every implementation with a cache.
    model = build(positions="rotary", rope=RopeScaling("dynamic", 4.0, 4), layers=layers)
    tokens, cache = ids(2, 11), Slots(layers, 11, rotated)
    pieces = [model(piece, cache=cache) for piece in tokens.split([4, 1, 1, 5], dim=1)]
    difference = (pieces[-1][:, -1] - model(tokens)[:, -1]).abs().max()
    assert difference < 1e-11 if equal else difference > 1e-6


def test_cross_attention_is_projected_once():
    model = build(kind="encoder-decoder", positions="t5")
    memory, cache, tokens = model.encode(ids(2, 6, seed=3)), Slots(3, 9), ids(2, 7)
    first = model(tokens[:, :3], memory=memory, cache=cache)
    held = dict(cache.cross)
    assert sorted(held) == [0, 1, 2]
    # The keys and values of the memory are there already: another memory changes nothing.
    last = model(tokens[:, 3:], memory=0 * memory, cache=cache)
    assert all(cache.cross[layer] is held[layer] for layer in held)
    whole = model(tokens, memory=memory)
    torch.testing.assert_close(torch.cat([first, last], 1), whole, atol=1e-11, rtol=0)


def test_a_mask_reaches_cached_keys():
    model, tokens, cache = build(positions="rotary"), ids(1, 6), Slots(3, 6)
    hidden = torch.tensor([True, False, True, True, True, True])
    whole = model(tokens, hidden)
    first = model(tokens[:, :4], hidden, cache=cache)
    last = model(tokens[:, 4:], hidden, cache=cache)
    torch.testing.assert_close(torch.cat([first, last], 1), whole, atol=1e-11, rtol=0)


@pytest.mark.parametrize(
    "arguments, options, words",
    [
        ([ids(2, 4)], {}, "ids are 4 tokens; allowed: at most 3, what is left in the cache"),
        ([torch.full((2, 1), 17)], {}, "ids go from 17 to 17"),
        ([ids(2, 1), torch.ones(1, 1)], {}, "mask is of type"),
        ([ids(2, 1), torch.ones(3, 1, 1, 8) > 0], {}, "broadcasts to (2, 4, 1, keys)"),
        ([ids(2, 1)], {"ablate": {(9, 9)}}, "ablate has (9, 9)"),
        ([ids(2, 1)], {"memory": torch.zeros(2, 3, 24)}, "memory is given"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_leaves_the_cache_as_it_was(arguments, options, words, unchecked):
    model, cache, tokens = build(positions="rotary"), Slots(3, 8), ids(2, 8)
    model(tokens[:, :5], cache=cache)
    keys = [layer.clone() for layer in cache.keys]
    calls = list(cache.calls)
    with pytest.raises(ValueError) as error:
        model(*arguments, cache=cache, **options)
    assert words in str(error.value)
    assert cache.held == 5 and cache.calls == calls
    assert all(torch.equal(a, b) for a, b in zip(keys, cache.keys, strict=True))
    last = model(tokens[:, 5:], cache=cache)
    torch.testing.assert_close(last, model(tokens)[:, 5:], atol=1e-11, rtol=0)
