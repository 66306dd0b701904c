"""Transformers of every kind from one configuration."""

from ..doors import doors
from .config import TransformerConfig
from .counting import ParameterCount, matrix_parameters, parameter_count

# These compute with torch, which is imported when one of their names is asked for.
_LATER = {
    "Transformer": "transformer_math.transformer.model",
    "TransformerOutput": "transformer_math.transformer.model",
    "config_from_hugging_face": "transformer_math.transformer.hugging_face",
    "from_hugging_face_state_dict": "transformer_math.transformer.hugging_face",
    "load_hugging_face": "transformer_math.transformer.hugging_face",
    "to_hugging_face_config": "transformer_math.transformer.hugging_face",
    "to_hugging_face_state_dict": "transformer_math.transformer.hugging_face",
    "with_fewer_kv_heads": "transformer_math.transformer.grouped",
}

__all__ = [
    *_LATER,
    "ParameterCount",
    "TransformerConfig",
    "matrix_parameters",
    "parameter_count",
]

__getattr__, __dir__ = doors(__name__, _LATER)
