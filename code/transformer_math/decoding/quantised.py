r"""A cache that keeps old keys and values in 8 or 4 bits."""

from typing import Any

import torch
from torch import Tensor

from ..arrays import Float, whole
from .cache import Cache, named, whole_capacity

BITS = (8, 4)


def quantise(
    x: Float[Tensor, "*shape"], bits: int = 8, axis: int = -1
) -> tuple[Tensor, Float[Tensor, "..."], Float[Tensor, "..."]]:
    r"""Round numbers to equally spaced levels between the least and the greatest.

    .. math:: c = \operatorname{round}\Bigl(\frac{x - z}{\Delta}\Bigr), \qquad z = \min x, \qquad
              \Delta = \frac{\max x - \min x}{2^b - 1}, \qquad
              |x - (z + c \Delta)| \le \frac{\Delta}{2}

    Parameters
    ----------
    x : finite numbers.
    bits : b, 8 or 4.
    axis : the dimension whose numbers share one scale.

    Returns
    -------
    Codes c (uint8, from 0 to 2^b - 1), :math:`\Delta` and z, these with size 1 along ``axis``.
    Where all numbers are equal, :math:`\Delta` is 0 and nothing is lost.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point tensor or not finite, ``bits`` is neither 8 nor 4, or
        ``axis`` is not a dimension of ``x`` or empty.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        came = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x is of type {came}; allowed: a floating-point torch tensor")
    check_bits(bits)
    if not -x.ndim <= axis < x.ndim or x.shape[axis] == 0:
        raise ValueError(f"axis is {axis}; allowed: a dimension of {tuple(x.shape)}, not empty")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("x has NaN or infinity; allowed: finite numbers")
    z, top = torch.aminmax(x, dim=axis, keepdim=True)
    step = (top - z) / (2**bits - 1)
    codes = torch.round((x - z) / torch.where(step == 0, 1.0, step))
    return codes.clamp(0, 2**bits - 1).to(torch.uint8), step, z


def dequantise(
    codes: Tensor, step: Float[Tensor, "..."], z: Float[Tensor, "..."]
) -> Float[Tensor, "*shape"]:
    r"""Return the levels that codes stand for.

    .. math:: \hat x = z + c \Delta

    Parameters
    ----------
    codes, step, z : what :func:`quantise` returned; codes are not packed.

    Raises
    ------
    ValueError
        If ``codes`` are not whole numbers, or ``step`` and ``z`` not of one floating-point dtype.
    """
    if codes.is_floating_point():
        raise ValueError(f"codes have dtype {codes.dtype}; allowed: whole numbers")
    if not step.is_floating_point() or step.dtype != z.dtype:
        raise ValueError(f"step and z have dtypes {step.dtype}, {z.dtype}; allowed: one, floating")
    return z + codes.to(z.dtype) * step


class QuantisedCache(Cache):
    r"""Rounds all but the most recent tokens to :math:`2^b` levels.

    The oldest ``group`` tokens outside the residual are rounded as soon as there are so many: keys
    a channel at a time (a scale for each channel of the group), since a few channels of keys are
    large for all tokens; values a token at a time (a scale for each token). Until then they are
    kept as they came, and a pass sees its own tokens as they are. The error of an entry is at most
    :math:`\Delta / 2`, half a step of its own scale.

    Parameters
    ----------
    config : of the model.
    bits : b, 8 or 4; two 4-bit codes share a byte.
    group : tokens that are rounded at once.
    residual : most recent tokens that are never rounded.
    batch : number of texts.
    capacity : in tokens; the model's context by default.
    dtype, device : those of the model; scales have this dtype.

    Raises
    ------
    ValueError
        If an argument is not as said, or the head width is odd with 4 bits.

    Source: Liu et al. (2024), https://arxiv.org/abs/2402.02750
    """

    def __init__(
        self,
        config: Any,
        bits: int = 8,
        group: int = 32,
        residual: int = 0,
        batch: int = 1,
        capacity: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: Any = None,
    ):
        super().__init__(config, batch, dtype, device)
        self.bits, self.group = check_bits(bits), whole("group", group)
        self.residual = whole("residual", residual, least=0)
        self.capacity = whole_capacity(config, capacity)
        L, b, h, w = config.layers, self.batch, config.kv_heads, config.head_width
        if bits == 4 and w % 2:
            raise ValueError(f"bits is 4 with heads of width {w}; allowed: an even width")
        groups = self.capacity // self.group
        packed = (L, b, h, groups, self.group, w * bits // 8)
        self.key_codes, self.value_codes = (self._empty(*packed, dtype=torch.uint8) for _ in "kv")
        self.key_scales = self._empty(2, L, b, h, groups, 1, w)  # steps, then least values
        self.value_scales = self._empty(2, L, b, h, groups, self.group, 1)
        nothing = self._empty(b, h, 0, w)
        self._tail = [(nothing, nothing)] * L
        self._staged = list(self._tail)

    @property
    def room(self) -> int:
        """How many more tokens fit."""
        return self.capacity - self.length

    @property
    def rewindable(self) -> int:
        """How many tokens can be taken back at any time: those of the residual."""
        return self.residual

    @property
    def quantised(self) -> int:
        """Number of tokens that are rounded."""
        return self.length - self._tail[0][0].shape[-2]

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that the cache keeps, by name."""
        kept = {
            "key codes": self.key_codes,
            "value codes": self.value_codes,
            "key scales": self.key_scales,
            "value scales": self.value_scales,
        }
        recent = named("recent keys", "recent values", enumerate(self._tail))
        return kept | recent | self.cross_tensors()

    def truncate(self, length: int) -> None:
        """Forget all tokens from number ``length`` on, if those kept as they came reach so far.

        Raises
        ------
        ValueError
            If ``length`` is not a whole number from the number of rounded tokens to that of tokens
            read.
        """
        if self._shorter(length) < self.quantised:
            raise ValueError(
                f"length is {length}; allowed: from {self.quantised}, the tokens that are rounded "
                f"in groups, to {self.length}"
            )
        super().truncate(length)

    def _begin(self, n):
        self._check_room(n)
        self._staged = list(self._tail)
        self._key_positions = torch.arange(self.length + n, device=self.device)

    def _write(self, layer, k, v):
        self._staged[layer] = tuple(
            torch.cat((old, new), dim=-2)
            for old, new in zip(self._tail[layer], (k, v), strict=True)
        )
        groups = self.quantised // self.group
        if not groups:
            return self._staged[layer]
        rounded = (
            self._rounded(codes[layer, :, :, :groups], scales[:, layer, :, :, :groups])
            for codes, scales in (
                (self.key_codes, self.key_scales),
                (self.value_codes, self.value_scales),
            )
        )
        return tuple(
            torch.cat(pair, dim=-2) for pair in zip(rounded, self._staged[layer], strict=True)
        )

    def _rounded(self, codes, scales):
        codes = unpack(codes) if self.bits == 4 else codes
        return dequantise(codes, *scales).flatten(2, 3)

    def _commit(self, n):
        tail = self._staged[0][0].shape[-2]
        groups = max(tail - self.residual, 0) // self.group
        first, tokens = self.quantised // self.group, groups * self.group
        if groups:
            # All layers are rounded before one is written: a key that is not finite is an error.
            rounded = [
                [
                    quantise(x[:, :, :tokens].unflatten(2, (groups, self.group)), self.bits, axis)
                    for x, axis in zip(pair, (-2, -1), strict=True)
                ]
                for pair in self._staged
            ]
            place = (slice(None), slice(None), slice(first, first + groups))
            for layer, pair in enumerate(rounded):
                for (codes, step, z), all_codes, scales in zip(
                    pair,
                    (self.key_codes, self.value_codes),
                    (self.key_scales, self.value_scales),
                    strict=True,
                ):
                    all_codes[layer][place] = pack(codes) if self.bits == 4 else codes
                    scales[0, layer][place], scales[1, layer][place] = step, z
            # Copies, so that what was rounded is not kept alive beneath a view.
            self._staged = [tuple(x[:, :, tokens:].clone() for x in pair) for pair in self._staged]
        self._tail = list(self._staged)
        self.length += n

    def _cut(self, length):
        recent = length - self.quantised
        self._tail = [tuple(x[:, :, :recent] for x in pair) for pair in self._tail]
        self._staged = list(self._tail)
        self.length = length


def pack(codes: Tensor) -> Tensor:
    """Put two neighbouring 4-bit codes into one byte."""
    return codes[..., ::2] | codes[..., 1::2] << 4


def unpack(packed: Tensor) -> Tensor:
    """Take two 4-bit codes out of each byte."""
    return torch.stack((packed & 15, packed >> 4), dim=-1).flatten(-2)


def check_bits(bits: int) -> int:
    """Raise a ValueError unless ``bits`` is 8 or 4."""
    if bits not in BITS or isinstance(bits, bool):
        raise ValueError(f"bits is {bits!r}; allowed: 8 or 4")
    return bits
