"""n-gram models against counting by hand, and as probabilities."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_math.models import NGram

sequences = st.lists(st.integers(0, 4), min_size=4, max_size=60).map(np.array)


def by_hand(train, history, symbol, order, vocabulary):
    """The definition, one symbol at a time, with dictionaries."""
    p = 1 / vocabulary
    for length in range(order):
        if length > len(history):
            break
        h = tuple(history[len(history) - length :])
        followers = Counter(
            train[i + length]
            for i in range(len(train) - length)
            if tuple(train[i : i + length]) == h
        )
        if followers:
            p = (followers[symbol] + len(followers) * p) / (followers.total() + len(followers))
    return p


@given(sequences, sequences, st.integers(1, 4))
def test_equals_the_definition(train, ids, order):
    found = NGram(train, order, 5).probabilities(ids)
    train, ids = train.tolist(), ids.tolist()
    expected = [by_hand(train, ids[:i], symbol, order, 5) for i, symbol in enumerate(ids)]
    assert found == pytest.approx(expected, abs=1e-12)


@given(sequences, sequences, st.integers(1, 4))
def test_next_is_a_distribution_and_agrees(train, ids, order):
    model = NGram(train, order, 5)
    p = model.next(ids[:-1])
    assert p.sum() == pytest.approx(1)
    assert p.min() > 0
    assert p[ids[-1]] == pytest.approx(model.probabilities(ids)[-1])


def test_empty_history_gives_the_unigrams():
    model = NGram(np.array([0, 0, 1]), 2, 3)
    # Witten-Bell: (2 + 2/3) / 5, (1 + 2/3) / 5, (0 + 2/3) / 5
    assert model.next(np.array([], dtype=int)) == pytest.approx([8 / 15, 5 / 15, 2 / 15])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: NGram(np.array([0, 1]), 0, 2), "order is 0"),
        (lambda: NGram(np.array([0, 1]), 1, 0), "vocabulary is 0"),
        (lambda: NGram(np.array([0, 1]), 3, 2), "ids are 2 symbols; allowed: at least the order"),
        (lambda: NGram(np.array([0, 7]), 1, 5), "ids go from 0 to 7; allowed: from 0 to 4"),
        (lambda: NGram(np.array([-1, 1]), 1, 5), "ids go from -1 to 1"),
        (lambda: NGram(np.array([0.5, 1]), 1, 5), "ids have dtype float64"),
        (lambda: NGram(np.array([[0, 1]]), 1, 5), "shape (1, 2)"),
        (lambda: NGram(np.arange(9), 8, 1000), "order is 8 for 1000 symbols; allowed: at most 6"),
        (lambda: NGram(np.array([0, 1]), 1, 2).probabilities(np.array([2])), "ids go from 2 to 2"),
        (lambda: NGram(np.array([0, 1]), 1, 2).next(np.array([9])), "ids go from 9 to 9"),
    ],
)
def test_errors(call, words, unchecked):
    with pytest.raises(ValueError) as caught:
        call()
    assert words in str(caught.value)
