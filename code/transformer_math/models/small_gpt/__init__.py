"""A small GPT that has learned: 1.4 million parameters, trained on the documentation of CPython.

:func:`small_gpt` loads it. The folder holds its weights, tokenizer, loss curves, a manifest with
hashes and measured quality, and ``card.md``, which says what it is, how it was trained and what it
cannot do. :mod:`.train` trained it and :mod:`.ship` measured and wrote it.
"""

from .model import SmallGPT, load, small_gpt

__all__ = ["SmallGPT", "load", "small_gpt"]
