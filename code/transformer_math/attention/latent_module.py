r"""Multi-head latent attention whose weights are learned, and its cache."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..arrays import Bool, Float, Int, Number, at_least, is_finite, namespace, positive, whole
from ..networks.norm import rms_norm
from ..positions.rotary import LAYOUTS, even, rotate
from ..positions.scaling import RopeScaling
from .latent import absorbed_latent_attention, explicit_latent_attention
from .multihead import merge_heads, split_heads


class LatentCache(NamedTuple):
    r"""What :class:`LatentAttention` keeps of the tokens it has seen.

    Parameters
    ----------
    latent : c, normalised, ``(..., keys, latent width)``.
    k_rotary : :math:`k^R`, rotated, ``(..., keys, rotary width)``; one for all heads.
    """

    latent: Float[Tensor, "*batch keys latent_width"]
    k_rotary: Float[Tensor, "*batch keys rotary_width"]


class LatentAttention(nn.Module):
    r"""Attention whose keys and values come from one latent a token, with separate rotary keys.

    .. math:: \begin{aligned}
        c^{KV} &= \operatorname{RMSNorm}(X W_{DKV}), & k^R &= \operatorname{RoPE}(X W_{KR}), \\
        c^Q &= \operatorname{RMSNorm}(X W_{DQ}), & q &= c^Q W_{UQ}, \quad
            q^R = \operatorname{RoPE}(c^Q W_{QR}), \\
        o^h &= \operatorname{softmax}\Bigl( \frac{q^h (c^{KV} W_{UK}^h)^\top + q^{R,h} k^{R\top}}
            {\sqrt{d_h + d_R}} \Bigr)\, c^{KV} W_{UV}^h, &
        \operatorname{MLA}(X) &= [\, o^1 \mid \dots \mid o^h \,]\, W_O
        \end{aligned}

    Without ``query_latent_width``, X stands in the place of :math:`c^Q`.

    Parameters
    ----------
    width : d, of the tokens that come and go.
    heads : h.
    key_width : :math:`d_h`, of one head's content keys.
    latent_width : :math:`d_c`, of the latents of keys and values.
    rotary_width : :math:`d_R`, even, of the rotated part of queries and keys.
    value_width : :math:`d_v`, of one head's values; that of keys by default.
    query_latent_width : width of the queries' latents; None leaves queries uncompressed.
    base : b > 1, of the rotary frequencies.
    layout : ``"interleaved"``, as in DeepSeek's weights, or ``"half"``.
    scaling : a :class:`~transformer_math.positions.scaling.RopeScaling` for long contexts, of any
        kind but dynamic. Its attention factor multiplies the rotary parts only.
    scale : what the scores are multiplied by, instead of :math:`1/\sqrt{d_h + d_R}`.
    eps : of the two norms.

    All weights have shape (d_in, d_out) and start with variance 2 / (d_in + d_out); the gains of
    the norms start at 1.

    Raises
    ------
    ValueError
        If a count is not a whole number of at least 1, ``rotary_width`` is odd, or an option is
        not as said.

    Source: DeepSeek-AI (2024), https://arxiv.org/abs/2405.04434
    """

    def __init__(
        self,
        width: int,
        heads: int,
        key_width: int,
        latent_width: int,
        rotary_width: int,
        value_width: int | None = None,
        query_latent_width: int | None = None,
        *,
        base: Number = 10000.0,
        layout: str = "interleaved",
        scaling: RopeScaling | None = None,
        scale: Number | None = None,
        eps: Number = 1e-6,
    ):
        super().__init__()
        self.width, self.heads = whole("width", width), whole("heads", heads)
        self.key_width = whole("key_width", key_width)
        self.latent_width = whole("latent_width", latent_width)
        self.rotary_width = even("rotary_width", rotary_width)
        self.value_width = key_width if value_width is None else whole("value_width", value_width)
        if layout not in LAYOUTS:
            raise ValueError(f"layout is {layout!r}; allowed: 'half' or 'interleaved'")
        if scale is not None and not is_finite(scale):
            raise ValueError(f"scale is {scale!r}; allowed: a finite number or None")
        if scaling is not None and not isinstance(scaling, RopeScaling):
            raise ValueError(f"scaling is a {type(scaling).__name__}; allowed: RopeScaling or None")
        self.base, self.layout, self.scale, self.eps = base, layout, scale, positive("eps", eps)
        self.scaling = RopeScaling() if scaling is None else scaling
        if self.scaling.kind == "dynamic":
            raise ValueError(
                "scaling has kind 'dynamic'; allowed: one whose frequencies stay the same, since "
                "the cache holds rotated keys"
            )
        self.scaling.frequencies(rotary_width, base)  # base and width are good for it

        queries_from = width
        self.register_parameter("w_dq", None)
        self.register_parameter("q_gain", None)
        if query_latent_width is not None:
            queries_from = whole("query_latent_width", query_latent_width)
            self.w_dq = _glorot(width, queries_from)
            self.q_gain = nn.Parameter(torch.ones(queries_from))
        self.w_uq = _glorot(queries_from, heads * key_width)
        self.w_qr = _glorot(queries_from, heads * rotary_width)
        self.w_dkv = _glorot(width, latent_width)
        self.kv_gain = nn.Parameter(torch.ones(latent_width))
        self.w_kr = _glorot(width, rotary_width)
        self.w_uk = _glorot(latent_width, heads * key_width)
        self.w_uv = _glorot(latent_width, heads * self.value_width)
        self.w_o = _glorot(heads * self.value_width, width)

    def forward(
        self,
        x: Float[Tensor, "*batch queries d"],
        mask: Bool[Tensor, "..."] | None = None,
        cache: LatentCache | None = None,
        absorbed: bool = False,
    ) -> tuple[
        Float[Tensor, "*batch queries d"], Float[Tensor, "*batch h queries keys"], LatentCache
    ]:
        r"""Attend from the tokens ``x`` to themselves and to what the cache holds.

        Parameters
        ----------
        x : tokens, at the positions that follow those of the cache.
        mask : Boolean, True where the query may attend; broadcasts to the shape of the weights.
            ``causal_mask(queries, keys)`` for a decoder.
        cache : what an earlier call returned, or None at the beginning of the sequence.
        absorbed : which of the two forms computes it.

        Returns
        -------
        output : a vector for each of ``x``.
        weights : of every head.
        cache : of all tokens so far; the one given is left as it was.

        Raises
        ------
        ValueError
            If ``x``, ``mask`` or ``cache`` do not fit.
        """
        namespace(x=x, w_o=self.w_o)
        at_least("x", x, 2, "(..., positions, width)")
        if x.shape[-1] != self.width:
            raise ValueError(f"x has width {x.shape[-1]}; allowed: {self.width}")
        seen = 0 if cache is None else self._check_cache(cache, x)
        positions = torch.arange(seen, seen + x.shape[-2], device=x.device)
        q, q_rotary = self.queries(x, positions)
        new = self.compress(x, positions)
        if cache is not None:
            new = LatentCache(*(torch.cat(pair, dim=-2) for pair in zip(cache, new, strict=True)))
        attend = absorbed_latent_attention if absorbed else explicit_latent_attention
        output, weights = attend(q, q_rotary, *new, self.w_uk, self.w_uv, mask, self.scale)
        return merge_heads(output) @ self.w_o, weights, new

    def queries(
        self, x: Float[Tensor, "*batch queries d"], positions: Int[Tensor, "queries"]
    ) -> tuple[
        Float[Tensor, "*batch h queries key_width"], Float[Tensor, "*batch h queries rotary_width"]
    ]:
        """Content queries, and queries turned by their positions, of every head."""
        c = x if self.w_dq is None else rms_norm(x @ self.w_dq, self.q_gain, self.eps)
        q_rotary = self._rotate(split_heads(c @ self.w_qr, self.heads), positions)
        return split_heads(c @ self.w_uq, self.heads), q_rotary

    def compress(
        self, x: Float[Tensor, "*batch keys d"], positions: Int[Tensor, "keys"]
    ) -> LatentCache:
        """What these tokens leave behind: all that keys and values of every head are made of."""
        latent = rms_norm(x @ self.w_dkv, self.kv_gain, self.eps)
        return LatentCache(latent, self._rotate(x @ self.w_kr, positions))

    def extra_repr(self) -> str:
        """Show the sizes when the module is printed."""
        return (
            f"width={self.width}, heads={self.heads}, key_width={self.key_width}, "
            f"latent_width={self.latent_width}, rotary_width={self.rotary_width}, "
            f"value_width={self.value_width}"
        )

    def _rotate(self, x, positions):
        frequencies = self.scaling.frequencies(self.rotary_width, self.base)
        return rotate(x, positions, frequencies, self.layout, self.scaling.attention_factor)

    def _check_cache(self, cache, x):
        """Return the number of tokens in the cache, or raise a ValueError."""
        if not isinstance(cache, LatentCache):
            raise ValueError(f"cache is a {type(cache).__name__}; allowed: a LatentCache or None")
        widths = {"latent": self.latent_width, "k_rotary": self.rotary_width}
        for (name, width), array in zip(widths.items(), cache, strict=True):
            namespace(x=x, **{name: array})
            fits = array.ndim == x.ndim and array.shape[:-2] == x.shape[:-2]
            if not fits or array.shape[-1] != width:
                raise ValueError(
                    f"cache.{name} has shape {tuple(array.shape)}; allowed: {tuple(x.shape[:-2])} "
                    f"+ (keys, {width})"
                )
        if cache[0].shape[-2] != cache[1].shape[-2]:
            raise ValueError(
                f"cache.k_rotary has {cache[1].shape[-2]} keys; allowed: those of cache.latent, "
                f"{cache[0].shape[-2]}"
            )
        return cache[0].shape[-2]


def _glorot(d_in: int, d_out: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(d_in, d_out)))
