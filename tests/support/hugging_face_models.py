"""Tiny models of Hugging Face with redrawn weights, for the tests that compare with them."""

from functools import cache

import torch
import transformers

LLAMA = dict(
    vocab_size=41,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
)
GPT2 = dict(vocab_size=41, n_embd=24, n_layer=2, n_head=3, n_positions=20)
BERT = dict(
    vocab_size=41,
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=40,
    max_position_embeddings=20,
)
T5 = dict(vocab_size=41, d_model=24, d_kv=10, d_ff=40, num_layers=2, num_heads=3)
T5 |= dict(relative_attention_num_buckets=8, relative_attention_max_distance=12)


def rope(kind, **options):
    return LLAMA | dict(rope_parameters=dict(rope_type=kind, rope_theta=1e4, **options))


# Name, class of the configuration, of the model, its sizes, and how close: rotary tables and
# T5's buckets are float32 over there, and so is what an RMS norm computes.
CASES = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", GPT2, 1e-12),
    "gpt2-inner-unscaled": (
        "GPT2Config",
        "GPT2LMHeadModel",
        GPT2 | dict(n_inner=31, activation_function="relu", scale_attn_weights=False),
        1e-12,
    ),
    "gpt2-untied": ("GPT2Config", "GPT2LMHeadModel", GPT2 | dict(tie_word_embeddings=False), 1e-12),
    "llama": ("LlamaConfig", "LlamaForCausalLM", LLAMA, 1e-5),
    "llama-tied": ("LlamaConfig", "LlamaForCausalLM", LLAMA | dict(tie_word_embeddings=True), 1e-5),
    "llama-mha-head-width": (
        "LlamaConfig",
        "LlamaForCausalLM",
        LLAMA | dict(num_key_value_heads=4, head_dim=12),
        1e-5,
    ),
    "llama-mqa": ("LlamaConfig", "LlamaForCausalLM", LLAMA | dict(num_key_value_heads=1), 1e-5),
    "llama-linear": ("LlamaConfig", "LlamaForCausalLM", rope("linear", factor=4.0), 1e-5),
    "llama-dynamic": (
        "LlamaConfig",
        "LlamaForCausalLM",
        rope("dynamic", factor=4.0) | dict(max_position_embeddings=8),
        1e-5,
    ),
    "llama-yarn": (
        "LlamaConfig",
        "LlamaForCausalLM",
        rope("yarn", factor=4.0, original_max_position_embeddings=16),
        1e-5,
    ),
    "llama-yarn-options": (
        "LlamaConfig",
        "LlamaForCausalLM",
        rope(
            "yarn",
            factor=4.0,
            original_max_position_embeddings=32,
            beta_fast=4.0,
            beta_slow=0.5,
            attention_factor=0.8,
        ),
        1e-5,
    ),
    "llama-llama3": (
        "LlamaConfig",
        "LlamaForCausalLM",
        rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=16,
        ),
        1e-5,
    ),
    "mistral": ("MistralConfig", "MistralForCausalLM", LLAMA | dict(sliding_window=5), 1e-5),
    "bert": ("BertConfig", "BertForMaskedLM", BERT, 1e-12),
    "bert-relu": ("BertConfig", "BertForMaskedLM", BERT | dict(hidden_act="relu"), 1e-12),
    "bert-without-head": ("BertConfig", "BertModel", BERT, 1e-12),
    "t5": ("T5Config", "T5ForConditionalGeneration", T5, 1e-5),
    "t5-1.1": (
        "T5Config",
        "T5ForConditionalGeneration",
        T5 | dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False),
        1e-5,
    ),
}


@cache
def theirs(name):
    """A tiny model in double precision with every parameter redrawn."""
    config_class, model_class, sizes, _ = CASES[name]
    config = getattr(transformers, config_class)(**sizes)
    model = getattr(transformers, model_class)._from_config(config, attn_implementation="eager")
    if name == "t5-1.1":  # since version 5 the library ties what the published model does not
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    model = model.eval().double()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(0.25 * torch.randn(parameter.shape, generator=draw))
            if (
                "norm" in key.lower()
                and key.endswith("weight")
                or ".ln_" in key
                and "weight" in key
            ):
                parameter += 1
    return model


def ids(*shape, seed=1):
    return torch.randint(41, shape, generator=torch.Generator().manual_seed(seed))


def close(a, b, tolerance):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)
