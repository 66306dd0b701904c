"""The Transformer: against torch's own layers, by its laws, and every documented error."""

from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformer_models import SIZES, build, ids

from transformer_math.attention import padding_mask
from transformer_math.positions.scaling import RopeScaling
from transformer_math.positions.sinusoidal import sinusoidal_encoding
from transformer_math.transformer import Transformer, TransformerConfig

KINDS = ["decoder", "encoder", "encoder-decoder"]
POSITIONS = ["learned", "sinusoidal", "rotary", "alibi", "t5", "none"]
ACTIVATIONS = ["relu", "gelu", "gelu_tanh", "silu", "swiglu", "geglu", "geglu_tanh"]


def run(model, tokens, mask=None, **options):
    with torch.no_grad():
        if model.config.kind == "encoder-decoder" and "memory" not in options:
            options["memory"] = model.encode(ids(*tokens.shape[:-1], 5, seed=9))
        return model(tokens, mask, **options)


def close(a, b, tolerance=1e-11):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


# Against torch's layers


def copy_attention(ours, theirs):
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.w_q, ours.w_k, ours.w_v], dim=1).T)
        theirs.in_proj_bias.copy_(torch.cat([ours.b_q, ours.b_k, ours.b_v]))
        theirs.out_proj.weight.copy_(ours.w_o.T)
        theirs.out_proj.bias.copy_(ours.b_o)


def copy_layers(ours, theirs):
    """A stack's parameters into torch's encoder or decoder."""
    for block, layer in zip(ours.blocks, theirs.layers, strict=True):
        copy_attention(block.attention, layer.self_attn)
        norms = [block.attention_norm, block.feed_forward_norm]
        if block.cross is not None:
            copy_attention(block.cross, layer.multihead_attn)
            norms.insert(1, block.cross_norm)
        with torch.no_grad():
            for linear, letter in ((layer.linear1, "1"), (layer.linear2, "2")):
                linear.weight.copy_(getattr(block.feed_forward, f"w_{letter}").T)
                linear.bias.copy_(getattr(block.feed_forward, f"b_{letter}"))
            for number, norm in enumerate(norms, 1):
                getattr(layer, f"norm{number}").weight.copy_(norm.gain)
                getattr(layer, f"norm{number}").bias.copy_(norm.bias)
    if ours.norm is not None:
        with torch.no_grad():
            theirs.norm.weight.copy_(ours.norm.gain)
            theirs.norm.bias.copy_(ours.norm.bias)


@pytest.mark.parametrize("norm_first", [True, False], ids=["pre-norm", "post-norm"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_decoder_equals_torch_s(norm_first, activation):
    model = build(
        kind="encoder-decoder",
        positions="sinusoidal",
        norm_first=norm_first,
        activation=activation,
        tied=False,
    )
    options = dict(
        activation=activation, batch_first=True, norm_first=norm_first, dtype=torch.double
    )
    norm = nn.LayerNorm(24, dtype=torch.double) if norm_first else None
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(24, 4, 32, 0.0, **options), 2, norm, enable_nested_tensor=False
    ).eval()
    norm = nn.LayerNorm(24, dtype=torch.double) if norm_first else None
    decoder = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(24, 4, 32, 0.0, **options), 2, norm
    ).eval()
    copy_layers(model.encoder, encoder)
    copy_layers(model.decoder, decoder)

    source, target = ids(3, 7), ids(3, 6, seed=2)
    real = padding_mask([7, 4, 5], 7, like=source)

    def embed(tokens):
        # Section 3.4 of Vaswani et al. multiplies the embeddings by the root of d.
        return model.embedding.tokens[tokens] * 24**0.5 + sinusoidal_encoding(
            tokens.shape[1], 24, like=model.embedding.tokens
        )

    with torch.no_grad():
        memory = encoder(embed(source), src_key_padding_mask=~real[:, 0, 0])
        out = decoder(
            embed(target),
            memory,
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(6, dtype=torch.double),
            memory_key_padding_mask=~real[:, 0, 0],
        )
        encoded = model.encode(source, real)
        logits = model(target, memory=encoded, memory_mask=real)
    close(encoded[real[:, 0, 0]], memory[real[:, 0, 0]])
    close(logits, out @ model.head.w)


# Every combination, by its laws

COMBINATIONS = [
    *({"kind": kind, "positions": positions} for kind in KINDS for positions in POSITIONS),
    *({"activation": activation} for activation in ACTIVATIONS),
    *({"norm": norm, "norm_first": first} for norm in ("layer", "rms") for first in (True, False)),
    *({"kv_heads": kv, "head_width": 10, "positions": "rotary"} for kv in (1, 2, 4)),
    {"bias": False, "tied": False},
    {"kind": "encoder", "head": "transform", "segments": 2, "embedding_norm": True},
    {"kind": "encoder", "head": "none"},
    {"window": 3, "positions": "rotary"},
    {"positions": "rotary", "rope": RopeScaling("yarn", 4.0, 16)},
    {"positions": "rotary", "rope": RopeScaling("dynamic", 4.0, 4)},
]


