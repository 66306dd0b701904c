r"""How many bytes a Transformer needs: weights, KV cache, and what training keeps."""

from dataclasses import dataclass

from ..arrays import Number, whole
from .counts import parameters, sparse_layers
from .models import Model, check_context, check_model, one_of

DTYPES = {
    "float64": 8.0,
    "float32": 4.0,
    "float16": 2.0,
    "bfloat16": 2.0,
    "float8": 1.0,
    "int8": 1.0,
    "int6": 0.75,
    "int4": 0.5,
}
CHECKPOINTING = ("none", "selective", "full")


def element_bytes(dtype: str) -> float:
    """Return the bytes of one number: 4 of ``"float32"``, 2 of ``"bfloat16"``, 0.5 of ``"int4"``.

    Scales that a quantised format stores beside its numbers are not counted.

    Raises
    ------
    ValueError
        If the dtype is unknown; the message lists the known ones.
    """
    one_of("dtype", dtype, DTYPES)
    return DTYPES[dtype]


def weight_bytes(model: Model, dtype: str = "bfloat16") -> float:
    r"""Return the bytes of all weights, idle experts included.

    .. math:: N \cdot \text{bytes per element}

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model` or the dtype is unknown.
    """
    return parameters(model).total * element_bytes(dtype)


def kv_elements_per_token(model: Model) -> int:
    r"""Return the numbers that a decoder's cache keeps for one token.

    .. math:: L\, h_{kv}\, (d_k + d_v) = 2 L\, h_{kv}\, d_h, \qquad
              \text{with latent attention } L\, (d_c + d_R)

    where :math:`d_c` is the width of the latent and :math:`d_R` that of the key that carries
    positions.

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model` or does not decode.

    Source: Shazeer (2019), https://arxiv.org/abs/1911.02150; latent attention: DeepSeek-AI (2024),
    https://arxiv.org/abs/2405.04434
    """
    check_model(model, "decoder", "encoder-decoder")
    if model.latent_width:
        return model.layers * (model.latent_width + model.rope_width)
    return model.layers * model.kv_heads * (model.head_width + model.value_width)


def kv_bytes_per_token(model: Model, dtype: str = "bfloat16") -> float:
    r"""Return the bytes that a decoder's cache keeps for one token.

    .. math:: 2 L\, h_{kv}\, d_h \cdot \text{bytes per element}

    and as :func:`kv_elements_per_token` for latent attention.

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model` or does not decode, or the dtype is unknown.
    """
    return kv_elements_per_token(model) * element_bytes(dtype)


