"""The disentangled inferred prior against np.cov."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from kvae.regularizers import DisentangledInferredPrior
from tests.penalties import penalty

tfd = tfp.distributions


def expected_penalty(covariance, diagonal):
    off = covariance - np.diag(np.diag(covariance))
    return np.sum(off**2) + diagonal * np.sum((np.diag(covariance) - 1.0) ** 2)


@pytest.fixture
def moments(rng):
    mean = rng.normal(size=(10, 3)).astype("float32")
    scale = np.tril(rng.normal(size=(10, 3, 3))).astype("float32") * 0.5
    scale[:, range(3), range(3)] = rng.uniform(0.2, 1.0, size=(10, 3))
    return mean, scale


@pytest.mark.parametrize("diagonal", [None, 3.0])
def test_kind_i_is_the_covariance_of_the_means(moments, diagonal):
    mean, scale = moments
    posterior = tfd.MultivariateNormalTriL(mean, scale)
    expected = expected_penalty(np.cov(mean.T, bias=True), 10.0 if diagonal is None else diagonal)
    found = penalty(DisentangledInferredPrior("i", weight=2.0, diagonal=diagonal), posterior, mean)
    assert float(found) == pytest.approx(2.0 * expected, rel=1e-5)


@pytest.mark.parametrize("diagonal", [None, 3.0])
def test_kind_ii_adds_the_mean_of_the_covariances(moments, diagonal):
    mean, scale = moments
    own = np.mean(scale @ scale.transpose(0, 2, 1), axis=0)
    covariance = np.cov(mean.T, bias=True) + own
    expected = expected_penalty(covariance, 1.0 if diagonal is None else diagonal)
    posterior = tfd.MultivariateNormalTriL(mean, scale)
    found = penalty(DisentangledInferredPrior("ii", diagonal=diagonal), posterior, mean)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["i", "ii"])
def test_diagonal_posteriors_of_both_forms_agree(moments, kind):
    mean, scale = moments
    stddev = scale[:, range(3), range(3)]
    forms = (
        tfd.MultivariateNormalDiag(mean, stddev),
        tfd.Independent(tfd.Normal(mean, stddev), 1),
        tfd.MultivariateNormalTriL(mean, tf.linalg.diag(stddev)),
    )
    found = [
        float(penalty(DisentangledInferredPrior(kind), posterior, mean)) for posterior in forms
    ]
    assert found == pytest.approx([found[0]] * 3, rel=1e-5)


@pytest.mark.parametrize("kind", ["i", "ii"])
def test_the_elements_of_an_image_are_dimensions(rng, kind):
    mean = rng.normal(size=(5, 2, 3, 1)).astype("float32")
    stddev = rng.uniform(0.2, 1.0, size=mean.shape).astype("float32")
    image = tfd.Independent(tfd.Normal(mean, stddev), 3)
    vector = tfd.Independent(tfd.Normal(mean.reshape(5, 6), stddev.reshape(5, 6)), 1)
    dip = DisentangledInferredPrior(kind)
    expected = float(penalty(dip, vector, mean))
    assert float(penalty(dip, image, mean)) == pytest.approx(expected, rel=1e-5)
    counts = np.array([0, 2, 1, 1, 0])
    expected = float(penalty(dip, vector, mean, sample_weight=counts))
    assert float(penalty(dip, image, mean, sample_weight=counts)) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["i", "ii"])
def test_weights_count_examples_as_np_cov_does(moments, kind):
    mean, scale = moments
    counts = np.array([1, 2, 0, 1, 3, 1, 0, 0, 1, 1])
    posterior = tfd.MultivariateNormalTriL(mean, scale)
    found = penalty(DisentangledInferredPrior(kind), posterior, mean, sample_weight=counts)
    covariance = np.cov(mean.T, bias=True, fweights=counts)
    if kind == "ii":
        covariance += np.average(scale @ scale.transpose(0, 2, 1), axis=0, weights=counts)
    diagonal = {"i": 10.0, "ii": 1.0}[kind]
    expected = counts.mean() * expected_penalty(covariance, diagonal)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_batch_of_one_has_no_covariance_of_means():
    posterior = tfd.MultivariateNormalDiag([[3.0, -1.0]], [[1.0, 1.0]])
    assert float(penalty(DisentangledInferredPrior("i"), posterior, posterior.mean())) == 20.0
    assert float(penalty(DisentangledInferredPrior("ii"), posterior, posterior.mean())) == 0.0


def test_a_flow_has_means_but_no_covariance_in_closed_form():
    flow = kvae.layers.InverseAutoregressiveFlow(2)
    posterior = flow.distribution(np.zeros((3, 6), "float32"))
    assert np.isfinite(penalty(DisentangledInferredPrior("i"), posterior, None))
    with pytest.raises(ValueError, match="covariance in closed form"):
        penalty(DisentangledInferredPrior("ii"), posterior, None)


def test_the_kind_is_checked():
    with pytest.raises(ValueError, match="Expected kind to be one of 'i', 'ii'"):
        DisentangledInferredPrior("iii")
