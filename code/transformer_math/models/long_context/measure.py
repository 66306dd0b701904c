"""Measure how the small GPT reads four times as far as it was trained, and write what is shipped::

    OMP_NUM_THREADS=1 python -m transformer_math.models.long_context.measure

No weight is changed: only frequencies, or who sees whom. A method with a factor s is measured at
512 tokens with s = 2 and at 1,024 with s = 4; the others do not know how far they will go.
"""

import json
from collections.abc import Callable

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ...decoding import WindowCache
from ...positions.scaling import RopeScaling
from ...transformer import Transformer
from ..files import digest, write
from ..small_gpt import small_gpt
from ..small_gpt.model import HERE as SMALL_GPT
from .reading import long_windows, reread_losses, streamed_losses, stretched, token_losses
from .results import HERE, by_bucket

BUCKET, LONGEST, SINKS = 64, 1024, 4
METHODS = {
    "none": "the trained frequencies, all tokens seen",
    "linear": "position interpolation by s = length / 256",
    "ntk": "NTK-aware, s = length / 256",
    "ntk, twice": "NTK-aware, s = 2 length / 256",
    "yarn": "YaRN by index, s = length / 256, its attention factor included",
    "dynamic": "dynamic NTK with factor 1: as ntk for the length that the text has come to",
    "dynamic, factor 4": "dynamic NTK with factor 4",
    "window": "each query sees the last 256 tokens",
    "window + sinks": "the first 4 tokens and the last 252, numbered by their place in the cache",
    "window + sinks, text positions": "the same tokens, numbered by their place in the text",
    "reread": "every 64 tokens a new start with the last 256, or fewer",
}


def measured(model: Transformer, windows: Tensor, method: str, length: int) -> Tensor:
    """Return the losses of one method on windows cut to a length."""
    context, windows = model.config.context, windows[:, : length + 1]
    factor = length / context

    def with_rope(**rope):
        return stretched(model, length, RopeScaling(**rope))

    def sinks(positions):
        n = context - SINKS
        return WindowCache(model.config, n, SINKS, positions, batch=len(windows))

    ways: dict[str, Callable[[], Tensor]] = {
        "none": lambda: token_losses(stretched(model, length), windows),
        "linear": lambda: token_losses(with_rope(kind="linear", factor=factor), windows),
        "ntk": lambda: token_losses(with_rope(kind="ntk", factor=factor), windows),
        "ntk, twice": lambda: token_losses(with_rope(kind="ntk", factor=2 * factor), windows),
        "yarn": lambda: token_losses(
            with_rope(kind="yarn", factor=factor, original_context=context), windows
        ),
        "dynamic": lambda: _growing(model, windows, 1.0),
        "dynamic, factor 4": lambda: _growing(model, windows, 4.0),
        "window": lambda: token_losses(stretched(model, length, window=context), windows),
        "window + sinks": lambda: streamed_losses(model, windows, sinks("cache")),
        "window + sinks, text positions": lambda: streamed_losses(
            model, windows, sinks("absolute")
        ),
        "reread": lambda: reread_losses(model, windows, BUCKET),
    }
    return ways[method]()


def _growing(model, windows, factor):
    """Losses bucket by bucket, each with the frequencies of a text that ends there."""
    rope = RopeScaling("dynamic", factor=factor, original_context=model.config.context)
    longer = stretched(model, windows.shape[1] - 1, rope)
    ends = range(BUCKET, windows.shape[1], BUCKET)
    return torch.cat([token_losses(longer, windows[:, : n + 1])[:, -BUCKET:] for n in ends], 1)


@torch.no_grad()
def first_token_weight(model: Transformer, windows: Tensor) -> Tensor:
    """Return each head's mean weight on the first token, of queries 64 to 255."""
    n = model.config.context
    shares = [
        model(w[:, :n], trace=True).attention[..., BUCKET:, 0].mean((1, 3))
        for w in windows.split(4)
    ]
    return torch.stack(shares).mean(0)


def main() -> None:
    """Measure, and write what is shipped."""
    gpt = small_gpt()
    by_document = long_windows(gpt.tokenizer, LONGEST)
    counts = [len(w) for w in by_document.values()]
    windows = torch.cat(list(by_document.values()))
    factors = ("linear", "ntk", "ntk, twice", "yarn")
    pairs = [(m, LONGEST) for m in METHODS] + [(m, LONGEST // 2) for m in factors]
    losses: dict[str, dict[int, list]] = {}
    for method, length in tqdm(pairs, desc="methods"):
        rows = measured(gpt.model, windows, method, length).double().numpy()
        table = by_bucket(rows, counts, BUCKET)
        losses.setdefault(method, {})[length] = table.round(3).tolist()
    firsts = torch.stack([w[0] for w in by_document.values()])
    weights = {
        "document": first_token_weight(gpt.model, firsts),
        "middle": first_token_weight(gpt.model, firsts[:, 512:]),
    }
    found = {
        "documents": list(by_document),
        "windows": counts,
        "bucket": BUCKET,
        "losses": losses,
        "first_token": {k: w.numpy().astype(float).round(4).tolist() for k, w in weights.items()},
    }
    write(
        HERE,
        {"losses.json": (json.dumps(found) + "\n").encode()},
        methods=METHODS,
        small_gpt=digest((SMALL_GPT / "weights.safetensors").read_bytes()),
    )


if __name__ == "__main__":
    main()
