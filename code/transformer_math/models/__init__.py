"""Models that have learned, or are counted: cat model, small GPT, sentence encoder, n-grams."""

from ..doors import doors
from .cat_model import CAT_SENTENCE, CAT_WORDS, CatWeights, cat_ids, cat_model, cat_weights
from .ngrams import NGram

# These learn, so they need torch, which is imported when one of their names is asked for.
_LATER = {
    "AttentionOnly": "transformer_math.models.attention_only",
    "SentenceEncoder": "transformer_math.models.pretrained",
    "Trace": "transformer_math.models.pretrained",
    "load_sentence_encoder": "transformer_math.models.pretrained",
    "package_directory": "transformer_math.models.pretrained",
    "sentence_encoder": "transformer_math.models.pretrained",
}


__all__ = [
    *_LATER,
    "CAT_SENTENCE",
    "CAT_WORDS",
    "CatWeights",
    "NGram",
    "cat_ids",
    "cat_model",
    "cat_weights",
]

__getattr__, __dir__ = doors(__name__, _LATER)
