"""How many parameters each drawn part has: a configuration, part by part."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from transformer_math.arrays import whole
from transformer_math.transformer import TransformerConfig, matrix_parameters, parameter_count

# Kind of drawing -> kind of configuration.
KINDS = {
    "decoder": "decoder",
    "encoder-decoder": "encoder-decoder",
    "encoder": "encoder",
    "vit": "encoder",
}
CLASSES = 1000  # of the Vision Transformer that is drawn when no other is given


@cache
def default(kind: str) -> tuple[TransformerConfig, str]:
    """A configuration to draw, and what it is called."""
    if kind == "decoder":
        # Its manifest is read here, and not its module, which would bring torch along.
        folder = Path(find_spec("transformer_math").origin).parent / "models" / "small_gpt"
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        return TransformerConfig(**manifest["config"]), "the course's small GPT"
    if kind == "encoder-decoder":
        sizes = dict(vocabulary=37000, width=512, heads=8, layers=6, hidden=2048, context=512)
        choices = dict(activation="relu", positions="sinusoidal", norm_first=False)
        return TransformerConfig(kind=kind, **sizes, **choices), "the Transformer of 2017"
    if kind == "encoder":
        sizes = dict(vocabulary=30522, width=384, heads=12, layers=6, hidden=1536, context=512)
        choices = dict(norm_first=False, segments=2, embedding_norm=True, head="none")
        return TransformerConfig(kind=kind, **sizes, **choices), "the course's sentence encoder"
    # A patch of 16 × 16 pixels has 768 values; the class token and 14 × 14 patches make 197.
    sizes = dict(vocabulary=768, width=768, heads=12, layers=12, hidden=3072, context=197)
    return TransformerConfig(kind="encoder", head="none", **sizes), "ViT-B/16"


@dataclass(frozen=True)
class Sizes:
    """Parameters by part.

    Parameters
    ----------
    once : of parts that stand once: the embedding, positions, an unembedding of its own.
    layers : of each stack, the parts of all its layers together. The final norm goes with these.
    one : of one layer, by stack.
    depth : number of layers in each stack.
    """

    once: dict[str, int]
    layers: dict[str, dict[str, int]]
    one: dict[str, dict[str, int]]
    depth: int

    def total(self, part: str | None = None) -> int:
        """Of one part, or of the whole machine."""
        groups = (self.once, *self.layers.values())
        return sum(n for group in groups for name, n in group.items() if part in (None, name))


def sizes(config: TransformerConfig, kind: str, classes: int, experts: int) -> Sizes:
    r"""Split :func:`transformer_math.transformer.parameter_count` by drawn part.

    ``experts`` copies of the feed-forward network have a router of :math:`E d` parameters. A
    Vision Transformer's embedding is a :math:`V \times d` matrix with a bias, for patches of V
    values, and a class token; its head has :math:`C (d + 1)` parameters for C classes.
    """
    count, width = parameter_count(config), config.width
    matrices = matrix_parameters(config)
    feed_forward = matrices.pop("feed-forward")
    norm = width * (2 if config.bias and config.norm == "layer" else 1)
    several = experts > 1
    inner = {"experts" if several else "feed-forward": experts * feed_forward}
    inner |= {"router": experts * width} if several else {}
    cross = {"cross": sum(matrices.values())} if kind == "encoder-decoder" else {}
    one = {
        stack: matrices | extra | inner | {"norm": norm * (2 + bool(extra))}
        for stack, extra in _stacks(kind, cross).items()
    }
    layers = {
        stack: {part: config.layers * n for part, n in parts.items()}
        for stack, parts in one.items()
    }
    for parts in layers.values():
        parts["norm"] += norm * config.norm_first
    first = next(iter(layers.values()))
    first["norm"] += norm * (config.embedding_norm + (config.head == "transform"))
    end = "class head" if kind == "vit" else "unembedding"
    vit = kind == "vit"
    once = {
        "embedding": count.tokens + count.segments + 2 * width * vit,
        "positions": count.positions,
        end: classes * (width + 1) if vit else count.head,
    }
    return Sizes(once, layers, one, config.layers)


def _stacks(kind: str, cross: dict[str, int]) -> dict[str, dict[str, int]]:
    if kind == "encoder-decoder":
        return {"encoder": {}, "decoder": cross}
    return {"decoder" if kind == "decoder" else "encoder": {}}


def checked(kind, config, classes, experts) -> tuple[TransformerConfig, str]:
    """A configuration of the right kind, and what it is called.

    Raises
    ------
    ValueError
        If the kind is unknown, the configuration is none or of another kind, or a number is not
        a whole number of at least 1.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; allowed: {', '.join(map(repr, KINDS))}")
    whole("classes", classes)
    whole("experts", experts)
    if config is None:
        return default(kind)
    if not isinstance(config, TransformerConfig):
        raise ValueError(f"config is a {type(config).__name__}; allowed: a TransformerConfig")
    if config.kind != KINDS[kind]:
        raise ValueError(
            f"config is of kind {config.kind!r}; allowed for kind={kind!r}: {KINDS[kind]!r}"
        )
    return config, f"{'an' if kind[0] == 'e' else 'a'} {kind.replace('vit', 'Vision Transformer')}"
