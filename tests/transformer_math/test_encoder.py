"""The encoder against Hugging Face's BertModel with every parameter redrawn."""

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from transformers import BertConfig, BertModel

from transformer_math import padding_mask
from transformer_math.encoder import Encoder, EncoderConfig, gelu
from transformer_math.pretrained import from_bert

CONFIG = EncoderConfig(vocabulary=50, width=24, heads=3, layers=3, hidden=40, context=16)

# Under the tests' run-time type check the signature objects before the function does.
WRONG_TYPE = (ValueError, TypeCheckError)


@cache
def reference():
    """A tiny BERT in double precision, far from its near-uniform initial attention."""
    config = BertConfig(
        vocab_size=CONFIG.vocabulary,
        hidden_size=CONFIG.width,
        num_attention_heads=CONFIG.heads,
        num_hidden_layers=CONFIG.layers,
        intermediate_size=CONFIG.hidden,
        max_position_embeddings=CONFIG.context,
        layer_norm_eps=CONFIG.eps,
    )
    # The default implementation of attention returns no weights.
    model = BertModel._from_config(config, attn_implementation="eager").eval().double()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(0.25 * torch.randn(parameter.shape, generator=draw))
            if name.endswith("LayerNorm.weight"):
                parameter += 1
    return model


@cache
def ours():
    return from_bert(CONFIG, reference().state_dict())


def random_ids(*shape, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(CONFIG.vocabulary, shape, generator=draw)


def run_reference(ids, mask=None):
    with torch.no_grad():
        out = reference()(ids, mask, output_hidden_states=True, output_attentions=True)
    return torch.stack(out.hidden_states), torch.stack(out.attentions)


def run(ids, *arguments, **options):
    with torch.no_grad():
        return ours()(ids, *arguments, **options)


def test_hidden_states_and_attention_equal_bert():
    ids = random_ids(4, 11)
    hidden, attention = run_reference(ids)
    output = run(ids)
    assert output.hidden.shape == (4, 4, 11, 24)
    assert output.attention.shape == (3, 4, 3, 11, 11)
    torch.testing.assert_close(output.hidden, hidden, atol=1e-12, rtol=0)
    torch.testing.assert_close(output.attention, attention, atol=1e-12, rtol=0)
    # The comparison would be empty if attention were uniform: it is not.
    assert output.attention.amax(-1).mean() > 2 / 11


def test_padded_texts_equal_bert_and_themselves_unpadded():
    lengths, longest = [11, 3, 1, 7], 11
    ids = random_ids(4, longest)
    mask = padding_mask(lengths, longest, like=ids)
    hidden, attention = run_reference(ids, mask[:, 0, 0].long())
    output = run(ids, mask)
    torch.testing.assert_close(output.hidden, hidden, atol=1e-12, rtol=0)
    torch.testing.assert_close(output.attention, attention, atol=1e-12, rtol=0)
    for row, n in enumerate(lengths):
        alone = run(ids[row, :n])
        torch.testing.assert_close(output.hidden[:, row, :n], alone.hidden, atol=1e-12, rtol=0)
        assert not output.attention[:, row, :, :, n:].any()


def test_one_text_needs_no_batch_and_all_positions_are_there():
    ids = random_ids(CONFIG.context)
    output = run(ids)
    assert output.hidden.shape == (4, 16, 24)
    assert output.attention.shape == (3, 3, 16, 16)
    hidden, _ = run_reference(ids[None])
    torch.testing.assert_close(output.hidden, hidden[:, 0], atol=1e-12, rtol=0)


def test_gradients_equal_bert():
    ids = random_ids(2, 6)
    mine = from_bert(CONFIG, reference().state_dict())
    mine(ids).hidden[-1].square().sum().backward()
    reference().zero_grad()
    reference()(ids).last_hidden_state.square().sum().backward()
    theirs = reference().encoder.layer[1].attention.self.key.weight.grad
    torch.testing.assert_close(mine.layers[1].w_k.grad, theirs.T, atol=1e-10, rtol=1e-10)


def test_every_parameter_takes_part_in_the_result():
    # A parameter that from_bert forgot, or put in another's place, would go unnoticed if it did
    # nothing. A key bias alone does nothing: it shifts all scores of a query alike.
    ids = random_ids(8)
    expected = run(ids).hidden[-1]
    for name, parameter in ours().named_parameters():
        saved = parameter.detach().clone()
        with torch.no_grad():
            parameter[..., :5] += 0.1 * torch.arange(5.0)
            changed = run(ids).hidden[-1]
            parameter.copy_(saved)
        moved = (changed - expected).abs().max()
        assert (moved < 1e-12) if name.endswith("b_k") else (moved > 1e-6), name


@pytest.mark.parametrize("ablate", [{(0, 1)}, {(1, 0), (1, 2)}, [(2, 0), (0, 0)]], ids=str)
def test_ablating_heads_equals_zeroing_their_output_in_bert(ablate):
    ids = random_ids(2, 9)
    width = CONFIG.width // CONFIG.heads

    def silence(layer):
        def hook(module, inputs):
            (context,) = inputs
            context = context.clone()
            for at, head in ablate:
                if at == layer:
                    context[..., head * width : (head + 1) * width] = 0
            return (context,)

        return hook

    dense = [layer.attention.output.dense for layer in reference().encoder.layer]
    hooks = [d.register_forward_pre_hook(silence(n)) for n, d in enumerate(dense)]
    try:
        hidden, attention = run_reference(ids)
    finally:
        for hook in hooks:
            hook.remove()
    output = run(ids, ablate=ablate)
    torch.testing.assert_close(output.hidden, hidden, atol=1e-12, rtol=0)
    torch.testing.assert_close(output.attention, attention, atol=1e-12, rtol=0)
    assert (output.hidden[-1] - run(ids).hidden[-1]).abs().max() > 1e-3


def test_ablating_nothing_changes_nothing():
    ids = random_ids(5)
    assert torch.equal(run(ids, ablate=set()).hidden, run(ids).hidden)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(8)))
