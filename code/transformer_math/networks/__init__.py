"""The parts of a network that are not attention: activations, norms, recurrences."""

from .activations import (
    activation_derivative,
    geglu,
    gelu,
    leaky_relu,
    normal_cdf,
    relu,
    sigmoid,
    silu,
    softplus,
    swiglu,
    tanh,
)
from .norm import layer_norm, rms_norm
from .recurrent import lstm, lstm_cell, lstm_gates, rnn, rnn_cell

__all__ = [
    "activation_derivative",
    "geglu",
    "gelu",
    "layer_norm",
    "leaky_relu",
    "lstm",
    "lstm_cell",
    "lstm_gates",
    "normal_cdf",
    "relu",
    "rms_norm",
    "rnn",
    "rnn_cell",
    "sigmoid",
    "silu",
    "softplus",
    "swiglu",
    "tanh",
]
