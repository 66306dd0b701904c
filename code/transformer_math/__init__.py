"""The mathematics of Transformers: arrays in, arrays out, each function next to its formula.

The functions take NumPy arrays and torch tensors alike. What learns is a ``torch.nn.Module``, and
torch is imported only when one of those names is asked for.
"""

from importlib import import_module

from .attention import attention, attention_scores, score_variance
from .dynamics import repeated_attention, residual_to_rank_one
from .masks import causal_mask, padding_mask, prefix_mask, window_mask
from .multihead import merge_heads, multi_head_attention, ov_circuit, qk_circuit, split_heads
from .norm import layer_norm
from .online import OnlineSoftmax, online_attention, online_softmax_steps
from .softmax import entropy, logsumexp, softmax, softmax_backward, softmax_jacobian

_LATER = {
    "AttentionOnly": "attention_only",
    "Encoder": "encoder",
    "EncoderConfig": "encoder",
    "MultiHeadAttention": "multihead_module",
    "WordPiece": "tokenizers.wordpiece",
    "sentence_encoder": "pretrained",
}

__all__ = [
    "AttentionOnly",
    "Encoder",
    "EncoderConfig",
    "MultiHeadAttention",
    "OnlineSoftmax",
    "WordPiece",
    "attention",
    "attention_scores",
    "causal_mask",
    "entropy",
    "layer_norm",
    "logsumexp",
    "merge_heads",
    "multi_head_attention",
    "online_attention",
    "online_softmax_steps",
    "ov_circuit",
    "padding_mask",
    "prefix_mask",
    "qk_circuit",
    "repeated_attention",
    "residual_to_rank_one",
    "score_variance",
    "sentence_encoder",
    "softmax",
    "softmax_backward",
    "softmax_jacobian",
    "split_heads",
    "window_mask",
]


def __getattr__(name: str):
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
