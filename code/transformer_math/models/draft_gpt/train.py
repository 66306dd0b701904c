"""Train the draft model as the small GPT was trained, measure it, and write what is shipped::

    OMP_NUM_THREADS=1 python -m transformer_math.models.draft_gpt.train --out runs/draft_gpt

Same text, same tokenizer, same script; a sixth of the parameters and half the steps.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save

from ...transformer import Transformer
from ..files import digest, write
from ..small_gpt import small_gpt
from ..small_gpt.data import document_streams
from ..small_gpt.model import HERE as SMALL_GPT
from ..small_gpt.quality import model_bits
from ..small_gpt.train import CONFIG as LARGE
from ..small_gpt.train import Recipe, train
from .model import HERE
from .quality import acceptance_on_text, acceptance_while_drafting

CONFIG = replace(LARGE, width=64, heads=2, kv_heads=2, layers=2, hidden=172)
RECIPE = Recipe(cycles=((2000, 5e-3),), repeats=(), every=200)


def ship(run: Path, directory: Path = HERE) -> dict:
    """Write weights (in half precision), losses and manifest of a run; return the manifest."""
    weights, _, steps, losses, recipe = torch.load(run / "checkpoint.pt", weights_only=True)
    half = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    draft = Transformer(CONFIG)
    draft.load_state_dict({name: tensor.float() for name, tensor in half.items()})
    draft.eval().requires_grad_(False)
    gpt = small_gpt()
    losses["train"] = [round(x, 3) for x in losses["train"]]
    return write(
        directory,
        {"weights.safetensors": save(half), "losses.json": (json.dumps(losses) + "\n").encode()},
        config={k: v for k, v in asdict(CONFIG).items() if k != "rope"},
        parameters=sum(tensor.numel() for tensor in weights.values()),
        recipe=recipe,
        steps=steps,
        small_gpt=digest((SMALL_GPT / "weights.safetensors").read_bytes()),
        tokenizer=digest((SMALL_GPT / "tokenizer.json").read_bytes()),
        quality={
            "bits per character": round(
                model_bits(draft, *document_streams(gpt.tokenizer, "test")), 3
            ),
            "acceptance on test text": acceptance_on_text(gpt.model, draft, gpt.tokenizer),
            "acceptance while drafting": acceptance_while_drafting(gpt.model, draft, gpt.tokenizer),
        },
    )


def main() -> None:
    """Read the command line, train, ship, and show what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    (out / "tokenizer.json").write_bytes((SMALL_GPT / "tokenizer.json").read_bytes())
    train(out, RECIPE, CONFIG)
    print(json.dumps(ship(out)["quality"], indent=1))


if __name__ == "__main__":
    main()
