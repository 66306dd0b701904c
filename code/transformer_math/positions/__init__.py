"""Where a token stands: absolute, rotary and relative positions.

Learned absolute positions are a table of the Transformer, one row for each position, and need no
code here.
"""

from .relative import (
    alibi_bias,
    alibi_slopes,
    relative_positions,
    shaw_scores,
    shaw_values,
    t5_bias,
    t5_bucket,
)
from .rotary import (
    rotary_frequencies,
    rotary_table,
    rotate,
    rotation_matrix,
    to_half,
    to_interleaved,
    turn,
    wavelengths,
)
from .scaling import RopeScaling
from .sinusoidal import shift_matrix, sinusoidal_encoding

__all__ = [
    "RopeScaling",
    "alibi_bias",
    "alibi_slopes",
    "relative_positions",
    "rotary_frequencies",
    "rotary_table",
    "rotate",
    "rotation_matrix",
    "shaw_scores",
    "shaw_values",
    "shift_matrix",
    "sinusoidal_encoding",
    "t5_bias",
    "t5_bucket",
    "to_half",
    "to_interleaved",
    "turn",
    "wavelengths",
]
