"""Reading the values of a ``config.json``."""

from collections.abc import Mapping
from typing import Any

PLAIN = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "silu": "silu",
    "swish": "silu",
}
GATED = {"silu": "swiglu", "swish": "swiglu", "gelu": "geglu", "gelu_new": "geglu_tanh"}
GATED["gelu_pytorch_tanh"] = "geglu_tanh"


def needed(values: Mapping[str, Any], name: str) -> Any:
    """Return a value that has no default."""
    if values.get(name) is None:
        raise ValueError(f"config has no {name!r}; allowed: a value for it")
    return values[name]


def given(values: Mapping[str, Any], name: str, default: Any) -> Any:
    """Return a value, or the default where it is missing or null."""
    value = values.get(name)
    return default if value is None else value


def one_of(name: str, value: Any, allowed: Mapping[Any, Any]) -> Any:
    """Return what a value stands for, or raise a ValueError."""
    if not isinstance(value, str) or value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise ValueError(f"{name} is {value!r}; allowed: {listed}")
    return allowed[value]


def only(values: Mapping[str, Any], **allowed: Any) -> None:
    """Raise a ValueError for a value that would change what is computed in a way not known here."""
    for name, value in allowed.items():
        if given(values, name, value) != value:
            raise ValueError(f"{name} is {values[name]!r}; allowed: {value!r}")
