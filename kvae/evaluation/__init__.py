"""Evaluate a trained model; no function here changes it. docs/evaluation.md describes them.

- `log_likelihood`: log p(x) by importance sampling; `annealed_importance_sampling`: its check;
  `factorized_bernoulli`: a baseline.
- `reconstruction_error`, `active_units`.
- `frechet_distance`, `kernel_distance`, `precision_recall`: samples against data, by features.
- `Estimate`: a number with its standard error.
- `train_on_synthetic`, `nearest_rows`: synthetic rows of tables.
- `latent_axes`: latent dimensions by information, with their safe ranges.
- `disentanglement`: scores against known factors.
- `gaussian_vector`: the view of a model that diagnosis and exploration use.
"""

from kvae.evaluation.active_units import active_units
from kvae.evaluation.annealed import annealed_importance_sampling
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
from kvae.evaluation.estimate import Estimate
from kvae.evaluation.frechet import frechet_distance
from kvae.evaluation.importance import LogLikelihood, log_likelihood
from kvae.evaluation.kernel_distance import kernel_distance
from kvae.evaluation.nearest_rows import NearestRows, nearest_rows
from kvae.evaluation.precision_recall import PrecisionRecall, precision_recall
from kvae.evaluation.reconstruction import reconstruction_error
from kvae.evaluation.train_on_synthetic import SyntheticTask, train_on_synthetic

__all__ = [
    "DCI",
    "DisentanglementScore",
    "Estimate",
    "LatentAxis",
    "LogLikelihood",
    "NearestRows",
    "PrecisionRecall",
    "SyntheticTask",
    "active_units",
    "annealed_importance_sampling",
    "beta_vae_score",
    "dci",
    "factor_vae_score",
    "factorized_bernoulli",
    "frechet_distance",
    "kernel_distance",
    "latent_axes",
    "log_likelihood",
    "mig",
    "modularity",
    "nearest_rows",
    "precision_recall",
    "reconstruction_error",
    "sap",
    "train_on_synthetic",
]
