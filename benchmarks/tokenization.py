"""BPE training of the package against the `tokenizers` library: paired runs, ratio of times.

Not named tokenizers.py: a file of that name here would hide the library from every benchmark.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from pydoc_data.topics import topics

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from transformer_math.tokenizers import BPE

MERGES = 8000
RUNS = 5
BUDGET = 15
LEVELS = ("character", "byte")


def reference(text: str, level: str, size: int) -> Tokenizer:
    byte = level == "byte"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = (
        pre_tokenizers.ByteLevel(add_prefix_space=False)
        if byte
        else pre_tokenizers.WhitespaceSplit()
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=0,
        special_tokens=[],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if byte else [],
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def timed(function, *arguments):
    started = time.perf_counter()
    made = function(*arguments)
    return made, time.perf_counter() - started


def measure() -> dict[str, dict]:
    """Median of the ratio package / tokenizers over paired runs, the library on one thread.

    The same merges must come out, else the times say nothing. Set RAYON_NUM_THREADS before the
    library is first used to time it on more threads.
    """
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    text = "\n".join(topics.values())
    found = {}
    for level in LEVELS:
        size = MERGES + (256 if level == "byte" else len(set("".join(text.split()))))
        pairs = []
        for _ in range(RUNS):
            theirs, their_time = timed(reference, text, level, size)
            ours, our_time = timed(BPE.train, [text], size, level)
            pairs.append((our_time, their_time))
        merges = json.loads(theirs.to_str())["model"]["merges"]
        if ours.merges != [tuple(merge) for merge in merges] or len(ours.merges) < MERGES:
            raise RuntimeError(f"the merges at {level} level differ; nothing was measured")
        _, encoding = timed(ours.encode, text)
        found[level] = {
            "ratio": round(statistics.median(a / b for a, b in pairs), 2),
            "package_s": round(statistics.median(a for a, _ in pairs), 3),
            "tokenizers_s": round(statistics.median(b for _, b in pairs), 3),
            "encoding_characters_per_s": round(len(text) / encoding),
            "characters": len(text),
            "merges": len(ours.merges),
        }
    return found


def rows(results: dict[str, dict]) -> list[tuple[str, str, str, str]]:
    """Rows of the table: what, the package, the budget and whether it is met, the library."""
    return [
        (
            f"BPE training at {level} level, {row['merges']} merges, {row['characters']:,} signs",
            f"{row['package_s']:.2f} s",
            f"≤ {BUDGET} ×, is {row['ratio']:.1f} × {'✓' if row['ratio'] <= BUDGET else '✗'}",
            f"{row['tokenizers_s']:.2f} s",
        )
        for level, row in results.items()
    ]


if __name__ == "__main__":
    for row in rows(measure()):
        print(*row, sep=" | ")
