"""Rotary positions against Hugging Face's Llama and DeepSeek, matrices, and by their laws."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig
from transformers.models.deepseek_v2.modeling_deepseek_v2 import apply_rotary_emb
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from transformer_math.attention import attention_scores
from transformer_math.positions import (
    rotary_frequencies,
    rotary_table,
    rotate,
    rotation_matrix,
    to_half,
    to_interleaved,
    turn,
    wavelengths,
)

LAYOUTS = ("half", "interleaved")
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
layouts = st.sampled_from(LAYOUTS)
halves = st.integers(1, 8)
places = st.integers(-5000, 5000)


def vectors(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def by_definition(x, positions, frequencies, layout):
    """Pair by pair, in plain loops."""
    half = len(frequencies)
    out = np.zeros_like(x)
    for row, m in enumerate(positions):
        for i, theta in enumerate(frequencies):
            a, b = (i, i + half) if layout == "half" else (2 * i, 2 * i + 1)
            cos, sin = math.cos(m * theta), math.sin(m * theta)
            out[..., row, a] = x[..., row, a] * cos - x[..., row, b] * sin
            out[..., row, b] = x[..., row, a] * sin + x[..., row, b] * cos
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_equals_the_definition(array, dtype, layout):
    x = vectors(0, 2, 3, 5, 8)
    positions, frequencies = [0, 1, 7, 300, 5], rotary_frequencies(8, 500.0)
    turned = rotate(array(x, dtype), array(positions, "int64"), frequencies, layout)
    assert str(turned.dtype).endswith(dtype)
    expected = by_definition(x, positions, frequencies, layout)
    assert np.asarray(turned) == pytest.approx(expected, abs=TOLERANCE[dtype])


@pytest.mark.parametrize("base", [100.0, 1e4, 5e5])
@pytest.mark.parametrize("width", [2, 8, 64, 128])
def test_half_layout_equals_llama(draw, width, base):
    config = LlamaConfig(
        hidden_size=2 * width,
        num_attention_heads=2,
        rope_parameters={"rope_type": "default", "rope_theta": base},
    )
    q, k = draw(2, 2, 6, width), draw(2, 2, 6, width)
    positions = torch.tensor([[0, 1, 2, 3, 4, 5], [3, 90, 91, 92, 400, 401]])
    cos, sin = LlamaRotaryEmbedding(config)(q, positions)
    expected = apply_rotary_pos_emb(q, k, cos, sin)
    frequencies = rotary_frequencies(width, base)
    for ours, theirs in zip((q, k), expected, strict=True):
        torch.testing.assert_close(
            rotate(ours, positions, frequencies), theirs, atol=3e-4, rtol=0
        )  # Llama's angles are float32
    # With Llama's own cosines, nothing is left of the difference.
    half = width // 2
    torch.testing.assert_close(turn(q, cos[..., :half], sin[..., :half]), expected[0])


@pytest.mark.parametrize("width", [2, 8, 64])
def test_interleaved_layout_equals_deepseek(draw, width):
    q, k = draw(2, 3, 6, width), draw(2, 1, 6, width)
    positions = torch.arange(6) * 11
    frequencies = rotary_frequencies(width)
    angles = positions[:, None] * torch.as_tensor(frequencies)
    expected = apply_rotary_emb(q, k, torch.polar(torch.ones_like(angles), angles)[None].cfloat())
    for ours, theirs in zip((q, k), expected, strict=True):
        turned = rotate(ours, positions, frequencies, "interleaved")
        torch.testing.assert_close(turned, theirs, atol=1e-6, rtol=0)


def test_frequencies_and_wavelengths():
    assert rotary_frequencies(2) == pytest.approx([1.0])
    assert rotary_frequencies(8, 10000) == pytest.approx([1, 0.1, 0.01, 0.001], rel=1e-15)
    assert rotary_frequencies(6, 1000.0).dtype == np.float64
    for base, longest in ((1e4, 54_410), (5e5, 2.56e6), (1e6, 5.06e6)):
        lengths = wavelengths(rotary_frequencies(128, base))
        assert lengths[0] == pytest.approx(2 * math.pi)
        assert lengths[-1] == pytest.approx(longest, rel=2e-3)
        assert lengths[-1] == pytest.approx(2 * math.pi * base ** (126 / 128), rel=1e-14)
    lengths = wavelengths(torch.as_tensor(rotary_frequencies(128)))
    assert int((lengths > 4096).sum()) == 18


@given(st.integers(0, 2**32 - 1), halves, places, places, st.integers(-1000, 1000), layouts)
def test_scores_depend_on_the_distance_alone(seed, half, m, n, shift, layout):
    q, k = vectors(seed, 2, 1, 2 * half)
    frequencies = rotary_frequencies(2 * half, 1e4)

    def score(m, n):
        turned = [rotate(x, np.array([p]), frequencies, layout) for x, p in ((q, m), (k, n))]
        return float((turned[0] @ turned[1].T).item())

    assert score(m + shift, n + shift) == pytest.approx(score(m, n), abs=1e-9)
    assert score(0, n - m) == pytest.approx(score(m, n), abs=1e-9)


@given(st.integers(0, 2**32 - 1), halves, places, layouts)
def test_norms_are_kept_and_minus_m_undoes_m(seed, half, m, layout):
    x = vectors(seed, 3, 2 * half)
    frequencies = rotary_frequencies(2 * half)
    turned = rotate(x, np.array([m, m + 1, -m]), frequencies, layout)
    assert np.linalg.norm(turned, axis=-1) == pytest.approx(np.linalg.norm(x, axis=-1))
    back = rotate(turned, np.array([-m, -m - 1, m]), frequencies, layout)
    assert back == pytest.approx(x, abs=1e-12)


@given(st.integers(0, 2**32 - 1), halves, st.floats(-100, 100), st.floats(-100, 100), layouts)
def test_matrix_is_the_rotation_and_a_one_parameter_group(seed, half, m, n, layout):
    x = vectors(seed, 4, 2 * half)
    frequencies = rotary_frequencies(2 * half, 50.0)
    matrix = rotation_matrix(m, frequencies, layout)
    assert x @ matrix.T == pytest.approx(rotate(x, np.full(4, m), frequencies, layout), abs=1e-12)
    assert matrix @ matrix.T == pytest.approx(np.eye(2 * half), abs=1e-12)
    product = matrix @ rotation_matrix(n, frequencies, layout)
    assert product == pytest.approx(rotation_matrix(m + n, frequencies, layout), abs=1e-11)


def test_matrix_blocks():
    theta = np.array([0.5, 0.25])
    c, s = np.cos(2 * theta), np.sin(2 * theta)
    interleaved = [[c[0], -s[0], 0, 0], [s[0], c[0], 0, 0], [0, 0, c[1], -s[1]], [0, 0, s[1], c[1]]]
    half = [[c[0], 0, -s[0], 0], [0, c[1], 0, -s[1]], [s[0], 0, c[0], 0], [0, s[1], 0, c[1]]]
    assert rotation_matrix(2, theta, "interleaved") == pytest.approx(np.array(interleaved))
    assert rotation_matrix(2, theta) == pytest.approx(np.array(half))
    assert isinstance(rotation_matrix(2, torch.as_tensor(theta)), torch.Tensor)


@given(st.integers(0, 2**32 - 1), halves, st.integers(1, 3))
def test_layouts_are_conjugate_by_a_permutation(seed, half, heads):
    x = vectors(seed, 5, heads * 2 * half)
    assert (to_half(to_interleaved(x, heads), heads) == x).all()
    assert (to_interleaved(to_half(x, heads), heads) == x).all()
    frequencies, positions = rotary_frequencies(2 * half), np.arange(5)
    one = x[:, : 2 * half]
    assert to_half(rotate(one, positions, frequencies, "interleaved")) == pytest.approx(
        rotate(to_half(one), positions, frequencies, "half"), abs=1e-14
    )


def test_order_of_coordinates(array):
    x = array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert to_half(x).tolist() == [0, 2, 4, 6, 1, 3, 5, 7]
    assert to_half(x, heads=2).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert to_interleaved(x).tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def test_permuted_projections_leave_the_scores(array):
    """Weights made for one layout serve the other after their columns are reordered."""
    heads, width, n = 3, 4, 6
    x, w_q, w_k = (array(vectors(i, *shape)) for i, shape in enumerate([(n, 5), (5, 12), (5, 12)]))
    positions, frequencies = array(range(n), "int64"), rotary_frequencies(width, 20.0)

    def scores(w_q, w_k, layout):
        q, k = (np.moveaxis(np.asarray(x @ w).reshape(n, heads, width), 0, 1) for w in (w_q, w_k))
        q, k = (rotate(array(side), positions, frequencies, layout) for side in (q, k))
        return np.asarray(attention_scores(q, k))

    interleaved = scores(w_q, w_k, "interleaved")
    same = scores(to_half(w_q, heads), to_half(w_k, heads), "half")
    assert same == pytest.approx(interleaved, abs=1e-13)
    assert np.abs(scores(w_q, w_k, "half") - interleaved).max() > 0.1  # not interchangeable


def test_attention_factor_enters_a_score_twice(array):
    q, k = array(vectors(0, 3, 8)), array(vectors(1, 3, 8))
    positions, frequencies = array([4, 5, 6], "int64"), rotary_frequencies(8)
    plain = [rotate(side, positions, frequencies) for side in (q, k)]
    scaled = [rotate(side, positions, frequencies, attention_factor=1.5) for side in (q, k)]
    expected = np.asarray(attention_scores(*plain)) * 1.5**2
    assert np.asarray(attention_scores(*scaled)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_batch_has_its_own_positions(array, layout):
    x = vectors(0, 2, 3, 4, 6)
    positions = np.array([[0, 1, 2, 3], [9, 4, -1, 7]])
    frequencies = rotary_frequencies(6)
    turned = rotate(array(x), array(positions, "int64"), frequencies, layout)
    for b in range(2):
        alone = rotate(x[b], positions[b], frequencies, layout)
        assert np.asarray(turned[b]) == pytest.approx(alone, abs=1e-14)
    shared = rotate(array(x), array(positions[:1], "int64"), frequencies, layout)
    assert np.asarray(shared) == pytest.approx(
        np.asarray(rotate(array(x), array(positions[0], "int64"), frequencies, layout)), abs=0
    )


def test_angles_are_float64_whatever_the_dtype():
    """Near position 100,000 angles rounded to float32 are off by more than the cast is."""
    frequencies, positions = rotary_frequencies(128), np.arange(99_000, 100_000)
    exact, _ = rotary_table(positions, frequencies)
    cast, _ = rotary_table(positions, frequencies, like=np.zeros(1, dtype="float32"))
    rounded = np.cos(positions[:, None].astype("float32") * frequencies.astype("float32"))
    assert cast.dtype == np.float32
    assert np.abs(cast - exact).max() < 1e-7
    assert 0.003 < np.abs(rounded - exact).max() < 0.01


def test_tables_computed_once_give_the_same(array):
    x, positions = array(vectors(0, 2, 4, 6)), array([3, 1, 4, 1], "int64")
    frequencies = rotary_frequencies(6)
    cos, sin = rotary_table(positions, frequencies, 2.0, like=x)
    assert np.asarray(turn(x, cos, sin)) == pytest.approx(
        np.asarray(rotate(x, positions, frequencies, attention_factor=2.0)), abs=0
    )
    squares = np.asarray(cos) ** 2 + np.asarray(sin) ** 2
    assert squares == pytest.approx(np.full((4, 3), 4.0))


def test_fractional_positions_interpolate():
    """Position interpolation: m / s, or the frequencies divided by s."""
    x, frequencies = vectors(0, 5, 6), rotary_frequencies(6)
    slowed = rotate(x, np.arange(5), frequencies / 4)
    assert rotate(x, np.arange(5) / 4, frequencies) == pytest.approx(slowed, abs=1e-15)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients(draw, layout):
    x = draw(2, 3, 4).requires_grad_()
    frequencies = rotary_frequencies(4)
    assert torch.autograd.gradcheck(
        lambda x: rotate(x, torch.tensor([0, 3, 8]), frequencies, layout), x
    )
    assert torch.autograd.gradcheck(lambda x: to_half(x) * to_interleaved(x), x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_inputs(draw, dtype):
    x = draw(3, 8)
    low = x.to(getattr(torch, dtype))
    turned = rotate(low, torch.arange(3), rotary_frequencies(8))
    assert turned.dtype == low.dtype
    exact = rotate(x, torch.arange(3), rotary_frequencies(8))
    torch.testing.assert_close(turned.double(), exact, atol=0.03, rtol=0)


def test_strict_array_api():
    strict = pytest.importorskip("array_api_strict")
    x, positions = vectors(0, 2, 4, 6), np.array([3, 1, 4, 1])
    frequencies = rotary_frequencies(6)
    for layout in LAYOUTS:
        turned = rotate(strict.asarray(x), strict.asarray(positions), frequencies, layout)
        expected = rotate(x, positions, frequencies, layout)
        assert np.asarray(turned) == pytest.approx(expected, abs=1e-15)
    assert np.asarray(to_half(strict.asarray(x), 3)) == pytest.approx(to_half(x, 3), abs=0)


def test_positions_need_no_torch():
    code = (
        "import sys, numpy, transformer_math.attention.latent;"
        "from transformer_math.positions import rotary_frequencies, rotate;"
        "rotate(numpy.ones((3, 4)), numpy.arange(3), rotary_frequencies(4));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
