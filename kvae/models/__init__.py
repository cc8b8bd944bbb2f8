"""Families of latent-variable models.

`LatentModel` is the contract that every family fulfils; docs/architecture.md explains it. `VAE` is
the family with one latent vector and no condition; `FactorVAE` adds a discriminator of its codes,
`HierarchicalVAE` has several layers, `QuantizedVAE` has codes.
"""

from kvae.models.factor import FactorVAE
from kvae.models.hierarchical import HierarchicalVAE
from kvae.models.latent_model import LatentModel
from kvae.models.quantized import QuantizedVAE
from kvae.models.vae import VAE

__all__ = ["VAE", "FactorVAE", "HierarchicalVAE", "LatentModel", "QuantizedVAE"]
