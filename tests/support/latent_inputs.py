"""The two forms of latent attention, and random inputs for both."""

import numpy as np

from transformer_math.attention import absorbed_latent_attention, explicit_latent_attention

FORMS = {"explicit": explicit_latent_attention, "absorbed": absorbed_latent_attention}


def inputs(seed=0, batch=(2,), heads=3, queries=5, keys=7, d_h=4, d_r=2, d_c=6, d_v=5):
    """q, q_rotary, latent, k_rotary, w_uk, w_uv."""
    rng = np.random.default_rng(seed)
    shapes = (
        (*batch, heads, queries, d_h),
        (*batch, heads, queries, d_r),
        (*batch, keys, d_c),
        (*batch, keys, d_r),
        (d_c, heads * d_h),
        (d_c, heads * d_v),
    )
    return [rng.normal(size=shape) for shape in shapes]
