r"""A bidirectional Transformer encoder that shows everything it computes (BERT's architecture).

Tokens are rows and every weight matrix has shape (d_in, d_out), so a layer reads like its
equations; :math:`\operatorname{LN}` comes after each sum ("post-norm"):

.. math:: Y = \operatorname{LN}(X + \operatorname{MHA}(X)), \qquad
          X' = \operatorname{LN}(Y + \operatorname{GELU}(Y W_1 + b_1)\, W_2 + b_2)

Source: Devlin et al. (2019), https://arxiv.org/abs/1810.04805, on Vaswani et al. (2017), section 3,
https://arxiv.org/abs/1706.03762
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from .arrays import Bool, Float, Int, positive, whole
from .multihead import multi_head_attention
from .norm import layer_norm

INITIAL_DEVIATION = 0.02


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of an encoder.

    Parameters
    ----------
    vocabulary : number of token ids.
    width : d, the width of a hidden state.
    heads : number of attention heads, a divisor of the width.
    layers : number of layers.
    hidden : width of the feed-forward network's hidden layer.
    context : longest text, in tokens.
    eps : the layer norms' epsilon.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, ``heads`` does not divide ``width``, or
        ``eps`` is not above 0.
    """

    vocabulary: int
    width: int
    heads: int
    layers: int
    hidden: int
    context: int
    eps: float = 1e-12

    def __post_init__(self):
        for field in fields(self)[:-1]:
            whole(field.name, getattr(self, field.name))
        positive("eps", self.eps)
        if self.width % self.heads:
            raise ValueError(
                f"heads is {self.heads}; allowed: a divisor of the width, {self.width}"
            )


@dataclass(frozen=True, eq=False)
class EncoderOutput:
    """What an encoder computed on the way.

    ``hidden[0]`` is the embedding, ``hidden[l]`` the output of layer number l counted from 1.
    ``attention[l, ..., h, i, j]``, layer and head counted from 0, is the share of token j in what
    token i receives from that head.
    """

    hidden: Float[Tensor, "states *batch tokens width"]
    attention: Float[Tensor, "layers *batch heads tokens tokens"]


def gelu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    r"""Gaussian error linear unit, by its definition (not the tanh approximation).

    .. math:: \operatorname{GELU}(x) = x\, \Phi(x)
              = \frac{x}{2} \Bigl(1 + \operatorname{erf}\frac{x}{\sqrt 2}\Bigr)

    Source: Hendrycks and Gimpel (2016), section 2, https://arxiv.org/abs/1606.08415
    """
    return x / 2 * (1 + torch.erf(x / math.sqrt(2)))


