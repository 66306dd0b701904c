"""Measure a run and write what ships: ``python -m transformer_math.models.small_gpt.ship RUN``.

Weights are rounded to half precision, and everything is measured with the rounded ones.
"""

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save

from ...data import corpus
from ...tokenizers import BPE
from ...transformer import Transformer
from .card import card
from .data import END, document_streams
from .model import HERE, load
from .quality import baseline_bits, head_scores, model_bits
from .train import CONFIG

LEAST_SCORE = 0.3
"""Heads that put at least this share of their weight where a pattern says are listed."""

STARTS = ("Return the number of ", "class Queue\n    ", "Raise ValueError if ")


def ship(run: Path, directory: Path = HERE) -> dict:
    """Write weights, tokenizer, losses, manifest and card of a run, and return the manifest."""
    weights, _, steps, losses, recipe = torch.load(run / "checkpoint.pt", weights_only=True)
    half = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    model = Transformer(CONFIG)
    model.load_state_dict({name: tensor.float() for name, tensor in half.items()})
    model.eval()
    tokenizer = BPE.load(run / "tokenizer.json")
    files = {
        "weights.safetensors": save(half),
        "tokenizer.json": (run / "tokenizer.json").read_bytes(),
        "losses.json": (json.dumps(losses) + "\n").encode(),
    }
    for name, content in files.items():
        (directory / name).write_bytes(content)
    manifest = {
        "config": {k: v for k, v in asdict(CONFIG).items() if k != "rope"},
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "recipe": recipe,
        "steps": steps,
        "data": corpus.manifest(),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "bits per character": _quality(model, tokenizer),
        "heads": _heads(model, tokenizer),
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    gpt = load(directory)
    samples = [gpt.complete(start, 70, temperature=0.6, seed=1) for start in STARTS]
    test_characters = document_streams(tokenizer, "test")[1]
    text = card(manifest, samples, END, test_characters, LEAST_SCORE)
    (directory / "card.md").write_text(text)
    return manifest


def _quality(model, tokenizer):
    quality = {
        "small GPT": model_bits(model, *document_streams(tokenizer, "test")),
        **baseline_bits(),
    }
    return {name: round(bits, 3) for name, bits in quality.items()}


def _heads(model, tokenizer):
    """Heads by pattern: [layer, head, score], the strongest first."""
    found = {}
    for pattern, scores in head_scores(model, tokenizer).items():
        listed = [
            [layer, head, round(float(score), 3)]
            for layer, row in enumerate(scores)
            for head, score in enumerate(row)
            if score >= LEAST_SCORE
        ]
        found[pattern] = sorted(listed, key=lambda entry: -entry[-1])
    return found


def main() -> None:
    """Read the command line, ship, and show what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    manifest = ship(parser.parse_args().run)
    for part in ("bits per character", "heads"):
        print(json.dumps(manifest[part], indent=1))


if __name__ == "__main__":
    main()
