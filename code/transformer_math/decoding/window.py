"""A cache of bounded size: the first few tokens and the last many."""

from typing import Any

import torch
from torch import Tensor

from ..arrays import Int, whole
from .cache import Cache, longest, named


class WindowCache(Cache):
    r"""Keeps the first s tokens, the attention sinks, and the last w; gives up those between.

    .. math:: \text{bytes} \le 2 \cdot L \cdot B \cdot h_{kv} \cdot (s + w) \cdot d_h \cdot
              \text{bytes of an element}

    A query looks at the sinks and the last w tokens, itself included. Tokens that are read in one
    pass also see each other and the w - 1 before, so a text read at once sees more than one read
    token by token, unless the model itself has a window of at most w; then the cache is exact.

    Parameters
    ----------
    config : of the model.
    window : w, in tokens.
    sinks : s, in tokens.
    positions : "absolute", a token keeps its position in the text; or "cache", tokens are numbered
        by their place among those the query sees, so that no distance exceeds what the model was
        trained on. Keys are then kept unrotated and turned anew at every step. Models that add
        positions to the embeddings allow "absolute" alone.
    batch : number of texts.
    dtype, device : those of the model.

    Raises
    ------
    ValueError
        If an argument is not as said.

    Source: Xiao et al. (2024), https://arxiv.org/abs/2309.17453
    """

    def __init__(
        self,
        config: Any,
        window: int,
        sinks: int = 0,
        positions: str = "absolute",
        batch: int = 1,
        dtype: torch.dtype = torch.float32,
        device: Any = None,
    ):
        super().__init__(config, batch, dtype, device)
        self.window, self.sinks = whole("window", window), whole("sinks", sinks, least=0)
        added = config.positions in ("learned", "sinusoidal")
        allowed = ("absolute",) if added else ("absolute", "cache")
        if positions not in allowed:
            raise ValueError(
                f"positions is {positions!r}; allowed: {' or '.join(map(repr, allowed))} where "
                f"those of the model are {config.positions!r}"
            )
        self.positions = positions
        self.rotated = positions == "absolute"
        nothing = self._empty(self.batch, config.kv_heads, 0, config.head_width)
        self._kept = [(nothing, nothing)] * config.layers
        self._staged = list(self._kept)

    @property
    def held(self) -> int:
        """Number of tokens kept, at most sinks + window."""
        return self._kept[0][0].shape[-2]

    @property
    def room(self) -> int | None:
        """How many more tokens can be read: no bound but a model's learned positions."""
        most = longest(self.config)
        return None if most is None else most - self.length

    @property
    def rewindable(self) -> int:
        """How many tokens can be taken back at any time: none, once one has been given up."""
        return 0

    def held_positions(self) -> Int[Tensor, "held"]:
        """Return the place in the text of each token that is kept."""
        return self._last_seen(self.held, self.length)

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that the cache keeps, by name."""
        return named("keys", "values", enumerate(self._kept)) | self.cross_tensors()

    def truncate(self, length: int) -> None:
        """Forget all tokens from number ``length`` on, while the cache still has all it would need.

        Raises
        ------
        ValueError
            If ``length`` is not a whole number from 0 to the number of tokens read, or tokens have
            been given up already.
        """
        if self._shorter(length) < self.length and self.held < self.length:
            raise ValueError(
                f"length is {length}; allowed: {self.length}, since tokens after the sinks have "
                "been given up and cannot come back"
            )
        super().truncate(length)

    def _last_seen(self, held, length):
        """Positions of the sinks and of the most recent tokens, ``held`` in all."""
        sinks = min(self.sinks, held)
        return torch.cat(
            (
                torch.arange(sinks, device=self.device),
                torch.arange(length - held + sinks, length, device=self.device),
            )
        )

    def _next(self, n):
        if self.positions == "absolute":
            return super()._next(n)
        first = min(self.held, self.sinks + self.window - 1)
        return torch.arange(first, first + n, device=self.device)

    def _begin(self, n):
        self._check_room(n)
        self._staged = list(self._kept)
        seen = min(self.held, self.sinks + self.window - 1)
        if self.positions == "cache":
            self._key_positions = torch.arange(seen + n, device=self.device)
        else:
            old = self._last_seen(seen, self.length)
            new = torch.arange(self.length, self.length + n, device=self.device)
            self._key_positions = torch.cat((old, new))

    def _write(self, layer, k, v):
        old = (self._thin(x, self.window - 1) for x in self._kept[layer])
        pair = tuple(torch.cat((*x, y), dim=-2) for x, y in zip(old, (k, v), strict=True))
        self._staged[layer] = pair
        return pair

    def _thin(self, x, recent):
        """The sinks and the ``recent`` last of some vectors: one tensor, or two."""
        if x.shape[-2] <= self.sinks + recent:
            return (x,)
        return x[:, :, : self.sinks], x[:, :, x.shape[-2] - recent :]

    def _commit(self, n):
        kept = self._staged
        if kept[0][0].shape[-2] > self.sinks + self.window:
            kept = [tuple(torch.cat(self._thin(x, self.window), -2) for x in p) for p in kept]
        self._kept, self._staged = kept, list(kept)
        self.length += n

    def _cut(self, length):
        self._kept = [tuple(x[:, :, :length] for x in pair) for pair in self._kept]
        self._staged = list(self._kept)
        self.length = length
