"""Softmax and what belongs to it, and what it costs to believe the wrong distribution."""

from .divergences import distribution_cross_entropy, kl_divergence
from .softmax import entropy, log_softmax, logsumexp, softmax, softmax_backward, softmax_jacobian

__all__ = [
    "distribution_cross_entropy",
    "entropy",
    "kl_divergence",
    "log_softmax",
    "logsumexp",
    "softmax",
    "softmax_backward",
    "softmax_jacobian",
]
