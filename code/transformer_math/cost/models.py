r"""The sizes of a Transformer, and a table of real ones.

``models.json`` holds the table. Every entry has the address of its ``source``. Its ``unverified``
lists the sizes that are common knowledge but were not looked up when the table was made, neither in
a published configuration (such as the defaults of the ``transformers`` library) nor by their effect
on a published parameter count: open the source before you rest a claim on one.
"""

import json
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from ..arrays import whole

KINDS = ("decoder", "encoder", "encoder-decoder", "vision")
NORMS = ("layer", "rms")


@dataclass(frozen=True)
class Model:
    r"""Sizes that decide what a Transformer costs. Nothing is allocated.

    A "matrix entry" is one number of a weight matrix. ``dataclasses.replace(m, kv_heads=1)`` gives
    the same model with another size.

    Parameters
    ----------
    layers : L, number of blocks; of an encoder–decoder, of decoder blocks.
    width : d, the width of a hidden state.
    heads : h, number of query heads.
    hidden : F, width of the feed-forward network's hidden layer.
    vocabulary : V, number of token ids (0 for ``kind="vision"``).
    context : longest text in tokens; for vision, patches and the class token.
    kind : ``"decoder"``, ``"encoder"`` (no logits), ``"encoder-decoder"`` or ``"vision"``.
    kv_heads : number of key and value heads, a divisor of ``heads``; by default ``heads``. With
        latent attention it counts for nothing.
    head_width : :math:`d_h`, width of a query and a key (with latent attention: of the part without
        positions); by default width / heads.
    value_width : width of a value; by default ``head_width``.
    gated : three feed-forward matrices (SwiGLU) instead of two.
    bias : linear maps of the blocks have biases.
    norm : ``"layer"`` (gain and bias) or ``"rms"`` (gain).
    outer_norms : number of norms outside the blocks.
    tied : logits share the matrix of the token embedding.
    positions : rows of a learned table of positions; 0 for none (sinusoidal, rotary).
    window : a query sees only so many last keys; None for all.
    encoder_layers : blocks of the encoder of an encoder–decoder.
    experts : number of routed experts a layer; 0 for a dense network.
    active_experts : routed experts that a token visits.
    shared_experts : experts that every token visits besides.
    expert_hidden : F of one expert; by default ``hidden``.
    dense_layers : first layers that keep a dense network of width ``hidden``.
    latent_width : width of the latent from which keys and values are made; 0 for none.
    query_latent_width : width of the latent from which queries are made; 0 for none.
    rope_width : width of the part of queries and keys that carries positions, beside the latent;
        its key is shared by all heads.
    segments : rows of a table of segment embeddings.
    pooler : a dense layer on the first token (BERT).
    patch : numbers in one patch of an image (vision).
    classes : classes of the head (vision); 0 for no head.
    name, source : what it is called, and the address where the sizes are published.
    unverified : names of sizes not read in the source (see :mod:`transformer_math.cost.models`).

    Raises
    ------
    ValueError
        If a size is not a whole number in range, heads do not divide, an option is unknown, or two
        do not go together. The message names the size.
    """

    layers: int
    width: int
    heads: int
    hidden: int
    vocabulary: int
    context: int
    kind: str = "decoder"
    kv_heads: int | None = None
    head_width: int | None = None
    value_width: int | None = None
    gated: bool = False
    bias: bool = True
    norm: str = "layer"
    outer_norms: int = 1
    tied: bool = True
    positions: int = 0
    window: int | None = None
    encoder_layers: int = 0
    experts: int = 0
    active_experts: int = 0
    shared_experts: int = 0
    expert_hidden: int | None = None
    dense_layers: int = 0
    latent_width: int = 0
    query_latent_width: int = 0
    rope_width: int = 0
    segments: int = 0
    pooler: bool = False
    patch: int = 0
    classes: int = 0
    name: str = ""
    source: str = ""
    unverified: tuple[str, ...] = ()

    def __post_init__(self):
        one_of("kind", self.kind, KINDS)
        one_of("norm", self.norm, NORMS)
        for name in ("layers", "width", "heads", "hidden", "context"):
            whole(name, getattr(self, name))
        whole("vocabulary", self.vocabulary, 0 if self.kind == "vision" else 1)
        if self.head_width is None and self.width % self.heads:
            raise ValueError(
                f"heads is {self.heads}; allowed: a divisor of the width, {self.width}, or give "
                "head_width"
            )
        defaults = {
            "kv_heads": self.heads,
            "head_width": self.width // self.heads,
            "value_width": self.head_width or self.width // self.heads,
            "expert_hidden": self.hidden,
        }
        for name, default in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
            whole(name, getattr(self, name))
        if self.window is not None:
            whole("window", self.window)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, bool):
                if not isinstance(value, bool):
                    raise ValueError(f"{field.name} is {value!r}; allowed: True or False")
            elif isinstance(field.default, int):
                whole(field.name, value, 0)
        self._check_combinations()

    def _check_combinations(self):
        if self.heads % self.kv_heads:
            raise ValueError(
                f"kv_heads is {self.kv_heads}; allowed: a divisor of heads, {self.heads}"
            )
        if self.experts and not 1 <= self.active_experts <= self.experts:
            raise ValueError(
                f"active_experts is {self.active_experts}; allowed: 1 to experts, {self.experts}"
            )
        for name in ("active_experts", "shared_experts", "dense_layers"):
            if not self.experts and getattr(self, name):
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: 0 without experts")
        if self.dense_layers > self.layers:
            raise ValueError(
                f"dense_layers is {self.dense_layers}; allowed: 0 to layers, {self.layers}"
            )
        decoder_only = {
            "experts": "a mixture of experts",
            "latent_width": "latent attention",
            "window": "a window",
        }
        for name, what in decoder_only.items():
            if getattr(self, name) and self.kind != "decoder":
                raise ValueError(
                    f"{name} is {getattr(self, name)} for kind {self.kind!r}; allowed: {what} only "
                    "with kind 'decoder'"
                )
        for kind, name in (("encoder-decoder", "encoder_layers"), ("vision", "patch")):
            if (self.kind == kind) != bool(getattr(self, name)):
                allowed = "at least 1" if self.kind == kind else "0"
                raise ValueError(
                    f"{name} is {getattr(self, name)} for kind {self.kind!r}; allowed: {allowed}"
                )
        for kind, name in (("encoder", "pooler"), ("vision", "classes")):
            if getattr(self, name) and self.kind != kind:
                raise ValueError(
                    f"{name} is {getattr(self, name)} for kind {self.kind!r}; allowed: only with "
                    f"kind {kind!r}"
                )
        if not self.latent_width and (self.query_latent_width or self.rope_width):
            raise ValueError(
                "latent_width is 0; allowed: at least 1 with query_latent_width or rope_width"
            )

    @property
    def query_width(self) -> int:
        """Width of a whole query and key: what a score's dot product runs over."""
        return self.head_width + self.rope_width


