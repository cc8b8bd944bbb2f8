"""What is minimized.

`Objective` is what `compile(loss=...)` of a latent-variable model takes: it turns a batch into the
named terms of the loss. `NegativeELBO` is the default, `ImportanceWeightedELBO` the tighter bound
of several draws, `TrimmedELBO` leaves out the worst examples of a batch. `NegativeLogLikelihood` is
a plain Keras loss for functional models, in which the posterior layer adds the KL by itself.
"""

from kvae.losses.importance_weighted import ImportanceWeightedELBO
from kvae.losses.negative_elbo import NegativeELBO
from kvae.losses.negative_log_likelihood import NegativeLogLikelihood
from kvae.losses.objective import Objective, get
from kvae.losses.trimmed_elbo import TrimmedELBO

__all__ = [
    "ImportanceWeightedELBO",
    "NegativeELBO",
    "NegativeLogLikelihood",
    "Objective",
    "TrimmedELBO",
    "get",
]
