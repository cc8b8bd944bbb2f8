"""Decoder sensitivity: how the likelihood changes with the code and with the posterior's noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.evaluation.estimate import Estimate
from kvae.evaluation.gaussian_vector import LatentVector
from kvae.models.batches import BatchedFunction

__all__ = ["DecoderSensitivity", "decoder_sensitivity"]

LOG_SCALE_STEP = 0.2  # the deviations from the mean are multiplied by exp(+- this) for the slopes
LEAST_SLOPE = 1e-6  # nats per dimension; below it the KL does not depend on the deviations
PRIOR_DRAWS = 8  # draws of the posterior for the slope of the KL


@dataclass(frozen=True)
class DecoderSensitivity:
    """How the negative log-likelihood of an example depends on its code.

    Attributes:
        code_gain: increase of the negative log-likelihood when an example is decoded from the code
            of another example, nats per example.
        noise_cost: increase when it is decoded from a sample of its posterior instead of the
            posterior mean, nats per example.
        implied_beta: likelihood gained per additional nat of KL: the weight of the KL at which the
            posterior's standard deviations are optimal. Infinite where no weight makes them
            optimal.
    """

    code_gain: Estimate
    noise_cost: Estimate
    implied_beta: Estimate


def decoder_sensitivity(
    vector: LatentVector, x: np.ndarray, mean: np.ndarray, seed: Any
) -> DecoderSensitivity:
    """Measure how codes and the posterior's noise change the likelihood.

    Multiply the deviation z - m of every draw from the posterior mean by t. At the optimum of
    nll + beta * kl

        d nll / d log t = -beta * d kl / d log t,    kl(t) = const - d log t - E log p(m + t (z - m)),

    with latent dimensions d. The implied beta is the ratio of the two slopes, each by the same
    central difference in log t, scaled to be exact for t^2: both are then exact for a quadratic
    likelihood and a normal prior, and a dimension whose posterior is the prior adds nothing. The
    implied beta is near 1 for a VAE trained with beta = 1, 0 where no KL keeps the noise up, and
    far above 1 where the decoder was trained without this noise. It holds for any posterior and
    any prior. A posterior on the sphere has its points projected back to the sphere. The
    divergence of this motion at z is (d - 1) m . z, with the mean (d - 1) |m|^2 in place of d.

    Args:
        vector: view of the model.
        x: examples, (examples, *event_shape).
        mean: posterior means, (examples, latent_dim).
        seed: two int32, of the draws.
    """  # noqa: E501 (a formula is one line)
    rows, centre = tf.constant(x), tf.constant(mean, "float32")
    other = tf.constant(np.roll(mean, 1, axis=0), "float32")
    up, down = np.exp(LOG_SCALE_STEP), np.exp(-LOG_SCALE_STEP)

    def moved(code: Any, noise: Any, factor: float) -> Any:
        z = code + factor * noise
        return tf.math.l2_normalize(z, axis=-1) if vector.on_sphere else z

    def of_rows(index: Any, seed: Any) -> dict[str, Any]:
        target, code = tf.gather(rows, index), tf.gather(centre, index)
        draws, _ = vector.draw(target, seed, PRIOR_DRAWS)
        noise = tf.cast(draws, tf.float32) - code  # (draws, B, latent_dim)
        codes = {
            "at_mean": code,
            "other": tf.gather(other, index),
            "drawn": code + noise[0],
            "more": moved(code, noise[0], up),
            "less": moved(code, noise[0], down),
        }
        nll = {name: -vector.log_prob(z, target) for name, z in codes.items()}
        # In pairs of opposite noise: the part of log p that is linear in it cancels. On a sphere
        # the opposite of a draw is none.
        both = noise if vector.on_sphere else tf.concat([noise, -noise], axis=0)
        prior = vector.prior()
        higher, lower = (prior.log_prob(moved(code, both, factor)) for factor in (up, down))
        dimensions: Any = float(vector.latent_dim)
        if vector.on_sphere:
            dimensions = (dimensions - 1.0) * tf.reduce_sum(tf.square(code), axis=-1)
        # Not 2 LOG_SCALE_STEP: t^2 / 2, of slope 1 in log t as log t is, differs by this.
        own = 0.5 * (up**2 - down**2) * dimensions
        return {**nll, "kl_slope": own + tf.reduce_mean(higher - lower, axis=0)}

    found = BatchedFunction(of_rows)(np.arange(len(x)), seed=seed)
    found = {name: values.astype("float64") for name, values in found.items()}
    slope, kl_slope = found["more"] - found["less"], Estimate.of_mean(found["kl_slope"])
    positive = Estimate.of_mean(slope > 0.0)  # a share: few examples may cost most of the nats
    if kl_slope.low > LEAST_SLOPE * mean.shape[1]:
        implied_beta = Estimate.of_ratio(slope, found["kl_slope"])
    elif positive.low > 0.5:  # likelihood and KL both ask for less noise: no weight balances them
        implied_beta = Estimate(np.inf, 0.0, np.inf, np.inf)
    else:
        implied_beta = Estimate(0.0, np.inf, -np.inf, np.inf)
    return DecoderSensitivity(
        Estimate.of_mean(found["other"] - found["at_mean"]),
        Estimate.of_mean(found["drawn"] - found["at_mean"]),
        implied_beta,
    )
