"""A serving day against queueing theory, and against a day worked out by hand."""

import math

import numpy as np
import pytest

from transformer_math.cost.serving import (
    Request,
    cost_per_million,
    poisson_arrivals,
    simulate,
)

FREE = {"prefill": lambda tokens: 0.0, "step": lambda batch, cached: 1.0}


def test_a_day_by_hand():
    """Two slots, reading takes a second per ten tokens, a step one second."""
    requests = [Request(0, 10, 3), Request(0.5, 20, 2), Request(0.6, 10, 1)]
    day = simulate(
        requests, slots=2, prefill=lambda tokens: tokens / 10, step=lambda batch, cached: 1.0
    )
    # 0–1 read the first; 1–4 read the second (2 s) and step; 4–5 step: both done, then the third.
    assert [(s.admitted, s.first, s.finished) for s in day.served] == [
        (0.0, 1.0, 5.0),
        (1.0, 4.0, 5.0),
        (5.0, 6.0, 6.0),
    ]
    assert day.batches.tolist() == [0, 1, 2, 0]
    assert day.served[2].waiting == pytest.approx(4.4)
    assert math.isnan(day.served[2].tpot) and day.served[0].tpot == 2.0
    assert day.seconds == 6.0 and day.tokens_per_second == 1.0


def test_static_batches_wait_for_their_longest_text():
    requests = [Request(0, 1, 2), Request(0, 1, 10), Request(0, 1, 2)]
    finished = {
        policy: [s.finished for s in simulate(requests, slots=2, policy=policy, **FREE).served]
        for policy in ("continuous", "static")
    }
    assert finished == {"continuous": [1.0, 9.0, 3.0], "static": [1.0, 9.0, 10.0]}


def test_a_chunk_bounds_what_a_round_reads_and_changes_no_total():
    read = []

    def prefill(tokens):
        read.append(tokens)
        return tokens / 100

    requests = [Request(0, 50, 4), Request(0.1, 970, 4), Request(0.2, 30, 4)]
    for chunk in (None, 1, 64, 2000):
        read.clear()
        day = simulate(
            requests, slots=3, prefill=prefill, step=lambda batch, cached: 0.01, chunk=chunk
        )
        assert sum(read) == 1050 and max(read) <= (chunk or 1050)
        gaps = np.diff(day.ends)
        assert chunk is None or gaps.max() <= chunk / 100 + 0.01 + 1e-9


def test_one_slot_is_a_queue_that_pollaczek_and_khinchine_knew():
    r"""Mean wait of M/G/1: λ E[S²] / (2 (1 − ρ)); here S is geometric, and 40 days give 95 %."""
    rate, mean = 0.07, 10
    means = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        arrivals = poisson_arrivals(rate, 4000, rng)
        lengths = rng.geometric(1 / mean, 4000)
        requests = [Request(a, int(n), 1) for a, n in zip(arrivals, lengths, strict=True)]
        day = simulate(requests, slots=1, prefill=float, step=lambda batch, cached: 0.0)
        means.append(np.mean([s.waiting for s in day.served]))
    second_moment = (2 - 1 / mean) * mean**2
    theory = rate * second_moment / (2 * (1 - rate * mean))
    half = 3 * np.std(means, ddof=1) / math.sqrt(len(means))
    assert abs(np.mean(means) - theory) < half < theory / 10


def test_littles_law_holds_on_every_day_that_ends_empty():
    rng = np.random.default_rng(1)
    for slots in (1, 4, 16):
        arrivals = poisson_arrivals(0.2, 300, rng)
        requests = [
            Request(a, int(rng.integers(1, 50)), int(rng.integers(1, 20))) for a in arrivals
        ]
        day = simulate(
            requests,
            slots=slots,
            prefill=lambda tokens: 0.02 * tokens,
            step=lambda batch, cached: 0.3 + 0.001 * cached,
        )
        latencies = [s.latency for s in day.served]
        assert day.mean_inside == pytest.approx(len(requests) / day.seconds * np.mean(latencies))


def test_arrivals_are_poisson():
    gaps = np.diff(poisson_arrivals(4.0, 20_000, np.random.default_rng(0)), prepend=0)
    assert gaps.mean() == pytest.approx(1 / 4, rel=0.03)
    assert gaps.std() == pytest.approx(1 / 4, rel=0.03)


def test_cost_per_million():
    assert cost_per_million(3.6, 1000) == pytest.approx(1.0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Request(-1, 1, 1), "arrival is -1"),
        (lambda: Request(math.nan, 1, 1), "arrival is nan"),
        (lambda: Request(0, 0, 1), "prompt is 0"),
        (lambda: Request(0, 1, 1.5), "output is 1.5"),
        (lambda: simulate([], slots=1, **FREE), "requests is empty"),
        (lambda: simulate([3], slots=1, **FREE), r"requests\[0\] is a int"),
        (
            lambda: simulate([Request(1, 1, 1), Request(0, 1, 1)], slots=1, **FREE),
            "before the one in front",
        ),
        (lambda: simulate([Request(0, 1, 1)], slots=0, **FREE), "slots is 0"),
        (lambda: simulate([Request(0, 1, 1)], slots=1, chunk=0, **FREE), "chunk is 0"),
        (lambda: simulate([Request(0, 1, 1)], slots=1, policy="lifo", **FREE), "policy is 'lifo'"),
        (
            lambda: simulate(
                [Request(0, 1, 1)], slots=1, prefill=lambda n: -1.0, step=lambda b, c: 1.0
            ),
            "prefill gave -1.0",
        ),
        (
            lambda: simulate([Request(0, 1, 1)], slots=1, **FREE).percentile("speed", 50),
            "what is 'speed'",
        ),
        (
            lambda: simulate([Request(0, 1, 1)], slots=1, **FREE).percentile("ttft", 101),
            "share is 101",
        ),
        (lambda: poisson_arrivals(0, 3, np.random.default_rng()), "rate is 0"),
        (lambda: cost_per_million(3.0, 0), "tokens_per_second is 0"),
    ],
)
def test_bad_input_says_what_is_allowed(call, words):
    with pytest.raises(ValueError, match=words):
        call()
