r"""How much arithmetic a Transformer does.

A FLOP is one multiplication or one addition, so a product of matrices
:math:`(m, k) \times (k, n)` costs :math:`2 m k n`. Only matrix products are counted, as is usual:
looking up an embedding is free, and biases, norms, activations, softmax and rotations are left out
(they grow with the width, not with its square).
"""

from dataclasses import dataclass

from ..arrays import whole
from .counts import (
    attention_maps,
    block_entries,
    entries,
    feed_forward_entries,
    feed_forward_maps,
    parameters,
)
from .models import Model, check_context, check_model, one_of


@dataclass(frozen=True)
class Flops:
    r"""FLOPs of one pass, by part.

    Parameters
    ----------
    projections : the attention layers' linear maps.
    attention : :math:`Q K^\top` and :math:`A V`: the part that grows with the context.
    feed_forward : feed-forward networks, routers and the experts that are visited.
    head : logits, pooler or classifier.
    patches : the projection of an image's patches.
    """

    projections: int
    attention: int
    feed_forward: int
    head: int
    patches: int = 0

    @property
    def forward(self) -> int:
        """The forward pass, in FLOPs."""
        return self.projections + self.attention + self.feed_forward + self.head + self.patches

    @property
    def backward(self) -> int:
        r"""The backward pass, in FLOPs: twice the forward pass.

        .. math:: Y = X W \quad\Rightarrow\quad
                  dX = dY\, W^\top, \quad dW = X^\top dY

        Nothing asks for the gradient of an image, so its patches cost once, not twice.
        """
        return 2 * self.forward - self.patches

    @property
    def training(self) -> int:
        """Forward and backward, in FLOPs."""
        return self.forward + self.backward


def flops(
    model: Model,
    tokens: int,
    batch: int = 1,
    cached: int = 0,
    source: int | None = None,
    causal: bool = False,
    logits: str = "all",
    absorbed: bool = False,
) -> Flops:
    r"""Count the FLOPs of a pass over some tokens.

    For T tokens without a cache, with :math:`P` matrix entries in the blocks and the head,

    .. math:: C = 2 P\, T + 2 L h\, (d_k + d_v)\, T^2

    where :math:`d_k` and :math:`d_v` are the widths of a key and a value; with c tokens in the
    cache, :math:`T^2` becomes :math:`T (c + T)`.

    Parameters
    ----------
    model : its sizes.
    tokens : T, tokens that go through the model, in each text of the batch; for vision, patches
        and the class token.
    batch : number of texts.
    cached : c, tokens of each text whose keys and values are in a cache already.
    source : tokens that the encoder of an encoder–decoder reads, in each text. With ``cached`` 0
        the encoder's pass is counted; later it only counts as keys of cross-attention.
    causal : count only the pairs of query and key that a causal mask (and the model's window)
        allows, :math:`T (T + 1) / 2` of :math:`T^2`. Plain kernels compute all pairs.
    logits : ``"all"`` for logits at every token, ``"last"`` at the last one of each text. A
        pooler or a classifier always reads one.
    absorbed : latent attention compares queries with latents directly, instead of making keys and
        values of every latent, cached ones too.

    Returns
    -------
    :class:`Flops`, whole numbers, for the whole batch.

    Raises
    ------
    ValueError
        If a number is not whole or too small, the text is longer than the model's context,
        ``source`` is missing for an encoder–decoder or given for another model, ``cached`` is given
        for a model that does not decode, ``logits`` is unknown, ``absorbed`` is asked of a model
        without latents, or ``causal`` of one that is not causal.

    Source: Kaplan et al. (2020), https://arxiv.org/abs/2001.08361; pairs counted exactly here
    """
    _check(model, tokens, batch, cached, source, logits, absorbed)
    _check_causal(model, causal)
    d, h = model.width, model.heads
    keys = cached + tokens
    seen = pairs(model, tokens, cached) if causal else tokens * keys
    widths = h * (model.query_width + model.value_width)
    maps = attention_maps(model)
    read = {name: tokens for name in maps}
    if model.latent_width and absorbed:
        widths = h * (2 * model.latent_width + model.rope_width)
    elif model.latent_width:
        read["kv_up"] = keys
    own = sum(read[name] * i * o for name, (i, o) in maps.items())
    projections, products = model.layers * own, model.layers * seen * widths
    network = tokens * feed_forward_entries(model)
    if source is not None:
        of_source = entries({name: maps[name] for name in ("k", "v")})
        of_target = entries({name: maps[name] for name in ("q", "o")})
        projections += model.layers * tokens * of_target
        products += model.layers * tokens * source * widths
        if not cached:  # the encoder, and the keys and values that cross-attention reads
            projections += source * (
                model.layers * of_source + model.encoder_layers * entries(maps)
            )
            products += model.encoder_layers * source**2 * widths
            network += model.encoder_layers * source * entries(feed_forward_maps(model))
    places = tokens if logits == "all" else 1
    if model.kind == "vision":
        head = d * model.classes
    elif model.kind == "encoder":
        head = model.pooler * d * d
    else:
        head = places * d * model.vocabulary
    patches = (tokens - 1) * model.patch * d
    per_multiply_add = 2 * batch
    return Flops(*(per_multiply_add * n for n in (projections, products, network, head, patches)))


