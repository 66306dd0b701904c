r"""Fewer key and value heads for a model that has learned with more: what uptraining starts from.

Query heads keep their matrices. Each group of g consecutive key heads becomes one, and so do the
value heads, so that query head i goes on reading the head that its old one went into.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..arrays import Float, whole
from .layers import Attention
from .model import Transformer

HOW = ("mean", "first", "random")


def with_fewer_kv_heads(
    model: Transformer, kv_heads: int, how: str = "mean", seed: int = 0
) -> Transformer:
    r"""Return a Transformer with the same weights, but fewer key and value heads.

    With :math:`W^1, \dots, W^g` the matrices of one group (of keys, or of values),

    .. math:: \begin{aligned}
        \text{mean:} \quad & \bar W = \frac{1}{g} \sum_{i=1}^{g} W^i
            = \arg\min_W \sum_{i=1}^{g} \lVert W^i - W \rVert_F^2 \\
        \text{first:} \quad & W^1 \\
        \text{random:} \quad & \text{entries from } \mathcal N(0, s^2), \text{ s the deviation of
            the layer's old key (or value) matrix}
        \end{aligned}

    If the matrices of each group are equal, mean and first give a model that computes the same.
    Biases are treated as one more row of their matrix, and are 0 with random.

    Parameters
    ----------
    model : a :class:`~transformer_math.transformer.Transformer` of any kind; it stays as it is.
    kv_heads : how many key and value heads to have, a divisor of the model's. With as many as it
        has, mean and first copy the model.
    how : ``"mean"``, ``"first"`` or ``"random"``.
    seed : of the random entries; the others do not look at it.

    Returns
    -------
    A new Transformer in the mode (``train`` or ``eval``) of ``model``, whose parameters learn.

    Raises
    ------
    ValueError
        If ``model`` is not a Transformer (one with latent attention has no key heads to merge),
        ``kv_heads`` does not divide the model's, ``how`` is unknown, or ``seed`` is not a whole
        number of at least 0.

    Source: Ainslie et al. (2023), section 2.1, https://arxiv.org/abs/2305.13245
    """
    if not isinstance(model, Transformer):
        raise ValueError(
            f"model is a {type(model).__name__}; allowed: a Transformer, whose layers have key and "
            "value heads of their own"
        )
    had = model.config.kv_heads
    if had % whole("kv_heads", kv_heads):
        raise ValueError(
            f"kv_heads is {kv_heads}; allowed: a divisor of the model's key and value heads, {had}"
        )
    if how not in HOW:
        raise ValueError(f"how is {how!r}; allowed: {', '.join(map(repr, HOW))}")
    generator = torch.Generator().manual_seed(whole("seed", seed, least=0))
    merge = _merge(how, kv_heads, had // kv_heads, generator)

    weights = dict(model.state_dict())
    for name, module in model.named_modules():
        if isinstance(module, Attention):
            for letter in "kv":
                weights[f"{name}.w_{letter}"] = merge(getattr(module, f"w_{letter}"))
                if (bias := getattr(module, f"b_{letter}")) is not None:
                    weights[f"{name}.b_{letter}"] = merge(bias[None])[0]
    with torch.random.fork_rng(devices=[]):  # building leaves the caller's random numbers alone
        grouped = Transformer(replace(model.config, kv_heads=kv_heads))
    parameter = next(model.parameters())
    grouped.to(parameter.device, parameter.dtype).load_state_dict(weights)
    return grouped.train(model.training)


def _merge(how: str, heads: int, group: int, generator: torch.Generator) -> Callable:
    """Return the map from the matrix of all old heads to that of the new ones."""

    @torch.no_grad()
    def merge(w: Float[Tensor, "d old_columns"]) -> Float[Tensor, "d new_columns"]:
        # Consecutive heads share one: (d, heads, group, head width).
        apart = w.reshape(len(w), heads, group, -1)
        if how == "mean":
            return apart.mean(2).flatten(1)
        if how == "first":
            return apart[:, :, 0].flatten(1)
        if len(w) == 1:  # a bias
            return torch.zeros_like(apart[:, :, 0].flatten(1))
        fresh = torch.randn(len(w), heads * apart.shape[-1], generator=generator)
        return w.std(correction=0) * fresh.to(w)

    return merge
