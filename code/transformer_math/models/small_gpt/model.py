"""The shipped model: weights and tokenizer, loaded in a moment."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load as load_tensors
from torch import Tensor

from ...arrays import whole
from ...decoding import Sampler, generate
from ...tokenizers import BPE
from ...transformer import Transformer, TransformerConfig
from ..files import read, read_manifest
from .data import END

HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class SmallGPT:
    """A trained Transformer and its tokenizer.

    Parameters
    ----------
    model : decoder-only, pre-norm (RMS), SwiGLU, rotary positions; context 256.
    tokenizer : byte-level BPE, 2048 tokens.
    manifest : how it was trained, on what, with hashes, and its measured quality.
    losses : ``{"train": [...], "validation": [[step, loss], ...]}``, in nats per token.
    """

    model: Transformer
    tokenizer: BPE
    manifest: dict
    losses: dict

    def ids(self, text: str, start: bool = True) -> Tensor:
        """Return the token ids of a text, behind the token that begins every document.

        Raises
        ------
        ValueError
            If ``text`` is not a str.
        """
        end = self.tokenizer.vocabulary.index(END)
        return torch.tensor([end] * start + self.tokenizer.encode(text))

    def complete(self, text: str, tokens: int = 60, temperature: float = 0.8, seed: int = 0) -> str:
        """Return a text continued by sampling; it ends early where the model ends the document.

        Parameters
        ----------
        text : what to continue; may be empty.
        tokens : most tokens to add.
        temperature : above 0; the lower, the likelier the choices.
        seed : of the random choices.

        Raises
        ------
        ValueError
            If ``text`` is not a str, a number is out of its range, or text and tokens do not fit
            into the context.
        """
        ids = self.ids(text)
        room = self.model.config.context - len(ids)
        if whole("tokens", tokens) > room:
            raise ValueError(f"tokens is {tokens}; allowed: at most {room} after this text")
        new = generate(
            self.model,
            ids,
            tokens,
            sampler=Sampler(temperature),
            stop=int(ids[0]),
            generator=torch.Generator().manual_seed(seed),
        ).tolist()
        return text + self.tokenizer.decode([i for i in new if i != int(ids[0])])


@cache
def small_gpt() -> SmallGPT:
    """Load the shipped model, once per process.

    Raises
    ------
    ValueError
        If a file is missing or is not the one in the manifest.
    """
    return load(HERE)


def load(directory: Path, tokenizer: BPE | None = None) -> SmallGPT:
    """Load a model that :mod:`.ship` wrote; its tokenizer, too, unless it is given.

    Raises
    ------
    ValueError
        If a file is missing or is not the one in the manifest.
    """
    manifest = read_manifest(directory)
    files = {name: read(directory / name, sha256) for name, sha256 in manifest["files"].items()}
    with torch.random.fork_rng(devices=[]):  # loading leaves the caller's random numbers alone
        model = Transformer(TransformerConfig(**manifest["config"]))
    weights = {name: w.float() for name, w in load_tensors(files["weights.safetensors"]).items()}
    model.load_state_dict(weights)
    if tokenizer is None:
        tokenizer = BPE.load(directory / "tokenizer.json")
    losses = json.loads(files["losses.json"])
    return SmallGPT(model.eval().requires_grad_(False), tokenizer, manifest, losses)
