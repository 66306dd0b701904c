"""FLOPs against torch's counter on real passes of transformers' models, and by their laws.

The counter sees products of matrices and convolutions, whatever they are for. It does not see
biases, norms, softmax, activations, masks, rotations and their tables, the choice of experts, the
sum of residuals or looking up an embedding; the package leaves out the same. Equality is exact.
"""

from dataclasses import replace

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from transformer_math import cost
from transformer_math.attention import causal_mask, window_mask

DECODER = {"layers": 3, "width": 24, "heads": 4, "hidden": 40, "vocabulary": 50, "context": 64}
LLAMA = {
    "vocab_size": 50,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 10,
    "max_position_embeddings": 64,
    "pad_token_id": None,
}
ROTARY = {**DECODER, "kv_heads": 2, "head_width": 10, "gated": True, "bias": False, "norm": "rms"}
LATENT = {
    "kv_lora_rank": 12,
    "q_lora_rank": 14,
    "qk_nope_head_dim": 10,
    "qk_rope_head_dim": 6,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
    "moe_intermediate_size": 16,
    "n_routed_experts": 8,
    "num_experts_per_tok": 3,
    "n_shared_experts": 2,
    "first_k_dense_replace": 1,
    "n_group": 2,
    "topk_group": 2,
    "num_mtp_layers": 0,
}


def llama_like(**sizes):
    return {key: value for key, value in {**LLAMA, **sizes}.items() if value is not ...}


def build(kind, config):
    torch.manual_seed(0)
    made = kind._from_config(config, attn_implementation="eager").eval()
    if hasattr(made, "set_experts_implementation"):
        made.set_experts_implementation("eager")
    return made


def pairs_of_models():
    """Sizes for transformers, and the same sizes for the package."""
    t = transformers
    gpt2 = t.GPT2Config(
        n_layer=3, n_embd=24, n_head=4, n_inner=40, vocab_size=50, n_positions=64, **NO_DROPOUT
    )
    mixtral = t.MixtralConfig(**LLAMA, num_local_experts=4, num_experts_per_tok=2)
    deepseek = t.DeepseekV3Config(**{**llama_like(head_dim=...), **LATENT})
    bert = t.BertConfig(
        **{k: v for k, v in LLAMA.items() if k not in ("num_key_value_heads", "head_dim")},
    )
    vit = t.ViTConfig(
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=40,
        image_size=24,
        patch_size=4,
        num_labels=7,
    )
    latent = cost.Model(
        **{**ROTARY, "kv_heads": None},
        tied=False,
        latent_width=12,
        query_latent_width=14,
        rope_width=6,
        value_width=8,
        experts=8,
        active_experts=3,
        shared_experts=2,
        expert_hidden=16,
        dense_layers=1,
    )
    image = {**DECODER, "vocabulary": 0, "context": 37, "positions": 37}
    return {
        "gpt-2": (t.GPT2LMHeadModel, gpt2, cost.Model(**DECODER, positions=64)),
        "llama": (t.LlamaForCausalLM, t.LlamaConfig(**LLAMA), llama()),
        "mixtral": (
            t.MixtralForCausalLM,
            mixtral,
            replace(llama(), experts=4, active_experts=2),
        ),
        "deepseek-v3": (t.DeepseekV3ForCausalLM, deepseek, latent),
        "bert": (
            t.BertModel,
            bert,
            cost.Model(**DECODER, kind="encoder", pooler=True, positions=64, segments=2),
        ),
        "vit": (
            t.ViTForImageClassification,
            vit,
            cost.Model(**image, kind="vision", patch=3 * 4 * 4, classes=7),
        ),
    }


def llama():
    return cost.Model(**ROTARY, tied=False)


NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
MODELS = pairs_of_models()


def count(call):
    with FlopCounterMode(display=False) as counter:
        result = call()
    return counter.get_total_flops(), result


