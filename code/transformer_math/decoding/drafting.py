"""Speculative decoding: a small model guesses several tokens, the large one checks them at once."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..arrays import Int, whole
from .cache import Cache
from .generation import Greedy, Sampler, _cache, _check, _stops, read
from .sampling import sample
from .speculation import speculative_step


@dataclass(frozen=True, eq=False)
class Speculation:
    """What speculation gave: the new tokens, and how many guesses each pass accepted.

    ``passes`` counts those of the large model after the beginning was read; ``guessed`` says how
    many guesses each pass checked, ``accepted`` how many it accepted before any was cut off at a
    stop token.
    """

    ids: Int[Tensor, "tokens"]
    guessed: tuple[int, ...]
    accepted: tuple[int, ...]

    @property
    def passes(self) -> int:
        """Number of passes of the large model."""
        return len(self.accepted)

    @property
    def acceptance(self) -> float:
        """Share of the guesses looked at that were accepted; a rejected one ends the looking."""
        looked_at = sum(
            accepted + (accepted < guessed)
            for accepted, guessed in zip(self.accepted, self.guessed, strict=True)
        )
        return sum(self.accepted) / looked_at if looked_at else 1.0


@torch.no_grad()
def speculative(
    model: Any,
    draft: Any,
    ids: Int[Tensor, "n"],
    tokens: int,
    gamma: int = 4,
    *,
    sampler: Sampler | Greedy | None = None,
    draft_sampler: Sampler | Greedy | None = None,
    cache: Cache | None = None,
    draft_cache: Cache | None = None,
    stop: int | Collection[int] | None = None,
    generator: torch.Generator | None = None,
) -> Speculation:
    r"""Continue a text as the large model would, with fewer of its passes.

    The draft draws :math:`\gamma` tokens from its distributions q; one pass of the model gives p at
    all their places, and :func:`~transformer_math.decoding.speculation.speculative_step` accepts,
    replaces or adds. The text is distributed exactly as that of the model alone; with ``greedy`` it
    is the same text. Rejected tokens are taken back out of both caches.

    Parameters
    ----------
    model, draft : decoder-only Transformers of one vocabulary, in ``eval`` mode.
    ids : tokens to begin with, ``(n,)``.
    tokens : how many to generate at most.
    gamma : :math:`\gamma`, guesses at a time.
    sampler : a :class:`~transformer_math.decoding.Sampler`, by default one that changes nothing, or
        ``greedy``; p is its distribution.
    draft_sampler : the same for q; ``sampler`` by default.
    cache, draft_cache : caches that can be truncated by :math:`\gamma` tokens; new ones by default.
    stop : an id, or several, after which the text ends.
    generator : of random numbers.

    Returns
    -------
    A :class:`Speculation`.

    Raises
    ------
    ValueError
        If an argument is not as said, the vocabularies differ, there is no room for all tokens, or
        a cache would change what a model says (dynamic NTK beyond its original context).

    Source: Leviathan, Kalman and Matias (2023), https://arxiv.org/abs/2211.17192
    """
    sampler = Sampler() if sampler is None else sampler
    draft_sampler = sampler if draft_sampler is None else draft_sampler
    for name, chooses in (("sampler", sampler), ("draft_sampler", draft_sampler)):
        if not isinstance(chooses, Sampler | Greedy):
            raise ValueError(f"{name} is {chooses!r}; allowed: a Sampler or greedy")
    for name, m in (("model", model), ("draft", draft)):
        if getattr(getattr(m, "config", None), "kind", None) != "decoder":
            raise ValueError(f"{name} is a {type(m).__name__}; allowed: a decoder-only Transformer")
        _check(m, ids, tokens, None)
    if draft.config.vocabulary != model.config.vocabulary:
        raise ValueError(
            f"draft has a vocabulary of {draft.config.vocabulary}; allowed: that of model, "
            f"{model.config.vocabulary}"
        )
    if ids.ndim != 1:
        raise ValueError(f"ids have shape {tuple(ids.shape)}; allowed: (n,), one text")
    if isinstance(cache, bool) or isinstance(draft_cache, bool):
        raise ValueError("cache is a bool; allowed: a cache, or None for a new one")
    if generator is not None and not isinstance(generator, torch.Generator):
        raise ValueError(f"generator is {generator!r}; allowed: a torch.Generator or None")
    whole("gamma", gamma)
    stops = _stops(stop, model.config.vocabulary)
    cache = _cache(model, ids, tokens, cache, needed=True)
    draft_cache = _cache(draft, ids, tokens, draft_cache, needed=True)
    for name, kept in (("cache", cache), ("draft_cache", draft_cache)):
        if kept.rewindable is not None and kept.rewindable < gamma:
            raise ValueError(
                f"{name} can take back {kept.rewindable} tokens; allowed: one that can take back "
                f"gamma, {gamma}"
            )

    # Between rounds the model's cache lacks the last token of the text; the draft's, that one, and
    # the one before as well if all its guesses were accepted.
    before, draft_before = cache.length, draft_cache.length
    if len(ids) > 1:
        read(model, ids[None, :-1], cache)
        read(draft, ids[None, :-1], draft_cache)
    text, guessed, accepted = ids, [], []
    while len(text) < len(ids) + tokens:
        n = min(gamma, len(ids) + tokens - len(text) - 1)
        unread, guesses, q = text[draft_cache.length - draft_before :], ids[:0], []
        for _ in range(n):
            q.append(draft_sampler.probabilities(read(draft, unread[None], draft_cache)[0]))
            unread = sample(q[-1], generator)[None]
            guesses = torch.cat((guesses, unread))
        logits = model(torch.cat((text[-1:], guesses))[None], cache=cache)[0]
        p = sampler.probabilities(logits)
        new = speculative_step(p, torch.stack(q), guesses, generator) if n else sample(p, generator)
        guessed.append(n)
        accepted.append(len(new) - 1)
        ends = [] if stops is None else torch.isin(new, stops).nonzero()[:, 0].tolist()
        text = torch.cat((text, new[: ends[0] + 1] if ends else new))
        cache.truncate(before + len(text) - 1)
        draft_cache.truncate(min(draft_cache.length, draft_before + len(text) - 1))
        if ends:
            break
    return Speculation(text[len(ids) :], tuple(guessed), tuple(accepted))
