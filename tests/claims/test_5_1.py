"""The claims of lesson 5.1, why decoding is bound by memory.

The sizes of Llama 3.1 8B and the vendors' figures stand here once more, and the counts are made
anew from them, so that the tests do not lean on the package that the lesson uses.
"""

import math

import numpy as np
import pytest
import torch

LAYERS, WIDTH, HEADS, HEAD, HIDDEN, VOCABULARY = 32, 4096, 32, 128, 14336, 128256
CHIPS = {  # dense 16-bit FLOP/s, bytes/s, bytes
    "a100-80": (312e12, 2.039e12, 80e9),
    "h100": (989.4e12, 3.35e12, 80e9),
    "h200": (989.4e12, 4.8e12, 141e9),
    "b200": (2250e12, 8e12, 180e9),
}
each_chip = pytest.mark.parametrize("chip", CHIPS)


def counted(m, h_kv, bits=16):
    """Bytes of weights and of a cache; FLOP per token in matrices and in attention."""
    attention_maps = WIDTH * HEAD * (2 * HEADS + 2 * h_kv)
    blocks = LAYERS * (attention_maps + 3 * WIDTH * HIDDEN)
    weights = 2 * (blocks + 2 * VOCABULARY * WIDTH + (2 * LAYERS + 1) * WIDTH)
    cache = 2 * LAYERS * h_kv * HEAD * m * bits // 8
    return weights, cache, 2 * (blocks + VOCABULARY * WIDTH), 4 * LAYERS * HEADS * HEAD * m


def intensity(B, m, h_kv, bits=16):
    weights, cache, matrices, attention = counted(m, h_kv, bits)
    return B * (matrices + attention) / (weights + B * cache)


def ridge(chip):
    return CHIPS[chip][0] / CHIPS[chip][1]


def crossing(m, h_kv, chip, bits=16):
    """The batch at which the whole step has the intensity of the ridge; infinity without one."""
    weights, cache, matrices, attention = counted(m, h_kv, bits)
    gained = matrices + attention - ridge(chip) * cache
    return ridge(chip) * weights / gained if gained > 0 else math.inf


def bars(figure):
    return [trace.x[0] for trace in figure.data if trace.type == "bar"]


def points(figure):
    return {t.name.split()[0]: (t.x[0], t.y[0]) for t in figure.data if t.xaxis and t.name}


# One decode step in milliseconds


def test_what_the_question_says(record):
    """needs 19 billion: 0.02 milliseconds of work. Yet one such GPU needs at least 3 milliseconds
    for that step."""
    weights, cache, matrices, attention = counted(8192, 8)
    peak, bandwidth, _ = CHIPS["h200"]
    table = 2 * (VOCABULARY - 1) * WIDTH  # rows of the embedding that no token asks for
    least = 1e3 * (weights - table + cache) / bandwidth
    work = 1e3 * (matrices + attention) / peak
    record(least_ms=least, arithmetic_ms=work, flop=matrices + attention)
    assert round((matrices + attention) / 1e9) == 19
    assert round(work, 2) == 0.02
    assert least > 3


def test_sizes_are_hugging_face_s(lesson):
    """Hugging Face's Llama is built on PyTorch's *meta* device, where tensors have shapes and no
    numbers, with a cache of 8191 tokens, and takes its next step under the same counter."""
    shown = lesson.printed("Hugging Face's Llama, without its weights")
    weights, cache, matrices, attention = counted(8192, 8)
    for number in (matrices + attention, weights, cache):
        assert shown.count(f"{number:,}") == 2


