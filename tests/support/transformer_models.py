"""A small Transformer of any kind, in double precision."""

import torch

from transformer_math.transformer import Transformer, TransformerConfig

SIZES = dict(vocabulary=17, width=24, heads=4, layers=2, hidden=32, context=16)


def build(**changes):
    """A model in double precision with parameters far from their small initial values."""
    model = Transformer(TransformerConfig(**SIZES | changes)).double().eval()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(0.25 * torch.randn(parameter.shape, generator=draw))
            if name.endswith("gain"):
                parameter += 1
    return model


def ids(*shape, seed=1):
    return torch.randint(17, shape, generator=torch.Generator().manual_seed(seed))
