"""Caches: what a model says with one is what it says without, and an error changes nothing."""

from functools import lru_cache

import pytest
import torch
from cache_models import EXACT, LLAMA, memory_of, redrawn, tokens

from transformer_math.decoding import (
    ContiguousCache,
    PagedCache,
    QuantisedCache,
    WindowCache,
    generate,
    steps,
)

MODELS = {
    "GPT-2": {},
    "Llama, grouped heads": LLAMA,
    "Llama, one key head": LLAMA | {"kv_heads": 1, "head_width": 6},
    "ALiBi": {"positions": "alibi"},
    "T5 bias": {"positions": "t5", "buckets": 8, "max_distance": 10},
    "sinusoidal, post-norm": {"positions": "sinusoidal", "norm_first": False},
    "no positions": {"positions": "none"},
    "window of 5": LLAMA | {"window": 5},
    "encoder-decoder": {"kind": "encoder-decoder"},
    "encoder-decoder, T5 bias": {"kind": "encoder-decoder", "positions": "t5"},
}
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


def snapshot(cache):
    return {name: tensor.clone() for name, tensor in cache.tensors().items()}


def assert_same(cache, before):
    after = cache.tensors()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


@lru_cache
def without_cache(name, dtype):
    model = redrawn(dtype, **MODELS[name])
    memory = memory_of(model)
    return model, memory, list(steps(model, tokens(2, 7), 4, memory=memory, cache=False))


CASES = [(name, kind, torch.float64) for name in MODELS for kind in EXACT]
CASES += [(name, "contiguous", torch.float32) for name in MODELS]


@pytest.mark.parametrize(
    ("name", "kind", "dtype"), CASES, ids=["-".join(map(str, case)) for case in CASES]
)
def test_cached_equals_uncached(name, kind, dtype):
    model, memory, expected = without_cache(name, dtype)
    cache = EXACT[kind](model.config, batch=2, dtype=dtype)
    cached = list(steps(model, tokens(2, 7), 4, memory=memory, cache=cache, chunk=3))
    assert cache.length == 7 + 4 - 1
    for one, other in zip(cached, expected, strict=True):
        assert torch.equal(one.token, other.token)
        scale = float(other.logits.abs().max())
        difference = float((one.logits - other.logits).abs().max())
        assert difference <= TOLERANCE[dtype] * max(1, scale)


@pytest.mark.parametrize("kind", EXACT)
def test_every_token_of_a_chunk_is_right(kind):
    """Logits at all places of a text read in uneven pieces, not only after its last token."""
    model = redrawn(**LLAMA)
    cache = EXACT[kind](model.config, batch=2, dtype=torch.float64)
    ids = tokens(2, 14)
    pieces = [model(piece, cache=cache) for piece in ids.split([5, 1, 6, 2], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), model(ids), rtol=0, atol=1e-12)


def test_a_bidirectional_model_has_no_use_for_a_cache():
    """Its old tokens change when new ones come: keys kept from before would be wrong."""
    model = redrawn(kind="encoder")
    ids = tokens(6)
    hidden = [model(ids[:n], trace=True).hidden[1] for n in (5, 6)]
    assert (hidden[1][:5] - hidden[0]).abs().max() > 0.01
    causal = redrawn()
    hidden = [causal(ids[:n], trace=True).hidden[1] for n in (5, 6)]
    torch.testing.assert_close(hidden[1][:5], hidden[0], rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="kind 'encoder'"):
        ContiguousCache(model.config)
    with pytest.raises(ValueError, match="encoder"):
        generate(model, ids, 1)


class Broken(Exception):
    pass


def break_after(model, layer):
    """Let the model fail after a layer's attention has written into the cache."""

    def fail(*_):
        raise Broken

    return model.decoder.blocks[layer].feed_forward.register_forward_pre_hook(fail)


