"""Disentanglement scores: how well single codes represent single known factors of the data.

Each score takes codes (examples, latent_dim) and true factors (examples, factors) of the same
examples. Codes may be posterior means or posterior samples, `mean + stddev * noise`. The scores do
not depend on the scale of a code, so with means a collapsed dimension can contribute: its small
means are still a function of the data. With samples only the information that the decoder receives
counts. Locatello et al. use means, Chen et al. samples. Report which you used.
"""

from kvae.evaluation.disentanglement.all_scores import scores
from kvae.evaluation.disentanglement.beta_vae import beta_vae_score
from kvae.evaluation.disentanglement.dci import DCI, dci
from kvae.evaluation.disentanglement.disentanglement_score import DisentanglementScore
from kvae.evaluation.disentanglement.factor_vae import factor_vae_score
from kvae.evaluation.disentanglement.mig import mig
from kvae.evaluation.disentanglement.modularity import modularity
from kvae.evaluation.disentanglement.sap import sap

__all__ = [
    "DCI",
    "DisentanglementScore",
    "beta_vae_score",
    "dci",
    "factor_vae_score",
    "mig",
    "modularity",
    "sap",
    "scores",
]
