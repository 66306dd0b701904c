"""Layers on top of each other."""

from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..arrays import Bool, Float, Int
from .config import TransformerConfig
from .layers import Block, Norm, Step, matrix
from .sight import Sight


class Stack(nn.Module):
    """The layers of an encoder or of a decoder; in a pre-norm model one more norm at the end.

    ``blocks[l]`` is layer l, counted from 0; ``bias_table`` the T5 bias that all layers share.
    """

    def __init__(self, config: TransformerConfig, causal: bool, cross: bool = False):
        super().__init__()
        self.config, self.causal = config, causal
        self.blocks = nn.ModuleList(Block(config, cross) for _ in range(config.layers))
        self.norm = Norm(config) if config.norm_first else None
        table = matrix(config.buckets, config.heads) if config.positions == "t5" else None
        self.register_parameter("bias_table", table)

    def steps(
        self,
        x: Float[Tensor, "batch n d"],
        mask: Bool[Tensor, "..."] | None = None,
        memory: Float[Tensor, "memory_batch memory d"] | None = None,
        memory_mask: Bool[Tensor, "..."] | None = None,
        cache: Any = None,
        ablate: Collection[tuple[int, int]] = (),
        positions: Int[Tensor, "*position_batch n"] | None = None,
        start: int = 0,
    ) -> Iterator[Step]:
        """Yield what comes in, then what each layer leaves; the last one after the final norm.

        Nothing is kept: for long batches. With ``start``, ``x`` enters that layer, counted from 0,
        and those before it do not run. The other arguments are those of the
        :class:`~transformer_math.transformer.model.Transformer`.
        """
        if positions is None:
            positions = torch.arange(x.shape[-2], device=x.device)
        sight = Sight(self.config, self.causal, self.bias_table, x, positions, mask, cache)
        yield Step(x)
        for number, block in list(enumerate(self.blocks))[start:]:
            step = block(
                x,
                partial(sight.look, number),
                self._memory(number, memory, cache),
                memory_mask,
                {head for layer, head in ablate if layer == number},
            )
            if self.norm is not None and number == len(self.blocks) - 1:
                step = step._replace(x=self.norm(step.x))
            x = step.x
            yield step
        if cache is not None:
            cache.advance(positions.shape[-1])

    def _memory(self, number, memory, cache):
        """Keys and values of the encoder's output, computed once where there is a cache."""
        if memory is None:
            return None
        project = self.blocks[number].cross.keys_values
        if cache is None:
            return project(memory)
        if number not in cache.cross:
            cache.cross[number] = project(memory)
        return cache.cross[number]
