"""Every documented error of decoding: it names the argument, and the cache is as it was."""

import math

import numpy as np
import pytest
import torch

from transformer_math import decoding as d
from transformer_math.transformer import Transformer, TransformerConfig

pytestmark = pytest.mark.usefixtures("unchecked")

SIZES = dict(vocabulary=5, width=4, heads=2, layers=2, hidden=4, context=8)
CONFIG = TransformerConfig(**SIZES)
MODEL = Transformer(CONFIG).eval()
ENCODER = Transformer(TransformerConfig(**SIZES, kind="encoder")).eval()
BOTH = Transformer(TransformerConfig(**SIZES, kind="encoder-decoder")).eval()
OTHER = Transformer(TransformerConfig(**SIZES | {"vocabulary": 6})).eval()
ROTARY = TransformerConfig(**SIZES, positions="rotary")
IDS = torch.tensor([1, 2, 3])
Z = np.array([0.0, 1.0, 2.0])
P = np.array([[0.5, 0.5, 0.0]] * 3)
G = np.array([0, 1])
NOT_A_COUNT = [0, -1, 1.5, "2", True]
NOT_POSITIVE = [0, -1.0, math.nan, math.inf, "1", None, True]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, values, call, *words):
    return [case(f"{name} {value!r}", lambda v=value: call(v), *words) for value in values]


def gen(ids=IDS, tokens=2, model=MODEL, **options):
    return d.generate(model, ids, tokens, **options)


def beams(ids=IDS, tokens=2, beams=2, model=MODEL, **options):
    return d.beam_search(model, ids, tokens, beams, **options)


def spec(ids=IDS, tokens=2, gamma=2, model=MODEL, draft=MODEL, **options):
    return d.speculative(model, draft, ids, tokens, gamma, **options)


BAD_LOGITS = [[0.0], np.array([1, 2]), np.float64(1), np.ones((2, 0)), Z * math.nan, Z - math.inf]

SAMPLING = [
    *[
        case(f"{f.__name__} logits {i}", lambda f=f, z=z, x=x: f(z, x), "logits")
        for f, x in ((d.apply_temperature, 1), (d.top_k, 1), (d.top_p, 0.5), (d.min_p, 0.5))
        for i, z in enumerate(BAD_LOGITS)
    ],
    *each("T", NOT_POSITIVE, lambda t: d.apply_temperature(Z, t), "temperature is", "above 0"),
    *each("k", [*NOT_A_COUNT, None], lambda k: d.top_k(Z, k), "k is", "at least 1"),
    *each("top_p", [0, -0.1, 1.1, math.nan, "1", None], lambda p: d.top_p(Z, p), "p is", "above 0"),
    *each("min_p", [-0.1, 1, 2, math.nan, None], lambda p: d.min_p(Z, p), "p is", "below 1"),
    case("sample list", lambda: d.sample([1.0]), "probabilities is a list"),
    case("sample negative", lambda: d.sample(-P), "probabilities has a negative"),
    case("sample zero", lambda: d.sample(0 * P), "row of zeros"),
    case("sample NaN", lambda: d.sample(math.nan * P), "NaN"),
    case("sample empty", lambda: d.sample(P[:, :0]), "probabilities has shape (3, 0)"),
    case("sample no rows", lambda: d.sample(P[:0]), "(0, 3)"),
    case("sample generator", lambda: d.sample(P, torch.Generator()), "generator is a torch"),
    case("sample seed", lambda: d.sample(torch.as_tensor(P), 0), "generator is a builtins.int"),
    *each("Sampler T", NOT_POSITIVE, lambda t: d.Sampler(t), "temperature is"),
    *each("Sampler k", NOT_A_COUNT, lambda k: d.Sampler(top_k=k), "top_k", "k is"),
    *each("Sampler p", [0, 1.5], lambda p: d.Sampler(top_p=p), "top_p", "p is"),
    *each("Sampler m", [-1, 1], lambda p: d.Sampler(min_p=p), "min_p", "p is"),
]

