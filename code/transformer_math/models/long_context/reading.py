r"""Losses of a model on texts longer than it was trained on, token by token, in nats.

Every function returns :math:`-\log p(x_{t+1} \mid x_{\le t})`, or what its way of reading leaves of
the past, for t from 1 on: column t - 1 holds position t.
"""

from dataclasses import replace

import torch
from torch import Tensor

from ...arrays import Float, Int, whole
from ...data.corpus import documents
from ...decoding import Cache
from ...positions.scaling import RopeScaling
from ...tokenizers import BPE
from ...transformer import Transformer
from ..small_gpt.data import END

BATCH = 4


def long_windows(
    tokenizer: BPE, length: int = 1024, most: int = 4, splits: tuple = ("validation", "test")
) -> dict[str, Int[Tensor, "windows length_plus_one"]]:
    """Return windows of the held-out documents that are long enough, by the document's name.

    Parameters
    ----------
    tokenizer : of the model.
    length : tokens to predict in each window.
    most : windows of a document, one behind the other from its beginning; only whole ones.
    splits : of the documentation.

    Raises
    ------
    ValueError
        If a count is not a whole number of at least 1, or no document is long enough.
    """
    whole("length", length)
    end, windows = tokenizer.vocabulary.index(END), {}
    for document in documents():
        if document.split not in splits:
            continue
        ids = torch.tensor([end, *tokenizer.encode(document.text)])
        count = min(whole("most", most), (len(ids) - 1) // length)
        if count:
            starts = length * torch.arange(count)
            windows[document.name] = ids[starts[:, None] + torch.arange(length + 1)]
    if not windows:
        raise ValueError(f"length is {length}; allowed: one that some document of {splits} has")
    return windows


def stretched(
    model: Transformer, context: int, rope: RopeScaling | None = None, window: int | None = None
) -> Transformer:
    """Return a model of the same weights that reads longer texts, by other frequencies or a window.

    Parameters
    ----------
    model : with rotary positions; it stays as it is.
    context : longest text of the new model.
    rope : how its frequencies are changed; not at all by default.
    window : how many tokens a query sees, itself included; all by default.

    Raises
    ------
    ValueError
        If the model's positions are not rotary, or an option is none of a TransformerConfig.
    """
    if model.config.positions != "rotary":
        raise ValueError(f"model has positions {model.config.positions!r}; allowed: 'rotary'")
    config = replace(model.config, context=context, rope=rope or RopeScaling(), window=window)
    with torch.random.fork_rng(devices=[]):
        longer = Transformer(config)
    longer.load_state_dict(model.state_dict())
    return longer.eval().requires_grad_(False)


@torch.no_grad()
def token_losses(
    model: Transformer, windows: Int[Tensor, "windows n_plus_one"]
) -> Float[Tensor, "windows n"]:
    """Return the losses of a model that reads each window in one pass.

    With dynamic frequencies that pass is as long as the window: to see what a model says *when* the
    text has come to n tokens, give it windows of n tokens and look at the last losses.
    """
    return torch.cat([_picked(model(w[:, :-1]), w[:, 1:]) for w in windows.split(BATCH)])


@torch.no_grad()
def streamed_losses(
    model: Transformer, windows: Int[Tensor, "windows n_plus_one"], cache: Cache
) -> Float[Tensor, "windows n"]:
    """Return the losses of a model that reads all windows token by token into a cache.

    ``cache`` is new and has a batch as large as there are windows: a ``WindowCache``, for one.
    """
    losses = [
        _picked(model(windows[:, t : t + 1], cache=cache), windows[:, t + 1 : t + 2])
        for t in range(windows.shape[1] - 1)
    ]
    return torch.cat(losses, dim=1)


@torch.no_grad()
def reread_losses(
    model: Transformer, windows: Int[Tensor, "windows n_plus_one"], stride: int = 64
) -> Float[Tensor, "windows n"]:
    """Return the losses of a model that forgets: every ``stride`` tokens it starts over.

    It begins anew with the last context's worth of tokens, at position 0, so that it never stands
    where it was not trained. This is what any stretching has to beat.

    Raises
    ------
    ValueError
        If ``stride`` is not a whole number from 1 to the model's context.
    """
    context = model.config.context
    if whole("stride", stride) > context:
        raise ValueError(f"stride is {stride}; allowed: at most the model's context, {context}")
    n, losses = windows.shape[1] - 1, []
    for end in range(stride, n + stride, stride):
        end, done = min(end, n), sum(x.shape[1] for x in losses)
        start = max(0, end - context)
        losses.append(token_losses(model, windows[:, start : end + 1])[:, done - start :])
    return torch.cat(losses, dim=1)


def _picked(logits, targets):
    return -logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
