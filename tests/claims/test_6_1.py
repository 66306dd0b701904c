"""The claims of lesson 6.1, key–value memory mechanism."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from transformer_math.decoding import ContiguousCache, PagedCache, generate
from transformer_math.models import cat_model
from transformer_math.positions import RopeScaling


def cells(figure, column):
    """The marks of one of the two tables: NaN where empty, 0 as before, 1 new or changed."""
    return np.asarray(figure.data[column].z, dtype=float)


def counts(figure, column):
    """Multiplications now and in all, from the heading of a table."""
    _, now, in_all = figure.layout.annotations[column].text.replace(",", "").split("<br>")
    return int(now.removeprefix("now ")), int(in_all.removeprefix("in all "))


# One word more


def test_grey_is_unchanged_and_bold_blue_is_not(lesson):
    """A number that is the same as before is grey. A number that is new or has changed is blue and
    bold."""
    figure, (after, sees) = lesson.figure("cache_stepper"), lesson.get("after", "prefix_mask")
    states = [*figure.states(right=6), *figure.states(right=3, layer=2)]
    for state in states:
        step, shown, layer = state["step"], state["shown"], state["layer"] - 1
        drawn = figure.draw(**state)
        for column, words in ((0, 1), (1, state["right"])):
            now = after(step, words)[layer][shown]
            before = after(step - 1, words)[layer][shown] if step > 1 else np.empty((0, 0))
            visible = (
                np.ones(now.shape, bool) if shown in ("K", "V") else sees(step, min(words, step))
            )
            marks, texts = cells(drawn, column), drawn.data[column].text
            for i, j in np.ndindex(marks.shape):
                if i >= now.shape[0] or j >= now.shape[1] or not visible[i, j]:
                    assert np.isnan(marks[i, j]) and texts[i][j] == ""
                    continue
                old = i < before.shape[0] and j < before.shape[1]
                same = old and abs(now[i, j] - before[i, j]) < 1e-9
                assert marks[i, j] == (0 if same else 1)
                assert texts[i][j].startswith("<b>") != same


def test_with_the_mask_only_the_new_row_is_computed(lesson):
    """With the causal mask no old row changes, in either layer and in any of the tables: the new
    row is all there is to compute, 2,064 multiplications for six words."""
    figure = lesson.figure("cache_stepper")
    for state in figure.states(right=6):
        marks = cells(figure.draw(**state), 0)
        assert np.nanmax(marks[: state["step"] - 1], initial=0) == 0
        assert np.nanmin(marks[state["step"] - 1]) == 1
    assert counts(figure.draw(**state | {"step": 6}), 0) == (384, 2064)


def test_without_the_mask_every_row_of_weights_changes(lesson):
    """Without the mask every old row of attention weights changes, at every step and in both
    layers: all five when the sixth word arrives."""
    figure = lesson.figure("cache_stepper")
    for state in figure.states(right=6):
        if state["shown"] in (0, 1) and state["step"] > 1:
            old = cells(figure.draw(**state), 1)[: state["step"] - 1]
            assert (np.nanmax(old, axis=1) == 1).all()


def test_without_the_mask_layer_1_keeps_its_keys(lesson):
    """The keys and values of layer 1 stay as they are, for they are made of word and place alone;
    those of layer 2 change in every row. Counted as everything computed again, that is 7,504."""
    figure = lesson.figure("cache_stepper")
    for state in figure.states(right=6):
        if state["shown"] in ("K", "V") and state["step"] > 1:
            old = cells(figure.draw(**state), 1)[: state["step"] - 1]
            changed = np.nanmax(old, axis=1)
            assert (changed == (state["layer"] == 2)).all()
    assert counts(figure.draw(**state | {"step": 6}), 1) == (2304, 7504)


def test_an_open_prompt_may_be_kept_once_complete(lesson):
    """Where only the first three words see each other, rows change until the third word is there,
    and not afterwards: an open prompt may be kept once it is complete."""
    figure = lesson.figure("cache_stepper")
    changed = dict.fromkeys(range(2, 7), False)
    for state in figure.states(right=3):
        if state["step"] > 1:
            old = cells(figure.draw(**state), 1)[: state["step"] - 1]
            changed[state["step"]] |= bool(np.nanmax(old) == 1)
    assert changed == {2: True, 3: True, 4: False, 5: False, 6: False}


def test_the_loop_says_what_reading_again_says(lesson):
    """If nothing old changes, one may compute the new row alone."""
    read_next, read_all, mask, ids = lesson.get("read_next", "read_all", "causal_mask", "IDS")
    cache = [{"K": [], "V": []} for _ in range(2)]
    loop = np.stack([read_next(word, cache) for word in ids])
    again = np.stack([read_all(ids[:t], mask(t))[1][-1] for t in range(1, 7)])
    model = torch.softmax(cat_model()(torch.tensor(ids)), -1).numpy()
    assert np.abs(loop - again).max() < 1e-14 and np.abs(loop - model).max() < 1e-14


# Without the mask


def layer(values, causal):
    """x_i plus the mean of all that is seen, in fractions."""
    seen = [values[: i + 1] if causal else values for i in range(len(values))]
    return [x + Fraction(sum(s), len(s)) for x, s in zip(values, seen, strict=True)]


def test_the_counterexample():
    """The right answer for the second word is $5+\\frac{3+5}2=9$."""
    assert layer([1], False) == [2] and layer([1, 3], False) == [3, 5]
    assert layer(layer([1, 3], False), False)[-1] == 9
    assert layer(layer([1, 3], True), True)[-1] == Fraction(17, 2)
    # Exercise 6.1.3
    assert layer(layer([0, 2, 4], False), False)[-1] == 10
    assert layer(layer([0, 2, 4], True), True)[-1] == 9


def test_a_cache_turns_a_bidirectional_model_into_a_causal_one(lesson, record):
    """It turns it, without a word, into a causal one."""
    said = lesson.printed("mask taken away").splitlines()
    open_, loop, causal = (line.split()[-1] for line in said[1:])
    record(mask_taken_away=float(open_), by_the_loop=float(loop))
    assert loop == causal == "0.8179" and open_ == "0.7788"


# What else can change an old row


def test_changes_by_kind(lesson):
    """*Causal mask*: nothing changes, whatever arrives. *One word of look-ahead*: a wedge; in layer
    $l$ the last $l-1$ old words change. *First four words see each other*: all above layer 1 until
    the fourth word is there, nothing after it. *No mask*: all above layer 1. *Norms over the
    words*: all, in every layer. *Dynamic NTK*: nothing up to six words, then the keys of all
    layers; the values of all layers but the first, whose values carry no angle, except those of
    word 1, which sees itself alone. *Six places, renumbered* (the oldest word is dropped, the
    others move up): nothing up to six words, then all."""
    figure = lesson.figure("change_map")
    number = np.arange(1, 7)[:, None]  # of the layer
    for state in figure.states():
        words, kind = state["words"], state["kind"]
        marks = np.asarray(figure.draw(**state).data[0].z, dtype=float)[::-1]  # layer 1 first
        place = np.arange(1, 13)[None]
        old = (place <= words) & (place > (max(0, words - 5) if kind == "evict" else 0))
        later = words + 1 > 6
        changed = {
            "causal": np.zeros((6, 12), bool),
            "ahead": place > words - (number - 1),
            "prefix": (number > 1) & (words + 1 <= 4) & (place > 0),
            "open": (number > 1) & (place > 0),
            "batch": np.ones((6, 12), bool),
            "ntk": later & ((state["shown"] == 0) | (number > 1) & (place > 1)),
            "evict": later & np.ones((6, 12), bool),
        }[kind]
        assert np.array_equal(np.isfinite(marks), np.broadcast_to(old, marks.shape)), state
        assert np.array_equal((marks > 0) & old, changed & old), state


def test_the_headings_count_the_changes(lesson):
    """For each layer and each old word the map shows by how much the key changed, or the value,
    relative to its length."""
    figure, keys_values = lesson.figure("change_map"), lesson.get("keys_values")
    for state in figure.states(words=9):
        drawn = figure.draw(**state)
        before, now = (keys_values(n, state["kind"])[state["shown"]] for n in (9, 10))
        change = np.sqrt(((now - before) ** 2).sum(-1) / (before**2).sum(-1))
        old = np.isfinite(change)
        words = drawn.layout.annotations[0].text.split()
        assert (int(words[3]), int(words[5])) == ((change[old] > 1e-9).sum(), old.sum())
        for row, texts in zip(change[::-1], drawn.data[0].text, strict=True):
            for c, text in zip(row, texts, strict=True):
                shown = text.removeprefix("<b>").removesuffix("</b>")
                assert (shown == "") == np.isnan(c)
                if c >= 0.005:
                    assert int(shown) == pytest.approx(100 * c, abs=0.51)


def test_unturned_keys_are_exact_for_one_layer_alone(lesson, record):
    """No way of keeping keys and values can remove it: the old rows of layer 1 would have to be
    computed again, and that is what a cache exists to avoid."""
    errors = lesson.get("ntk_errors")
    (turned, unturned), (_, of_two_layers) = errors(1, 0), errors(2, 0)
    record(of_one_layer=turned, unturned_of_two_layers=of_two_layers)
    assert unturned < 1e-12 < 0.01 < turned and of_two_layers > 1e-3


@pytest.mark.slow
def test_unturned_keys_in_many_models(lesson, record):
    """With two or four it brings the answer nearer in the median, and an error of some per cent
    remains."""
    errors = lesson.get("ntk_errors")
    for layers in (1, 2, 4):
        for name, seeds in (("shown", range(5)), ("others", range(100, 110))):
            runs = np.array([errors(layers, seed) for seed in seeds])
            turned, unturned = np.median(runs, axis=0)
            record(**{f"{name}_{layers}_turned": turned, f"{name}_{layers}_unturned": unturned})
            if layers == 1:
                assert runs[:, 1].max() < 1e-12 and turned > 0.05
            else:
                assert runs[:, 1].min() > 1e-3 and 0.01 < unturned < min(0.1, turned)


def test_generate_refuses(lesson):
    """The course's `generate` computes everything, and refuses a cache that would change the
    text:"""
    redrawn, ids_of, ntk = lesson.get("redrawn", "some_ids", "NTK")
    model, ids = redrawn(0, **ntk), ids_of(0, 6)
    assert torch.equal(generate(model, ids, 12), generate(model, ids, 12, cache=False))
    for cache in (True, PagedCache(model.config, dtype=torch.float64)):
        with pytest.raises(ValueError, match="'dynamic'"):
            generate(model, ids, 12, cache=cache)


def test_dropout_changes_two_passes(lesson):
    """With dropout switched on, two passes differ even without a cache."""
    redrawn, ids_of = lesson.get("redrawn", "some_ids")
    model, ids = redrawn(0, dropout=0.1).train(), ids_of(0, 6)
    assert (model(ids) - model(ids)).abs().max() > 1e-3
    model.eval()
    assert torch.equal(model(ids), model(ids))


# What is saved


def test_totals_and_their_ratio():
    """Over a whole text it turns $n^2$ into $n$ where weights are concerned, and $n^3$ into $n^2$
    in attention."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        matrices, pairs, n = (int(rng.integers(1, 10**k)) for k in (6, 4, 3))
        steps = [matrices + pairs * t for t in range(1, n + 1)]
        cached, uncached = sum(steps), sum(t * c for t, c in enumerate(steps, 1))
        assert cached == matrices * n + pairs * n * (n + 1) // 2
        assert 6 * uncached == 3 * matrices * n * (n + 1) + pairs * n * (n + 1) * (2 * n + 1)
        assert Fraction(n + 1, 2) <= Fraction(uncached, cached) <= Fraction(2 * n + 1, 3)


