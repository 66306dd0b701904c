"""Latent attention: every documented error."""

import math

import numpy as np
import pytest
import torch
from latent_inputs import FORMS, inputs

from transformer_math.attention import (
    LatentAttention,
    LatentCache,
    explicit_latent_attention,
    latent_cache_size,
    latent_parameters,
    latent_score_matrix,
)
from transformer_math.positions import RopeScaling, rotary_frequencies

# Errors


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, values, call, *words):
    return [case(f"{name} {value!r}", lambda v=value: call(v), *words) for value in values]


NOT_A_COUNT = [0, -1, 1.5, "2", True]
NAMES = ("q", "q_rotary", "latent", "k_rotary", "w_uk", "w_uv")
SIZES = ("width", "heads", "key_width", "latent_width", "rotary_width")
LAYER = LatentAttention(24, 4, 6, 10, 4)
TOKENS = torch.ones(2, 3, 24)
W = np.ones((5, 4))


def attend(name, change, form):
    arrays = dict(zip(NAMES, inputs(), strict=True))
    return FORMS[form](**{**arrays, name: change(arrays[name])})


def build(**changed):
    return LatentAttention(**{**dict(zip(SIZES, (24, 4, 6, 10, 4), strict=True)), **changed})


def cached(latent=(2, 5, 10), k_rotary=(2, 5, 4), dtype=torch.float32):
    cache = LatentCache(torch.ones(latent, dtype=dtype), torch.ones(k_rotary))
    return LAYER(TOKENS, cache=cache)


ERRORS = [
    *[
        case(f"{form} {name} {label}", lambda n=name, c=change, f=form: attend(n, c, f), *words)
        for form in FORMS
        for name, label, change, words in [
            *[(name, "list", lambda a: a.tolist(), (f"{name} is a list",)) for name in NAMES],
            *[
                (name, "dtype", lambda a: a.astype("f"), (f"{name} has dtype float32",))
                for name in NAMES[1:]
            ],
            ("w_uv", "library", torch.as_tensor, ("libraries", "w_uv")),
            ("q", "matrix", lambda a: a[0, 0], ("q has shape (5, 4)", "heads")),
            ("q_rotary", "heads", lambda a: a[:, :2], ("q_rotary has shape (2, 2, 5, 2)",)),
            ("q_rotary", "empty", lambda a: a[..., :0], ("q_rotary has shape (2, 3, 5, 0)",)),
            ("latent", "batch", lambda a: a[:1], ("latent has shape (1, 7, 6)", "(2,)")),
            ("latent", "vector", lambda a: a[0, 0], ("latent has shape (6,)",)),
            ("k_rotary", "keys", lambda a: a[:, :3], ("k_rotary has shape (2, 3, 2)", "(2, 7, 2)")),
            ("k_rotary", "width", lambda a: a[..., :1], ("k_rotary has shape (2, 7, 1)",)),
            ("w_uk", "rows", lambda a: a[:5], ("w_uk has shape (5, 12)", "6 rows")),
            ("w_uk", "columns", lambda a: a[:, :9], ("w_uk has 9 columns", "3 heads", "4")),
            ("w_uv", "vector", lambda a: a[0], ("w_uv has shape (15,)",)),
            ("w_uv", "columns", lambda a: a[:, :14], ("w_uv has 14 columns", "3 heads")),
        ]
    ],
    case("mask", lambda: explicit_latent_attention(*inputs(), np.ones((5, 7))), "mask has dtype"),
    case("scale", lambda: explicit_latent_attention(*inputs(), scale=math.nan), "scale is nan"),
    case("matrix list", lambda: latent_score_matrix([[1.0]], W), "w_q is a list"),
    case("matrix vector", lambda: latent_score_matrix(W, W[0]), "w_uk has shape (4,)"),
    case("matrix columns", lambda: latent_score_matrix(W, W[:, :3]), "w_uk has 3 columns", "4"),
    case(
        "matrix frequencies",
        lambda: latent_score_matrix(W, W, 1, rotary_frequencies(6)),
        "frequencies have shape (3,)",
        "half of w_q's 4",
    ),
    case(
        "matrix dtype",
        lambda: latent_score_matrix(W, W, 1, rotary_frequencies(4).astype("f")),
        "frequencies has dtype float32",
    ),
    case(
        "matrix offset",
        lambda: latent_score_matrix(W, W, math.inf, rotary_frequencies(4)),
        "offset is inf",
    ),
    *[
        parameter
        for name in (*SIZES, "value_width", "query_latent_width")
        for parameter in [
            *each(f"module {name}", NOT_A_COUNT, lambda n, k=name: build(**{k: n}), f"{name} is"),
            *each(
                f"count {name}",
                NOT_A_COUNT,
                lambda n, k=name: latent_parameters(
                    **{**dict(zip(SIZES, (24, 4, 6, 10, 4), strict=True)), k: n}
                ),
                f"{name} is",
            ),
        ]
    ],
    *each("cache latent", NOT_A_COUNT, lambda n: latent_cache_size(n, 4), "latent_width is"),
    *each("cache rotary", NOT_A_COUNT, lambda n: latent_cache_size(4, n), "rotary_width is"),
    case("module odd", lambda: build(rotary_width=3), "rotary_width is 3", "even"),
    case("module layout", lambda: build(layout="neox"), "layout is 'neox'", "'half'"),
    case("module scale", lambda: build(scale=math.nan), "scale is nan"),
    case("module eps", lambda: build(eps=0.0), "eps is 0.0"),
    case("module base", lambda: build(base=1.0), "base is 1.0"),
    case("module scaling", lambda: build(scaling="yarn"), "scaling is a str", "RopeScaling"),
    case(
        "module dynamic",
        lambda: build(scaling=RopeScaling("dynamic", 2.0, 64)),
        "scaling has kind 'dynamic'",
    ),
    case("x list", lambda: LAYER([[1.0]]), "x is a list"),
    case("x width", lambda: LAYER(TOKENS[..., :20]), "x has width 20", "24"),
    case("x vector", lambda: LAYER(TOKENS[0, 0]), "x has shape (24,)"),
    case("x dtype", lambda: LAYER(TOKENS.double()), "dtype torch.float32", "torch.float64"),
    case("module mask", lambda: LAYER(TOKENS, torch.ones(3, 3)), "mask has dtype"),
    case("cache width", lambda: cached((2, 5, 9)), "cache.latent has shape (2, 5, 9)", "10"),
    case("cache batch", lambda: cached((1, 5, 10)), "cache.latent has shape (1, 5, 10)", "(2,)"),
    case("cache rank", lambda: cached((2, 4, 5, 10)), "cache.latent has shape (2, 4, 5, 10)"),
    case("cache rotary", lambda: cached(k_rotary=(2, 5, 3)), "cache.k_rotary", "(2, 5, 3)"),
    case("cache keys", lambda: cached(k_rotary=(2, 4, 4)), "cache.k_rotary has 4 keys", "5"),
    case("cache dtype", lambda: cached(dtype=torch.float64), "latent has dtype torch.float64"),
    case("cache kind", lambda: LAYER(TOKENS, cache=5), "cache is a int", "LatentCache"),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("call", "words"), ERRORS)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
