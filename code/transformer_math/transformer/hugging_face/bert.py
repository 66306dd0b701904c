"""BERT: an encoder with post-norm, learned positions, segments, and a head for masked tokens.

Source: Devlin et al. (2019), https://arxiv.org/abs/1810.04805
"""

from ..config import TransformerConfig
from .tensors import Family, Source, linear, norm
from .values import PLAIN, given, needed, one_of, only

HEAD = "cls.predictions"


def _config(values, tensors=None):
    only(values, position_embedding_type="absolute", is_decoder=False)
    if tensors is None:
        names = given(values, "architectures", [])
        headed = any(name in ("BertForMaskedLM", "BertForPreTraining") for name in names)
    else:
        headed = f"{HEAD}.transform.dense.weight" in tensors
    return TransformerConfig(
        kind="encoder",
        vocabulary=needed(values, "vocab_size"),
        width=needed(values, "hidden_size"),
        heads=needed(values, "num_attention_heads"),
        layers=needed(values, "num_hidden_layers"),
        hidden=needed(values, "intermediate_size"),
        context=needed(values, "max_position_embeddings"),
        norm_first=False,
        eps=given(values, "layer_norm_eps", 1e-12),
        activation=one_of("hidden_act", given(values, "hidden_act", "gelu"), PLAIN),
        tied=not headed or given(values, "tie_word_embeddings", True),
        segments=given(values, "type_vocab_size", 2),
        embedding_norm=True,
        head="transform" if headed else "none",
    )


def _sources(config):
    sources = {
        "embedding.tokens": Source("embeddings.word_embeddings.weight"),
        "embedding.positions": Source("embeddings.position_embeddings.weight"),
        "embedding.segments": Source("embeddings.token_type_embeddings.weight"),
        **norm("embedding.norm", "embeddings.LayerNorm", bias=True),
    }
    for l in range(config.layers):
        ours, theirs = f"encoder.blocks.{l}", f"encoder.layer.{l}"
        for letter, name in (("q", "query"), ("k", "key"), ("v", "value")):
            weight, bias = f"{ours}.attention.w_{letter}", f"{ours}.attention.b_{letter}"
            sources |= linear(weight, bias, f"{theirs}.attention.self.{name}")
        for part, letter, name in (
            ("attention", "o", "attention.output"),
            ("feed_forward", "1", "intermediate"),
            ("feed_forward", "2", "output"),
        ):
            weight, bias = f"{ours}.{part}.w_{letter}", f"{ours}.{part}.b_{letter}"
            sources |= linear(weight, bias, f"{theirs}.{name}.dense")
        after = f"{theirs}.attention.output.LayerNorm"
        sources |= norm(f"{ours}.attention_norm", after, bias=True)
        sources |= norm(f"{ours}.feed_forward_norm", f"{theirs}.output.LayerNorm", bias=True)
    if config.head == "transform":
        sources |= linear("head.w_t", "head.b_t", f"{HEAD}.transform.dense")
        sources |= norm("head.norm", f"{HEAD}.transform.LayerNorm", bias=True)
        sources["head.b"] = Source(f"{HEAD}.bias")
    if not config.tied:
        sources["head.w"] = Source(f"{HEAD}.decoder.weight", transposed=True)
    return sources


def _copies(config):
    copies = {f"{HEAD}.decoder.bias": f"{HEAD}.bias"} if config.head == "transform" else {}
    if config.tied and copies:
        copies[f"{HEAD}.decoder.weight"] = "embeddings.word_embeddings.weight"
    return copies


BERT = Family(
    prefix="bert.",
    headed=("cls.",),
    config=_config,
    sources=_sources,
    copies=_copies,
    ignored=(
        r"pooler\.dense\.(weight|bias)",
        r"cls\.seq_relationship\.(weight|bias)",
        r"embeddings\.position_ids",
    ),
)
