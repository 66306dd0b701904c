"""Masks, entry by entry against their definitions."""

import numpy as np
import pytest
import torch

from transformer_math.attention import (
    attention,
    causal_mask,
    padding_mask,
    prefix_mask,
    window_mask,
)


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (4, 4), (2, 5), (1, 7), (5, 2)])
def test_every_entry(queries, keys):
    causal = causal_mask(queries, keys)
    for i in range(queries):
        position = i + keys - queries
        for j in range(keys):
            assert causal[i, j] == (j <= position)
            for window in (1, 2, 9):
                allowed = position - window < j <= position
                assert window_mask(queries, window, keys)[i, j] == allowed
            for prefix in range(keys + 1):
                allowed = j < prefix or j <= position
                assert prefix_mask(queries, prefix, keys)[i, j] == allowed


def test_last_query_sees_last_key_and_the_offset_is_that_of_a_cache():
    full = causal_mask(6)
    for new in range(1, 7):
        assert (causal_mask(new, 6) == full[-new:]).all()
        assert (window_mask(new, 3, 6) == window_mask(6, 3)[-new:]).all()
        assert causal_mask(new, 6)[-1].all()


def test_bounds_of_the_parameters():
    assert (prefix_mask(4, 0) == causal_mask(4)).all()
    assert prefix_mask(4, 4).all()
    assert (window_mask(4, 4) == causal_mask(4)).all()
    assert (window_mask(4, 1) == np.eye(4, dtype=bool)).all()


def test_padding():
    mask = padding_mask([3, 0, 4], 4)
    assert mask.shape == (3, 1, 1, 4)
    expected = [[True, True, True, False], [False] * 4, [True] * 4]
    assert mask[:, 0, 0].tolist() == expected
    assert padding_mask(torch.tensor([3, 0, 4]), 4)[:, 0, 0].tolist() == expected
    assert padding_mask(np.array([3, 0, 4]), 4, like=torch.zeros(1)).dtype == torch.bool


def test_masks_combine_and_broadcast(draw):
    mask = causal_mask(4) & padding_mask([2, 4], 4)
    assert mask.shape == (2, 1, 4, 4)
    assert mask[0, 0].tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, False, False],
        [True, True, False, False],
    ]
    x = draw(2, 3, 4, 5).numpy()
    _, weights = attention(x, x, x, mask)
    assert ((weights > 0) == np.broadcast_to(mask, weights.shape)).all()
    either = window_mask(4, 2) | padding_mask([1], 4)
    assert either[0, 0, 3].tolist() == [True, False, True, True]


def test_library_and_device_follow_like():
    like = torch.zeros(1, device="meta")
    for mask in (
        causal_mask(3, like=like),
        window_mask(3, 2, like=like),
        prefix_mask(3, 1, like=like),
    ):
        assert (mask.device.type, mask.dtype) == ("meta", torch.bool)
    for mask in (causal_mask(3), window_mask(3, 2), prefix_mask(3, 1), padding_mask([1], 3)):
        assert isinstance(mask, np.ndarray)
        assert mask.dtype == bool
