"""The shipped draft model."""

from functools import cache
from pathlib import Path

from ..files import digest, read, read_manifest
from ..small_gpt.model import HERE as SMALL_GPT
from ..small_gpt.model import SmallGPT, load, small_gpt

HERE = Path(__file__).parent


@cache
def draft_gpt() -> SmallGPT:
    """Load the draft model, once per process; its tokenizer is that of the small GPT.

    Raises
    ------
    ValueError
        If a file is missing or is not the one in the manifest, or the small GPT beside it has
        another tokenizer than the one the draft was trained with.
    """
    return load_draft(HERE)


def load_draft(directory: Path) -> SmallGPT:
    """Load a draft model from the folder its training wrote, as :func:`draft_gpt` does."""
    path = SMALL_GPT / "tokenizer.json"
    if digest(read(path)) != read_manifest(directory)["tokenizer"]:
        raise ValueError(
            f"{path} is not what the draft was trained with; install the package again"
        )
    return load(directory, tokenizer=small_gpt().tokenizer)
