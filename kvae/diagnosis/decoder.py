"""What the decoder makes of the codes: whether it reads them, and what it spends each axis on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.diagnosis.estimate import Estimate

__all__ = ["Reading", "Spending", "reading", "spending"]

BATCH_SIZE = 512
SCALE_STEP = 0.2  # how far, in log, the stddevs are scaled either way for the price of a nat
LEAST_SLOPE = 1e-6  # below it the KL does not depend on the stddevs


@dataclass(frozen=True)
class Reading:
    """How the decoder takes the codes, in nats per example.

    Attributes:
        code_gain: how much worse an example is described by another one's code.
        noise_cost: how much worse by a draw from its posterior than by the posterior's mean.
        price: the nats of likelihood that the last nat of KL buys: the weight of the KL that the
            posterior's standard deviations are in balance with; infinite where none is.
    """

    code_gain: Estimate
    noise_cost: Estimate
    price: Estimate


def reading(
    vae: Any, x: np.ndarray, mean: np.ndarray, stddev: np.ndarray, rng: np.random.Generator
) -> Reading:
    """Measure what codes, and noise on them, do to the likelihood.

    With every standard deviation s scaled by t, at the optimum of nll + beta * kl

        d nll / d log t = -beta * d kl / d log t,    d kl / d log t = sum_d (s_d^2 - 1),

    so that the ratio of the two slopes is the beta that the model behaves by: near 1 for a VAE,
    0 where no KL holds the noise up, far above 1 where the noise is none that the decoder has seen.

    Args:
        vae: a `kvae.VAE`.
        x: examples, (examples, *event_shape).
        mean: means of their posteriors, (examples, d).
        stddev: standard deviations of their posteriors, (examples, d).
        rng: draws the noise.
    """
    up, down = np.exp(SCALE_STEP), np.exp(-SCALE_STEP)
    noise = stddev * rng.standard_normal(mean.shape)
    codes = [mean, np.roll(mean, 1, axis=0), mean + noise, mean + up * noise, mean + down * noise]
    at_mean, other, drawn, more, less = nll(vae, np.stack(codes), x)
    slope = more - less
    kl_slope = np.sum(2.0 * SCALE_STEP - 0.5 * stddev**2 * (up**2 - down**2), axis=1)
    nll_slope = Estimate.of_mean(slope)
    if kl_slope.mean() > LEAST_SLOPE * mean.shape[1]:
        price = Estimate.of_ratio(slope, kl_slope)
    elif nll_slope.low > 0.0:  # likelihood and KL both ask for less noise: no weight balances them
        price = Estimate(np.inf, 0.0, np.inf, np.inf)
    else:
        price = Estimate(0.0, np.inf, -np.inf, np.inf)
    return Reading(Estimate.of_mean(other - at_mean), Estimate.of_mean(drawn - at_mean), price)


def nll(vae: Any, z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return -log p(x|z) in nats of each example under several codes, (codes, examples).

    Args:
        vae: a `kvae.VAE`.
        z: codes, (codes, examples, d).
        x: examples, (examples, *event_shape).
    """

    @tf.function(autograph=False, reduce_retracing=True)
    def of_batch(z: Any, x: Any) -> Any:
        likelihood = vae.likelihood(z)
        return -likelihood.log_prob(tf.cast(x, likelihood.dtype))

    parts = []
    for start in range(0, len(x), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        target = tf.constant(x[batch])
        parts.append([of_batch(tf.constant(code[batch], "float32"), target) for code in z])
    return np.concatenate(parts, axis=1, dtype="float64")


@dataclass(frozen=True)
class Spending:
    """What the decoder spends its axes on, as shares of the variance of the data.

    Attributes:
        per_dimension: share of the variance that moves in the output when an axis is held at its
            mean.
        explained: share explained by the reconstruction from the k first axes of the ranking, the
            others held at their mean, for k = 0 .. d.
        pca: share explained by the k first principal components, for k = 0 .. d.
    """

    per_dimension: tuple[Estimate, ...]
    explained: tuple[Estimate, ...]
    pca: tuple[float, ...]


def spending(vae: Any, x: np.ndarray, mean: np.ndarray, ranking: Any) -> Spending:
    """Measure how much of the output's variance each latent axis makes, and compare with PCA.

    Args:
        vae: a `kvae.VAE`.
        x: examples, (examples, *event_shape).
        mean: means of their posteriors, (examples, d).
        ranking: indices of the d dimensions, the most informative first.
    """
    data = np.asarray(x, "float64").reshape(len(x), -1)
    centred = data - data.mean(axis=0)
    total = np.sum(centred**2, axis=1)
    output = _flat_output(vae, mean)
    rest = mean.mean(axis=0)
    per_dimension = []
    for d in range(mean.shape[1]):
        held = mean.copy()
        held[:, d] = rest[d]
        moved = np.sum((_flat_output(vae, held) - output) ** 2, axis=1)
        per_dimension.append(Estimate.of_ratio(moved, total))
    kept = np.tile(rest, (len(mean), 1))
    explained = [Estimate.of_ratio(total - _squared_error(vae, kept, data), total)]
    for d in ranking:
        kept[:, d] = mean[:, d]
        explained.append(Estimate.of_ratio(total - _squared_error(vae, kept, data), total))
    return Spending(tuple(per_dimension), tuple(explained), _pca(centred, mean.shape[1]))


def _flat_output(vae: Any, z: np.ndarray) -> np.ndarray:
    return np.asarray(vae.decode(z), "float64").reshape(len(z), -1)


def _squared_error(vae: Any, z: np.ndarray, data: np.ndarray) -> np.ndarray:
    return np.sum((_flat_output(vae, z) - data) ** 2, axis=1)


def _pca(centred: np.ndarray, components: int) -> tuple[float, ...]:
    """Return the cumulative shares of the principal components, for 0 .. `components`."""
    wide = centred.shape[1] > centred.shape[0]
    spectrum = np.linalg.eigvalsh(centred @ centred.T if wide else centred.T @ centred)[::-1]
    shares = np.cumsum(np.maximum(spectrum, 0.0)) / np.sum(np.maximum(spectrum, 0.0))
    shares = np.concatenate([[0.0], shares, np.ones(components)])[: components + 1]
    return tuple(float(share) for share in shares)
