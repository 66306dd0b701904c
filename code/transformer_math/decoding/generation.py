r"""Token by token: the loop around a model, with a cache or without."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..arrays import Bool, Float, Int, Number, whole
from ..probability.softmax import softmax
from .cache import Cache, ContiguousCache, stands
from .sampling import apply_temperature, min_p, sample, top_k, top_p

Logits = Float[Tensor, "batch vocabulary"]


@dataclass(frozen=True)
class Sampler:
    r"""Draw the next token: temperature, then top-k, top-p and min-p, in this order.

    Parameters
    ----------
    temperature : T > 0.
    top_k, top_p, min_p : of the filters of these names; None leaves one out.

    Raises
    ------
    ValueError
        If a number is not as the filters allow.
    """

    temperature: Number = 1.0
    top_k: int | None = None
    top_p: Number | None = None
    min_p: Number | None = None

    def __post_init__(self):
        self.filtered(torch.zeros(1))  # the filters know what they allow

    def filtered(self, logits: Float[Tensor, "*batch vocabulary"]) -> Float[Tensor, "..."]:
        """Return the logits with :math:`-\\infty` for what is ruled out."""
        logits = apply_temperature(logits, self.temperature)
        for name, keep, value in (
            ("top_k", top_k, self.top_k),
            ("top_p", top_p, self.top_p),
            ("min_p", min_p, self.min_p),
        ):
            if value is not None:
                try:
                    logits = keep(logits, value)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        return logits

    def probabilities(self, logits: Float[Tensor, "*batch vocabulary"]) -> Float[Tensor, "..."]:
        """Return what the next token is drawn from."""
        return softmax(self.filtered(logits))

    def __call__(self, logits: Logits, generator: Any = None) -> Int[Tensor, "batch"]:
        """Return a token for each row of logits."""
        return sample(self.probabilities(logits), generator)


class Greedy:
    """Take the most likely token; of several, the one of lowest id."""

    def probabilities(self, logits: Float[Tensor, "*batch vocabulary"]) -> Float[Tensor, "..."]:
        """Return a distribution that leaves no choice."""
        chosen = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits).scatter_(-1, chosen, 1.0)

    def __call__(self, logits: Logits, generator: Any = None) -> Int[Tensor, "batch"]:
        """Return a token for each row of logits."""
        return logits.argmax(dim=-1)


greedy = Greedy()


@dataclass(frozen=True, eq=False)
class Chosen:
    """One step of generation: the model's logits for the next token, and the token taken.

    ``logits`` are ``(vocabulary,)`` and ``token`` a number, or with a batch ``(batch, vocabulary)``
    and ``(batch,)``. ``probabilities`` are the model's own, before any filter; a sampler's
    ``probabilities(step.logits)`` says what it drew from.
    """

    token: Int[Tensor, "*batch"]
    logits: Float[Tensor, "*batch vocabulary"]

    @property
    def probabilities(self) -> Float[Tensor, "*batch vocabulary"]:
        """Softmax of the logits."""
        return softmax(self.logits)


def steps(
    model: Any,
    ids: Int[Tensor, "*batch n"],
    tokens: int,
    *,
    sampler: Callable[[Tensor, Any], Tensor] = greedy,
    cache: Cache | bool | None = None,
    stop: int | Collection[int] | None = None,
    memory: Float[Tensor, "*memory_batch memory d"] | None = None,
    memory_mask: Bool[Tensor, "..."] | None = None,
    generator: torch.Generator | None = None,
    chunk: int | None = None,
) -> Iterator[Chosen]:
    """Generate token by token, and yield each with the logits it was chosen by.

    Arguments and errors are those of :func:`generate`; errors are raised at once, before the first
    token is asked for.
    """
    single = _check(model, ids, tokens, memory)
    if not callable(sampler):
        raise ValueError(f"sampler is {sampler!r}; allowed: greedy, a Sampler or another function")
    if generator is not None and not isinstance(generator, torch.Generator):
        raise ValueError(f"generator is {generator!r}; allowed: a torch.Generator or None")
    stops = _stops(stop, model.config.vocabulary)
    cache = _cache(model, ids, tokens, cache)
    if chunk is not None:
        whole("chunk", chunk)
    given = {} if memory is None else {"memory": memory, "memory_mask": memory_mask}
    ids = ids[None] if single else ids
    rows = _loop(model, ids, tokens, sampler, cache, stops, given, generator, chunk)
    return (Chosen(token[0], logits[0]) if single else Chosen(token, logits)
            for token, logits in rows)  # fmt: skip


def generate(
    model: Any,
    ids: Int[Tensor, "*batch n"],
    tokens: int,
    *,
    sampler: Callable[[Tensor, Any], Tensor] = greedy,
    cache: Cache | bool | None = None,
    stop: int | Collection[int] | None = None,
    memory: Float[Tensor, "*memory_batch memory d"] | None = None,
    memory_mask: Bool[Tensor, "..."] | None = None,
    generator: torch.Generator | None = None,
    chunk: int | None = None,
    progress: bool = False,
) -> Int[Tensor, "*batch tokens"]:
    r"""Continue a text.

    .. math:: x_{t+1} \sim \pi\bigl(\cdot \mid f(x_1, \dots, x_t)\bigr)

    with f the model and :math:`\pi` the sampler. With a cache the model reads every token once;
    without, all of them at every step. The tokens are the same (but for rounding, should two be
    equally likely). Where they would not be, with dynamic NTK beyond its original context, there is
    no cache, and one that is given is refused.

    Parameters
    ----------
    model : a decoder-only or encoder-decoder Transformer, in ``eval`` mode.
    ids : tokens to begin with, ``(n,)`` or ``(batch, n)``; of an encoder-decoder, those of its
        decoder. With a cache that holds tokens already, those that follow them.
    tokens : how many to generate at most.
    sampler : ``greedy``, a :class:`Sampler`, or a function of logits ``(batch, vocabulary)`` and
        generator that returns ids ``(batch,)``.
    cache : a cache to read into; None for one made to measure, False for none, True to insist on
        one. It ends up holding all tokens but the last.
    stop : an id, or several, after which a text ends.
    memory, memory_mask : what the encoder of an encoder-decoder returned, and which of it is
        padding. A cache keeps the keys and values of the first memory it meets.
    generator : of the sampler's random numbers.
    chunk : read the beginning in pieces of so many tokens; all at once by default.
    progress : whether to show a bar.

    Returns
    -------
    The new tokens, without the beginning. A text of a batch that has ended is filled up with the
    token it ended on until all have.

    Raises
    ------
    ValueError
        If the model is an encoder, ``ids`` are not whole numbers of its vocabulary or too many
        together with ``tokens``, the batch or dtype is not that of the cache, a cache would change
        what the model says, or another argument is not as said. The cache is then as it was.
    """
    chosen = steps(
        model, ids, tokens, sampler=sampler, cache=cache, stop=stop, memory=memory,
        memory_mask=memory_mask, generator=generator, chunk=chunk,
    )  # fmt: skip
    if progress:
        from tqdm.auto import tqdm

        chosen = tqdm(chosen, total=tokens, desc="Tokens", leave=False)
    return torch.stack([step.token for step in chosen], dim=-1)


@torch.no_grad()
def _loop(model, ids, tokens, sampler, cache, stops, given, generator, chunk):
    ended = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    unread = ids
    for number in range(tokens):
        if cache is None:
            logits = model(ids, **given)[:, -1]
        else:
            logits = read(model, unread, cache, chunk, **given)
        token = sampler(logits, generator)
        if stops is not None:
            if number:
                token = torch.where(ended, ids[:, -1], token)
            ended |= torch.isin(token, stops)
        unread = token[:, None]
        if cache is None or stops is not None:
            ids = torch.cat((ids, unread), dim=1)
        yield token, logits
        if stops is not None and bool(ended.all()):
            return


def read(
    model: Any, ids: Int[Tensor, "batch n"], cache: Cache, chunk: int | None = None, **given: Any
) -> Logits:
    """Read tokens into a cache, in pieces of ``chunk``; return the logits after the last."""
    for piece in ids.split(chunk or ids.shape[1], dim=1):
        logits = model(piece, cache=cache, **given)
    return logits[:, -1]


def _check(model, ids, tokens, memory):
    """Return whether there is no batch, if model, ids and memory can be used."""
    kind = getattr(getattr(model, "config", None), "kind", None)
    if kind not in ("decoder", "encoder-decoder"):
        raise ValueError(
            f"model is of kind {kind or type(model).__name__!r}; allowed: a Transformer of kind "
            "'decoder' or 'encoder-decoder'"
        )
    if model.config.head == "none":
        raise ValueError("model has no head; allowed: one that gives logits")
    whole("tokens", tokens)
    if (memory is None) != (kind == "decoder"):
        came = "missing" if memory is None else "given"
        raise ValueError(f"memory is {came}; allowed: what model.encode returned, if it has one")
    check_ids(ids, model.config.vocabulary)
    return ids.ndim == 1


def check_ids(ids: Tensor, vocabulary: int) -> None:
    """Raise a ValueError unless ``ids`` are ``(n,)`` or ``(batch, n)`` of the vocabulary."""
    if not isinstance(ids, Tensor) or ids.is_floating_point() or ids.dtype == torch.bool:
        came = ids.dtype if isinstance(ids, Tensor) else type(ids).__name__
        raise ValueError(f"ids are of type {came}; allowed: a torch tensor of whole numbers")
    if ids.ndim not in (1, 2) or ids.numel() == 0:
        raise ValueError(
            f"ids have shape {tuple(ids.shape)}; allowed: (n,) or (batch, n), at least one"
        )
    if int(ids.min()) < 0 or int(ids.max()) >= vocabulary:
        raise ValueError(
            f"ids go from {int(ids.min())} to {int(ids.max())}; allowed: 0 to {vocabulary - 1}"
        )


def _stops(stop, vocabulary):
    if stop is None:
        return None
    try:
        stops = torch.tensor([stop] if isinstance(stop, int) else list(stop))
        fine = stops.dtype == torch.int64 and stops.ndim == 1 and len(stops) > 0
        fine = fine and 0 <= int(stops.min()) and int(stops.max()) < vocabulary
    except (TypeError, ValueError, RuntimeError):
        fine = False
    if not fine:
        raise ValueError(f"stop is {stop!r}; allowed: ids from 0 to {vocabulary - 1}, or None")
    return stops


def _cache(model, ids, tokens, cache, needed=False):
    """Return the cache to use, if there is room for all tokens that will be read.

    None stands for no cache, unless one is ``needed``: where it would change the tokens.
    """
    batch, read_in_all = (1, *ids.shape)[-2], ids.shape[-1] + tokens - 1
    room = model.config.context
    if not (cache is None or isinstance(cache, Cache | bool)):
        raise ValueError(f"cache is {cache!r}; allowed: a cache, None for a new one, or False")
    if isinstance(cache, Cache):
        check_cache(cache, model, batch)
        room = cache.room
    if room is not None and read_in_all > room:
        raise ValueError(
            f"tokens is {tokens} after {ids.shape[-1]} ids; allowed: {room + 1} together, of which "
            "the last is not read"
        )
    grown = read_in_all + (cache.length if isinstance(cache, Cache) else 0)
    if cache is not False and not stands(model.config, grown):
        if cache is None and not needed:
            return None
        raise ValueError(
            f"model scales its rotary frequencies with the length of the text ('dynamic'), and "
            f"{grown} tokens would be kept; allowed with a cache: at most "
            f"{model.config.rope.original_context}, its original_context"
        )
    if cache is None or cache is True:
        like = next(model.parameters())
        return ContiguousCache(model.config, batch, read_in_all, like.dtype, like.device)
    return None if cache is False else cache


def check_cache(cache: Cache, model: Any, batch: int) -> None:
    """Raise a ValueError unless the cache is made for this model and batch."""
    for name in ("layers", "kv_heads", "head_width", "positions"):
        if getattr(cache.config, name) != getattr(model.config, name):
            raise ValueError(
                f"cache was made for {name} {getattr(cache.config, name)!r}; allowed: the model's, "
                f"{getattr(model.config, name)!r}"
            )
    if cache.batch != batch:
        raise ValueError(f"ids are {batch} texts; allowed: {cache.batch}, the batch of the cache")
    dtype = next(model.parameters()).dtype
    if cache.dtype != dtype:
        raise ValueError(f"cache has dtype {cache.dtype}; allowed: the model's, {dtype}")
