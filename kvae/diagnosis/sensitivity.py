"""Decoder sensitivity: how the likelihood changes with the code and with the posterior's noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.diagnosis.estimate import Estimate
from kvae.evaluation.gaussian_vector import LatentVector
from kvae.models.batches import BatchedFunction

__all__ = ["DecoderSensitivity", "decoder_sensitivity"]

LOG_SCALE_STEP = 0.2  # the standard deviations are multiplied by exp(+- this) for the slopes
LEAST_SLOPE = 1e-6  # nats per dimension; below it the KL does not depend on the stddevs


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
    vector: LatentVector,
    x: np.ndarray,
    mean: np.ndarray,
    stddev: np.ndarray,
    rng: np.random.Generator,
) -> DecoderSensitivity:
    """Measure how codes and the posterior's noise change the likelihood.

    Multiply every standard deviation s by t. At the optimum of nll + beta * kl

        d nll / d log t = -beta * d kl / d log t,    d kl / d log t = sum_d (s_d^2 - 1).

    The implied beta is the ratio of the two slopes, by central differences in log t. It is near 1
    for a VAE trained with beta = 1, 0 where no KL keeps the noise up, and far above 1 where the
    decoder was trained without this noise.

    Args:
        vector: view of the model.
        x: examples, (examples, *event_shape).
        mean: posterior means, (examples, latent_dim).
        stddev: posterior standard deviations, (examples, latent_dim).
        rng: generator of the noise.
    """
    up, down = np.exp(LOG_SCALE_STEP), np.exp(-LOG_SCALE_STEP)
    noise = stddev * rng.standard_normal(mean.shape)
    codes = [mean, np.roll(mean, 1, axis=0), mean + noise, mean + up * noise, mean + down * noise]
    at_mean, other, drawn, more, less = _nll(vector, np.stack(codes), x)
    slope = more - less
    kl_slope = np.sum(2.0 * LOG_SCALE_STEP - 0.5 * stddev**2 * (up**2 - down**2), axis=1)
    nll_slope = Estimate.of_mean(slope)
    if kl_slope.mean() > LEAST_SLOPE * mean.shape[1]:
        implied_beta = Estimate.of_ratio(slope, kl_slope)
    elif nll_slope.low > 0.0:  # likelihood and KL both ask for less noise: no weight balances them
        implied_beta = Estimate(np.inf, 0.0, np.inf, np.inf)
    else:
        implied_beta = Estimate(0.0, np.inf, -np.inf, np.inf)
    return DecoderSensitivity(
        Estimate.of_mean(other - at_mean), Estimate.of_mean(drawn - at_mean), implied_beta
    )


def _nll(vector: LatentVector, codes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return -log p(x|z) of each example under several codes, (codes, examples), in nats.

    Args:
        vector: view of the model.
        codes: (codes, examples, latent_dim).
        x: examples, (examples, *event_shape).
    """
    all_codes, data = tf.constant(codes, "float32"), tf.constant(x)

    def of_rows(rows: Any) -> Any:
        target = tf.gather(data, rows)
        columns = []
        for code in tf.unstack(tf.gather(all_codes, rows, axis=1)):  # (B, latent_dim) each
            likelihood = vector.likelihood(code)
            columns.append(-likelihood.log_prob(tf.cast(target, likelihood.dtype)))
        return tf.stack(columns, axis=1)  # (B, codes)

    return BatchedFunction(of_rows)(np.arange(len(x))).T.astype("float64")
