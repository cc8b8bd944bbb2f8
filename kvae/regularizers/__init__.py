"""Penalties on a posterior, passed as `activity_regularizer` to its distribution layer."""

from typing import Any

import keras

from kvae.regularizers import schedules
from kvae.regularizers.capacity import Capacity
from kvae.regularizers.dip import DisentangledInferredPrior
from kvae.regularizers.free_bits import FreeBits
from kvae.regularizers.kl_divergence import KLDivergenceRegularizer
from kvae.regularizers.mmd import MaximumMeanDiscrepancy
from kvae.regularizers.negative_log_prior import NegativeLogPrior
from kvae.regularizers.regularizer import Regularizer
from kvae.regularizers.schedules import Schedule
from kvae.regularizers.sum import Sum
from kvae.regularizers.total_correlation import TotalCorrelation

__all__ = [
    "Capacity",
    "DisentangledInferredPrior",
    "FreeBits",
    "KLDivergenceRegularizer",
    "MaximumMeanDiscrepancy",
    "NegativeLogPrior",
    "Regularizer",
    "Schedule",
    "Sum",
    "TotalCorrelation",
    "get",
    "schedules",
]


def get(identifier: Any) -> Any:
    """Return `identifier` (a regularizer, its config, a Keras name or None) as an object.

    A list of regularizers becomes their `Sum`.

    Example:
        >>> kvae.regularizers.get(None) is None
        True
    """
    if isinstance(identifier, list | tuple):
        return Sum(identifier)
    if isinstance(identifier, Regularizer):
        return identifier
    return keras.regularizers.get(identifier)
