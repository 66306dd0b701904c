"""Dynamic NTK and caches: frequencies that follow the length of a text outdate what was kept."""

import pytest
import torch
from cache_models import LLAMA, redrawn, tokens

from transformer_math.decoding import (
    ContiguousCache,
    PagedCache,
    beam_search,
    generate,
    speculative,
)
from transformer_math.positions import RopeScaling


def test_no_cache_where_it_would_change_the_text():
    # Dynamic NTK: frequencies follow the length. Up to the original context nothing changes.
    differ = 0
    for seed in range(8):
        model = redrawn(seed=seed, **LLAMA, rope=RopeScaling("dynamic", 4.0, 8))
        ids = tokens(2, 5, seed=seed)
        plain = generate(model, ids, 16, cache=False)
        assert torch.equal(generate(model, ids, 16), plain)
        cache = ContiguousCache(model.config, batch=2, dtype=torch.float64)
        short = generate(model, ids, 4, cache=cache)  # 8 tokens are kept: still exact
        assert cache.length == 8 and torch.equal(short, plain[:, :4])
        text = torch.cat((ids, short), 1)
        for _ in range(12):  # as if nobody had refused
            logits = model(text[:, cache.length :], cache=cache)
            text = torch.cat((text, logits[:, -1:].argmax(-1)), 1)
        differ += not torch.equal(text[:, 5:], plain)
    assert differ > 0


@pytest.mark.parametrize("name", ["True", "a cache", "a cache in use", "beams", "speculation"])
def test_a_cache_that_would_change_the_text_is_refused(name):
    model = redrawn(**LLAMA, rope=RopeScaling("dynamic", 4.0, 8))
    ids, cache = tokens(1, 5), ContiguousCache(model.config, dtype=torch.float64)
    used = ContiguousCache(model.config, dtype=torch.float64)
    model(ids, cache=used)
    call, kept = {
        "True": (lambda: generate(model, ids, 5, cache=True), 9),
        "a cache": (lambda: generate(model, ids, 5, cache=cache), 9),
        "a cache in use": (lambda: generate(model, ids, 1, cache=used), 10),
        "beams": (lambda: beam_search(model, ids[0], 5, 2), 9),
        "speculation": (lambda: speculative(model, model, ids[0], 5), 9),
    }[name]
    with pytest.raises(ValueError, match=rf"'dynamic'.*{kept} tokens.*allowed.*at most 8"):
        call()
    assert cache.length == 0 and used.length == 5


def test_dynamic_scaling_of_texts_of_different_lengths():
    # Each text has its own length and its own frequencies, whoever stands beside it.
    model = redrawn(**LLAMA, rope=RopeScaling("dynamic", 4.0, 4))
    alone, beside = (
        [PagedCache(model.config, blocks=8, block=4, dtype=torch.float64)] for _ in range(2)
    )
    for made in (alone, beside):
        made.append(made[0].another())
    texts = [tokens(1, 2, seed=3), tokens(1, 11, seed=4)]
    new = tokens(2, 1, seed=5)
    for made in (alone, beside):
        for text, cache in zip(texts, made, strict=True):
            model(text, cache=cache)
    expected = torch.cat([model(row[None], cache=c) for row, c in zip(new, alone, strict=True)])
    together = model(new, cache=beside[0].together(beside[1]))
    torch.testing.assert_close(together, expected, atol=1e-12, rtol=0)
