r"""The least time that prefill and decoding can take, and how many texts fit.

All times are roofline bounds: arithmetic and memory overlap perfectly and neither waits. What a
machine needs beyond them (launches, communication, imperfect kernels) is not in them.
"""

from ..arrays import Number
from .counts import entries, expert_maps, parameters, sparse_layers
from .gpus import GPU, check_gpu
from .memory import element_bytes, kv_cache_bytes, weight_bytes
from .models import Model, check_context, check_model
from .operations import flops
from .roofline import Roofline


def prefill(
    model: Model,
    gpu: GPU,
    tokens: int,
    batch: int = 1,
    dtype: str = "bfloat16",
    cache_dtype: str | None = None,
) -> Roofline:
    r"""Bound the pass that reads the prompt and fills the cache.

    Arithmetic: :func:`flops` with a causal mask and logits at the last token. Traffic: every weight
    read once and the cache written once; hidden states are taken to stay on the chip.

    Parameters
    ----------
    model : a decoder.
    gpu : the accelerator. Its 16-bit peak is used whatever the dtype: narrower weights are widened
        on the chip.
    tokens : length of each prompt.
    batch : number of prompts.
    dtype : of the weights.
    cache_dtype : of the cache; by default that of the weights.

    Returns
    -------
    :class:`Roofline`: ``.seconds``, ``.bound``, ``.intensity`` and what they are made of.

    Raises
    ------
    ValueError
        If ``model`` is not a decoder or ``gpu`` not a :class:`GPU`, a number is not whole or too
        small, the prompt is longer than the context, or a dtype is unknown.
    """
    check_model(model, "decoder")
    check_gpu(gpu)
    work = flops(model, tokens, batch, causal=True, logits="last").forward
    cache = kv_cache_bytes(model, tokens, batch, _cache_dtype(dtype, cache_dtype))
    return Roofline(gpu, work, _weights_read(model, batch * tokens, dtype) + cache)


def prefill_time(
    model: Model,
    gpu: GPU,
    tokens: int,
    batch: int = 1,
    dtype: str = "bfloat16",
    cache_dtype: str | None = None,
) -> float:
    """Return the least time of :func:`prefill`, in seconds; same arguments and errors."""
    return prefill(model, gpu, tokens, batch, dtype, cache_dtype).seconds


def decode_step(
    model: Model,
    gpu: GPU,
    batch: int,
    context: int,
    dtype: str = "bfloat16",
    cache_dtype: str | None = None,
) -> Roofline:
    r"""Bound one step of decoding: one new token for each text of the batch.

    The traffic is every weight and every text's cache, each read once:

    .. math:: t \ge \frac{N e + B \cdot KV(T)}{\text{bandwidth}}

    Every weight means the embedding table too, of which a step reads only B rows: with a large
    untied vocabulary the bound is a few per cent too high. Of routed experts only those that some
    text visits are read, :math:`E\,(1 - (1 - k/E)^B)` on average if all are equally likely.

    Parameters
    ----------
    model : a decoder; latent attention is counted absorbed.
    gpu : the accelerator. Its 16-bit peak is used whatever the dtype: narrower weights are widened
        on the chip.
    batch : B, number of texts.
    context : T, tokens of each text that the new one looks at, itself included.
    dtype : of the weights.
    cache_dtype : of the cache; by default that of the weights.

    Returns
    -------
    :class:`Roofline`: ``.seconds``, ``.bound``, ``.intensity`` and what they are made of.

    Raises
    ------
    ValueError
        If ``model`` is not a decoder or ``gpu`` not a :class:`GPU`, a number is not whole or too
        small, the text is longer than the context, or a dtype is unknown.

    Source: Pope et al. (2022), https://arxiv.org/abs/2211.05102
    """
    check_model(model, "decoder")
    check_gpu(gpu)
    check_context(model, "context", context)
    cache = kv_cache_bytes(model, context, batch, _cache_dtype(dtype, cache_dtype))
    absorbed = bool(model.latent_width)
    work = flops(model, 1, batch, cached=context - 1, causal=True, absorbed=absorbed).forward
    return Roofline(gpu, work, _weights_read(model, batch, dtype) + cache)


def decode_step_time(
    model: Model,
    gpu: GPU,
    batch: int,
    context: int,
    dtype: str = "bfloat16",
    cache_dtype: str | None = None,
) -> float:
    """Return the least time of :func:`decode_step`, in seconds; same arguments and errors."""
    return decode_step(model, gpu, batch, context, dtype, cache_dtype).seconds


def tokens_per_second(
    model: Model,
    gpu: GPU,
    batch: int,
    context: int,
    dtype: str = "bfloat16",
    cache_dtype: str | None = None,
) -> float:
    r"""Return the most tokens that a batch can decode each second, all texts together.

    .. math:: B / t

    Arguments and errors are those of :func:`decode_step`; t is its time.
    """
    return batch / decode_step_time(model, gpu, batch, context, dtype, cache_dtype)


def largest_batch(
    model: Model,
    gpu: GPU,
    context: int,
    dtype: str = "bfloat16",
    cache_dtype: str | None = None,
) -> int:
    r"""Return the most texts whose caches fit in memory beside the weights.

    .. math:: \Bigl\lfloor \frac{\text{memory} - N e}{KV(T)} \Bigr\rfloor

    Hidden states and the library's buffers are not counted.

    Parameters
    ----------
    model : a decoder.
    gpu : the accelerator. For eight of them ``dataclasses.replace(gpu, memory=8 * gpu.memory)``.
    context : T, tokens of each text.
    dtype, cache_dtype : of the weights, and of the cache (by default the same).

    Returns
    -------
    Number of texts; 0 if not even one fits beside the weights, or the weights do not.

    Raises
    ------
    ValueError
        If ``model`` is not a decoder or ``gpu`` not a :class:`GPU`, the text is longer than the
        context, or a dtype is unknown.
    """
    check_model(model, "decoder")
    check_gpu(gpu)
    free = gpu.memory - weight_bytes(model, dtype)
    return max(0, int(free // kv_cache_bytes(model, context, 1, _cache_dtype(dtype, cache_dtype))))


def balanced_batch(
    model: Model, context: int, dtype: str = "bfloat16", cache_dtype: str | None = None
) -> float:
    r"""Return the batch at which the caches are as large as the weights.

    .. math:: B^* = \frac{N e}{KV(T)}

    Below it a step of decoding mostly reads weights, which a larger batch shares; above it mostly
    caches, which it does not.

    Parameters
    ----------
    model : a decoder.
    context : T, tokens of each text.
    dtype, cache_dtype : of the weights, and of the cache (by default the same).

    Returns
    -------
    Number of texts, not rounded.

    Raises
    ------
    ValueError
        If ``model`` is not a decoder, the text is longer than the context, or a dtype is unknown.
    """
    check_model(model, "decoder")
    cache = kv_cache_bytes(model, context, 1, _cache_dtype(dtype, cache_dtype))
    return weight_bytes(model, dtype) / cache


def _cache_dtype(dtype, cache_dtype):
    return dtype if cache_dtype is None else cache_dtype


def _weights_read(model: Model, tokens: int, dtype: str) -> Number:
    """Bytes of the weights that so many tokens need: all but experts that none of them visits."""
    count = parameters(model).total
    if model.experts:
        unvisited = model.experts * (1 - model.active_experts / model.experts) ** tokens
        count -= sparse_layers(model) * unvisited * entries(expert_maps(model))
    return count * element_bytes(dtype)
