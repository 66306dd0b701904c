"""Every documented error of the positions, one by one.

Shape checking is off here, as it is for users, so that the package's own message comes first.
"""

import math

import numpy as np
import pytest
import torch

from transformer_math import positions as tp

pytestmark = pytest.mark.usefixtures("unchecked")

X = np.ones((2, 3, 4, 6))  # batch, heads, positions, width
P = np.arange(4)
P3 = np.stack([P] * 3)
F = tp.rotary_frequencies(6)
TABLE = np.ones((5, 6))
BUCKETS = np.ones((8, 2))
NOT_POSITIVE = [0, -1.0, math.nan, math.inf, "1", None, True]
NOT_A_COUNT = [0, -1, 1.5, "2", None, True]
NOT_EVEN = [*NOT_A_COUNT, 1, 3]
BASES = [*NOT_POSITIVE, 1, 0.5]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, values, call, *words):
    return [case(f"{name} {value!r}", lambda v=value: call(v), *words) for value in values]


def rotate(x=X, positions=P, frequencies=F, *rest):
    return tp.rotate(x, positions, frequencies, *rest)


ROTARY = [
    *each("frequencies width", NOT_EVEN, lambda n: tp.rotary_frequencies(n), "width is"),
    *each("frequencies base", BASES, lambda b: tp.rotary_frequencies(4, b), "base is"),
    case("wavelengths list", lambda: tp.wavelengths([1.0]), "frequencies is a list"),
    case("wavelengths zero", lambda: tp.wavelengths(F * 0), "frequencies have", "above 0"),
    case("wavelengths NaN", lambda: tp.wavelengths(F * math.nan), "frequencies have", "above 0"),
    case("rotate list", lambda: rotate([[1.0, 2.0]]), "x is a list"),
    case("rotate integers", lambda: rotate(X.astype(int)), "x has dtype int64"),
    case("rotate vector", lambda: rotate(X[0, 0, 0]), "x has shape (6,)", "positions"),
    case("rotate odd", lambda: rotate(X[..., :5]), "width of x is 5", "even"),
    case("rotate width", lambda: rotate(X[..., :4]), "cos has shape (4, 3)", "(..., 4, 2)"),
    case(
        "rotate positions", lambda: rotate(positions=P[:3]), "cos has shape (3, 3)", "(..., 4, 3)"
    ),
    case("rotate list of positions", lambda: rotate(positions=[0, 1, 2, 3]), "positions is a list"),
    case("rotate scalar position", lambda: rotate(positions=np.int64(3)), "positions"),
    case("rotate Boolean positions", lambda: rotate(positions=P > 1), "positions have dtype bool"),
    case("rotate NaN", lambda: rotate(positions=P * math.nan), "positions have", "NaN"),
    case("rotate batch", lambda: rotate(positions=np.ones((3, 4), int)), "batch (3,)", "(2,)"),
    case("rotate no batch", lambda: rotate(X[0], np.ones((2, 4), int)), "batch (2,)", "()"),
    case("rotate library", lambda: rotate(positions=torch.arange(4)), "positions come", "library"),
    case("rotate f library", lambda: rotate(frequencies=torch.ones(3)), "frequencies", "library"),
    case("rotate f list", lambda: rotate(frequencies=[1.0]), "frequencies is a list"),
    case("rotate f integers", lambda: rotate(frequencies=P), "frequencies have dtype int64"),
    case("rotate f matrix", lambda: rotate(frequencies=F[None]), "frequencies have shape (1, 3)"),
    case("rotate f NaN", lambda: rotate(frequencies=F * math.nan), "frequencies have", "NaN"),
    *each("rotate layout", ["Half", "neox", None], lambda s: rotate(X, P, F, s), "layout is"),
    *each("rotate c", NOT_POSITIVE, lambda c: rotate(X, P, F, "half", c), "attention_factor is"),
    case("table like", lambda: tp.rotary_table(P, F, like=[1.0]), "like is a list"),
    case("turn dtype", lambda: tp.turn(X, F, F.astype("f")), "sin has dtype float32"),
    case("turn vector", lambda: tp.turn(X, F, F), "cos has shape (3,)", "(..., 4, 3)"),
    case("turn sin", lambda: tp.turn(X, X[0, 0, :, :3], X[0, 0, :, :2]), "sin has shape (4, 2)"),
    case("matrix position", lambda: tp.rotation_matrix(math.nan, F), "position is nan"),
    case("matrix array", lambda: tp.rotation_matrix(P, F), "position is array"),
    case("matrix list", lambda: tp.rotation_matrix(1, [1.0]), "frequencies is a list"),
    case("matrix shape", lambda: tp.rotation_matrix(1, F[None]), "frequencies have shape (1, 3)"),
    case("matrix empty", lambda: tp.rotation_matrix(1, F[:0]), "frequencies has shape (0,)"),
    case("matrix layout", lambda: tp.rotation_matrix(1, F, "x"), "layout is 'x'"),
]
for name in ("to_half", "to_interleaved"):
    function = getattr(tp, name)
    ROTARY += [
        case(f"{name} list", lambda f=function: f([1.0, 2.0]), "x is a list"),
        case(f"{name} odd", lambda f=function: f(X[..., :5]), "x has 5 columns", "1 heads"),
        case(f"{name} uneven", lambda f=function: f(X, 2), "x has 6 columns", "2 heads"),
        case(f"{name} scalar", lambda f=function: f(np.float64(1)), "x has shape ()"),
        *each(f"{name} heads", NOT_A_COUNT, lambda h, f=function: f(X, h), "heads is"),
    ]

