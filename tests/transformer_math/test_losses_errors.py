"""Losses and divergences: every documented error."""

import math

import numpy as np
import pytest
import torch

from transformer_math.learning import (
    binary_cross_entropy,
    binary_cross_entropy_gradient,
    categorical_focal_loss,
    cross_entropy,
    cross_entropy_gradient,
    dice_loss,
    focal_loss,
    mean_squared_error,
    mean_squared_error_gradient,
)
from transformer_math.probability import distribution_cross_entropy, kl_divergence

Z, Y = np.zeros((2, 3)), np.array([0, 2])
ONES = np.ones((2, 3))
P = np.full((2, 3), 1 / 3)
NOT_A_SHARE = [-0.1, 1.5, math.nan, "1", True]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, values, call, *words):
    return [case(f"{name} {v!r}", lambda v=v: call(v), *words) for v in values]


def shared(loss, right, **options):
    """Errors that all losses of logits have in common."""
    name = loss.__name__
    reductions = () if "gradient" in name else (None, "sum", 1)
    return [
        case(f"{name} list", lambda: loss([0.0], right), "is a list; allowed: a NumPy"),
        case(f"{name} integers", lambda: loss(ONES.astype(int), right), "has dtype int64"),
        case(f"{name} target list", lambda: loss(Z, [0]), "targets is a list"),
        case(f"{name} library", lambda: loss(Z, torch.as_tensor(right)), "libraries"),
        case(f"{name} shape", lambda: loss(Z, right[:1]), "targets ha", "(1,"),
        case(f"{name} nothing", lambda: loss(Z[:0], right[:0], **options), "average")
        if name != "dice_loss"
        else case(f"{name} nothing", lambda: loss(Z[:0], right[:0], axis=1), "average"),
        *each(f"{name} reduction", reductions, lambda r: loss(Z, right, reduction=r), "reduction"),
    ]


