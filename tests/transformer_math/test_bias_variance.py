"""Bias, variance and noise against their closed forms; ridge against scikit-learn and NumPy."""

import numpy as np
import pytest
import torch

from transformer_math.evaluation import bias_variance, powers, ridge

X, AT = np.linspace(-0.95, 0.95, 20), np.linspace(-1, 1, 9)


def wave(x):
    return np.sin(3 * x)


def problem(n=30, d=5, targets=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(n, targets))


def measured(array, places=AT, truth=None, degree=3, sigma=0.3, **options):
    if truth is None:
        truth = torch.sin if torch.is_tensor(array(X)) else np.sin
    return bias_variance(lambda x: truth(3 * x), array(X), array(places), degree, sigma, **options)


def hat(degree, penalty):
    """The matrix that makes predictions at AT of observations at X, from the normal equations."""
    features = np.vander(X, degree + 1, increasing=True)
    inverse = np.linalg.inv(features.T @ features + penalty * np.eye(degree + 1))
    return np.vander(AT, degree + 1, increasing=True) @ inverse @ features.T


def test_powers(array):
    x = array([[0.0, -1.0], [0.5, 2.0]])
    assert np.asarray(powers(x, 3)) == pytest.approx(np.asarray(x)[..., None] ** np.arange(4))
    assert powers(x, 0).shape == (2, 2, 1)
    assert powers(array([1.0], "float32"), 2).dtype == array([1.0], "float32").dtype


@pytest.mark.parametrize("penalty", [0.0, 1e-3, 1.0, 100.0])
def test_ridge_equals_scikit_learn(array, penalty):
    linear_model = pytest.importorskip("sklearn.linear_model")
    features, y = problem()
    theirs = linear_model.Ridge(alpha=penalty, fit_intercept=False).fit(features, y).coef_
    ours = np.asarray(ridge(array(features), array(y), penalty))
    assert ours == pytest.approx(theirs.T, abs=1e-10)
    one = np.asarray(ridge(array(features), array(y[:, 0]), penalty))
    assert one.shape == (5,)
    assert one == pytest.approx(ours[:, 0], abs=1e-12)


@pytest.mark.parametrize("penalty", [1e-3, 1.0])
def test_ridge_is_least_squares_with_more_rows(penalty):
    """The penalty is d more observations: 0, with the features sqrt(penalty) I."""
    features, y = problem(n=4)  # fewer observations than coefficients
    rows = np.vstack([features, np.sqrt(penalty) * np.eye(5)])
    expected = np.linalg.lstsq(rows, np.vstack([y, np.zeros((5, 3))]))[0]
    assert ridge(features, y, penalty) == pytest.approx(expected, abs=1e-9)


def test_ridge_without_a_penalty_is_the_shortest_solution(array):
    """Too few rows, and columns that repeat each other."""
    few, y = problem(n=4)
    repeated, z = problem()
    repeated[:, 4] = repeated[:, 0] + repeated[:, 1]
    for features, target in ((few, y), (repeated, z)):
        ours = np.asarray(ridge(array(features), array(target)))
        assert ours == pytest.approx(np.linalg.pinv(features) @ target, abs=1e-9)
        assert ridge(features, target, 1e-9) == pytest.approx(ours, abs=1e-5)
    assert not ridge(np.zeros((3, 2)), np.ones(3)).any()


def test_ridge_keeps_dtype_and_differentiates(draw):
    features, y = draw(6, 3).requires_grad_(), draw(6)
    assert ridge(features.float(), y.float(), 0.1).dtype == torch.float32
    assert torch.autograd.gradcheck(lambda x: ridge(x, y, 0.1), features)


@pytest.mark.parametrize("degree", [0, 1, 4, 9])
@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_parts_equal_their_closed_forms(degree, penalty):
    """The mean prediction is H f and its variance sigma^2 times the rows' squares."""
    found = bias_variance(wave, X, AT, degree, 0.4, penalty, draws=4000)
    h = hat(degree, penalty)
    variance = 0.16 * (h**2).sum(axis=1)
    # Four standard errors: of a mean, and of a variance of Gaussians.
    assert (np.abs(found.mean - h @ wave(X)) < 4 * np.sqrt(variance / 4000)).all()
    assert found.variance == pytest.approx(variance, rel=4 * np.sqrt(2 / 4000))
    assert found.bias_squared == pytest.approx((found.mean - wave(AT)) ** 2, abs=1e-15)
    assert found.noise == pytest.approx(np.full(9, 0.16))


@pytest.mark.parametrize("degree", [0, 2, 7])
@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_error_is_bias_variance_and_noise(array, degree, sigma):
    draws = 4000
    found = measured(array, degree=degree, sigma=sigma, penalty=0.01, draws=draws, seed=3)
    bias, variance, noise, error = (np.asarray(part) for part in found[1:])
    total = bias + variance + noise
    # y - g is Gaussian with mean b and variance v: its square has the variance 2v^2 + 4b^2v.
    spread = variance + noise
    margin = 4 * np.sqrt((2 * spread**2 + 4 * bias * spread) / draws)
    assert (np.abs(error - total) < margin).all()
    assert not np.array_equal(error, total)  # it is measured, not added up