@pytest.mark.parametrize("batch, tokens", [(1, 1), (1, 9), (3, 16)])
@pytest.mark.parametrize("name", MODELS)
def test_forward_and_backward_equal_the_counter(name, batch, tokens):
    kind, config, model = MODELS[name]
    theirs = build(kind, config)
    if name == "vit":
        tokens = 37
        inputs = torch.randn(batch, 3, 24, 24, generator=torch.Generator().manual_seed(0))
        forward, output = count(lambda: theirs(inputs))
    else:
        ids = torch.arange(batch * tokens).reshape(batch, tokens) % 50
        forward, output = count(lambda: theirs(ids))
    ours = cost.flops(model, tokens, batch)
    assert forward == ours.forward
    last = output.pooler_output if name == "bert" else output.logits
    backward, _ = count(lambda: last.sum().backward())
    assert ours.backward == backward
    assert ours.training == ours.forward + backward
    assert sum(p.numel() for p in theirs.parameters()) == cost.parameters(model).total


@pytest.mark.parametrize("name", ["gpt-2", "llama", "mixtral", "deepseek-v3"])
def test_a_pass_with_a_cache_equals_the_counter(name):
    kind, config, model = MODELS[name]
    theirs = build(kind, config)
    ids = torch.arange(2 * 12).reshape(2, 12)
    with torch.no_grad():
        cache = theirs(ids[:, :7], use_cache=True).past_key_values
        for start, end in ((7, 8), (8, 12)):
            forward, _ = count(
                lambda start=start, end=end: theirs(
                    ids[:, start:end], past_key_values=cache, logits_to_keep=1
                )
            )
            ours = cost.flops(model, end - start, 2, cached=start, logits="last")
            assert forward == ours.forward


def test_encoder_decoder_equals_the_counter():
    """T5 against the same sizes: its heads are wider than width / heads, it has no biases."""
    config = transformers.T5Config(
        vocab_size=50,
        d_model=24,
        d_kv=10,
        d_ff=40,
        num_layers=2,
        num_decoder_layers=3,
        num_heads=4,
        dropout_rate=0.0,
        decoder_start_token_id=0,
    )
    theirs = build(transformers.T5ForConditionalGeneration, config)
    model = cost.Model(
        **DECODER, head_width=10, bias=False, norm="rms", kind="encoder-decoder", encoder_layers=2
    )
    for batch, source, tokens in ((1, 1, 1), (2, 11, 5)):
        texts = torch.ones(batch, source, dtype=int), torch.ones(batch, tokens, dtype=int)
        forward, output = count(
            lambda texts=texts: theirs(input_ids=texts[0], decoder_input_ids=texts[1])
        )
        ours = cost.flops(model, tokens, batch, source=source)
        assert ours.forward == forward
        assert ours.backward == count(lambda output=output: output.logits.sum().backward())[0]
        memory = transformers.modeling_outputs.BaseModelOutput(output.encoder_last_hidden_state)
        with torch.no_grad():
            again, _ = count(
                lambda texts=texts, memory=memory, output=output: theirs(
                    encoder_outputs=memory,
                    decoder_input_ids=texts[1][:, :1],
                    past_key_values=output.past_key_values,
                )
            )
        assert cost.flops(model, 1, batch, cached=tokens, source=source).forward == again


@given(st.integers(1, 40), st.integers(0, 40), st.none() | st.integers(1, 50))
def test_pairs_are_those_of_the_mask(tokens, cached, window):
    model = cost.Model(**DECODER, window=window)
    keys = cached + tokens
    mask = causal_mask(tokens, keys) if window is None else window_mask(tokens, window, keys)
    assert cost.pairs(model, tokens, cached) == mask.sum()