@each_chip
def test_step_lab_draws_the_step(lesson, chip):
    """Above: the time that reading takes at full bandwidth, and the time that the arithmetic takes
    at full speed; the longer bar is the least time of the step."""
    figure = lesson.figure("step_lab")
    for state in figure.states(chip=chip):
        peak, bandwidth, _ = CHIPS[chip]
        weights, cache, matrices, attention = counted(state["m"], state["h_kv"])
        B, drawn = state["B"], figure.draw(**state)
        due = [
            weights / bandwidth,
            B * cache / bandwidth,
            B * matrices / peak,
            B * attention / peak,
        ]
        assert bars(drawn) == pytest.approx([1e3 * seconds for seconds in due]), state
        least = max(due[0] + due[1], due[2] + due[3])
        shown = f"{1e3 * least:,.0f}" if least >= 1 else f"{1e3 * least:.3g}"
        assert f"least time {shown} ms" in drawn.layout.annotations[-1].text


@each_chip
def test_points_lie_on_the_roof(lesson, chip):
    """the broken line is the most that the GPU allows"""
    figure = lesson.figure("step_lab")
    for state in figure.states(chip=chip):
        peak, bandwidth, _ = CHIPS[chip]
        for x, y in points(figure.draw(**state)).values():
            assert y == pytest.approx(min(peak, bandwidth * x) / 1e12)


def test_one_token(lesson, record):
    """At batch 1 the GPU reads 16.1 GB of weights and 1.1 GB of cache to write one token. That
    takes 3.57 ms, of which the arithmetic can fill 0.55 %; the arithmetic units wait for the
    rest."""
    weights, cache, *_ = counted(8192, 8)
    assert (round(weights / 1e9, 1), round(cache / 1e9, 1)) == (16.1, 1.1)
    drawn = lesson.figure("step_lab").draw(B=1, m=8192, h_kv=8, chip="h200")
    reading, cache_ms, *work = bars(drawn)
    share = sum(work) / (reading + cache_ms)
    record(least_ms=reading + cache_ms, share=share)
    assert round(reading + cache_ms, 2) == 3.57
    assert round(100 * share, 2) == 0.55


def test_sixty_four_texts(lesson, record):
    """At batch 64 the least time is 17.7 ms, five times as long for 64 times as many tokens: the
    weights are read once for all of them, the caches are not. The other three parts, caches and
    both kinds of arithmetic, grow 64-fold."""
    figure = lesson.figure("step_lab")
    one, many = (bars(figure.draw(B=B, m=8192, h_kv=8, chip="h200")) for B in (1, 64))
    assert one[0] == many[0]
    assert many[1:] == pytest.approx([64 * part for part in one[1:]])
    factor = sum(many[:2]) / sum(one[:2])
    record(factor=factor, least_ms=sum(many[:2]))
    assert round(sum(many[:2]), 1) == 17.7
    assert 4.9 < factor < 5.1


@each_chip
def test_where_the_points_move(lesson, chip):
    """So the blue circle moves to the right with the batch, the orange square does not move, and
    the whole step stays between the two."""
    figure = lesson.figure("step_lab")
    drawn = {tuple(s.values()): points(figure.draw(**s)) for s in figure.states(chip=chip)}
    assert len(drawn) == 360 / len(CHIPS)
    for state in figure.states(chip=chip):
        at, first = (drawn[tuple((state | {"B": B}).values())] for B in (state["B"], 1))
        parts = at["weights"][0], at["caches"][0]
        assert min(parts) <= at["whole"][0] <= max(parts), state
        assert at["weights"][0] == pytest.approx(state["B"] * first["weights"][0])
        assert at["caches"][0] == pytest.approx(first["caches"][0])


def test_what_moves_the_square(lesson):
    """What moves the square is the number of key/value heads: 1, 4 or 32 FLOP/byte for 32, 8 or 1
    of them."""
    figure = lesson.figure("step_lab")
    for state in figure.states(B=1):
        at = points(figure.draw(**state))["caches"][0]
        assert at == pytest.approx({32: 1, 8: 4, 1: 32}[state["h_kv"]])