SPECULATION = [
    case("acceptance list", lambda: d.acceptance([1.0], [1.0]), "p is a list"),
    case("acceptance shape", lambda: d.acceptance(P, P[:2]), "q is of", "(3, 3)"),
    case("acceptance dtype", lambda: d.acceptance(P, P.astype("f")), "q", "float32"),
    case("acceptance library", lambda: d.acceptance(P, torch.as_tensor(P)), "q is of"),
    case("acceptance sum", lambda: d.acceptance(P, P * 2), "q has a row that does not sum"),
    case("acceptance negative", lambda: d.acceptance(-P, P), "p has a negative"),
    case("residual sum", lambda: d.residual(P / 2, P), "p has a row"),
    case("step vector", lambda: d.speculative_step(P[0], P, G), "p is (3,)"),
    case("step list", lambda: d.speculative_step(P, [[1.0]], G), "q is list"),
    case("step rows", lambda: d.speculative_step(P, P, G), "p has 3 rows", "4"),
    case("step length", lambda: d.speculative_step(P, P[:2], G[:1]), "guesses", "(1,)", "(2,)"),
    case("step floats", lambda: d.speculative_step(P, P[:2], P[0, :2]), "guesses have dtype float"),
    case("step list ids", lambda: d.speculative_step(P, P[:2], [0, 1]), "guesses are a list"),
    case("step foreign", lambda: d.speculative_step(P, P[:2], G + 2), "guesses have an id outside"),
    case("step never", lambda: d.speculative_step(P, P[:2], G + 1), "guesses", "probability 0"),
    case("step generator", lambda: d.speculative_step(P, P[:2], G, 1), "generator is"),
    *each("alpha", [-0.1, 1.1, math.nan, None], lambda a: d.expected_tokens(a, 2), "alpha is"),
    *each("gamma", NOT_A_COUNT, lambda g: d.expected_tokens(0.5, g), "gamma is"),
    *each("cost", NOT_POSITIVE, lambda c: d.speculative_speedup(0.5, 2, c), "cost is"),
]

CACHES = [
    *[
        case(f"{kind.__name__} {name}", lambda k=kind, a=args, o=o: k(*a, **o), *words)
        for kind, rest in (
            (d.ContiguousCache, ()),
            (d.PagedCache, ()),
            (d.WindowCache, (4,)),
            (d.QuantisedCache, ()),
        )
        for name, args, o, words in (
            ("config", (SIZES, *rest), {}, ["config is of kind 'dict'"]),
            ("encoder", (ENCODER.config, *rest), {}, ["config", "'encoder'"]),
            ("batch", (CONFIG, *rest), {"batch": 0}, ["batch is 0"]),
            ("dtype", (CONFIG, *rest), {"dtype": torch.int8}, ["dtype is torch.int8"]),
        )
    ],
    *each("capacity", NOT_A_COUNT, lambda c: d.ContiguousCache(CONFIG, 1, c), "capacity is"),
    case("capacity learned", lambda: d.ContiguousCache(CONFIG, 1, 9), "capacity is 9", "most 8"),
    *each("block", NOT_A_COUNT, lambda b: d.PagedCache(CONFIG, 4, b), "block is"),
    *each("block alone", NOT_A_COUNT, lambda b: d.PagedCache(CONFIG, block=b), "block is"),
    *each("blocks", NOT_A_COUNT, lambda b: d.PagedCache(CONFIG, b), "blocks is"),
    *each("window", NOT_A_COUNT, lambda w: d.WindowCache(CONFIG, w), "window is"),
    *each("sinks", [-1, 0.5, None], lambda s: d.WindowCache(CONFIG, 4, s), "sinks is"),
    case("own positions", lambda: d.WindowCache(CONFIG, 4, 0, "cache"), "positions is 'cache'"),
    case("positions", lambda: d.WindowCache(ROTARY, 4, 0, "none"), "positions is 'none'"),
    *each("bits", [0, 2, 16, 8.5, None], lambda b: d.QuantisedCache(CONFIG, b), "bits is", "8 or"),
    *each("group", NOT_A_COUNT, lambda g: d.QuantisedCache(CONFIG, 8, g), "group is"),
    *each("residual", [-1, 1.5], lambda r: d.QuantisedCache(CONFIG, 8, 4, r), "residual is"),
    case("quantise list", lambda: d.quantise([1.0]), "x is of type list"),
    case("quantise ids", lambda: d.quantise(IDS), "x is of type torch.int64"),
    case("quantise NaN", lambda: d.quantise(torch.tensor([math.nan])), "x has NaN"),
    case("quantise axis", lambda: d.quantise(torch.ones(3), 8, 1), "axis is 1"),
    case("quantise bits", lambda: d.quantise(torch.ones(3), 3), "bits is 3"),
    case("dequantise", lambda: d.dequantise(torch.ones(3), *torch.ones(2, 1)), "codes have dtype"),
    case("dequantise z", lambda: d.dequantise(IDS, IDS, IDS), "step and z"),
    case("pool block", lambda: d.BlockPool(4, 0), "block is 0"),
    case("pool blocks", lambda: d.BlockPool(0), "blocks is 0"),
    case("pool stranger", lambda: d.BlockPool(2).append(d.Sequence(), 1), "sequence is not of"),
    case("pool fork", lambda: d.BlockPool(2).fork(d.Sequence()), "sequence is not of"),
    case("together", lambda: d.PagedCache(CONFIG).together(d.PagedCache(CONFIG)), "others are not"),
    case("together kind", lambda: d.PagedCache(CONFIG).together(MODEL), "others are not"),
    case("another", lambda: d.PagedCache(CONFIG).another(0), "batch is 0"),
    *each(
        "rows", [[], [[0]], [0.5], [1], [-1]], lambda r: d.ContiguousCache(CONFIG).select(r), "rows"
    ),
]

