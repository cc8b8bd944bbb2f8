"""Negative binomial layers: counts that vary more than a Poisson's."""

import math
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from kvae.contract import Domain
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.scale import bounded
from kvae.special_functions import lbeta, lgamma, lgamma_excess, log_sigmoid, softplus

__all__ = ["IndependentNegativeBinomial", "ZeroInflatedNegativeBinomial"]

# e^20 = 4.9e8 is beyond the whole numbers that float32 holds.
HIGHEST_LOG_MEAN = 20.0
# At e^15 the counts are a Poisson's up to means of a million.
HIGHEST_LOG_DISPERSION = 15.0
# From this r on the density is taken relative to a Poisson's.
LARGE_DISPERSION = 16.0

COUNTS = Domain(0.0, math.inf, integer=True)


@keras.saving.register_keras_serializable(package="kvae")
class IndependentNegativeBinomial(DistributionLayer):
    """Independent negative binomials, any event shape: params are [log mean, log dispersion].

        log p(x) = sum_i log Gamma(x_i + r_i) - log Gamma(r_i) - log x_i!
                   + r_i log(r_i / (r_i + m_i)) + x_i log(m_i / (r_i + m_i))        in nats,

    for counts x_i = 0, 1, 2, ..., with mean m and dispersion r, the parametrization usual for gene
    counts: the variance is m + m^2 / r, a Poisson's as r goes to infinity. (r is the "inverse
    dispersion" of scVI, and the `total_count` of `tfd.NegativeBinomial`.) log m acts within
    [-20, 20], log r within [-15, 15].

    Args:
        event_shape: see `DistributionLayer`.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> likelihood = kvae.layers.IndependentNegativeBinomial(())
        >>> counts = likelihood.distribution([np.log(3.0), np.log(2.0)])
        >>> print(f"{counts.mean():.3f} {counts.variance():.3f}")
        3.000 7.500

    References:
        Lopez, Regier, Cole, Jordan, Yosef: Deep generative modeling for single-cell
        transcriptomics, 2018, https://doi.org/10.1038/s41592-018-0229-2
    """

    params_per_element = 2
    domain = COUNTS
    density = False

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.NegativeBinomial)`."""
        log_mean, log_dispersion = self.blocks(params)
        counts = _negative_binomial(log_mean, log_dispersion, self.validate_args)
        return tfd.Independent(counts, len(self.event_shape))

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `count_mean` and `dispersion`, each (batch..., *event_shape)."""
        counts = self.distribution(params).distribution
        return {"count_mean": counts.mean(), "dispersion": counts.total_count}


@keras.saving.register_keras_serializable(package="kvae")
class ZeroInflatedNegativeBinomial(DistributionLayer):
    """Negative binomials with additional zeros: params [log mean, log dispersion, zero logit].

        p(x) = g [x = 0] + (1 - g) NB(x; m, r),    g = sigmoid(zero logit),    for each element,

    with NB, m and r of `IndependentNegativeBinomial`; log p sums over the event, in nats. m is the
    mean of the counts that are not inflated: that of the layer is (1 - g) m.

    Args:
        event_shape: see `DistributionLayer`.
        convert_to_tensor_fn: "sample", "mean", "stddev" or "variance"; see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> likelihood = kvae.layers.ZeroInflatedNegativeBinomial(())
        >>> counts = likelihood.distribution([np.log(3.0), np.log(2.0), 0.0])
        >>> print(f"{counts.mean():.3f}")
        1.500

    References:
        Lopez, Regier, Cole, Jordan, Yosef: Deep generative modeling for single-cell
        transcriptomics, 2018, https://doi.org/10.1038/s41592-018-0229-2
    """

    params_per_element = 3
    conversions = ("sample", "mean", "stddev", "variance")
    domain = COUNTS
    density = False

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent` of a mixture of zero and `tfd.NegativeBinomial`."""
        log_mean, log_dispersion, zero_logit = self.blocks(params)
        # tfd.Inflated would do but for its logits, of which it takes the double.
        counts = tfd.Mixture(
            tfd.Categorical(tf.stack([zero_logit, tf.zeros_like(zero_logit)], axis=-1)),
            [
                tfd.Deterministic(tf.zeros_like(zero_logit)),
                _negative_binomial(log_mean, log_dispersion, self.validate_args),
            ],
            validate_args=self.validate_args,
        )
        return tfd.Independent(counts, len(self.event_shape))

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `count_mean`, `dispersion`, `zero_logits`, each (batch..., *event_shape)."""
        mixture = self.distribution(params).distribution
        counts = mixture.components[1]
        return {
            "count_mean": counts.mean(),
            "dispersion": counts.total_count,
            "zero_logits": mixture.cat.logits_parameter()[..., 0],
        }


def _negative_binomial(log_mean: Any, log_dispersion: Any, validate_args: bool) -> Any:
    log_mean = bounded(log_mean, -HIGHEST_LOG_MEAN, HIGHEST_LOG_MEAN)
    log_dispersion = bounded(log_dispersion, -HIGHEST_LOG_DISPERSION, HIGHEST_LOG_DISPERSION)
    return _NegativeBinomial(
        tf.exp(log_dispersion),
        logits=log_mean - log_dispersion,
        validate_args=validate_args,
        require_integer_total_count=False,
    )


class _NegativeBinomial(tfp.distributions.NegativeBinomial):
    """`tfd.NegativeBinomial` with an exact gradient for large r, and draws that compile under XLA.

    TFP's gradient takes digamma(r + x) - digamma(r), which float32 does not resolve for large r: at
    log r = 15 it is off by 1 nat where the true gradient is 1e-5. TFP's Gamma op does not compile.
    """

    def _log_prob(self, x: Any) -> Any:
        r = tf.convert_to_tensor(self.total_count)
        logits = tf.convert_to_tensor(self.logits)
        like_poisson = (r >= LARGE_DISPERSION) & (x <= r)
        r_large = tf.maximum(r, LARGE_DISPERSION)
        x_small = tf.minimum(x, r_large)
        log_mean = tf.math.log(r) + logits
        near_poisson = (
            lgamma_excess(r_large, x_small)
            - lgamma(x_small + 1.0)
            + x_small * log_mean
            - (r + x_small) * softplus(logits)
        )
        log_prob = r * log_sigmoid(-logits) + tf.math.multiply_no_nan(log_sigmoid(logits), x)
        log_prob -= lbeta(1.0 + x, r) + tf.math.log(r + x)
        return tf.where(like_poisson, near_poisson, log_prob)

    def _sample_n(self, n: int, seed: Any = None) -> Any:
        gamma_seed, poisson_seed = tf.unstack(tfp.random.split_seed(seed))
        gamma = tfd.ExpGamma(self.total_count, log_rate=-self.logits)
        return tfd.Poisson(log_rate=gamma.sample(n, seed=gamma_seed)).sample(seed=poisson_seed)
