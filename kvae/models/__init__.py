"""Families of latent-variable models.

`LatentModel` is the contract that every family fulfils; docs/architecture.md explains it. `VAE` is
the family with one latent vector and no condition.
"""

from kvae.models.latent_model import LatentModel
from kvae.models.vae import VAE

__all__ = ["VAE", "LatentModel"]