def named(changes):
    return " ".join(f"{getattr(value, 'kind', value)}" for value in changes.values())


@pytest.mark.parametrize("changes", COMBINATIONS, ids=named)
def test_shapes_of_the_trace(changes):
    model = build(**changes)
    output, logits = run(model, ids(3, 7), trace=True), run(model, ids(3, 7))
    if model.config.head == "none":
        assert output.logits is None
        assert torch.equal(logits, output.hidden[-1])
    else:
        assert torch.equal(logits, output.logits)
        assert logits.shape == (3, 7, 17)
    assert output.hidden.shape == (3, 3, 7, 24)
    assert output.attention.shape == (2, 3, 4, 7, 7)
    close(output.attention.sum(-1), torch.ones(2, 3, 4, 7).double())
    if model.config.kind == "encoder-decoder":
        assert output.cross.shape == (2, 3, 4, 7, 5)
        close(output.cross.sum(-1), torch.ones(2, 3, 4, 7).double())
    else:
        assert output.cross is None
    one = run(model, ids(7), trace=True)
    assert one.hidden.shape == (3, 7, 24) and one.attention.shape == (2, 4, 7, 7)
    if one.cross is not None:
        assert one.cross.shape == (2, 4, 7, 5)


@pytest.mark.parametrize("changes", COMBINATIONS, ids=named)
def test_every_parameter_has_a_gradient(changes):
    model = build(**changes)
    options = {}
    if model.config.kind == "encoder-decoder":
        options["memory"] = model.encode(ids(2, 5, seed=9))
    weights = torch.randn(7, model.config.width if model.head is None else 17).double()
    (model(ids(2, 7), **options) * weights).sum().backward()
    for name, parameter in model.named_parameters():
        if name.endswith("b_k"):  # shifts all scores of a query alike
            assert parameter.grad.abs().max() < 1e-10 or model.config.positions == "rotary"
        else:
            assert parameter.grad.abs().max() > 1e-8, name


@pytest.mark.parametrize("changes", COMBINATIONS, ids=named)
def test_the_future_changes_nothing_in_a_decoder_and_something_in_an_encoder(changes):
    if getattr(changes.get("rope"), "kind", "") == "dynamic":
        pytest.skip("dynamic scaling looks at the length of the text, not at what it says")
    model, tokens = build(**changes), ids(2, 8)
    before = run(model, tokens)
    for t in (0, 3, 7):
        changed = tokens.clone()
        changed[:, t] = (changed[:, t] + 1) % 17
        moved = (run(model, changed) - before).abs().amax((0, 2)) > 1e-9
        if model.config.kind == "encoder":
            assert moved.all()
        else:
            assert not moved[:t].any() and moved[t]


@pytest.mark.parametrize("changes", COMBINATIONS, ids=named)
def test_padding_changes_nothing(changes):
    if getattr(changes.get("rope"), "kind", "") == "dynamic":
        pytest.skip("dynamic scaling looks at the length of the batch")
    model, tokens, lengths = build(**changes), ids(3, 8), [8, 3, 5]
    mask = padding_mask(lengths, 8, like=tokens)
    memory = {}
    if model.config.kind == "encoder-decoder":
        with torch.no_grad():
            memory = {"memory": model.encode(tokens, mask), "memory_mask": mask}
    together = run(model, tokens, mask, **memory)
    for row, n in enumerate(lengths):
        if memory:
            with torch.no_grad():
                memory = {"memory": model.encode(tokens[row, :n])}
        close(together[row, :n], run(model, tokens[row, :n], **memory))


@pytest.mark.parametrize("window", [1, 3, 20])
def test_window(window):
    model = build(window=window, positions="rotary")
    attention = run(model, ids(9), trace=True).attention
    i, j = torch.arange(9)[:, None], torch.arange(9)
    assert ((attention > 0) == ((j <= i) & (i - j < window))).all()
    if window > 9:
        close(run(model, ids(9)), run(build(positions="rotary"), ids(9)))


@settings(max_examples=20)
@given(st.permutations(range(7)))
def test_without_positions_an_encoder_is_equivariant(order):
    model = build(kind="encoder", positions="none")
    close(run(model, ids(7)[list(order)]), run(model, ids(7))[list(order)])


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "alibi", "t5"])
def test_positions_tell_orders_apart(positions):
    model = build(kind="encoder", positions=positions)
    order = [3, 0, 5, 1, 6, 2, 4]
    assert (run(model, ids(7)[order]) - run(model, ids(7))[order]).abs().max() > 1e-2


@pytest.mark.parametrize("positions", ["rotary", "alibi", "t5"])
def test_relative_positions_see_differences_only(positions):
    model = build(positions=positions)
    x = torch.randn(1, 6, 24).double()
    with torch.no_grad():
        here, there = (
            list(model.decoder.steps(x, positions=torch.arange(6) + shift))[-1].x
            for shift in (0, 7)
        )
    close(here, there)


