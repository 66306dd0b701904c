"""Take key and value heads from the small GPT, and let it learn again.

Every side is a number of heads and a way to make them. Each is trained on with three learning
rates, and more until the best on validation text has a worse one on either side. Five seeds are run
with it: other windows of text, and other weights where they are random. Side (4, mean) is the
control: the same model, trained on for as long. A few sides also run five times as long, with one
rate or two and fewer seeds. What is shipped was written by::

    OMP_NUM_THREADS=1 python -m transformer_math.models.uptraining.experiment --out runs/uptraining

A run that was killed goes on where it was when the same command is given again.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ...arrays import positive, whole
from ...learning.schedules import cosine_schedule
from ...transformer import Transformer, with_fewer_kv_heads
from ..files import digest, write
from ..small_gpt import small_gpt
from ..small_gpt.data import batch, stream
from ..small_gpt.model import HERE as SMALL_GPT
from ..small_gpt.train import mean_loss, parameter_groups, validate

HERE = Path(__file__).parent
SIDES = tuple(
    (kv_heads, how)
    for kv_heads, ways in (
        (4, ("mean",)),
        (2, ("mean", "first", "random")),
        (1, ("mean", "first", "random")),
    )
    for how in ways
)
GRID = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
CENTRE = {side: 1e-3 for side in SIDES} | {(4, "mean"): 1e-4}
SEEDS = 5
LONG: dict[tuple[int, str], dict[float, int]] = {  # of some sides: seeds by learning rate
    (4, "mean"): {3e-5: 1},
    (2, "mean"): {1e-3: SEEDS, 3e-3: 1},
    (2, "first"): {3e-4: 1, 1e-3: 1},
    (1, "mean"): {1e-3: 1},
}


@dataclass(frozen=True)
class Recipe:
    """How long the converted model learns, and where the loss is looked at.

    Parameters
    ----------
    steps : updates.
    looks : steps after which the loss on held-out text is measured; 0 is before the first.
    batch : windows of 256 tokens an update.
    warmup : share of the steps in which the rate rises; it then falls by a cosine to a tenth.
    windows : of held-out text, evenly spaced.
    """

    steps: int = 48
    looks: tuple[int, ...] = (0, 12, 24, 48)
    batch: int = 4
    warmup: float = 0.1
    windows: int = 32


SHORT = Recipe()
FIVE_TIMES = Recipe(steps=240, looks=(0, 48, 120, 240))


def uptrain(
    model: Transformer,
    ids: Tensor,
    held_out: Tensor,
    rate: float,
    seed: int = 0,
    recipe: Recipe = SHORT,
) -> list[float]:
    r"""Train a model on, and return its losses on held-out text, in nats per token.

    AdamW as in the training of the small GPT, its moments begun anew.

    Parameters
    ----------
    model : is changed.
    ids : training text.
    held_out : the text whose loss is measured.
    rate : the highest learning rate.
    seed : of the windows of text.
    recipe : how long, and where to look.

    Returns
    -------
    One loss for each of the recipe's looks.

    Raises
    ------
    ValueError
        If ``rate`` is not a finite number above 0, or ``seed`` not a whole number of at least 0.
    """
    positive("rate", rate)
    whole("seed", seed, least=0)
    model.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameter_groups(model, decay=0.1), betas=(0.9, 0.95))
    losses = [validate(model, held_out, recipe.windows)] if 0 in recipe.looks else []
    for step in range(recipe.steps):
        warmup = max(1, round(recipe.warmup * recipe.steps))
        for group in optimiser.param_groups:
            group["lr"] = rate * cosine_schedule(step + 1, recipe.steps, warmup, floor=0.1)
        model.train()
        x, y = batch(ids, recipe.batch, model.config.context, seed, step)
        loss = mean_loss(model, x, y)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step + 1 in recipe.looks:
            losses.append(validate(model, held_out, recipe.windows))
    model.eval()
    return losses


@dataclass(frozen=True)
class Run:
    """One training of one converted model: which, with what rate and seed, and for how long."""

    kv_heads: int
    how: str
    rate: float
    seed: int
    steps: int = SHORT.steps

    def __call__(self, texts: dict[str, Tensor]) -> dict:
        """Run it and return its losses: test text along the way, validation text at the end."""
        model = with_fewer_kv_heads(small_gpt().model, self.kv_heads, self.how, self.seed)
        recipe = SHORT if self.steps == SHORT.steps else FIVE_TIMES
        losses = uptrain(model, texts["train"], texts["test"], self.rate, self.seed, recipe)
        validation = validate(model, texts["validation"], recipe.windows)
        rounded = {"test": [round(x, 4) for x in losses], "validation": round(validation, 4)}
        return asdict(self) | rounded


def tried(results: Sequence[dict], side: tuple[int, str]) -> dict[float, float]:
    """Return seed 0's losses on validation text after a side's short runs, by learning rate."""
    return {
        r["rate"]: r["validation"]
        for r in results
        if (r["kv_heads"], r["how"]) == side and r["seed"] == 0 and r["steps"] == SHORT.steps
    }


def best_rate(results: Sequence[dict], side: tuple[int, str]) -> float:
    """Return the learning rate of a side that did best on validation text."""
    losses = tried(results, side)
    return min(losses, key=losses.__getitem__)


def to_be_tried(results: Sequence[dict], side: tuple[int, str]) -> tuple[float, ...]:
    """Return three rates of the grid: about the best so far, or to begin with, about a guess."""
    known = tried(results, side)
    at = GRID.index(best_rate(results, side) if known else CENTRE[side])
    return GRID[max(0, at - 1) : at + 2]


def missing(results: Sequence[dict]) -> list[Run]:
    """Return the runs that come next: rates for each side, then other seeds, then long runs."""
    known = [Run(*(r[field.name] for field in fields(Run))) for r in results]
    stages = (
        lambda side: [Run(*side, rate, 0) for rate in to_be_tried(results, side)],
        lambda side: [Run(*side, best_rate(results, side), seed) for seed in range(1, SEEDS)],
        lambda side: [
            Run(*side, rate, seed, FIVE_TIMES.steps)
            for rate, seeds in LONG.get(side, {}).items()
            for seed in range(seeds)
        ],
    )
    for stage in stages:
        if todo := [new for side in SIDES for new in stage(side) if new not in known]:
            return todo
    return []


def run(out: Path) -> list[dict]:
    """Run all that has not been run yet, a line of ``out``/runs.jsonl each, and return all."""
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "runs.jsonl"
    results = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    texts = {s: stream(small_gpt().tokenizer, s) for s in ("train", "validation", "test")}
    while todo := missing(results):
        for new in tqdm(todo, desc="runs"):
            results.append(new(texts))
            with kept.open("a") as file:
                file.write(json.dumps(results[-1]) + "\n")
            tqdm.write(json.dumps(results[-1]))
    return results


def ship(results: list[dict], directory: Path = HERE) -> dict:
    """Write the results, a run a line, and a manifest."""
    lines = ",\n".join(json.dumps(result) for result in results)
    recipes = {name: asdict(r) for name, r in (("short", SHORT), ("five times", FIVE_TIMES))}
    weights = (SMALL_GPT / "weights.safetensors").read_bytes()
    return write(
        directory,
        {"runs.json": f"[\n{lines}\n]\n".encode()},
        recipes=recipes,
        small_gpt=digest(weights),
    )


def main() -> None:
    """Read the command line, run, and ship."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    ship(run(parser.parse_args().out))


if __name__ == "__main__":
    main()
