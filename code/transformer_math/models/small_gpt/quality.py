"""How well a model has learned: bits per character on held-out text, beside simpler predictors."""

import gzip
import lzma
import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ...attention.heads import induction_score, offset_score
from ...data.corpus import documents, text
from ...transformer import Transformer
from ..ngrams import NGram

STRIDE = 128


@torch.no_grad()
def nats(model: Transformer, ids: Tensor, stride: int = STRIDE) -> Tensor:
    """Return -log p of every token after the first, each seen with at least half a context.

    Windows of the whole context move on by ``stride`` tokens, and only what is new is counted.
    """
    context = model.config.context
    losses, scored = [], 1
    for start in range(0, max(1, len(ids) - context + stride), stride):
        window = ids[start : start + context]
        if start + len(window) <= scored:
            break
        log_p = model(window[:-1]).log_softmax(-1)
        picked = -log_p.gather(-1, window[1:, None])[:, 0]
        losses.append(picked[scored - start - 1 :])
        scored = start + len(window)
    return torch.cat(losses)


def model_bits(model: Transformer, streams: Iterable[Tensor], characters: int) -> float:
    """Return a model's bits per character over documents that each begin with the end token."""
    total = sum(float(nats(model, ids).double().sum()) for ids in streams)
    return total / math.log(2) / characters


def baseline_bits(split: str = "test") -> dict[str, float]:
    """Return bits per character of predictors that count, and of programs that compress.

    The n-gram models count the characters of the training split. ``xz after training text`` is what
    the file grows by when the held-out text is appended to the training text.
    """
    train, held_out = text("train"), text(split)
    characters = sorted(set(train) | set(held_out))
    number = {character: i for i, character in enumerate(characters)}
    seen = np.array([number[c] for c in train])
    new = np.array([number[c] for c in held_out])
    bits = {
        name: float(-np.log2(NGram(seen, n, len(characters)).probabilities(new)).mean())
        for name, n in (("unigram", 1), ("bigram", 2), ("5-gram", 5))
    }

    def xz(string):
        return len(lzma.compress(string.encode(), preset=9 | lzma.PRESET_EXTREME))

    size = 8 / len(held_out)
    bits["gzip"] = size * len(gzip.compress(held_out.encode(), 9))
    bits["xz"] = size * xz(held_out)
    bits["xz after training text"] = size * (xz(train + held_out) - xz(train))
    return bits


@torch.no_grad()
def head_scores(model: Transformer, tokenizer, period: int = 64, texts: int = 16) -> dict:
    """Return each head's mean weight on the previous token and on what followed last time.

    The first on real held-out text, the second on random tokens said twice. Arrays by layer, head.
    """
    real = [d.text for d in documents() if d.split == "test"][:texts]
    previous = [
        offset_score(model(torch.tensor(tokenizer.encode(t)[: 2 * period]), trace=True).attention)
        for t in real
    ]
    generator = torch.Generator().manual_seed(0)
    once = torch.randint(model.config.vocabulary, (texts, period), generator=generator)
    twice = model(torch.cat([once, once], dim=1), trace=True).attention
    return {
        "previous token": torch.stack(previous).mean(0).numpy(),
        "induction": induction_score(twice, period).mean(1).numpy(),
    }