def test_prefill_lies_beyond_the_ridge(lesson, record):
    """Prefill lies beyond the ridge at each context and on each GPU offered here, from 1.5 times
    the ridge for 512 tokens on an H100 upwards."""
    figure = lesson.figure("step_lab")
    margins = [
        points(figure.draw(**state))["prefill"][0] / ridge(state["chip"])
        for state in figure.states(B=1)
    ]
    record(least=min(margins))
    assert round(min(margins), 1) == 1.5


def test_ten_settings(lesson, record):
    """Only ten of the figure's 360 settings carry the whole step over the ridge. Find one. (All ten
    have a batch of 256 or more and at most 2048 tokens of context, and nine have a single key/value
    head.)"""
    states = list(lesson.figure("step_lab").states())
    over = [s for s in states if intensity(s["B"], s["m"], s["h_kv"]) > ridge(s["chip"])]
    record(over=len(over))
    assert (len(states), len(over)) == (360, 10)
    assert min(s["B"] for s in over) == 256
    assert max(s["m"] for s in over) == 2048
    assert sum(s["h_kv"] == 1 for s in over) == 9


# The theorems


def test_a_head_by_hand():
    """That makes 48/40 = 1.2 FLOP per byte. With 300 tokens in the cache in place of three it is
    4800/2416 ≈ 1.99"""
    for keys, flop, size in ((3, 48, 40), (300, 4800, 2416)):
        q, k = torch.empty(2, 2), torch.empty(1, keys, 2)
        assert 2 * 2 * (q.numel() * keys) == flop  # two heads of two numbers, scores and sums
        assert 2 * (2 * k.numel() + 2 * q.numel()) == size
    assert round(4800 / 2416, 2) == 1.99


def test_prompts_against_the_ridges(record):
    """A prompt of 1024 tokens is compute-bound in both parts, one of 128 in neither. Decoding lacks
    a factor of 38 or more in attention and of 150 or more in the matrices."""

    def matrix(n):
        return 2 * n * 4096 * 14336 / (2 * (n * 4096 + 4096 * 14336 + n * 14336))

    def attention(n, m):
        return 4 * HEADS * HEAD * n * m / (2 * (2 * n * HEADS * HEAD + 2 * m * 8 * HEAD))

    ridges = [ridge(chip) for chip in CHIPS]
    assert min(matrix(1024), attention(1024, 1024)) > max(ridges)
    assert max(matrix(128), attention(128, 128)) < min(ridges)
    short = [min(ridges) / attention(1, m) for m in (128, 1024, 8192)]
    record(attention=min(short), matrices=min(ridges) / matrix(1))
    assert min(short) > 38
    assert min(ridges) / matrix(1) > 150


def test_half_of_what_no_batch_can_exceed(record):
    """At 15 the caches are as large as the weights, and half of the 4470 tokens per second that no
    batch can exceed are reached. At 116 the memory of the GPU, 141 GB, is full. The intensity there
    is 16 FLOP per byte; the ridge is at 206."""
    weights, cache, *_ = counted(8192, 8)
    _, bandwidth, memory = CHIPS["h200"]
    rate = 15 * bandwidth / (weights + 15 * cache)
    record(ratio=15 * cache / weights, rate=rate)
    assert 15 * cache / weights == pytest.approx(1, abs=0.01)
    assert (round(bandwidth / cache), round(rate / (bandwidth / cache), 2)) == (4470, 0.5)
    assert weights + 116 * cache < memory < weights + 117 * cache
    assert (round(intensity(116, 8192, 8)), round(ridge("h200"))) == (16, 206)


def test_the_table_of_embeddings(lesson, record):
    """The batches named below, which are in proportion to $D_W$, become 6.5 % smaller too: 295 in
    place of 316, say."""
    table = 2 * VOCABULARY * WIDTH
    assert round(table / 1e9, 2) == 1.05
    weights, cache, matrices, _ = counted(8192, 8)
    assert round(100 * table / weights, 1) == 6.5
    assert [round(ridge("h100") * n / matrices) for n in (weights, weights - table)] == [316, 295]
    times = [
        1e3 * (weights - table + 2 * B * WIDTH + B * cache) / CHIPS["h200"][1] for B in (1, 64)
    ]
    record(ms=times)
    shown = lesson.printed("An untied model has this table")
    assert [f"{ms:.2f} ms" in shown for ms in times] == [True, True]


