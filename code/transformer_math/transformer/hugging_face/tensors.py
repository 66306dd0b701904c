"""Which tensor of a checkpoint is which parameter, and the way there and back."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..config import TransformerConfig
from ..model import Transformer


class Source(NamedTuple):
    """Where one of our parameters comes from.

    Parameters
    ----------
    name : of the tensor in the checkpoint.
    transposed : whether that is (d_out, d_in), as linear layers of torch are.
    part, parts : of the columns of that tensor, the part number ``part`` of ``parts`` equal ones.
    """

    name: str
    transposed: bool = False
    part: int = 0
    parts: int = 1


class Family(NamedTuple):
    """One of Hugging Face's architectures.

    Parameters
    ----------
    prefix : of all names in a model with a head, missing in one without.
    headed : beginnings of the names that have no prefix in either.
    config : values of a ``config.json`` and the checkpoint's tensors to our configuration.
    sources : our parameters' names to their sources.
    copies : tensors that a checkpoint may hold twice, to the one that is read.
    ignored : patterns of names that no computation here needs.
    values : our configuration to values of a ``config.json``, or None.
    """

    prefix: str
    headed: tuple[str, ...]
    config: Callable[[Mapping[str, Any], Mapping[str, Tensor] | None], TransformerConfig]
    sources: Callable[[TransformerConfig], dict[str, Source]]
    copies: Callable[[TransformerConfig], dict[str, str]]
    ignored: tuple[str, ...] = ()
    values: Callable[[TransformerConfig], dict[str, Any]] | None = None


def linear(ours: str, bias: str | None, theirs: str) -> dict[str, Source]:
    """Return the sources of a product whose weight is a linear layer of torch."""
    weight = {ours: Source(f"{theirs}.weight", transposed=True)}
    return weight if bias is None else weight | {bias: Source(f"{theirs}.bias")}


def norm(ours: str, theirs: str, bias: bool) -> dict[str, Source]:
    """Return the sources of a norm."""
    gain = {f"{ours}.gain": Source(f"{theirs}.weight")}
    return gain | {f"{ours}.bias": Source(f"{theirs}.bias")} if bias else gain


def without_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors by the names they have in the model without head."""
    if not isinstance(tensors, Mapping):
        raise ValueError(f"state_dict is a {type(tensors).__name__}; allowed: a dict of tensors")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ValueError(
                f"state_dict has {name!r}, a {type(tensor).__name__}; allowed: tensors"
            )
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def build(
    config: TransformerConfig,
    family: Family,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype | None = None,
) -> Transformer:
    """Return a Transformer that owns copies of the tensors."""
    with torch.device("meta"):  # no memory, and no random numbers of the caller's
        model = Transformer(config)
    sources, copies = family.sources(config), family.copies(config)
    _check_names(tensors, {source.name for source in sources.values()}, copies, family.ignored)
    dtypes = {tensors[source.name].dtype for source in sources.values()}
    if dtype is None and len(dtypes) > 1:
        came = ", ".join(sorted(map(str, dtypes)))
        raise ValueError(f"state_dict has several dtypes ({came}); allowed: one, or say dtype")
    state = {}
    for name, parameter in model.named_parameters():
        source = sources[name]
        tensor = tensors[source.name].detach()
        tensor = tensor.T if source.transposed and tensor.ndim == 2 else tensor
        if tensor.ndim and source.parts > 1:
            tensor = tensor.tensor_split(source.parts, dim=-1)[source.part]
        if tensor.shape != parameter.shape:
            raise ValueError(
                f"state_dict[{source.name!r}] has shape {tuple(tensors[source.name].shape)}, which "
                f"gives {name} the shape {tuple(tensor.shape)}; allowed: {tuple(parameter.shape)}"
            )
        state[name] = tensor.to(dtype or tensor.dtype).clone(memory_format=torch.contiguous_format)
    model.load_state_dict(state, assign=True)
    return model


def export(model: Transformer, family: Family) -> dict[str, Tensor]:
    """Return the model's parameters under the names of the family's model with a head."""
    sources, parameters = family.sources(model.config), dict(model.named_parameters())
    pieces: dict[str, list[Tensor]] = {}
    for name, source in sources.items():  # the parts of a tensor stand in order
        tensor = parameters[name].detach()
        pieces.setdefault(source.name, []).append(tensor.T if source.transposed else tensor)
    tensors = {name: torch.cat(parts, dim=-1).contiguous() for name, parts in pieces.items()}
    tensors |= {copy: tensors[name].clone() for copy, name in family.copies(model.config).items()}
    return {
        name if name.startswith(family.headed) else family.prefix + name: tensor.clone()
        for name, tensor in tensors.items()
    }


def _check_names(
    tensors: Mapping[str, Tensor],
    needed: Iterable[str],
    copies: Mapping[str, str],
    ignored: tuple[str, ...],
) -> None:
    for name in sorted(needed):
        if name not in tensors:
            raise ValueError(f"state_dict has no {name!r}; allowed: all tensors of such a model")
    for name in tensors:
        if name in needed or any(re.fullmatch(pattern, name) for pattern in ignored):
            continue
        if name not in copies:
            raise ValueError(f"state_dict has {name!r}; allowed: tensors that such a model has")
        if not torch.equal(tensors[name], tensors[copies[name]]):
            raise ValueError(
                f"state_dict[{name!r}] differs from {copies[name]!r}; allowed: the same, since the "
                "config says that they are tied"
            )