GENERATION = [
    *[
        case(f"{f.__name__} {name}", lambda f=f, o=o: f(**o), *words)
        for f in (gen, beams, spec)
        for name, o, words in (
            ("encoder", {"model": ENCODER}, ["model"]),
            ("list", {"ids": [1, 2]}, ["ids are of type list"]),
            ("floats", {"ids": IDS / 2}, ["ids are of type torch.float32"]),
            ("none", {"ids": IDS[:0]}, ["ids have shape (0,)"]),
            ("foreign", {"ids": IDS + 2}, ["ids go from 3 to 5", "0 to 4"]),
            ("negative", {"ids": IDS - 2}, ["ids go from -1"]),
            ("tokens", {"tokens": 0}, ["tokens is 0"]),
            ("too many", {"tokens": 7}, ["tokens is 7 after 3 ids", "9 together"]),
            ("stop", {"stop": 5}, ["stop is 5", "0 to 4"]),
            ("stop none", {"stop": []}, ["stop is []"]),
            ("stop word", {"stop": "a"}, ["stop is 'a'"]),
        )
    ],
    case("no model", lambda: gen(model=3), "model is of kind 'int'"),
    case("memory", lambda: gen(memory=torch.ones(2, 4)), "memory is given"),
    case("no memory", lambda: gen(model=BOTH), "memory is missing"),
    case("beams memory", lambda: beams(model=BOTH), "memory is missing"),
    case("sampler", lambda: gen(sampler=0.5), "sampler is 0.5"),
    case("generator", lambda: gen(generator=0), "generator is 0"),
    case("cache", lambda: gen(cache={}), "cache is {}"),
    case("uncached", lambda: gen(tokens=7, cache=False), "tokens is 7"),
    *each("chunk", NOT_A_COUNT, lambda c: gen(chunk=c), "chunk is"),
    *each("beams", NOT_A_COUNT, lambda b: beams(beams=b), "beams is", "at least 1"),
    *each("penalty", [math.nan, "1", None], lambda x: beams(length_penalty=x), "length_penalty"),
    case("beams batch", lambda: beams(ids=IDS[None]), "ids have shape (1, 3)"),
    *each("gamma", NOT_A_COUNT, lambda g: spec(gamma=g), "gamma is"),
    case("spec batch", lambda: spec(ids=IDS[None]), "ids have shape (1, 3)"),
    case("spec draft", lambda: spec(draft=BOTH), "draft is a Transformer"),
    case("spec vocabulary", lambda: spec(draft=OTHER), "draft has a vocabulary of 6", "5"),
    case("spec sampler", lambda: spec(sampler=max), "sampler is"),
    case("spec draft sampler", lambda: spec(draft_sampler=0), "draft_sampler is 0"),
    case("spec generator", lambda: spec(generator=1), "generator is 1"),
    case("spec cache", lambda: spec(cache=False), "cache is a bool"),
]


@pytest.mark.parametrize(("call", "words"), SAMPLING + SPECULATION + CACHES + GENERATION)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