class EncoderLayer(nn.Module):
    """Attention among the tokens, then a network on each token; both added, both normalised.

    Parameters named ``w_*`` are matrices (d_in, d_out) and ``b_*`` their biases; ``gain_1`` and
    ``bias_1`` belong to the first layer norm, ``gain_2`` and ``bias_2`` to the second.
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        d, hidden = config.width, config.hidden
        self.heads, self.eps = config.heads, config.eps
        self.w_q, self.b_q = _matrix(d, d), _vector(d)
        self.w_k, self.b_k = _matrix(d, d), _vector(d)
        self.w_v, self.b_v = _matrix(d, d), _vector(d)
        self.w_o, self.b_o = _matrix(d, d), _vector(d)
        self.gain_1, self.bias_1 = _vector(d, 1.0), _vector(d)
        self.w_1, self.b_1 = _matrix(d, hidden), _vector(hidden)
        self.w_2, self.b_2 = _matrix(hidden, d), _vector(d)
        self.gain_2, self.bias_2 = _vector(d, 1.0), _vector(d)

    def forward(
        self,
        x: Float[Tensor, "*batch tokens width"],
        mask: Bool[Tensor, "..."] | None = None,
        ablate: Collection[int] = (),
    ) -> tuple[Float[Tensor, "*batch tokens width"], Float[Tensor, "*batch heads tokens tokens"]]:
        """Return the next hidden states and the attention weights, with heads ``ablate`` silent."""
        attended, weights = multi_head_attention(
            x,
            self.w_q,
            self.w_k,
            self.w_v,
            self._output_matrix(ablate),
            self.heads,
            mask=mask,
            b_q=self.b_q,
            b_k=self.b_k,
            b_v=self.b_v,
            b_o=self.b_o,
        )
        y = layer_norm(x + attended, self.gain_1, self.bias_1, self.eps)
        processed = gelu(y @ self.w_1 + self.b_1) @ self.w_2 + self.b_2
        return layer_norm(y + processed, self.gain_2, self.bias_2, self.eps), weights

    def _output_matrix(self, ablate):
        """W_O with the rows of the ablated heads zero: what they say is not heard."""
        if not ablate:
            return self.w_o
        by_head = self.w_o.unflatten(0, (self.heads, -1))
        audible = torch.ones(self.heads, 1, 1, dtype=self.w_o.dtype, device=self.w_o.device)
        audible[list(ablate)] = 0
        return (audible * by_head).flatten(0, 1)


class Encoder(nn.Module):
    r"""Token ids to hidden states, layer by layer.

    .. math:: X_0 = \operatorname{LN}(E_{\text{word}} + E_{\text{position}} + e_{\text{segment}}),
              \qquad X_{l+1} = \operatorname{layer}_l(X_l)

    There is one segment, so its embedding is one vector. Weights start as N(0, 0.02²), biases at 0
    and gains at 1; for trained ones see :mod:`transformer_math.pretrained`.
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        self.words = _matrix(config.vocabulary, config.width)
        self.positions = _matrix(config.context, config.width)
        self.segment = nn.Parameter(INITIAL_DEVIATION * torch.randn(config.width))
        self.gain, self.bias = _vector(config.width, 1.0), _vector(config.width)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))

    def forward(
        self,
        ids: Int[Tensor, "*batch tokens"],
        mask: Bool[Tensor, "..."] | None = None,
        ablate: Collection[tuple[int, int]] = (),
    ) -> EncoderOutput:
        """Run the encoder and keep all that it computes.

        Parameters
        ----------
        ids : token ids, ``(tokens,)`` or ``(batch, tokens)``.
        mask : Boolean, True where a token may attend; broadcasts to ``(batch, heads, tokens,
            tokens)``. For padded texts: ``padding_mask(lengths, tokens, like=ids)``.
        ablate : pairs (layer, head), counted from 0, whose output is replaced by zeros.

        Returns
        -------
        :class:`EncoderOutput` with ``hidden`` ``(layers + 1, batch, tokens, width)`` and
        ``attention`` ``(layers, batch, heads, tokens, tokens)``; no batch axis for a single text.

        Raises
        ------
        ValueError
            If ``ids`` are not whole numbers below the vocabulary's size, are none or more than the
            context, ``mask`` does not fit, or ``ablate`` names a head that does not exist.
        """
        states, weights = [], []
        for x, a in self.steps(ids, mask, ablate):
            states.append(x)
            if a is not None:
                weights.append(a)
        return EncoderOutput(torch.stack(states), torch.stack(weights))

    def steps(
        self,
        ids: Int[Tensor, "*batch tokens"],
        mask: Bool[Tensor, "..."] | None = None,
        ablate: Collection[tuple[int, int]] = (),
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield the embedding and None, then each layer's hidden states and attention weights.

        Arguments and errors are those of :meth:`forward`. Nothing is kept: for long batches.
        """
        ablate = _check_heads(ablate, self.config)
        x = self.embed(ids)
        yield x, None
        for number, layer in enumerate(self.layers):
            x, weights = layer(x, mask, {head for at, head in ablate if at == number})
            yield x, weights

    def embed(self, ids: Int[Tensor, "*batch tokens"]) -> Float[Tensor, "*batch tokens width"]:
        """Return the normalised sum of word, position and segment embeddings, :math:`X_0`."""
        _check_ids(ids, self.config)
        x = self.words[ids] + self.positions[: ids.shape[-1]] + self.segment
        return layer_norm(x, self.gain, self.bias, self.config.eps)


def _matrix(rows, columns):
    return nn.Parameter(INITIAL_DEVIATION * torch.randn(rows, columns))


def _vector(size, value=0.0):
    return nn.Parameter(torch.full((size,), value))


def _check_ids(ids, config):
    if not isinstance(ids, Tensor) or ids.is_floating_point() or ids.dtype == torch.bool:
        came = ids.dtype if isinstance(ids, Tensor) else type(ids).__name__
        raise ValueError(f"ids is of type {came}; allowed: a torch tensor of whole numbers")
    if ids.ndim < 1 or ids.numel() == 0 or ids.shape[-1] > config.context:
        raise ValueError(
            f"ids has shape {tuple(ids.shape)}; allowed: (tokens,) or (batch, tokens) with 1 to "
            f"{config.context} tokens"
        )
    if ids.min() < 0 or ids.max() >= config.vocabulary:
        raise ValueError(
            f"ids go from {ids.min()} to {ids.max()}; allowed: 0 to {config.vocabulary - 1}"
        )


def _check_heads(ablate, config):
    allowed = f"pairs (layer, head) from (0, 0) to ({config.layers - 1}, {config.heads - 1})"
    pairs = set()
    for pair in ablate:
        try:
            layer, head = pair
        except (TypeError, ValueError):
            raise ValueError(f"ablate has {pair!r}; allowed: {allowed}") from None
        if layer not in range(config.layers) or head not in range(config.heads):
            raise ValueError(f"ablate has {pair!r}; allowed: {allowed}")
        pairs.add((int(layer), int(head)))
    return pairs
