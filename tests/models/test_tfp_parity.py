"""The same weights say the same in `tf_keras` + `tfp.layers` and in kvae; only the KL counts once.

TFP's layers live on tf_keras, Keras 2; both Kerases run in one process.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import kvae
from tests.helpers import relative

tfd, tfpl = tfp.distributions, tfp.layers

EVENT = (4, 4, 1)
LATENT = 2
FLOAT32 = 1e-5  # one float32 computation against another

POSTERIORS = {
    "MultivariateNormalTriL": (tfpl.MultivariateNormalTriL, kvae.layers.MultivariateNormalTriL),
    "IndependentNormal": (tfpl.IndependentNormal, kvae.layers.IndependentNormal),
    # kvae's diagonal posterior reads what TFP's IndependentNormal reads.
    "MultivariateNormalDiag": (tfpl.IndependentNormal, kvae.layers.MultivariateNormalDiag),
}
LIKELIHOODS = {
    "IndependentBernoulli": (tfpl.IndependentBernoulli, kvae.layers.IndependentBernoulli),
    "IndependentNormal": (tfpl.IndependentNormal, kvae.layers.IndependentNormal),
}


@pytest.fixture
def x(rng):
    return rng.uniform(size=(32, *EVENT)).astype("float32")


def theirs(posterior, likelihood):
    """The VAE of TFP's tutorial: a KL regularizer on the posterior, -log_prob as the loss."""
    # TFP has a closed form between distributions of the same kind only.
    prior = tfd.MultivariateNormalDiag(tf.zeros(LATENT))
    if posterior is tfpl.IndependentNormal:
        prior = tfd.Independent(tfd.Normal(tf.zeros(LATENT), 1.0), 1)
    layers = tf_keras.layers
    kl = tfpl.KLDivergenceRegularizer(prior, use_exact_kl=True)
    encoder = tf_keras.Sequential(
        [
            layers.InputLayer(EVENT),
            layers.Flatten(),
            layers.Dense(8, "tanh"),
            layers.Dense(int(posterior.params_size(LATENT))),
            # The mean goes to the decoder, so that nothing is left to chance.
            posterior(LATENT, convert_to_tensor_fn=tfd.Distribution.mean, activity_regularizer=kl),
        ]
    )
    decoder = tf_keras.Sequential(
        [
            layers.InputLayer((LATENT,)),
            layers.Dense(8, "tanh"),
            layers.Dense(int(likelihood.params_size(EVENT))),
            likelihood(EVENT),
        ]
    )
    return encoder, decoder, prior


def ours(posterior, likelihood):
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(LATENT))
    posterior = posterior(LATENT, convert_to_tensor_fn="mean", activity_regularizer=kl)
    likelihood = likelihood(EVENT)
    arguments = {"hidden": (8,), "activation": "tanh"}
    flat = (likelihood.params_size,)  # TFP's packing
    return kvae.VAE(
        encoder=kvae.networks.mlp_encoder(EVENT, posterior.params_size, **arguments),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(LATENT, flat, **arguments),
        likelihood=likelihood,
    )


def pair(posterior, likelihood):
    """A TFP and a kvae VAE with the same weights."""
    encoder, decoder, prior = theirs(POSTERIORS[posterior][0], LIKELIHOODS[likelihood][0])
    vae = ours(POSTERIORS[posterior][1], LIKELIHOODS[likelihood][1])
    vae.encoder.set_weights(encoder.get_weights())
    vae.decoder.set_weights(decoder.get_weights())
    return (encoder, decoder, prior), vae


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_nll_and_kl_of_each_example_are_those_of_tfp(posterior, likelihood, x):
    (encoder, decoder, prior), vae = pair(posterior, likelihood)
    q = encoder(x)
    their_kl = tfd.kl_divergence(q, prior)
    our_kl = vae.infer({"x": x}, None)["z"].kl()
    assert np.std(their_kl) > 1e-3, "a test that cannot tell examples apart"
    assert relative(our_kl, their_kl) < FLOAT32

    z = q.sample(seed=[1, 2])
    their_nll = -decoder(z).log_prob(x)
    assert relative(-vae.likelihood(z).log_prob(x), their_nll) < FLOAT32


def test_tfp_reports_nll_plus_twice_the_kl(x):
    """tensorflow/probability#1215: its recipe trains with beta = 2; ours counts the KL once."""
    (encoder, decoder, prior), vae = pair("MultivariateNormalTriL", "IndependentBernoulli")
    kl = float(tf.reduce_mean(tfd.kl_divergence(encoder(x), prior)))
    nll = float(-tf.reduce_mean(decoder(encoder(x).mean()).log_prob(x)))
    assert kl > 0.1, "a KL too small to be counted"

    model = tf_keras.Model(encoder.inputs, decoder(encoder.outputs[0]))
    model.compile("sgd", loss=_negative_log_likelihood)
    reported = model.evaluate(x, x, batch_size=len(x), verbose=0)
    assert reported == pytest.approx(nll + 2.0 * kl, rel=FLOAT32)

    vae.compile(optimizer=keras.optimizers.SGD())
    logs = vae.evaluate(x, batch_size=len(x), verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(nll + kl, rel=FLOAT32)
    assert logs["kl"] == pytest.approx(kl, rel=FLOAT32)


def _negative_log_likelihood(x, distribution):
    return -distribution.log_prob(x)
