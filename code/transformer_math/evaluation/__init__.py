"""How good predictions are: metrics, ROC, calibration, and where errors come from."""

from .bias_variance import BiasVariance, bias_variance, powers, ridge
from .calibration import Calibration, calibration_error
from .metrics import (
    accuracy,
    bits_per_byte,
    bits_per_character,
    confusion_matrix,
    dice_coefficient,
    f1,
    iou,
    perplexity,
    precision,
    recall,
)
from .roc import auc, roc_curve

__all__ = [
    "BiasVariance",
    "Calibration",
    "accuracy",
    "auc",
    "bias_variance",
    "bits_per_byte",
    "bits_per_character",
    "calibration_error",
    "confusion_matrix",
    "dice_coefficient",
    "f1",
    "iou",
    "perplexity",
    "powers",
    "precision",
    "recall",
    "ridge",
    "roc_curve",
]
