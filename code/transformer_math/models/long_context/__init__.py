"""Train short, test long: the small GPT, trained on 256 tokens, reads 1,024.

:func:`long_context` gives its losses by position, document by document, for every way of stretching
its rotary positions and of looking at less. :mod:`.reading` computes such losses and
:mod:`.measure` wrote those shipped.
"""

from .reading import long_windows, reread_losses, streamed_losses, stretched, token_losses
from .results import LongContext, long_context

__all__ = [
    "LongContext",
    "long_context",
    "long_windows",
    "reread_losses",
    "streamed_losses",
    "stretched",
    "token_losses",
]
