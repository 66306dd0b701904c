"""Exercises of lesson 4.2, scaled dot-product attention."""

from courseware.exercises.registry import answer, exercise

answer(
    "4.2.1",
    80,
    label="Variance",
    hints={
        64: "That is the variance when both means are 0. Here E[qqᵀ] is I + μμᵀ.",
        96: "The mean enters squared: ‖μ‖² is 64 times one quarter.",
        16: "That is ‖μ‖²; add what the covariance contributes.",
        1.25: "That is the variance of one product; the score adds 64 of them.",
    },
)


def scale_inputs(rng):
    for rule in ("root", "linear", "none"):
        for heads in 2 ** rng.integers(0, 5, size=3):
            yield int(heads * rng.integers(1, 129)), int(heads), rule
    yield 512, 8, "root"
    yield 10, 3, "root"
    yield 512, 8, "cube"


@exercise("4.2.2", inputs=scale_inputs)
def score_scale(d_model, heads, rule):
    """The factor on QKᵀ: 1/√d_h, 1/d_h or 1, where d_h = d_model / heads."""
    if d_model % heads:
        raise ValueError(f"heads={heads} must divide d_model={d_model}")
    width = d_model // heads
    factors = {"root": width**-0.5, "linear": 1 / width, "none": 1.0}
    if rule not in factors:
        raise ValueError(f"rule={rule!r} is not one of {sorted(factors)}")
    return factors[rule]


def token_inputs(rng):
    for width in (1, 4, 16, 64):
        yield rng.normal(size=width), rng.normal(size=width), int(rng.integers(1, 65))
    x = rng.normal(size=32)
    yield x, x, 8


@exercise("4.2.3", inputs=token_inputs)
def variance_over_weights(x, y, d_h):
    """Var(xW_Q · yW_K) over independent weights N(0, 1/d): d_h ‖x‖² ‖y‖² / d²."""
    return d_h * (x @ x) * (y @ y) / len(x) ** 2
