"""Total correlation against an estimator written out in loops, and against a Gaussian aggregate."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from kvae.contract import Batch
from kvae.regularizers import TotalCorrelation
from tests.penalties import latent, penalty, values

tfd = tfp.distributions


def by_loops(z, mean, stddev, dataset_size):
    """The appendix's estimator: own example 1/N, one other for the data outside the batch."""
    batch, size = z.shape
    others = batch - 1

    def log_normal(value, i, j):
        deviation = (value - mean[i, j]) / stddev[i, j]
        return -0.5 * deviation**2 - np.log(stddev[i, j]) - 0.5 * np.log(2.0 * np.pi)

    found = []
    for i in range(batch):
        joint, single = 0.0, np.zeros(size)
        for k in range(batch):
            if batch == 1:
                weight = 1.0
            elif k == i:
                weight = 1.0 / dataset_size
            elif k == (i + 1) % batch:
                weight = (dataset_size - others) / (dataset_size * others)
            else:
                weight = 1.0 / others
            densities = np.exp([log_normal(z[i, j], k, j) for j in range(size)])
            joint += weight * densities.prod()
            single += weight * densities
        found.append(np.log(joint) - np.log(single).sum())
    return np.array(found)


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
@pytest.mark.parametrize("dataset_size", [7, 50_000])
def test_each_draw_gets_what_the_loops_say(rng, batch, dataset_size):
    mean = rng.normal(size=(batch, 3)).astype("float32")
    stddev = rng.uniform(0.5, 1.5, size=(batch, 3)).astype("float32")
    z = (mean + stddev * rng.normal(size=mean.shape)).astype("float32")
    regularizer = TotalCorrelation(dataset_size, weight=4.0)
    expected = by_loops(z, mean, stddev, dataset_size)
    for posterior in (
        tfd.MultivariateNormalDiag(mean, stddev),
        tfd.Independent(tfd.Normal(mean, stddev), 1),
        tfd.MultivariateNormalTriL(mean, tf.linalg.diag(stddev)),
    ):
        # float32 logarithms of sums of densities.
        np.testing.assert_allclose(values(regularizer, posterior, z), expected, atol=2e-5)
        assert float(penalty(regularizer, posterior, z)) == pytest.approx(
            4.0 * expected.mean(), abs=1e-4
        )


@pytest.mark.parametrize("batch", [1, 2, 3, 8, 20])
def test_the_weights_of_a_draw_sum_to_one(batch):
    """Also where the batch is larger than the data set is said to be."""
    weights = np.exp(TotalCorrelation(10).log_weights(np.full(batch, 1.0 / batch, "float32")))
    assert weights.shape == (batch, batch)
    assert np.all(weights > 0.0)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-6)


def weighted(regularizer, moments, z, weight=None):
    posterior = tfd.MultivariateNormalDiag(*moments)
    batch = Batch(weight=None if weight is None else tf.constant(weight, tf.float32))
    return regularizer.values(latent(posterior, z), batch).numpy()


@pytest.mark.parametrize("dataset_size", [7, 50_000])
def test_examples_of_weight_zero_are_no_part_of_the_mixture(rng, dataset_size):
    mean = rng.normal(size=(9, 3)).astype("float32")
    stddev = rng.uniform(0.5, 1.5, size=(9, 3)).astype("float32")
    z = (mean + stddev * rng.normal(size=mean.shape)).astype("float32")
    weight = np.array([0.0, 2.0, 2.0, 0.0, 2.0, 0.0, 0.0, 2.0, 0.0])
    kept = weight > 0.0
    alone = weighted(TotalCorrelation(dataset_size), (mean[kept], stddev[kept]), z[kept])
    found = weighted(TotalCorrelation(dataset_size), (mean, stddev), z, weight)
    np.testing.assert_allclose(found[kept], alone, atol=2e-5)
    np.testing.assert_allclose(
        alone, by_loops(z[kept], mean[kept], stddev[kept], dataset_size), atol=2e-5
    )
    one = weighted(TotalCorrelation(dataset_size), (mean, stddev), z, np.eye(9)[4])
    assert one[4] == pytest.approx(0.0, abs=1e-5)
    assert np.all(np.isfinite(weighted(TotalCorrelation(7), (mean, stddev), z, np.zeros(9))))


def test_equal_weights_change_nothing(rng):
    mean = rng.normal(size=(11, 2)).astype("float32")
    moments = mean, np.full_like(mean, 0.5)
    tc = TotalCorrelation(50_000)
    expected = weighted(tc, moments, mean)
    np.testing.assert_array_equal(weighted(tc, moments, mean, np.full(11, 0.3)), expected)


