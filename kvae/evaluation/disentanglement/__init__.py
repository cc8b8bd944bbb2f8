"""Disentanglement scores on data whose factors are known: does each code stand for one factor?

All of them read codes (examples, latent_dim) and factors (examples, factors) of the same examples.
Which codes to give matters: with the posterior's means a collapsed dimension may score, as scores
do not depend on scale and its tiny means are still a function of the data; with draws from the
posterior, `mean + stddev * noise`, only what reaches the decoder counts (Chen et al. use draws,
Locatello et al. means). Say which you used.
"""

from kvae.evaluation.disentanglement.beta_vae import beta_vae_score
from kvae.evaluation.disentanglement.dci import DCI, dci
from kvae.evaluation.disentanglement.every import scores
from kvae.evaluation.disentanglement.factor_vae import factor_vae_score
from kvae.evaluation.disentanglement.mig import mig
from kvae.evaluation.disentanglement.modularity import modularity
from kvae.evaluation.disentanglement.sap import sap
from kvae.evaluation.disentanglement.score import DisentanglementScore

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
