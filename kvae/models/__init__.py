"""Families of latent-variable models.

`LatentModel` is the contract that every family fulfils; docs/architecture.md explains it. `VAE` is
the family with one latent vector, `ConditionalVAE` the same given a condition, and `GivenCondition`
that model at one condition. `FactorVAE` adds a discriminator of the codes, `PairVAE` trains on
pairs, `HierarchicalVAE` has several layers of latent variables, `QuantizedVAE` has codes.
"""

from kvae.models.conditional_vae import ConditionalVAE
from kvae.models.factor import FactorVAE
from kvae.models.given_condition import GivenCondition
from kvae.models.hierarchical import HierarchicalVAE
from kvae.models.latent_model import LatentModel
from kvae.models.pair import PairVAE
from kvae.models.quantized import QuantizedVAE
from kvae.models.vae import VAE

__all__ = [
    "VAE",
    "ConditionalVAE",
    "FactorVAE",
    "GivenCondition",
    "HierarchicalVAE",
    "LatentModel",
    "PairVAE",
    "QuantizedVAE",
]
