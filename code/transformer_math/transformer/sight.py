"""Who sees whom in one pass through the layers, and how position enters: all by position alone."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..arrays import Bool, Float, Int
from ..positions.relative import alibi_bias, t5_bias
from ..positions.rotary import rotary_table, turn
from .config import TransformerConfig


class _Keys(NamedTuple):
    """What follows from where the keys are; layers that see the same keys share it."""

    positions: Tensor
    mask: Tensor | None
    bias: Tensor | None
    turned: tuple[Tensor, Tensor] | None


class Sight:
    """Turns queries and keys, adds what a cache holds, and says who sees whom.

    Parameters
    ----------
    config : of the layers; it says what positions do.
    causal : whether a token sees only itself and those before it.
    bias_table : the T5 bias that all layers share, or None.
    x : what enters them, for its dtype and device.
    positions : of the tokens, ``(n,)`` or ``(batch, n)``.
    mask : Boolean, a further condition, or None.
    cache : of a decoder, or None.
    """

    def __init__(
        self,
        config: TransformerConfig,
        causal: bool,
        bias_table: Tensor | None,
        x: Float[Tensor, "batch n d"],
        positions: Int[Tensor, "*position_batch n"],
        mask: Bool[Tensor, "..."] | None,
        cache: Any = None,
    ):
        self.config, self.causal, self.bias_table = config, causal, bias_table
        self.x, self.positions, self.mask, self.cache = x, positions, mask, cache
        self.turned = self._cos_sin(positions)
        self.keys: _Keys | None = None

    def look(
        self,
        layer: int,
        q: Float[Tensor, "batch h n w"],
        k: Float[Tensor, "batch kv n w"],
        v: Float[Tensor, "batch kv n w"],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
        """Return queries, all keys and values, and the mask and bias between them."""
        cache, rotary = self.cache, self.turned is not None
        if rotary:
            q = turn(q, *self.turned)
        if rotary and (cache is None or cache.rotated):
            k = turn(k, *self.turned)
        positions = self.positions
        if cache is not None:
            k, v, positions = cache.extend(layer, k, v)
        keys = self._at(positions)
        if rotary and cache is not None and not cache.rotated:
            k = turn(k, *keys.turned)
        return q, k, v, keys.mask, keys.bias

    def _at(self, positions):
        positions = torch.as_tensor(positions, device=self.x.device)
        if self.keys is None or not torch.equal(self.keys.positions, positions):
            unturned = self.cache is not None and not self.cache.rotated
            real = positions.clamp(min=0)  # -1 marks an empty slot, which the mask hides
            turned = self._cos_sin(real) if unturned else None
            self.keys = _Keys(positions, self._mask(positions), self._bias(real), turned)
        return self.keys

    def _cos_sin(self, positions):
        """Cosines and sines of all angles, if positions are rotary."""
        if self.config.positions != "rotary":
            return None
        if self.config.rope.kind != "dynamic":
            return self._table(positions, None)
        # The frequencies follow the length of the text: in a batch, of each text its own.
        lengths = (self.positions.amax(dim=-1) + 1).reshape(-1).tolist()
        if len(set(lengths)) == 1:
            return self._table(positions, lengths[0])
        rows = positions.expand(len(lengths), -1)
        tables = [self._table(*text) for text in zip(rows, lengths, strict=True)]
        cos, sin = (torch.stack(parts) for parts in zip(*tables, strict=True))
        return cos, sin

    def _table(self, positions, length):
        rope, width = self.config.rope, self.config.head_width
        frequencies = rope.frequencies(width, self.config.rope_base, length)
        return rotary_table(positions, frequencies, rope.attention_factor, like=self.x)

    def _mask(self, key_positions):
        if not self.causal:
            return self.mask
        q, k = self.positions[..., :, None], key_positions[..., None, :]
        seen = (k >= 0) & (k <= q)
        if self.config.window is not None:
            seen = seen & (q - k < self.config.window)
        if seen.ndim == 3:
            seen = seen[:, None]  # a batch: all heads alike
        return seen if self.mask is None else seen & self.mask

    def _bias(self, key_positions):
        if self.config.positions not in ("alibi", "t5"):
            return None
        batch = torch.broadcast_shapes(self.positions.shape[:-1], key_positions.shape[:-1])
        q, k = self.positions.expand(*batch, -1), key_positions.expand(*batch, -1)
        if self.config.positions == "alibi":
            return alibi_bias(self.config.heads, q, k, like=self.x)
        return t5_bias(self.bias_table, q, k, not self.causal, self.config.max_distance)
