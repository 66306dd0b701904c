"""How a network learns: losses, and the rules that follow their gradients."""

from .adaptive import Moments, SquareMean, SquareSum, adagrad, adam, adamw, rmsprop
from .clipping import clip_by_norm, clip_by_value
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_gradient,
    categorical_focal_loss,
    cross_entropy,
    cross_entropy_gradient,
    dice_loss,
    focal_loss,
    mean_squared_error,
    mean_squared_error_gradient,
)
from .optimisers import Velocity, minimise, momentum, nesterov, sgd
from .schedules import (
    constant_schedule,
    cosine_schedule,
    exponential_schedule,
    inverse_sqrt_schedule,
    linear_schedule,
    noam_rate,
    one_cycle_schedule,
    step_schedule,
    warmup_stable_decay_schedule,
)

__all__ = [
    "Moments",
    "SquareMean",
    "SquareSum",
    "Velocity",
    "adagrad",
    "adam",
    "adamw",
    "binary_cross_entropy",
    "binary_cross_entropy_gradient",
    "categorical_focal_loss",
    "clip_by_norm",
    "clip_by_value",
    "constant_schedule",
    "cosine_schedule",
    "cross_entropy",
    "cross_entropy_gradient",
    "dice_loss",
    "exponential_schedule",
    "focal_loss",
    "inverse_sqrt_schedule",
    "linear_schedule",
    "mean_squared_error",
    "mean_squared_error_gradient",
    "minimise",
    "momentum",
    "nesterov",
    "noam_rate",
    "one_cycle_schedule",
    "rmsprop",
    "sgd",
    "step_schedule",
    "warmup_stable_decay_schedule",
]
