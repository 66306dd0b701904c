"""Sinusoidal positions against Hugging Face's Marian and by their laws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

from transformer_math.positions import (
    rotary_frequencies,
    shift_matrix,
    sinusoidal_encoding,
    to_half,
    wavelengths,
)

halves = st.integers(1, 16)


def test_by_hand():
    table = sinusoidal_encoding(3, 4, base=100.0)
    for p in range(3):
        row = [math.sin(p), math.cos(p), math.sin(p / 10), math.cos(p / 10)]
        assert table[p] == pytest.approx(row, rel=1e-15)
    assert table.dtype == np.float64


@pytest.mark.parametrize("width", [2, 6, 64, 512])
def test_equals_marian(width):
    """Marian keeps all sines before all cosines; its table is made in float64, kept in float32."""
    reference = MarianSinusoidalPositionalEmbedding(150, width)
    reference.weight.data = reference.create_weight()
    ours = to_half(sinusoidal_encoding(150, width))
    assert ours == pytest.approx(reference.weight.detach().numpy(), abs=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_of_positions(array, dtype):
    positions = array([[5, 0, 70000], [1, 2, 3]], "int64")
    table = sinusoidal_encoding(positions, 6, like=array([0.0], dtype))
    assert str(table.dtype).endswith(dtype)
    assert table.shape == (2, 3, 6)
    expected = sinusoidal_encoding(70001, 6)[np.array([[5, 0, 70000], [1, 2, 3]])]
    assert np.asarray(table) == pytest.approx(
        expected, abs={"float32": 1e-7, "float64": 1e-14}[dtype]
    )
    assert str(sinusoidal_encoding(positions, 6).dtype).endswith("float64")
    assert isinstance(sinusoidal_encoding(4, 6, like=array([0.0])), type(positions))


@given(halves, st.integers(-300, 300), st.integers(0, 300), st.floats(1.5, 1e6))
def test_a_shift_is_one_matrix_for_all_positions(half, k, p, base):
    width = 2 * half
    matrix = shift_matrix(k, width, base)
    here, there = sinusoidal_encoding(np.array([p, p + k]), width, base)
    assert matrix @ here == pytest.approx(there, abs=1e-12)
    assert matrix @ matrix.T == pytest.approx(np.eye(width), abs=1e-12)


def test_shift_matrix_by_hand():
    c, s = math.cos(3), math.sin(3)
    assert shift_matrix(3, 2) == pytest.approx(np.array([[c, s], [-s, c]]))


@given(halves, st.integers(0, 500), st.integers(0, 500))
def test_dot_products_depend_on_the_distance_alone(half, p, q):
    first, second = sinusoidal_encoding(np.array([p, q]), 2 * half)
    cosines = np.cos(rotary_frequencies(2 * half) * (p - q)).sum()
    assert first @ second == pytest.approx(cosines, abs=1e-11)
    assert first @ first == pytest.approx(half)


def test_with_a_matrix_between_them_dot_products_depend_on_more():
    """Attention puts W_Q W_K^T there, so sinusoids alone do not make it relative."""
    table = sinusoidal_encoding(106, 64)
    w = np.random.default_rng(0).normal(size=(64, 64))
    plain = [table[p] @ table[p + 5] for p in (0, 10, 100)]
    mixed = [table[p] @ w @ table[p + 5] for p in (0, 10, 100)]
    assert plain == pytest.approx([plain[0]] * 3)
    assert np.ptp(mixed) > 1


def test_longest_wavelength():
    lengths = wavelengths(rotary_frequencies(512))
    assert lengths[0] == pytest.approx(2 * math.pi)
    assert round(float(lengths[-1])) == 60_611
    assert lengths[-1] == pytest.approx(2 * math.pi * 10000 ** (510 / 512))


def test_after_a_wavelength_the_pair_has_come_round():
    length = wavelengths(rotary_frequencies(4, 50.0))[1]
    start, end = sinusoidal_encoding(torch.tensor([0.0, length], dtype=torch.float64), 4, 50.0)
    torch.testing.assert_close(end[2:], start[2:])
    assert abs(end[0] - start[0]) > 0.1  # the other pair is somewhere else
