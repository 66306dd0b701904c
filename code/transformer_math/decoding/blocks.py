r"""Block tables: which piece of memory holds which tokens of which text. Numbers only, no tensors.

Memory is cut into blocks of equal size, as an operating system cuts it into pages. A sequence owns
a list of blocks, its table, and takes a new one when the last is full; so at most one block a
sequence is partly empty. Sequences that begin alike share blocks, and a block is copied when one of
its owners writes.

Source: Kwon et al. (2023), https://arxiv.org/abs/2309.06180
"""

from dataclasses import dataclass, field

from ..arrays import whole


@dataclass(eq=False)
class Sequence:
    """One text: the blocks that hold it, in order, and its length in tokens."""

    table: list[int] = field(default_factory=list)
    length: int = 0


@dataclass(frozen=True)
class Plan:
    """What appending tokens will change, worked out before anything does."""

    sequences: tuple[Sequence, ...]
    tokens: int
    tables: tuple[list[int], ...]  # of each sequence, afterwards
    copies: tuple[tuple[int, int], ...]  # pairs (from, to): shared blocks about to be written


class BlockPool:
    r"""Blocks of memory, counted by how many sequences use them.

    .. math:: \text{waste} = \text{used blocks} \cdot \text{block size} - \text{tokens held}
              < \text{block size} \cdot \text{sequences}

    Parameters
    ----------
    blocks : how many there are.
    block : tokens in each.

    Attributes: ``references`` (sequences that use each block), ``free`` (blocks nobody uses, the
    next one last), ``sequences``.

    Raises
    ------
    ValueError
        If a count is not a whole number of at least 1.

    Source: Kwon et al. (2023), https://arxiv.org/abs/2309.06180
    """

    def __init__(self, blocks: int, block: int = 16):
        self.blocks, self.block = whole("blocks", blocks), whole("block", block)
        self.references = [0] * self.blocks
        self.free = list(range(self.blocks - 1, -1, -1))
        self.sequences: list[Sequence] = []

    def add(self) -> Sequence:
        """Return a new, empty sequence."""
        self.sequences.append(sequence := Sequence())
        return sequence

    def fork(self, sequence: Sequence) -> Sequence:
        """Return a sequence with the same tokens. It shares every block and copies none."""
        self._check(sequence)
        twin = self.add()
        twin.table, twin.length = list(sequence.table), sequence.length
        for number in twin.table:
            self.references[number] += 1
        return twin

    def plan(self, sequences: tuple[Sequence, ...], tokens: int) -> Plan:
        """Work out where ``tokens`` more tokens of each sequence go. Nothing changes.

        Raises
        ------
        ValueError
            If a sequence is not of this pool or named twice, ``tokens`` is not a whole number of
            at least 1, or too few blocks are free.
        """
        whole("tokens", tokens)
        for sequence in sequences:
            self._check(sequence)
        if len({id(sequence) for sequence in sequences}) < len(sequences):
            raise ValueError("sequences name one twice; allowed: each once")
        needed = self.needed(sequences, tokens)
        if needed > len(self.free):
            raise ValueError(
                f"{needed} blocks are needed for {tokens} more tokens of {len(sequences)} "
                f"sequences; allowed: at most {len(self.free)}, the free ones of {self.blocks}"
            )
        fresh = reversed(self.free)
        tables, copies = [], []
        for sequence in sequences:
            table = list(sequence.table)
            if self._writes_into_shared(sequence):
                copies.append((table[-1], next(fresh)))
                table[-1] = copies[-1][1]
            while len(table) * self.block < sequence.length + tokens:
                table.append(next(fresh))
            tables.append(table)
        return Plan(tuple(sequences), tokens, tuple(tables), tuple(copies))

    def commit(self, plan: Plan) -> None:
        """Do what was planned."""
        for sequence, table in zip(plan.sequences, plan.tables, strict=True):
            for number in set(table) - set(sequence.table):
                self.free.remove(number)
                self.references[number] = 1
            self._drop(set(sequence.table) - set(table))
            sequence.table, sequence.length = table, sequence.length + plan.tokens

    def append(self, sequence: Sequence, tokens: int) -> Plan:
        """Add tokens to one sequence; return what that took. Errors are those of :meth:`plan`."""
        plan = self.plan((sequence,), tokens)
        self.commit(plan)
        return plan

    def truncate(self, sequence: Sequence, length: int) -> None:
        """Forget the tokens from number ``length`` on, and give back the blocks that held them.

        Raises
        ------
        ValueError
            If ``length`` is not a whole number from 0 to the sequence's length.
        """
        self._check(sequence)
        if whole("length", length, least=0) > sequence.length:
            raise ValueError(f"length is {length}; allowed: from 0 to {sequence.length}")
        kept = -(-length // self.block)
        self._drop(sequence.table[kept:])
        sequence.table, sequence.length = sequence.table[:kept], length

    def release(self, sequence: Sequence) -> None:
        """Give back all blocks of a sequence, which is then no longer of this pool."""
        self.truncate(sequence, 0)
        self.sequences.remove(sequence)

    def needed(self, sequences: tuple[Sequence, ...], tokens: int) -> int:
        """Return how many free blocks ``tokens`` more tokens of each sequence would take."""
        total = 0
        for sequence in sequences:
            blocks = -(-(sequence.length + tokens) // self.block)
            total += blocks - len(sequence.table)
            total += tokens > 0 and self._writes_into_shared(sequence)
        return total

    @property
    def used(self) -> int:
        """Number of blocks in use."""
        return self.blocks - len(self.free)

    @property
    def tokens(self) -> int:
        """Number of slots that hold a token; one that several sequences share counts once."""
        filled: dict[int, int] = {}
        for sequence in self.sequences:
            for i, number in enumerate(sequence.table):
                here = min(self.block, sequence.length - i * self.block)
                filled[number] = max(filled.get(number, 0), here)
        return sum(filled.values())

    @property
    def waste(self) -> int:
        """Number of slots in blocks in use that hold no token."""
        return self.used * self.block - self.tokens

    @property
    def saved(self) -> int:
        """Number of slots that sharing saves: tokens of all sequences less tokens held."""
        return sum(sequence.length for sequence in self.sequences) - self.tokens

    def _writes_into_shared(self, sequence):
        """Whether the next token goes into a block that another sequence reads, too.

        Every owner makes a copy, the last one included: if a pass over several sequences breaks
        off, none has written over another's tokens.
        """
        partly = sequence.length % self.block != 0
        return partly and self.references[sequence.table[-1]] > 1

    def _drop(self, numbers):
        for number in numbers:
            self.references[number] -= 1
            if self.references[number] == 0:
                self.free.append(number)
        self.free.sort(reverse=True)

    def _check(self, sequence):
        if not any(sequence is known for known in self.sequences):
            raise ValueError("sequence is not of this pool, or was released; allowed: one of it")
