"""Bytes against the sizes of tensors: transformers' caches, and what autograd keeps."""

from dataclasses import replace

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from transformer_math import cost

KIB_PER_TOKEN = {
    "llama-2-7b": 512,
    "llama-2-13b": 800,
    "llama-2-70b": 320,
    "llama-3-8b": 128,
    "llama-3-70b": 320,
    "llama-3.1-405b": 504,
    "mistral-7b": 128,
}
SIZES = {"vocabulary": 50, "width": 24, "heads": 4, "hidden": 40, "layers": 3, "context": 64}
GROUPED = {**SIZES, "kv_heads": 2, "head_width": 10, "gated": True, "bias": False, "norm": "rms"}


@pytest.mark.parametrize("name", KIB_PER_TOKEN)
def test_published_cache_sizes(name):
    assert cost.kv_bytes_per_token(cost.model(name)) == KIB_PER_TOKEN[name] * 1024


def test_caches_of_real_models():
    gib, mib = 2**30, 2**20
    gpt3, mistral = cost.model("gpt-3"), cost.model("mistral-7b")
    assert cost.kv_bytes_per_token(gpt3) == 4_718_592
    assert cost.kv_cache_bytes(gpt3, 2048) == 9 * gib
    assert cost.kv_cache_bytes(cost.model("llama-3.1-8b"), 2**17) == 16 * gib
    assert cost.kv_cache_bytes(mistral, 4096) == 512 * mib
    assert cost.kv_cache_bytes(mistral, 32768) == 512 * mib  # the window
    shared = cost.model("llama-2-70b")
    assert cost.kv_bytes_per_token(replace(shared, kv_heads=64)) == 2560 * 1024


def test_latent_caches():
    v2, v3 = cost.model("deepseek-v2"), cost.model("deepseek-v3")
    assert cost.kv_elements_per_token(v2) == 60 * 576
    assert cost.kv_bytes_per_token(v2) == 69_120
    assert cost.kv_bytes_per_token(v3) == 70_272
    as_heads = replace(v2, latent_width=0, query_latent_width=0, rope_width=0)
    assert round(cost.kv_elements_per_token(as_heads) / cost.kv_elements_per_token(v2), 1) == 56.9
    two_groups = cost.kv_elements_per_token(replace(as_heads, kv_heads=2)) / 2
    assert cost.kv_elements_per_token(v2) == 2.25 * two_groups
    # The published saving of 93.3 %: against 95 layers of 8 heads of 128, with 6-bit elements.
    dense = replace(as_heads, layers=95, kv_heads=8)
    saved = 1 - cost.kv_bytes_per_token(v2, "int6") / cost.kv_bytes_per_token(dense, "float16")
    assert round(100 * saved, 2) == 93.34
    by_elements = 1 - cost.kv_elements_per_token(v2) / cost.kv_elements_per_token(dense)
    assert round(100 * by_elements, 1) == 82.2


def hugging_face():
    t = transformers
    llama = {
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
    latent = {
        "kv_lora_rank": 12,
        "q_lora_rank": 14,
        "qk_nope_head_dim": 10,
        "qk_rope_head_dim": 6,
        "v_head_dim": 8,
        "num_key_value_heads": 4,
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "first_k_dense_replace": 3,
        "num_mtp_layers": 0,
    }
    gpt2 = t.GPT2Config(n_layer=3, n_embd=24, n_head=4, n_inner=40, vocab_size=50, n_positions=64)
    no_head_dim = {key: value for key, value in llama.items() if key != "head_dim"}
    mla = {"latent_width": 12, "query_latent_width": 14, "rope_width": 6, "value_width": 8}
    return {
        "gpt-2": (t.GPT2LMHeadModel(gpt2), cost.Model(**SIZES, positions=64)),
        "llama": (t.LlamaForCausalLM(t.LlamaConfig(**llama)), cost.Model(**GROUPED)),
        "deepseek-v3": (
            t.DeepseekV3ForCausalLM(t.DeepseekV3Config(**{**no_head_dim, **latent})),
            cost.Model(**{**GROUPED, "kv_heads": None}, **mla),
        ),
    }


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["gpt-2", "llama", "deepseek-v3"])
def test_cache_equals_the_tensors_of_transformers(name, dtype):
    theirs, model = hugging_face()[name]
    theirs = theirs.to(getattr(torch, dtype)).eval()
    with torch.no_grad():
        cache = theirs(torch.ones(2, 13, dtype=int), use_cache=True).past_key_values
    tensors = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
    assert sum(t.nbytes for t in tensors) == cost.kv_cache_bytes(model, 13, 2, dtype)
    weights = sum(p.nbytes for p in theirs.parameters())
    expected = cost.weight_bytes(replace(model, tied=name == "gpt-2"), dtype)
    assert weights == expected


def test_cache_of_an_encoder_decoder_keeps_the_source_too():
    config = transformers.T5Config(
        vocab_size=50, d_model=24, d_kv=10, d_ff=40, num_layers=2, num_heads=4
    )
    model = cost.Model(
        **{**SIZES, "layers": 2}, head_width=10, kind="encoder-decoder", encoder_layers=2
    )
    theirs = transformers.T5ForConditionalGeneration(config).eval()
    with torch.no_grad():
        cache = theirs(
            input_ids=torch.ones(3, 11, dtype=int), decoder_input_ids=torch.ones(3, 5, dtype=int)
        ).past_key_values
    caches = (cache.self_attention_cache, cache.cross_attention_cache)
    stored = sum(l.keys.nbytes + l.values.nbytes for c in caches for l in c.layers)
    assert stored == cost.kv_cache_bytes(model, 5, 3, "float32", source=11)


