"""Rotary positions as a ``config.json`` describes them, in its old form and its new one."""

import math
from collections.abc import Mapping
from typing import Any

from ...positions.scaling import RopeScaling
from ..config import TransformerConfig
from .values import given, needed, one_of, only

KINDS = {kind: kind for kind in ("default", "linear", "dynamic", "yarn", "llama3")}


def rope_from_values(values: Mapping[str, Any]) -> tuple[float, RopeScaling, int]:
    """Return the base, the scaling and the longest text.

    Dynamic scaling grows with the text; its longest text is taken to be ``factor`` times the
    trained one.
    """
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    context = needed(values, "max_position_embeddings")
    base = given(rope, "rope_theta", given(values, "rope_theta", 10000.0))
    only(rope, partial_rotary_factor=1.0)
    only(values, partial_rotary_factor=1.0)
    kind = one_of("rope_type", given(rope, "rope_type", given(rope, "type", "default")), KINDS)
    if kind == "default":
        return base, RopeScaling(), context
    factor = needed(rope, "factor")
    if kind == "linear":
        return base, RopeScaling("linear", factor), context
    if kind == "dynamic":
        return base, RopeScaling("dynamic", factor, context), int(factor * context)
    trained = given(rope, "original_max_position_embeddings", context)
    if kind == "llama3":
        low, high = needed(rope, "low_freq_factor"), needed(rope, "high_freq_factor")
        options = dict(low_frequency_factor=low, high_frequency_factor=high)
    else:
        options = dict(
            beta_fast=given(rope, "beta_fast", 32.0),
            beta_slow=given(rope, "beta_slow", 1.0),
            truncate=given(rope, "truncate", True),
            fixed_attention_factor=_attention_factor(rope, factor),
        )
    return base, RopeScaling(kind, factor, trained, **options), context


def rope_to_values(config: TransformerConfig) -> dict[str, Any]:
    """Return the values that :func:`rope_from_values` reads, in the new form."""
    rope = config.rope
    values: dict[str, Any] = {"rope_type": rope.kind, "rope_theta": config.rope_base}
    if rope.kind != "default":
        values["factor"] = rope.factor
    if rope.kind in ("yarn", "llama3"):
        values["original_max_position_embeddings"] = rope.original_context
    if rope.kind == "yarn":
        values |= dict(
            beta_fast=rope.beta_fast,
            beta_slow=rope.beta_slow,
            truncate=rope.truncate,
            attention_factor=rope.fixed_attention_factor,
        )
    if rope.kind == "llama3":
        values["low_freq_factor"] = rope.low_frequency_factor
        values["high_freq_factor"] = rope.high_frequency_factor
    trained = rope.original_context if rope.kind == "dynamic" else config.context
    return {"max_position_embeddings": trained, "rope_parameters": values}


def _attention_factor(rope, factor):
    """YaRN's factor where it is not the usual one, which is left to the scaling itself."""
    if rope.get("attention_factor") is not None:
        return rope["attention_factor"]
    if rope.get("mscale") and rope.get("mscale_all_dim"):
        above, below = (
            0.1 * rope[name] * math.log(factor) + 1 for name in ("mscale", "mscale_all_dim")
        )
        return above / below
    return None