SINUSOIDAL = [
    *each("sinusoidal width", NOT_EVEN, lambda n: tp.sinusoidal_encoding(3, n), "width is"),
    *each("sinusoidal base", BASES, lambda b: tp.sinusoidal_encoding(3, 4, b), "base is"),
    *each("sinusoidal count", NOT_A_COUNT, lambda n: tp.sinusoidal_encoding(n, 4), "positions is"),
    case("sinusoidal Boolean", lambda: tp.sinusoidal_encoding(P > 1, 4), "positions have dtype"),
    case("sinusoidal scalar", lambda: tp.sinusoidal_encoding(np.float64(2), 4), "positions"),
    case("sinusoidal inf", lambda: tp.sinusoidal_encoding(P / 0.0, 4), "positions have", "NaN"),
    case("sinusoidal like", lambda: tp.sinusoidal_encoding(3, 4, like=1), "like is a int"),
    case("sinusoidal dtype", lambda: tp.sinusoidal_encoding(3, 4, like=P), "like has dtype int64"),
    *each("shift", [math.nan, math.inf, None, "1"], lambda k: tp.shift_matrix(k, 4), "offset is"),
    *each("shift width", NOT_EVEN, lambda n: tp.shift_matrix(1, n), "width is"),
    *each("shift base", BASES, lambda b: tp.shift_matrix(1, 4, b), "base is"),
]


def scaling(kind="yarn", factor=2.0, original_context=64, **options):
    return tp.RopeScaling(kind, factor, original_context, **options)


SCALING = [
    *each("kind", ["pi", None, "YaRN", 1], lambda k: tp.RopeScaling(k), "kind is", "'llama3'"),
    *each("factor", [*NOT_POSITIVE, 0.5], lambda s: scaling(factor=s), "factor is", "at least 1"),
    *each("context", NOT_A_COUNT[:4], lambda n: scaling("dynamic", 2, n), "original_context is"),
    *each(
        "needs context",
        ["dynamic", "yarn", "llama3"],
        lambda k: tp.RopeScaling(k, 2.0),
        "original_context is None",
        "trained on",
    ),
    case("default factor", lambda: tp.RopeScaling(factor=2.0), "factor is 2.0", "'default'"),
    case("unused beta", lambda: scaling("linear", beta_fast=8), "beta_fast is 8", "factor"),
    case("unused turns", lambda: scaling(low_frequency_factor=2), "low_frequency_factor is 2"),
    case("unused ramp", lambda: scaling("llama3", ramp="turns"), "ramp is 'turns'", "'llama3'"),
    case("unused c", lambda: scaling("ntk", fixed_attention_factor=1.1), "fixed_attention_factor"),
    *each("beta_slow", NOT_POSITIVE, lambda b: scaling(beta_slow=b), "beta_slow is"),
    *each("beta_fast", [*NOT_POSITIVE, 1, 0.5], lambda b: scaling(beta_fast=b), "beta_fast is"),
    *each(
        "low",
        NOT_POSITIVE,
        lambda f: scaling("llama3", low_frequency_factor=f),
        "low_frequency_factor is",
    ),
    *each(
        "high",
        [*NOT_POSITIVE, 1, 0.5],
        lambda f: scaling("llama3", high_frequency_factor=f),
        "high_frequency_factor is",
    ),
    *each("ramp", ["linear", None], lambda r: scaling(ramp=r), "ramp is", "'turns'"),
    *each("truncate", [0, None, "yes"], lambda t: scaling(truncate=t), "truncate is"),
    *each(
        "fixed c",
        [*NOT_POSITIVE[:5], True],
        lambda c: scaling(fixed_attention_factor=c),
        "fixed_attention_factor is",
    ),
    case("yarn short", lambda: scaling(original_context=6), "original_context is 6", "6.283"),
    *each("scaled width", NOT_EVEN, lambda n: scaling().frequencies(n), "width is"),
    *each("scaled base", BASES, lambda b: scaling().frequencies(4, b), "base is"),
    *each(
        "length", NOT_A_COUNT[:4], lambda n: scaling("dynamic").frequencies(4, 1e4, n), "length is"
    ),
    *each(
        "width of 2",
        ["ntk", "dynamic"],
        lambda k: scaling(k).frequencies(2),
        "width is 2",
        "at least 4",
    ),
]