# What a batch shares


@each_chip
def test_batch_lab_draws_the_formula(lesson, chip):
    """Intensity of a decode step of Llama 3.1 8B against the batch, equation (5.1.9), with the
    intensities of its two parts and the ridge of the GPU."""
    figure = lesson.figure("batch_lab")
    for state in figure.states(chip=chip):
        drawn = figure.draw(**state)
        weights, attention, whole, roof = (np.asarray(trace.y) for trace in drawn.data)
        sizes = counted(state["m"], state["h_kv"], state["cache_bits"])
        B = np.asarray(drawn.data[0].x)
        assert weights == pytest.approx(B * sizes[2] / sizes[0])
        assert attention == pytest.approx(sizes[3] / sizes[1])
        assert whole == pytest.approx(intensity(B, state["m"], state["h_kv"], state["cache_bits"]))
        assert roof == pytest.approx(ridge(chip))


@each_chip
def test_batch_lab_names_the_crossing(lesson, chip):
    """Watch where the thick line bends away from that of the weights, and whether it still reaches
    the ridge."""
    figure = lesson.figure("batch_lab")
    for state in figure.states(chip=chip):
        text = figure.draw(**state).layout.annotations[-1].text
        due = crossing(state["m"], state["h_kv"], chip, state["cache_bits"])
        assert ("no batch is enough" in text) == (due == math.inf), state
        assert due == math.inf or f"at batch {due:,.0f}" in text, state


def test_crossings_on_the_h100(record):
    """On the H100 with 8 key/value heads and 16 bits it crosses the ridge at batch 469 with 128
    tokens of context and at 906 with 256. At 384 it takes 13,728 texts, and from 394 tokens on no
    batch is enough. The line of the weights alone crosses at 316 at every context. One key/value
    head moves the bend: with 1024 tokens the crossing is then at batch 455."""
    found = [crossing(m, 8, "h100") for m in (128, 256, 384)]
    record(batches=found)
    assert [round(B) for B in found] == [469, 906, 13728]
    last = max(m for m in range(1, 1000) if crossing(m, 8, "h100") < math.inf)
    assert last == 393  # m* is 393.05, and 393 tokens would take 2.6 million texts
    weights, _, matrices, _ = counted(1, 8)
    assert round(ridge("h100") * weights / matrices) == 316
    assert round(crossing(1024, 1, "h100")) == 455


def test_smaller_numbers(lesson):
    """Numbers of half the size in the cache also double the intensity of the caches."""
    figure = lesson.figure("batch_lab")
    for state in figure.states(cache_bits=16):
        full, half = (figure.draw(**state | {"cache_bits": bits}).data[1].y[0] for bits in (16, 8))
        assert half == pytest.approx(2 * full)


def test_latent_attention(lesson):
    """The latent attention of DeepSeek-V3 (lesson 5.3) has 242 FLOP per byte at 16 bits: more than
    the ridge of an A100 80 GB or H200, less than that of an H100 or B200."""
    heads, latent, rope = 128, 512, 64
    found = 2 * heads * (2 * latent + rope) / (2 * (latent + rope))
    assert round(found) == 242
    assert {chip for chip in CHIPS if ridge(chip) < found} == {"a100-80", "h200"}
    assert "DeepSeek-V3: 242" in lesson.printed("latent attention of DeepSeek-V3")


