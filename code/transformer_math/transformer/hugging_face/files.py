"""Reading a directory as published: configuration and weights."""

import json
import os
from pathlib import Path

import safetensors.torch
import torch

from ..model import Transformer
from .convert import from_hugging_face_state_dict

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"


def load_hugging_face(
    directory: str | os.PathLike,
    *,
    context: int | None = None,
    dtype: torch.dtype | None = None,
) -> Transformer:
    """Load a published model from files on this machine.

    Parameters
    ----------
    directory : with ``config.json``, and ``model.safetensors`` or, for a model in several files,
        ``model.safetensors.index.json`` and those that it names.
    context, dtype : as in
        :func:`~transformer_math.transformer.hugging_face.convert.from_hugging_face_state_dict`.

    Returns
    -------
    :class:`~transformer_math.transformer.model.Transformer` in evaluation mode.

    Raises
    ------
    ValueError
        If a file is missing or not what it should be, and in every case of
        ``from_hugging_face_state_dict``.
    """
    directory = Path(directory)
    config = _json(directory / CONFIG)
    return from_hugging_face_state_dict(config, _tensors(directory), context=context, dtype=dtype)


def _tensors(directory):
    if (directory / WEIGHTS).is_file():
        return _safetensors(directory / WEIGHTS)
    if not (directory / INDEX).is_file():
        raise ValueError(f"{directory} has neither {WEIGHTS} nor {INDEX}; allowed: one of them")
    index = _json(directory / INDEX).get("weight_map")
    if not isinstance(index, dict):
        raise ValueError(f"{directory / INDEX} has no weight_map; allowed: an index of tensors")
    tensors = {}
    for name in sorted(set(index.values())):
        tensors |= _safetensors(directory / name)
    missing = sorted(set(index) - set(tensors))
    if missing:
        raise ValueError(f"{directory} lacks {missing[0]!r}; allowed: files as {INDEX} says")
    return tensors


def _json(path):
    try:
        values = json.loads(_existing(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON ({error}); allowed: a JSON object") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds a {type(values).__name__}; allowed: a JSON object")
    return values


def _safetensors(path):
    try:
        return safetensors.torch.load_file(_existing(path))
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file ({error})") from None


def _existing(path):
    if not path.is_file():
        raise ValueError(f"there is no {path}; allowed: a directory that has it")
    return path