RELATIVE = [
    case("relative list", lambda: tp.relative_positions([1], P), "query_positions is a list"),
    case("relative floats", lambda: tp.relative_positions(P, P * 1.0), "key_positions has dtype"),
    case("relative scalar", lambda: tp.relative_positions(P[0], P), "query_positions", "()"),
    case("relative empty", lambda: tp.relative_positions(P, P[:0]), "key_positions", "(0,)"),
    case("relative libraries", lambda: tp.relative_positions(P, torch.arange(4)), "libraries"),
    case("relative batch", lambda: tp.relative_positions(P[None], P), "key_positions", "(1,)"),
    case("bucket list", lambda: tp.t5_bucket([1]), "relative is a list"),
    case("bucket floats", lambda: tp.t5_bucket(F), "relative has dtype float64"),
    *each("bucket way", [1, None, "yes"], lambda b: tp.t5_bucket(P, b), "bidirectional is"),
    *each("buckets", NOT_A_COUNT, lambda n: tp.t5_bucket(P, False, n), "buckets is"),
    *each("buckets two ways", [2, 3, 7], lambda n: tp.t5_bucket(P, True, n), "buckets is"),
    *each("distance", [8, *NOT_A_COUNT], lambda d: tp.t5_bucket(P, True, 32, d), "max_distance is"),
    case("t5 list", lambda: tp.t5_bias([[1.0]], P, P), "table is a list"),
    case("t5 vector", lambda: tp.t5_bias(F, P, P), "table has shape (3,)", "(buckets, heads)"),
    case("t5 integers", lambda: tp.t5_bias(BUCKETS.astype(int), P, P), "table has dtype int64"),
    case("t5 library", lambda: tp.t5_bias(torch.ones(8, 2), P, P), "query_positions", "library"),
    case("t5 positions", lambda: tp.t5_bias(BUCKETS, P, F), "key_positions has dtype float64"),
    case("t5 buckets", lambda: tp.t5_bias(BUCKETS[:7], P, P), "buckets is 7", "even"),
    *each("slopes", NOT_A_COUNT, lambda n: tp.alibi_slopes(n), "heads is"),
    *each("alibi heads", NOT_A_COUNT, lambda n: tp.alibi_bias(n, P, P), "heads is"),
    case("alibi positions", lambda: tp.alibi_bias(2, P, [1]), "key_positions is a list"),
    case("alibi like", lambda: tp.alibi_bias(2, P, P, like=P), "like has dtype int64"),
    case("alibi library", lambda: tp.alibi_bias(2, P, P, like=torch.ones(1)), "libraries"),
    case("shaw list", lambda: tp.shaw_scores([[1.0]], TABLE, P, P), "q is a list"),
    case("shaw vector", lambda: tp.shaw_scores(F, TABLE, P, P), "q has shape (3,)"),
    case("shaw dtype", lambda: tp.shaw_scores(X, TABLE.astype("f"), P, P), "table has dtype"),
    case("shaw even", lambda: tp.shaw_scores(X, TABLE[:4], P, P), "table has shape (4, 6)", "odd"),
    case("shaw table", lambda: tp.shaw_scores(X, F, P, P), "table has shape (3,)"),
    case("shaw width", lambda: tp.shaw_scores(X, TABLE[:, :5], P, P), "table has width 5", "6"),
    case("shaw queries", lambda: tp.shaw_scores(X, TABLE, P[:3], P), "query_positions", "(3,)"),
    case("shaw batch", lambda: tp.shaw_scores(X, TABLE, *[P3] * 2), "(3, 4)", "(2, 3, 4, 6)"),
    case("values batch", lambda: tp.shaw_values(X[..., :4], TABLE, *[P3] * 2), "(3, 4)", "batch"),
    *each(
        "shaw scale",
        [math.nan, math.inf, "1", True],
        lambda s: tp.shaw_scores(X, TABLE, P, P, s),
        "scale is",
    ),
    case("values list", lambda: tp.shaw_values([[1.0]], TABLE, P, P), "weights is a list"),
    case("values vector", lambda: tp.shaw_values(F, TABLE, P, P), "weights has shape (3,)"),
    case("values even", lambda: tp.shaw_values(X[..., :4], TABLE[:4], P, P), "table", "odd"),
    case("values queries", lambda: tp.shaw_values(X[..., :4], TABLE, P[:3], P), "query_positions"),
    case("values keys", lambda: tp.shaw_values(X[..., :4], TABLE, P, P[:3]), "key_positions"),
]


@pytest.mark.filterwarnings("ignore:divide by zero|invalid value:RuntimeWarning")
@pytest.mark.parametrize(("call", "words"), ROTARY + SINUSOIDAL + SCALING + RELATIVE)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
