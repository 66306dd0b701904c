"""Uptraining: the shipped losses are those that the package computes, and a run can be repeated."""

import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
import torch

from transformer_math.data import corpus
from transformer_math.models.files import digest
from transformer_math.models.small_gpt import small_gpt
from transformer_math.models.small_gpt.data import stream
from transformer_math.models.small_gpt.model import HERE as SMALL_GPT
from transformer_math.models.small_gpt.train import validate
from transformer_math.models.uptraining import Recipe, experiment, uptrain, uptraining
from transformer_math.models.uptraining.results import HERE, load
from transformer_math.transformer import Transformer, TransformerConfig, with_fewer_kv_heads


@pytest.fixture(scope="module")
def shipped():
    return uptraining()


@pytest.fixture(scope="module")
def test_text():
    return stream(small_gpt().tokenizer, "test")


def test_it_is_about_the_shipped_model(shipped):
    assert shipped.manifest["small_gpt"] == digest((SMALL_GPT / "weights.safetensors").read_bytes())
    assert shipped.manifest["data"] == corpus.manifest()
    assert sum(path.stat().st_size for path in HERE.glob("*.json")) <= 60_000


def test_every_side_has_five_seeds_and_a_rate_between_worse_ones(shipped):
    assert shipped.sides == experiment.SIDES
    for side in shipped.sides:
        best = experiment.GRID.index(shipped.rate(*side))
        assert {experiment.GRID[best - 1], experiment.GRID[best + 1]} < set(shipped.tried(*side))
        assert shipped.losses(*side).shape == (experiment.SEEDS, len(shipped.looks()))
    for side, seeds in experiment.LONG.items():
        assert set(shipped.tried(*side, "five times")) == set(seeds)
        shape = seeds[shipped.rate(*side, "five times")], len(shipped.looks("five times"))
        assert shipped.losses(*side, "five times").shape == shape
    assert experiment.missing(shipped.runs) == []
    recipes = {"short": experiment.SHORT, "five times": experiment.FIVE_TIMES}
    assert shipped.manifest["recipes"] == json.loads(
        json.dumps({name: asdict(recipe) for name, recipe in recipes.items()})
    )


@pytest.mark.parametrize("side", [(2, "mean"), (1, "first"), (1, "random")])
def test_losses_before_are_what_the_package_computes(shipped, test_text, side):
    for seed in (0,) if side[1] != "random" else (0, 3):
        model = with_fewer_kv_heads(small_gpt().model, *side, seed=seed)
        found = validate(model, test_text, experiment.SHORT.windows)
        assert shipped.losses(*side)[seed, 0] == pytest.approx(found, abs=1e-3)


def test_before_learning_only_random_heads_depend_on_the_seed(shipped):
    for side in shipped.sides:
        before = shipped.losses(*side)[:, 0]
        assert (np.ptp(before) > 0) == (side[1] == "random")


def tiny():
    torch.manual_seed(0)
    config = TransformerConfig(
        vocabulary=2048, width=8, heads=2, layers=1, hidden=8, context=16, positions="rotary"
    )
    return Transformer(config)


def test_a_run_can_be_repeated(test_text):
    recipe = Recipe(steps=6, looks=(0, 2, 6), batch=2, windows=4)
    ids = test_text[:400].remainder(7)
    runs = [uptrain(tiny(), ids, ids, 1e-2, seed, recipe) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]
    assert len(runs[0]) == 3 and runs[0][0] == runs[2][0]
    assert runs[0][2] < runs[0][1] < runs[0][0]


def test_a_killed_experiment_goes_on(tmp_path, monkeypatch):
    done = []

    def pretend(run, texts):
        if len(done) == 12:
            raise KeyboardInterrupt
        done.append(run)
        loss = abs(np.log(run.rate / 3e-4))  # all are best at 3e-4
        return asdict(run) | {"test": [4.0, 3.0, loss], "validation": loss}

    monkeypatch.setattr(experiment.Run, "__call__", pretend)
    monkeypatch.setattr(experiment, "stream", lambda tokenizer, split: None)
    with pytest.raises(KeyboardInterrupt):
        experiment.run(tmp_path)
    done.append(None)  # the one that was killed
    results = experiment.run(tmp_path)
    sides = len(experiment.SIDES)
    long = sum(sum(seeds.values()) for seeds in experiment.LONG.values())
    # Three rates suffice for none: the best is the highest of the control's, else the lowest.
    assert len(results) == len(done) - 1 == (4 + experiment.SEEDS - 1) * sides + long
    assert len(set(done)) == len(done)
    assert {r.rate for r in done[4 * sides + 1 : -long]} == {3e-4}
    experiment.ship(results, tmp_path)
    assert load(tmp_path).losses(1, "mean").shape == (experiment.SEEDS, 3)
    assert experiment.missing(results) == []


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda u: u.losses(3), r"\(3, 'mean'\); allowed: \(4, 'mean'\)"),
        (lambda u: u.losses(1, "median"), "median"),
        (lambda u: u.losses(2, "random", "five times"), "was not run; allowed: 'short'"),
        (lambda u: u.looks("long"), "recipe is 'long'; allowed: 'short', 'five times'"),
        (lambda u: uptrain(tiny(), None, None, 0.0), "rate is 0.0"),
        (lambda u: uptrain(tiny(), None, None, 1.0, -1), "seed is -1"),
    ],
)
def test_errors(shipped, call, words, unchecked):
    with pytest.raises(ValueError, match=words):
        call(shipped)


def test_changed_files_are_refused(tmp_path):
    for path in HERE.glob("*.json"):
        shutil.copy(path, tmp_path)
    content = (tmp_path / "runs.json").read_text()
    (tmp_path / "runs.json").write_text(content.replace("3.1", "2.1", 1))
    with pytest.raises(ValueError, match="runs.json is not the file of the manifest"):
        load(tmp_path)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(ValueError, match="there is no .*manifest.json"):
        load(tmp_path)
