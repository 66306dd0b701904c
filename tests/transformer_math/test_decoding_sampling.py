"""Filters and draws against transformers' warpers, and speculation's arithmetic by its laws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from transformer_math.decoding import (
    acceptance,
    apply_temperature,
    expected_tokens,
    min_p,
    residual,
    sample,
    speculative_speedup,
    speculative_step,
    top_k,
    top_p,
)
from transformer_math.probability import softmax

seeds = st.integers(0, 2**32 - 1)
FILTERS = [
    *[(apply_temperature, TemperatureLogitsWarper, t) for t in (0.3, 1.0, 2.5)],
    *[(top_k, TopKLogitsWarper, k) for k in (1, 3, 50, 99)],
    *[(top_p, TopPLogitsWarper, p) for p in (1e-9, 0.3, 0.9, 0.999, 1.0)],
    *[(min_p, MinPLogitsWarper, p) for p in (0.0, 0.05, 0.5, 0.999)],
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("ours", "theirs", "value"), FILTERS, ids=[f"{f[0].__name__} {f[2]}" for f in FILTERS]
)
def test_equals_transformers_warpers(draw, array, dtype, ours, theirs, value):
    logits = draw(4, 50) * 3
    logits[0, 7] = -math.inf
    logits = logits.to(getattr(torch, dtype))
    expected = theirs(value)(None, logits.clone())
    found = ours(array(logits, dtype), value)
    assert str(found.dtype).endswith(dtype)
    p = np.asarray(softmax(found))
    np.testing.assert_allclose(p, torch.softmax(expected, -1).numpy(), rtol=0, atol=1e-6)
    assert ((p > 0) == (torch.softmax(expected, -1) > 0).numpy()).all()
    if ours is not apply_temperature:  # what is kept is kept as it is
        kept = np.asarray(found) > -math.inf
        assert (np.asarray(found)[kept] == logits.numpy()[kept]).all()


def test_ties(array):
    logits = array([[1.0, 2.0, 1.0, 1.0]])
    assert np.isfinite(np.asarray(top_k(logits, 2))).tolist() == [[True] * 4]
    half = np.isfinite(np.asarray(top_p(array([[0.0, 0.0, 0.0, 0.0]]), 0.5)))
    assert half.tolist() == [[True, True, False, False]]
    assert np.isfinite(np.asarray(min_p(logits, 0.999))).tolist() == [[False, True, False, False]]


@given(seeds, st.floats(0.01, 1), st.integers(1, 9), st.floats(0, 0.99))
def test_filters_keep_the_likeliest_and_make_probabilities(seed, p, k, least):
    logits = np.random.default_rng(seed).normal(size=(3, 7)) * 4
    for found in (top_p(logits, p), top_k(logits, k), min_p(logits, least)):
        kept = np.isfinite(found)
        assert kept[np.arange(3), logits.argmax(-1)].all()
        assert softmax(found).sum(-1) == pytest.approx(1)
        # Nothing that is ruled out is likelier than something that is kept.
        lowest = np.where(kept, logits, math.inf).min(-1)
        assert (np.where(kept, -math.inf, logits).max(-1) <= lowest).all()
    mass = np.where(np.isfinite(top_p(logits, p)), softmax(logits), 0)
    smallest = np.where(mass > 0, mass, 2).min(-1)
    assert (mass.sum(-1) >= p - 1e-12).all() and (mass.sum(-1) - smallest < p).all()


def test_a_tiny_temperature_is_greedy_and_a_huge_one_even(array):
    logits = array([[1.0, 3.0, 2.0]], "float32")
    assert np.asarray(softmax(apply_temperature(logits, 1e-300))).tolist() == [[0, 1, 0]]
    assert np.asarray(softmax(apply_temperature(logits, 1e30))) == pytest.approx(1 / 3)


def chi_square(counts, p):
    """Pearson's statistic of counts that should follow p, over its expectation's scale."""
    expected = counts.sum() * p
    return ((counts - expected)[p > 0] ** 2 / expected[p > 0]).sum()


# 99.9 % of chi-square statistics with 5 degrees of freedom lie below 20.5.
LIMIT = 20.5
P = np.array([0.4, 0.25, 0.0, 0.2, 0.1, 0.03, 0.02])
Q = np.array([0.1, 0.25, 0.1, 0.05, 0.3, 0.1, 0.1])


def generator(array, seed=0):
    torch_like = isinstance(array([0.0]), torch.Tensor)
    return torch.Generator().manual_seed(seed) if torch_like else np.random.default_rng(seed)


def test_sample_follows_the_probabilities(array):
    p = array(np.broadcast_to(P * 3, (20_000, 7)).copy())  # they need not sum to one
    drawn = np.asarray(sample(p, generator(array)))
    counts = np.bincount(drawn, minlength=7)
    assert counts[2] == 0 and chi_square(counts, P) < LIMIT
    assert (np.asarray(sample(p, generator(array))) == drawn).all()  # a seed repeats
    assert sample(p[0], generator(array)).shape == ()
    assert int(sample(array([0.0, 0.0, 1e-30, 0.0], "float32"))) == 2


def test_acceptance_is_one_less_total_variation(array):
    p, q = array(P), array(Q)
    assert float(acceptance(p, q)) == pytest.approx(np.minimum(P, Q).sum())
    assert float(acceptance(p, q)) == pytest.approx(1 - np.abs(P - Q).sum() / 2)
    assert float(acceptance(p, p)) == pytest.approx(1)


@given(seeds)
def test_accepted_and_replaced_tokens_together_are_p(seed):
    """min(p, q) + (1 - alpha) r = p: the proof, in numbers."""
    p, q = np.random.default_rng(seed).dirichlet(np.ones(6) * 0.3, size=2) + 1e-6
    p, q = p / p.sum(), q / q.sum()
    together = np.minimum(p, q) + (1 - acceptance(p, q)) * residual(p, q)
    assert together == pytest.approx(p, abs=1e-12)
    assert residual(p, p) == pytest.approx(p)


@pytest.mark.usefixtures("unchecked")  # it takes many draws
def test_speculative_step_draws_from_p(array):
    """Two guesses from q: each place of the output follows p, and alpha of the guesses stay."""
    p, q, g = array(np.stack([P, P[::-1].copy(), P])), array(np.stack([Q, Q])), generator(array)
    runs = 500
    outputs = [speculative_step(p, q, sample(q, g), g) for _ in range(runs)]
    first = np.bincount([int(tokens[0]) for tokens in outputs], minlength=7)
    assert chi_square(first, P) < LIMIT
    second = np.bincount([int(t[1]) for t in outputs if len(t) > 1], minlength=7)
    assert chi_square(second, P[::-1]) < LIMIT
    third = np.bincount([int(t[2]) for t in outputs if len(t) > 2], minlength=7)
    assert chi_square(third, P) < LIMIT
    alpha = float(acceptance(array(P), array(Q)))
    assert sum(len(t) > 1 for t in outputs) / runs == pytest.approx(alpha, abs=0.07)


def test_certain_distributions(array):
    one = array(np.eye(4)[[1, 2, 3]])
    guesses = array([1, 2], "int64")
    assert np.asarray(speculative_step(one, one[:2], guesses)).tolist() == [1, 2, 3]
    wrong = array(np.eye(4)[[1, 0]])
    assert np.asarray(speculative_step(one, wrong, array([1, 0], "int64"))).tolist() == [1, 2]


def test_expected_tokens():
    assert expected_tokens(0.7, 4) == pytest.approx(2.7731)
    assert expected_tokens(0.7, 4) == pytest.approx((1 - 0.7**5) / 0.3)
    assert (expected_tokens(0, 3), expected_tokens(1, 3)) == (1, 4)
    rng = np.random.default_rng(0)  # guesses accepted one after the other, until one is not
    accepted = np.cumprod(rng.random((50_000, 4)) < 0.7, axis=1).sum(1)
    assert (accepted + 1).mean() == pytest.approx(expected_tokens(0.7, 4), abs=0.02)
    assert speculative_speedup(0.7, 4, 0.1) == pytest.approx(2.7731 / 1.4)


def test_importing_the_arithmetic_does_not_import_torch():
    import subprocess
    import sys

    code = (
        "import sys, numpy; from transformer_math.decoding import sample, top_p, BlockPool;"
        "sample(numpy.ones(3)); assert 'torch' not in sys.modules;"
        "from transformer_math import decoding;"
        "[getattr(decoding, name) for name in decoding.__all__];"
        "from transformer_math.decoding import generate, speculative;"
        "assert callable(generate) and callable(speculative)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
