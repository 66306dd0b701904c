"""Small Transformers with redrawn weights, and caches that must not change what they say."""

import torch

from transformer_math.decoding import ContiguousCache, PagedCache, QuantisedCache, WindowCache
from transformer_math.transformer import Transformer, TransformerConfig

LLAMA = dict(positions="rotary", kv_heads=2, norm="rms", activation="swiglu", bias=False)
EXACT = {
    "contiguous": lambda config, **like: ContiguousCache(config, **like),
    "paged, block 1": lambda config, **like: PagedCache(config, block=1, **like),
    "paged, block 4": lambda config, **like: PagedCache(config, block=4, **like),
    "window": lambda config, **like: WindowCache(config, config.context, **like),
    "window, own positions": lambda config, **like: WindowCache(
        config,
        config.context,
        sinks=1,
        positions="absolute" if config.positions in ("learned", "sinusoidal") else "cache",
        **like,
    ),
    "quantised, all residual": lambda config, **like: QuantisedCache(
        config, group=2, residual=config.context, **like
    ),
}


def redrawn(dtype=torch.float64, seed=0, **choices):
    """A small Transformer whose every weight is drawn anew: N(0, 1/16), gains around 1."""
    sizes = dict(vocabulary=17, width=16, heads=4, layers=2, hidden=24, context=32)
    torch.manual_seed(seed)
    model = Transformer(TransformerConfig(**sizes | choices)).to(dtype).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.25)
            if name.endswith("gain"):
                parameter += 1
    return model.requires_grad_(False)


def tokens(*shape, seed=1):
    return torch.randint(17, shape, generator=torch.Generator().manual_seed(seed))


def memory_of(model, batch=2):
    return model.encode(tokens(batch, 5, seed=2)) if model.encoder is not None else None
