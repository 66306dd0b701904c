r"""Beam search: the few best beginnings are carried on side by side."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..arrays import Bool, Float, Int, Number, is_finite, whole
from ..probability.softmax import log_softmax
from .cache import ContiguousCache
from .generation import _cache, _check, _stops, read


@dataclass(frozen=True, eq=False)
class Beam:
    """A continuation: its tokens, the logarithm of its probability, and its score."""

    ids: Int[Tensor, "tokens"]
    log_probability: float
    score: float


@torch.no_grad()
def beam_search(
    model: Any,
    ids: Int[Tensor, "n"],
    tokens: int,
    beams: int,
    *,
    length_penalty: Number = 1.0,
    stop: int | Collection[int] | None = None,
    memory: Float[Tensor, "*memory_batch memory d"] | None = None,
    memory_mask: Bool[Tensor, "..."] | None = None,
) -> list[Beam]:
    r"""Look for likely continuations, not only step by step.

    .. math:: \text{score}(y) = \frac{1}{|y|^{\lambda}} \sum_{t} \log p(y_t \mid y_{<t})

    At every step each of the B beams is continued by every token, and the B likeliest results are
    the next beams. One that ends on a ``stop`` token, and is among the B likeliest, is set aside
    with its score, and others take its place. The search ends when B have been set aside and the
    best of the others scores no higher than the worst of them, or after ``tokens`` steps. With one
    beam and no ``stop`` it is greedy; with more it may still miss the likeliest text.

    Parameters
    ----------
    model : a decoder-only or encoder-decoder Transformer, in ``eval`` mode.
    ids : tokens to begin with, ``(n,)``.
    tokens : how many to generate at most.
    beams : B, at least 1.
    length_penalty : :math:`\lambda`; 0 compares probabilities, which favours short texts, 1 means
        per token, more favours long ones. The length does not count the beginning.
    stop : an id, or several, after which a text ends.
    memory, memory_mask : of an encoder-decoder, for one text.

    Returns
    -------
    At most B continuations without the beginning, the best first.

    Raises
    ------
    ValueError
        If an argument is not as said, there is no room for all tokens, or a cache would change what
        the model says (dynamic NTK beyond its original context).

    Source: the stopping rule is the default of
    https://github.com/huggingface/transformers (``generate`` with ``num_beams``)
    """
    _check(model, ids, tokens, memory)
    if ids.ndim != 1:
        raise ValueError(f"ids have shape {tuple(ids.shape)}; allowed: (n,), one text")
    whole("beams", beams)
    if not is_finite(length_penalty):
        raise ValueError(f"length_penalty is {length_penalty!r}; allowed: a finite number")
    vocabulary = model.config.vocabulary
    stops = _stops(stop, vocabulary)
    cache: ContiguousCache = _cache(model, ids, tokens, None, needed=True)
    given = {} if memory is None else {"memory": memory, "memory_mask": memory_mask}

    texts = ids.new_empty(1, 0)  # the beams' new tokens
    totals = torch.zeros(1)  # their log-probabilities
    finished: list[Beam] = []
    unread = ids[None]
    for length in range(1, tokens + 1):
        logits = read(model, unread, cache, **given)
        continued = totals.to(logits)[:, None] + log_softmax(logits)
        # Twice as many as needed, or more: some may be texts that end.
        most = min(beams * (1 + (0 if stops is None else len(stops))), continued.numel())
        totals, places = continued.flatten().topk(most)
        rows, last = places // vocabulary, places % vocabulary
        texts = torch.cat((texts[rows], last[:, None]), dim=1)
        ended = torch.zeros_like(last, dtype=torch.bool)
        if stops is not None:
            ended = torch.isin(last, stops)
        if length == tokens:
            ended[:] = True
        for text, total, end in zip(texts[:beams], totals[:beams], ended, strict=False):
            if end:
                total = float(total)
                finished.append(Beam(text, total, total / length**length_penalty))
        finished = sorted(finished, key=lambda beam: -beam.score)[:beams]
        alive = (~ended).nonzero()[:beams, 0]
        if len(alive) == 0:
            break
        rows, texts, totals = rows[alive], texts[alive], totals[alive]
        best = float(totals[0]) / length**length_penalty
        if len(finished) == beams and best <= finished[-1].score:
            break
        cache.select(rows)
        unread = texts[:, -1:]
    return finished
