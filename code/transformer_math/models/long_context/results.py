"""The shipped losses by position, with intervals over documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ...arrays import Float, Int, whole
from ..files import read_json, read_manifest

HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class LongContext:
    """Mean losses in buckets of positions, document by document, in nats per token.

    Parameters
    ----------
    documents : names of the documents.
    windows : how many windows of 1,024 tokens each of them gave.
    bucket : positions that share a mean.
    losses : ``{(method, length): (documents, buckets)}``; ``length`` is how far the method was told
        to reach, 512 or 1024 tokens, and how far it was tested.
    first_token : ``{"document": (layers, heads), "middle": ...}``, mean weight of queries 64 to 255
        on the first token of a text, where that begins a document, and where it does not.
    manifest : hashes, versions, and what the methods were.
    """

    documents: tuple[str, ...]
    windows: Int[np.ndarray, "documents"]
    bucket: int
    losses: dict[tuple[str, int], Float[np.ndarray, "documents buckets"]]
    first_token: dict[str, Float[np.ndarray, "layers heads"]]
    manifest: dict

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the names of the methods."""
        return tuple(dict.fromkeys(method for method, _ in self.losses))

    def positions(self, length: int = 1024) -> Float[np.ndarray, "buckets"]:
        """Return the middle of each bucket, positions counted from 1."""
        return np.arange(0, length, self.bucket) + (self.bucket + 1) / 2

    def mean(self, method: str, length: int = 1024) -> Float[np.ndarray, "buckets"]:
        """Return the mean loss over all windows, a number a bucket.

        Raises
        ------
        ValueError
            If that method was not measured at that length.
        """
        return np.average(self._table(method, length), axis=0, weights=self.windows)

    def interval(
        self,
        method: str,
        length: int = 1024,
        against: str | None = None,
        level: float = 0.95,
        draws: int = 2000,
        seed: int = 0,
    ) -> Float[np.ndarray, "2 buckets"]:
        """Return the ends of a bootstrap interval: documents are drawn anew, with all they have.

        Parameters
        ----------
        method, length : as in :meth:`mean`.
        against : a second method; the interval is then of the first's loss less the second's, on
            the same documents. Its own length is ``length``, or 1024 where it has no other.
        level : of the interval, between 0 and 1.
        draws : samples of documents.
        seed : of the draws.

        Raises
        ------
        ValueError
            If a method was not measured at that length, or a number is out of its range.
        """
        if not 0 < level < 1:
            raise ValueError(f"level is {level!r}; allowed: between 0 and 1")
        table = self._table(method, length)
        if against is not None:
            table = table - self._table(against, length)
        rng, n = np.random.default_rng(seed), len(self.windows)
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=whole("draws", draws)) * self.windows
        means = drawn @ table / drawn.sum(1, keepdims=True)
        return np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)

    def _table(self, method, length):
        # What looks back without a factor reads 512 tokens as it reads the first 512 of 1,024.
        if (method, length) not in self.losses and length in (512, 1024):
            if method in self.methods and (method, 512) not in self.losses:
                return self.losses[method, 1024][:, : length // self.bucket]
        if (method, length) not in self.losses:
            listed = ", ".join(map(repr, self.methods))
            raise ValueError(
                f"method is {method!r} at length {length!r}; allowed: {listed} at 512 or 1024"
            )
        return self.losses[method, length]


@cache
def long_context() -> LongContext:
    """Load the shipped losses, once per process.

    Raises
    ------
    ValueError
        If a file is missing or is not the one in the manifest.
    """
    return load(HERE)


def load(directory: Path) -> LongContext:
    """Load what :mod:`.measure` wrote.

    Raises
    ------
    ValueError
        If a file is missing or is not the one in the manifest.
    """
    found = read_json(directory, "losses.json")
    losses = {
        (method, int(length)): np.array(table)
        for method, lengths in found["losses"].items()
        for length, table in lengths.items()
    }
    return LongContext(
        tuple(found["documents"]),
        np.array(found["windows"]),
        found["bucket"],
        losses,
        {where: np.array(shares) for where, shares in found["first_token"].items()},
        read_manifest(directory),
    )


def by_bucket(
    losses: Float[np.ndarray, "windows n"], counts: Sequence[int], bucket: int
) -> Float[np.ndarray, "documents buckets"]:
    """Return mean losses in buckets of positions over each document's windows.

    Parameters
    ----------
    losses : a row a window, documents in order.
    counts : windows of each document.
    bucket : positions that share a mean, a divisor of n.

    Raises
    ------
    ValueError
        If the counts do not add up to the windows, or ``bucket`` does not divide n.
    """
    if sum(counts) != len(losses):
        raise ValueError(f"counts add up to {sum(counts)}; allowed: the windows, {len(losses)}")
    if losses.shape[1] % whole("bucket", bucket):
        raise ValueError(f"bucket is {bucket}; allowed: a divisor of {losses.shape[1]}")
    means = losses.reshape(len(losses), -1, bucket).mean(2)
    return np.array([rows.mean(0) for rows in np.split(means, np.cumsum(counts)[:-1])])
