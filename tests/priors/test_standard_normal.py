"""The standard normal: its KL in closed form, and what stands for a prior."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from tests.helpers import relative
from tests.penalties import exact_kl

tfd = tfp.distributions


def test_log_prob_is_the_textbook_formula(rng):
    z = rng.normal(size=(9, 4))
    expected = -0.5 * np.sum(z**2, axis=1) - 2.0 * np.log(2 * np.pi)
    found = kvae.priors.StandardNormal(4).distribution().log_prob(z.astype("float32"))
    assert relative(found, expected) < 1e-6


def test_kl_of_a_diagonal_gaussian(rng):
    loc, scale = rng.normal(size=(9, 4)), rng.uniform(0.1, 3.0, size=(9, 4))
    expected = 0.5 * np.sum(loc**2 + scale**2 - 1 - 2 * np.log(scale), axis=1)
    loc, scale = loc.astype("float32"), scale.astype("float32")
    prior = kvae.priors.StandardNormal(4)
    for posterior in (
        tfd.MultivariateNormalDiag(loc, scale),
        tfd.Independent(tfd.Normal(loc, scale), 1),
        tfd.MultivariateNormalTriL(loc, tf.linalg.diag(scale)),
    ):
        assert relative(exact_kl(prior, posterior), expected) < 1e-5


def test_kl_of_a_full_gaussian(rng):
    """KL = (tr S + m^T m - d - log det S) / 2."""
    loc, factor = rng.normal(size=(9, 3)), np.tril(rng.normal(size=(9, 3, 3)))
    factor[:, [0, 1, 2], [0, 1, 2]] = rng.uniform(0.2, 2.0, size=(9, 3))
    covariance = factor @ factor.transpose(0, 2, 1)
    _, log_determinant = np.linalg.slogdet(covariance)
    trace = np.trace(covariance, axis1=1, axis2=2)
    expected = 0.5 * (trace + np.sum(loc**2, axis=1) - 3 - log_determinant)
    posterior = tfd.MultivariateNormalTriL(loc.astype("float32"), factor.astype("float32"))
    assert relative(exact_kl(kvae.priors.StandardNormal(3), posterior), expected) < 1e-5


def test_there_is_no_closed_form_for_other_posteriors():
    posterior = tfd.Independent(tfd.Laplace(tf.zeros((5, 2)), 1.0), 1)
    assert exact_kl(kvae.priors.StandardNormal(2), posterior) is None


def test_a_tfd_standard_normal_stands_for_the_prior():
    for given in (
        tfd.MultivariateNormalDiag(tf.zeros(3)),
        tfd.MultivariateNormalDiag(tf.zeros(3), tf.ones(3)),
        tfd.Independent(tfd.Normal(tf.zeros(3), 1.0), 1),
        tfd.Independent(tfd.Normal(tf.zeros(3), tf.ones(3)), reinterpreted_batch_ndims=1),
        kvae.priors.StandardNormal(3),
        keras.saving.serialize_keras_object(kvae.priors.StandardNormal(3)),
    ):
        prior = kvae.priors.get(given)
        assert isinstance(prior, kvae.priors.StandardNormal)
        assert prior.event_shape == (3,)


@pytest.mark.parametrize(
    "given",
    [
        None,
        3,
        "standard_normal",
        tfd.Normal(0.0, 1.0),
        tfd.MultivariateNormalDiag(tf.ones(3)),
        tfd.MultivariateNormalDiag(tf.zeros(3), 2.0 * tf.ones(3)),
        tfd.MultivariateNormalDiag(tf.zeros((2, 3))),
    ],
    ids=["None", "int", "str", "scalar", "shifted", "wider", "a batch"],
)
def test_what_cannot_be_saved_with_a_model_is_no_prior(given):
    with pytest.raises(ValueError, match=r"Expected a kvae prior such as .* Received: "):
        kvae.priors.get(given)
