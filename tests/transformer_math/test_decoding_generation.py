"""Generation: greedy, sampled, by beams and by speculation."""

from itertools import product

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from transformer_math.decoding import (
    PagedCache,
    QuantisedCache,
    Sampler,
    WindowCache,
    beam_search,
    generate,
    greedy,
    speculative,
    steps,
)
from transformer_math.transformer import Transformer, TransformerConfig
from transformer_math.transformer.hugging_face import from_hugging_face_state_dict


def redrawn(seed=0, deviation=0.3, **choices):
    sizes = dict(vocabulary=6, width=8, heads=2, layers=1, hidden=16, context=32)
    torch.manual_seed(seed)
    model = Transformer(TransformerConfig(**sizes | choices)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, deviation)
    return model.requires_grad_(False)


@pytest.fixture(scope="module")
def gpt2():
    """A tiny GPT-2 of transformers, redrawn, and ours with its weights."""
    config = GPT2Config(
        vocab_size=12, n_embd=16, n_head=2, n_layer=2, n_positions=32, bos_token_id=None,
        eos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(3)
    theirs = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(0, 0.25)
    return theirs, from_hugging_face_state_dict(config, theirs.state_dict())


def theirs_generate(theirs, ids, tokens, **options):
    options = dict(do_sample=False, pad_token_id=11) | options
    return theirs.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, **options
    )


IDS = torch.tensor([3, 1, 4, 1])
PAIR = torch.tensor([[3, 1, 4], [2, 5, 0]])


def test_greedy_equals_transformers(gpt2):
    theirs, ours = gpt2
    ids = torch.tensor([[3, 1, 4, 1], [5, 9, 2, 6]])
    expected = theirs_generate(theirs, ids, 12)[:, 4:]
    for cache in (None, False, True):
        assert torch.equal(generate(ours, ids, 12, cache=cache), expected)
    assert torch.equal(generate(ours, ids[0], 12), expected[0])


def test_steps_tell_probabilities_and_generate_gathers_the_tokens():
    model = redrawn()
    taken = list(steps(model, IDS, 5))
    assert torch.equal(torch.stack([step.token for step in taken]), generate(model, IDS, 5))
    expected = torch.softmax(model(IDS)[-1], -1)
    torch.testing.assert_close(taken[0].probabilities, expected, rtol=0, atol=1e-12)
    assert taken[0].token == expected.argmax()
    batch = next(iter(steps(model, PAIR, 1)))
    assert batch.token.shape == (2,) and batch.logits.shape == (2, 6)


def test_sampling_follows_the_filtered_probabilities():
    model = redrawn()
    sampler = Sampler(temperature=0.8, top_k=4, top_p=0.9, min_p=0.05)
    rows = IDS.expand(4000, -1)
    drawn = generate(model, rows, 1, sampler=sampler, generator=torch.Generator().manual_seed(0))
    p = sampler.probabilities(model(IDS)[-1])
    counts = torch.bincount(drawn[:, 0], minlength=6)
    assert 1 < (p > 0).sum() <= 4 and (counts[p == 0] == 0).all()
    expected = 4000 * p[p > 0]
    assert ((counts[p > 0] - expected) ** 2 / expected).sum() < 16.3  # 99.9 %, 3 degrees
    for seed in (1, 2):
        one, other = (
            generate(model, IDS, 9, sampler=sampler, generator=torch.Generator().manual_seed(seed))
            for _ in range(2)
        )
        assert torch.equal(one, other)


def test_stop_ends_a_text_and_fills_up_a_batch():
    model = redrawn(3, 0.6)
    free = generate(model, PAIR, 8)
    stop = int(free[0, 2])
    ends = [row.tolist().index(stop) + 1 if stop in row else 8 for row in free]
    stopped = generate(model, PAIR, 8, stop=stop)
    assert stopped.shape[1] == max(ends)
    for row, all_tokens, end in zip(stopped, free, ends, strict=True):
        assert torch.equal(row[:end], all_tokens[:end]) and (row[end:] == stop).all()
    for cache in (None, False):
        alone = generate(model, PAIR[0], 8, stop=[stop, 5], cache=cache)
        assert int(alone[-1]) in (stop, 5) and not set(alone[:-1].tolist()) & {stop, 5}


def test_a_cache_can_be_continued():
    model = redrawn()
    whole_text = generate(model, IDS, 8)
    cache = PagedCache(model.config, block=4, dtype=torch.float64)
    first = generate(model, IDS, 3, cache=cache)
    assert cache.length == 4 + 3 - 1
    second = generate(model, first[-1:], 5, cache=cache)
    assert torch.equal(torch.cat((first, second)), whole_text)


def test_progress_changes_nothing(capsys):
    model = redrawn()
    assert torch.equal(generate(model, IDS, 3, progress=True), generate(model, IDS, 3))
    assert capsys.readouterr().out == ""


def test_memory_mask_and_encoder_decoder():
    model = redrawn(kind="encoder-decoder")
    memory = model.encode(torch.tensor([1, 2, 3, 4])).detach()
    padded = torch.cat((memory, torch.ones(2, 8, dtype=torch.float64)))
    mask = torch.arange(6) < 4
    short = generate(model, IDS, 6, memory=memory)
    assert torch.equal(generate(model, IDS, 6, memory=padded, memory_mask=mask), short)
    assert len(beam_search(model, IDS, 3, 2, memory=padded, memory_mask=mask)) == 2


