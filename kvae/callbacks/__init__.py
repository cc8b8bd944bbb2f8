"""Callbacks for `fit`: what the latent space is becoming, and going on after a break."""

from kvae.callbacks.checkpoint import Checkpoint
from kvae.callbacks.traversals import LatentTraversals

__all__ = ["Checkpoint", "LatentTraversals"]