FAILING = EXACT | {
    "window of 4 with a sink": lambda config, **like: WindowCache(config, 4, sinks=1, **like),
    "quantised, 8 bits": lambda config, **like: QuantisedCache(config, group=3, **like),
    "quantised, 4 bits": lambda config, **like: QuantisedCache(config, 4, group=2, **like),
    "paged, shared": lambda config, **like: PagedCache(config, block=4, **like).fork(),
}


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("kind", FAILING)
@pytest.mark.parametrize("name", ["Llama, grouped heads", "encoder-decoder"])
def test_a_pass_that_breaks_off_leaves_the_cache_as_it_was(name, kind, layer):
    model = redrawn(**MODELS[name])
    memory = memory_of(model)
    given = {} if memory is None else {"memory": memory}
    caches = [FAILING[kind](model.config, batch=2, dtype=torch.float64) for _ in range(2)]
    ids = tokens(2, 20)
    for part, cross in ((ids[:, :6], given), (ids[:, 6:9], given)):
        hook = break_after(model, layer)
        wrong = {key: value * 2 for key, value in cross.items()}
        with pytest.raises(Broken):
            model(tokens(2, 5, seed=7), cache=caches[0], **wrong)
        hook.remove()
        outputs = [model(part, cache=cache, **cross) for cache in caches]
        assert torch.equal(*outputs)
    if isinstance(caches[0], PagedCache):
        pools = [cache.pool for cache in caches]
        assert pools[0].references == pools[1].references
        assert pools[0].free == pools[1].free


def test_a_forks_failure_does_not_reach_the_other_fork():
    """Both share a partly filled block; a shortened one would write where the other has tokens."""
    model = redrawn()
    one = PagedCache(model.config, block=8, dtype=torch.float64)
    model(tokens(6), cache=one)
    two = one.fork()
    two.truncate(3)
    both = two.together(one)
    hook = break_after(model, 1)
    with pytest.raises(Broken):
        model(tokens(2, 1), cache=both)
    hook.remove()
    expected = model(torch.cat((tokens(6), tokens(4, seed=3))))[-4:]
    torch.testing.assert_close(model(tokens(4, seed=3), cache=one), expected)


@pytest.mark.parametrize("kind", ["contiguous", "paged, block 1", "paged, block 4"])
@pytest.mark.parametrize("name", ["GPT-2", "Llama, grouped heads"])
def test_truncate_forgets(name, kind):
    model = redrawn(**MODELS[name])
    cache = EXACT[kind](model.config, dtype=torch.float64)
    model(tokens(12), cache=cache)
    cache.truncate(5)
    assert cache.length == 5
    new = tokens(6, seed=4)
    expected = model(torch.cat((tokens(12)[:5], new)))[5:]
    torch.testing.assert_close(model(new, cache=cache), expected, rtol=0, atol=1e-12)
    cache.truncate(0)
    torch.testing.assert_close(model(new, cache=cache), model(new), rtol=0, atol=1e-12)


def test_truncate_where_something_was_given_up():
    model = redrawn()
    window = WindowCache(model.config, 6, sinks=2, dtype=torch.float64)
    model(tokens(8), cache=window)
    window.truncate(7)  # nothing has been given up yet
    new = tokens(1, seed=4)
    expected = model(torch.cat((tokens(8)[:7], new)))[-1:]
    torch.testing.assert_close(model(new, cache=window), expected, rtol=0, atol=1e-12)
    model(new, cache=window)
    quantised = QuantisedCache(model.config, group=4, residual=3, dtype=torch.float64)
    model(tokens(9), cache=quantised)
    assert quantised.quantised == 4
    quantised.truncate(6)
    for cache, length in ((window, 5), (quantised, 3)):
        before, old = snapshot(cache), cache.length
        with pytest.raises(ValueError, match=f"length is {length}; allowed"):
            cache.truncate(length)
        assert_same(cache, before)
        assert cache.length == old


# Paged.


