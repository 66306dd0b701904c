r"""Keys and values of the tokens read so far, so that the next token need not read them again.

Causality makes it exact: what layer l says about token t depends on tokens up to t alone, so its
key and its value never change once they have been computed. What depends on the length of the text
breaks this: dynamic NTK changes all angles with every token beyond the trained context.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ..arrays import Float, Int, whole

Pair = tuple[Tensor, Tensor]


class Cache:
    r"""What all caches have in common: the protocol that a Transformer's layers speak.

    A pass over n new tokens asks for :meth:`next_positions`, calls :meth:`extend` once a layer, in
    order, and at the end :meth:`advance`. Only then do the tokens count: a pass that breaks off in
    between leaves the cache as it was. Caches serve reading out, not training: what they return
    carries no gradient.

    Parameters
    ----------
    config : the :class:`~transformer_math.transformer.TransformerConfig` of the model.
    batch : number of texts, B.
    dtype, device : of keys and values; those of the model.

    Attributes: ``length``, the number of tokens read; ``rotated``, whether keys arrive rotated by
    their position, where positions are rotary; ``cross``, an encoder's keys and values by layer.
    """

    rotated: bool = True

    def __init__(
        self,
        config: Any,
        batch: int = 1,
        dtype: torch.dtype = torch.float32,
        device: Any = None,
    ):
        if getattr(config, "kind", None) not in ("decoder", "encoder-decoder"):
            came = getattr(config, "kind", type(config).__name__)
            raise ValueError(
                f"config is of kind {came!r}; allowed: a TransformerConfig of kind 'decoder' or "
                "'encoder-decoder'"
            )
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise ValueError(f"dtype is {dtype!r}; allowed: a floating-point dtype of torch")
        self.config = config
        self.batch = whole("batch", batch)
        self.dtype, self.device = dtype, device
        self.length = 0
        self.cross: dict[int, Pair] = {}
        self._cross_counts = 0
        self._pending = 0  # tokens of the pass that is going on
        self._layers_done = 0
        self._key_positions: Tensor | None = None

    # What a model asks.

    @property
    def room(self) -> int | None:
        """How many more tokens fit; None where there is no bound."""
        return None

    def next_positions(self, n: int) -> Int[Tensor, "*batch n"]:
        """Return the positions of the next n tokens. A pass begins so; nothing that counts changes.

        What an unfinished pass left of an encoder's keys is dropped.
        """
        for unfinished in list(self.cross)[self._cross_counts :]:
            del self.cross[unfinished]
        return self._next(n)

    def extend(
        self, layer: int, k: Float[Tensor, "batch kv n w"], v: Float[Tensor, "batch kv n w"]
    ) -> tuple[Float[Tensor, "batch kv keys w"], Float[Tensor, "batch kv keys w"], Tensor]:
        """Take a layer's keys and values of the new tokens; return those of all tokens.

        Parameters
        ----------
        layer : counted from 0; layers come in order, and layer 0 begins a new pass.
        k, v : ``(batch, kv_heads, n, width)``.

        Returns
        -------
        All keys and values that the new queries may look at, the new ones included, and the keys'
        positions, ``(keys,)`` or ``(batch, keys)``; -1 marks an empty slot.

        Raises
        ------
        ValueError
            If shape or dtype are not those the cache was made for, the layer is not the next one,
            or there is no room. What the cache holds is then as before.
        """
        n = self._check(layer, k, v)
        if layer == 0:
            self._begin(n)
            self._pending = n
        pair = self._write(layer, k.detach(), v.detach())
        self._layers_done = layer + 1
        return *pair, self._key_positions

    def advance(self, n: int) -> None:
        """Make the n tokens of this pass count, once all layers have been extended.

        Raises
        ------
        ValueError
            If ``n`` is not the number of tokens that every layer was extended by.
        """
        if n != self._pending or self._layers_done != self.config.layers:
            raise ValueError(
                f"n is {n!r}; allowed: the number of tokens that all {self.config.layers} layers "
                f"were extended by ({self._pending} in {self._layers_done} layers)"
            )
        self._commit(n)
        self._cross_counts = len(self.cross)
        self._pending = self._layers_done = 0

    # What a reader asks.

    @property
    def rewindable(self) -> int | None:
        """How many tokens :meth:`truncate` can take back at any time; None: all of them."""
        return None

    @property
    def bytes(self) -> int:
        """Memory taken by keys and values, in bytes, whether or not all of it is in use."""
        return sum(tensor.nbytes for tensor in self.tensors().values())

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that the cache keeps, by name."""
        return {"keys": self.keys, "values": self.values} | self.cross_tensors()

    def cross_tensors(self) -> dict[str, Tensor]:
        """Return the keys and values of an encoder's output, by name."""
        return named("cross keys", "cross values", self.cross.items())

    def truncate(self, length: int) -> None:
        """Forget all tokens from number ``length`` on, as if they had never been read.

        Raises
        ------
        ValueError
            If ``length`` is not a whole number from 0 to the number of tokens read, or the cache
            has given up what it would need.
        """
        self._cut(self._shorter(length))
        self._pending = self._layers_done = 0

    # What each kind of cache does its own way. None of it counts before _commit.

    def _next(self, n: int) -> Int[Tensor, "*batch n"]:
        return torch.arange(self.length, self.length + n, device=self.device)

    def _begin(self, n: int) -> None:
        """Prepare a pass over n tokens: set the keys' positions, or raise if there is no room."""
        raise NotImplementedError

    def _write(self, layer: int, k: Tensor, v: Tensor) -> Pair:
        """Take new keys and values; return all."""
        raise NotImplementedError

    def _commit(self, n: int) -> None:
        self.length += n

    def _cut(self, length: int) -> None:
        self.length = length

    def _empty(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        # Ordinary tensors, even if made in inference mode: the cache may be used outside of it.
        with torch.inference_mode(False):
            return torch.zeros(shape, dtype=dtype or self.dtype, device=self.device)

    def _check(self, layer, k, v):
        allowed = 0 if layer == 0 else self._layers_done
        if layer != allowed or not 0 <= layer < self.config.layers:
            raise ValueError(
                f"layer is {layer!r}; allowed: 0, to begin a pass, or the next one, of "
                f"{self.config.layers} ({self._layers_done} are done)"
            )
        n = k.shape[-2] if k.ndim == 4 else 0
        if layer and n != self._pending:
            raise ValueError(f"k has {n} tokens; allowed: {self._pending}, as in layer 0")
        wanted = (self.batch, self.config.kv_heads, n, self.config.head_width)
        for name, x in (("k", k), ("v", v)):
            if x.shape != wanted or n == 0:
                raise ValueError(
                    f"{name} has shape {tuple(x.shape)}; allowed: (batch {self.batch}, "
                    f"{wanted[1]} heads, tokens, width {wanted[3]}), as the cache was made for"
                )
            if x.dtype != self.dtype:
                raise ValueError(f"{name} has dtype {x.dtype}; allowed: the cache's, {self.dtype}")
        return n

    def _check_room(self, n):
        room = self.room
        if room is not None and n > room:
            raise ValueError(f"{n} tokens are to be added; allowed: at most {room}, the room left")

    def _shorter(self, length):
        if whole("length", length, least=0) > self.length:
            raise ValueError(f"length is {length}; allowed: from 0 to {self.length}, what was read")
        return length


def named(keys: str, values: str, pairs: Iterable[tuple[int, Pair]]) -> dict[str, Tensor]:
    """Name keys and values by their layer."""
    return {
        f"{name} {layer}": x
        for layer, pair in pairs
        for name, x in zip((keys, values), pair, strict=True)
    }


def stands(config: Any, length: int) -> bool:
    """Whether keys and values stay what they are while a text grows to ``length`` tokens.

    They do not where rotary frequencies follow the length of the text. Keys kept unrotated would
    not help: what deeper layers keep comes from attention with the frequencies of the time.
    """
    follows = config.positions == "rotary" and config.rope.kind == "dynamic"
    return not follows or length <= config.rope.original_context


def longest(config: Any) -> int | None:
    """Most positions that a model can tell apart: a table of learned positions ends."""
    return config.context if config.positions == "learned" else None


def whole_capacity(config: Any, capacity: int | None) -> int:
    """Return the capacity in tokens, the model's context by default."""
    capacity = whole("capacity", config.context if capacity is None else capacity)
    if (most := longest(config)) is not None and capacity > most:
        raise ValueError(f"capacity is {capacity}; allowed: at most {most}, the learned positions")
    return capacity


class ContiguousCache(Cache):
    r"""One slot for every token a text may have, all reserved at the beginning.

    .. math:: \text{bytes} = 2 \cdot L \cdot B \cdot h_{kv} \cdot T \cdot d_h \cdot
              \text{bytes of an element}

    Parameters
    ----------
    config : of the model.
    batch : number of texts, all equally long.
    capacity : T, in tokens; the model's context by default.
    dtype, device : those of the model.

    ``keys`` and ``values`` have shape ``(layers, batch, kv_heads, capacity, width)``; the first
    ``length`` slots are in use.

    Raises
    ------
    ValueError
        If an argument is not as said, or ``capacity`` exceeds a model's learned positions.
    """

    def __init__(
        self,
        config: Any,
        batch: int = 1,
        capacity: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: Any = None,
    ):
        super().__init__(config, batch, dtype, device)
        self.capacity = whole_capacity(config, capacity)
        shape = (config.layers, self.batch, config.kv_heads, self.capacity, config.head_width)
        self.keys, self.values = self._empty(*shape), self._empty(*shape)
        self.slots = torch.arange(self.capacity, device=device)
        self._by_layer = list(zip(self.keys, self.values, strict=True))

    @property
    def room(self) -> int:
        """How many more tokens fit."""
        return self.capacity - self.length

    def select(self, rows: list[int] | Int[Tensor, "rows"]) -> None:
        """Keep these texts of the batch, in this order; one may be kept several times.

        Raises
        ------
        ValueError
            If ``rows`` are none, or not whole numbers below ``batch``.
        """
        rows = torch.as_tensor(rows, device=self.device)
        if rows.ndim != 1 or len(rows) == 0 or rows.is_floating_point():
            raise ValueError(f"rows are {rows.tolist()}; allowed: a list of texts, at least one")
        if int(rows.min()) < 0 or int(rows.max()) >= self.batch:
            raise ValueError(f"rows are {rows.tolist()}; allowed: from 0 to {self.batch - 1}")
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]
        self.cross = {
            layer: tuple(x[rows] if len(x) == self.batch else x for x in pair)
            for layer, pair in self.cross.items()
        }
        self.batch = len(rows)
        self._by_layer = list(zip(self.keys, self.values, strict=True))

    def _next(self, n):
        return super()._next(n) if n > self.room else self.slots[self.length : self.length + n]

    def _begin(self, n):
        self._check_room(n)
        self._key_positions = self.slots[: self.length + n]

    def _write(self, layer, k, v):
        keys, values = self._by_layer[layer]
        end = self.length + self._pending
        keys[:, :, self.length : end] = k
        values[:, :, self.length : end] = v
        return keys[:, :, :end], values[:, :, :end]
