r"""n-gram language models: the next symbol from the few before it, by counting."""

import numpy as np

from ..arrays import Float, Int, whole


class NGram:
    r"""An interpolated n-gram model with Witten-Bell smoothing.

    .. math:: p(c \mid h) = \frac{f(hc) + T(h)\, p(c \mid h')}{f(h) + T(h)}

    where f counts in the training sequence, T(h) is the number of different symbols that followed
    h, and h' is h without its first symbol. Below the unigrams lies the uniform distribution, so
    that no symbol has probability 0. A history that never occurred leaves the choice to h'.

    Parameters
    ----------
    ids : training sequence of symbols, ``(n,)``; characters or tokens, numbered from 0.
    order : n of the n-gram, so a history is ``order - 1`` symbols long.
    vocabulary : number of different symbols, V.

    Raises
    ------
    ValueError
        If ``ids`` is not a vector of whole numbers from 0 to V - 1 of at least ``order`` symbols, a
        size is not a whole number of at least 1, or V to the power of ``order`` exceeds 2^62.

    Source: Witten and Bell (1991), https://doi.org/10.1109/18.87000
    """

    def __init__(self, ids: Int[np.ndarray, "n"], order: int, vocabulary: int):
        self.order, self.vocabulary = whole("order", order), whole("vocabulary", vocabulary)
        if vocabulary**order > 2**62:
            raise ValueError(
                f"order is {order} for {vocabulary} symbols; allowed: at most "
                f"{int(62 / np.log2(vocabulary))}, since vocabulary ** order must stay below 2^62"
            )
        ids = _check(ids, vocabulary)
        if len(ids) < order:
            raise ValueError(f"ids are {len(ids)} symbols; allowed: at least the order, {order}")
        self._counts = [
            np.unique(_codes(ids, length, vocabulary), return_counts=True)
            for length in range(1, order + 1)
        ]
        self._histories = []
        for codes, counts in self._counts:
            histories, first = np.unique(codes // vocabulary, return_index=True)
            followers = np.diff(np.append(first, len(codes)))
            self._histories.append((histories, np.add.reduceat(counts, first), followers))

    def probabilities(self, ids: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Return the probability of each symbol of a sequence after those before it.

        The first symbols have shorter histories. The sum of -log2 is the sequence's length in bits.

        Raises
        ------
        ValueError
            If ``ids`` is not a vector of whole numbers below the vocabulary's size.
        """
        ids = _check(ids, self.vocabulary)
        p = np.full(len(ids), 1 / self.vocabulary)
        for length in range(1, min(self.order, len(ids)) + 1):
            p[length - 1 :] = self._interpolate(
                _codes(ids, length, self.vocabulary), p[length - 1 :], length
            )
        return p

    def next(self, history: Int[np.ndarray, "h"]) -> Float[np.ndarray, "vocabulary"]:
        """Return the distribution of the symbol that follows a history of any length.

        Raises
        ------
        ValueError
            If ``history`` is not a vector of whole numbers below the vocabulary's size.
        """
        history = _check(history, self.vocabulary)
        p = np.full(self.vocabulary, 1 / self.vocabulary)
        for length in range(1, min(self.order, len(history) + 1) + 1):
            code = 0
            for symbol in history[len(history) - length + 1 :]:
                code = code * self.vocabulary + int(symbol)
            p = self._interpolate(code * self.vocabulary + np.arange(self.vocabulary), p, length)
        return p

    def _interpolate(self, codes, shorter, length):
        count = _look_up(codes, *self._counts[length - 1])
        histories, totals, followers = self._histories[length - 1]
        total = _look_up(codes // self.vocabulary, histories, totals)
        types = _look_up(codes // self.vocabulary, histories, followers)
        seen = total > 0
        mixed = (count + types * shorter) / np.where(seen, total + types, 1)
        return np.where(seen, mixed, shorter)


def _codes(ids, length, vocabulary):
    """Every stretch of ``length`` symbols as one number."""
    codes = np.zeros(len(ids) - length + 1, dtype=np.int64)
    for offset in range(length):
        codes = codes * vocabulary + ids[offset : len(ids) - length + 1 + offset]
    return codes


def _look_up(codes, known, values):
    """The value of each code, 0 for one that is not known."""
    at = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[at] == codes, values[at], 0)


def _check(ids, vocabulary):
    ids = np.asarray(ids)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise ValueError(
            f"ids have dtype {ids.dtype} and shape {ids.shape}; allowed: a vector of whole numbers"
        )
    if ids.size and (ids.min() < 0 or ids.max() >= vocabulary):
        raise ValueError(
            f"ids go from {ids.min()} to {ids.max()}; allowed: from 0 to {vocabulary - 1}"
        )
    return ids.astype(np.int64)
