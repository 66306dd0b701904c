"""Scaled dot-product attention, its masks, its heads, and its relatives."""

from ..doors import doors
from .dynamics import repeated_attention, residual_to_rank_one
from .heads import induction_score, offset_score
from .latent import (
    absorbed_latent_attention,
    explicit_latent_attention,
    latent_cache_size,
    latent_parameters,
    latent_score_matrix,
)
from .masks import causal_mask, padding_mask, prefix_mask, window_mask
from .multihead import merge_heads, multi_head_attention, ov_circuit, qk_circuit, split_heads
from .online import OnlineSoftmax, online_attention, online_softmax_steps
from .scaled_dot_product import attention, attention_scores, score_variance

# These learn, so they need torch, which is imported when one of their names is asked for.
_LATER = {
    "LatentAttention": "transformer_math.attention.latent_module",
    "LatentCache": "transformer_math.attention.latent_module",
    "MultiHeadAttention": "transformer_math.attention.multihead_module",
}


__all__ = [
    *_LATER,
    "OnlineSoftmax",
    "absorbed_latent_attention",
    "attention",
    "attention_scores",
    "causal_mask",
    "explicit_latent_attention",
    "induction_score",
    "latent_cache_size",
    "latent_parameters",
    "latent_score_matrix",
    "merge_heads",
    "multi_head_attention",
    "offset_score",
    "online_attention",
    "online_softmax_steps",
    "ov_circuit",
    "padding_mask",
    "prefix_mask",
    "qk_circuit",
    "repeated_attention",
    "residual_to_rank_one",
    "score_variance",
    "split_heads",
    "window_mask",
]

__getattr__, __dir__ = doors(__name__, _LATER)
