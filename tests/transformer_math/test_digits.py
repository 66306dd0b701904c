"""The shipped digits are scikit-learn's, and are split without overlap."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from transformer_math.data.digits import digits, split_digits


def test_equal_scikit_learns():
    images, labels = digits()
    reference = load_digits()
    assert np.array_equal(images * 16, reference.images)
    assert np.array_equal(labels, reference.target)


def test_a_reader_may_write_into_them():
    digits().images[:] = 0
    assert digits().images.max() == 1


def test_parts_are_disjoint_and_whole():
    parts = split_digits(1000, 300, seed=3)
    assert [len(part.labels) for part in parts] == [1000, 300, 497]
    together = np.concatenate([part.images.reshape(len(part.images), -1) for part in parts])
    everything = digits().images.reshape(1797, -1)
    assert np.array_equal(np.sort(together, axis=0), np.sort(everything, axis=0))
    assert not np.array_equal(split_digits(seed=0)[0].labels, split_digits(seed=1)[0].labels)


@pytest.mark.parametrize(
    "sizes, words",
    [
        ((0, 10), "train is 0"),
        ((10, 2.5), "validation is 2.5"),
        ((1500, 297), "1797 images; allowed: below 1797"),
    ],
)
def test_errors(sizes, words, unchecked):
    with pytest.raises(ValueError) as caught:
        split_digits(*sizes)
    assert words in str(caught.value)
