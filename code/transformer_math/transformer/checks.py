"""What a Transformer examines before it computes, so that an error leaves nothing half done."""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from .config import TransformerConfig


def check_ids(ids: Tensor, config: TransformerConfig, cache: Any = None) -> None:
    """Raise a ValueError unless these are ids of the vocabulary, as many as there is room for."""
    _check_whole("ids", ids)
    if ids.ndim not in (1, 2) or ids.numel() == 0:
        raise ValueError(
            f"ids have shape {tuple(ids.shape)}; allowed: (n,) or (batch, n), at least one"
        )
    _check_range("ids", ids, config.vocabulary)
    room = config.context if cache is None else cache.room
    if room is not None and ids.shape[-1] > room:
        where = "the context" if cache is None else "what is left in the cache"
        raise ValueError(f"ids are {ids.shape[-1]} tokens; allowed: at most {room}, {where}")


def check_segments(segments: Tensor | None, ids: Tensor, config: TransformerConfig) -> None:
    """Raise a ValueError unless these are segments of the model, one for each id."""
    if segments is None:
        return
    if not config.segments:
        raise ValueError("segments are given; allowed: None, in a model without segments")
    _check_whole("segments", segments)
    if segments.shape not in (ids.shape, ids.shape[-1:]):
        raise ValueError(
            f"segments have shape {tuple(segments.shape)}; allowed: that of ids, {tuple(ids.shape)}"
        )
    _check_range("segments", segments, config.segments)


def check_ablate(ablate: Collection, config: TransformerConfig) -> set[tuple[int, int]]:
    """Return the pairs (layer, head) as plain numbers, or raise a ValueError."""
    allowed = f"pairs (layer, head) from (0, 0) to ({config.layers - 1}, {config.heads - 1})"
    pairs = set()
    for pair in ablate:
        try:
            layer, head = pair
        except (TypeError, ValueError):
            raise ValueError(f"ablate has {pair!r}; allowed: {allowed}") from None
        if layer not in range(config.layers) or head not in range(config.heads):
            raise ValueError(f"ablate has {pair!r}; allowed: {allowed}")
        pairs.add((int(layer), int(head)))
    return pairs


def check_memory(memory: Tensor | None, config: TransformerConfig) -> Tensor | None:
    """Return the encoder's output with a batch axis, or raise a ValueError."""
    if config.kind != "encoder-decoder":
        if memory is not None:
            raise ValueError(f"memory is given; allowed: None, in a model of kind {config.kind!r}")
        return None
    if memory is None:
        raise ValueError("memory is missing; allowed: what model.encode returned")
    if (
        not isinstance(memory, Tensor)
        or memory.ndim not in (2, 3)
        or memory.shape[-1] != config.width
    ):
        came = tuple(memory.shape) if isinstance(memory, Tensor) else type(memory).__name__
        raise ValueError(
            f"memory is {came}; allowed: what model.encode returned, (n, {config.width}) or "
            f"(batch, n, {config.width})"
        )
    return memory if memory.ndim == 3 else memory[None]


def check_masks(
    ids: Tensor,
    mask: Tensor | None,
    config: TransformerConfig,
    cache: Any = None,
    memory: Tensor | None = None,
    memory_mask: Tensor | None = None,
) -> None:
    """Raise a ValueError unless the masks and the memory fit a batch of ids."""
    batch, n = ids.shape
    if mask is not None:
        # How many keys there will be, a cache alone knows: None.
        _check_mask("mask", mask, (batch, config.heads, n, n if cache is None else None))
    if memory is None:
        if memory_mask is not None:
            raise ValueError("memory_mask is given; allowed: None, without memory")
        return
    if memory.shape[0] not in (1, batch):
        raise ValueError(f"memory has a batch of {memory.shape[0]}; allowed: that of ids, {batch}")
    if memory_mask is not None:
        _check_mask("memory_mask", memory_mask, (batch, config.heads, n, memory.shape[1]))


def _check_mask(name, mask, shape):
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        came = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"{name} is of type {came}; allowed: a Boolean tensor, True to attend")
    if mask.ndim > len(shape) or any(
        size != 1 and whole not in (None, size)
        for size, whole in zip(mask.shape[::-1], shape[::-1], strict=False)
    ):
        sizes = ", ".join("keys" if size is None else str(size) for size in shape)
        raise ValueError(
            f"{name} has shape {tuple(mask.shape)}; allowed: one that broadcasts to ({sizes})"
        )


def _check_whole(name, tensor):
    if not isinstance(tensor, Tensor) or tensor.dtype.is_floating_point or tensor.is_complex():
        came = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ValueError(f"{name} are of type {came}; allowed: a torch tensor of whole numbers")
    if tensor.dtype == torch.bool:
        raise ValueError(f"{name} are of type torch.bool; allowed: a torch tensor of whole numbers")


def _check_range(name, tensor, count):
    low, high = int(tensor.min()), int(tensor.max())
    if low < 0 or high >= count:
        raise ValueError(f"{name} go from {low} to {high}; allowed: 0 to {count - 1}")
