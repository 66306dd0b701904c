r"""The roofline: what bounds a computation, arithmetic or memory."""

from dataclasses import dataclass

from ..arrays import Number, is_finite, positive, whole
from .gpus import GPU, check_gpu
from .memory import element_bytes
from .models import Model, check_context, check_model


@dataclass(frozen=True)
class Roofline:
    r"""Where a computation stands under an accelerator's roof.

    Parameters
    ----------
    gpu : the accelerator.
    flop : arithmetic to do, in FLOP.
    traffic : bytes to move between main memory and chip.

    Raises
    ------
    ValueError
        If ``gpu`` is not a :class:`~transformer_math.cost.GPU`, or a number is not finite and above
        0.

    Source: Williams, Waterman and Patterson (2009), https://doi.org/10.1145/1498765.1498785
    """

    gpu: GPU
    flop: Number
    traffic: Number

    def __post_init__(self):
        check_gpu(self.gpu)
        positive("flop", self.flop)
        positive("traffic", self.traffic)

    @property
    def intensity(self) -> float:
        """Arithmetic intensity, in FLOP/byte."""
        return self.flop / self.traffic

    @property
    def attainable(self) -> float:
        """The most arithmetic per second that this intensity allows, in FLOP/s."""
        return attainable(self.gpu, self.intensity)

    @property
    def compute_seconds(self) -> float:
        """Time for the arithmetic alone, in seconds."""
        return self.flop / self.gpu.peak

    @property
    def memory_seconds(self) -> float:
        """Time for the bytes alone, in seconds."""
        return self.traffic / self.gpu.bandwidth

    @property
    def seconds(self) -> float:
        """The least time, arithmetic and memory overlapping perfectly: the longer of the two."""
        return max(self.compute_seconds, self.memory_seconds)

    @property
    def bound(self) -> str:
        """What takes longer: ``"compute"`` or ``"memory"``."""
        return "compute" if self.compute_seconds > self.memory_seconds else "memory"


def attainable(gpu: GPU, intensity: Number) -> float:
    r"""Return the most arithmetic per second that an intensity allows.

    .. math:: \min(\text{peak},\ \text{bandwidth} \cdot I)

    Parameters
    ----------
    gpu : the accelerator.
    intensity : I, FLOP done for each byte moved.

    Returns
    -------
    FLOP/s.

    Raises
    ------
    ValueError
        If ``gpu`` is not a :class:`~transformer_math.cost.GPU` or ``intensity`` is not a finite
        number of at least 0.

    Source: Williams, Waterman and Patterson (2009), https://doi.org/10.1145/1498765.1498785
    """
    check_gpu(gpu)
    if not is_finite(intensity) or intensity < 0:
        raise ValueError(f"intensity is {intensity!r}; allowed: a finite number of at least 0")
    return float(min(gpu.peak, gpu.bandwidth * intensity))


def ridge_point(gpu: GPU) -> float:
    r"""Return the intensity from which arithmetic, no longer memory, is the bound.

    .. math:: \text{peak} / \text{bandwidth}

    Returns
    -------
    FLOP/byte.

    Raises
    ------
    ValueError
        If ``gpu`` is not a :class:`~transformer_math.cost.GPU`.
    """
    check_gpu(gpu)
    return gpu.peak / gpu.bandwidth


def decode_intensity(model: Model, dtype: str = "bfloat16") -> float:
    r"""Return the arithmetic intensity of attention when one token at a time is decoded.

    Each cached key and value is read once and serves :math:`h / h_{kv}` query heads: per token and
    layer :math:`2 h (d_k + d_v)` FLOP for :math:`h_{kv} (d_k + d_v)` elements. With e bytes each,

    .. math:: I = \frac{2 h}{e\, h_{kv}}, \qquad
              \text{with latents, absorbed: } I = \frac{2 h\, (2 d_c + d_R)}{e\, (d_c + d_R)}

    At 2 bytes that is 1 for multi-head attention, whatever the context and the batch. It is the
    limit of :func:`attention_intensity` for long contexts.

    Parameters
    ----------
    model : its sizes.
    dtype : of the cache.

    Returns
    -------
    FLOP/byte.

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model` or does not decode, or the dtype is unknown.

    Source: Shazeer (2019), https://arxiv.org/abs/1911.02150; Ainslie et al. (2023),
    https://arxiv.org/abs/2305.13245
    """
    check_model(model, "decoder", "encoder-decoder")
    element = element_bytes(dtype)
    products, kept = _per_key(model, absorbed=True)
    return 2 * products / (element * kept)


def attention_intensity(
    model: Model, queries: int, keys: int, dtype: str = "bfloat16", absorbed: bool = False
) -> float:
    r"""Return the arithmetic intensity of attention: of prefill, of decoding, or between.

    Queries, keys and values are read once and outputs written once; scores stay on the chip (as
    FlashAttention keeps them). All pairs of n queries and T keys are computed:

    .. math:: I = \frac{2 h\, n\, T\, (d_k + d_v)}
                       {e\, \bigl(n\, h\, (d_k + d_v) + T\, h_{kv}\, (d_k + d_v)\bigr)}
              = \frac{2}{e}\, \frac{h\, n\, T}{h\, n + h_{kv}\, T}

    Prefill has n = T, decoding n = 1; the batch cancels.

    Parameters
    ----------
    model : its sizes.
    queries : n, new tokens of a text.
    keys : T, tokens of the text that they look at.
    dtype : of all that is moved.
    absorbed : with latent attention, compare queries with latents directly; else keys and values
        of every head are read.

    Returns
    -------
    FLOP/byte.

    Raises
    ------
    ValueError
        If ``model`` is not a :class:`Model`, a number is not whole or too small, ``keys`` is more
        than the context, the dtype is unknown, or ``absorbed`` is asked of a model without latents.
    """
    check_model(model)
    whole("queries", queries)
    check_context(model, "keys", keys)
    element = element_bytes(dtype)
    if absorbed and not model.latent_width:
        raise ValueError("absorbed is True; allowed: False for a model without latent attention")
    products, kept = _per_key(model, absorbed)
    return 2 * products * queries * keys / (element * (queries * products + keys * kept))


def matmul_intensity(rows: int, inputs: int, outputs: int, dtype: str = "bfloat16") -> float:
    r"""Return the arithmetic intensity of a linear map applied to some rows.

    .. math:: I = \frac{2\, n\, i\, o}{e\, (n\, i + i\, o + n\, o)} \approx \frac{2 n}{e}
              \quad \text{for few rows}

    Parameters
    ----------
    rows : n, tokens of the whole batch that share the weights.
    inputs, outputs : i and o, sizes of the weight matrix.
    dtype : of weights, inputs and outputs.

    Returns
    -------
    FLOP/byte.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or the dtype is unknown.
    """
    n, i, o = whole("rows", rows), whole("inputs", inputs), whole("outputs", outputs)
    return 2 * n * i * o / (element_bytes(dtype) * (n * i + i * o + n * o))


def _per_key(model, absorbed):
    """Multiply–adds of one query with one key in all heads, and the numbers kept of that key."""
    if model.latent_width and absorbed:
        kept = model.latent_width + model.rope_width
        return model.heads * (kept + model.latent_width), kept
    each = model.query_width + model.value_width
    return model.heads * each, (model.heads if model.latent_width else model.kv_heads) * each
