"""Total correlation of the aggregate posterior: the part of the KL that beta-TCVAE weighs."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.contract import Batch, Latent
from kvae.contract.closed_form import has_independent_elements, is_gaussian
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
    With sample weights w, example j counts as c_j = w_j sum(w) / sum(w^2) examples, and B is their
    sum: an example of weight 0 is no part of the estimate, and equal weights change nothing.
    The authors' code lays the same weights out along columns, so that most draws do not meet their
    own example with W_ii; here they stand as in their appendix.

    Args:
        dataset_size: int N, the number of training examples, without those of weight 0.
        weight: beta - 1, a number of at least 0 or a schedule.
        name: see `Regularizer`.

    Under several replicas each estimates it from its own part of the batch.

    Raises:
        ValueError: If an argument is not of the form above, or, when called, if the posterior is
            neither a normal nor made of independent elements.

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
        every = sample[:, None]  # (B, 1, *event), against all B posteriors
        joint = posterior.log_prob(every)  # (B, B): draw, posterior
        single = _marginals(posterior).log_prob(every)
        size = posterior.event_shape.num_elements()
        single = tf.reshape(single, tf.concat([tf.shape(joint), [size]], axis=0))  # (B, B, d)
        share, _ = batch.shares(tf.shape(sample)[0], joint.dtype)
        weights = self.log_weights(share)
        log_joint = tf.reduce_logsumexp(weights + joint, axis=1)
        log_single = tf.reduce_logsumexp(weights[:, :, None] + single, axis=1)
        return log_joint - tf.reduce_sum(log_single, axis=-1)

    def log_weights(self, share: Any) -> Any:
        """Return log W, shape (B, B); each row of W sums to one.

        The others stand for the whole data but for 1/N, which the draw's own example takes from
        those that follow it in the batch.

        Args:
            share: share of each example of the batch, shape (B,), floats that sum to one.
        """
        share = tf.convert_to_tensor(share)
        # Relative to the largest, so that equal weights make ones without rounding.
        relative = tf.math.divide_no_nan(share, tf.reduce_max(share))
        squares = tf.reduce_sum(tf.square(relative))
        count = tf.math.divide_no_nan(relative * tf.reduce_sum(relative), squares)  # c
        rows = tf.range(tf.shape(share)[0])
        own = tf.eye(tf.shape(share)[0], dtype=share.dtype)
        others = count - own * tf.minimum(count, 1.0)  # (B, B): what j counts for draw i
        total = tf.reduce_sum(others, axis=1, keepdims=True)
        examples = tf.maximum(tf.cast(self.dataset_size, share.dtype), tf.reduce_sum(count))
        # What the examples from i + 1 to j - 1 count, on from the first one after the last.
        ends = tf.cumsum(count)
        before = tf.concat([tf.zeros_like(ends[:1]), ends[:-1]], axis=0) - ends[:, None]
        before += tf.where(rows > rows[:, None], tf.zeros_like(own), ends[-1])
        taken = tf.clip_by_value(total / examples - before, 0.0, others)
        weights = tf.math.divide_no_nan(others - taken, total)
        return tf.math.log(weights + own * tf.where(total > 0.0, 1.0 / examples, 1.0))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        return {**super().get_config(), "dataset_size": self.dataset_size}

    def _repr_arguments(self) -> dict[str, Any]:
        return {"dataset_size": self.dataset_size, **super()._repr_arguments()}


def _marginals(posterior: Any) -> Any:
    """Return the distributions of the single dimensions, batch shape (B, *event)."""
    if has_independent_elements(posterior):
        return posterior.distribution
    if is_gaussian(posterior):
        return tfd.Normal(posterior.mean(), posterior.stddev())
    raise ValueError(
        "Expected a posterior whose single dimensions have a density: a normal, or independent "
        f"dimensions. Received: {type(posterior).__name__}"
    )