ERRORS = [
    *shared(mean_squared_error, ONES),
    *shared(mean_squared_error_gradient, ONES),
    *shared(cross_entropy, Y),
    *shared(cross_entropy_gradient, Y),
    *shared(binary_cross_entropy, ONES),
    *shared(binary_cross_entropy_gradient, ONES),
    *shared(focal_loss, ONES),
    *shared(categorical_focal_loss, Y),
    *shared(dice_loss, ONES),
    case("mse dtype", lambda: mean_squared_error(Z, Z.astype("f")), "targets has dtype float32"),
    *[
        each_case
        for loss in (cross_entropy, cross_entropy_gradient)
        for each_case in (
            case(f"{loss.__name__} scalar", lambda f=loss: f(np.float64(1), Y), "logits has shape"),
            case(f"{loss.__name__} empty", lambda f=loss: f(Z[:, :0], Y), "logits", "(2, 0)"),
            case(f"{loss.__name__} Boolean", lambda f=loss: f(Z, Y > 0), "targets have dtype bool"),
            case(f"{loss.__name__} high", lambda f=loss: f(Z, Y + 1), "from 1 to 3", "0 to 2"),
            case(f"{loss.__name__} low", lambda f=loss: f(Z, Y - 1), "from -1 to 1"),
            case(
                f"{loss.__name__} not ignored",
                lambda f=loss: f(Z, Y - 1, ignore=-7),
                "from -1 to 1",
                "-7 to be ignored",
            ),
            case(f"{loss.__name__} all ignored", lambda f=loss: f(Z, Y * 0, ignore=0), "average"),
            case(f"{loss.__name__} ignore", lambda f=loss: f(Z, P, ignore=1), "ignore is 1"),
            *each(
                f"{loss.__name__} ignore",
                [1.0, "1", True],
                lambda i, f=loss: f(Z, Y, ignore=i),
                "ignore is",
            ),
            *each(
                f"{loss.__name__} smoothing",
                [*NOT_A_SHARE, None],
                lambda s, f=loss: f(Z, Y, s),
                "label_smoothing is",
                "from 0 to 1",
            ),
            case(f"{loss.__name__} sum", lambda f=loss: f(Z, ONES), "does not sum to one"),
            case(f"{loss.__name__} negative", lambda f=loss: f(Z, P * [2, 2, -1]), "negative"),
            case(f"{loss.__name__} NaN", lambda f=loss: f(Z, P * math.nan), "NaN"),
            case(f"{loss.__name__} dtype", lambda f=loss: f(Z, P.astype("f")), "targets has dtype"),
            case(f"{loss.__name__} rows", lambda f=loss: f(Z, P[:1]), "targets has shape (1, 3)"),
        )
    ],
    *[
        each_case
        for loss in (binary_cross_entropy, binary_cross_entropy_gradient, dice_loss, focal_loss)
        for each_case in (
            case(f"{loss.__name__} above", lambda f=loss: f(Z, ONES * 2), "targets", "0 "),
            case(f"{loss.__name__} below", lambda f=loss: f(Z, -ONES), "targets", "1"),
            case(f"{loss.__name__} NaN", lambda f=loss: f(Z, ONES * math.nan), "targets"),
            case(f"{loss.__name__} dtype", lambda f=loss: f(Z, ONES.astype("f")), "float32"),
        )
    ],
    case("focal soft", lambda: focal_loss(Z, ONES / 2), "targets", "0 and 1"),
    *each("alpha", NOT_A_SHARE, lambda a: focal_loss(Z, ONES, alpha=a), "alpha is"),
    *[
        each_case
        for loss, y in ((focal_loss, ONES), (categorical_focal_loss, Y))
        for each_case in each(
            f"{loss.__name__} gamma",
            [-1, math.nan, math.inf, None, "2", True],
            lambda g, f=loss, y=y: f(Z, y, gamma=g),
            "gamma is",
            "at least 0",
        )
    ],
    case("categorical soft", lambda: categorical_focal_loss(Z, P), "targets", "class numbers"),
    case("categorical high", lambda: categorical_focal_loss(Z, Y + 1), "from 1 to 3"),
    *each("dice s", [0, -1, math.nan, None], lambda s: dice_loss(Z, ONES, s), "smoothing is"),
    *each(
        "dice axis",
        [2, -3, (0, 0), (0, -2), 1.0, "0"],
        lambda a: dice_loss(Z, ONES, axis=a),
        "axis",
    ),
    *[
        each_case
        for f in (kl_divergence, distribution_cross_entropy)
        for each_case in (
            case(f"{f.__name__} list", lambda f=f: f([1.0], P), "p is a list"),
            case(f"{f.__name__} integers", lambda f=f: f(P, ONES.astype(int)), "q has dtype int64"),
            case(f"{f.__name__} dtypes", lambda f=f: f(P, P.astype("f")), "q has dtype float32"),
            case(f"{f.__name__} library", lambda f=f: f(P, torch.ones(2, 3)), "libraries"),
            case(f"{f.__name__} shape", lambda f=f: f(P, P[:1]), "q has shape (1, 3)", "(2, 3)"),
            case(f"{f.__name__} axis", lambda f=f: f(P, P, axis=2), "axis is 2"),
            case(f"{f.__name__} empty", lambda f=f: f(P[:, :0], P[:, :0]), "axis is -1"),
            case(f"{f.__name__} p", lambda f=f: f(-P, P), "p has a negative entry"),
            case(f"{f.__name__} q", lambda f=f: f(P, -P), "q has a negative entry"),
            case(f"{f.__name__} NaN", lambda f=f: f(P, P * math.nan), "q has", "NaN"),
            *each(
                f"{f.__name__} base",
                [1, 0, -2, math.nan, math.inf, None, "2"],
                lambda b, f=f: f(P, P, base=b),
                "base is",
            ),
        )
    ],
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("call", "words"), ERRORS)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
