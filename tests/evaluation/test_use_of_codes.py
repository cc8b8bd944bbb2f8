"""Active units and the error of reconstructions."""

import dataclasses

import numpy as np
import pytest

from kvae.diagnosis import Estimate
from kvae.diagnosis.report import LatentDimension
from kvae.evaluation import active_units, reconstruction_error
from tests.evaluation import linear_gaussian
from tests.small import make_hierarchy


@pytest.fixture
def x():
    x = np.random.default_rng(0).normal(size=(200, 3))
    return ((x - x.mean(axis=0)) / x.std(axis=0, ddof=1)).astype("float32")


@pytest.mark.parametrize(
    ("variances", "expected"), [((0.0101, 0.0099), 1), ((0.1, 0.02), 2), ((0.0, 0.001), 0)]
)
def test_active_units_are_dimensions_whose_mean_varies_by_more_than_a_hundredth(
    x, variances, expected
):
    vae = linear_gaussian.wide()
    kernel = np.zeros((3, 4))
    kernel[0, 0], kernel[1, 1] = np.sqrt(variances)
    vae.encoder.layers[0].kernel.assign(kernel)
    assert active_units(vae, x) == expected
    assert active_units(vae, x, batch_size=7) == expected


@pytest.mark.parametrize("variance", [0.0101, 0.0099])
def test_the_diagnosis_counts_the_same(variance):
    estimate = Estimate.of(variance, 0.001)
    fields = dict.fromkeys((field.name for field in dataclasses.fields(LatentDimension)), estimate)
    assert LatentDimension(**fields).active == (variance > 0.01)


def test_active_units_need_one_latent_vector_and_two_examples(x, grey):
    with pytest.raises(ValueError, match="to have one latent vector"):
        active_units(make_hierarchy(), grey)
    with pytest.raises(ValueError, match="at least two examples"):
        active_units(linear_gaussian.wide(), x[:1])


def test_the_error_is_that_of_the_reconstructed_elements(x):
    vae = linear_gaussian.wide()
    expected = x - x @ linear_gaussian.MEAN.T @ linear_gaussian.W.T
    found = reconstruction_error(vae, x)
    np.testing.assert_allclose(found, np.mean(expected**2, axis=1), rtol=1e-4, atol=1e-6)
    found = reconstruction_error(vae, x, "absolute", batch_size=64)
    np.testing.assert_allclose(found, np.mean(np.abs(expected), axis=1), rtol=1e-4, atol=1e-6)


def test_only_observed_elements_have_an_error(x):
    vae = linear_gaussian.wide(missing=True)
    x[0, 1], x[1] = np.nan, np.nan
    difference = x - vae.reconstruct(x)
    found = reconstruction_error(vae, x)
    np.testing.assert_allclose(found[0], np.mean(difference[0, [0, 2]] ** 2), rtol=1e-5)
    assert np.isnan(found[1])
    assert np.all(np.isfinite(found[2:]))
    observed = np.ones(x.shape, bool)
    observed[2, :2] = False
    again = reconstruction_error(vae, {"x": x, "observed": observed})
    hidden = {"x": x, "observed": observed}
    expected = (x - vae.reconstruct(hidden))[2, 2] ** 2
    np.testing.assert_allclose(again[2], expected, rtol=1e-5)


def test_another_kind_of_error_is_refused(x):
    with pytest.raises(ValueError, match="kind"):
        reconstruction_error(linear_gaussian.wide(), x, "relative")
