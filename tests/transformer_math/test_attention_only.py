"""The small language model, and points under repeated attention."""

import numpy as np
import pytest
import torch

from transformer_math.attention import repeated_attention, residual_to_rank_one
from transformer_math.models import AttentionOnly
from transformer_math.probability import softmax


@pytest.fixture
def model():
    torch.manual_seed(0)
    return AttentionOnly(vocabulary=11, width=8, heads=2, layers=3, context=10).double()


@pytest.fixture
def tokens():
    return torch.randint(11, (4, 10), generator=torch.Generator().manual_seed(0))


def test_shapes_and_weights(model, tokens):
    logits, weights = model(tokens, return_weights=True)
    assert logits.shape == (4, 10, 11)
    assert weights.shape == (4, 3, 2, 10, 10)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 3, 2, 10, dtype=torch.float64))
    assert not weights.triu(1).any()
    torch.testing.assert_close(model(tokens), logits)
    torch.testing.assert_close(model(tokens[0, :6]), logits[0, :6])


def test_logits_ignore_the_future(model, tokens):
    changed = tokens.clone()
    changed[:, 6:] = (changed[:, 6:] + 1) % 11
    assert torch.equal(model(tokens)[:, :6], model(changed)[:, :6])
    assert not torch.allclose(model(tokens)[:, 6:], model(changed)[:, 6:])


def test_starts_near_the_even_guess_and_every_parameter_learns(model, tokens):
    logits = model(tokens[:, :-1])
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    assert 1.5 < loss < 5
    loss.backward()
    assert all(parameter.grad.any() for parameter in model.parameters())


def test_learns_to_repeat_by_an_induction_head(unchecked):
    """Sequences of a random period: the next token is the one after the last occurrence."""
    torch.manual_seed(0)
    vocabulary, n = 16, 24
    model = AttentionOnly(vocabulary, width=48, heads=2, layers=2, context=n)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    position = torch.arange(n)

    def batch(size):
        period = torch.randint(6, 13, (size, 1))
        period_tokens = torch.rand(size, vocabulary).argsort(-1)[:, :12]  # no token twice
        return period_tokens.gather(1, position % period), period

    for _ in range(130):
        tokens, _ = batch(32)
        logits = model(tokens[:, :-1])
        loss = torch.nn.functional.cross_entropy(
            logits[:, 12:].flatten(0, 1), tokens[:, 13:].flatten()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.5  # an even guess costs log 16 = 2.77

    tokens, period = batch(64)
    _, weights = model(tokens, return_weights=True)
    source = (position[12:] - period + 1)[:, None, None, :, None].expand(-1, 2, 2, -1, 1)
    induction = weights[..., 12:, :].gather(-1, source).mean((0, 3, 4))
    assert induction.max() > 0.35  # evenly spread it would be below 0.1


def test_residual_to_rank_one_is_the_best_distance(draw, array):
    x = draw(3, 6, 4) + 1
    r = residual_to_rank_one(array(x))
    centred = x - x.mean(-2, keepdim=True)
    expected = centred.norm(dim=(-2, -1)) / x.norm(dim=(-2, -1))
    assert np.asarray(r) == pytest.approx(expected.numpy(), abs=1e-12)
    ones = torch.ones(6, 1, dtype=torch.float64)
    best = x - ones @ torch.linalg.lstsq(ones.expand(3, 6, 1), x).solution
    assert np.asarray(r) == pytest.approx((best.norm(dim=(1, 2)) / x.norm(dim=(1, 2))).numpy())


def test_residual_to_rank_one_bounds(array):
    assert float(residual_to_rank_one(array(np.ones((5, 3))))) == 0
    assert float(residual_to_rank_one(array(np.zeros((5, 3))))) == 0
    assert float(residual_to_rank_one(array([[1.0, 2.0], [-1.0, -2.0]]))) == pytest.approx(1)
    huge = array([[1e300, 0.0], [0.0, 1e300]])
    assert float(residual_to_rank_one(huge)) == pytest.approx(0.5**0.5)


@pytest.mark.parametrize("residual", [False, True])
def test_repeated_attention_is_the_recursion(draw, array, residual):
    x = draw(2, 5, 3)
    steps = repeated_attention(array(x), 3, temperature=0.5, residual=residual)
    assert steps.shape == (4, 2, 5, 3)
    for step in range(4):
        assert np.asarray(steps[step]) == pytest.approx(x.numpy(), rel=1e-9)
        mixed = torch.softmax(x @ x.mT / (0.5 * 3**0.5), -1) @ x
        x = x + mixed if residual else mixed


def test_points_shrink_to_one_unless_they_keep_themselves(draw):
    x = draw(20, 8).numpy()
    pure, kept = (repeated_attention(x, 12, residual=residual) for residual in (False, True))
    distance = residual_to_rank_one(pure)
    there = int(np.argmax(distance < 1e-12))  # from here on there is nothing but rounding
    assert np.all(np.diff(distance[: there + 1]) < 0) and distance[there:].max() < 1e-12
    assert residual_to_rank_one(kept)[-1] > 0.1
    lowest, highest = pure.min(1), pure.max(1)
    assert np.all(np.diff(lowest, axis=0) >= -1e-12)  # the hull of the points only shrinks
    assert np.all(np.diff(highest, axis=0) <= 1e-12)
    assert np.isfinite(softmax(kept[-1])).all()
