"""Frequencies for long contexts against Hugging Face's rope functions and by their laws."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from transformer_math.positions import RopeScaling, rotary_frequencies, wavelengths

WIDTHS = (4, 64, 128)
BASES = (1e4, 5e5)
ALL = {
    "default": RopeScaling(),
    "linear": RopeScaling("linear", 4.0),
    "ntk": RopeScaling("ntk", 4.0),
    "dynamic": RopeScaling("dynamic", 4.0, 2048),
    "yarn": RopeScaling("yarn", 4.0, 2048),
    "yarn by turns": RopeScaling("yarn", 4.0, 2048, ramp="turns"),
    "llama3": RopeScaling("llama3", 8.0, 8192),
}


def hugging_face(kind, width, base, length=None, context=None, **options):
    """Frequencies and attention factor; the tables there are float32."""
    config = LlamaConfig(
        hidden_size=2 * width,
        num_attention_heads=2,
        head_dim=width,
        max_position_embeddings=context or 10_000,
        rope_parameters={"rope_type": kind, "rope_theta": base, **options},
    )
    frequencies, factor = ROPE_INIT_FUNCTIONS[kind](config, seq_len=length)
    return frequencies.numpy(), factor


def close(ours, theirs, theta):
    """Equal to float32's precision, relative to the frequencies before they were changed."""
    assert ours.dtype == np.float64
    assert ours / theta == pytest.approx(theirs / theta, rel=2e-6, abs=3e-7)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("factor", [1.0, 4.0, 40.0])
class TestAgainstHuggingFace:
    def test_linear(self, width, base, factor):
        theirs, attention = hugging_face("linear", width, base, factor=factor)
        scaling = RopeScaling("linear", factor)
        close(scaling.frequencies(width, base), theirs, rotary_frequencies(width, base))
        assert scaling.attention_factor == attention == 1

    @pytest.mark.parametrize("length", [None, 1, 513, 4096])
    def test_dynamic(self, width, base, factor, length):
        theirs, attention = hugging_face("dynamic", width, base, length, 512, factor=factor)
        scaling = RopeScaling("dynamic", factor, 512)
        close(scaling.frequencies(width, base, length), theirs, rotary_frequencies(width, base))
        assert scaling.attention_factor == attention == 1

    def test_ntk_is_dynamic_at_its_own_stretch(self, width, base, factor):
        """Hugging Face has no static kind; a factor of 1 at length s L is the same formula."""
        theirs, _ = hugging_face("dynamic", width, base, int(512 * factor), 512, factor=1.0)
        close(
            RopeScaling("ntk", factor).frequencies(width, base),
            theirs,
            rotary_frequencies(width, base),
        )

    @pytest.mark.parametrize("context", [32, 2048, 8192])
    @pytest.mark.parametrize("betas", [(32, 1), (8, 2)], ids=str)
    def test_yarn(self, width, base, factor, context, betas):
        for truncate in (True, False):
            theirs, attention = hugging_face(
                "yarn",
                width,
                base,
                factor=factor,
                original_max_position_embeddings=context,
                beta_fast=betas[0],
                beta_slow=betas[1],
                truncate=truncate,
            )
            scaling = RopeScaling("yarn", factor, context, *betas, truncate=truncate)
            close(scaling.frequencies(width, base), theirs, rotary_frequencies(width, base))
            assert scaling.attention_factor == pytest.approx(attention, rel=1e-15)

    @pytest.mark.parametrize("context", [32, 8192])
    @pytest.mark.parametrize("turns", [(1.0, 4.0), (2.0, 3.0)], ids=str)
    def test_llama3(self, width, base, factor, context, turns):
        theirs, attention = hugging_face(
            "llama3",
            width,
            base,
            factor=factor,
            original_max_position_embeddings=context,
            low_freq_factor=turns[0],
            high_freq_factor=turns[1],
        )
        scaling = RopeScaling(
            "llama3",
            factor,
            context,
            low_frequency_factor=turns[0],
            high_frequency_factor=turns[1],
        )
        close(scaling.frequencies(width, base), theirs, rotary_frequencies(width, base))
        assert scaling.attention_factor == attention == 1


