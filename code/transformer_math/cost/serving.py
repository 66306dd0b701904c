r"""A serving day, event by event: requests arrive, wait for a slot, are answered and leave.

The machine works in rounds, as servers with continuous batching do. A round reads some of the
prompts that were admitted and then writes one token for every text that has been read. How long
both take is asked of two functions, so the same day can be run on a roofline, on measured times, or
on times for which queueing theory knows the answer.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import Number, is_finite, positive, whole

POLICIES = ("continuous", "static")


@dataclass(frozen=True)
class Request:
    """What arrives: a time in seconds, tokens to read and tokens to write.

    Raises
    ------
    ValueError
        If the arrival is not a finite number of at least 0, or a number of tokens is not a whole
        number of at least 1.
    """

    arrival: Number
    prompt: int
    output: int

    def __post_init__(self):
        if not is_finite(self.arrival) or self.arrival < 0:
            raise ValueError(f"arrival is {self.arrival!r}; allowed: a finite number of at least 0")
        whole("prompt", self.prompt)
        whole("output", self.output)


@dataclass(frozen=True)
class Served:
    """A request with what became of it: when it got a slot, its first token and its last."""

    request: Request
    admitted: Number
    first: Number
    finished: Number

    @property
    def waiting(self) -> float:
        """Seconds before it got a slot."""
        return self.admitted - self.request.arrival

    @property
    def ttft(self) -> float:
        """Time to the first token, in seconds: waiting and reading."""
        return self.first - self.request.arrival

    @property
    def tpot(self) -> float:
        """Time per output token after the first, in seconds; NaN if there was only one."""
        more = self.request.output - 1
        return (self.finished - self.first) / more if more else float("nan")

    @property
    def latency(self) -> float:
        """Seconds from arrival to the last token."""
        return self.finished - self.request.arrival


@dataclass(frozen=True)
class Day:
    """All requests in the order they arrived, and the rounds that served them.

    ``ends`` and ``batches`` hold each round's end, in seconds, and the texts it wrote a token for.
    """

    served: tuple[Served, ...]
    ends: np.ndarray
    batches: np.ndarray

    @cached_property
    def arrivals(self) -> np.ndarray:
        """Times of arrival, in order."""
        return np.array([s.request.arrival for s in self.served])

    @cached_property
    def departures(self) -> np.ndarray:
        """Times of departure, in order; not in the order of arrival."""
        return np.sort([s.finished for s in self.served])

    @property
    def seconds(self) -> float:
        """From time 0 to the last token."""
        return float(self.departures[-1])

    def inside(self, times: np.ndarray) -> np.ndarray:
        """Requests that have arrived and not left, at each of ``times``."""
        here = np.searchsorted(self.arrivals, times, side="right")
        return here - np.searchsorted(self.departures, times, side="right")

    @property
    def mean_inside(self) -> float:
        r"""Requests in the system, averaged over time: the area under :meth:`inside` per second.

        .. math:: L = \frac1S \int_0^S N(t)\,dt = \frac1S \int_0^S (A(t) - D(t))\,dt

        Summed between the arrivals' and the departures' staircases, not from the latencies.
        """
        times = np.concatenate([[0.0], np.sort(np.concatenate([self.arrivals, self.departures]))])
        return float(self.inside(times[:-1]) @ np.diff(times)) / self.seconds

    @property
    def tokens_per_second(self) -> float:
        """Tokens written, per second of the day."""
        return sum(s.request.output for s in self.served) / self.seconds

    def percentile(self, what: str, share: Number) -> float:
        """Percentile of ``"waiting"``, ``"ttft"``, ``"tpot"`` or ``"latency"``, in seconds.

        Raises
        ------
        ValueError
            If ``what`` is something else or ``share`` is not from 0 to 100.
        """
        known = ("waiting", "ttft", "tpot", "latency")
        if what not in known:
            raise ValueError(f"what is {what!r}; allowed: {', '.join(known)}")
        if not is_finite(share) or not 0 <= share <= 100:
            raise ValueError(f"share is {share!r}; allowed: from 0 to 100")
        return float(np.nanpercentile([getattr(s, what) for s in self.served], share))


@dataclass
class _Text:
    """A text in a slot: what is still to read, and what has been written."""

    place: int
    request: Request
    admitted: Number
    left: int
    written: int = 0
    first: float = float("nan")

    @property
    def cached(self) -> int:
        """Tokens of which the next step reads keys and values."""
        return self.request.prompt + self.written


def simulate(
    requests: Sequence[Request],
    *,
    slots: int,
    prefill: Callable[[int], Number],
    step: Callable[[int, int], Number],
    policy: str = "continuous",
    chunk: int | None = None,
) -> Day:
    r"""Serve requests, first come, first served, and say when each was done.

    A round admits waiting requests, reads at most ``chunk`` tokens of admitted prompts, and writes
    one token for every text already read; its time is the sum of the two. The first token
    of a text comes at the end of the round that finishes its prompt.

    Parameters
    ----------
    requests : in the order of their arrivals.
    slots : texts that can be in work together.
    prefill : seconds to read so many tokens of prompts.
    step : seconds to write one token each for ``batch`` texts that hold ``cached`` tokens together:
        ``step(batch, cached)``.
    policy : ``"continuous"`` gives a free slot to the next request after every round; ``"static"``
        waits until the whole batch has finished.
    chunk : most prompt tokens a round reads (chunked prefill); None reads whatever was admitted.

    Returns
    -------
    :class:`Day`.

    Raises
    ------
    ValueError
        If there is no request, they are not in order, ``slots`` or ``chunk`` is not a whole number
        of at least 1, the policy is unknown, or a function gives a negative or infinite time.

    Source: Yu et al. (2022), Orca, section 4, for rounds; Agrawal et al. (2024),
    https://arxiv.org/abs/2403.02310, for chunks.
    """
    whole("slots", slots)
    if chunk is not None:
        whole("chunk", chunk)
    if policy not in POLICIES:
        raise ValueError(f"policy is {policy!r}; allowed: {', '.join(POLICIES)}")
    _check_order(requests)
    waiting = deque(enumerate(requests))
    served: dict[int, Served] = {}
    active: list[_Text] = []
    now, ends, batches = 0.0, [], []
    while waiting or active:
        if not active:
            now = max(now, float(waiting[0][1].arrival))
        if policy == "continuous" or not active:
            while waiting and len(active) < slots and waiting[0][1].arrival <= now:
                place, request = waiting.popleft()
                active.append(_Text(place, request, now, request.prompt))
        writing = [text for text in active if not text.left]
        reading, budget = [], float("inf") if chunk is None else chunk
        for text in active:
            if text.left and budget:
                tokens = int(min(text.left, budget))
                text.left -= tokens
                budget -= tokens
                reading.append((text, tokens))
        if reading:
            now += _seconds("prefill", prefill(sum(tokens for _, tokens in reading)))
        if writing:
            cached = sum(text.cached for text in writing)
            now += _seconds("step", step(len(writing), cached))
        for text in [*writing, *(text for text, _ in reading if not text.left)]:
            text.written += 1
            if text.written == 1:
                text.first = now
            if text.written == text.request.output:
                served[text.place] = Served(text.request, text.admitted, text.first, now)
        active = [text for text in active if text.place not in served]
        ends.append(now)
        batches.append(len(writing))
    return Day(tuple(served[place] for place in sorted(served)), np.array(ends), np.array(batches))


def poisson_arrivals(rate: Number, count: int, rng: np.random.Generator) -> np.ndarray:
    r"""Draw the times of ``count`` independent arrivals, ``rate`` per second on average.

    The gaps are exponential with mean :math:`1/\text{rate}`.

    Raises
    ------
    ValueError
        If ``rate`` is not positive and finite or ``count`` not a whole number of at least 1.
    """
    return np.cumsum(rng.exponential(1 / positive("rate", rate), whole("count", count)))


def cost_per_million(dollars_per_hour: Number, tokens_per_second: Number) -> float:
    r"""Return the dollars that a million written tokens cost.

    .. math:: \frac{\text{dollars per hour}}{3600\ \text{s}} \cdot
              \frac{10^6}{\text{tokens per second}}

    Raises
    ------
    ValueError
        If a number is not positive and finite.
    """
    tokens = 3600 * positive("tokens_per_second", tokens_per_second)
    return positive("dollars_per_hour", dollars_per_hour) * 1e6 / tokens


def _check_order(requests: Sequence[Request]) -> None:
    if not len(requests):
        raise ValueError("requests is empty; allowed: at least one")
    for place, request in enumerate(requests):
        if not isinstance(request, Request):
            raise ValueError(f"requests[{place}] is a {type(request).__name__}; allowed: a Request")
        if place and request.arrival < requests[place - 1].arrival:
            raise ValueError(
                f"requests[{place}] arrives at {request.arrival}, before the one in front of it "
                f"({requests[place - 1].arrival}); allowed: in the order of arrival"
            )


def _seconds(name: str, value: Number) -> float:
    if not is_finite(value) or value < 0:
        raise ValueError(f"{name} gave {value!r} seconds; allowed: a finite number of at least 0")
    return float(value)