@pytest.mark.parametrize("kv_heads", [1, 2])
def test_grouped_heads_are_whole_heads_that_agree(kv_heads):
    grouped = build(kv_heads=kv_heads, positions="rotary")
    whole = build(positions="rotary")
    state = grouped.state_dict()
    for name, tensor in state.items():
        if name.endswith(("attention.w_k", "attention.w_v", "attention.b_k", "attention.b_v")):
            heads = tensor.unflatten(-1, (kv_heads, -1)).repeat_interleave(4 // kv_heads, dim=-2)
            state[name] = heads.flatten(-2)
    whole.load_state_dict(state)
    close(run(grouped, ids(2, 7)), run(whole, ids(2, 7)))


@pytest.mark.parametrize("kind", KINDS)
def test_ablation_is_zero_rows_of_the_output_matrix(kind):
    model, removed = build(kind=kind), {(0, 1), (1, 0), (1, 3)}
    whole = run(model, ids(2, 6), trace=True)
    output = run(model, ids(2, 6), trace=True, ablate=removed)
    silenced = build(kind=kind)
    stack = silenced.encoder if kind == "encoder" else silenced.decoder
    with torch.no_grad():
        for layer, head in removed:
            stack.blocks[layer].attention.w_o[6 * head : 6 * head + 6] = 0
    if kind == "encoder-decoder":
        memory = model.encode(ids(2, 5, seed=9)).detach()
        close(output.logits, run(silenced, ids(2, 6), memory=memory))
    else:
        close(output.logits, run(silenced, ids(2, 6)))
    assert (output.logits - whole.logits).abs().max() > 1e-3
    assert torch.equal(output.attention[0], whole.attention[0])
    assert torch.equal(run(model, ids(2, 6), ablate=[]), whole.logits)


def test_ablation_in_the_encoder_of_both():
    model = build(kind="encoder-decoder")
    with torch.no_grad():
        whole, part = (model.encode(ids(5), ablate=a) for a in ((), {(0, 0)}))
    assert (whole - part).abs().max() > 1e-3


def test_dropout_is_for_training_only():
    model, plain = build(dropout=0.5), build()
    assert torch.equal(run(model, ids(7)), run(plain, ids(7)))
    model.train()
    torch.manual_seed(0)
    first, second = run(model, ids(7)), run(model, ids(7))
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(run(model, ids(7)), first)


def test_tracing_changes_nothing_and_ids_may_be_short_integers():
    model = build()
    logits = run(model, ids(2, 7))
    assert torch.equal(run(model, ids(2, 7), trace=True).logits, logits)
    for dtype in (torch.int32, torch.int16):
        assert torch.equal(run(model, ids(2, 7).to(dtype)), logits)


def test_the_last_state_is_what_the_head_reads():
    for first in (True, False):
        model = build(norm_first=first, logit_scale=0.5)
        output = run(model, ids(7), trace=True)
        close(output.logits, 0.5 * output.hidden[-1] @ model.embedding.tokens.T)


def test_a_stack_can_be_entered_at_any_layer():
    model = build(kind="encoder", norm_first=False)
    hidden = run(model, ids(2, 7), trace=True).hidden
    with torch.no_grad():
        for start in range(3):
            steps = list(model.encoder.steps(hidden[start], start=start))
            assert len(steps) == 3 - start
            close(steps[-1].x, hidden[-1])
        close(model.encoder.blocks[1](hidden[1]).x, hidden[2])


def test_float32_is_near_float64():
    model = build(positions="rotary", norm="rms", activation="swiglu", bias=False)
    expected = run(model, ids(2, 9))
    output = run(model.float(), ids(2, 9))
    assert output.dtype == torch.float32
    close(output.double(), expected, 1e-4)


def test_initial_weights():
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(100, 64, 4, 8, 256, 32))
    block = model.decoder.blocks[0]
    for weight, deviation in (
        (model.embedding.tokens, 0.02),
        (block.attention.w_q, 0.02),
        (block.attention.w_o, 0.005),
        (block.feed_forward.w_2, 0.005),
    ):
        assert weight.std().item() == pytest.approx(deviation, rel=0.1)
    assert not block.attention.b_q.any() and (block.attention_norm.gain == 1).all()
    again = Transformer(model.config)
    torch.manual_seed(0)
    same = Transformer(model.config)
    assert torch.equal(same.decoder.blocks[0].attention.w_q, block.attention.w_q)
    assert not torch.equal(again.decoder.blocks[0].attention.w_q, block.attention.w_q)


def test_a_configuration_survives_as_a_dict():
    config = TransformerConfig(**SIZES, positions="rotary", rope=RopeScaling("linear", 2.0))
    values = asdict(config)
    values["rope"] = RopeScaling(**values["rope"])
    assert TransformerConfig(**values) == config
    assert (config.head_width, config.kv_heads, config.gated) == (6, 4, False)
