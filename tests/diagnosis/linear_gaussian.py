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
    """Return the VAE; its decoder is the identity, with the scale log 2."""
    return assembled(SLOPE, OFFSET, STDDEV, np.ones(len(SLOPE)), np.log(2.0))


def optimum(weight, scale, examples, seed=0):
    """Return a VAE that is at the optimum of its ELBO, and data of its own distribution.

    x = w z + s e with z and e standard normal, (d,), so that the posterior is
    N(w x / (w^2 + s^2), s^2 / (w^2 + s^2)). A dimension of weight 0 is inactive.
    """
    weight = np.asarray(weight, "float64")
    variance = weight**2 + scale**2
    active = np.where(weight == 0.0, 1.0, scale / np.sqrt(variance))
    vae = assembled(weight / variance, np.zeros(len(weight)), active, weight, scale)
    draws = np.random.default_rng(seed).standard_normal((examples, len(weight)))
    return vae, (draws * np.sqrt(variance)).astype("float32")


def assembled(slope, offset, stddev, weight, scale):
    """Return a VAE with q(z|x) = N(a x + b, s^2) and p(x|z) = N(w z, scale^2)."""
    d = len(slope)
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(d))
    posterior = kvae.layers.MultivariateNormalDiag(d, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentNormal(d)
    encoder = kvae.networks.mlp_encoder(d, posterior.params_size, hidden=())
    decoder = kvae.networks.mlp_decoder(d, likelihood.params_shape, hidden=())
    set_affine(encoder.get_layer("encoder_params"), slope, offset, stddev)
    set_affine(decoder, weight, np.zeros(d), np.full(d, scale))
    return kvae.VAE(encoder=encoder, posterior=posterior, decoder=decoder, likelihood=likelihood)


def set_affine(network, slope, offset, scale):
    """Let a dense layer return the means `slope` * input + `offset`, and constant scales."""
    d = len(slope)
    kernel = np.concatenate([np.diag(slope), np.zeros((d, d))], axis=1)
    network.set_weights([kernel, np.concatenate([offset, raw_scale(scale)])])


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