def test_weights_stand_for_repeated_examples(rng):
    z = rng.normal(size=(400, 2)).astype("float32")
    stddev = np.full_like(z, 0.5)
    times = np.where(z[:, 0] * z[:, 1] > 0.0, 4, 1)  # independent dimensions become dependent
    rows = np.repeat(np.arange(400), times)
    tc = TotalCorrelation(100_000)
    expected = weighted(tc, (z[rows], stddev[rows]), z[rows]).mean()
    found = np.average(weighted(tc, (z, stddev), z, times), weights=times)
    # The example itself is one of its repetitions, a small part of a batch of 400.
    assert found == pytest.approx(expected, abs=0.01)
    assert abs(np.average(weighted(tc, (z, stddev), z), weights=times) - expected) > 0.05


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_the_weights_of_a_draw_sum_to_one_for_weighted_examples(rng, scale):
    share = rng.uniform(size=12) ** 4
    share[3] *= scale
    share[[0, 5, 11]] = 0.0
    share = (share / share.sum()).astype("float32")
    weights = np.exp(TotalCorrelation(10).log_weights(share))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)
    unheld = weights - np.diag(np.diag(weights))
    np.testing.assert_array_equal(unheld[:, [0, 5, 11]], 0.0)


def test_a_batch_of_one_with_independent_dimensions_has_none(rng):
    posterior = tfd.MultivariateNormalDiag(rng.normal(size=(1, 3)).astype("float32"))
    z = posterior.sample(seed=[0, 0])
    assert float(penalty(TotalCorrelation(100), posterior, z)) == pytest.approx(0.0, abs=1e-5)


def test_a_gaussian_aggregate_has_the_total_correlation_of_its_covariance(rng):
    """x ~ N(0, I) and z|x ~ N(A x, s^2 I) give z ~ N(0, A A^T + s^2 I)."""
    examples, s = 3_000, 0.6
    matrix = np.array([[1.0, 0.3], [0.8, -0.5]])
    mean = (rng.normal(size=(examples, 2)) @ matrix.T).astype("float32")
    z = (mean + s * rng.normal(size=mean.shape)).astype("float32")
    covariance = matrix @ matrix.T + s**2 * np.eye(2)
    expected = 0.5 * (np.log(np.diag(covariance)).sum() - np.linalg.slogdet(covariance)[1])
    posterior = tfd.MultivariateNormalDiag(mean, tf.fill(mean.shape, s))
    found = float(penalty(TotalCorrelation(examples), posterior, z))
    # One draw's log ratio has a standard deviation of about 0.5; 0.04 is four standard errors.
    assert found == pytest.approx(expected, abs=0.04)
    assert expected > 0.1


def test_small_batches_with_the_own_example_in_its_place_are_close(rng):
    """Stratified batches of 64 out of 3,000 still see the correlation, if with a bias."""
    examples, s = 3_008, 0.6
    x = rng.normal(size=(examples, 2)).astype("float32")
    independent = x
    dependent = np.repeat(x[:, :1], 2, axis=1)
    regularizer = TotalCorrelation(examples)

    @tf.function(autograph=False)
    def score(mean, z):
        posterior = tfd.MultivariateNormalDiag(mean, tf.fill(mean.shape, s))
        return penalty(regularizer, posterior, z)

    def estimate(mean):
        z = (mean + s * rng.normal(size=mean.shape)).astype("float32")
        batches = zip(np.split(mean, 47), np.split(z, 47), strict=True)
        return np.mean([score(tf.constant(m), tf.constant(part)) for m, part in batches])

    covariance = np.ones((2, 2)) + s**2 * np.eye(2)
    expected = np.log(1.0 + s**2) - 0.5 * np.linalg.slogdet(covariance)[1]
    assert estimate(dependent) - estimate(independent) == pytest.approx(expected, abs=0.15)


def test_the_elements_of_an_image_are_single_dimensions(rng):
    mean = rng.normal(size=(5, 2, 3, 1)).astype("float32")
    image = tfd.Independent(tfd.Normal(mean, 0.5), 3)
    vector = tfd.Independent(tfd.Normal(mean.reshape(5, 6), 0.5), 1)
    z = image.sample(seed=[0, 1])
    expected = values(TotalCorrelation(50), vector, tf.reshape(z, (5, 6)))
    np.testing.assert_allclose(values(TotalCorrelation(50), image, z), expected, atol=1e-5)


def test_a_posterior_without_single_densities_is_refused():
    flow = kvae.layers.InverseAutoregressiveFlow(2)
    posterior = flow.distribution(np.zeros((3, 6), "float32"))
    with pytest.raises(ValueError, match="single dimensions have a density"):
        penalty(TotalCorrelation(100), posterior, posterior.sample(seed=[0, 0]))
    rows = tfd.Independent(tfd.MultivariateNormalDiag(np.zeros((3, 2, 4), "float32")), 1)
    with pytest.raises(ValueError, match="single dimensions have a density"):
        penalty(TotalCorrelation(100), rows, rows.sample(seed=[0, 0]))


def test_the_size_of_the_data_set_is_checked():
    with pytest.raises(ValueError, match="Expected dataset_size to be a positive integer"):
        TotalCorrelation(0)
