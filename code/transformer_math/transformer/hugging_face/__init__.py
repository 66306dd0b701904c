"""Published weights in the course's own code, and back: GPT-2, Llama, Mistral, BERT and T5.

Nothing of Hugging Face's is imported: a checkpoint is a ``config.json`` and named tensors.
"""

from .convert import (
    config_from_hugging_face,
    from_hugging_face_state_dict,
    to_hugging_face_config,
    to_hugging_face_state_dict,
)
from .files import load_hugging_face

__all__ = [
    "config_from_hugging_face",
    "from_hugging_face_state_dict",
    "load_hugging_face",
    "to_hugging_face_config",
    "to_hugging_face_state_dict",
]
