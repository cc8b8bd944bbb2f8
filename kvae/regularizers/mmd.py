"""Maximum mean discrepancy between the aggregate posterior and the prior (InfoVAE)."""

from typing import Any

import keras
import tensorflow as tf

from kvae import checks, priors
from kvae.contract import Batch, Latent
from kvae.noise import standard_normal
from kvae.regularizers.kernel import KERNELS, default_bandwidth
from kvae.regularizers.regularizer import Regularizer
from kvae.seeds import of_replica

__all__ = ["MaximumMeanDiscrepancy"]


@keras.saving.register_keras_serializable(package="kvae")
class MaximumMeanDiscrepancy(Regularizer):
    """weight * MMD^2 between the batch's draws z and as many draws z' from the prior.

        MMD^2 = E k(z, z~) - 2 E k(z, z') + E k(z', z~'),
        k(a, b) = exp(-|a - b|^2 / (2 bandwidth^2))    or    1 / (1 + |a - b|^2 / (2 bandwidth^2)),

    with z~ and z~' further draws. It pulls the codes as a whole to the prior and leaves each
    single posterior alone. InfoVAE adds it to a weaker KL, for instance

        KLDivergenceRegularizer(prior, weight=0.1) + MaximumMeanDiscrepancy(prior, weight=100.0);

    its size lies between 0 and 2, hence the large weight. It has no unit.

    The prior's draws depend on `seed` and the training step alone, so that a resumed training
    sees the same ones, and evaluating twice gives the same number. A learned prior is pulled to
    the codes as well (the weights of a mixture's components are not: its draws have no gradient
    to them).

    Args:
        prior: a `kvae.priors.Prior`; a `tfd` standard normal is accepted as well.
        bandwidth: width of the kernel, by default sqrt(d) for d latent dimensions, as in
            `kvae.diagnose`.
        unbiased: whether pairs of a draw with itself are left out. Then the estimate is zero in
            expectation where posterior and prior agree, and can be negative; otherwise it is
            never negative. A batch of one has no pairs and gets the biased estimate.
        weight: a number of at least 0 or a schedule.
        seed: int, decides the prior's draws.
        kernel: "gaussian", or "imq", the inverse multiquadratic one of WAE-MMD, whose gradient
            reaches further.
        name: see `Regularizer`.

    Under several replicas each estimates it from its own part of the batch.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> mmd = kvae.regularizers.MaximumMeanDiscrepancy(kvae.priors.StandardNormal(2))
        >>> q = tfd.MultivariateNormalDiag(4.0 + tf.zeros([500, 2]), [0.1, 0.1])
        >>> round(float(mmd(kvae.contract.Latent(q.mean(), q))), 1)  # far from the prior
        1.5

    References:
        Zhao, Song, Ermon: InfoVAE, 2019, https://arxiv.org/abs/1706.02262;
        Tolstikhin, Bousquet, Gelly, Schoelkopf: Wasserstein Auto-Encoders, 2018,
        https://arxiv.org/abs/1711.01558;
        Gretton et al.: A Kernel Two-Sample Test, 2012, lemma 6,
        https://jmlr.org/papers/v13/gretton12a.html
    """

    default_name = "mmd"
    unit = ""

    def __init__(
        self,
        prior: Any,
        bandwidth: float | None = None,
        unbiased: bool = True,
        weight: Any = 1.0,
        seed: int = 0,
        name: str | None = None,
        kernel: str = "gaussian",
    ):
        super().__init__(weight, name)
        self.prior = priors.get(prior)
        if bandwidth is None:
            bandwidth = default_bandwidth(self.prior.latent_dim)
        self.bandwidth = checks.positive("bandwidth", bandwidth)
        self.unbiased = bool(unbiased)
        self.seed = checks.seed("seed", seed)
        self.kernel_name = checks.choice("kernel", kernel, tuple(KERNELS))

    @property
    def layers(self) -> tuple[keras.layers.Layer, ...]:
        """The prior."""
        return (self.prior,)

    @property
    def needs_step(self) -> bool:
        """The step drives the prior's draws."""
        return True

    def values(self, latent: Latent, batch: Batch) -> Any:
        """Return MMD^2 of the batch, the same for every example, shape (B,)."""
        codes = tf.reshape(latent.value, [-1, self.prior.latent_dim])
        count = tf.shape(codes)[0]
        seed = of_replica(
            tf.stack([self.seed, tf.cast(0 if batch.step is None else batch.step, tf.int32)])
        )
        draws = tf.cast(self._prior_draws(count, seed), codes.dtype)
        draws = tf.reshape(draws, tf.shape(codes))
        share, _ = batch.shares(count, codes.dtype)
        equal, _ = Batch().shares(count, codes.dtype)
        penalty = (
            self._mean_within(codes, share)
            - 2.0 * _mean(self.kernel(codes, draws), _outer(share, equal))
            + self._mean_within(draws, equal)
        )
        return tf.fill([count], penalty)

    def _prior_draws(self, count: Any, seed: Any) -> Any:
        """Return draws from the prior, shape (count, d)."""
        try:
            return self.prior.from_normal(standard_normal([count, self.prior.normals], seed))
        except NotImplementedError:
            return self.prior.distribution().sample(count, seed=seed)

    def kernel(self, a: Any, b: Any) -> Any:
        """Return k(a_i, b_j), shape (n, m), of vectors (n, d) and (m, d)."""
        squared = tf.reduce_sum(tf.math.squared_difference(a[:, None, :], b[None, :, :]), axis=-1)
        return KERNELS[self.kernel_name](squared, self.bandwidth)

    def _mean_within(self, vectors: Any, share: Any) -> Any:
        """Return the weighted mean of the kernel over pairs of `vectors`."""
        pairs = _outer(share, share)
        if self.unbiased:
            distinct = pairs - tf.linalg.diag(tf.linalg.diag_part(pairs))
            pairs = tf.where(tf.reduce_sum(distinct) > 0.0, distinct, pairs)
        return _mean(self.kernel(vectors, vectors), pairs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        return {
            **super().get_config(),
            "prior": keras.saving.serialize_keras_object(self.prior),
            "bandwidth": self.bandwidth,
            "unbiased": self.unbiased,
            "seed": self.seed,
            "kernel": self.kernel_name,
        }

    def _repr_arguments(self) -> dict[str, Any]:
        return {
            "prior": self.prior.description(),
            "bandwidth": self.bandwidth,
            "unbiased": self.unbiased,
            **({} if self.kernel_name == "gaussian" else {"kernel": self.kernel_name}),
            **super()._repr_arguments(),
        }


def _outer(a: Any, b: Any) -> Any:
    return a[:, None] * b[None, :]


def _mean(values: Any, weights: Any) -> Any:
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))
