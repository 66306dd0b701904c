"""The two ends of a Transformer: from tokens into the residual stream, and out of it to logits."""

import torch
from torch import Tensor, nn

from ..arrays import Float, Int
from ..positions.sinusoidal import sinusoidal_encoding
from .config import TransformerConfig
from .layers import ACTIVATIONS, Norm, affine, matrix, vector


class Embedding(nn.Module):
    r"""Token vectors, with those of positions and segments added where the model has them.

    .. math:: x_i = s\, E[t_i] + P[i] + S[g_i]

    with s the embedding scale; normalised at the end in BERT.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.config = config
        d = config.width
        self.scale = config.embedding_scale
        if self.scale is None:
            self.scale = d**0.5 if config.positions == "sinusoidal" else 1.0
        self.tokens = matrix(config.vocabulary, d)
        learned = config.positions == "learned"
        self.register_parameter("positions", matrix(config.context, d) if learned else None)
        self.register_parameter("segments", matrix(config.segments, d) if config.segments else None)
        self.norm = Norm(config) if config.embedding_norm else None
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        ids: Int[Tensor, "batch n"],
        positions: Int[Tensor, "*position_batch n"],
        segments: Int[Tensor, "*segment_batch n"] | None = None,
    ) -> Float[Tensor, "batch n d"]:
        """Return the vectors that enter the first layer."""
        x = self.scale * self.tokens[ids]
        if self.positions is not None:
            x = x + self.positions[positions]
        elif self.config.positions == "sinusoidal":
            x = x + sinusoidal_encoding(positions, self.config.width, like=x)
        if self.segments is not None:
            x = x + self.segments[torch.zeros_like(ids) if segments is None else segments]
        return self.dropout(x if self.norm is None else self.norm(x))


class Head(nn.Module):
    r"""Last states to logits.

    .. math:: \text{logits} = s\, x\, U, \qquad\text{or in BERT}\quad
              \operatorname{N}(\varphi(x W_t + b_t))\, U + b

    with s the logit scale, and :math:`U = E^\top` in a tied model.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.config = config
        d, transforms = config.width, config.head == "transform"
        self.register_parameter("w", None if config.tied else matrix(d, config.vocabulary))
        self.register_parameter("w_t", matrix(d, d) if transforms else None)
        self.register_parameter("b_t", vector(d) if transforms else None)
        self.register_parameter("b", vector(config.vocabulary) if transforms else None)
        self.norm = Norm(config) if transforms else None

    def forward(
        self, x: Float[Tensor, "*tokens d"], embedding: Float[Tensor, "vocabulary d"]
    ) -> Float[Tensor, "*tokens vocabulary"]:
        """Return the logits; ``embedding`` serves a tied model as its unembedding."""
        if self.w_t is not None:
            x = self.norm(ACTIVATIONS[self.config.activation](affine(x, self.w_t, self.b_t)))
        unembedding = embedding.T if self.w is None else self.w
        return affine(self.config.logit_scale * x, unembedding, self.b)