MAKE = {
    "contiguous": lambda **o: d.ContiguousCache(CONFIG, capacity=6, **o),
    "paged": lambda **o: d.PagedCache(CONFIG, blocks=3 * o.get("batch", 1), block=2, **o),
    "window": lambda **o: d.WindowCache(CONFIG, 3, sinks=1, **o),
    "quantised": lambda **o: d.QuantisedCache(CONFIG, group=2, capacity=6, **o),
}
KV = torch.ones(1, 2, 1, 2)
WRONG = {
    "generate, foreign id": lambda c: gen(IDS + 2, cache=c),
    "generate, foreign id in a later chunk": lambda c: gen(torch.tensor([1, 5]), cache=c, chunk=1),
    "generate, too many": lambda c: gen(IDS, 9, cache=c),
    "generate, batch": lambda c: gen(IDS.expand(2, -1), cache=c),
    "generate, other model": lambda c: gen(
        model=Transformer(TransformerConfig(**SIZES | {"layers": 1})), cache=c
    ),
    "generate, dtype": lambda c: gen(model=Transformer(CONFIG).double(), cache=c),
    "model, foreign id": lambda c: MODEL(IDS + 2, cache=c),
    "model, too many": lambda c: MODEL(torch.ones(7, dtype=int), cache=c),
    "model, batch": lambda c: MODEL(IDS.expand(2, -1), cache=c),
    "model, dtype": lambda c: Transformer(CONFIG).double()(IDS[:1], cache=c),
    "speculative, foreign id": lambda c: spec(IDS + 2, cache=c),
    "speculative, too many": lambda c: spec(IDS, 9, cache=c),
    "extend, heads": lambda c: c.extend(0, KV[:, :1], KV),
    "extend, values": lambda c: c.extend(0, KV, KV[..., :1]),
    "extend, no tokens": lambda c: c.extend(0, KV[:, :, :0], KV[:, :, :0]),
    "extend, matrix": lambda c: c.extend(0, KV[0, 0], KV),
    "extend, layer out of order": lambda c: c.extend(1, KV, KV),
    "extend, no such layer": lambda c: c.extend(-1, KV, KV),
    "advance without a pass": lambda c: c.advance(1),
    "truncate, longer": lambda c: c.truncate(5),
    "truncate, negative": lambda c: c.truncate(-1),
    "truncate, half": lambda c: c.truncate(0.5),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("kind", MAKE)
def test_an_error_leaves_the_cache_untouched(kind, wrong):
    cache = MAKE[kind]()
    MODEL(IDS[:2], cache=cache)
    before = {name: tensor.clone() for name, tensor in cache.tensors().items()}
    pool = getattr(cache, "pool", d.BlockPool(1))
    counts = (list(pool.references), list(pool.free))
    with pytest.raises(ValueError, match="allowed"):
        WRONG[wrong](cache)
    after = cache.tensors()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert cache.length == 2 and counts == (pool.references, pool.free)
    expected = MODEL(IDS)[-1]
    torch.testing.assert_close(MODEL(IDS[2:], cache=cache)[-1], expected, rtol=0, atol=2e-3)


def test_advance_wants_every_layer_and_the_right_number():
    cache = d.ContiguousCache(CONFIG)
    cache.extend(0, KV, KV)
    with pytest.raises(ValueError, match="all 2 layers"):
        cache.advance(1)
    with pytest.raises(ValueError, match="k has 2 tokens; allowed: 1"):
        cache.extend(1, torch.cat((KV, KV), 2), torch.cat((KV, KV), 2))
    cache.extend(1, KV, KV)
    with pytest.raises(ValueError, match="n is 2"):
        cache.advance(2)
    cache.advance(1)
    assert cache.length == 1


def test_a_sequence_cannot_be_named_twice():
    cache = d.PagedCache(CONFIG)
    with pytest.raises(ValueError, match="twice"):
        cache.together(cache)
    pool = d.BlockPool(2)
    sequence = pool.add()
    with pytest.raises(ValueError, match="twice"):
        pool.plan((sequence, sequence), 1)


def test_keys_that_are_not_finite_are_not_rounded():
    cache = d.QuantisedCache(CONFIG, group=2)
    with pytest.raises(ValueError, match="NaN or infinity"):
        for layer in range(2):
            cache.extend(layer, (KV * math.nan).expand(1, 2, 2, 2), KV.expand(1, 2, 2, 2))
        cache.advance(2)
    assert cache.length == 0 and not any(tensor.any() for tensor in cache.tensors().values())
