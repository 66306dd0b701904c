r"""What a Transformer is stacked of: attention, a feed-forward network, norms, residual sums.

Tokens are rows and a weight matrix has shape (d_in, d_out), so each forward pass reads like its
equation. Norms and activations are torch's fused kernels: a third of the time of a decoding step
otherwise. The formulas stand in :mod:`transformer_math.networks.norm` and
:mod:`transformer_math.networks.activations`, and the tests hold the two together.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..arrays import Bool, Float
from ..attention.multihead import merge_heads, split_heads
from ..attention.scaled_dot_product import attention
from .config import TransformerConfig

INITIAL_DEVIATION = 0.02

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
    "swiglu": F.silu,
    "geglu": F.gelu,
    "geglu_tanh": partial(F.gelu, approximate="tanh"),
}


def matrix(rows: int, columns: int, deviation: float = INITIAL_DEVIATION) -> nn.Parameter:
    """Return a weight matrix (d_in, d_out) with normal entries."""
    return nn.Parameter(deviation * torch.randn(rows, columns))


def vector(size: int, value: float = 0.0) -> nn.Parameter:
    """Return a bias or a gain."""
    return nn.Parameter(torch.full((size,), value))


def affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return x W + b."""
    return x @ weight if bias is None else x @ weight + bias


class Norm(nn.Module):
    """Layer norm or RMS norm with a learned gain, and a bias where the model has them."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.eps = config.eps
        self.kind = config.norm
        self.gain = vector(config.width, 1.0)
        shifts = config.bias and config.norm == "layer"
        self.register_parameter("bias", vector(config.width) if shifts else None)

    def forward(self, x: Float[Tensor, "*positions width"]) -> Float[Tensor, "*positions width"]:
        """Return the normalised vectors."""
        if self.kind == "rms":
            return F.rms_norm(x, self.gain.shape, self.gain, self.eps)
        return F.layer_norm(x, self.gain.shape, self.gain, self.bias, self.eps)


class Attention(nn.Module):
    r"""Multi-head attention as Transformers use it: grouped heads, rotation, bias and cache.

    .. math:: \operatorname{MHA}(X, C) = [\,O^1 \mid \dots \mid O^h\,]\, W_O, \qquad
              O^i = \operatorname{Attention}(R\,X W_Q^i,\; R\,C W_K^i,\; C W_V^i)

    with R the rotation by position where positions are rotary. Parameters ``w_q``, ``w_k``,
    ``w_v``, ``w_o`` are (d_in, d_out), ``b_q`` … their biases or None. MHA, GQA and MQA differ in
    ``kv_heads`` alone.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        d = config.width
        self.heads, self.kv_heads = config.heads, config.kv_heads
        self.scale = config.attention_scale
        q_width, kv_width = config.heads * config.head_width, config.kv_heads * config.head_width
        self.w_q, self.w_k, self.w_v = matrix(d, q_width), matrix(d, kv_width), matrix(d, kv_width)
        # The sum of 2L updates keeps the variance of one.
        self.w_o = matrix(q_width, d, INITIAL_DEVIATION / (2 * config.layers) ** 0.5)
        for name, size in (("b_q", q_width), ("b_k", kv_width), ("b_v", kv_width), ("b_o", d)):
            self.register_parameter(name, vector(size) if config.bias else None)

    def queries(self, x: Float[Tensor, "batch n d"]) -> Float[Tensor, "batch h n w"]:
        """Return the queries of all heads."""
        return split_heads(affine(x, self.w_q, self.b_q), self.heads)

    def keys_values(self, x: Float[Tensor, "batch n d"]) -> tuple[Tensor, Tensor]:
        """Return the keys and the values of all key and value heads."""
        k = split_heads(affine(x, self.w_k, self.b_k), self.kv_heads)
        v = split_heads(affine(x, self.w_v, self.b_v), self.kv_heads)
        return k, v

    def forward(
        self,
        q: Float[Tensor, "batch h n w"],
        k: Float[Tensor, "batch kv keys w"],
        v: Float[Tensor, "batch kv keys w"],
        mask: Bool[Tensor, "..."] | None = None,
        bias: Float[Tensor, "..."] | None = None,
        ablate: Collection[int] = (),
    ) -> tuple[Float[Tensor, "batch n d"], Float[Tensor, "batch h n keys"]]:
        """Return the update of the residual stream and the weights, heads ``ablate`` silent."""
        output, weights = attention(q, k, v, mask, self.scale, bias=bias)
        if ablate:
            audible = torch.ones(self.heads, 1, 1, dtype=output.dtype, device=output.device)
            audible[list(ablate)] = 0
            output = audible * output
        return affine(merge_heads(output), self.w_o, self.b_o), weights


