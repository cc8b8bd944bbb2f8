"""Evaluate a trained model; no function here changes it.

- `log_likelihood`: log p(x) by importance sampling; `factorized_bernoulli`: a baseline.
- `latent_axes`: latent dimensions by information, with their safe ranges.
- `disentanglement`: scores against known factors.
- `gaussian_vector`: the view of a model that diagnosis and exploration use.
"""

from kvae.evaluation.axes import LatentAxis, latent_axes
from kvae.evaluation.baseline import factorized_bernoulli
from kvae.evaluation.disentanglement import (
    DCI,
    DisentanglementScore,
    beta_vae_score,
    dci,
    factor_vae_score,
    mig,
    modularity,
    sap,
)
from kvae.evaluation.importance import LogLikelihood, log_likelihood

__all__ = [
    "DCI",
    "DisentanglementScore",
    "LatentAxis",
    "LogLikelihood",
    "beta_vae_score",
    "dci",
    "factor_vae_score",
    "factorized_bernoulli",
    "latent_axes",
    "log_likelihood",
    "mig",
    "modularity",
    "sap",
]
