"""Text to tokens and back: byte-pair encoding, WordPiece and Unigram, trained and traced.

Each tokenizer has ``train``, ``tokens``, ``encode``, ``decode``, ``vocabulary`` (a piece's place is
its id), ``trace``, ``save`` and ``load``. :class:`BPE` and :class:`WordPiece` have ``merge_steps``,
their training merge by merge.
"""

from .bpe import BPE, MergeState
from .lattice import LatticeNode
from .pairs import MergeStep, pair_counts, pair_scores
from .unigram import Unigram, seed_pieces
from .wordpiece import Match, WordPiece
from .words import byte_alphabet, split_gpt2, split_whitespace

__all__ = [
    "BPE",
    "LatticeNode",
    "Match",
    "MergeState",
    "MergeStep",
    "Unigram",
    "WordPiece",
    "byte_alphabet",
    "pair_counts",
    "pair_scores",
    "seed_pieces",
    "split_gpt2",
    "split_whitespace",
]
