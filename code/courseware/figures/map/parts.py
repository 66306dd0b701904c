"""The parts of the machine: their names, the lessons that treat them, what a lesson lights.

All of it in tables, so that a new lesson changes a line here and nothing else.
"""

from collections.abc import Iterable

# Part -> what it is called in full, and the lesson that treats it.
PARTS: dict[str, tuple[str, str]] = {
    "tokenizer": ("Tokenizer", "3.3"),
    "patches": ("Patches of an image", "8.7"),
    "embedding": ("Embedding", "3.4"),
    "positions": ("Positions", "7.2"),
    "residual": ("Residual stream", "3.2"),
    "norm": ("Norm", "3.2"),
    "query": ("Query projection", "4.1"),
    "key": ("Key projection", "4.1"),
    "value": ("Value projection", "4.1"),
    "cache": ("KV cache", "6.1"),
    "scores": ("Scores", "4.2"),
    "weights": ("Attention weights: mask and softmax", "4.3"),
    "heads": ("Heads", "4.4"),
    "output": ("Output projection of the heads", "4.4"),
    "cross": ("Cross-attention", "4.4"),
    "router": ("Router", "8.6"),
    "experts": ("Experts", "8.6"),
    "feed-forward": ("Feed-forward network", "2.1"),
    "activation": ("Activation function", "2.3"),
    "layers": ("Layers", "3.5"),
    "unembedding": ("Unembedding: logits", "3.4"),
    "class head": ("Class head: logits", "8.7"),
    "probabilities": ("Softmax: probabilities", "1.3"),
    "sampling": ("Sampling", "6.2"),
    "loss": ("Loss", "2.4"),
    "gradient": ("Gradient", "2.2"),
    "update": ("Update of the parameters", "2.5"),
}
# The lesson depends on how the model tells positions.
POSITIONS = {"rotary": "7.3", "alibi": "7.4", "t5": "7.4"}
# One link, one name: these stand so close together that a finger would miss.
TOGETHER = {
    "projections": ("Query, key and value projections", ("query", "key", "value")),
}
# Short for several parts.
GROUPS: dict[str, tuple[str, ...]] = {
    "attention": ("query", "key", "value", "scores", "weights", "heads", "output"),
    "training": ("loss", "gradient", "update"),
    "block": (
        "norm", "query", "key", "value", "scores", "weights", "heads", "output",
        "feed-forward", "activation", "experts", "router", "residual", "layers",
    ),
    "matrices": (
        "embedding", "query", "key", "value", "output", "cross", "feed-forward", "experts",
        "unembedding", "class head",
    ),
}  # fmt: skip

# Chapter or lesson -> what it lights.
LIT: dict[str, tuple[str, ...]] = {
    "1": ("scores", "probabilities", "training"),
    "1.1": ("scores",),
    "1.2": ("matrices",),
    "1.3": ("probabilities", "loss"),
    "1.4": ("weights", "probabilities", "gradient"),
    "1.5": ("gradient", "update"),
    "2": ("feed-forward", "activation", "training"),
    "2.1": ("feed-forward", "activation"),
    "2.2": ("gradient",),
    "2.3": ("activation",),
    "2.4": ("loss",),
    "2.5": ("update",),
    "2.6": ("probabilities", "loss"),
    "3": ("tokenizer", "embedding", "block", "unembedding"),
    "3.1": ("attention", "residual"),
    "3.2": ("norm", "residual", "feed-forward"),
    "3.3": ("tokenizer",),
    "3.4": ("embedding", "unembedding"),
    "3.5": ("tokenizer", "embedding", "block", "unembedding", "probabilities", "sampling"),
    "3.6": ("block", "training", "sampling"),
    "4": ("attention",),
    "4.1": ("query", "key", "value"),
    "4.2": ("scores",),
    "4.3": ("weights",),
    "4.4": ("heads", "output"),
    "4.5": ("attention",),
    "5": ("key", "value", "heads", "cache"),
    "5.1": ("key", "value", "cache"),
    "5.2": ("query", "key", "value", "heads"),
    "5.3": ("cache",),
    "5.4": ("key", "value"),
    "5.5": ("query", "key", "value", "heads", "output", "cache"),
    "6": ("cache", "sampling"),
    "6.1": ("key", "value", "cache"),
    "6.2": ("probabilities", "sampling"),
    "6.3": ("cache",),
    "6.4": ("cache", "layers"),
    "6.5": ("cache", "layers", "sampling"),
    "7": ("positions",),
    "7.1": ("positions", "weights"),
    "7.2": ("positions", "embedding"),
    "7.3": ("positions", "query", "key"),
    "7.4": ("positions", "scores"),
    "7.5": ("positions", "cache"),
    "8": ("block", "cache"),
    "8.1": ("block", "matrices"),
    "8.2": ("matrices",),
    "8.3": ("matrices", "training"),
    "8.4": ("scores", "cache"),
    "8.5": ("scores", "weights"),
    "8.6": ("router", "experts"),
    "8.7": ("patches", "class head"),
    "8.8": ("attention", "cache"),
    "9": ("tokenizer", "embedding", "residual"),
    "9.1": ("embedding",),
    "9.2": ("embedding", "residual"),
    "9.3": ("scores", "embedding"),
    "9.4": ("attention", "residual", "layers"),
    "9.5": ("tokenizer", "probabilities", "loss"),
    "10": ("residual", "probabilities", "sampling", "training"),
    "10.1": ("sampling", "loss", "gradient", "update"),
    "10.2": ("weights", "residual", "gradient"),
    "10.3": ("probabilities", "loss"),
    "10.4": ("probabilities", "sampling", "update"),
    "10.5": ("layers", "sampling"),
    "10.6": ("patches", "attention"),
}
# What these lessons light is in no decoder.
KINDS = {"9.4": "encoder", "8.7": "vit", "10.6": "vit"}


def lit_parts(lit: str | Iterable[str], drawn: Iterable[str]) -> set[str]:
    """The parts that ``lit`` names, by themselves or in groups, of those that are ``drawn``.

    Raises
    ------
    ValueError
        If a name is neither a drawn part nor a group with one.
    """
    names = (lit,) if isinstance(lit, str) else tuple(lit)
    drawn = list(drawn)
    found: set[str] = set()
    for name in names:
        parts = {name} if name in drawn else set(GROUPS.get(name, ())) & set(drawn)
        if not parts:
            groups = [group for group, inside in GROUPS.items() if set(inside) & set(drawn)]
            raise ValueError(
                f"lit names {name!r}; allowed: {', '.join(drawn)}, "
                f"and for several of them {', '.join(groups)}"
            )
        found |= parts
    return found
