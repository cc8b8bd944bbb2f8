"""Callbacks for `fit`: checkpoints, the best weights, traversals, the check for finite losses."""

from kvae.callbacks.best_weights import BestWeights
from kvae.callbacks.checkpoint import Checkpoint
from kvae.callbacks.non_finite import StopOnNonFinite
from kvae.callbacks.traversals import LatentTraversals
from kvae.training.non_finite_check import NonFiniteError

__all__ = ["BestWeights", "Checkpoint", "LatentTraversals", "NonFiniteError", "StopOnNonFinite"]
