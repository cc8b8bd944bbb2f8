"""A VAE whose information and divergences have closed forms.

x is (d,) normal with mean 0 and known variances, q(z|x) = N(a x + b, s^2), so that the aggregate
posterior is normal as well: q(z_d) = N(b_d, a_d^2 v_d + s_d^2).
"""

import numpy as np

import kvae
from tests.helpers import raw_scale

VARIANCE = np.array([1.0, 1.0, 1.0])
SLOPE = np.array([0.9, 0.5, 0.05])
OFFSET = np.array([0.0, 0.3, 0.0])
STDDEV = np.array([0.4, 0.8, 1.0])


def make():
    """Return the VAE; its decoder is the identity."""
    d = len(SLOPE)
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(d))
    posterior = kvae.layers.MultivariateNormalDiag(d, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentNormal(d)
    encoder = kvae.networks.mlp_encoder(d, posterior.params_size, hidden=())
    decoder = kvae.networks.mlp_decoder(d, likelihood.params_shape, hidden=())
    raw = raw_scale(STDDEV)
    encoder.get_layer("encoder_params").set_weights(
        [np.concatenate([np.diag(SLOPE), np.zeros((d, d))], axis=1), np.concatenate([OFFSET, raw])]
    )
    weights = decoder.get_weights()
    weights[0] = np.concatenate([np.eye(d), np.zeros((d, d))], axis=1)
    decoder.set_weights(weights)
    return kvae.VAE(encoder=encoder, posterior=posterior, decoder=decoder, likelihood=likelihood)


def data(examples, seed=0):
    draws = np.random.default_rng(seed).standard_normal((examples, len(VARIANCE)))
    return (draws * np.sqrt(VARIANCE)).astype("float32")


def information():
    """I(x; z_d) = 1/2 log(1 + a^2 v / s^2), in nats."""
    return 0.5 * np.log1p(SLOPE**2 * VARIANCE / STDDEV**2)


def marginal_kl():
    """KL(N(b, a^2 v + s^2) || N(0, 1)) of each dimension, in nats."""
    variance = SLOPE**2 * VARIANCE + STDDEV**2
    return 0.5 * (variance + OFFSET**2 - 1.0 - np.log(variance))
