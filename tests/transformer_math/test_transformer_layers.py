"""The fused kernels in the layers compute the package's own formulas."""

from functools import partial

import pytest
import torch

from transformer_math.networks import gelu, layer_norm, relu, rms_norm, silu
from transformer_math.transformer import TransformerConfig
from transformer_math.transformer.layers import ACTIVATIONS, Norm

SIZES = dict(vocabulary=17, width=24, heads=4, layers=2, hidden=32, context=16)


@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_the_fused_norm_is_the_formula(draw, kind):
    norm = Norm(TransformerConfig(**SIZES, norm=kind)).double()
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.normal_()
    x = draw(3, SIZES["width"])
    formula = rms_norm(x, norm.gain, norm.eps)
    if kind == "layer":
        formula = layer_norm(x, norm.gain, norm.bias, norm.eps)
    torch.testing.assert_close(norm(x), formula, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "name, formula",
    [
        ("relu", relu),
        ("gelu", gelu),
        ("gelu_tanh", partial(gelu, approximate=True)),
        ("silu", silu),
    ],
)
def test_the_fused_activations_are_the_formulas(draw, name, formula):
    x = 4 * draw(50)
    torch.testing.assert_close(ACTIVATIONS[name](x), formula(x), rtol=1e-12, atol=1e-12)