def test_a_thrifty_second_reading(lesson):
    """With GPT-2's sizes and $n=1024$ the cache then saves a factor of 352, where (6.1.6) promises
    at least 512. That factor too grows like the length of the text."""
    cost, n = lesson.get("cost"), 1024
    model = cost.model("gpt-2")
    matrices, pairs, _ = lesson.get("sizes")("gpt-2")
    last = model.width * model.vocabulary

    def ratio(n):
        steps = range(1, n + 1)
        again = sum((matrices - last) * t + last + pairs * t * (t + 1) // 2 for t in steps)
        return again / sum(matrices + pairs * t for t in steps)

    assert ratio(n) == pytest.approx(352, abs=0.5) and (n + 1) // 2 == 512
    assert 1.9 < ratio(2 * n) / ratio(n) < 2.1
    for m in range(1, 50):  # attention alone
        assert 3 * sum(t * (t + 1) // 2 for t in range(1, m + 1)) == (m + 2) * m * (m + 1) // 2


def test_writing_takes_no_more_than_reading(lesson):
    """Writing a text with a cache takes not one multiplication more than reading it in such a
    pass."""
    cost = lesson.get("cost")
    for name, n in (("gpt-2", 700), ("gpt-3", 2000), ("llama-3-8b", 3000), ("llama-2-70b", 50)):
        model = cost.model(name)
        written = sum(cost.flops(model, 1, cached=t).forward for t in range(n))
        assert written == cost.flops(model, n, causal=True).forward


def test_the_curves_are_t_apart(lesson):
    """From the next token on the curves are a factor $t$ apart, $t$ being the length of the
    text."""
    figure = lesson.figure("cost_lab")
    for state in figure.states():
        without, cached = figure.draw(**state).data
        t = np.asarray(without.x)
        ratio = np.asarray(without.y) / np.asarray(cached.y)
        assert ratio[0] == pytest.approx(1) and t[0] == state["prompt"]
        assert ratio[1:] == pytest.approx(t[1:])


def test_numbers_of_the_cost_lab(lesson, record):
    """With GPT-3's sizes, a prompt of 128 and a text of 1024 there are 506 times as many
    multiplications without the cache, and the 1024th step is only 1.2 % dearer than the 129th:
    nearly all of a step is products with weights. With GPT-2's sizes it is 13 % dearer, in the cat
    model, whose width is 4, seven times as dear. What is kept at the end is 4.5 GiB with GPT-3's
    sizes, and 128 MiB with those of Llama 3 8B."""
    sizes, totals, memory, cost = lesson.get("sizes", "totals", "memory", "cost")
    for name, rise in (("gpt-3", 1.012), ("gpt-2", 1.13), (None, 7.09)):
        matrices, pairs, _ = sizes(name)
        dearer = (matrices + 1024 * pairs) / (matrices + 129 * pairs)
        assert dearer == pytest.approx(rise, rel=0.002)
    gpt3 = cost.model("gpt-3")
    with_cache = cost.flops(gpt3, 128).forward
    with_cache += sum(cost.flops(gpt3, 1, cached=t).forward for t in range(128, 1024))
    without = sum(cost.flops(gpt3, t).forward for t in range(128, 1025))
    record(ratio=without / with_cache)
    assert without / with_cache == pytest.approx(506, abs=0.5)
    ours = totals(*sizes("gpt-3")[:2], 128, 1024)
    assert 2 * ours[0] == with_cache and 2 * ours[1] == without
    assert memory(sizes("gpt-3")[2] * 1024) == "4.5 GiB"
    assert memory(sizes("llama-3-8b")[2] * 1024) == "128 MiB"


def test_attention_rules_the_long_text_of_a_narrow_model(lesson):
    """Its width is 4: now attention is nearly all of the work, and the lower curve rises too."""
    matrices, pairs, _ = lesson.get("sizes")(None)
    assert pairs * 4096 / (matrices + pairs * 4096) > 0.99
    cached = np.asarray(lesson.figure("cost_lab").draw(model=None, prompt=1, n=4096).data[1].y)
    assert (np.diff(cached) > 0).all() and cached[-1] > 100 * cached[0]


def test_llama_2_keeps_four_times_as_much(lesson):
    """Llama 2 7B keeps four times as much per token as Llama 3 8B, the larger model: in Llama 3
    four query heads share a key and value head."""
    cost = lesson.get("cost")
    old, new = cost.model("llama-2-7b"), cost.model("llama-3-8b")
    assert cost.kv_bytes_per_token(old) == 4 * cost.kv_bytes_per_token(new)
    assert cost.parameters(new).total > cost.parameters(old).total
    assert new.heads == 4 * new.kv_heads


# Check


@pytest.mark.parametrize("name", ["GPT-2", "Llama", "Llama, one key head"])
def test_hugging_face_with_and_without_use_cache(name):
    """Hugging Face's GPT-2 and Llama classes, with redrawn weights, also give the same logits with
    `use_cache` and without."""
    if name == "GPT-2":
        model = GPT2LMHeadModel(
            GPT2Config(vocab_size=50, n_embd=32, n_head=4, n_layer=2, n_positions=64)
        )
    else:
        heads = 1 if name.endswith("head") else 2
        model = LlamaForCausalLM(LlamaConfig(
            vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=heads, max_position_embeddings=64,
        ))  # fmt: skip
    model = model.double().eval()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw) / 4)
            if "norm" in parameter_name or "ln_" in parameter_name:
                parameter += 1
        ids = torch.randint(50, (1, 20), generator=draw)
        whole = model(ids, use_cache=False).logits[0]
        past, rows = None, []
        for t in range(20):
            said = model(ids[:, t : t + 1], past_key_values=past, use_cache=True)
            past, rows = said.past_key_values, [*rows, said.logits[0, 0]]
    # Llama's table of angles is float32 inside, the same in both ways of reading.
    assert (torch.stack(rows) - whole).abs().max() < 1e-9 * whole.abs().max()


