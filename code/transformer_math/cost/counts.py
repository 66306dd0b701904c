r"""How many parameters a Transformer has, part by part."""

from dataclasses import dataclass

from ..arrays import whole
from .models import Model, check_model

Maps = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters, by part of the model.

    Parameters
    ----------
    embedding : token and segment embeddings; for vision, the projection of a patch and the class
        token.
    positions : a learned table of positions.
    attention : matrices and biases of all attention layers.
    feed_forward : matrices and biases of all feed-forward layers, routers and every expert.
    norms : gains and biases.
    head : what stands after the last layer: an untied logit matrix, a pooler, a classifier.
    idle : of the feed-forward parameters, those of experts that one token does not visit.
    """

    embedding: int
    positions: int
    attention: int
    feed_forward: int
    norms: int
    head: int
    idle: int = 0

    @property
    def total(self) -> int:
        """All that must lie in memory."""
        blocks = self.attention + self.feed_forward + self.norms
        return self.embedding + self.positions + blocks + self.head

    @property
    def active(self) -> int:
        """Those that take part in one token: all but the idle experts'."""
        return self.total - self.idle


def parameters(model: Model) -> Parameters:
    r"""Count the parameters of a model.

    For GPT-2's architecture (feed-forward width 4d, learned positions, biases, tied logits) the
    parts add up to

    .. math:: N = L (12 d^2 + 13 d) + V d + n_{\text{ctx}} d + 2 d

    and for Llama's (gated, grouped heads, no biases, RMS norm, untied) to

    .. math:: N = L \bigl(2 d\, d_h (h + h_{kv}) + 3 d F + 2 d\bigr) + 2 V d + d

    Parameters
    ----------
    model : its sizes.

    Returns
    -------
    :class:`Parameters`; ``.total`` is their sum and ``.active`` leaves out idle experts.

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model`.

    Source: sizes of the parts: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; latent
    attention: DeepSeek-AI (2024), https://arxiv.org/abs/2405.04434
    """
    check_model(model)
    d = model.width
    crossing = model.layers if model.kind == "encoder-decoder" else 0
    blocks = model.layers + model.encoder_layers
    sparse = sparse_layers(model)
    expert = _size(expert_maps(model), model.bias)
    dense = _size(feed_forward_maps(model), model.bias)
    routed = d * model.experts + (model.experts + model.shared_experts) * expert
    if model.kind == "vision":
        embedding = (model.patch + 1) * d + d
        head = model.classes * (d + 1)
    else:
        embedding = (model.vocabulary + model.segments) * d
        untied = not model.tied and model.kind != "encoder"
        head = untied * model.vocabulary * d + model.pooler * (d * d + d)
    vectors = 2 * blocks + crossing + model.outer_norms
    latents = model.layers * bool(model.latent_width)
    return Parameters(
        embedding=embedding,
        positions=model.positions * d,
        attention=(blocks + crossing) * _size(attention_maps(model), model.bias),
        feed_forward=(blocks - sparse) * dense + sparse * routed,
        norms=(2 if model.norm == "layer" else 1) * vectors * d
        + latents * (model.latent_width + model.query_latent_width),
        head=head,
        idle=sparse * (model.experts - model.active_experts) * expert,
    )


def attention_maps(model: Model) -> Maps:
    r"""List the linear maps of one attention layer.

    .. math:: W_Q: d \to h\, d_h, \quad W_K: d \to h_{kv}\, d_h, \quad W_V: d \to h_{kv}\, d_v,
              \quad W_O: h\, d_v \to d

    With latent attention, queries, keys and values go through narrow latents instead
    (``q_down``, ``q_up``, ``kv_down``, ``kv_up``); ``kv_down`` also makes the key that carries
    positions, shared by all heads.

    Returns
    -------
    Name → (inputs, outputs): a vector of that many numbers in, a vector of that many out.

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model`.
    """
    check_model(model)
    d, h = model.width, model.heads
    queries = h * model.query_width
    if not model.latent_width:
        maps = {
            "q": (d, queries),
            "k": (d, model.kv_heads * model.head_width),
            "v": (d, model.kv_heads * model.value_width),
        }
    else:
        narrow = model.query_latent_width
        maps = {"q_down": (d, narrow), "q_up": (narrow, queries)} if narrow else {"q": (d, queries)}
        maps |= {
            "kv_down": (d, model.latent_width + model.rope_width),
            "kv_up": (model.latent_width, h * (model.head_width + model.value_width)),
        }
    return maps | {"o": (h * model.value_width, d)}


def feed_forward_maps(model: Model, hidden: int | None = None) -> Maps:
    r"""List the linear maps of one dense feed-forward network.

    .. math:: W_1: d \to F, \quad W_2: F \to d, \qquad \text{and } W_g: d \to F \text{ if gated}

    Parameters
    ----------
    model : its sizes.
    hidden : F, if other than the model's ``hidden``.

    Returns
    -------
    Name → (inputs, outputs).

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model` or ``hidden`` not a whole number of at least 1.
    """
    check_model(model)
    d, hidden = model.width, model.hidden if hidden is None else whole("hidden", hidden)
    gate = {"gate": (d, hidden)} if model.gated else {}
    return gate | {"up": (d, hidden), "down": (hidden, d)}


def expert_maps(model: Model) -> Maps:
    """List the linear maps of one expert."""
    return feed_forward_maps(model, model.expert_hidden)


def sparse_layers(model: Model) -> int:
    """Return the number of layers whose feed-forward network is a mixture of experts."""
    return model.layers - model.dense_layers if model.experts else 0


def entries(maps: Maps) -> int:
    """Return the number of matrix entries of linear maps."""
    return sum(inputs * outputs for inputs, outputs in maps.values())


def feed_forward_entries(model: Model) -> int:
    """Return the matrix entries one token meets in all feed-forward layers of the main stack."""
    sparse = sparse_layers(model)
    visited = model.active_experts + model.shared_experts
    routed = model.width * model.experts + visited * entries(expert_maps(model))
    return (model.layers - sparse) * entries(feed_forward_maps(model)) + sparse * routed


def block_entries(model: Model) -> int:
    """Return the matrix entries one token meets in all blocks of a decoder or an encoder."""
    return model.layers * entries(attention_maps(model)) + feed_forward_entries(model)


def _size(maps: Maps, bias: bool) -> int:
    return entries(maps) + bias * sum(outputs for _, outputs in maps.values())
