r"""Handwritten digits that every reader has offline: 1797 images of 8 × 8 pixels.

The copy of the test set of "Optical Recognition of Handwritten Digits" that scikit-learn bundles,
in its order, written by 13 people. Alpaydin and Kaynak (1998), UCI Machine Learning Repository,
licence CC BY 4.0, https://doi.org/10.24432/C50P49
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...arrays import Float, Int, whole

FILE = Path(__file__).parent / "digits.npz"


class Digits(NamedTuple):
    """Images with values from 0 (paper) to 1 (ink), and the digit that each shows."""

    images: Float[np.ndarray, "images 8 8"]
    labels: Int[np.ndarray, "images"]


@cache
def _all() -> Digits:
    with np.load(FILE) as data:
        return Digits(data["images"] / 16.0, data["labels"].astype(np.int64))


def digits() -> Digits:
    """Return all 1797 images, ``(1797, 8, 8)`` of float64, and their labels ``(1797,)``.

    The original pixels count ink from 0 to 16; here they are divided by 16.
    """
    return Digits(*(array.copy() for array in _all()))


def split_digits(
    train: int = 1000, validation: int = 300, seed: int = 0
) -> tuple[Digits, Digits, Digits]:
    """Return three disjoint random parts: to train on, to choose by, and the rest to report on.

    Parameters
    ----------
    train, validation : sizes of the first two parts; what is left is the test set.
    seed : of the shuffle.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or nothing is left for the test set.
    """
    images, labels = digits()
    used = whole("train", train) + whole("validation", validation)
    if used >= len(labels):
        raise ValueError(f"train and validation are {used} images; allowed: below {len(labels)}")
    order = np.random.default_rng(seed).permutation(len(labels))
    parts = np.split(order, [train, used])
    return tuple(Digits(images[part], labels[part]) for part in parts)