@pytest.mark.parametrize("name", [name for name in MODELS if "encoder" not in name])
def test_texts_of_different_lengths_in_one_batch(name):
    model = redrawn(**MODELS[name])
    memory = PagedCache(model.config, blocks=24, block=4, dtype=torch.float64)
    texts = [tokens(n, seed=n) for n in (3, 9, 4)]
    caches = [memory] + [memory.another() for _ in texts[1:]]
    last = [model(text, cache=cache)[-1:] for text, cache in zip(texts, caches, strict=True)]
    batch = memory.together(*caches[1:])
    assert batch.lengths == [3, 9, 4]
    for _ in range(6):
        new = torch.stack(last)[:, -1].argmax(-1, keepdim=True)
        logits = model(new, cache=batch)
        for i, text in enumerate(texts):
            texts[i] = torch.cat((text, new[i]))
            torch.testing.assert_close(logits[i, -1], model(texts[i])[-1], rtol=0, atol=1e-12)
        last = list(logits)
    assert [cache.length for cache in caches] == batch.lengths == [9, 15, 10]
    assert batch.pool.waste == sum(-n % 4 for n in batch.lengths)


def test_forks_share_a_prefix_and_part_ways():
    model = redrawn(**LLAMA)
    cache = PagedCache(model.config, blocks=12, block=4, dtype=torch.float64)
    prefix = tokens(10)
    model(prefix, cache=cache)
    assert cache.pool.used == 3
    forks = [cache, cache.fork(), cache.fork()]
    assert cache.pool.used == 3 and cache.pool.saved == 20 and cache.pool.tokens == 10
    endings = tokens(3, 5, seed=5)
    for fork, ending in zip(forks, endings, strict=True):
        expected = model(torch.cat((prefix, ending)))[10:]
        torch.testing.assert_close(model(ending, cache=fork), expected, rtol=0, atol=1e-12)
    tables = [fork.tables()[0] for fork in forks]
    assert tables[0][:2] == tables[1][:2] == tables[2][:2]  # two full blocks stay shared
    assert len({table[2] for table in tables}) == 3  # the third, half full, was copied
    assert cache.pool.used == 2 + 3 * 2
    assert cache.used_bytes == 4 * cache.bytes // 12
    forks[1].free()
    assert cache.pool.used == 2 + 2 * 2
    with pytest.raises(ValueError, match="released"):
        forks[1].fork()
    both = forks[0].together(forks[2])
    logits = model(endings[:2, :1], cache=both)
    for row, i in enumerate((0, 2)):
        text = torch.cat((prefix, endings[i], endings[row, :1]))
        torch.testing.assert_close(logits[row, -1], model(text)[-1], rtol=0, atol=1e-12)


def test_no_free_block_is_an_error_that_changes_nothing():
    model = redrawn(positions="alibi")
    cache = PagedCache(model.config, blocks=3, block=4, dtype=torch.float64)
    other = cache.another()
    model(tokens(6), cache=cache)
    model(tokens(3), cache=other)
    both = cache.together(other)
    assert (cache.room, other.room, both.room) == (2, 1, 1)
    before = snapshot(cache)
    for wrong, n in ((cache, 3), (other, 2), (both, 2)):
        ids = tokens(wrong.batch, n)
        with pytest.raises(ValueError, match=f"at most {n - 1}"):
            model(ids, cache=wrong)
        with pytest.raises(ValueError, match="allowed"):
            generate(model, ids, 1, cache=wrong)
        k = torch.zeros(wrong.batch, 4, n, 4, dtype=torch.float64)
        with pytest.raises(ValueError, match="room left"):
            wrong.extend(0, k, k)
        assert_same(cache, before)
        assert both.lengths == [6, 3] and cache.pool.used == 3
    other.free()
    assert cache.room == 6


# Windows.