def test_pieces_of_any_size(lesson):
    """A prompt may be read in one pass, or in pieces of any size, as long as row $i$ of a piece
    sees the cache and the piece up to itself."""
    redrawn, ids_of, llama = lesson.get("redrawn", "some_ids", "LLAMA")
    model, ids = redrawn(3, **llama), ids_of(3, 20)
    whole = model(ids)
    for sizes in ([20], [7, 1, 1, 11], [1] * 20, [19, 1]):
        cache = ContiguousCache(model.config, dtype=torch.float64)
        said = torch.cat([model(piece, cache=cache) for piece in ids.split(sizes)])
        assert (said - whole).abs().max() < 1e-12 * whole.abs().max()


def test_static_scaling_is_exact(lesson):
    """Rotary angles turn $q_i$ by $i\\theta$ and $k_j$ by $j\\theta$, ALiBi and T5 add a bias that
    depends on $i-j$: kind (c)."""
    redrawn, ids_of, word_by_word, llama = lesson.get(
        "redrawn", "some_ids", "word_by_word", "LLAMA"
    )
    scalings = [
        RopeScaling("linear", 4.0),
        RopeScaling("ntk", 4.0),
        RopeScaling("yarn", 4.0, 16),
        RopeScaling("llama3", 4.0, 16),
    ]
    for choices in [dict(llama, rope=s) for s in scalings] + [
        dict(positions=p) for p in ("alibi", "t5")
    ]:
        model, ids = redrawn(4, **choices), ids_of(4, 24)
        cache = ContiguousCache(model.config, dtype=torch.float64)
        whole = model(ids)
        assert (word_by_word(model, ids, cache) - whole).abs().max() < 1e-12 * whole.abs().max()