def test_without_positions_the_encoder_is_permutation_equivariant(order):
    encoder = from_bert(CONFIG, reference().state_dict())
    with torch.no_grad():
        encoder.positions.zero_()
        ids = random_ids(8)
        mixed, straight = encoder(ids[list(order)]), encoder(ids)
    torch.testing.assert_close(mixed.hidden, straight.hidden[:, list(order)], atol=1e-12, rtol=0)


def test_steps_yield_what_forward_stacks():
    ids = random_ids(2, 5)
    with torch.no_grad():
        steps = list(ours().steps(ids))
    output = run(ids)
    assert steps[0][1] is None
    assert torch.equal(torch.stack([x for x, _ in steps]), output.hidden)
    assert torch.equal(torch.stack([a for _, a in steps[1:]]), output.attention)


def test_gelu_is_the_exact_one():
    x = torch.linspace(-6, 6, 101, dtype=torch.float64)
    torch.testing.assert_close(gelu(x), torch.nn.functional.gelu(x), atol=1e-15, rtol=1e-12)


def test_a_new_encoder_is_near_uniform_attention_and_trains():
    torch.manual_seed(0)
    encoder = Encoder(CONFIG)
    output = encoder(random_ids(10))
    assert output.hidden.dtype == torch.float32
    torch.testing.assert_close(output.attention, torch.full((3, 3, 10, 10), 0.1), atol=0.02, rtol=0)
    # Not the squares: after a layer norm they sum to a constant, and have no gradient.
    output.hidden[-1][:, 0].sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())


def test_loading_leaves_the_caller_s_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    from_bert(CONFIG, reference().state_dict())
    assert torch.equal(torch.rand(3), expected)


def sizes(**changes):
    return dict(vocabulary=50, width=24, heads=3, layers=1, hidden=40, context=16) | changes


@pytest.mark.parametrize(
    "change, message",
    [
        ({"heads": 5}, "heads is 5; allowed: a divisor of the width, 24"),
        ({"layers": 0}, "layers is 0; allowed: a whole number of at least 1"),
        ({"vocabulary": -1}, "vocabulary is -1"),
        ({"context": 0}, "context is 0"),
        ({"hidden": 0}, "hidden is 0"),
        ({"eps": 0.0}, "eps is 0"),
        ({"eps": float("nan")}, "eps is nan"),
        ({"width": 2.5}, "width"),
    ],
    ids=str,
)
def test_bad_configurations(change, message):
    with pytest.raises(WRONG_TYPE, match=message):
        EncoderConfig(**sizes(**change))


@pytest.mark.parametrize(
    "ids, message",
    [
        (torch.tensor([0, 50]), "ids go from 0 to 50; allowed: 0 to 49"),
        (torch.tensor([-1, 3]), "ids go from -1 to 3; allowed: 0 to 49"),
        (torch.zeros(17, dtype=torch.long), r"shape \(17,\); allowed: .* 1 to 16 tokens"),
        (torch.zeros(2, 0, dtype=torch.long), r"shape \(2, 0\)"),
        (torch.zeros(3), "ids"),
        (torch.zeros(3, dtype=torch.bool), "ids"),
        ([1, 2], "ids"),
    ],
    ids=["too large", "negative", "too long", "none", "float", "bool", "list"],
)
def test_bad_ids(ids, message):
    with pytest.raises(WRONG_TYPE, match=message):
        run(ids)


@pytest.mark.parametrize(
    "ablate", [{(3, 0)}, {(0, 3)}, {(-1, 0)}, {(0, 0), (0, -1)}, {(1,)}, {3}, {(0, 1, 2)}], ids=str
)
def test_heads_that_do_not_exist_cannot_be_ablated(ablate):
    with pytest.raises(WRONG_TYPE, match=r"ablate|allowed: pairs .* from \(0, 0\) to \(2, 2\)"):
        run(random_ids(4), ablate=ablate)


def test_the_message_about_a_head_says_which_exist():
    message = r"ablate has \(3, 0\); allowed: pairs \(layer, head\) from \(0, 0\) to \(2, 2\)"
    with pytest.raises(ValueError, match=message):
        run(random_ids(4), ablate={(3, 0)})


@pytest.mark.parametrize("mask", [torch.ones(4, 4), torch.ones(3, dtype=torch.bool)], ids=str)
def test_masks_that_do_not_fit(mask):
    with pytest.raises(WRONG_TYPE, match="mask"):
        run(random_ids(4), mask)


def test_a_checkpoint_that_lacks_a_parameter():
    tensors = dict(reference().state_dict())
    del tensors["encoder.layer.1.output.dense.bias"]
    with pytest.raises(
        ValueError, match=r"tensors has no 'encoder\.layer\.1\.output\.dense\.bias'"
    ):
        from_bert(CONFIG, tensors)


def test_a_checkpoint_of_another_size():
    wider = EncoderConfig(**sizes(layers=3, hidden=41))
    message = r"intermediate\.dense\.weight'\] gives .* \(24, 40\); allowed: \(24, 41\)"
    with pytest.raises(ValueError, match=message):
        from_bert(wider, reference().state_dict())
