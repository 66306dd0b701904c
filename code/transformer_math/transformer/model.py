r"""Decoder-only, encoder-only and encoder-decoder Transformers from one configuration."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..arrays import Bool, Float, Int
from .checks import check_ablate, check_ids, check_masks, check_memory, check_segments
from .config import TransformerConfig
from .ends import Embedding, Head
from .stack import Stack


@dataclass(frozen=True, eq=False)
class TransformerOutput:
    """What a Transformer computed on the way.

    ``hidden[0]`` is the embedding and ``hidden[l]`` what layer l, counted from 1, left in the
    residual stream; the last is taken after the final norm. ``attention[l, ..., h, i, j]``, layer
    and head counted from 0, is the share of token j in what token i receives. ``cross`` is the same
    for a decoder's attention to its encoder, else None.
    """

    logits: Float[Tensor, "*batch n vocabulary"] | None
    hidden: Float[Tensor, "states *batch n d"]
    attention: Float[Tensor, "layers *batch h n keys"]
    cross: Float[Tensor, "layers *batch h n memory"] | None = None


class Transformer(nn.Module):
    r"""A Transformer: token ids in, logits of the next (or the masked) token out.

    .. math:: X_0 = E[t] + P, \qquad X_{l+1} = \operatorname{block}_l(X_l), \qquad
              \text{logits} = \operatorname{N}(X_L)\, U

    Parameters
    ----------
    config : a :class:`~transformer_math.transformer.config.TransformerConfig`.

    ``model.decoder`` and ``model.encoder`` are the stacks (None where the kind has none); a layer's
    query matrix is ``model.decoder.blocks[0].attention.w_q``. Weights start as N(0, 0.02²), those
    that write into the residual stream divided by the root of 2L.

    Sources: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; pre-norm and initial weights:
    Radford et al. (2019),
    https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.config = config
        kind = config.kind
        self.embedding = Embedding(config)
        self.encoder = Stack(config, causal=False) if kind != "decoder" else None
        both = kind == "encoder-decoder"
        self.decoder = Stack(config, causal=True, cross=both) if kind != "encoder" else None
        self.head = Head(config) if config.head != "none" else None

    def forward(
        self,
        ids: Int[Tensor, "*batch n"],
        mask: Bool[Tensor, "..."] | None = None,
        *,
        memory: Float[Tensor, "*memory_batch memory d"] | None = None,
        memory_mask: Bool[Tensor, "..."] | None = None,
        segments: Int[Tensor, "*batch n"] | None = None,
        cache: Any = None,
        ablate: Collection[tuple[int, int]] = (),
        trace: bool = False,
    ) -> Float[Tensor, "*batch n last"] | TransformerOutput:
        """Return the logits, or with ``trace`` everything.

        Parameters
        ----------
        ids : token ids, ``(n,)`` or ``(batch, n)``.
        mask : Boolean, True where a token may attend, beyond what the model's kind says already;
            broadcasts to ``(batch, heads, n, keys)``.
        memory, memory_mask : what the encoder of an encoder-decoder returned, and True where it may
            be attended to; broadcasts to ``(batch, heads, n, memory)``.
        segments : segment ids (BERT); 0 by default.
        cache : one of :mod:`transformer_math.decoding`'s, in a decoder: the ids then continue the
            text it holds, and are added to it. The logits are those of one pass over all of it, but
            for dynamic NTK beyond its original context: what the cache holds was computed with the
            frequencies of a shorter text.
        ablate : pairs (layer, head), counted from 0, whose output is replaced by zeros; in an
            encoder-decoder, of the decoder's attention to itself.
        trace : whether to return a :class:`TransformerOutput` instead of the logits.

        Returns
        -------
        Logits ``(n, vocabulary)`` or ``(batch, n, vocabulary)``, as the ids are; of a model without
        head the last hidden states instead.

        Raises
        ------
        ValueError
            If ``ids`` are not whole numbers of the vocabulary, are none or more than fit, a mask
            does not fit, ``ablate`` names a head that does not exist, or memory or cache are given
            to a kind that has no use for them. The cache is then as it was.
        """
        if cache is not None and self.decoder is None:
            raise ValueError("cache is given; allowed: None, in a model of kind 'encoder'")
        memory = check_memory(memory, self.config)
        stack = self.encoder if self.decoder is None else self.decoder
        given = dict(memory=memory, memory_mask=memory_mask, cache=cache)
        return self._run(stack, ids, mask, segments, ablate, trace, self.head, **given)

    def encode(
        self,
        ids: Int[Tensor, "*batch n"],
        mask: Bool[Tensor, "..."] | None = None,
        *,
        segments: Int[Tensor, "*batch n"] | None = None,
        ablate: Collection[tuple[int, int]] = (),
        trace: bool = False,
    ) -> Float[Tensor, "*batch n d"] | TransformerOutput:
        """Return the encoder's last hidden states, or with ``trace`` everything but logits.

        Parameters and errors are those of :meth:`forward`; a decoder-only model raises a
        ValueError.
        """
        if self.encoder is None:
            raise ValueError("encode needs an encoder; this model is of kind 'decoder'")
        return self._run(self.encoder, ids, mask, segments, ablate, trace)

    def _run(self, stack, ids, mask, segments, ablate, trace, head=None, cache=None, **memory):
        check_ids(ids, self.config, cache)
        check_segments(segments, ids, self.config)
        ablate = check_ablate(ablate, self.config)
        single, n = ids.ndim == 1, ids.shape[-1]
        ids = ids.long().reshape(-1, n)
        check_masks(ids, mask, self.config, cache, **memory)
        positions = torch.arange(n) if cache is None else cache.next_positions(n)
        positions = torch.as_tensor(positions, device=ids.device)

        x = self.embedding(ids, positions, segments)
        steps = stack.steps(x, mask, cache=cache, ablate=ablate, positions=positions, **memory)
        steps = deque(steps, maxlen=None if trace else 1)  # all of them, or only the last
        x = steps[-1].x
        logits = None if head is None else head(x, self.embedding.tokens)

        def of(batch, axis=0):
            return batch.squeeze(axis) if single else batch

        if not trace:
            return of(x if logits is None else logits)
        states, weights, crossed = zip(*steps, strict=True)
        return TransformerOutput(
            None if logits is None else of(logits),
            of(torch.stack(states), axis=1),
            of(torch.stack(weights[1:]), axis=1),
            None if crossed[1] is None else of(torch.stack(crossed[1:]), axis=1),
        )
