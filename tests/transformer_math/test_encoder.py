"""A BERT in the course's own Transformer, where it goes beyond equal outputs: gradients, ablation.

That hidden states, weights and logits are equal is in test_transformer_hugging_face.py.
"""

from functools import cache

import pytest
import torch
from transformers import BertConfig, BertModel

from transformer_math.transformer import from_hugging_face_state_dict

VOCABULARY, WIDTH, HEADS = 50, 24, 3


@cache
def reference():
    """A tiny BERT in double precision, far from its near-uniform initial attention."""
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_attention_heads=HEADS,
        num_hidden_layers=3,
        intermediate_size=40,
        max_position_embeddings=16,
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


def ours():
    return from_hugging_face_state_dict(reference().config, reference().state_dict())


def random_ids(*shape):
    return torch.randint(VOCABULARY, shape, generator=torch.Generator().manual_seed(1))


def run_reference(ids):
    with torch.no_grad():
        out = reference()(ids, output_hidden_states=True, output_attentions=True)
    return torch.stack(out.hidden_states), torch.stack(out.attentions)


def test_gradients_equal_bert():
    ids, mine = random_ids(2, 6), ours()
    mine(ids).square().sum().backward()
    reference().zero_grad()
    reference()(ids).last_hidden_state.square().sum().backward()
    theirs = reference().encoder.layer[1].attention.self.key.weight.grad
    w_k = mine.encoder.blocks[1].attention.w_k
    torch.testing.assert_close(w_k.grad, theirs.T, atol=1e-10, rtol=1e-10)


def test_every_parameter_takes_part_in_the_result():
    # A parameter that was forgotten, or put in another's place, would go unnoticed if it did
    # nothing. A key bias alone does nothing: it shifts all scores of a query alike.
    ids, model = random_ids(2, 8), ours()
    segments = torch.arange(8).expand(2, 8) % 2
    with torch.no_grad():
        expected = model(ids, segments=segments)
        for name, parameter in model.named_parameters():
            saved = parameter.clone()
            parameter[..., :5] += 0.1 * torch.arange(5.0)
            changed = model(ids, segments=segments)
            parameter.copy_(saved)
            moved = (changed - expected).abs().max()
            assert (moved < 1e-12) if name.endswith("b_k") else (moved > 1e-6), name


@pytest.mark.parametrize("ablate", [{(0, 1)}, {(1, 0), (1, 2)}, [(2, 0), (0, 0)]], ids=str)
def test_ablating_heads_equals_zeroing_their_output_in_bert(ablate):
    ids, width = random_ids(2, 9), WIDTH // HEADS

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
    with torch.no_grad():
        output, whole = ours()(ids, ablate=ablate, trace=True), ours()(ids, trace=True)
    torch.testing.assert_close(output.hidden, hidden, atol=1e-12, rtol=0)
    torch.testing.assert_close(output.attention, attention, atol=1e-12, rtol=0)
    assert (output.hidden[-1] - whole.hidden[-1]).abs().max() > 1e-3
