"""Posteriors by their own density: NumPy and TFP, and closed forms of linear-Gaussian models."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import kvae
from kvae.diagnosis.aggregate import AggregatePosterior, information, overlap
from kvae.diagnosis.components import (
    FullNormals,
    IndependentNormals,
    OwnDensities,
    components_of,
)
from kvae.evaluation.gaussian_vector import one_gaussian_vector
from tests.small import kl, make_vae

D = 3


@pytest.fixture
def factors(rng):
    raw = np.tril(rng.normal(size=(6, D, D)), -1)
    return raw + np.einsum("ni,ij->nij", rng.uniform(0.5, 1.5, size=(6, D)), np.eye(D))


def vae_with(posterior, rng):
    vae = make_vae((5,), D, posterior=posterior)
    for weight in vae.encoder.weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return one_gaussian_vector(vae)


def test_full_normals_have_the_density_of_scipy(factors, rng):
    mean, z = rng.normal(size=(6, D)), rng.normal(size=(4, D))
    found = FullNormals(mean, factors).log_prob(z)
    for row, (centre, factor) in enumerate(zip(mean, factors, strict=True)):
        expected = stats.multivariate_normal(centre, factor @ factor.T).logpdf(z)
        np.testing.assert_allclose(found[:, row], expected, rtol=1e-10)


def test_independent_normals_are_full_ones_with_a_diagonal_factor(rng):
    mean, stddev, z = rng.normal(size=(6, D)), rng.uniform(0.5, 1, (6, D)), rng.normal(size=(4, D))
    independent = IndependentNormals.of(mean, stddev)
    full = FullNormals(mean, stddev[..., None] * np.eye(D))
    np.testing.assert_allclose(full.log_prob(z), independent.log_prob(z), rtol=1e-10)
    first, second = np.array([0, 1, 2]), np.array([3, 3, 2])
    expected = independent.overlap(first, second)
    np.testing.assert_allclose(full.overlap(first, second), expected, rtol=1e-10)
    assert expected[2] == pytest.approx(1.0)


def test_draws_of_full_normals_have_their_covariance(factors, rng):
    many = FullNormals(np.zeros((40_000, D)), np.tile(factors[0], (40_000, 1, 1)))
    expected = factors[0] @ factors[0].T
    np.testing.assert_allclose(np.cov(many.draw(40_000, rng).T), expected, atol=0.1)


def test_a_full_covariance_is_taken_as_it_is(rng):
    layer = kvae.layers.MultivariateNormalTriL(D, activity_regularizer=kl(D))
    vector, x = vae_with(layer, rng), rng.uniform(size=(20, 5)).astype("float32")
    mean, stddev = vector.model.encode(x)
    components = components_of(vector, x, mean, stddev, rng)
    assert isinstance(components, FullNormals)
    same = [int(np.abs(mean - row).sum(axis=1).argmin()) for row in components.mean]
    np.testing.assert_allclose(components.stddev, stddev[same], rtol=1e-4)


def test_a_flow_is_taken_by_its_own_density(rng):
    layer = kvae.layers.InverseAutoregressiveFlow(D, hidden=(8,), activity_regularizer=kl(D))
    vector, x = vae_with(layer, rng), rng.uniform(size=(60, 5)).astype("float32")
    mean, stddev = vector.model.encode(x)
    components = components_of(vector, x, mean, stddev, rng)
    assert isinstance(components, OwnDensities)
    z = components.draw(7, rng)
    found = components.log_prob(z)
    assert found.shape == (7, len(components.mean))
    for row in range(3):
        posterior = vector.posterior(tf.constant(components.x[row : row + 1]))
        expected = posterior.log_prob(tf.constant(z[:, None], "float32"))[:, 0]
        np.testing.assert_allclose(found[:, row], expected, rtol=1e-4, atol=1e-4)
    assert not overlap(AggregatePosterior.sampled(components, rng)).measured


def test_information_of_a_full_covariance_has_the_closed_form_of_a_channel(rng):
    # x ~ N(0, I), z = x + L e: I(x; z) = 1/2 log det(I + L L^T) - log det L.
    factor, count = np.array([[0.5, 0.0], [0.4, 0.3]]), 4_000
    x = rng.standard_normal((count, 2))
    posteriors = AggregatePosterior.sampled(FullNormals(x, np.tile(factor, (count, 1, 1))), rng)
    log_determinant = np.linalg.slogdet(np.eye(2) + factor @ factor.T)[1]
    exact = 0.5 * log_determinant - np.log(np.diag(factor)).sum()
    found = information(posteriors).total
    assert found.low - 2 * found.stderr < exact < found.high + 2 * found.stderr
    stddev = np.tile(np.sqrt(np.sum(factor**2, axis=1)), (count, 1))
    independent = AggregatePosterior.sampled(IndependentNormals.of(x, stddev), rng)
    assert information(independent).total.high < exact
