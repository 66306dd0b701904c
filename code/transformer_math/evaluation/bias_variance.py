r"""Where the error of a fit comes from: bias, variance and noise, by drawing training sets anew.

The fits are polynomials with an L2 penalty, small enough to be fitted by the thousand.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..arrays import Array, Float, Number, at_least, namespace, whole
from ..learning.optimisers import not_negative


class BiasVariance(NamedTuple):
    """What :func:`bias_variance` measures, an entry for each place at which it predicts.

    ``mean`` is the mean prediction over all training sets, ``bias_squared`` its squared distance
    from the truth, ``variance`` the mean squared distance of the predictions from ``mean``,
    ``noise`` the variance of one observation, and ``error`` the mean squared distance between the
    predictions and observations that were drawn anew.
    """

    mean: Float[Array, "places"]
    bias_squared: Float[Array, "places"]
    variance: Float[Array, "places"]
    noise: Float[Array, "places"]
    error: Float[Array, "places"]


def powers(x: Float[Array, "*n"], degree: int) -> Float[Array, "*n columns"]:
    r"""The powers of x as features of a polynomial.

    .. math:: x \mapsto (1, x, x^2, \dots, x^p)

    Parameters
    ----------
    x : any shape; best from -1 to 1, where no power outgrows the others.
    degree : p, at least 0.

    Returns
    -------
    One more dimension, of width p + 1.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array, or ``degree`` not a whole number of at least 0.
    """
    xp = namespace(x=x)
    columns = [xp.ones_like(x)]
    for _ in range(whole("degree", degree, least=0)):
        columns.append(columns[-1] * x)
    return xp.stack(columns, axis=-1)


def ridge(
    features: Float[Array, "n d"], y: Float[Array, "n *targets"], penalty: Number = 0.0
) -> Float[Array, "d *targets"]:
    r"""Least squares with an L2 penalty, in closed form.

    .. math:: \hat\theta = \arg\min_\theta \lVert y - X\theta \rVert^2
              + \lambda \lVert \theta \rVert^2
              = (X^\top X + \lambda I)^{-1} X^\top y
              = \sum_i \frac{s_i}{s_i^2 + \lambda}\, v_i\, u_i^\top y

    with the singular value decomposition :math:`X = \sum_i s_i u_i v_i^\top`, which is what is
    computed: squaring X would square its condition number too. All coefficients are penalised.

    Parameters
    ----------
    features : X, a row for each observation.
    y : an entry for each row, or a column for each of many targets, which are fitted at once.
    penalty : :math:`\lambda \ge 0`. With 0 the solution need not be unique; then, as for
        :math:`\lambda \to 0`, it is the shortest.

    Returns
    -------
    :math:`\hat\theta`, a coefficient for each column of X (and a column for each target).

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one library and dtype, ``features`` is not a matrix
        with at least one row and column, ``y`` is not a vector or matrix with as many rows, or
        ``penalty`` is not a finite number of at least 0.

    Source: Hoerl and Kennard (1970), https://doi.org/10.1080/00401706.1970.10488634 (not opened)
    """
    xp = namespace(features=features, y=y)
    if features.ndim != 2:
        raise ValueError(f"features has shape {tuple(features.shape)}; allowed: rows and columns")
    at_least("features", features, 2, "(rows, columns)")
    if y.ndim not in (1, 2) or y.shape[0] != features.shape[0]:
        raise ValueError(
            f"y has shape {tuple(y.shape)}; allowed: ({features.shape[0]},) or "
            f"({features.shape[0]}, targets), as features has {features.shape[0]} rows"
        )
    penalty = not_negative("penalty", penalty)
    u, s, vt = xp.linalg.svd(features, full_matrices=False)
    # Directions that X does not reach, but for rounding, are left at 0: the shortest solution.
    reached = s > xp.max(s) * max(features.shape) * xp.finfo(s.dtype).eps
    gain = xp.where(reached, s / xp.where(reached, s**2 + penalty, 1.0), 0.0)
    return (xp.matrix_transpose(vt) * gain) @ (xp.matrix_transpose(u) @ y)


def bias_variance(
    truth: Callable[[Float[Array, "..."]], Float[Array, "..."]],
    x: Float[Array, "n"],
    at: Float[Array, "places"],
    degree: int,
    sigma: Number,
    penalty: Number = 0.0,
    draws: int = 1000,
    seed: int = 0,
) -> BiasVariance:
    r"""Fit a polynomial to many training sets, and see how its predictions err.

    .. math:: \underbrace{\mathbb E\, (y - \hat g(x))^2}_{\text{error}}
              = \underbrace{(f(x) - \mathbb E\, \hat g(x))^2}_{\text{bias squared}}
              + \underbrace{\operatorname{Var} \hat g(x)}_{\text{variance}}
              + \underbrace{\sigma^2}_{\text{noise}}, \qquad y = f(x) + \varepsilon

    A training set has the places ``x`` and observations :math:`f(x_i) + \varepsilon_i` with
    independent Gaussian :math:`\varepsilon_i` of standard deviation :math:`\sigma`. For each draw
    the polynomial is fitted by :func:`ridge` and compared, at the places ``at``, with one new
    observation. So ``error`` is measured, not summed, and agrees with the three parts only as well
    as so many draws can tell.

    Parameters
    ----------
    truth : f, from an array of places to an array of values of that shape.
    x : the places of the training points.
    at : the places of the predictions.
    degree : of the polynomial, at least 0.
    sigma : :math:`\sigma \ge 0`, in the units of f.
    penalty : :math:`\lambda \ge 0`.
    draws : how many training sets, at least 2.
    seed : of the noise, which NumPy draws, so that NumPy and torch see the same.

    Returns
    -------
    :class:`BiasVariance`; the variance is the mean over the draws, not divided by one less. The
    mean prediction itself scatters, so that ``bias_squared`` is on average too large by about
    ``variance / draws``.

    Raises
    ------
    ValueError
        If ``x`` or ``at`` is not a floating-point vector with at least one entry, they differ in
        library or dtype, ``truth`` changes the shape or returns a number that is not finite,
        ``degree`` is not a whole number of at least 0, ``sigma`` or ``penalty`` is not a finite
        number of at least 0, ``draws`` is not a whole number of at least 2, or ``seed`` of at
        least 0.

    Source: Geman, Bienenstock and Doursat (1992), https://doi.org/10.1162/neco.1992.4.1.1
    (not opened)
    """
    xp = namespace(x=x, at=at)
    for name, places in (("x", x), ("at", at)):
        if places.ndim != 1 or places.shape[0] == 0:
            raise ValueError(
                f"{name} has shape {tuple(places.shape)}; allowed: a vector with at least one entry"
            )
    sigma = not_negative("sigma", sigma)
    rng = np.random.default_rng(whole("seed", seed, least=0))
    draws = whole("draws", draws, least=2)
    observed, new = (
        _values(truth, name, places)[:, None]
        + sigma * _normal(rng, (places.shape[0], draws), places, xp)
        for name, places in (("x", x), ("at", at))
    )
    predicted = powers(at, degree) @ ridge(powers(x, degree), observed, penalty)
    mean = xp.mean(predicted, axis=1)
    return BiasVariance(
        mean,
        (mean - _values(truth, "at", at)) ** 2,
        xp.mean((predicted - mean[:, None]) ** 2, axis=1),
        xp.full_like(mean, sigma**2),
        xp.mean((new - predicted) ** 2, axis=1),
    )


def _values(truth, name, places):
    """The truth at these places, or a ValueError."""
    values = truth(places)
    xp = namespace(truth=values)
    if values.shape != places.shape or not bool(xp.all(xp.isfinite(values))):
        raise ValueError(
            f"truth makes {tuple(values.shape)} of {name}, whose shape is {tuple(places.shape)}, "
            "or a number that is not finite; allowed: a finite value for each place"
        )
    return values


def _normal(rng, shape, like, xp):
    numbers = xp.asarray(rng.normal(size=shape), device=getattr(like, "device", None))
    return xp.astype(numbers, like.dtype)
