"""From Hugging Face's names and shapes to ours, and back."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from ..config import TransformerConfig
from ..model import Transformer
from .bert import BERT
from .gpt2 import GPT2
from .llama import LLAMA
from .t5 import T5
from .tensors import Family, build, export, without_prefix

FAMILIES = {"gpt2": GPT2, "llama": LLAMA, "mistral": LLAMA, "bert": BERT, "t5": T5}


def config_from_hugging_face(
    config: Mapping[str, Any] | Any, context: int | None = None
) -> TransformerConfig:
    """Read a configuration of Hugging Face's.

    Parameters
    ----------
    config : the dict of a ``config.json``, or a configuration object of ``transformers``. Its
        ``model_type`` is "gpt2", "llama", "mistral", "bert" or "t5".
    context : longest text in tokens, instead of the one written there; learned positions allow no
        other.

    Returns
    -------
    :class:`~transformer_math.transformer.config.TransformerConfig`, without dropout. Whether a BERT
    has its head for masked tokens is read from ``architectures``.

    Raises
    ------
    ValueError
        If the family is not among these, a size is missing, or a value asks for something that the
        Transformer here does not compute.
    """
    family, values = _family(config)
    return _read(family, values, None, context)


def from_hugging_face_state_dict(
    config: Mapping[str, Any] | Any,
    state_dict: Mapping[str, Tensor],
    *,
    context: int | None = None,
    dtype: torch.dtype | None = None,
) -> Transformer:
    """Build a Transformer with the weights of one of Hugging Face's models.

    Parameters
    ----------
    config, context : as in :func:`config_from_hugging_face`.
    state_dict : the model's tensors by their names there, with or without a head. What the
        computation does not need (BERT's pooler, masks kept in old files) is left out.
    dtype : of the parameters; that of the tensors by default.

    Returns
    -------
    :class:`~transformer_math.transformer.model.Transformer` in evaluation mode. It owns its
    parameters: changing them leaves ``state_dict`` as it was.

    Raises
    ------
    ValueError
        As in :func:`config_from_hugging_face`, and if a tensor is missing, is not one of such a
        model, has another shape than the configuration says, or differs from one it is tied to.

    Sources: GPT-2: Radford et al. (2019); Llama: Touvron et al. (2023),
    https://arxiv.org/abs/2307.09288; BERT: Devlin et al. (2019), https://arxiv.org/abs/1810.04805;
    T5: Raffel et al. (2020), https://arxiv.org/abs/1910.10683
    """
    family, values = _family(config)
    tensors = without_prefix(state_dict, family.prefix)
    if family is BERT:  # the oldest files call gain and bias gamma and beta
        for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
            tensors = {
                name.removesuffix(old) + new if name.endswith(old) else name: tensor
                for name, tensor in tensors.items()
            }
    return build(_read(family, values, tensors, context), family, tensors, dtype).eval()


def to_hugging_face_config(config: TransformerConfig, family: str) -> dict[str, Any]:
    """Describe a configuration as a ``config.json`` does.

    Parameters
    ----------
    config : a decoder-only configuration.
    family : "gpt2", or "llama" ("mistral" where there is a window).

    Returns
    -------
    The dict that :func:`config_from_hugging_face` reads as ``config``; its entries are arguments of
    the configuration class of ``transformers``.

    Raises
    ------
    ValueError
        If ``family`` is another, or models of that family differ from ``config`` in some choice,
        which the message names.
    """
    return _describe(config, family)[1]


def to_hugging_face_state_dict(model: Transformer, family: str) -> dict[str, Tensor]:
    """Give a model's weights the names and shapes of one of Hugging Face's models with a head.

    Parameters
    ----------
    model : a decoder-only Transformer.
    family : "gpt2", or "llama" ("mistral" where there is a window).

    Returns
    -------
    Copies of the parameters, for ``load_state_dict`` of ``GPT2LMHeadModel``, ``LlamaForCausalLM``
    or ``MistralForCausalLM`` built from :func:`to_hugging_face_config`.

    Raises
    ------
    ValueError
        As in :func:`to_hugging_face_config`, or if ``model`` is not a Transformer.
    """
    if not isinstance(model, Transformer):
        raise ValueError(f"model is a {type(model).__name__}; allowed: a Transformer")
    return export(model, _describe(model.config, family)[0])


def _family(config: Any) -> tuple[Family, Mapping[str, Any]]:
    values = config.to_dict() if hasattr(config, "to_dict") else config
    if not isinstance(values, Mapping):
        raise ValueError(
            f"config is a {type(config).__name__}; allowed: the dict of a config.json, or a "
            "configuration of transformers"
        )
    name = values.get("model_type")
    if name not in FAMILIES:
        raise ValueError(f"model_type is {name!r}; allowed: {', '.join(map(repr, FAMILIES))}")
    return FAMILIES[name], values


def _read(family, values, tensors, context):
    config = family.config(values, tensors)
    if context is None:
        return config
    if config.positions == "learned" and context != config.context:
        raise ValueError(f"context is {context}; allowed: {config.context}, its learned positions")
    return replace(config, context=context)


def _describe(config, family):
    known = [name for name, entry in FAMILIES.items() if entry.values is not None]
    if family not in known:
        raise ValueError(f"family is {family!r}; allowed: {', '.join(map(repr, known))}")
    entry = FAMILIES[family]
    values = entry.values(config)
    context = None if config.positions == "learned" else config.context
    theirs = _read(entry, values, None, context)
    for field in fields(config):
        came, allowed = getattr(config, field.name), getattr(theirs, field.name)
        if field.name != "dropout" and came != allowed:
            raise ValueError(
                f"{field.name} is {came!r}; allowed: {allowed!r}, in the family {family!r}"
            )
    return entry, values