def test_causal_masking_halves_the_attention_term():
    model = cost.model("llama-3-8b")
    all_pairs, causal = (cost.flops(model, 8192, causal=c) for c in (False, True))
    assert 2 * causal.attention * 8192 == all_pairs.attention * 8193
    assert causal.forward - causal.attention == all_pairs.forward - all_pairs.attention


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from(["llama", "mixtral"]))
def test_prefill_in_chunks_costs_as_much(first, rest, name):
    model = MODELS[name][2]
    whole = cost.flops(model, first + rest, causal=True)
    chunks = [
        cost.flops(model, first, causal=True),
        cost.flops(model, rest, cached=first, causal=True),
    ]
    assert whole.forward == sum(chunk.forward for chunk in chunks)


def test_absorbed_latent_attention():
    """Counted by torch on the two ways of scoring queries against latents, for one layer."""
    model = MODELS["deepseek-v3"][2]
    h, nope, rope, c, v = 4, 10, 6, 12, 8
    new, keys = 2, 9

    def absorbed():
        q, q_rope = torch.ones(h, new, nope), torch.ones(h, new, rope)
        latent, k_rope = torch.ones(keys, c), torch.ones(keys, rope)
        w_k, w_v = torch.ones(h, nope, c), torch.ones(h, c, v)
        weights = (q @ w_k) @ latent.T + q_rope @ k_rope.T
        return weights @ latent @ w_v

    ours = [cost.flops(model, new, cached=keys - new, absorbed=a) for a in (True, False)]
    query_and_output = 24 * 14 + 14 * h * (nope + rope) + 24 * (c + rope) + h * v * 24
    assert ours[0].projections + ours[0].attention == 3 * (
        count(absorbed)[0] + 2 * new * query_and_output
    )
    real = cost.model("deepseek-v3")
    step = [cost.flops(real, 1, cached=4095, absorbed=a).forward for a in (True, False)]
    assert step[0] < step[1] / 10  # else every cached latent is expanded again
    prefill = [cost.flops(real, 4096, absorbed=a).forward for a in (True, False)]
    assert prefill[0] > prefill[1]  # but latents are wider than keys


def test_vision_transformer_multiply_adds():
    assert round(cost.flops(cost.model("vit-b-16"), 197).forward / 2e9, 2) == 17.56


def test_rules_of_thumb():
    gpt3 = cost.model("gpt-3")
    n, attention = 174_604_259_328, 12 * 96 * 96 * 128 * 2048
    assert cost.palm_training_flops(gpt3, 2048) == 6 * n + attention
    assert cost.kaplan_forward_flops(gpt3, 2048) == 2 * 12 * 96 * 12288**2 + 2 * 96 * 2048 * 12288
    exact = cost.flops(gpt3, 2048).training / 2048
    embeddings = 6 * 2048 * 12288  # PaLM's N has the table of positions, which costs nothing
    biases = 6 * (96 * 13 + 2) * 12288
    assert cost.palm_training_flops(gpt3, 2048) - embeddings - biases == exact
    causal = cost.flops(gpt3, 2048, causal=True)
    logits = causal.head / 2048
    assert cost.kaplan_forward_flops(gpt3, 2048) == pytest.approx(
        causal.forward / 2048 - logits, rel=1e-4
    )
    mixtral = cost.model("mixtral-8x7b")
    assert cost.palm_training_flops(mixtral, 1) == 6 * 12_879_925_248 + 12 * 32 * 32 * 128


@pytest.mark.parametrize("name", ["gpt-2", "gpt-3", "llama-3-8b", "mixtral-8x7b", "bert-base"])
def test_crossover_is_where_the_two_terms_are_equal(name):
    model = cost.model(name)
    crossing = cost.crossover_context(model)
    at = cost.flops(replace(model, context=10**6, window=None), round(crossing))
    assert at.attention == pytest.approx(at.projections + at.feed_forward, rel=1e-4)


def test_crossover_of_textbook_blocks():
    gpt3 = cost.model("gpt-3")
    assert cost.crossover_context(gpt3) == 6 * 12288
    assert cost.crossover_context(gpt3, causal=True) == 12 * 12288
    gated = cost.Model(layers=2, width=64, heads=4, hidden=256, vocabulary=9, context=8, gated=True)
    assert cost.crossover_context(gated) == 8 * 64
