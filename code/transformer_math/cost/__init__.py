"""What a Transformer costs: parameters, FLOPs, bytes and seconds, for real models and accelerators.

Everything is arithmetic on sizes: plain numbers in and out, nothing is allocated. Counts of
parameters and FLOPs are exact whole numbers; times are lower bounds by the roofline.
"""

from .counts import Parameters, attention_maps, feed_forward_maps, parameters
from .gpus import GPU, gpu, gpus
from .memory import (
    DTYPES,
    TrainingMemory,
    activation_bytes,
    element_bytes,
    kv_bytes_per_token,
    kv_cache_bytes,
    kv_elements_per_token,
    training_memory,
    weight_bytes,
)
from .models import Model, model, models
from .operations import (
    Flops,
    crossover_context,
    flops,
    kaplan_forward_flops,
    pairs,
    palm_training_flops,
)
from .roofline import (
    Roofline,
    attainable,
    attention_intensity,
    decode_intensity,
    matmul_intensity,
    ridge_point,
)
from .serving import Day, Request, Served, cost_per_million, poisson_arrivals, simulate
from .speed import (
    balanced_batch,
    decode_step,
    decode_step_time,
    largest_batch,
    prefill,
    prefill_time,
    tokens_per_second,
)

__all__ = [
    "DTYPES",
    "Day",
    "GPU",
    "Flops",
    "Model",
    "Parameters",
    "Request",
    "Roofline",
    "Served",
    "TrainingMemory",
    "activation_bytes",
    "attainable",
    "attention_intensity",
    "attention_maps",
    "balanced_batch",
    "cost_per_million",
    "crossover_context",
    "decode_intensity",
    "decode_step",
    "decode_step_time",
    "element_bytes",
    "feed_forward_maps",
    "flops",
    "gpu",
    "gpus",
    "kaplan_forward_flops",
    "kv_bytes_per_token",
    "kv_cache_bytes",
    "kv_elements_per_token",
    "largest_batch",
    "matmul_intensity",
    "model",
    "models",
    "pairs",
    "palm_training_flops",
    "parameters",
    "poisson_arrivals",
    "prefill",
    "prefill_time",
    "ridge_point",
    "simulate",
    "tokens_per_second",
    "training_memory",
    "weight_bytes",
]
