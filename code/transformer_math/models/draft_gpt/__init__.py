"""A draft model for speculative decoding: 230 thousand parameters that guess for the small GPT.

:func:`draft_gpt` loads it. It has the small GPT's tokenizer and register, two layers instead of six
and half the width. Its manifest says how often the small GPT accepts what it guesses;
:mod:`.quality` measured that, and :mod:`.train` trained and wrote it.
"""

from .model import draft_gpt
from .quality import acceptance_by_position, acceptance_on_text, acceptance_while_drafting

__all__ = [
    "acceptance_by_position",
    "acceptance_on_text",
    "acceptance_while_drafting",
    "draft_gpt",
]
