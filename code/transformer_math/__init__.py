"""The mathematics of Transformers: arrays in, arrays out, each function next to its formula.

The functions take NumPy arrays and torch tensors alike. What learns is a ``torch.nn.Module``, and
torch is imported only when one of those names is asked for. Where to find what:

===================================  ==============================================================
softmax, activations, norm           from numbers to probabilities
losses, divergences                  how wrong: cross-entropy, focal, Dice, KL
metrics, roc, calibration            how good: perplexity, F1, ROC, calibration error
bias_variance                        three ways to be wrong, measured over many training sets
finite_differences, autograd         derivatives, measured and propagated
optimisers, adaptive, clipping       SGD to AdamW as pure update rules
schedules                            learning rates over time
attention, masks, multihead, online  scaled dot-product attention, grouped heads, one-pass softmax
latent_attention                     keys and values from one small vector (MLA)
positions                            sinusoidal, rotary and its stretchings, T5, ALiBi, Shaw
dynamics, heads                      what attention does to points; what a head does
tokenizers, ngrams                   BPE, WordPiece, Unigram; counting models
recurrent                            RNN and LSTM, cell by cell and over a sequence
corpus, digits                       real English and handwritten digits, offline
transformer                          GPT, Llama, BERT, T5 from one configuration; their weights
decoding                             caches, sampling, beam search, speculative decoding
cost                                 parameters, FLOPs, bytes, seconds of real models
small_gpt, pretrained                two models that have learned
===================================  ==============================================================
"""

from importlib import import_module

from .attention import attention, attention_scores, score_variance
from .dynamics import repeated_attention, residual_to_rank_one
from .masks import causal_mask, padding_mask, prefix_mask, window_mask
from .multihead import merge_heads, multi_head_attention, ov_circuit, qk_circuit, split_heads
from .norm import layer_norm, rms_norm
from .online import OnlineSoftmax, online_attention, online_softmax_steps
from .softmax import (
    entropy,
    log_softmax,
    logsumexp,
    softmax,
    softmax_backward,
    softmax_jacobian,
)

# Imported when asked for, so that a lesson that needs little starts at once.
_LATER = {
    "AttentionOnly": "attention_only",
    "BPE": "tokenizers",
    "LatentAttention": "latent_attention_module",
    "MultiHeadAttention": "multihead_module",
    "NGram": "ngrams",
    "Transformer": "transformer",
    "TransformerConfig": "transformer",
    "Unigram": "tokenizers",
    "Value": "autograd",
    "WordPiece": "tokenizers",
    "generate": "decoding",
    "sentence_encoder": "pretrained",
}

__all__ = [
    *_LATER,
    "OnlineSoftmax",
    "attention",
    "attention_scores",
    "causal_mask",
    "entropy",
    "layer_norm",
    "log_softmax",
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
    "rms_norm",
    "score_variance",
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
