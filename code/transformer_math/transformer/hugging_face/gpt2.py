"""GPT-2: pre-norm, learned positions, fused queries, keys and values in (d_in, d_out) matrices.

Source: Radford et al. (2019),
https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
"""

from ..config import TransformerConfig
from .tensors import Family, Source, norm
from .values import PLAIN, given, needed, one_of, only


def _config(values, tensors=None):
    only(values, scale_attn_by_inverse_layer_idx=False, add_cross_attention=False)
    width = needed(values, "n_embd")
    return TransformerConfig(
        vocabulary=needed(values, "vocab_size"),
        width=width,
        heads=needed(values, "n_head"),
        layers=needed(values, "n_layer"),
        hidden=given(values, "n_inner", 4 * width),
        context=needed(values, "n_positions"),
        eps=given(values, "layer_norm_epsilon", 1e-5),
        activation=one_of(
            "activation_function", given(values, "activation_function", "gelu_new"), PLAIN
        ),
        tied=given(values, "tie_word_embeddings", True),
        attention_scale=None if given(values, "scale_attn_weights", True) else 1.0,
    )


def _values(config):
    names = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "silu": "silu"}
    return {
        "model_type": "gpt2",
        "vocab_size": config.vocabulary,
        "n_embd": config.width,
        "n_head": config.heads,
        "n_layer": config.layers,
        "n_inner": config.hidden,
        "n_positions": config.context,
        "layer_norm_epsilon": config.eps,
        "activation_function": names.get(config.activation, "gelu_new"),
        "tie_word_embeddings": config.tied,
        "scale_attn_weights": config.attention_scale is None,
    }


def _sources(config):
    sources = {
        "embedding.tokens": Source("wte.weight"),
        "embedding.positions": Source("wpe.weight"),
        **norm("decoder.norm", "ln_f", bias=True),
    }
    if not config.tied:
        sources["head.w"] = Source("lm_head.weight", transposed=True)
    for l in range(config.layers):
        ours, theirs = f"decoder.blocks.{l}", f"h.{l}"
        sources |= norm(f"{ours}.attention_norm", f"{theirs}.ln_1", bias=True)
        sources |= norm(f"{ours}.feed_forward_norm", f"{theirs}.ln_2", bias=True)
        for i, letter in enumerate("qkv"):
            fused = f"{theirs}.attn.c_attn"
            sources[f"{ours}.attention.w_{letter}"] = Source(f"{fused}.weight", part=i, parts=3)
            sources[f"{ours}.attention.b_{letter}"] = Source(f"{fused}.bias", part=i, parts=3)
        for part, letter, name in (
            ("attention", "o", "attn.c_proj"),
            ("feed_forward", "1", "mlp.c_fc"),
            ("feed_forward", "2", "mlp.c_proj"),
        ):
            sources[f"{ours}.{part}.w_{letter}"] = Source(f"{theirs}.{name}.weight")
            sources[f"{ours}.{part}.b_{letter}"] = Source(f"{theirs}.{name}.bias")
    return sources


GPT2 = Family(
    prefix="transformer.",
    headed=("lm_head.",),
    config=_config,
    sources=_sources,
    copies=lambda config: {"lm_head.weight": "wte.weight"} if config.tied else {},
    ignored=(r"h\.\d+\.attn\.(masked_)?bias",),  # old files hold the causal mask
    values=_values,
)
