r"""Multi-head attention whose weights are learned."""

import torch
from torch import Tensor, nn

from ..arrays import Bool, Float, whole
from .multihead import multi_head_attention


class MultiHeadAttention(nn.Module):
    r""":func:`~transformer_math.attention.multihead.multi_head_attention` with its weights.

    .. math:: \operatorname{MHA}(X, C) = [\,O^1 \mid \dots \mid O^h\,]\, W_O, \qquad
              O^i = \operatorname{Attention}(X W_Q^i,\; C W_K^i,\; C W_V^i)

    Parameters
    ----------
    width : d, of the tokens that come and go.
    heads : h, a divisor of ``width``; every head is d / h wide.
    kv_heads : number of key and value heads, a divisor of ``heads``; ``heads`` by default.
    context_width : width of the tokens attended to; ``width`` by default.
    bias : whether each of the four products has a bias (zero at first).

    The weights ``w_q``, ``w_k``, ``w_v``, ``w_o`` have shape (d_in, d_out) and start with variance
    2 / (d_in + d_out), uniformly distributed (Glorot and Bengio, 2010,
    https://proceedings.mlr.press/v9/glorot10a.html).

    Raises
    ------
    ValueError
        If a count is not a whole number of at least 1, or one does not divide the other.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        width: int,
        heads: int,
        kv_heads: int | None = None,
        context_width: int | None = None,
        bias: bool = False,
    ):
        super().__init__()
        self.heads = whole("heads", heads)
        self.kv_heads = heads if kv_heads is None else whole("kv_heads", kv_heads)
        context_width = width if context_width is None else whole("context_width", context_width)
        if whole("width", width) % heads:
            raise ValueError(f"heads is {heads}; allowed: a divisor of width, {width}")
        if heads % self.kv_heads:
            raise ValueError(f"kv_heads is {kv_heads}; allowed: a divisor of heads, {heads}")
        kv_width = width // heads * self.kv_heads
        self.w_q = _glorot(width, width)
        self.w_k = _glorot(context_width, kv_width)
        self.w_v = _glorot(context_width, kv_width)
        self.w_o = _glorot(width, width)
        for name, size in (("b_q", width), ("b_k", kv_width), ("b_v", kv_width), ("b_o", width)):
            self.register_parameter(name, nn.Parameter(torch.zeros(size)) if bias else None)

    def forward(
        self,
        x: Float[Tensor, "*batch queries d"],
        context: Float[Tensor, "*context_batch keys context_d"] | None = None,
        mask: Bool[Tensor, "..."] | None = None,
    ) -> tuple[Float[Tensor, "*all queries d"], Float[Tensor, "*all h queries keys"]]:
        """Return output and weights, as the function does."""
        return multi_head_attention(
            x,
            self.w_q,
            self.w_k,
            self.w_v,
            self.w_o,
            self.heads,
            self.kv_heads,
            context,
            mask,
            b_q=self.b_q,
            b_k=self.b_k,
            b_v=self.b_v,
            b_o=self.b_o,
        )

    def extra_repr(self) -> str:
        """Show the sizes when the module is printed."""
        return f"width={self.w_q.shape[0]}, heads={self.heads}, kv_heads={self.kv_heads}"


def _glorot(d_in: int, d_out: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(d_in, d_out)))