# Common mistake


def test_one_query_with_the_flag_sees_the_first_key():
    """One query over six keys gets the first row of the triangle: it sees key 1 and nothing else,
    and its output is value 1 at every step."""
    q, k, v = torch.randn(3, 2, 4, 6, 8, generator=torch.Generator().manual_seed(0))
    said = scaled_dot_product_attention(q[..., -1:, :], k, v, is_causal=True)
    torch.testing.assert_close(said, v[..., :1, :])
    right = scaled_dot_product_attention(q, k, v, is_causal=True)[..., -1:, :]
    torch.testing.assert_close(scaled_dot_product_attention(q[..., -1:, :], k, v), right)
    assert (said - right).abs().max() > 0.1


def test_a_piece_needs_the_bottom_right():
    """A piece of several queries needs the triangle at the bottom right, query $i$ of the piece
    seeing key $j$ if $j\\le i+c$ with $c$ tokens in the cache."""
    q, k, v = torch.randn(3, 2, 4, 6, 8, generator=torch.Generator().manual_seed(0))
    whole = scaled_dot_product_attention(q, k, v, is_causal=True)
    for c in range(6):
        i, j = torch.arange(6 - c)[:, None], torch.arange(6)
        said = scaled_dot_product_attention(q[..., c:, :], k, v, attn_mask=j <= i + c)
        torch.testing.assert_close(said, whole[..., c:, :])
