"""The documentation as one stream of token ids, and windows of it by the number of the step."""

import numpy as np
import torch
from torch import Tensor

from ...data.corpus import documents
from ...tokenizers import BPE

END = "<|endoftext|>"
VOCABULARY = 2048
SHORTEST = 16  # tokens of a passage that is repeated


def train_tokenizer() -> BPE:
    """Train the byte-level BPE tokenizer on the training split."""
    texts = [document.text for document in documents() if document.split == "train"]
    return BPE.train(texts, VOCABULARY, special_tokens=[END])


def stream(tokenizer: BPE, split: str, kind: str = "documentation") -> Tensor:
    """Return the ids of all documents of a split, each followed by the end token."""
    end = tokenizer.vocabulary.index(END)
    ids = [
        np.array([*tokenizer.encode(document.text), end], dtype=np.int64)
        for document in documents(kind)
        if document.split == split
    ]
    return torch.from_numpy(np.concatenate(ids))


def document_streams(tokenizer: BPE, split: str, kind: str = "documentation"):
    """Return each document of a split behind the end token, and their characters in all."""
    end = tokenizer.vocabulary.index(END)
    texts = [document.text for document in documents(kind) if document.split == split]
    return [torch.tensor([end, *tokenizer.encode(t)]) for t in texts], sum(map(len, texts))


def batch(
    ids: Tensor, size: int, context: int, seed: int, step: int, repeats: int = 0
) -> tuple[Tensor, Tensor]:
    """Return random windows and the tokens that follow each of theirs.

    The first ``repeats`` windows say a passage again and again, so that it pays to look back. All
    depends on nothing but the arguments: a run that was killed draws the same windows again.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    starts = torch.randint(len(ids) - context, (size,), generator=generator)
    places = torch.arange(context + 1).repeat(size, 1)
    if repeats:
        if context < 2 * SHORTEST:
            raise ValueError(f"context is {context}; allowed: at least {2 * SHORTEST} to repeat")
        periods = torch.randint(SHORTEST, context // 2 + 1, (repeats, 1), generator=generator)
        places[:repeats] %= periods
    windows = ids[starts[:, None] + places]
    return windows[:, :-1], windows[:, 1:]
