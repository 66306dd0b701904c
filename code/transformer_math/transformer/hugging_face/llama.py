"""Llama, and Mistral which adds a window: RMS norm, rotary positions, grouped heads, SwiGLU.

Sources: Touvron et al. (2023), https://arxiv.org/abs/2307.09288; Grattafiori et al. (2024),
https://arxiv.org/abs/2407.21783; Jiang et al. (2023), https://arxiv.org/abs/2310.06825
"""

from ..config import TransformerConfig
from .rope import rope_from_values, rope_to_values
from .tensors import Family, Source, linear, norm
from .values import GATED, given, needed, one_of, only


def _config(values, tensors=None):
    only(values, attention_bias=False, mlp_bias=False)
    base, rope, context = rope_from_values(values)
    return TransformerConfig(
        vocabulary=needed(values, "vocab_size"),
        width=needed(values, "hidden_size"),
        heads=needed(values, "num_attention_heads"),
        layers=needed(values, "num_hidden_layers"),
        hidden=needed(values, "intermediate_size"),
        context=context,
        kv_heads=values.get("num_key_value_heads"),
        head_width=values.get("head_dim"),
        norm="rms",
        eps=given(values, "rms_norm_eps", 1e-6),
        activation=one_of("hidden_act", given(values, "hidden_act", "silu"), GATED),
        positions="rotary",
        rope_base=base,
        rope=rope,
        window=values.get("sliding_window"),
        bias=False,
        tied=given(values, "tie_word_embeddings", False),
    )


def _values(config):
    names = {"swiglu": "silu", "geglu": "gelu", "geglu_tanh": "gelu_pytorch_tanh"}
    window = {} if config.window is None else {"sliding_window": config.window}
    return window | {
        "model_type": "llama" if config.window is None else "mistral",
        "vocab_size": config.vocabulary,
        "hidden_size": config.width,
        "num_attention_heads": config.heads,
        "num_hidden_layers": config.layers,
        "intermediate_size": config.hidden,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "rms_norm_eps": config.eps,
        "hidden_act": names.get(config.activation, "silu"),
        "tie_word_embeddings": config.tied,
        **rope_to_values(config),
    }


def _sources(config):
    sources = {
        "embedding.tokens": Source("embed_tokens.weight"),
        **norm("decoder.norm", "norm", bias=False),
    }
    if not config.tied:
        sources["head.w"] = Source("lm_head.weight", transposed=True)
    for l in range(config.layers):
        ours, theirs = f"decoder.blocks.{l}", f"layers.{l}"
        sources |= norm(f"{ours}.attention_norm", f"{theirs}.input_layernorm", bias=False)
        after = f"{theirs}.post_attention_layernorm"
        sources |= norm(f"{ours}.feed_forward_norm", after, bias=False)
        for letter in "qkvo":
            name = f"{theirs}.self_attn.{letter}_proj"
            sources |= linear(f"{ours}.attention.w_{letter}", None, name)
        for letter, name in (("g", "gate"), ("1", "up"), ("2", "down")):
            name = f"{theirs}.mlp.{name}_proj"
            sources |= linear(f"{ours}.feed_forward.w_{letter}", None, name)
    return sources


LLAMA = Family(
    prefix="model.",
    headed=("lm_head.",),
    config=_config,
    sources=_sources,
    copies=lambda config: {"lm_head.weight": "embed_tokens.weight"} if config.tied else {},
    ignored=(r"layers\.\d+\.self_attn\.rotary_emb\.inv_freq",),  # of old files
    values=_values,
)
