"""T5: encoder-decoder, RMS norm, bucketed relative positions, unscaled dot products.

Version 1.0 has ReLU and a tied unembedding whose logits are divided by the root of d; version 1.1
has a gated GELU and an unembedding of its own.

Sources: Raffel et al. (2020), https://arxiv.org/abs/1910.10683; version 1.1: Shazeer (2020),
https://arxiv.org/abs/2002.05202
"""

from ..config import TransformerConfig
from .tensors import Family, Source, linear, norm
from .values import GATED, PLAIN, given, needed, one_of

ANY_LENGTH = 512  # what T5 was trained on; its relative positions set no bound


def _config(values, tensors=None):
    layers, width = needed(values, "num_layers"), needed(values, "d_model")
    decoder_layers = given(values, "num_decoder_layers", layers)
    if decoder_layers != layers:
        raise ValueError(f"num_decoder_layers is {decoder_layers}; allowed: num_layers, {layers}")
    gate, _, activation = given(values, "feed_forward_proj", "relu").rpartition("-")
    activation = "gelu_new" if (gate, activation) == ("gated", "gelu") else activation
    names = {"": PLAIN, "gated": GATED}.get(gate, {})
    scaled = given(values, "scale_decoder_outputs", given(values, "tie_word_embeddings", True))
    tied = scaled or (tensors is not None and "lm_head.weight" not in tensors)
    return TransformerConfig(
        kind="encoder-decoder",
        vocabulary=needed(values, "vocab_size"),
        width=width,
        heads=needed(values, "num_heads"),
        head_width=needed(values, "d_kv"),
        layers=layers,
        hidden=needed(values, "d_ff"),
        context=given(values, "n_positions", ANY_LENGTH),
        norm="rms",
        eps=given(values, "layer_norm_epsilon", 1e-6),
        activation=one_of("feed_forward_proj", activation, names),
        positions="t5",
        buckets=given(values, "relative_attention_num_buckets", 32),
        max_distance=given(values, "relative_attention_max_distance", 128),
        bias=False,
        tied=tied,
        attention_scale=1.0,
        logit_scale=width**-0.5 if scaled else 1.0,
    )


def _sources(config):
    sources = {"embedding.tokens": Source("shared.weight")}
    if not config.tied:
        sources["head.w"] = Source("lm_head.weight", transposed=True)
    for stack in ("encoder", "decoder"):
        sources |= norm(f"{stack}.norm", f"{stack}.final_layer_norm", bias=False)
        table = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        sources[f"{stack}.bias_table"] = Source(table)
        parts = {"attention": "SelfAttention", "cross": "EncDecAttention"}
        if stack == "encoder":
            del parts["cross"]
        for l in range(config.layers):
            ours, theirs = f"{stack}.blocks.{l}", f"{stack}.block.{l}.layer"
            for i, (part, name) in enumerate(parts.items()):
                for letter in "qkvo":
                    linear_name = f"{theirs}.{i}.{name}.{letter}"
                    sources |= linear(f"{ours}.{part}.w_{letter}", None, linear_name)
                sources |= norm(f"{ours}.{part}_norm", f"{theirs}.{i}.layer_norm", bias=False)
            last = f"{theirs}.{len(parts)}"
            sources |= norm(f"{ours}.feed_forward_norm", f"{last}.layer_norm", bias=False)
            names = {"1": "wi", "2": "wo"}
            if config.gated:
                names = {"g": "wi_0", "1": "wi_1", "2": "wo"}
            for letter, name in names.items():
                linear_name = f"{last}.DenseReluDense.{name}"
                sources |= linear(f"{ours}.feed_forward.w_{letter}", None, linear_name)
    return sources


def _copies(config):
    names = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
    return dict.fromkeys([*names, "lm_head.weight"] if config.tied else names, "shared.weight")


T5 = Family(
    prefix="",
    headed=(),
    config=_config,
    sources=_sources,
    copies=_copies,
    # The published files hold a table that cross-attention does not use.
    ignored=(r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",),
)