def test_numpy_and_torch_agree(array):
    found = measured(array, penalty=0.1, draws=50, seed=1)
    expected = bias_variance(wave, X, AT, 3, 0.3, 0.1, draws=50, seed=1)
    for ours, theirs in zip(found, expected, strict=True):
        assert type(ours) is type(array([1.0]))
        assert np.asarray(ours) == pytest.approx(theirs, abs=1e-12)


def test_draws_are_seeded():
    first, again, other = (bias_variance(wave, X, AT, 3, 0.3, draws=20, seed=s) for s in (0, 0, 1))
    assert np.array_equal(first.error, again.error)
    assert not np.array_equal(first.error, other.error)


def test_without_noise_only_bias_is_left():
    found = bias_variance(wave, X, AT, 2, 0.0, draws=2)
    assert found.variance == pytest.approx(np.zeros(9), abs=1e-25)
    assert found.error == pytest.approx(found.bias_squared)
    exact = bias_variance(lambda x: 1 + x - 2 * x**2, X, AT, 2, 0.0, draws=2)
    assert exact.error == pytest.approx(np.zeros(9), abs=1e-25)


def test_float32_stays():
    found = bias_variance(
        lambda x: x**2, X.astype(np.float32), AT.astype(np.float32), 2, 0.1, draws=9
    )
    assert {part.dtype for part in found} == {np.dtype(np.float32)}


def test_strict_array_api():
    xp = pytest.importorskip("array_api_strict")
    found = bias_variance(lambda x: xp.sin(3 * x), xp.asarray(X), xp.asarray(AT), 3, 0.3, draws=9)
    expected = bias_variance(wave, X, AT, 3, 0.3, draws=9)
    assert np.asarray(found.error) == pytest.approx(expected.error)


F, Y = problem()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: powers([1.0], 2), "x is a list"),
        (lambda: powers(np.arange(3), 2), "x has dtype int64"),
        (lambda: powers(X, -1), "degree is -1; allowed: a whole number of at least 0"),
        (lambda: powers(X, 1.5), "degree is 1.5"),
        (lambda: ridge([[1.0]], Y), "features is a list"),
        (lambda: ridge(F, torch.ones(30)), "different libraries"),
        (lambda: ridge(F, Y.astype(np.float32)), "y has dtype float32"),
        (lambda: ridge(F[0], Y), "features has shape (5,); allowed: rows and columns"),
        (lambda: ridge(F[:0], Y[:0]), "features has shape (0, 5)"),
        (lambda: ridge(F[:, :0], Y), "features has shape (30, 0)"),
        (lambda: ridge(F, Y[:7]), "y has shape (7, 3); allowed: (30,) or (30, targets)"),
        (lambda: ridge(F, Y[..., None]), "y has shape (30, 3, 1)"),
        (lambda: ridge(F, Y, -0.1), "penalty is -0.1; allowed: a finite number of at least 0"),
        (lambda: ridge(F, Y, np.inf), "penalty is inf"),
        (lambda: ridge(F, Y, "1"), "penalty is '1'"),
        (lambda: bias_variance(wave, [0.0], AT, 1, 0.1), "x is a list"),
        (lambda: bias_variance(wave, X, AT.astype(np.float32), 1, 0.1), "at has dtype float32"),
        (lambda: bias_variance(wave, X, torch.ones(3), 1, 0.1), "different libraries"),
        (lambda: bias_variance(wave, X[:, None], AT, 1, 0.1), "x has shape (20, 1)"),
        (lambda: bias_variance(wave, X, AT[:0], 1, 0.1), "at has shape (0,)"),
        (lambda: bias_variance(lambda x: x[1:], X, AT, 1, 0.1), "truth makes (19,) of x"),
        (lambda: bias_variance(lambda x: x * np.nan, X, AT, 1, 0.1), "not finite"),
        (lambda: bias_variance(lambda x: 0, X, AT, 1, 0.1), "truth is a int"),
        (lambda: bias_variance(wave, X, AT, -1, 0.1), "degree is -1"),
        (lambda: bias_variance(wave, X, AT, 1, -0.1), "sigma is -0.1"),
        (lambda: bias_variance(wave, X, AT, 1, np.nan), "sigma is nan"),
        (lambda: bias_variance(wave, X, AT, 1, 0.1, -1), "penalty is -1"),
        (lambda: bias_variance(wave, X, AT, 1, 0.1, draws=1), "draws is 1; allowed: a whole"),
        (lambda: bias_variance(wave, X, AT, 1, 0.1, draws=2.0), "draws is 2.0"),
        (lambda: bias_variance(wave, X, AT, 1, 0.1, seed=-1), "seed is -1"),
    ],
)
def test_errors(call, words, unchecked):
    with pytest.raises(ValueError) as caught:
        call()
    assert words in str(caught.value)
