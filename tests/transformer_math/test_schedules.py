"""Schedules against torch.optim.lr_scheduler and transformers, step by step."""

import math
import warnings
from inspect import signature

import numpy as np
import pytest
import torch
import transformers.optimization as hf
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from transformer_math.learning import (
    constant_schedule,
    cosine_schedule,
    exponential_schedule,
    inverse_sqrt_schedule,
    linear_schedule,
    noam_rate,
    one_cycle_schedule,
    step_schedule,
    warmup_stable_decay_schedule,
)

STEPS = 40


def rates(make, steps=STEPS):
    """Learning rates of a scheduler at steps 0, 1, …, with the base rate 1."""
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The epoch parameter")  # torch, of its own SequentialLR
        scheduler = make(optimiser)
        found = []
        for _ in range(steps + 1):
            found.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            if len(found) <= steps:
                scheduler.step()
    return found


def ours(schedule, steps=STEPS, **options):
    return [schedule(step, **options) for step in range(steps + 1)]


CASES = {
    "constant": (ours(constant_schedule), hf.get_constant_schedule),
    "constant with warm-up": (
        ours(constant_schedule, warmup=7),
        lambda o: hf.get_constant_schedule_with_warmup(o, 7),
    ),
    "linear": (
        ours(linear_schedule, total=30),
        lambda o: lr_scheduler.LinearLR(o, 1.0, 1e-300, total_iters=30),
    ),
    "linear with floor": (
        ours(linear_schedule, total=30, floor=0.2),
        lambda o: lr_scheduler.LinearLR(o, 1.0, 0.2, total_iters=30),
    ),
    "linear with warm-up": (
        ours(linear_schedule, total=30, warmup=5),
        lambda o: hf.get_linear_schedule_with_warmup(o, 5, 30),
    ),
    "linear with warm-up and floor": (
        ours(linear_schedule, total=STEPS, warmup=5, floor=0.1),
        lambda o: hf.get_polynomial_decay_schedule_with_warmup(o, 5, STEPS, lr_end=0.1),
    ),
    "cosine": (
        ours(cosine_schedule, total=STEPS),
        lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS),
    ),
    "cosine with floor": (
        ours(cosine_schedule, total=STEPS, floor=0.1),
        lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.1),
    ),
    "cosine with warm-up": (
        ours(cosine_schedule, total=STEPS, warmup=6),
        lambda o: hf.get_cosine_schedule_with_warmup(o, 6, STEPS),
    ),
    "cosine with warm-up and floor": (
        ours(cosine_schedule, total=STEPS, warmup=6, floor=0.1),
        lambda o: hf.get_cosine_with_min_lr_schedule_with_warmup(o, 6, STEPS, min_lr_rate=0.1),
    ),
    "inverse square root": (
        ours(inverse_sqrt_schedule, warmup=9),
        lambda o: hf.get_inverse_sqrt_schedule(o, 9),
    ),
    "step": (
        ours(step_schedule, every=7),
        lambda o: lr_scheduler.StepLR(o, 7),
    ),
    "step by half": (
        ours(step_schedule, every=1, factor=0.5),
        lambda o: lr_scheduler.StepLR(o, 1, 0.5),
    ),
    "exponential": (
        ours(exponential_schedule, factor=0.9),
        lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    ),
    "one cycle": (
        ours(one_cycle_schedule, STEPS - 1, total=STEPS),
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, STEPS, cycle_momentum=False),
    ),
    "one cycle elsewhere": (
        ours(one_cycle_schedule, STEPS - 1, total=STEPS, rise=0.55, start=0.1, end=0.01),
        lambda o: lr_scheduler.OneCycleLR(
            o, 1.0, STEPS, pct_start=0.55, div_factor=10, final_div_factor=10, cycle_momentum=False
        ),
    ),
    **{
        f"warm-up, stable, decay {shape}": (
            ours(warmup_stable_decay_schedule, warmup=5, stable=15, decay=12, shape=shape),
            lambda o, shape=shape: hf.get_wsd_schedule(
                o, 5, 12, num_stable_steps=15, decay_type=shape
            ),
        )
        for shape in ("linear", "cosine", "1-sqrt")
    },
    **{
        f"stable, decay {shape} to a floor": (
            ours(
                warmup_stable_decay_schedule, warmup=0, stable=9, decay=12, floor=0.3, shape=shape
            ),
            lambda o, shape=shape: hf.get_wsd_schedule(
                o, 0, 12, num_stable_steps=9, decay_type=shape, min_lr_ratio=0.3
            ),
        )
        for shape in ("linear", "cosine", "1-sqrt")
    },
}


@pytest.mark.parametrize("name", CASES)
def test_equals_reference(name):
    values, make = CASES[name]
    assert values == pytest.approx(rates(make, len(values) - 1), abs=1e-12)


def test_as_the_function_of_lambda_lr():
    schedule = lambda step: cosine_schedule(step, total=STEPS, warmup=4, floor=0.1)  # noqa: E731
    assert rates(lambda o: lr_scheduler.LambdaLR(o, schedule)) == ours(schedule)


def test_noam_is_the_formula_and_the_factor_times_its_peak():
    """The base model: width 512, warm-up 4000, so a peak of about 7e-4."""
    assert noam_rate(4000, 512) == pytest.approx(512**-0.5 * 4000**-0.5)
    assert noam_rate(4000, 512) == pytest.approx(6.988e-4, rel=1e-4)
    assert noam_rate(1, 512) == pytest.approx(512**-0.5 * 4000**-1.5)
    for step in (1, 7, 30, 31, 1000):
        factor = inverse_sqrt_schedule(step, warmup=30)
        assert noam_rate(step, 64, warmup=30) == pytest.approx(factor / math.sqrt(64 * 30))