@pytest.mark.parametrize("dtype", cost.DTYPES)
def test_bytes_of_an_element(dtype):
    bits = int("".join(character for character in dtype if character.isdigit()))
    assert cost.element_bytes(dtype) == bits / 8


class Block(torch.nn.Module):
    """One block without anything the formula does not count."""

    def __init__(self, m):
        super().__init__()
        self.m = m
        sizes = {**cost.attention_maps(m), **cost.feed_forward_maps(m)}
        self.maps = torch.nn.ModuleDict(
            {name: torch.nn.Linear(i, o, bias=False) for name, (i, o) in sizes.items()}
        )

    def forward(self, x):
        m, maps = self.m, self.maps

        def heads(y, count):
            return y.unflatten(-1, (count, -1)).transpose(-2, -3)

        y = F.layer_norm(x, (m.width,))
        q, k, v = heads(maps["q"](y), m.heads), *(heads(maps[n](y), m.kv_heads) for n in "kv")
        group = (m.kv_heads, m.heads // m.kv_heads)
        weights = torch.softmax(q.unflatten(1, group) @ k[:, :, None].mT, -1)
        mixed = (weights @ v[:, :, None]).flatten(1, 2)
        x = x + maps["o"](mixed.transpose(1, 2).flatten(2))
        y = F.layer_norm(x, (m.width,))
        inner = F.gelu(maps["up"](y)) if not m.gated else F.silu(maps["gate"](y)) * maps["up"](y)
        return x + maps["down"](inner)


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("kv_heads, head_width", [(4, 6), (2, 6), (1, 10)])
def test_activations_are_what_autograd_keeps(gated, kv_heads, head_width):
    """Storages that the graph holds on to, weights and the norms' two statistics left out."""
    model = cost.Model(
        **{**SIZES, "layers": 1}, kv_heads=kv_heads, head_width=head_width, gated=gated
    )
    batch, tokens = 3, 11
    block, kept = Block(model).double(), {}
    weights = {p.untyped_storage().data_ptr() for p in block.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and tensor.numel() > batch * tokens:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    x = torch.randn(batch, tokens, model.width, dtype=torch.float64, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = block(x)
    # torch's product keeps shared keys and values repeated for each query head; the formula once.
    copies = 8 * batch * tokens * 2 * head_width * (model.heads - kv_heads)
    ours = cost.activation_bytes(model, tokens, batch, "float64")
    assert sum(kept.values()) == ours + copies
    assert y.shape == x.shape


def test_activations_of_gpt_as_published():
    for name in ("gpt-2", "gpt-3"):
        m = cost.model(name)
        s, h, a = m.context, m.width, m.heads
        ours = cost.activation_bytes(m, s, 5, dropout=True)
        assert ours == m.layers * 5 * s * h * (34 + 5 * a * s / h)
        selective = cost.activation_bytes(m, s, 5, dropout=True, checkpointing="selective")
        assert selective == m.layers * 5 * s * h * 34
        full = cost.activation_bytes(m, s, 5, dropout=True, checkpointing="full")
        assert full == (m.layers - 1) * 5 * s * h * 2 + ours / m.layers


@given(st.integers(1, 64), st.integers(1, 9), st.booleans())
def test_checkpointing_never_keeps_more_than_a_layer_more(tokens, batch, dropout):
    model = cost.Model(**GROUPED)
    kept = {
        c: cost.activation_bytes(model, tokens, batch, checkpointing=c, dropout=dropout)
        for c in ("none", "selective", "full")
    }
    assert kept["selective"] < kept["none"]
    assert kept["full"] < kept["none"]
    assert kept["none"] * 4 == 2 * cost.activation_bytes(model, tokens, 2 * batch, dropout=dropout)


def test_activations_of_experts():
    mixtral, mistral = cost.model("mixtral-8x7b"), cost.model("mistral-7b")
    more = cost.activation_bytes(mixtral, 100) - cost.activation_bytes(mistral, 100)
    assert more == 32 * 100 * 2 * 4 * 14336  # a second expert's hidden layers


def test_training_memory():
    model = cost.model("gpt-2-xl")
    memory = cost.training_memory(model, 1024, 2)
    count = cost.parameters(model).total
    assert memory.weights + memory.gradients + memory.optimiser == 16 * count
    assert memory.activations == cost.activation_bytes(model, 1024, 2)
    assert memory.logits == 2 * 1024 * 50257 * 4
    assert memory.total == 16 * count + memory.activations + memory.logits
    assert cost.training_memory(model, 1, dtype="float32").weights == 4 * count
    assert cost.training_memory(cost.model("bert-base"), 1).logits == 0


def test_adam_keeps_two_numbers_a_parameter():
    parameters = torch.nn.Linear(30, 20).parameters()
    optimiser = torch.optim.Adam(parameters)
    for group in optimiser.param_groups:
        for p in group["params"]:
            p.grad = torch.ones_like(p)
    optimiser.step()
    moments = [
        state[key].nbytes for state in optimiser.state.values() for key in ("exp_avg", "exp_avg_sq")
    ]
    tiny = cost.Model(**SIZES)
    count = cost.parameters(tiny).total
    copy = 4 * count
    assert sum(moments) / (30 * 20 + 20) == (cost.training_memory(tiny, 1).optimiser - copy) / count
