"""The disentangled inferred prior: the aggregate posterior's covariance is pulled to identity."""

from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.contract import Batch, Latent
from kvae.contract.closed_form import has_independent_elements, is_gaussian
from kvae.regularizers.regularizer import Regularizer

__all__ = ["DisentangledInferredPrior"]

DIAGONAL = {"i": 10.0, "ii": 1.0}  # the ratio of the paper's experiments


@keras.saving.register_keras_serializable(package="kvae")
class DisentangledInferredPrior(Regularizer):
    """weight * (sum_{i != j} C_ij^2 + diagonal * sum_i (C_ii - 1)^2), for DIP-VAE I and II.

    C is a covariance over the batch (divided by the number of examples): for I that of the
    posteriors' means, for II that of the codes, which adds the mean of the posteriors' own
    covariances:

        I:   C = Cov_x[mu(x)],
        II:  C = Cov_x[mu(x)] + E_x[Sigma(x)].

    It is added to the KL. It has no unit. Under several replicas each estimates it from its own
    part of the batch.

    Args:
        kind: "i" or "ii".
        weight: lambda_od, a number of at least 0 or a schedule.
        diagonal: lambda_d / lambda_od; by default 10 for I and 1 for II, as in the paper.
        name: see `Regularizer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> dip = kvae.regularizers.DisentangledInferredPrior("i")
        >>> q = tfd.MultivariateNormalDiag([[1.0, 1.0], [-1.0, -1.0]], [[1.0, 1.0]] * 2)
        >>> float(dip(kvae.contract.Latent(q.mean(), q)))  # C = [[1, 1], [1, 1]]
        2.0

    References:
        Kumar, Sattigeri, Balakrishnan: Variational Inference of Disentangled Latent Concepts
        from Unlabeled Observations, 2018, section 3, https://arxiv.org/abs/1711.00848
    """

    default_name = "dip"
    needs_posterior = True
    unit = ""

    def __init__(
        self,
        kind: str = "ii",
        weight: Any = 1.0,
        diagonal: float | None = None,
        name: str | None = None,
    ):
        super().__init__(weight, name)
        self.kind = checks.choice("kind", kind, tuple(DIAGONAL))
        self.diagonal = checks.non_negative(
            "diagonal", DIAGONAL[self.kind] if diagonal is None else diagonal
        )

    def values(self, latent: Latent, batch: Batch) -> Any:
        """Return the penalty of the batch, the same for every example, shape (B,)."""
        posterior = latent.posterior
        size = posterior.event_shape.num_elements()
        mean = tf.reshape(posterior.mean(), [-1, size])
        share, _ = batch.shares(tf.shape(mean)[0], mean.dtype)
        centered = mean - tf.linalg.matvec(mean, share, transpose_a=True)
        covariance = tf.matmul(centered * share[:, None], centered, transpose_a=True)
        if self.kind == "ii":
            own = _covariance(posterior)
            covariance += tf.einsum("n,nij->ij", share, own)
        variance = tf.linalg.diag_part(covariance)
        off_diagonal = covariance - tf.linalg.diag(variance)
        penalty = tf.reduce_sum(tf.square(off_diagonal))
        penalty += self.diagonal * tf.reduce_sum(tf.square(variance - 1.0))
        return tf.fill(tf.shape(mean)[:1], penalty)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        return {**super().get_config(), "kind": self.kind, "diagonal": self.diagonal}

    def _repr_arguments(self) -> dict[str, Any]:
        return {"kind": self.kind, **super()._repr_arguments(), "diagonal": self.diagonal}


def _covariance(posterior: Any) -> Any:
    """Return the covariance matrix of each posterior's d elements, shape (B, d, d)."""
    size = posterior.event_shape.num_elements()
    if has_independent_elements(posterior):
        return tf.linalg.diag(tf.reshape(posterior.variance(), [-1, size]))
    if is_gaussian(posterior):
        return tf.reshape(posterior.covariance(), [-1, size, size])
    raise ValueError(
        "Expected a posterior with a covariance in closed form: a normal, or independent "
        f"dimensions. Received: {type(posterior).__name__}"
    )
