"""The view of a model with one latent vector, and the models that are refused."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import kvae
from kvae.evaluation.gaussian_vector import one_gaussian_vector, one_latent_vector
from tests.helpers import ROOT
from tests.small import kl, make_vae


def functional():
    """A functional Keras model of a VAE."""
    vae = make_vae()
    return keras.Model(vae.encoder.input, vae.decoder(vae.posterior_layer(vae.encoder.output)))


@keras.saving.register_keras_serializable(package="tests_gaussian_vector")
def logit_normal(params):
    """A posterior on (0, 1)^2 whose mean has no closed form."""
    return tfd.Independent(tfd.LogitNormal(params[..., :2], tf.nn.softplus(params[..., 2:])), 1)


def without_moments():
    posterior = kvae.layers.DistributionLambda(
        logit_normal, params_shape=(4,), activity_regularizer=kl()
    )
    return make_vae(posterior=posterior)


ANALYSES = {
    "diagnose": lambda vae, x: kvae.diagnose(vae, x),
    "interpolate": lambda vae, x: kvae.interpolate(vae, x[:1], x[1:2]),
    "traverse": lambda vae, x: kvae.traverse(vae, x[:1]),
    "attribute_vector": lambda vae, x: kvae.attribute_vector(vae, x, np.arange(len(x)) % 2),
    "nearest": lambda vae, x: kvae.nearest(vae, x[:1], x),
    "latent_axes": lambda vae, x: kvae.evaluation.latent_axes(vae, x),
    "importance": lambda vae, x: kvae.evaluation.log_likelihood(vae, x),
    "pictures.reconstructions": lambda vae, x: kvae.pictures.reconstructions(vae, x[:2]),
    "pictures.samples": lambda vae, x: kvae.pictures.samples(vae, rows=1, columns=2),
    "pictures.interpolations": lambda vae, x: kvae.pictures.interpolations(vae, x[:2]),
    "pictures.traversals": lambda vae, x: kvae.pictures.traversals(vae, x),
    "scores": lambda vae, x: kvae.evaluation.disentanglement.scores(vae, x, False, x=x),
}


@pytest.mark.parametrize("name", ANALYSES)
def test_a_functional_model_is_refused_with_how_to_assemble_a_vae(name, grey):
    message = (
        r"Expected vae to be a kvae.VAE. Received: a Functional model. Assemble one from the parts "
        r"of your model: kvae.VAE\(encoder=..., posterior=..., decoder=..., likelihood=...\)"
    )
    with pytest.raises(ValueError, match=message):
        ANALYSES[name](functional(), grey)


@pytest.mark.parametrize("name", sorted(set(ANALYSES) - {"importance", "pictures.samples"}))
def test_a_posterior_without_moments_is_refused(name, grey):
    with pytest.raises(ValueError, match="to have a posterior with a mean and a standard dev"):
        ANALYSES[name](without_moments(), grey)


def test_a_posterior_without_moments_has_a_likelihood_and_traversals_of_codes(grey):
    vae = without_moments()
    assert ANALYSES["importance"](vae, grey[:2]).per_example.shape == (2,)
    assert kvae.traverse(vae, np.zeros((1, 2))).decoded.shape == (1, 2, 10, 8, 8, 1)


@pytest.mark.parametrize("name", sorted(set(ANALYSES) - {"diagnose"}))
def test_weights_that_are_not_finite_are_named(name, grey):
    """TensorFlow's relu makes zeros of NaN, so that results would look like results."""
    vae = make_vae()
    weight = vae.decoder.weights[0]
    weight.assign(np.where(np.arange(weight.shape[-1]) == 0, np.nan, weight))
    with pytest.raises(ValueError, match=f"finite weights.*NaN or infinity in {weight.path}"):
        ANALYSES[name](vae, grey)


def test_what_is_not_a_model_is_refused():
    with pytest.raises(ValueError, match=r"Expected vae to be a kvae.VAE. Received: 3"):
        one_latent_vector(3)


def test_a_model_that_is_not_built_is_refused():
    """A family of a user's own may build its parts late."""
    vae = make_vae((5,))
    vae.built = False
    with pytest.raises(ValueError, match="Expected vae to be built"):
        one_latent_vector(vae)
    vae.build((None, 5))
    assert one_gaussian_vector(vae).event_shape == (5,)


def test_the_view_agrees_with_the_array_methods(trained_vae, digits):
    x = digits[1][:8]
    vector = one_gaussian_vector(trained_vae)
    mean, stddev = trained_vae.encode(x)
    np.testing.assert_allclose(vector.posterior(x).mean(), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(vector.posterior(x).stddev(), stddev, rtol=1e-5)
    np.testing.assert_allclose(vector.decoded(mean), trained_vae.decode(mean), rtol=1e-4, atol=1e-6)
    assert vector.likelihood(mean).event_shape == (8, 8, 1)
    np.testing.assert_allclose(
        vector.prior().log_prob(mean), -0.5 * np.sum(mean**2, axis=1) - np.log(2 * np.pi), rtol=1e-5
    )


def test_the_view_knows_prior_and_posterior():
    sphere = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.UniformSphere(3))
    posterior = kvae.layers.PowerSpherical(3, activity_regularizer=sphere)
    vector = one_gaussian_vector(make_vae((6,), 3, posterior=posterior))
    assert not vector.standard_normal_prior
    assert not vector.diagonal_posterior
    assert vector.latent_dim == 3


def test_analyses_read_no_parts_of_a_model():
    files = [ROOT / "kvae/pictures.py", ROOT / "kvae/callbacks/traversals.py"]
    for package in ("diagnosis", "evaluation", "exploration"):
        files += (ROOT / "kvae" / package).rglob("*.py")
    parts = re.compile(r"\.(likelihood_layer|posterior_layer|expected_targets)\b")
    found = {file.name for file in files if parts.search(file.read_text("utf-8"))}
    assert not found