def test_the_table_of_contexts(lesson):
    """The contexts $m^\\star$ of (5.1.10), by GPU and number of key/value heads:"""
    rows = [line.split() for line in lesson.printed("latent attention of DeepSeek").splitlines()]
    for row in rows[1:5]:
        h_kv = int(row[0])
        for chip, shown in zip(CHIPS, row[2:], strict=True):
            crosses = [crossing(int(shown) + k, h_kv, chip) < math.inf for k in (-1, 1)]
            assert crosses == [True, False], (h_kv, chip)


# The mistake, the quiz, the exercises, the summary


def test_a_negative_batch(record):
    """At 8192 tokens the intensity stays below 19.3, and the ridge is at 428 with the course's
    peak, at 214 with the dense one."""
    batch, dense = (
        16e9 / 3.9e12 / (19.3e9 / peak - 1e9 / 3.9e12) for peak in (1671e12, 1671e12 / 2)
    )
    record(batch=batch, dense=dense, weights_alone=1671 / 3.9)
    assert round(batch, 2) == -16.75
    assert dense < 0
    assert [round(1671 / 3.9), round(1671 / 2 / 3.9)] == [428, 214]
    assert 1979 / 2 == pytest.approx(CHIPS["h100"][0] / 1e12, rel=1e-3)
    assert round(1671 / 3.9, -1) == 430
    B = np.logspace(0, 12, 50)
    assert (19.3e9 * B / (16e9 + 1e9 * B)).max() < 19.3
    assert intensity(256, 8192, 8) < intensity(256, 128, 8) < ridge("h100")


def test_ten_thousand_texts():
    """The matrices have about 9000 FLOP per byte there."""
    weights, _, matrices, _ = counted(1024, 8)
    assert 8900 < 10_000 * matrices / weights < 9500
    assert crossing(1024, 8, "h100") == math.inf


def test_a_quarter_of_the_cache(record):
    """With 32 key/value heads the step reads 17.67 + 4.29 GB, with 8 it reads 16.06 + 1.07 GB: 78 %
    of the time, not 25 %."""
    many, few = counted(8192, 32), counted(8192, 8)
    assert [round(n / 1e9, 2) for n in (*many[:2], *few[:2])] == [17.67, 4.29, 16.06, 1.07]
    share = sum(few[:2]) / sum(many[:2])
    record(share=share)
    assert round(share, 2) == 0.78


def test_several_queries_of_one_text():
    """So $n\\,(4\\cdot8192-4\\cdot206)\\ge206\\cdot8192$, and $n\\ge52.8$: 53."""

    def attention(n):
        return 2 * 32 * n * 8192 / (2 * (32 * n + 8 * 8192))

    assert attention(52) < 206 <= attention(53)


def test_two_phases(record):
    """(a) Prove $t\\le t'\\le2t$."""
    rng = np.random.default_rng(0)
    a, c, a_2, c_2 = np.exp(rng.normal(scale=3, size=(4, 100_000)))
    t = np.maximum(a + a_2, c + c_2)
    phases = np.maximum(a, c) + np.maximum(a_2, c_2)
    record(largest_ratio=(phases / t).max())
    assert (phases >= t * (1 - 1e-12)).all()
    assert (phases <= 2 * t * (1 + 1e-12)).all()
    same = (a >= c) == (a_2 >= c_2)
    assert np.isclose(phases, t, rtol=1e-12)[same].all()
    assert (phases > t)[~same].all()


def test_in_three_lines():
    """at 16 bits and batch 1 about one FLOP for each byte (1.1 for Llama 3.1 8B with 8192 tokens),
    on GPUs that do 150 to 300 in the time a byte takes"""
    assert round(intensity(1, 8192, 8), 1) == 1.1
    assert all(150 < ridge(chip) < 300 for chip in CHIPS)


def test_corrections_say_the_same():
    """The step as a whole does at short contexts only, for Llama 3.1 8B on an H100 up to 393
    tokens"""
    assert crossing(393, 8, "h100") < math.inf == crossing(394, 8, "h100")
