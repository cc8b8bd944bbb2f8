import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammaln

import kvae
from tests.helpers import relative
from tests.penalties import exact_kl


def test_density_is_one_over_the_area_of_the_sphere():
    for size in (2, 3, 10):
        log_area = np.log(2) + size / 2 * np.log(np.pi) - gammaln(size / 2)
        log_prob = kvae.priors.UniformSphere(size).distribution().log_prob(np.eye(size, dtype="f"))
        np.testing.assert_allclose(log_prob, np.full(size, -log_area), rtol=1e-6)


def test_draws_lie_on_the_sphere_around_the_origin():
    draws = kvae.priors.UniformSphere(5).distribution().sample(20_000, seed=[1, 2]).numpy()
    np.testing.assert_allclose(np.linalg.norm(draws, axis=1), 1.0, atol=1e-5)
    assert np.all(np.abs(draws.mean(axis=0)) < 5 * np.sqrt(1 / 5 / 20_000))


def test_draws_made_of_normals_are_uniform_on_the_sphere(rng):
    """On the sphere in three dimensions each coordinate is uniform on [-1, 1] (Archimedes)."""
    normal = rng.normal(size=(20_000, 3)).astype("float32")
    draws = kvae.priors.UniformSphere(3).from_normal(normal).numpy()
    np.testing.assert_allclose(np.linalg.norm(draws, axis=1), 1.0, atol=1e-6)
    for coordinate in draws.T:
        assert stats.kstest(coordinate, stats.uniform(-1, 2).cdf).pvalue > 1e-4


@pytest.mark.parametrize("size", [2, 3, 16])
@pytest.mark.parametrize("raw", [1.0, 10.0, 100.0])
def test_kl_agrees_with_draws(size, raw):
    """1% of the KL, or five standard errors of 100,000 draws where the KL is small."""
    prior, layer = kvae.priors.UniformSphere(size), kvae.layers.PowerSpherical(size)
    posterior = layer.distribution(np.array([[*range(1, size + 1), raw]], "float32"))
    z = posterior.sample(100_000, seed=[1, 2])
    terms = np.asarray(posterior.log_prob(z) - prior.distribution().log_prob(z), "float64")
    kl = float(exact_kl(prior, posterior)[0])
    standard_error = terms.std() / np.sqrt(len(terms))
    assert abs(terms.mean() - kl) < max(0.01 * kl, 5 * standard_error)


def test_kl_is_tfps(rng):
    prior, layer = kvae.priors.UniformSphere(6), kvae.layers.PowerSpherical(6)
    posterior = layer.distribution(5.0 * rng.normal(size=(50, 7)))  # float64
    expected = tfp.distributions.kl_divergence(
        posterior, tfp.distributions.SphericalUniform(6, dtype=tf.float64)
    )
    assert relative(exact_kl(prior, posterior), expected) < 1e-9


def test_kl_is_never_negative_where_the_posterior_is_nearly_uniform(rng):
    prior, layer = kvae.priors.UniformSphere(8), kvae.layers.PowerSpherical(8)
    params = rng.normal(size=(100_000, 9)).astype("float32")
    params[:, -1] = rng.uniform(-100, -5, size=100_000)
    assert np.all(exact_kl(prior, layer.distribution(params)) >= 0)


@pytest.mark.slow
def test_kl_and_its_gradient_are_finite_at_extremes():
    prior, layer = kvae.priors.UniformSphere(3), kvae.layers.PowerSpherical(3)

    @tf.function(autograph=False)
    def score(params):
        with tf.GradientTape() as tape:
            tape.watch(params)
            kl = exact_kl(prior, layer.distribution(params))
        return kl, tape.gradient(kl, params)

    raw = st.floats(-1e4, 1e4, width=32)

    @settings(max_examples=500, derandomize=True, deadline=None)
    @given(st.tuples(raw, raw, raw, raw))
    def check(params):
        kl, gradient = score(tf.constant([params]))
        assert np.isfinite(kl[0])
        assert kl[0] >= 0
        assert np.all(np.isfinite(gradient))

    check()


def test_a_gaussian_posterior_has_no_kl_to_it():
    gaussian = tfp.distributions.MultivariateNormalDiag(tf.zeros((1, 3)), tf.ones((1, 3)))
    with pytest.raises(ValueError, match="Expected posterior and prior on one space"):
        exact_kl(kvae.priors.UniformSphere(3), gaussian)


def test_a_sphere_in_one_dimension_is_refused():
    with pytest.raises(ValueError, match="Expected event_shape to be at least 2"):
        kvae.priors.UniformSphere(1)