def kv_cache_bytes(
    model: Model, context: int, batch: int = 1, dtype: str = "bfloat16", source: int | None = None
) -> float:
    r"""Return the bytes of a decoder's whole cache.

    .. math:: B \cdot \min(T, w) \cdot \text{bytes per token}

    Parameters
    ----------
    model : its sizes; a window w bounds what is kept.
    context : T, tokens of each text so far.
    batch : B, number of texts.
    dtype : of the cached numbers; :func:`element_bytes` knows the names.
    source : tokens the encoder of an encoder–decoder has read, whose keys and values
        cross-attention keeps besides.

    Returns
    -------
    Bytes.

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model` or does not decode, a number is not whole or too small,
        a text is longer than the model's context, ``source`` is missing for an encoder–decoder or
        given for a decoder, or the dtype is unknown.
    """
    token = kv_bytes_per_token(model, dtype)
    check_context(model, "context", context)
    whole("batch", batch)
    kept = context if model.window is None else min(context, model.window)
    if model.kind == "encoder-decoder":
        if source is None:
            raise ValueError("source is None; allowed: the number of tokens the encoder reads")
        kept += check_context(model, "source", source)
    elif source is not None:
        raise ValueError(f"source is {source!r}; allowed: None for a decoder")
    return batch * kept * token


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes that lie in memory at the end of a forward pass of training.

    Parameters
    ----------
    weights, gradients : one number a parameter each, in the dtype of the pass.
    optimiser : Adam's float32 copy of the weights, first and second moments: 12 bytes a parameter.
    activations : what the blocks keep for the backward pass (:func:`activation_bytes`).
    logits : float32 logits at every token.
    """

    weights: float
    gradients: float
    optimiser: float
    activations: float
    logits: float

    @property
    def total(self) -> float:
        """The sum, in bytes."""
        return self.weights + self.gradients + self.optimiser + self.activations + self.logits


def training_memory(
    model: Model,
    tokens: int,
    batch: int = 1,
    dtype: str = "bfloat16",
    checkpointing: str = "none",
    dropout: bool = False,
) -> TrainingMemory:
    r"""Add up what training with Adam in mixed precision keeps in memory.

    .. math:: N (e + e + 12) + \text{activations} + 4 B T V

    bytes, with e bytes an element: 16 N for weights, gradients and optimiser at 2 bytes.

    Parameters
    ----------
    model : a decoder's or an encoder's sizes.
    tokens : T, tokens of each text.
    batch : B, number of texts.
    dtype : of weights, gradients and activations.
    checkpointing, dropout : as in :func:`activation_bytes`.

    Returns
    -------
    :class:`TrainingMemory`, in bytes. Buffers of the library and fragmentation are not in it.

    Raises
    ------
    ValueError
        As in :func:`activation_bytes`.

    Source: Rajbhandari et al. (2020), https://arxiv.org/abs/1910.02054
    """
    activations = activation_bytes(model, tokens, batch, dtype, checkpointing, dropout)
    count, element = parameters(model).total, element_bytes(dtype)
    return TrainingMemory(
        weights=count * element,
        gradients=count * element,
        optimiser=count * 12.0,
        activations=activations,
        logits=4.0 * batch * tokens * model.vocabulary if model.kind == "decoder" else 0.0,
    )


def activation_bytes(
    model: Model,
    tokens: int,
    batch: int = 1,
    dtype: str = "bfloat16",
    checkpointing: str = "none",
    dropout: bool = False,
) -> float:
    r"""Count what the blocks keep of a forward pass for the backward pass.

    A product keeps both factors, a nonlinearity its input, softmax its output. Shared keys and
    values count once, as in a kernel that knows of groups. For one layer, with e bytes an element,

    .. math:: B\,T\,e\,\bigl(4 d + h d_k + h_{kv} (d_k + d_v) + h d_v + m F\bigr) + B\,h\,T^2 e

    where 4d are the inputs of two norms and of the maps after them, and m is 2 (input and output of
    the activation), or 4 with a gate (input and output, what it multiplies, the product). Dropout
    after softmax and after both halves of a block adds masks of one byte, and a second copy of the
    weights: :math:`B\,h\,T^2 (e + 1) + 2 B\,T\,d`. With GPT's sizes, e = 2 and dropout that is

    .. math:: B\,T\,d\,\Bigl(34 + 5\,\frac{h T}{d}\Bigr)

    bytes a layer. Statistics of the norms and the embedding are left out.

    Parameters
    ----------
    model : a decoder's, an encoder's or a vision model's sizes. In a layer with experts F counts
        every expert a token visits, and the router is left out.
    tokens : T, tokens of each text.
    batch : B, number of texts.
    dtype : of the activations; :func:`element_bytes` knows the names.
    checkpointing : ``"none"``; ``"selective"`` computes the :math:`T^2` terms again in the
        backward pass (as FlashAttention does); ``"full"`` keeps only each layer's input, and
        everything of the one layer being computed again.
    dropout : whether training uses dropout.

    Returns
    -------
    Bytes, for all layers.

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model`, is an encoder–decoder or has latent attention, a
        number is not whole or too small, the text is longer than the context, or an option is
        unknown.

    Source: Korthikanti et al. (2022), https://arxiv.org/abs/2205.05198; the terms for grouped heads
    and gates are counted here by the same rule
    """
    check_model(model, "decoder", "encoder", "vision")
    if model.latent_width:
        raise ValueError(
            f"model has latent_width {model.latent_width}; allowed: 0 (not counted here)"
        )
    check_context(model, "tokens", tokens)
    whole("batch", batch)
    one_of("checkpointing", checkpointing, CHECKPOINTING)
    element = element_bytes(dtype)
    sparse = sparse_layers(model)
    visited = (model.active_experts + model.shared_experts) * model.expert_hidden
    sizes = {"dense": (model.layers - sparse, model.hidden), "sparse": (sparse, visited)}
    square = checkpointing != "selective"
    layers = [
        (count, batch * _layer_bytes(model, tokens, hidden, element, dropout, square))
        for count, hidden in sizes.values()
        if count
    ]
    if checkpointing == "full":
        inputs = batch * tokens * model.width * element
        return (model.layers - 1) * inputs + max(size for _, size in layers)
    return sum(count * size for count, size in layers)


def _layer_bytes(
    model: Model, tokens: int, hidden: int, element: Number, dropout: bool, square: bool
) -> float:
    """What one layer keeps of one text, in bytes."""
    heads, d = model.heads, model.width
    kept = 4 * d + (heads + model.kv_heads) * (model.head_width + model.value_width)
    kept += (4 if model.gated else 2) * hidden
    masks = 2 * d if dropout else 0
    weights = element + (element + 1 if dropout else 0)
    return tokens * (kept * element + masks) + square * heads * tokens**2 * weights
