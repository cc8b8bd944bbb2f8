"""Families of latent-variable models.

`LatentModel` is the contract that every family fulfils; docs/architecture.md explains it. `VAE` is
the family with one latent vector and no condition, `HierarchicalVAE` that with several layers.
"""

from kvae.models.hierarchical import HierarchicalVAE
from kvae.models.latent_model import LatentModel
from kvae.models.vae import VAE

__all__ = ["VAE", "HierarchicalVAE", "LatentModel"]
