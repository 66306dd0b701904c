"""Train the small GPT.

One process, or several that share each batch through PyTorch's DistributedDataParallel::

    python -m transformer_math.models.small_gpt.train --out runs/small_gpt
    torchrun --nproc-per-node 2 -m transformer_math.models.small_gpt.train --out runs/small_gpt

The same command takes up a run that was killed, and goes on as if it had not been: windows and
dropout depend on the seed and the number of the step alone. A GPU is used where there is one.
"""

import argparse
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from tqdm.auto import tqdm

from ...decoding import Sampler, generate
from ...learning.schedules import cosine_schedule
from ...tokenizers import BPE
from ...transformer import Transformer, TransformerConfig
from .data import END, VOCABULARY, batch, stream, train_tokenizer

CONFIG = TransformerConfig(
    vocabulary=VOCABULARY,
    width=128,
    heads=4,
    layers=6,
    hidden=344,
    context=256,
    norm="rms",
    eps=1e-6,
    activation="swiglu",
    positions="rotary",
    bias=False,
)


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train, and on what.

    Parameters
    ----------
    cycles : pairs (steps, rate). In each cycle the learning rate warms up to ``rate`` and falls by
        a cosine to a tenth of it.
    repeats : pairs (first step, windows): how many of a batch's windows repeat one passage from
        that step on. They teach heads to look for what followed last time (induction).
    batch : windows an update, over all processes.
    warmup : steps of linear warm-up at the beginning of a cycle.
    decay : weight decay, of matrices only.
    clip : longest gradient.
    seed : of weights, windows and dropout.
    every : steps between looks at the validation text, samples and checkpoints.
    """

    cycles: tuple[tuple[int, float], ...] = ((3000, 3e-3), (800, 2e-3), (700, 2e-3))
    repeats: tuple[tuple[int, int], ...] = ((1300, 2), (3000, 8), (3500, 3), (3800, 1))
    batch: int = 12
    warmup: int = 100
    decay: float = 0.1
    clip: float = 1.0
    seed: int = 0
    every: int = 100

    @property
    def steps(self) -> int:
        """Updates in all."""
        return sum(steps for steps, _ in self.cycles)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        for steps, rate in self.cycles:
            if step < steps:
                return rate * cosine_schedule(step + 1, steps, self.warmup, floor=0.1)
            step -= steps
        raise ValueError(f"step is {step} beyond the last; allowed: below {self.steps}")

    def windows_repeated(self, step: int) -> int:
        """Return how many windows of a step repeat one passage."""
        return [windows for first, windows in ((0, 0), *self.repeats) if first <= step][-1]


def train(out: Path, recipe: Recipe, config: TransformerConfig = CONFIG) -> Transformer:
    """Train, or go on training, and return the model; everything is written below ``out``."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")
    if world > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if recipe.batch % world:
        raise ValueError(f"batch is {recipe.batch}; allowed: a multiple of {world} processes")
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(out, rank, world)
    ids = {split: stream(tokenizer, split).to(device) for split in ("train", "validation")}

    torch.manual_seed(recipe.seed)
    model = Transformer(config).to(device)
    optimiser = torch.optim.AdamW(parameter_groups(model, recipe.decay), betas=(0.9, 0.95))
    first, log = _resume(out / "checkpoint.pt", model, optimiser, recipe, device)
    learner = DistributedDataParallel(model) if world > 1 else model
    mine = slice(rank * recipe.batch // world, (rank + 1) * recipe.batch // world)

    bar = tqdm(range(first, recipe.steps), initial=first, total=recipe.steps, disable=rank > 0)
    for step in bar:
        rate, repeats = recipe.rate(step), recipe.windows_repeated(step)
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batch(ids["train"], recipe.batch, config.context, recipe.seed, step, repeats)
        torch.manual_seed((recipe.seed * 1_000_003 + step) * world + rank)  # for dropout
        model.train()
        loss = mean_loss(learner, x[mine], y[mine])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimiser.step()
        if world > 1:
            dist.all_reduce(loss.detach_(), dist.ReduceOp.SUM)
            loss /= world
        log["train"].append(round(loss.item(), 4))
        bar.set_postfix(loss=f"{loss.item():.3f}", rate=f"{rate:.1e}")
        if (step + 1) % recipe.every == 0 or step + 1 == recipe.steps:
            if rank == 0:
                log["validation"].append([step + 1, round(validate(model, ids["validation"]), 4)])
                state = model.state_dict(), optimiser.state_dict(), step + 1, log, asdict(recipe)
                _write(out, model, state)
                tqdm.write(f"step {step + 1}: validation {log['validation'][-1][1]} nats per token")
                tqdm.write(sample(model, tokenizer))
            if world > 1:
                dist.barrier()
    if world > 1:
        dist.destroy_process_group()
    return model


def mean_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return the mean of -log p(next token), in nats."""
    return cross_entropy(model(x).flatten(0, 1), y.flatten())


@torch.no_grad()
def validate(model: Transformer, ids: Tensor, windows: int = 64) -> float:
    """Return the mean loss over evenly spaced windows of held-out text."""
    model.eval()
    context = model.config.context
    starts = torch.linspace(0, len(ids) - context - 1, windows, device=ids.device).long()
    text = ids[starts[:, None] + torch.arange(context + 1, device=ids.device)]
    losses = [mean_loss(model, x[:, :-1], x[:, 1:]).item() for x in text.split(16)]
    return sum(losses) / len(losses)


def _tokenizer(out, rank, world):
    """The run's tokenizer: trained by the first process, read by the others."""
    path = out / "tokenizer.json"
    if rank == 0 and not path.exists():
        train_tokenizer().save(path)
    if world > 1:
        dist.barrier()
    return BPE.load(path)


def parameter_groups(model: nn.Module, decay: float) -> list[dict]:
    """Return matrices with weight decay and vectors without, as an optimiser takes them."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    return [
        {"params": matrices, "weight_decay": decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def _resume(path, model, optimiser, recipe, device):
    if not path.exists():
        return 0, {"train": [], "validation": []}
    weights, moments, step, log, before = torch.load(path, map_location=device, weights_only=True)
    if before != asdict(recipe):
        raise ValueError(f"{path} was trained by another recipe, {before}; allowed: the same one")
    model.load_state_dict(weights)
    optimiser.load_state_dict(moments)
    return step, log


def _write(out, model, state):
    """Replace the checkpoint in one move, so that a kill leaves the old or the new one whole."""
    torch.save(state, out / "checkpoint.pt.new")
    os.replace(out / "checkpoint.pt.new", out / "checkpoint.pt")
    (out / "losses.json").write_text(json.dumps(state[3]) + "\n")


def sample(model: Transformer, tokenizer: BPE, start: str = "Return the ") -> str:
    """Return a text that the model continues, always with the same random numbers."""
    model.eval()
    device = model.embedding.tokens.device
    ids = torch.tensor(tokenizer.encode(start), device=device)
    generator = torch.Generator(device).manual_seed(0)
    tokens = min(60, model.config.context - len(ids))
    new = generate(model, ids, tokens, sampler=Sampler(0.8), generator=generator)
    return start + tokenizer.decode(new.tolist()).replace(END, "\n")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    train(parser.parse_args().out, Recipe())


if __name__ == "__main__":
    main()
