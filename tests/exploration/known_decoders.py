"""VAEs whose decoder's mean is a known function."""

import keras
import numpy as np
from keras import ops

import kvae
from tests.small import kl


def with_mean(latent_dim, mean):
    """Return a VAE of flat events whose decoder's mean is `mean(z)`, a function of Keras tensors.

    The encoder is linear, with its initial weights.
    """
    z = keras.Input((latent_dim,))
    loc = mean(z)
    likelihood = kvae.layers.NormalLikelihood((loc.shape[-1],), scale=0.1)
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl(latent_dim))
    x = keras.Input(likelihood.event_shape)
    return kvae.VAE(
        encoder=keras.Model(x, keras.layers.Dense(posterior.params_size)(x)),
        posterior=posterior,
        decoder=keras.Model(z, loc),
        likelihood=likelihood,
    )


def polar():
    """The plane in polar coordinates: z = (radius, angle), x = (r cos a, r sin a, 0)."""

    def mean(z):
        radius, angle = z[:, :1], z[:, 1:]
        flat = [radius * ops.cos(angle), radius * ops.sin(angle), 0.0 * radius]
        return ops.concatenate(flat, axis=-1)

    return with_mean(2, mean)


def linear(matrix):
    """x = z @ matrix."""
    matrix = np.asarray(matrix, "float32")
    return with_mean(len(matrix), lambda z: ops.matmul(z, matrix))
