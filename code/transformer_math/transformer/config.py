"""The sizes and choices that tell one Transformer from another."""

from dataclasses import dataclass, field

from ..arrays import is_finite, positive, whole
from ..positions.scaling import RopeScaling

CHOICES = {
    "kind": ("decoder", "encoder", "encoder-decoder"),
    "norm": ("layer", "rms"),
    "activation": ("relu", "gelu", "gelu_tanh", "silu", "swiglu", "geglu", "geglu_tanh"),
    "positions": ("learned", "sinusoidal", "rotary", "alibi", "t5", "none"),
    "head": ("plain", "transform", "none"),
    "norm_first": (True, False),
    "bias": (True, False),
    "tied": (True, False),
    "embedding_norm": (True, False),
}
GATED = ("swiglu", "geglu", "geglu_tanh")


@dataclass(frozen=True)
class TransformerConfig:
    r"""One description for all Transformers of the course: GPT-2, Llama, BERT, T5 and their kin.

    Parameters
    ----------
    vocabulary : number of token ids, V.
    width : of the residual stream, d.
    heads : query heads in each layer, h.
    layers : L; an encoder-decoder has as many in each half.
    hidden : width of the feed-forward network's hidden layer.
    context : longest text in tokens.
    kind : "decoder" (causal), "encoder" (every token sees all) or "encoder-decoder".
    kv_heads : key and value heads, a divisor of ``heads``; ``heads`` by default.
    head_width : :math:`d_h`; width / heads by default.
    norm : "layer" or "rms".
    norm_first : pre-norm, with one more norm at the end; else post-norm.
    eps : the norms' epsilon.
    activation : "relu", "gelu" (by erf), "gelu_tanh", "silu", or with a gate "swiglu", "geglu",
        "geglu_tanh".
    positions : "learned" or "sinusoidal" vectors added to the embeddings, "rotary" angles in
        queries and keys, "alibi" or "t5" biases on the scores, or "none".
    rope_base, rope : base of the rotary frequencies, and how they are stretched for long texts.
    buckets, max_distance : of the T5 bias.
    window : if given, a causal query sees only the last ``window`` tokens, itself included.
    bias : whether products and layer norms have biases (an RMS norm and a gate never have).
    tied : whether the unembedding is the transposed embedding.
    attention_scale : what the dot products are multiplied by; :math:`1/\sqrt{d_h}` by default.
    embedding_scale : what token embeddings are multiplied by; by default :math:`\sqrt d` with
        sinusoids, whose entries are of the size of 1, as in Vaswani et al. (2017), and else 1.
    logit_scale : what the last states are multiplied by before the unembedding.
    segments : number of segment embeddings (BERT has two), 0 for none.
    embedding_norm : whether the embeddings are normalised.
    head : "plain" unembedding, "transform" (BERT's: product, activation and norm before it, bias
        after), or "none".
    dropout : share of entries dropped in training, of embeddings and of each layer's updates.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, one does not divide another as said, a
        choice is not among those named, or a number is out of its range.
    """

    vocabulary: int
    width: int
    heads: int
    layers: int
    hidden: int
    context: int
    kind: str = "decoder"
    kv_heads: int | None = None
    head_width: int | None = None
    norm: str = "layer"
    norm_first: bool = True
    eps: float = 1e-5
    activation: str = "gelu"
    positions: str = "learned"
    rope_base: float = 10000.0
    rope: RopeScaling = field(default_factory=RopeScaling)
    buckets: int = 32
    max_distance: int = 128
    window: int | None = None
    bias: bool = True
    tied: bool = True
    attention_scale: float | None = None
    embedding_scale: float | None = None
    logit_scale: float = 1.0
    segments: int = 0
    embedding_norm: bool = False
    head: str = "plain"
    dropout: float = 0.0

    def __post_init__(self):
        for name in ("vocabulary", "width", "heads", "layers", "hidden", "context"):
            whole(name, getattr(self, name))
        whole("segments", self.segments, least=0)
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                came, listed = getattr(self, name), ", ".join(map(repr, allowed))
                raise ValueError(f"{name} is {came!r}; allowed: {listed}")
        self._fill_in()
        whole("head_width", self.head_width)
        if self.heads % whole("kv_heads", self.kv_heads):
            raise ValueError(f"kv_heads is {self.kv_heads}; allowed: a divisor of {self.heads}")
        for name in ("eps", "rope_base", "logit_scale"):
            positive(name, getattr(self, name))
        for name in ("attention_scale", "embedding_scale"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        if not is_finite(self.dropout) or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout!r}; allowed: from 0 to below 1")
        if self.window is not None:
            whole("window", self.window)
            if self.kind == "encoder":
                raise ValueError(f"window is {self.window}; allowed: None, in an encoder")
        self._check_positions()

    def _fill_in(self):
        """Put in what follows from other sizes, so that readers of a config find a number."""
        if self.head_width is None and self.width % self.heads:
            raise ValueError(
                f"heads is {self.heads}; allowed: a divisor of width, {self.width}, or say "
                "head_width"
            )
        if self.head_width is None:
            object.__setattr__(self, "head_width", self.width // self.heads)
        if self.kv_heads is None:
            object.__setattr__(self, "kv_heads", self.heads)

    def _check_positions(self):
        whole("buckets", self.buckets)
        whole("max_distance", self.max_distance)
        if not isinstance(self.rope, RopeScaling):
            raise ValueError(f"rope is a {type(self.rope).__name__}; allowed: a RopeScaling")
        if self.positions == "rotary":
            if self.head_width % 2:
                raise ValueError(
                    f"head_width is {self.head_width}; allowed: an even one, to rotate"
                )
            self.rope.frequencies(self.head_width, self.rope_base)  # raises its own errors
        if self.positions == "sinusoidal" and self.width % 2:
            raise ValueError(f"width is {self.width}; allowed: an even one, for sinusoids")
        if self.positions == "t5":
            if self.kind != "decoder" and (self.buckets % 2 or self.buckets < 4):
                raise ValueError(
                    f"buckets is {self.buckets}; allowed: an even number of at least 4, for both "
                    "directions"
                )
            exact = self.buckets // (4 if self.kind == "encoder" else 2)
            if self.max_distance <= exact:
                raise ValueError(f"max_distance is {self.max_distance}; allowed: above {exact}")

    @property
    def gated(self) -> bool:
        """Whether the feed-forward network has a gate."""
        return self.activation in GATED
