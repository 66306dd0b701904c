"""Quantised caches, what caches weigh, and the allocator of blocks."""

from itertools import pairwise

import pytest
import torch
from cache_models import EXACT, LLAMA, memory_of, redrawn, tokens
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.decoding import (
    ContiguousCache,
    PagedCache,
    QuantisedCache,
    dequantise,
    quantise,
)

# Quantised.


@given(st.integers(0, 2**32 - 1), st.sampled_from([8, 4]), st.sampled_from([-1, -2]))
def test_rounding_error_is_at_most_half_a_step(seed, bits, axis):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3, 6, 8, generator=generator, dtype=torch.float64) * 10
    codes, step, z = quantise(x, bits, axis)
    assert codes.dtype == torch.uint8 and codes.max() == 2**bits - 1 and codes.min() == 0
    torch.testing.assert_close(step, (x.amax(axis, True) - x.amin(axis, True)) / (2**bits - 1))
    error = (dequantise(codes, step, z) - x).abs()
    assert (error <= step / 2 * (1 + 1e-9)).all()
    again = quantise(dequantise(codes, step, z), bits, axis)[0]
    assert torch.equal(again, codes)


def test_equal_numbers_lose_nothing():
    x = torch.full((2, 3), 0.1)
    assert torch.equal(dequantise(*quantise(x, 4)), x)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("residual", [0, 5])
def test_cached_keys_are_within_half_a_step(bits, residual):
    model = redrawn(**LLAMA)
    config, group = model.config, 4
    exact = ContiguousCache(config, dtype=torch.float64)
    rounded = QuantisedCache(config, bits, group, residual, dtype=torch.float64)
    torch.manual_seed(0)
    for n in (6, 1, 1, 9, 1):
        for layer in range(2):
            k, v = torch.randn(2, 1, 2, n, 4, dtype=torch.float64)
            pairs = zip(exact.extend(layer, k, v)[:2], rounded.extend(layer, k, v)[:2], strict=True)
            for (all_exact, all_rounded), axis in zip(pairs, (-2, -1), strict=True):
                q = rounded.quantised
                groups = all_exact[:, :, :q].unflatten(2, (-1, group))
                spread = groups.amax(axis, True) - groups.amin(axis, True)
                bound = (spread / (2**bits - 1) / 2 * (1 + 1e-9)).expand_as(groups).flatten(2, 3)
                error = (all_rounded - all_exact).abs()
                assert (error[:, :, :q] <= bound).all()
                assert q == 0 or error[:, :, :q].max() > 1e-5
                assert (error[:, :, q:] == 0).all()
        exact.advance(n)
        rounded.advance(n)
    assert rounded.length == 18
    assert rounded.quantised == (18 - residual) // group * group


def test_fewer_bits_cost_more_error_and_less_memory():
    model = redrawn(width=64, **LLAMA, dtype=torch.float32, context=128)
    ids = tokens(100)
    expected, found = model(ids), {}
    for bits in (8, 4):
        cache = QuantisedCache(model.config, bits, group=16)
        logits = torch.cat([model(piece, cache=cache) for piece in ids.split(10)])
        found[bits] = ((logits - expected).abs().max(), cache.bytes)
    full = ContiguousCache(model.config).bytes
    assert 0 < found[8][0] < found[4][0] / 3
    assert found[4][1] < found[8][1] < 0.6 * full


# Sizes.


def test_bytes_follow_the_formula():
    config = redrawn(**LLAMA).config
    for dtype, size in ((torch.float32, 4), (torch.float16, 2), (torch.float64, 8)):
        cache = ContiguousCache(config, batch=3, capacity=20, dtype=dtype)
        assert cache.bytes == 2 * 2 * 3 * 2 * 20 * 4 * size
        paged = PagedCache(config, blocks=5, block=4, dtype=dtype)
        assert paged.bytes == cache.bytes // 3
    names = set(ContiguousCache(config).tensors())
    assert names == {"keys", "values"}


def test_cross_keys_are_computed_once_and_counted():
    model = redrawn(kind="encoder-decoder")
    memory = memory_of(model, 1)
    cache = ContiguousCache(model.config, dtype=torch.float64)
    empty = cache.bytes
    model(tokens(3), memory=memory[0], cache=cache)
    kept = dict(cache.cross)
    model(tokens(1), memory=memory[0], cache=cache)
    assert all(cache.cross[layer] is kept[layer] for layer in range(2))
    assert cache.bytes == empty + 2 * 2 * 5 * 16 * 8


def test_caches_keep_no_gradient():
    model = redrawn().requires_grad_(True)
    for kind in EXACT.values():
        cache = kind(model.config, dtype=torch.float64)
        model(tokens(3), cache=cache)
        model(tokens(2), cache=cache)
        assert not any(tensor.requires_grad for tensor in cache.tensors().values())


def test_select_reorders_texts():
    model = redrawn()
    cache = ContiguousCache(model.config, batch=2, dtype=torch.float64)
    ids, new = tokens(2, 5), tokens(3, 2, seed=9)
    model(ids, cache=cache)
    cache.select([1, 0, 1])
    expected = model(torch.cat((ids[[1, 0, 1]], new), dim=1))[:, 5:]
    torch.testing.assert_close(model(new, cache=cache), expected, rtol=0, atol=1e-12)


# The allocator.


@given(st.data())
def test_block_pool_never_loses_a_block_and_wastes_less_than_one_a_sequence(data):
    from transformer_math.decoding import BlockPool

    pool = BlockPool(data.draw(st.integers(1, 12)), data.draw(st.integers(1, 5)))
    texts = {}  # what each sequence should be: (sequence, length)
    for _ in range(data.draw(st.integers(1, 25))):
        action = data.draw(st.sampled_from(["add", "append", "fork", "cut", "release"]))
        if action == "add" or not texts:
            sequence = pool.add()
            texts[sequence] = 0
            continue
        sequence = data.draw(st.sampled_from(list(texts)))
        if action == "append":
            n = data.draw(st.integers(1, 9))
            fits = pool.needed((sequence,), n) <= len(pool.free)
            before = (list(sequence.table), list(pool.free), list(pool.references))
            if fits:
                pool.append(sequence, n)
                texts[sequence] += n
            else:
                with pytest.raises(ValueError, match="free ones"):
                    pool.append(sequence, n)
                assert before == (sequence.table, pool.free, pool.references)
        elif action == "fork":
            texts[pool.fork(sequence)] = texts[sequence]
        elif action == "cut":
            texts[sequence] = data.draw(st.integers(0, texts[sequence]))
            pool.truncate(sequence, texts[sequence])
        else:
            pool.release(sequence)
            del texts[sequence]
        counts = [0] * pool.blocks
        for sequence, length in texts.items():
            assert sequence.length == length
            assert len(sequence.table) == -(-length // pool.block)
            for number in sequence.table:
                counts[number] += 1
        assert counts == pool.references
        assert sorted(pool.free) == [i for i, count in enumerate(counts) if count == 0]
        assert all(high > low for high, low in pairwise(pool.free))
        assert 0 <= pool.waste <= max(0, (pool.block - 1) * len(texts))
        assert pool.saved >= 0
