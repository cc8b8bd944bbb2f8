"""Importance sampling against models whose likelihood is known in closed form."""

import warnings

import numpy as np
import pytest

import kvae
from kvae.evaluation import LogLikelihood, importance, log_likelihood
from tests.evaluation import linear_gaussian
from tests.helpers import assert_same_in_float32
from tests.models import linear_gaussian as conditional
from tests.models import test_hierarchical as hierarchy
from tests.small import make_vae


def gaps():
    x = linear_gaussian.data()
    x[::2, 1] = np.nan
    x[::5, 0] = np.nan
    return x


def of(family, **arguments):
    x = gaps() if arguments.get("missing") else linear_gaussian.data()
    return linear_gaussian.wide(family, **arguments), x, linear_gaussian.log_evidence(x)


def of_a_hierarchy():
    x = np.random.default_rng(1).normal(size=(50, 4)).astype("float32")
    return hierarchy.linear_hierarchy(0.3)[0], x, hierarchy.log_evidence(x)


def of_conditions():
    inputs = conditional.data(True, examples=50)
    model = conditional.make(True, wrong=0.3)
    return model, inputs, conditional.log_likelihood(inputs, True)


# The posterior of each is wrong: the weights differ.
FAMILIES = {
    "VAE": lambda: of(kvae.VAE),
    "missing values": lambda: of(kvae.VAE, missing=True),
    "FactorVAE": lambda: of(kvae.FactorVAE, discriminator_units=4),
    "PairVAE": lambda: of(kvae.PairVAE),
    "ConditionalVAE": of_conditions,
    "HierarchicalVAE": of_a_hierarchy,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_estimate_rises_with_the_draws_to_the_likelihood(family):
    model, x, expected = FAMILIES[family]()
    few, many = (log_likelihood(model, x, samples=k) for k in (2, 10_000))
    assert few.mean < many.mean
    # The mean over 50 examples has a standard error of about sqrt(1 / (50 * 10,000)) = 0.0014.
    assert many.mean == pytest.approx(expected.mean(), abs=0.01)
    # That of an example has one of sqrt(1 / effective sample size).
    errors = (many.per_example - expected) * np.sqrt(many.effective_samples)
    assert np.abs(errors).max() < 5.0


def test_the_bound_rises_with_each_number_of_draws():
    x = np.tile(linear_gaussian.data(), (20, 1))
    bounds = [log_likelihood(linear_gaussian.wide(), x, samples=k).mean for k in (1, 3, 64)]
    assert bounds == sorted(bounds)
    assert bounds[-1] < linear_gaussian.log_evidence(x).mean() + 0.01


def test_the_true_posterior_gives_the_likelihood_with_any_number_of_samples():
    x = linear_gaussian.data()
    for samples in (1, 7):
        found = log_likelihood(linear_gaussian.exact(), x, samples=samples)
        # Every weight is p(x): what is left is float32 rounding of three densities.
        np.testing.assert_allclose(found.per_example, linear_gaussian.log_evidence(x), atol=1e-4)
        np.testing.assert_allclose(found.effective_samples, samples, rtol=1e-4)


@pytest.mark.parametrize(("rows", "samples", "batch_size"), [(64, 64, 11), (60, 61, None)])
def test_chunks_and_batches_do_not_change_what_is_estimated(monkeypatch, rows, samples, batch_size):
    x = linear_gaussian.data()
    monkeypatch.setattr(importance, "ROWS", rows)  # several draws at once, and a rest
    found = log_likelihood(linear_gaussian.exact(), x, samples=samples, batch_size=batch_size)
    np.testing.assert_allclose(found.per_example, linear_gaussian.log_evidence(x), atol=1e-4)
    np.testing.assert_allclose(found.effective_samples, samples, rtol=1e-4)


def test_the_chunks_of_an_example_have_draws_of_their_own(monkeypatch):
    """The same draws in each of 50 chunks would have the spread of one chunk."""
    monkeypatch.setattr(importance, "ROWS", 32)
    x = np.repeat(linear_gaussian.data(1), 64, axis=0)
    found = log_likelihood(linear_gaussian.wide(), x, samples=100, batch_size=16)
    assert found.per_example.std() < 0.25  # sqrt(1 / ESS), with an ESS of about 40


def test_the_effective_sample_size_is_that_of_the_weights():
    """Of q = N(m, (r s)^2) and p = N(m, s^2): E[w]^2 / E[w^2] = sqrt(2 - r^-2) / r a dimension."""
    x, scale = linear_gaussian.data(20), 0.6
    found = log_likelihood(linear_gaussian.wide(scale=scale), x, samples=20_000)
    eigen = np.linalg.eigvalsh(linear_gaussian.PRECISION)
    ratio = scale**2 * eigen
    expected = np.prod(np.sqrt(2.0 * ratio - 1.0) / ratio) * 20_000
    np.testing.assert_allclose(found.effective_samples, expected, rtol=0.05)


def test_one_sample_is_the_elbo():
    vae, x = linear_gaussian.wide(), np.tile(linear_gaussian.data(), (2_000, 1))
    bound = log_likelihood(vae, x, samples=1).mean
    # 100,000 draws of a log weight with a standard deviation of about three: an error of 0.01.
    assert abs(bound - vae.elbo(x, seed=5).mean()) < 0.05


def test_the_draws_of_an_example_depend_on_its_place_and_the_seed():
    vae, x = linear_gaussian.wide(), linear_gaussian.data(50)
    whole, part, other = (
        log_likelihood(vae, x[:n], 200, seed).per_example for n, seed in ((50, 1), (21, 1), (50, 2))
    )
    assert_same_in_float32(whole[:21], part)
    assert not np.array_equal(whole, other)


def test_one_warning_names_the_share_of_low_effective_sample_sizes():
    vae, x = linear_gaussian.wide(scale=0.02), linear_gaussian.data()
    with pytest.warns(UserWarning, match="of the examples have an effective sample size") as caught:
        found = log_likelihood(vae, x, samples=50)
    assert len(caught) == 1
    assert f" {found.low_share:.0%} " in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_likelihood(vae, x, samples=49)
        log_likelihood(linear_gaussian.wide(), x, samples=50)


def test_the_mean_comes_with_its_standard_error_over_the_examples():
    values = np.array([-3.0, -1.0, -2.0])
    found = LogLikelihood(values, np.ones(3), 1, np.ones(3))
    assert found.mean == -2.0
    assert found.stderr == pytest.approx(1.0 / np.sqrt(3.0))
    one = LogLikelihood(values[:1], np.ones(1), 1, np.ones(1))
    assert np.isnan(one.stderr)
    assert "nan" not in str(one)
    assert "(1 example, " in str(one)


def test_bits_per_dimension_are_those_of_observed_elements():
    levels = np.random.default_rng(0).integers(0, 256, (4, 5)) / 255.0
    vae = make_vae((5,), likelihood=kvae.layers.DiscretizedLogistic(5))
    whole = log_likelihood(vae, levels, samples=2)
    expected = -whole.per_example.sum() / np.log(2.0) / 20
    assert whole.bits_per_dimension == pytest.approx(expected)
    assert f"{expected:.3f} bits per dimension" in str(whole)
    observed = np.ones((4, 5), bool)
    observed[:, :2] = False
    part = log_likelihood(vae, {"x": levels, "observed": observed}, samples=2)
    np.testing.assert_array_equal(part.dimensions, 3)


def test_one_of_several_classes_is_one_dimension():
    vae = make_vae((4,), likelihood=kvae.layers.OneHotCategorical(4))
    found = log_likelihood(vae, np.eye(4), samples=2)
    np.testing.assert_array_equal(found.dimensions, 1)
    assert found.bits_per_dimension > 0.0


def test_a_row_is_a_probability_where_all_of_its_columns_are():
    classes = kvae.layers.IndependentCategorical((), num_classes=3, name="city")
    counts = kvae.layers.IndependentPoisson((), name="rooms")
    number = kvae.layers.IndependentNormal((), name="height")
    x = np.array([[2.0, 3.0], [0.0, 1.0]])
    for columns, meant in (((classes, counts), True), ((number, counts), False)):
        vae = make_vae((2,), likelihood=kvae.layers.Columns(columns))
        found = log_likelihood(vae, x, samples=2)
        assert (not found.no_bits) == meant
        np.testing.assert_array_equal(found.dimensions, 2)


def test_bits_per_dimension_without_a_meaning_are_refused_with_the_reason(vae, grey):
    density = log_likelihood(linear_gaussian.wide(), linear_gaussian.data(), samples=2)
    with pytest.raises(ValueError, match="IndependentNormal, a density"):
        _ = density.bits_per_dimension
    assert "bits" not in str(density)
    with pytest.raises(ValueError, match="not all 0 or 1, which is a cross-entropy"):
        _ = log_likelihood(vae, grey, samples=2).bits_per_dimension
    assert log_likelihood(vae, grey.round(), samples=2).bits_per_dimension > 0.0
    assert log_likelihood(vae, grey > 0.5, samples=2).bits_per_dimension > 0.0


@pytest.mark.parametrize("bits", range(1, 17))
def test_all_binary_pixels_have_mass_in_a_bernoulli(bits):
    pixels = kvae.layers.Transformed(
        kvae.layers.IndependentBernoulli(3), kvae.transforms.Pixels(bits)
    )
    x = np.array([[0.0, 2.0**bits - 1.0, 2.0 ** (bits - 1) - 0.5]])
    np.testing.assert_array_equal(pixels.has_mass(x), [[True, True, False]])


@pytest.mark.parametrize(
    ("likelihood", "white", "grey"),
    [
        (
            kvae.layers.Transformed(kvae.layers.IndependentBernoulli(2), kvae.transforms.Pixels()),
            255.0,
            100.0,
        ),
        (kvae.layers.MixtureSameFamily(2, kvae.layers.IndependentBernoulli(2)), 1.0, 0.4),
        (
            kvae.layers.Columns(
                [kvae.layers.IndependentBernoulli((), name=name) for name in ("a", "b")]
            ),
            1.0,
            0.4,
        ),
    ],
    ids=["Transformed", "MixtureSameFamily", "Columns"],
)
def test_a_bernoulli_of_grey_values_gives_no_bits_wherever_it_stands(likelihood, white, grey):
    binary, mixed = np.array([[0.0, white], [white, white]]), np.array([[0.0, white], [grey, 0.0]])
    model = make_vae((2,), likelihood=likelihood)
    assert log_likelihood(model, binary, samples=2).bits_per_dimension > 0.0
    assert "not all 0 or 1" in log_likelihood(model, mixed, samples=2).no_bits
    with pytest.raises(ValueError, match="which is a cross-entropy"):
        _ = log_likelihood(model, mixed, samples=2).bits_per_dimension


def test_invalid_arguments_are_refused(vae, grey):
    with pytest.raises(ValueError, match="samples"):
        log_likelihood(vae, grey, samples=0)
    with pytest.raises(ValueError, match=r"Expected vae to be a kvae.VAE"):
        log_likelihood(vae.decoder, grey)
    with pytest.raises(ValueError, match=r"Expected x to have shape"):
        log_likelihood(vae, grey[..., 0])