def test_fixed_attention_factor_equals_hugging_face():
    _, theirs = hugging_face(
        "yarn", 64, 1e4, factor=4.0, original_max_position_embeddings=512, attention_factor=1.7
    )
    assert RopeScaling("yarn", 4.0, 512, fixed_attention_factor=1.7).attention_factor == theirs


def test_ntk_base():
    for factor, base in ((2, 20_221), (4, 40_890), (8, 82_685)):
        theta = RopeScaling("ntk", factor).frequencies(128)
        assert theta[1] ** (-128 / 2) == pytest.approx(base, abs=0.5)


def test_yarn_attention_factor():
    assert RopeScaling("yarn", 1.0, 2048).attention_factor == 1
    assert RopeScaling("yarn", 16.0, 2048).attention_factor == 0.1 * math.log(16) + 1
    assert all(ALL[kind].attention_factor == 1 for kind in ALL if "yarn" not in kind)


def test_yarn_ramps_where_the_planes_turn_often_and_seldom():
    """Width 128, context 4096: planes up to 20 are kept, from 46 on interpolated."""
    theta = rotary_frequencies(128)
    kept = (RopeScaling("yarn", 4.0, 4096).frequencies(128) / theta - 1 / 4) / (3 / 4)
    assert kept[:21] == pytest.approx(1)
    assert kept[46:] == pytest.approx(0, abs=1e-15)
    assert kept[20:47] == pytest.approx(np.linspace(1, 0, 27))
    by_turns = RopeScaling("yarn", 4.0, 4096, ramp="turns").frequencies(128)
    turns = 4096 / wavelengths(theta)
    expected = np.clip((turns - 1) / 31, 0, 1)
    assert by_turns == pytest.approx((1 - expected) * theta / 4 + expected * theta)
    middle = slice(22, 45)
    assert (expected[middle] < kept[middle]).all()


def test_llama3_is_the_ramp_by_turns():
    yarn = RopeScaling("yarn", 8.0, 8192, beta_fast=4.0, beta_slow=1.0, ramp="turns")
    llama = RopeScaling("llama3", 8.0, 8192)
    assert llama.frequencies(128, 5e5) == pytest.approx(yarn.frequencies(128, 5e5), rel=1e-15)


@pytest.mark.parametrize("name", ALL)
@given(st.integers(2, 64), st.floats(2, 1e6), st.floats(1, 64))
def test_no_plane_gets_faster_nor_slower_than_the_stretch(name, half, base, factor):
    scaling = ALL[name] if name == "default" else replace(ALL[name], factor=factor)
    theta = rotary_frequencies(2 * half, base)
    ratio = theta / scaling.frequencies(2 * half, base, 3 * 2048)
    most = 3 * factor if name == "dynamic" else factor
    assert (ratio >= 1 - 1e-12).all()
    assert (ratio <= most * (1 + 1e-12)).all()


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("linear", "default")])
def test_the_fastest_plane_is_kept_and_the_slowest_stretched(name):
    scaling = ALL[name]
    ratio = rotary_frequencies(128) / scaling.frequencies(128, length=2048 * 4)
    assert ratio[0] == pytest.approx(1)
    slowest = {"dynamic": 4 * 4 - 3}.get(name, scaling.factor)
    assert ratio[-1] == pytest.approx(slowest)


def test_dynamic_changes_nothing_up_to_the_context():
    scaling, theta = ALL["dynamic"], rotary_frequencies(64)
    for length in (None, 1, 2048):
        assert scaling.frequencies(64, length=length) == pytest.approx(theta, rel=1e-14)
    assert scaling.frequencies(64, length=2049)[-1] < theta[-1]


def test_default_and_stretch_of_one_are_plain_rotary():
    theta = rotary_frequencies(64, 5e5)
    assert (ALL["default"].frequencies(64, 5e5) == theta).all()
    for name in set(ALL) - {"default"}:
        assert replace(ALL[name], factor=1.0).frequencies(64, 5e5) == pytest.approx(theta)
