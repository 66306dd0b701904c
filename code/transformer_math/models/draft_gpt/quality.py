"""How often a large model accepts a draft's guesses: by formula on real text, and by drafting."""

import numpy as np
import torch
from torch import Tensor

from ...arrays import Float
from ...decoding import Sampler, acceptance, greedy, speculative
from ...tokenizers import BPE
from ...transformer import Transformer
from ..ngrams import NGram
from ..small_gpt.data import document_streams, stream

TEMPERATURES = (1.0, 0.5)
BEGINNING, TOKENS = 32, 64


@torch.no_grad()
def acceptance_by_position(
    model: Transformer, draft: Transformer | NGram, ids: Tensor, temperature: float = 1.0
) -> Float[Tensor, "n"]:
    r"""Return :math:`\alpha = \sum_x \min(p(x), q(x))` after each token of a text.

    Parameters
    ----------
    model : gives p.
    draft : gives q, a Transformer or an n-gram model of the same tokens.
    ids : the text, ``(n,)``, within both contexts.
    temperature : above 0, of p and of q.

    Raises
    ------
    ValueError
        If the draft's vocabulary is another one, the ids do not fit a model, or the temperature is
        not a finite number above 0.
    """
    return _acceptance(*_logits(model, draft, ids), temperature)


def _logits(model, draft, ids):
    """Logits of p and of q after each token."""
    ngram = isinstance(draft, NGram)
    known = draft.vocabulary if ngram else draft.config.vocabulary
    if known != model.config.vocabulary:
        raise ValueError(
            f"draft has a vocabulary of {known}; allowed: that of model, {model.config.vocabulary}"
        )
    p = model(ids)
    if not ngram:
        return p, draft(ids)
    text = ids.numpy()
    rows = [draft.next(text[: i + 1][-draft.order :]) for i in range(len(text))]
    return p, torch.from_numpy(np.stack(rows)).to(p.dtype).log()


def _acceptance(p, q, temperature):
    sampler = Sampler(temperature)
    return acceptance(sampler.probabilities(p), sampler.probabilities(q))


@torch.no_grad()
def acceptance_on_text(
    model: Transformer, draft: Transformer | NGram, tokenizer: BPE, windows: int = 16
) -> dict[str, float]:
    """Return the mean acceptance over windows of the test text, by temperature.

    The windows have 256 tokens and are evenly spaced.
    """
    ids = stream(tokenizer, "test")
    starts = torch.linspace(0, len(ids) - 256, windows).long()
    pairs = [_logits(model, draft, ids[start : start + 256]) for start in starts]
    return {
        f"temperature {t:g}": round(
            float(torch.stack([_acceptance(p, q, t).mean() for p, q in pairs]).mean()), 3
        )
        for t in TEMPERATURES
    }


def acceptance_while_drafting(
    model: Transformer, draft: Transformer, tokenizer: BPE, gamma: int = 4, texts: int = 16
) -> dict[str, dict[str, float]]:
    """Return what speculation gives behind the beginnings of test documents, by sampler.

    "acceptance" is the share of the guesses looked at that was accepted, "tokens per pass" the mean
    number of tokens for a pass of the large model.
    """
    beginnings = [d[:BEGINNING] for d in document_streams(tokenizer, "test")[0]]
    beginnings = [d for d in beginnings if len(d) == BEGINNING][:texts]
    samplers = {f"temperature {t:g}": Sampler(t) for t in TEMPERATURES} | {"greedy": greedy}
    measured = {}
    for name, sampler in samplers.items():
        runs = [
            speculative(
                model,
                draft,
                ids,
                TOKENS,
                gamma,
                sampler=sampler,
                generator=torch.Generator().manual_seed(seed),
            )
            for seed, ids in enumerate(beginnings)
        ]
        accepted = sum(sum(r.accepted) for r in runs)
        looked_at = sum(
            a + (a < g) for r in runs for a, g in zip(r.accepted, r.guessed, strict=True)
        )
        measured[name] = {
            "acceptance": round(accepted / looked_at, 3),
            "tokens per pass": round(TOKENS * len(runs) / sum(r.passes for r in runs), 3),
        }
    return measured
