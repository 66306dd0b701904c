"""From a model to a text: caches of keys and values, sampling, beam search, speculation.

What decides on probabilities alone takes NumPy arrays and torch tensors; caches and generation need
torch, which is imported when one of their names is asked for.
"""

from importlib import import_module

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
    "Beam": "beam",
    "Cache": "cache",
    "ContiguousCache": "cache",
    "PagedCache": "paged",
    "QuantisedCache": "quantised",
    "Sampler": "generation",
    "Speculation": "drafting",
    "WindowCache": "window",
    "beam_search": "beam",
    "dequantise": "quantised",
    "generate": "generation",
    "greedy": "generation",
    "quantise": "quantised",
    "speculative": "drafting",
    "steps": "generation",
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


def __getattr__(name: str):
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