class FeedForward(nn.Module):
    r"""The network that works on each token alone.

    .. math:: \operatorname{FFN}(x) = \varphi(x W_1 + b_1)\, W_2 + b_2, \qquad\text{or gated}\quad
              \operatorname{FFN}(x) = (\varphi(x W_g) \circ x W_1)\, W_2

    Sources: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; gates: Shazeer (2020),
    https://arxiv.org/abs/2002.05202
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        d, hidden = config.width, config.hidden
        self.activation = config.activation
        self.register_parameter("w_g", matrix(d, hidden) if config.gated else None)
        self.w_1 = matrix(d, hidden)
        self.w_2 = matrix(hidden, d, INITIAL_DEVIATION / (2 * config.layers) ** 0.5)
        for name, size in (("b_1", hidden), ("b_2", d)):
            self.register_parameter(name, vector(size) if config.bias else None)

    def forward(self, x: Float[Tensor, "*tokens d"]) -> Float[Tensor, "*tokens d"]:
        """Return the update of the residual stream."""
        activation = ACTIVATIONS[self.activation]
        inner = affine(x, self.w_1, self.b_1)
        inner = activation(inner) if self.w_g is None else activation(x @ self.w_g) * inner
        return affine(inner, self.w_2, self.b_2)


class Step(NamedTuple):
    """What a layer leaves behind: the residual stream, and the weights of its attentions."""

    x: Float[Tensor, "batch n d"]
    attention: Float[Tensor, "batch h n keys"] | None = None
    cross: Float[Tensor, "batch h n memory"] | None = None


class Block(nn.Module):
    r"""One layer: attention, in a decoder with an encoder also cross-attention, feed-forward.

    .. math:: \text{pre-norm}\quad X \leftarrow X + f(\operatorname{N}(X)), \qquad
              \text{post-norm}\quad X \leftarrow \operatorname{N}(X + f(X))

    for each f of these two or three, each with a norm of its own.
    """

    def __init__(self, config: TransformerConfig, cross: bool = False):
        super().__init__()
        self.norm_first = config.norm_first
        self.attention, self.attention_norm = Attention(config), Norm(config)
        self.cross = Attention(config) if cross else None
        self.cross_norm = Norm(config) if cross else None
        self.feed_forward, self.feed_forward_norm = FeedForward(config), Norm(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Float[Tensor, "batch n d"],
        look: Callable[[Tensor, Tensor, Tensor], tuple] | None = None,
        memory: tuple[Tensor, Tensor] | None = None,
        memory_mask: Bool[Tensor, "..."] | None = None,
        ablate: Collection[int] = (),
    ) -> Step:
        """Return the next residual stream and the attention weights, heads ``ablate`` silent.

        ``look`` takes queries, keys and values and returns them with their positions worked in and
        what came before, and a mask and a bias; by default every token sees every token, wherever
        it stands. ``memory`` is a pair of keys and values for cross-attention.
        """
        z = self._before(self.attention_norm, x)
        seen = self.attention.queries(z), *self.attention.keys_values(z)
        update, weights = self.attention(*(look(*seen) if look else seen), ablate=ablate)
        x = self._after(self.attention_norm, x, update)
        crossed = None
        if self.cross is not None:
            z = self._before(self.cross_norm, x)
            update, crossed = self.cross(self.cross.queries(z), *memory, memory_mask)
            x = self._after(self.cross_norm, x, update)
        update = self.feed_forward(self._before(self.feed_forward_norm, x))
        return Step(self._after(self.feed_forward_norm, x, update), weights, crossed)

    def _before(self, norm, x):
        return norm(x) if self.norm_first else x

    def _after(self, norm, x, update):
        x = x + self.dropout(update)
        return x if self.norm_first else norm(x)
