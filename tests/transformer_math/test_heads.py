"""Scores of heads whose pattern is known."""

import numpy as np
import pytest
import torch

from transformer_math.attention import induction_score, offset_score


def shifted(n, offset):
    """A head that looks ``offset`` places back wherever it can, and else nowhere."""
    return np.eye(n, k=-offset)


def test_perfect_heads_score_one_and_others_nothing(array):
    weights = array(np.stack([shifted(12, 0), shifted(12, 1), shifted(12, 4)]))
    assert np.asarray(offset_score(weights)) == pytest.approx([0, 1, 0])
    assert np.asarray(offset_score(weights, 0)) == pytest.approx([1, 0, 0])
    # A text of period 5: what followed the last occurrence stands 4 places back.
    assert np.asarray(induction_score(weights, 5)) == pytest.approx([0, 0, 1])


def test_uniform_causal_head():
    weights = torch.tril(torch.ones(8, 8)) / torch.arange(1, 9)[:, None]
    expected = sum(1 / (i + 1) for i in range(1, 8)) / 7
    assert float(offset_score(weights)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: offset_score(np.ones((3, 4))), "(3, 4); allowed: (..., n, n)"),
        (lambda: offset_score(np.ones(3)), "weights has shape (3,)"),
        (lambda: offset_score(np.ones((3, 3)), 3), "offset is 3; allowed: 0 to 2"),
        (lambda: offset_score(np.ones((3, 3)), -1), "offset is -1"),
        (lambda: offset_score(np.ones((3, 3), dtype=int)), "weights has dtype int64"),
        (lambda: induction_score(np.ones((4, 3)), 2), "(4, 3); allowed: (..., n, n)"),
        (lambda: induction_score(np.ones((4, 4)), 1), "period is 1"),
        (lambda: induction_score(np.ones((4, 4)), 4), "period is 4; allowed: 2 to 3"),
    ],
)
def test_errors(call, words, unchecked):
    with pytest.raises(ValueError) as caught:
        call()
    assert words in str(caught.value)