def test_window_cache_equals_a_windowed_model_and_stays_small():
    model = redrawn(**LLAMA | {"window": 5}, context=64)
    cache = WindowCache(model.config, 5, dtype=torch.float64)
    ids = tokens(30)
    pieces = [model(piece, cache=cache) for piece in ids.split([7, 1, 1, 12, *[1] * 9])]
    torch.testing.assert_close(torch.cat(pieces), model(ids), rtol=0, atol=1e-12)
    assert cache.length == 30 and cache.held == 5
    assert cache.held_positions().tolist() == [25, 26, 27, 28, 29]
    assert cache.bytes == 2 * 2 * 2 * 5 * 4 * 8  # keys and values, layers, heads, tokens, width


def test_sinks_and_last_tokens_are_all_a_query_sees():
    """With one layer, dropping the tokens between is the same as masking them."""
    for positions in ("alibi", "rotary", "learned"):
        model = redrawn(layers=1, positions=positions, context=64)
        cache = WindowCache(model.config, 4, sinks=2, dtype=torch.float64)
        ids = tokens(20)
        logits = torch.cat([model(token, cache=cache) for token in ids.split(1)])
        i = torch.arange(20)
        seen = (i[None] < 2) | (i[:, None] - i[None] < 4)
        torch.testing.assert_close(logits, model(ids, seen), rtol=0, atol=1e-12)
        assert cache.held_positions().tolist() == [0, 1, 16, 17, 18, 19]


@pytest.mark.parametrize("positions", ["rotary", "alibi", "t5"])
def test_positions_within_the_cache(positions):
    """A query sees what it would see in the short text of sinks and last tokens."""
    model = redrawn(layers=1, positions=positions)
    cache = WindowCache(model.config, 4, sinks=2, positions="cache", dtype=torch.float64)
    assert cache.room is None and not cache.rotated
    ids = tokens(40)  # more than the model's context
    for t, token in enumerate(ids.split(1)):
        logits = model(token, cache=cache)[-1]
        short = ids[: t + 1] if t < 6 else torch.cat((ids[:2], ids[t - 3 : t + 1]))
        torch.testing.assert_close(logits, model(short)[-1], rtol=0, atol=1e-12)


def test_rotary_offset_after_eviction():
    """Numbering tokens by the cache's size while its keys keep their old angles is a mistake."""

    class Mistaken(WindowCache):
        def next_positions(self, n):
            return torch.arange(self.held, self.held + n)

    model = redrawn(layers=1, positions="rotary", window=4, context=64)
    ids = tokens(30)
    right, wrong = (
        torch.cat([model(token, cache=cache) for token in ids.split(1)])
        for cache in (
            kind(model.config, 4, dtype=torch.float64) for kind in (WindowCache, Mistaken)
        )
    )
    torch.testing.assert_close(right, model(ids), rtol=0, atol=1e-12)
    assert (wrong - right)[10:].abs().max() > 0.05


@pytest.mark.parametrize("lengths", [(2, 20), (20, 2), (7, 9)], ids=str)
def test_what_others_left_in_a_block_is_not_read(lengths):
    # Blocks that held NaN, freed; a block that another text fills with NaN; a pass broken off.
    model = redrawn()
    memory = PagedCache(model.config, blocks=40, block=4, dtype=torch.float64)
    foul = memory.another()
    layers = range(model.config.layers)
    nan = torch.full((1, 4, 16, 4), torch.nan, dtype=torch.float64)
    for layer in layers:
        foul.extend(layer, nan, nan)
    foul.advance(16)
    keeps = memory.another()
    for layer in layers:
        keeps.extend(layer, nan, nan)
    keeps.advance(16)
    foul.truncate(0)
    foul.extend(0, nan, nan)  # and no more
    texts = [tokens(1, n, seed=n) for n in lengths]
    caches = [memory.another() for _ in texts]
    for text, cache in zip(texts, caches, strict=True):
        model(text, cache=cache)
    both = caches[0].together(caches[1])
    logits = model(tokens(2, 1, seed=5), cache=both)
    for row, (text, new) in enumerate(zip(texts, tokens(2, 1, seed=5), strict=True)):
        expected = model(torch.cat((text, new[None]), 1))[0, -1]
        torch.testing.assert_close(logits[row, 0], expected, atol=1e-12, rtol=0)