def pairs(model: Model, tokens: int, cached: int = 0) -> int:
    r"""Count the pairs of query and key that a causal mask and the model's window allow.

    .. math:: \sum_{t=1}^{T} \min(c + t,\, w) = c\,T + \frac{T (T + 1)}{2}
              \quad \text{without a window } w

    Parameters
    ----------
    model : its sizes; only the window counts.
    tokens : T, number of queries, the last ones of the text.
    cached : c, number of keys before the first query.

    Returns
    -------
    Number of pairs, for one head and one text.

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model`, ``tokens`` is not a whole number of at least 1, or
        ``cached`` one of at least 0.
    """
    check_model(model)
    whole("tokens", tokens)
    whole("cached", cached, 0)

    def before(n):
        """Pairs of the first n queries of a text."""
        short = n if model.window is None else min(n, model.window)
        return short * (short + 1) // 2 + (n - short) * short

    return before(cached + tokens) - before(cached)


def palm_training_flops(model: Model, context: int) -> float:
    r"""Estimate training FLOPs a token: the rule of thumb of PaLM.

    .. math:: 6 N + 12\, L\, h\, d_h\, T

    N counts all (active) parameters, embeddings too; no causal halving. If keys and values differ
    in width, :math:`d_h` is their mean.

    Parameters
    ----------
    model : its sizes (a decoder or an encoder).
    context : T, tokens of a training text.

    Returns
    -------
    FLOP per token, forward and backward.

    Raises
    ------
    ValueError
        If ``model`` is an encoder–decoder or not a :class:`Model`, or ``context`` is not a whole
        number from 1 to the model's.

    Source: Chowdhery et al. (2022), https://arxiv.org/abs/2204.02311
    """
    check_model(model, "decoder", "encoder", "vision")
    check_context(model, "context", context)
    widths = model.query_width + model.value_width
    return 6.0 * parameters(model).active + 6.0 * model.layers * model.heads * widths * context


def kaplan_forward_flops(model: Model, context: int) -> float:
    r"""Estimate forward FLOPs a token: the rule of thumb of the first scaling laws.

    .. math:: 2 N + 2\, L\, n_{\text{ctx}}\, d, \qquad N = \text{matrix entries of the blocks}

    For GPT's blocks :math:`N = 12 L d^2`. Embeddings and logits are left out, and the attention
    term is half of what all pairs would cost, as after causal masking.

    Parameters
    ----------
    model : its sizes (a decoder or an encoder); d is heads times head width.
    context : :math:`n_{\text{ctx}}`, tokens of a text.

    Returns
    -------
    FLOP per token, forward only.

    Raises
    ------
    ValueError
        If ``model`` is an encoder–decoder or not a :class:`Model`, or ``context`` is not a whole
        number from 1 to the model's.

    Source: Kaplan et al. (2020), https://arxiv.org/abs/2001.08361
    """
    check_model(model, "decoder", "encoder", "vision")
    check_context(model, "context", context)
    widths = model.query_width + model.value_width
    return 2.0 * block_entries(model) + model.layers * context * model.heads * widths


def crossover_context(model: Model, causal: bool = False) -> float:
    r"""Find the context at which attention costs as much as the matrices of the blocks.

    .. math:: 2 P = 2 L h\, (d_k + d_v)\, T
              \quad\Rightarrow\quad T = \frac{P}{L h\, (d_k + d_v)}

    with P the matrix entries one token meets in the blocks. For GPT's blocks that is
    :math:`12 d^2 / 2d = 6d`; for gated ones with F = 4d and as many key heads as query heads, 8d. A
    causal mask doubles it (in the limit of long texts). The result may lie beyond the model's
    context: then the matrices always cost more.

    Parameters
    ----------
    model : its sizes (a decoder or an encoder).
    causal : count only the pairs of query and key that a causal mask allows.

    Returns
    -------
    T in tokens, not rounded.

    Raises
    ------
    ValueError
        If ``model`` is an encoder–decoder or not a :class:`Model`, or ``causal`` is asked of one
        that is not causal.
    """
    check_model(model, "decoder", "encoder", "vision")
    _check_causal(model, causal)
    widths = model.heads * (model.query_width + model.value_width)
    return (2 if causal else 1) * block_entries(model) / (model.layers * widths)


def _check(model, tokens, batch, cached, source, logits, absorbed):
    check_model(model)
    check_context(model, "tokens", tokens)
    whole("batch", batch)
    if whole("cached", cached, 0):
        check_model(model, "decoder", "encoder-decoder")
        check_context(model, "cached + tokens", cached + tokens)
    if model.kind == "encoder-decoder":
        if source is None:
            raise ValueError("source is None; allowed: the number of tokens the encoder reads")
        check_context(model, "source", source)
    elif source is not None:
        raise ValueError(
            f"source is {source!r} for kind {model.kind!r}; allowed: None, only an "
            "'encoder-decoder' reads one"
        )
    one_of("logits", logits, ("all", "last"))
    if absorbed and not model.latent_width:
        raise ValueError("absorbed is True; allowed: False for a model without latent attention")


def _check_causal(model, causal):
    if causal and model.kind in ("encoder", "vision"):
        raise ValueError(f"causal is {causal}; allowed: False for kind {model.kind!r}")