def one_of(name: str, value: object, known) -> None:
    """Raise a ValueError unless ``value`` is among ``known``."""
    if value not in tuple(known):
        raise ValueError(f"{name} is {value!r}; allowed: {', '.join(map(repr, known))}")


def check_model(model: Model, *kinds: str) -> None:
    """Raise a ValueError unless ``model`` is a :class:`Model`, and of one of ``kinds`` if given."""
    if not isinstance(model, Model):
        raise ValueError(f"model is {model!r}; allowed: a Model, such as cost.model('llama-3-8b')")
    if kinds and model.kind not in kinds:
        raise ValueError(f"model is of kind {model.kind!r}; allowed: {' or '.join(kinds)}")


def check_context(model: Model, name: str, tokens: int) -> int:
    """Return ``tokens`` if it is a whole number from 1 to the model's context."""
    if whole(name, tokens) > model.context:
        raise ValueError(
            f"{name} is {tokens}; allowed: at most the context of the model, {model.context} "
            "(for more, dataclasses.replace(model, context=...))"
        )
    return tokens


@cache
def _table() -> dict:
    return json.loads(Path(__file__).with_name("models.json").read_text(encoding="utf-8"))


def models() -> list[str]:
    """Return the names that :func:`model` knows, in the order of the table."""
    return list(_table())


def model(name: str) -> Model:
    """Look up the sizes of a real model.

    Parameters
    ----------
    name : such as ``"gpt-2"``, ``"llama-3-8b"`` or ``"mixtral-8x7b"``; :func:`models` lists all.

    Returns
    -------
    A :class:`Model` with its ``source``.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    """
    one_of("name", name, _table())
    entry = dict(_table()[name])
    entry["unverified"] = tuple(entry.get("unverified", ()))
    return Model(name=name, **entry)
