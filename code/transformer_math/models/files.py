"""Shipped files, read only if they are the ones in their manifest; and results, written with it."""

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..data import corpus


def read(path: Path, sha256: str | None = None) -> bytes:
    """Return a file's content.

    Raises
    ------
    ValueError
        If the file is missing, or ``sha256`` is given and is not that of its content.
    """
    if not path.is_file():
        raise ValueError(f"there is no {path}; install the package again")
    content = path.read_bytes()
    if sha256 is not None and digest(content) != sha256:
        raise ValueError(f"{path} is not the file of the manifest; install the package again")
    return content


def digest(content: bytes) -> str:
    """Return the SHA-256 of a content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_json(directory: Path, name: str) -> Any:
    """Return what a JSON file says, if it is the one in the ``manifest.json`` beside it.

    Raises
    ------
    ValueError
        If one of the two is missing, the manifest is no manifest, or the file is another one.
    """
    return json.loads(read(directory / name, read_manifest(directory)["files"][name]))


def read_manifest(directory: Path) -> dict:
    """Return a folder's manifest: ``{"files": {name: sha256, ...}, ...}``.

    Raises
    ------
    ValueError
        If there is none, or it cannot be read.
    """
    path = directory / "manifest.json"
    try:
        manifest = json.loads(read(path))
        manifest["files"].items()
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path} is no manifest; install the package again") from None
    return manifest


def write(directory: Path, files: dict[str, bytes], **facts: Any) -> dict:
    """Write files and a manifest of them: hashes, data, versions, and what else is to be said."""
    for name, content in files.items():
        (directory / name).write_bytes(content)
    manifest = {
        **facts,
        "data": corpus.manifest(),
        "versions": versions(),
        "files": {name: digest(content) for name, content in files.items()},
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__.split("+")[0],
    }
