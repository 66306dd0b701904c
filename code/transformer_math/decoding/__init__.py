"""From a model to a text: caches of keys and values, sampling, beam search, speculation.

What decides on probabilities alone takes NumPy arrays and torch tensors; caches and generation need
torch, which is imported when one of their names is asked for.
"""

from ..doors import doors
from .blocks import BlockPool, Sequence
from .sampling import apply_temperature, min_p, sample, top_k, top_p
from .speculation import (
    acceptance,
    expected_tokens,
    residual,
    speculative_speedup,
    speculative_step,
)

_LATER = {
    "Beam": "transformer_math.decoding.beam",
    "Cache": "transformer_math.decoding.cache",
    "ContiguousCache": "transformer_math.decoding.cache",
    "PagedCache": "transformer_math.decoding.paged",
    "QuantisedCache": "transformer_math.decoding.quantised",
    "Sampler": "transformer_math.decoding.generation",
    "Speculation": "transformer_math.decoding.drafting",
    "WindowCache": "transformer_math.decoding.window",
    "beam_search": "transformer_math.decoding.beam",
    "dequantise": "transformer_math.decoding.quantised",
    "generate": "transformer_math.decoding.generation",
    "greedy": "transformer_math.decoding.generation",
    "quantise": "transformer_math.decoding.quantised",
    "speculative": "transformer_math.decoding.drafting",
    "steps": "transformer_math.decoding.generation",
}

__all__ = [
    "Beam",
    "BlockPool",
    "Cache",
    "ContiguousCache",
    "PagedCache",
    "QuantisedCache",
    "Sampler",
    "Sequence",
    "Speculation",
    "WindowCache",
    "acceptance",
    "apply_temperature",
    "beam_search",
    "dequantise",
    "expected_tokens",
    "generate",
    "greedy",
    "min_p",
    "quantise",
    "residual",
    "sample",
    "speculative",
    "speculative_speedup",
    "speculative_step",
    "steps",
    "top_k",
    "top_p",
]


__getattr__, __dir__ = doors(__name__, _LATER)
