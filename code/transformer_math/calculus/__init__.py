"""Derivatives: measured by differences, and propagated through a graph."""

from .autograd import Value
from .finite_differences import check_gradient, gradient, jacobian

__all__ = [
    "Value",
    "check_gradient",
    "gradient",
    "jacobian",
]
