"""Callbacks for `fit`: checkpoints, latent traversals, and the check for non-finite losses."""

from kvae.callbacks.checkpoint import Checkpoint
from kvae.callbacks.non_finite import StopOnNonFinite
from kvae.callbacks.traversals import LatentTraversals
from kvae.training.non_finite_check import NonFiniteError

__all__ = ["Checkpoint", "LatentTraversals", "NonFiniteError", "StopOnNonFinite"]