def test_after_the_end_the_floor_holds():
    """Where torch's cosine rises again."""
    assert cosine_schedule(15, total=10) == 0
    assert rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 10), 15)[15] > 0.4
    assert linear_schedule(99, total=10, warmup=2, floor=0.1) == pytest.approx(0.1)
    assert warmup_stable_decay_schedule(99, 1, 2, 3, floor=0.5) == pytest.approx(0.5)
    assert one_cycle_schedule(99, 10, end=0.25) == pytest.approx(0.25)


wholes, shares = st.integers(0, 50), st.floats(0, 1)


@given(wholes, st.integers(1, 50), shares, st.sampled_from([linear_schedule, cosine_schedule]))
def test_up_to_one_then_down_to_the_floor(warmup, decay, floor, schedule):
    total = warmup + decay
    factors = ours(schedule, total + 5, total=total, warmup=warmup, floor=floor)
    assert factors[: warmup + 1] == pytest.approx(np.linspace(0 if warmup else 1, 1, warmup + 1))
    assert (np.diff(factors[warmup:]) <= 1e-15).all()
    assert factors[total:] == pytest.approx([floor] * 6)
    assert all(0 <= factor <= 1 for factor in factors)


@given(wholes, wholes, st.integers(1, 50), st.sampled_from(["linear", "cosine", "1-sqrt"]))
def test_the_plateau_is_one(warmup, stable, decay, shape):
    factors = ours(
        warmup_stable_decay_schedule,
        warmup + stable + decay,
        warmup=warmup,
        stable=stable,
        decay=decay,
        shape=shape,
    )
    assert factors[warmup : warmup + stable + 1] == [1] * (stable + 1)
    assert all(factor < 1 for factor in factors[warmup + stable + 1 :]) and factors[-1] == 0
    cosine = ours(cosine_schedule, warmup + decay, total=warmup + decay, warmup=warmup)
    if shape == "cosine":  # take the plateau out
        assert factors[: warmup + 1] + factors[warmup + stable + 1 :] == cosine


NOT_A_STEP = [-1, 1.5, "2", None, True, math.nan]
NOT_A_COUNT = [0, *NOT_A_STEP]
NOT_A_FLOOR = [-0.1, 1.1, math.nan, math.inf, "0", None, True]
NOT_A_FACTOR = [0, *NOT_A_FLOOR]
SCHEDULES = {
    constant_schedule: {},
    linear_schedule: {"total": 9},
    cosine_schedule: {"total": 9},
    warmup_stable_decay_schedule: {"warmup": 1, "stable": 1, "decay": 1},
    inverse_sqrt_schedule: {"warmup": 3},
    noam_rate: {"width": 8},
    step_schedule: {"every": 2},
    exponential_schedule: {"factor": 0.5},
    one_cycle_schedule: {"total": 9},
}
BAD = [
    *((schedule, "step", NOT_A_STEP) for schedule in SCHEDULES),
    (noam_rate, "step", [0]),
    *(
        (schedule, "warmup", NOT_A_STEP)
        for schedule in (
            constant_schedule,
            linear_schedule,
            cosine_schedule,
            warmup_stable_decay_schedule,
        )
    ),
    *((schedule, "warmup", NOT_A_COUNT) for schedule in (inverse_sqrt_schedule, noam_rate)),
    *((schedule, "total", [*NOT_A_COUNT, 4]) for schedule in (linear_schedule, cosine_schedule)),
    *(
        (schedule, "floor", NOT_A_FLOOR)
        for schedule in (linear_schedule, cosine_schedule, warmup_stable_decay_schedule)
    ),
    (warmup_stable_decay_schedule, "stable", NOT_A_STEP),
    (warmup_stable_decay_schedule, "decay", NOT_A_COUNT),
    (warmup_stable_decay_schedule, "shape", ["sqrt", "", None, 1]),
    (noam_rate, "width", NOT_A_COUNT),
    (step_schedule, "every", NOT_A_COUNT),
    (step_schedule, "factor", NOT_A_FACTOR),
    (exponential_schedule, "factor", NOT_A_FACTOR),
    (one_cycle_schedule, "total", NOT_A_COUNT),
    (one_cycle_schedule, "rise", [*NOT_A_FACTOR, 1, 1 / 9]),
    (one_cycle_schedule, "start", NOT_A_FACTOR),
    (one_cycle_schedule, "end", NOT_A_FACTOR),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "schedule, option, value",
    [
        pytest.param(schedule, option, value, id=f"{schedule.__name__} {option} {value!r}")
        for schedule, option, values in BAD
        for value in values
    ],
)
def test_errors(schedule, option, value):
    arguments = {"step": 3, **SCHEDULES[schedule]}
    if option == "total" and value == 4:
        arguments["warmup"] = 4
    with pytest.raises(ValueError) as error:
        schedule(**{**arguments, option: value})
    assert f"{option} is {value!r}; allowed: " in str(error.value)


def test_every_argument_of_every_schedule_is_tried():
    tried = {(schedule, option) for schedule, option, _ in BAD}
    assert tried == {(s, option) for s in SCHEDULES for option in signature(s).parameters}


@pytest.mark.usefixtures("unchecked")
def test_whole_numbers_of_other_libraries_are_steps():
    assert cosine_schedule(np.int64(5), total=10) == cosine_schedule(torch.tensor(5), total=10)
