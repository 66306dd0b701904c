"""A cache whose memory is cut into blocks, shared by texts of different lengths."""

from bisect import bisect_right
from typing import Any

import torch

from ..arrays import whole
from .blocks import BlockPool, Plan, Sequence
from .cache import Cache, longest


class PagedCache(Cache):
    r"""Keys and values in blocks that are taken when needed, and shared until someone writes.

    .. math:: \text{slot}(t) = \text{table}[\lfloor t / b \rfloor] \cdot b + t \bmod b

    Parameters
    ----------
    config : of the model.
    blocks : number of blocks in the memory; enough for ``batch`` whole contexts by default.
    block : b, tokens in a block.
    batch : number of texts.
    dtype, device : those of the model.

    ``keys`` and ``values`` have shape ``(layers, blocks, block, kv_heads, width)``; ``pool`` tells
    blocks used, tokens held and waste. The texts of a batch may have different lengths: read each
    into a cache of its own, made by :meth:`another` or :meth:`fork`, and put them
    :meth:`together`.

    Raises
    ------
    ValueError
        If an argument is not as said.

    Source: Kwon et al. (2023), https://arxiv.org/abs/2309.06180
    """

    def __init__(
        self,
        config: Any,
        blocks: int | None = None,
        block: int = 16,
        batch: int = 1,
        dtype: torch.dtype = torch.float32,
        device: Any = None,
    ):
        self.sequences: tuple[Sequence, ...] = ()
        super().__init__(config, batch, dtype, device)
        if blocks is None:
            blocks = self.batch * -(-config.context // whole("block", block))
        self.pool = BlockPool(blocks, block)
        shape = (config.layers, blocks, block, config.kv_heads, config.head_width)
        self.keys, self.values = self._empty(*shape), self._empty(*shape)
        self.sequences = tuple(self.pool.add() for _ in range(self.batch))

    @property
    def lengths(self) -> list[int]:
        """Length of each text, in tokens."""
        return [sequence.length for sequence in self.sequences]

    @property
    def length(self) -> int:
        """Length of the longest text."""
        return max(self.lengths, default=0)

    @length.setter
    def length(self, value):
        pass  # the sequences know it

    @property
    def room(self) -> int:
        """How many more tokens fit into each text of the batch, all growing alike."""
        free = len(self.pool.free)
        most = (free + 1) * self.pool.block
        if (positions := longest(self.config)) is not None:
            most = min(most, positions - self.length)
        return (
            bisect_right(range(most + 1), free, key=lambda n: self.pool.needed(self.sequences, n))
            - 1
        )

    def another(self, batch: int = 1) -> "PagedCache":
        """Return an empty cache in the same memory."""
        return self._in_same_memory(tuple(self.pool.add() for _ in range(whole("batch", batch))))

    def fork(self) -> "PagedCache":
        """Return a cache with the same texts that shares all their blocks until one writes."""
        twin = self._in_same_memory(tuple(map(self.pool.fork, self.sequences)))
        twin.cross, twin._cross_counts = dict(self.cross), len(self.cross)
        return twin

    def together(self, *others: "PagedCache") -> "PagedCache":
        """Return these caches as one batch: a token added to it is added to them.

        Raises
        ------
        ValueError
            If they are not in one memory, one comes twice, or they belong to different encoders'
            outputs (cross-attention).
        """
        caches = (self, *others)
        if any(getattr(cache, "pool", None) is not self.pool for cache in caches):
            raise ValueError("others are not in this memory; allowed: what another or fork made")
        if any(cache.cross for cache in caches):
            raise ValueError("others hold an encoder's keys; allowed: caches of decoders alone")
        sequences = tuple(sequence for cache in caches for sequence in cache.sequences)
        if len({id(sequence) for sequence in sequences}) < len(sequences):
            raise ValueError("others name a text twice; allowed: each once, or its fork")
        return self._in_same_memory(sequences)

    def free(self) -> None:
        """Give all blocks back. The cache is of no use afterwards."""
        for sequence in self.sequences:
            self.pool.release(sequence)

    def tables(self) -> list[list[int]]:
        """Return the block table of each text."""
        return [list(sequence.table) for sequence in self.sequences]

    @property
    def used_bytes(self) -> int:
        """Memory in the blocks of these texts, in bytes; a shared block counts once."""
        blocks = {number for sequence in self.sequences for number in sequence.table}
        return len(blocks) * (self.keys.nbytes + self.values.nbytes) // self.pool.blocks

    def truncate(self, length: int) -> None:
        """Forget the tokens from number ``length`` on in every text that has so many.

        Raises
        ------
        ValueError
            If ``length`` is not a whole number from 0 to the longest text's length.
        """
        super().truncate(length)

    def _in_same_memory(self, sequences):
        twin = object.__new__(PagedCache)
        twin.sequences = sequences
        Cache.__init__(twin, self.config, len(sequences), self.dtype, self.device)
        twin.pool, twin.keys, twin.values = self.pool, self.keys, self.values
        return twin

    def _of_batch(self, positions):
        return positions if self.batch > 1 else positions[0]

    def _next(self, n):
        starts = torch.tensor(self.lengths, device=self.device)
        return self._of_batch(starts[:, None] + torch.arange(n, device=self.device))

    def _begin(self, n):
        self._check_room(n)
        self._plan: Plan = self.pool.plan(self.sequences, n)
        block, lengths = self.pool.block, torch.tensor(self.lengths, device=self.device)
        most = max(map(len, self._plan.tables))
        tables = torch.tensor(
            [table + [0] * (most - len(table)) for table in self._plan.tables], device=self.device
        )
        new = lengths[:, None] + torch.arange(n, device=self.device)
        self._tables, self._slots = tables, tables.gather(1, new // block) * block + new % block
        slots = torch.arange(most * block, device=self.device)
        held = slots < (lengths + n)[:, None]
        self._key_positions = self._of_batch(torch.where(held, slots, -1))
        self._empty_slots = None if bool(held.all()) else ~held[:, :, None, None]

    def _write(self, layer, k, v):
        return self._place(self.keys[layer], k), self._place(self.values[layer], v)

    def _place(self, memory, new):
        """Put new vectors into their slots; return all, block after block."""
        for source, target in self._plan.copies:
            memory[target] = memory[source]
        memory.flatten(0, 1)[self._slots] = new.transpose(1, 2)
        gathered = memory[self._tables].flatten(1, 2)
        if self._empty_slots is not None:
            # What others left there has weight 0. But 0 times NaN is NaN: put zeros in its place.
            gathered.masked_fill_(self._empty_slots, 0)
        return gathered.transpose(1, 2)

    def _commit(self, n):
        self.pool.commit(self._plan)

    def _cut(self, length):
        for sequence in self.sequences:
            self.pool.truncate(sequence, min(length, sequence.length))
