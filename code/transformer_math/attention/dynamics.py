r"""What attention does to a set of points when it is applied again and again."""

import math

from ..arrays import Array, Float, Number, at_least, namespace, positive, whole
from .scaled_dot_product import attention


def residual_to_rank_one(x: Float[Array, "*batch n d"]) -> Float[Array, "*batch"]:
    r"""How far the rows of a matrix are from being all the same.

    .. math:: r(X) = \frac{\lVert X - \mathbf{1} \bar{x}^\top \rVert_F}{\lVert X \rVert_F},
              \qquad \bar{x} = \frac1n \sum_i x_i

    The mean row is the closest one in this norm, so r is a relative distance to the matrices
    :math:`\mathbf{1} y^\top`.

    Parameters
    ----------
    x : ``(..., n, d)``, a point a row.

    Returns
    -------
    Between 0 (one point, n times) and 1 (centred at the origin); 0 for a matrix of zeros.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array of at least two dimensions.

    Source: Dong, Cordonnier and Loukas (2021) (there in another norm),
    https://arxiv.org/abs/2103.03404
    """
    xp = namespace(x=x)
    at_least("x", x, 2, "(..., points, coordinates)")
    largest = xp.max(xp.abs(x), axis=(-2, -1), keepdims=True)
    x = x / xp.where(largest == 0, 1.0, largest)  # so that no square overflows
    centred = x - xp.mean(x, axis=-2, keepdims=True)
    norm = xp.sqrt(xp.sum(x**2, axis=(-2, -1)))
    distance = xp.sqrt(xp.sum(centred**2, axis=(-2, -1)))
    return distance / xp.where(norm == 0, 1.0, norm)


def repeated_attention(
    x: Float[Array, "*batch n d"],
    layers: int,
    temperature: Number = 1.0,
    residual: bool = False,
) -> Float[Array, "steps *batch n d"]:
    r"""Points that attend to each other, layer after layer, with all weight matrices the identity.

    .. math:: X_{l+1} = A_l X_l, \qquad
              A_l = \operatorname{softmax}\Bigl(\frac{X_l X_l^\top}{T \sqrt d}\Bigr)

    With the residual connection :math:`X_{l+1} = X_l + A_l X_l`: lengths then about double at each
    layer, so compare directions, or :func:`residual_to_rank_one`, which ignores scale.

    Parameters
    ----------
    x : ``(..., n, d)``, a point a row.
    layers : how often attention is applied, at least 0.
    temperature : T > 0; small makes each point attend to its best match, large to all alike.
    residual : whether each layer adds to its input or replaces it.

    Returns
    -------
    ``(layers + 1, ..., n, d)``: the points before the first layer and after each.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array of at least two dimensions, ``layers`` is not a whole
        number of at least 0, or ``temperature`` is not a finite number above 0.

    Source: Dong, Cordonnier and Loukas (2021), https://arxiv.org/abs/2103.03404
    """
    xp = namespace(x=x)
    at_least("x", x, 2, "(..., points, coordinates)")
    scale = 1 / (positive("temperature", temperature) * math.sqrt(x.shape[-1]))
    trajectory = [x]
    for _ in range(whole("layers", layers, least=0)):
        mixed, _ = attention(x, x, x, scale=scale)
        x = x + mixed if residual else mixed
        trajectory.append(x)
    return xp.stack(trajectory)
