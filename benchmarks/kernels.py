"""Attention of the package against four naive lines and the fused kernel of torch: paired runs."""

from __future__ import annotations

import math
import statistics
import time

import torch
from torch.nn.functional import scaled_dot_product_attention as fused

from transformer_math.attention import attention, causal_mask

SHAPES = {
    "batch 4, 8 heads, 256 tokens, width 64": (4, 8, 256, 64),
    "1, 12, 1024, 64": (1, 12, 1024, 64),
}
RUNS = 30


def naive(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = torch.softmax(scores, dim=-1)
    return weights @ v, weights


def timed(function, *arguments) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def measure() -> dict[str, dict]:
    """Median of the ratio package / naive over paired runs, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = {}
    with torch.inference_mode():
        for name, shape in SHAPES.items():
            generator = torch.Generator().manual_seed(0)
            q, k, v = (torch.randn(shape, generator=generator) for _ in range(3))
            for masked in (False, True):
                mask = causal_mask(shape[-2], like=q) if masked else None
                arguments = (q, k, v, mask)
                for ours, theirs in zip(attention(*arguments), naive(*arguments), strict=True):
                    torch.testing.assert_close(ours, theirs)
                rounds = [
                    [timed(function, *arguments) for function in (attention, naive, fused)]
                    for _ in range(RUNS)
                ]
                own, plain, kernel = zip(*rounds, strict=True)
                found[f"{name}{', causal' if masked else ''}"] = {
                    "ratio": round(statistics.median(a / b for a, b, _ in rounds), 2),
                    "package_ms": round(1000 * statistics.median(own), 2),
                    "naive_ms": round(1000 * statistics.median(plain), 2),
                    "fused_ms": round(1000 * statistics.median(kernel), 2),
                }
    torch.set_num_threads(threads)
    return found


if __name__ == "__main__":
    for name, row in measure().items():
        print(name, row)
