"""Transformers of every kind from one configuration."""

from .config import TransformerConfig
from .counting import ParameterCount, parameter_count
from .hugging_face import (
    config_from_hugging_face,
    from_hugging_face_state_dict,
    load_hugging_face,
    to_hugging_face_config,
    to_hugging_face_state_dict,
)
from .model import Transformer, TransformerOutput

__all__ = [
    "ParameterCount",
    "Transformer",
    "TransformerConfig",
    "TransformerOutput",
    "config_from_hugging_face",
    "from_hugging_face_state_dict",
    "load_hugging_face",
    "parameter_count",
    "to_hugging_face_config",
    "to_hugging_face_state_dict",
]
