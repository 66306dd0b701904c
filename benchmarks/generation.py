"""Greedy generation against Hugging Face's GPT-2 with the same weights: paired runs, ratios."""

from __future__ import annotations

import statistics
import time

import torch

from transformer_math.decoding import generate
from transformer_math.transformer.hugging_face import from_hugging_face_state_dict

SIZE = {"vocabulary": 2048, "width": 192, "heads": 6, "layers": 4, "context": 512}
PROMPT, TOKENS = 16, 240
RUNS = 5


def pair():
    """Return a GPT-2 of transformers and ours with its weights, redrawn so that texts vary."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=SIZE["vocabulary"],
        n_embd=SIZE["width"],
        n_head=SIZE["heads"],
        n_layer=SIZE["layers"],
        n_positions=SIZE["context"],
        bos_token_id=None,
        eos_token_id=None,
    )
    torch.manual_seed(0)
    theirs = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(0, 0.25)
    return theirs, from_hugging_face_state_dict(config, theirs.state_dict())


def load_seconds(runs: int = RUNS) -> float:
    """Median time to load the shipped model from its files."""
    from transformer_math.models.small_gpt import load
    from transformer_math.models.small_gpt.model import HERE

    return statistics.median(timed(lambda: load(HERE))[0] for _ in range(runs))


def timed(function) -> tuple[float, object]:
    started = time.perf_counter()
    tokens = function()
    return time.perf_counter() - started, tokens


def measure(tokens: int = TOKENS, runs: int = RUNS) -> dict[str, dict]:
    """Median of the ratio package / transformers over paired runs, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    theirs, ours = pair()
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(SIZE["vocabulary"], (1, PROMPT), generator=generator)

    def their_tokens(cached):
        return theirs.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=tokens,
            do_sample=False,
            use_cache=cached,
            pad_token_id=0,
        )[:, PROMPT:]

    found, own = {}, {}
    for cached in (True, False):
        cache = None if cached else False
        times = []
        for run in range(runs + 1):
            seconds, text = timed(lambda: generate(ours, ids, tokens, cache=cache))  # noqa: B023
            their_seconds, their_text = timed(lambda: their_tokens(cached))  # noqa: B023
            assert torch.equal(text, their_text), "the two generate different texts"
            if run:  # the first run warms up
                times.append((seconds, their_seconds))
        own[cached] = [seconds for seconds, _ in times]
        found["cached" if cached else "uncached"] = {
            "ratio": round(statistics.median(a / b for a, b in times), 2),
            "package_ms_per_token": round(1000 * statistics.median(own[cached]) / tokens, 3),
            "transformers_ms_per_token": round(
                1000 * statistics.median(b for _, b in times) / tokens, 3
            ),
        }
    gain = statistics.median(a / b for a, b in zip(own[False], own[True], strict=True))
    found["uncached / cached"] = {"ratio": round(gain, 2), "tokens": tokens}
    torch.set_num_threads(threads)
    return found


if __name__ == "__main__":
    for name, row in measure().items():
        print(name, row)
