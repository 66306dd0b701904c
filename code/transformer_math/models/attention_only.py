r"""A causal language model made of attention and nothing else: small enough to read its heads."""

import torch
from torch import Tensor, nn

from ..arrays import Float, Int, whole
from ..attention.masks import causal_mask
from ..attention.multihead_module import MultiHeadAttention
from ..networks.norm import layer_norm


class AttentionOnly(nn.Module):
    r"""Tokens in, logits of the next token out, with attention layers on a residual stream.

    .. math:: X_0 = E[t] + P, \qquad X_{l+1} = X_l + \operatorname{MHA}_l(\operatorname{LN}(X_l)),
              \qquad \text{logits} = \operatorname{LN}(X_L)\, U

    The layer norm has no parameters, and attention no bias. Two layers suffice for an induction
    head: one that attends to what followed the last occurrence of the present token.

    Parameters
    ----------
    vocabulary : number of different tokens.
    width : of the residual stream.
    heads : in each layer, a divisor of ``width``.
    layers : how many.
    context : longest sequence.

    Raises
    ------
    ValueError
        If a count is not a whole number of at least 1, or ``heads`` does not divide ``width``.

    Source: Elhage et al. (2021), https://transformer-circuits.pub/2021/framework/index.html; layer
    norm before attention: Radford et al. (2019),
    https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
    """

    def __init__(self, vocabulary: int, width: int, heads: int, layers: int, context: int):
        super().__init__()
        for name, count in (("vocabulary", vocabulary), ("layers", layers), ("context", context)):
            whole(name, count)
        self.embedding = nn.Parameter(torch.randn(vocabulary, whole("width", width)))
        self.position = nn.Parameter(torch.randn(context, width))
        self.attentions = nn.ModuleList(MultiHeadAttention(width, heads) for _ in range(layers))
        self.unembedding = nn.Parameter(torch.randn(width, vocabulary) / width**0.5)

    def forward(
        self, tokens: Int[Tensor, "*batch n"], return_weights: bool = False
    ) -> (
        Float[Tensor, "*batch n vocabulary"]
        | tuple[Float[Tensor, "*batch n vocabulary"], Float[Tensor, "*batch layers heads n n"]]
    ):
        """Return the logits, and on request the attention weights of all layers and heads.

        Raises
        ------
        ValueError
            If the tokens are not whole numbers, there are none or more than ``context``, or one
            is not of the vocabulary.
        """
        x = self.embedding[self._check(tokens)] + self.position[: tokens.shape[-1]]
        mask = causal_mask(tokens.shape[-1], like=tokens)
        weights = []
        for attention in self.attentions:
            update, weight = attention(layer_norm(x), mask=mask)
            x = x + update
            weights.append(weight)
        logits = layer_norm(x) @ self.unembedding
        return (logits, torch.stack(weights, dim=-4)) if return_weights else logits

    def _check(self, tokens: Tensor) -> Tensor:
        context, vocabulary = len(self.position), len(self.embedding)
        if tokens.is_floating_point() or tokens.is_complex() or tokens.dtype == torch.bool:
            raise ValueError(f"tokens have dtype {tokens.dtype}; allowed: whole numbers")
        if tokens.ndim == 0 or not 1 <= tokens.shape[-1] <= context:
            raise ValueError(
                f"tokens have shape {tuple(tokens.shape)}; allowed: (..., from 1 to {context})"
            )
        if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < vocabulary:
            raise ValueError(
                f"tokens go from {int(tokens.min())} to {int(tokens.max())}; allowed: from 0 to "
                f"{vocabulary - 1}"
            )
        return tokens
