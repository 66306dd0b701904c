"""The training script: killed and taken up again, or shared, it ends with the same weights."""

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from transformer_math.models.small_gpt import train as training
from transformer_math.models.small_gpt.data import batch
from transformer_math.tokenizers import BPE
from transformer_math.transformer import TransformerConfig

TINY = TransformerConfig(
    vocabulary=training.VOCABULARY,
    width=16,
    heads=2,
    layers=1,
    hidden=32,
    context=32,
    norm="rms",
    activation="swiglu",
    positions="rotary",
    bias=False,
)
RECIPE = training.Recipe(
    cycles=((5, 1e-2), (3, 5e-3)), repeats=((4, 2),), batch=4, warmup=2, every=4
)
SHIPPED = Path(training.__file__).parent / "tokenizer.json"


@pytest.fixture(autouse=True)
def short_text(monkeypatch):
    """A few documents are text enough to see whether two runs agree."""
    tokenizer = BPE.load(SHIPPED)
    ids = torch.tensor(tokenizer.encode("Return the number of items in a container. " * 40))
    monkeypatch.setattr(training, "stream", lambda tokenizer, split: ids)
    monkeypatch.setattr(training, "train_tokenizer", lambda: tokenizer)


def same(a, b):
    return all(torch.equal(x, b[name]) for name, x in a.items())


def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    config = TransformerConfig(**{**asdict(TINY), "rope": TINY.rope, "dropout": 0.2})
    whole = training.train(tmp_path / "whole", RECIPE, config).state_dict()
    write = training._write

    def die(out, model, state):
        write(out, model, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_write", die)
    with pytest.raises(KeyboardInterrupt):
        training.train(tmp_path / "killed", RECIPE, config)
    monkeypatch.setattr(training, "_write", write)
    torch.manual_seed(99)  # whatever happened to the random numbers meanwhile
    again = training.train(tmp_path / "killed", RECIPE, config).state_dict()
    assert same(whole, again)
    losses = [(tmp_path / run / "losses.json").read_text() for run in ("whole", "killed")]
    assert losses[0] == losses[1]


def test_it_learns(tmp_path):
    training.train(tmp_path, RECIPE, TINY)
    log = torch.load(tmp_path / "checkpoint.pt", weights_only=True)[3]
    assert log["train"][-1] < log["train"][0] - 0.5
    assert [step for step, _ in log["validation"]] == [4, 8]


def test_another_recipe_does_not_go_on(tmp_path):
    training.train(tmp_path, RECIPE, TINY)
    with pytest.raises(ValueError, match="another recipe"):
        training.train(tmp_path, training.Recipe(cycles=((9, 1e-2),)), TINY)


def test_windows_depend_on_the_step_alone():
    ids = torch.arange(1000)
    x, y = batch(ids, 3, 10, seed=0, step=5)
    assert torch.equal(x + 1, y) and x.shape == (3, 10)
    assert torch.equal(batch(ids, 3, 10, seed=0, step=5)[0], x)
    assert not torch.equal(batch(ids, 3, 10, seed=0, step=6)[0], x)
    assert not torch.equal(batch(ids, 3, 10, seed=1, step=5)[0], x)


def test_repeated_windows_repeat():
    x, y = batch(torch.arange(1000), 3, 64, seed=0, step=5, repeats=2)
    for window, repeats in zip(x, (True, True, False), strict=True):
        period = int((window == window[0]).nonzero()[-1]) if repeats else 0
        assert (len(window.unique()) < 64) == repeats
        if repeats:
            first = int((window[1:] == window[0]).nonzero()[0]) + 1
            assert 16 <= first <= 32 and torch.equal(window[first:], window[:-first]) and period
    assert torch.equal(x[:, 1:], y[:, :-1])


def test_windows_too_short_to_repeat():
    with pytest.raises(ValueError, match="context is 31; allowed: at least 32"):
        batch(torch.arange(1000), 3, 31, seed=0, step=5, repeats=1)


def test_a_recipe_tells_rate_and_repeats_of_every_step():
    recipe = training.Recipe(cycles=((10, 1.0), (5, 0.5)), repeats=((3, 2), (12, 4)), warmup=2)
    rates = [recipe.rate(step) for step in range(15)]
    assert recipe.steps == 15
    assert rates[0] == 0.5 and rates[1] == 1.0 and rates[9] == pytest.approx(0.1)
    assert rates[10] == 0.25 and rates[11] == 0.5 and rates[14] == pytest.approx(0.05)
    assert [recipe.windows_repeated(s) for s in (0, 2, 3, 11, 12, 14)] == [0, 0, 2, 2, 4, 4]
    with pytest.raises(ValueError, match="beyond the last"):
        recipe.rate(15)


SHARED = """
import os, sys, torch
torch.set_num_threads(1)
sys.path.insert(0, {tests!r})
import test_small_gpt_training as t
tokenizer = t.BPE.load(t.SHIPPED)
ids = torch.tensor(tokenizer.encode("Return the number of items in a container. " * 40))
t.training.stream = lambda tokenizer, split: ids
t.training.train_tokenizer = lambda: tokenizer
t.training.train(t.Path({out!r}), t.RECIPE, t.TINY)
"""


def test_two_processes_learn_what_one_learns(tmp_path):
    alone = training.train(tmp_path / "one", RECIPE, TINY).state_dict()
    script = tmp_path / "shared.py"
    tests = str(Path(__file__).parent)
    script.write_text(SHARED.format(tests=tests, out=str(tmp_path / "two")))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*command, "--nproc-per-node", "2", str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    shared = torch.load(tmp_path / "two" / "checkpoint.pt", weights_only=True)[0]
    for name, tensor in alone.items():
        torch.testing.assert_close(shared[name], tensor, rtol=1e-4, atol=1e-5)


def test_a_batch_that_cannot_be_shared(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setattr(training.dist, "init_process_group", lambda backend: None)
    with pytest.raises(ValueError, match="batch is 4; allowed: a multiple of 3"):
        training.train(tmp_path, RECIPE, TINY)
