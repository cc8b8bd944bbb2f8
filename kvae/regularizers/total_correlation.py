"""Total correlation of the aggregate posterior: the part of the KL that beta-TCVAE weighs."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.contract import Batch, Latent
from kvae.contract.closed_form import is_gaussian
from kvae.regularizers.regularizer import Regularizer

__all__ = ["TotalCorrelation"]


@keras.saving.register_keras_serializable(package="kvae")
class TotalCorrelation(Regularizer):
    """weight * KL(q(z) || prod_j q(z_j)) of the aggregate posterior q(z) = E_x q(z|x), in nats.

    The KL to the prior contains it once, KL = mutual information + total correlation + the KLs of
    the single dimensions. So beta-TCVAE is

        KLDivergenceRegularizer(prior) + TotalCorrelation(dataset_size, weight=beta - 1).

    Both densities are estimated at each draw z_i from the batch x_1..x_B, by stratified weights
    W_ij: the draw's own example stands for itself, the others for the rest of the data,

        log q(z_i) = log sum_j W_ij q(z_i | x_j),
        W_ii = 1/N,  W_ij = (N - B + 1) / (N (B - 1)) for one j,  W_ij = 1/(B - 1) for the others.

    With one example there are no others: its estimate is the total correlation of q(z|x) itself.
    The authors' code lays the same weights out along columns, so that most draws do not meet their
    own example with W_ii; here they stand as in their appendix.

    Args:
        dataset_size: int N, the number of training examples.
        weight: beta - 1, a number of at least 0 or a schedule.
        name: see `Regularizer`.

    Under several replicas each estimates it from its own part of the batch.

    Raises:
        ValueError: If an argument is not of the form above, or, when called, if the posterior is
            neither a normal nor independent along its axis.

    Example:
        >>> tc = kvae.regularizers.TotalCorrelation(dataset_size=1_000, weight=5.0)
        >>> q = tfd.MultivariateNormalDiag([[1.0, 1.0], [-1.0, -1.0]], [[0.5, 0.5]] * 2)
        >>> float(tc(kvae.contract.Latent(q.mean(), q))) > 0.0  # both dimensions say the same
        True

    References:
        Chen et al.: Isolating Sources of Disentanglement in Variational Autoencoders, 2018,
        appendix C.2 (minibatch stratified sampling), https://arxiv.org/abs/1802.04942
    """

    default_name = "total_correlation"
    needs_posterior = True

    def __init__(self, dataset_size: int, weight: Any = 1.0, name: str | None = None):
        super().__init__(weight, name)
        self.dataset_size = checks.positive_int("dataset_size", dataset_size)

    def values(self, latent: Latent, batch: Batch) -> Any:
        """Return log q(z_i) - sum_j log q(z_ij) of each draw in nats, shape (B,)."""
        posterior, sample = latent.posterior, latent.value
        if len(posterior.batch_shape) != 1:
            raise ValueError(
                f"Expected a posterior of batch shape (batch,). Received: {posterior.batch_shape}"
            )
        every = sample[:, None, :]  # (B, 1, d), against all B posteriors
        joint = posterior.log_prob(every)  # (B, B): draw, posterior
        single = _marginals(posterior).log_prob(every)  # (B, B, d)
        weights = self.log_weights(tf.shape(sample)[0], joint.dtype)
        log_joint = tf.reduce_logsumexp(weights + joint, axis=1)
        log_single = tf.reduce_logsumexp(weights[:, :, None] + single, axis=1)
        return log_joint - tf.reduce_sum(log_single, axis=-1)

    def log_weights(self, batch_size: Any, dtype: Any = tf.float32) -> Any:
        """Return log W, shape (B, B); each row of W sums to one."""
        examples = tf.cast(tf.maximum(self.dataset_size, batch_size), dtype)
        others = tf.cast(batch_size - 1, dtype)
        own = tf.eye(batch_size, dtype=dtype)
        last = tf.roll(own, 1, axis=1)  # one other example for each draw
        rest = (examples - others) / (examples * tf.maximum(others, 1.0))
        weights = own / examples + last * rest + (1.0 - own - last) / tf.maximum(others, 1.0)
        return tf.math.log(tf.where(batch_size > 1, weights, tf.ones_like(own)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        return {**super().get_config(), "dataset_size": self.dataset_size}

    def _repr_arguments(self) -> dict[str, Any]:
        return {"dataset_size": self.dataset_size, **super()._repr_arguments()}


def _marginals(posterior: Any) -> Any:
    """Return the distributions of the single dimensions, batch shape (B, d)."""
    if isinstance(posterior, tfd.Independent) and len(posterior.event_shape) == 1:
        return posterior.distribution
    if is_gaussian(posterior):
        return tfd.Normal(posterior.mean(), posterior.stddev())
    raise ValueError(
        "Expected a posterior whose single dimensions have a density: a normal, or independent "
        f"dimensions. Received: {type(posterior).__name__}"
    )
