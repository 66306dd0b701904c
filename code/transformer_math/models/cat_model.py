r"""The course's smallest model that has learned something: eight words, 344 weights of one decimal.

Two layers of width 4 with two heads of width 2 and eight hidden units each, pre-norm, with learned
positions for six words. Lesson 3.5 shows every number of it.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float

_TOLD = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))

CAT_WORDS: tuple[str, ...] = tuple(_TOLD["words"].split())
CAT_SENTENCE = ("the", "cat", "sat", "on", "the", "mat")
_NAMES = {
    "W_Q": "attention.w_q",
    "W_K": "attention.w_k",
    "W_V": "attention.w_v",
    "W_O": "attention.w_o",
    "W_1": "feed_forward.w_1",
    "W_2": "feed_forward.w_2",
}


@dataclass(frozen=True, eq=False)
class CatWeights:
    """The weights, as float64 arrays that cannot be written to.

    Parameters
    ----------
    E : embeddings of the eight words, (8, 4).
    P : positions, (6, 4).
    U : unembedding, (4, 8).
    layers : of each layer W_Q, W_K, W_V, W_O, all (4, 4), W_1 (4, 8) and W_2 (8, 4), by name.
    """

    E: Float[np.ndarray, "8 4"]
    P: Float[np.ndarray, "6 4"]
    U: Float[np.ndarray, "4 8"]
    layers: tuple[dict[str, Float[np.ndarray, "rows columns"]], ...]


@cache
def cat_weights() -> CatWeights:
    """Return the 344 weights of the cat model."""
    layers = tuple({name: _matrix(rows) for name, rows in layer.items()}
                   for layer in _TOLD["layers"])  # fmt: skip
    return CatWeights(_matrix(_TOLD["E"]), _matrix(_TOLD["P"]), _matrix(_TOLD["U"]), layers)


def cat_ids(words: str) -> list[int]:
    """Return the ids of words between spaces, such as ``"the cat sat"``.

    Raises
    ------
    ValueError
        If there is none, or one that the model does not know.
    """
    listed = words.split()
    if not listed or any(word not in CAT_WORDS for word in listed):
        raise ValueError(f"words are {words!r}; allowed: some of {', '.join(CAT_WORDS)}")
    return [CAT_WORDS.index(word) for word in listed]


def cat_model() -> Any:
    """Return the cat model as a :class:`~transformer_math.transformer.Transformer`, in float64."""
    import torch

    from ..transformer import Transformer, TransformerConfig

    sizes = dict(vocabulary=8, width=4, heads=2, layers=2, hidden=8, context=6)
    config = TransformerConfig(**sizes, activation="relu", bias=False, tied=False)
    weights = cat_weights()
    state = {"embedding.tokens": weights.E, "embedding.positions": weights.P, "head.w": weights.U}
    for number, layer in enumerate(weights.layers):
        state |= {f"decoder.blocks.{number}.{_NAMES[name]}": w for name, w in layer.items()}
    model = Transformer(config).double().eval().requires_grad_(False)
    # What is not written in are the gains of the norms, which start as 1.
    model.load_state_dict({name: torch.tensor(w) for name, w in state.items()}, strict=False)
    return model


def _matrix(rows):
    matrix = np.array([[float(number) for number in row.split()] for row in rows.split("/")])
    matrix.flags.writeable = False
    return matrix