# Beams.


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize(("beams", "stop"), [(1, None), (3, None), (3, 7), (4, [2, 7, 9])])
def test_beam_search_equals_transformers(gpt2, beams, stop, penalty):
    theirs, ours = gpt2
    for start in range(3):
        ids = torch.tensor([start, 5, 9 - start])
        options = {} if beams == 1 else {"length_penalty": penalty}
        expected = theirs_generate(
            theirs, ids[None], 7, num_beams=beams, num_return_sequences=beams, eos_token_id=stop,
            return_dict_in_generate=True, output_scores=True, **options,
        )  # fmt: skip
        found = beam_search(ours, ids, 7, beams, length_penalty=penalty, stop=stop)
        texts = expected.sequences[:, 3:].tolist()
        assert len(found) == len(texts)
        for beam, text in zip(found, texts, strict=True):
            assert beam.ids.tolist() == text[: len(beam.ids)]
            assert set(text[len(beam.ids) :]) <= {11}
        if beams > 1:
            scores = [beam.score for beam in found]
            assert scores == pytest.approx(expected.sequences_scores.tolist(), abs=1e-5)


def test_enough_beams_find_the_likeliest_text():
    model = redrawn(1, 0.7, vocabulary=4)
    ids = torch.tensor([1, 2])
    texts = torch.tensor(list(product(range(4), repeat=3)))
    logits = torch.log_softmax(model(torch.cat((ids.expand(64, -1), texts), dim=1)), -1)
    totals = logits[:, 1:-1].gather(2, texts[..., None])[..., 0].sum(1)
    found = beam_search(model, ids, 3, 64)
    assert found[0].ids.tolist() == texts[totals.argmax()].tolist()
    assert found[0].log_probability == pytest.approx(float(totals.max()))
    assert [beam.score for beam in found] == pytest.approx(
        (totals.sort(descending=True)[0][: len(found)] / 3).tolist()
    )
    one = beam_search(model, ids, 5, 1)
    assert one[0].ids.tolist() == generate(model, ids, 5).tolist()


# Speculation.


@pytest.mark.parametrize("gamma", [1, 3, 8])
@pytest.mark.parametrize("seed", [0, 1, 5])
def test_greedy_speculation_is_greedy(gamma, seed):
    """The draft is another model (seed 1, 5) or the model itself (0), which is always right."""
    model, draft = redrawn(0, 0.6), redrawn(seed, 0.6)
    expected = generate(model, IDS, 11)
    found = speculative(model, draft, IDS, 11, gamma, sampler=greedy)
    assert torch.equal(found.ids, expected)
    assert sum(found.accepted) + found.passes == 11
    if seed == 0:
        assert found.acceptance == 1 and found.passes == -(-11 // (gamma + 1))
    stop = int(expected[4])
    stopped = speculative(model, draft, IDS, 11, gamma, sampler=greedy, stop=stop)
    assert torch.equal(stopped.ids, generate(model, IDS, 11, stop=stop))


@pytest.mark.usefixtures("unchecked")  # a check of every shape, 300 times over, takes minutes
def test_speculative_texts_are_distributed_as_the_models():
    """All texts of two tokens, counted; with filters, too, and a draft that disagrees."""
    model, draft = redrawn(0, 0.5, vocabulary=3), redrawn(1, 0.5, vocabulary=3)
    sampler = Sampler(temperature=0.9, top_p=0.95)
    ids = torch.tensor([1, 0])
    first = sampler.probabilities(model(ids)[-1])
    p = torch.zeros(3, 3, dtype=torch.float64)
    for x in range(3):
        p[x] = first[x] * sampler.probabilities(model(torch.cat((ids, torch.tensor([x]))))[-1])
    counts, generator = torch.zeros(3, 3), torch.Generator().manual_seed(0)
    runs = 300
    for _ in range(runs):
        x, y = speculative(
            model, draft, ids, 2, 2, sampler=sampler, draft_sampler=Sampler(1.5),
            generator=generator,
        ).ids  # fmt: skip
        counts[x, y] += 1
    seen = p > 0
    assert (counts[~seen] == 0).all()
    expected = runs * p[seen]
    assert ((counts[seen] - expected) ** 2 / expected).sum() < 26.1  # 99.9 %, 8 degrees


def test_speculation_leaves_caches_that_can_be_continued():
    model, draft = redrawn(0, 0.6), redrawn(1, 0.6)
    caches = {
        "cache": PagedCache(model.config, block=4, dtype=torch.float64),
        "draft_cache": QuantisedCache(draft.config, residual=4, dtype=torch.float64),
    }
    first = speculative(model, draft, IDS, 5, 3, sampler=greedy, **caches).ids
    assert caches["cache"].length == 4 + 5 - 1 and caches["cache"].pool.used == 2
    second = speculative(model, draft, first[-1:], 4, 3, sampler=greedy, cache=caches["cache"]).ids
    assert torch.equal(torch.cat((first, second)), generate(model, IDS, 9))
    window = WindowCache(model.config, 8, dtype=torch.float64)
    with pytest.raises(ValueError, match="cache can take back 0 tokens"):
        speculative(model, draft, IDS, 4, 3, cache=window)
