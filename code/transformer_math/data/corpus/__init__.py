"""Real English that every reader has offline: the documentation and the comments of CPython.

Collected once from one version of CPython (see ``manifest.json``) and shipped, since the text
differs between versions and every number computed from it would. © Python Software Foundation;
licence in ``LICENSE-PSF``.
"""

import hashlib
import json
import lzma
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
KINDS = ("documentation", "comments")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Document:
    """One module's or one topic's text.

    Parameters
    ----------
    name : ``"asyncio.locks"``, ``"topic lambda"``, ``"built-in math"``.
    text : paragraphs, entries under their signatures.
    split : "train", "validation" or "test", by a hash of the name: about 92, 4 and 4 in a hundred.
    """

    name: str
    text: str
    split: str


@cache
def documents(kind: str = "documentation") -> tuple[Document, ...]:
    """Return all documents of a register, in order of their source.

    Parameters
    ----------
    kind : "documentation" or "comments".

    Raises
    ------
    ValueError
        If there is no such register, or the file is not the one in the manifest.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; allowed: {', '.join(map(repr, KINDS))}")
    path = HERE / f"{kind}.jsonl.xz"
    content = lzma.decompress(path.read_bytes())
    if hashlib.sha256(content).hexdigest() != manifest()["files"][path.name]["sha256"]:
        raise ValueError(f"{path} is not the file of the manifest; install the package again")
    entries = map(json.loads, content.decode().split("\n"))
    return tuple(Document(e["name"], e["text"], _split(e["name"])) for e in entries)


def text(split: str = "train", kind: str = "documentation") -> str:
    """Return one split of a register as one string, documents set apart by two blank lines.

    Raises
    ------
    ValueError
        If there is no such split or register.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; allowed: {', '.join(map(repr, SPLITS))}")
    return "\n\n\n".join(d.text for d in documents(kind) if d.split == split)


@cache
def manifest() -> dict:
    """Return where the text comes from: Python version, licence, counts and hashes."""
    return json.loads((HERE / "manifest.json").read_text())


def _split(name: str) -> str:
    bucket = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 25
    return {0: "test", 1: "validation"}.get(bucket, "train")
