"""A VAE whose log-likelihood is known: x|z ~ N(W z, s^2 I) with z ~ N(0, I)."""

import keras
import numpy as np

import kvae
from tests.helpers import raw_scale
from tests.small import kl

W = np.array([[1.0, 0.5], [-0.5, 1.0], [0.8, 0.8]])
NOISE = 0.5
PRECISION = W.T @ W / NOISE**2 + np.eye(2)  # of z given x
MEAN = np.linalg.solve(PRECISION, W.T / NOISE**2)  # E[z|x] = MEAN x
COVARIANCE = W @ W.T + NOISE**2 * np.eye(3)  # of x


def decoder_and_likelihood():
    """Return p(x|z)."""
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)])
    kernel = np.concatenate([W.T, np.zeros((2, 3))], axis=1)
    decoder.layers[0].set_weights([kernel, np.repeat([0.0, raw_scale(NOISE)], 3)])
    return {"decoder": decoder, "likelihood": kvae.layers.IndependentNormal(3)}


def exact():
    """Return a VAE whose posterior is the true one."""
    posterior = kvae.layers.MultivariateNormalTriL(2, activity_regularizer=kl())
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    chol = np.linalg.cholesky(np.linalg.inv(PRECISION))
    scales = raw_scale(np.diag(chol) - 1e-5)
    # FillTriangular puts params [a, b, c] to [[c, 0], [b, a]].
    kernel = np.concatenate([MEAN.T, np.zeros((3, 3))], axis=1)
    bias = np.array([0.0, 0.0, scales[1], chol[1, 0], scales[0]])
    encoder.layers[0].set_weights([kernel, bias])
    return kvae.VAE(encoder=encoder, posterior=posterior, **decoder_and_likelihood())


def wide(family=kvae.VAE, scale=0.6, **arguments):
    """Return a model of a family whose posterior has the right mean and another covariance.

    Args:
        family: `kvae.VAE` or a subclass.
        scale: standard deviation of the posterior; the true ones are near 0.35.
        **arguments: of the family. With `missing=True` the mean is right where all is observed.
    """
    inputs = 6 if arguments.get("missing") else 3  # the mask follows x
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    encoder = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(4)])
    kernel = np.zeros((inputs, 4))
    kernel[:3, :2] = MEAN.T
    encoder.layers[0].set_weights([kernel, np.repeat([0.0, raw_scale(scale)], 2)])
    return family(encoder=encoder, posterior=posterior, **decoder_and_likelihood(), **arguments)


def data(examples=50, seed=0):
    """Return draws of the model, (examples, 3)."""
    rng = np.random.default_rng(seed)
    z, noise = rng.normal(size=(examples, 2)), rng.normal(size=(examples, 3))
    return (z @ W.T + NOISE * noise).astype("float32")


def log_evidence(x):
    """Return log p of the observed elements of each example in nats; NaN is not observed."""
    found = []
    for row in x.astype("float64"):
        known = ~np.isnan(row)
        covariance = COVARIANCE[np.ix_(known, known)]
        _, log_det = np.linalg.slogdet(2.0 * np.pi * covariance)
        found.append(-0.5 * (row[known] @ np.linalg.solve(covariance, row[known]) + log_det))
    return np.array(found)
