"""Estimates against the closed forms of a linear-Gaussian VAE, within their own errors."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

import kvae
from tests.diagnosis import linear_gaussian as truth
from tests.diagnosis.intervals import within
from tests.helpers import assert_same_in_float32


@pytest.fixture(scope="module")
def report():
    return kvae.diagnose(truth.make(), truth.data(2000, seed=7))


def normals(mean, stddev, rng):
    """The mixture of normals with independent dimensions, and a sample of each."""
    from kvae.diagnosis.aggregate import AggregatePosterior
    from kvae.diagnosis.components import IndependentNormals

    return AggregatePosterior.sampled(IndependentNormals.of(mean, stddev), rng)


def test_mutual_information(report):
    assert within(report.mutual_information, truth.information().sum())
    assert report.mutual_information.stderr < 0.1


@pytest.mark.parametrize("d", range(3))
def test_information_of_one_dimension(report, d):
    found = next(dimension for dimension in report.dimensions if dimension.index == d)
    assert within(found.information, truth.information()[d])
    assert within(found.kl, truth.information()[d] + truth.marginal_kl()[d])


def test_marginal_kl(report):
    assert within(report.marginal_kl, truth.marginal_kl().sum())
    assert report.marginal_kl.value == pytest.approx(
        report.kl.value - report.mutual_information.value
    )


def test_dimension_wise_kl_share(report):
    expected = truth.marginal_kl().sum() / (truth.information() + truth.marginal_kl()).sum()
    assert within(report.dimension_wise_kl_share, expected)
    assert report.dimension_wise_kl_share.stderr < 0.1


@pytest.mark.parametrize(("examples", "scale"), [(60, 0.05), (100, 0.01)])
def test_codes_that_are_the_prior_are_not_called_off_it_by_few_examples(examples, scale):
    """The information that n examples show is at most log n, here below that of a dimension."""
    vae, x = truth.optimum([5.0, 5.0], scale, examples)
    report = kvae.diagnose(vae, x)
    assert report.dimension_wise_kl_share.low <= 1e-6
    assert "prior_mismatch" not in [finding.name for finding in report.findings]


def test_active_units_are_those_whose_mean_varies_by_more_than_a_hundredth(report):
    assert report.active_units == np.sum(truth.SLOPE**2 * truth.VARIANCE > 0.01) == 2
    for dimension in report.dimensions:
        expected = truth.SLOPE[dimension.index] ** 2 * truth.VARIANCE[dimension.index]
        assert within(dimension.mean_variance, expected)


def test_dimensions_are_ranked_by_information(report):
    assert [d.index for d in report.dimensions] == list(np.argsort(-truth.information()))
    assert sum(d.share for d in report.dimensions) == pytest.approx(1.0)


def test_safe_range_is_the_central_99_percent_of_the_aggregate_posterior(report):
    best = report.dimensions[0]
    stddev = np.sqrt(truth.SLOPE[0] ** 2 + truth.STDDEV[0] ** 2)
    # The 0.5% quantile of 2,000 draws has a standard error of 0.11 standard deviations.
    assert best.low == pytest.approx(-2.576 * stddev, abs=0.35)
    assert best.high == pytest.approx(2.576 * stddev, abs=0.35)


def test_prior_samples_outside_the_safe_ranges(report):
    informative = truth.information() > 0.1
    stddev = np.sqrt(truth.SLOPE**2 * truth.VARIANCE + truth.STDDEV**2)
    low, high = (truth.OFFSET + stddev * stats.norm.ppf(q) for q in (0.005, 0.995))
    outside = stats.norm.cdf(low) + stats.norm.sf(high)
    assert 0.01 < outside[informative].mean() < 0.03
    assert within(report.outside_ranges, outside[informative].mean())
    assert report.outside_ranges.stderr < 0.01


def test_a_model_whose_samples_are_outside_the_safe_ranges_is_not_told_that_all_is_well(
    monkeypatch,
):
    """Codes in [-0.3, 0.3] that are used: as of colour pictures after a short training."""
    monkeypatch.setattr(truth, "SLOPE", np.array([0.3, 0.3, 0.3]))
    monkeypatch.setattr(truth, "STDDEV", np.array([0.1, 0.1, 0.1]))
    vae = truth.make()
    weights = vae.decoder.get_weights()
    weights[0][:, :3] /= 0.3  # the decoder undoes the encoder
    vae.decoder.set_weights(weights)
    report = kvae.diagnose(vae, truth.data(2000, seed=7))
    assert "outside_ranges" in [finding.name for finding in report.findings]
    assert report.outside_ranges.low > 0.3
    if report.verdict.state == "healthy":
        assert "samples from the prior may not look like data" in report.verdict.advice


def test_root_mean_square_of_the_means(report):
    expected = np.sqrt(np.mean(truth.SLOPE**2 * truth.VARIANCE + truth.OFFSET**2))
    assert within(report.mean_rms, expected)


def test_implied_beta_is_the_ratio_of_the_two_slopes(report):
    # Of t^2 s^2 / (2 s0^2) with the decoder's s0 = log 2, and of t^2 s^2 / 2 - log t, at t = 1.
    nll_slope = np.sum(truth.STDDEV**2) / np.log(2.0) ** 2
    assert within(report.sensitivity.implied_beta, nll_slope / np.sum(1.0 - truth.STDDEV**2))


def test_noise_cost_is_half_its_variance_over_that_of_the_likelihood(report):
    expected = 0.5 * np.sum(truth.STDDEV**2) / np.log(2.0) ** 2
    assert within(report.sensitivity.noise_cost, expected)


def test_a_linear_decoder_has_equal_steps(report):
    assert report.paths["linear"].step_variation.value == pytest.approx(0.0, abs=1e-4)  # float32


def test_the_dimensions_explain_no_more_than_the_principal_components(report):
    # Of data with equal variances each component explains a third.
    # The largest of three sample eigenvalues of 500 examples lies about 2 sqrt(3 / 500) above.
    assert report.explained_variance.pca == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0], abs=0.06)
    first = 1.0 - (1.0 - truth.SLOPE[0]) ** 2  # x - a x remains of the first dimension
    # Held at its mean, the second dimension adds a constant error of its offset squared.
    constant = np.sum(truth.OFFSET**2) / 3.0
    assert within(report.explained_variance.cumulative[1], first / 3.0 - constant, sigmas=5.0)


def test_the_same_seed_gives_the_same_report(report):
    again = kvae.diagnose(truth.make(), truth.data(2000, seed=7))
    assert_same_in_float32(again.to_dict(), report.to_dict())


def test_another_seed_gives_other_draws(report):
    other = kvae.diagnose(truth.make(), truth.data(2000, seed=7), seed=1)
    assert other.mutual_information.value != report.mutual_information.value


def test_json_round_trip(report):
    read = json.loads(report.to_json())
    assert read == report.to_dict()
    assert read["mutual_information"]["value"] == report.mutual_information.value
    assert read["verdict"]["state"] == report.verdict.state


def test_it_prints_verdict_and_every_dimension(report):
    text = str(report)
    assert text.startswith(report.verdict.state)
    assert all(f"z{d} " in text for d in range(3))


def test_it_plots(report, tmp_path):
    figure = report.plot()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 3
    figure.savefig(tmp_path / "report.png")


def test_mmd_detects_an_aggregate_posterior_that_differs_from_the_prior(rng):
    from kvae.diagnosis.aggregate import maximum_mean_discrepancy

    mean = 0.6 * rng.standard_normal((1000, 2))
    prior = rng.standard_normal((1000, 2))
    same = maximum_mean_discrepancy(normals(mean, np.full((1000, 2), 0.8), rng), prior, rng)
    apart = maximum_mean_discrepancy(normals(mean + 2.0, np.full((1000, 2), 0.8), rng), prior, rng)
    assert same.squared.value < 2.0 * same.baseline
    assert apart.p_value < 0.01
    # Closed form for normals, bandwidth^2 = d = 2: k(a, b) has mean (2 / (2 + 2 v)) exp(...).
    exact = 2.0 * (2.0 / 4.0) * (1.0 - np.exp(-8.0 / (2.0 * 4.0)))
    assert within(apart.squared, exact)


def test_posteriors_far_apart_leave_the_prior_in_gaps(rng):
    from kvae.diagnosis.aggregate import gaps, overlap

    prior = rng.standard_normal((1000, 2))
    mean = rng.standard_normal((1000, 2))
    close = normals(0.8 * mean, np.full((1000, 2), 0.6), rng)
    far = normals(10.0 * mean, np.full((1000, 2), 1e-3), rng)
    assert gaps(close, prior).prior.value == pytest.approx(0.05, abs=0.03)
    assert gaps(far, prior).prior.value > 0.99
    assert overlap(close).value > 0.95
    assert overlap(far).value < 0.01


def test_overlap_is_the_bhattacharyya_coefficient(rng):
    from kvae.diagnosis.aggregate import overlap

    pairs = np.array([[0.0, 0.0], [1.0, 0.0], [50.0, 0.0], [51.0, 0.0]])
    codes = normals(pairs, np.ones((4, 2)), rng)
    assert overlap(codes).value == pytest.approx(np.exp(-1.0 / 8.0))


def explained_by(output, likelihood, x):
    """The explained variance of a decoder whose output for each example is given."""
    from kvae.diagnosis.data_space import DataSpace
    from kvae.diagnosis.explained_variance import explained_variance

    vae = SimpleNamespace(decode=lambda z: output)
    space = DataSpace(likelihood.domain, x, likelihood.transforms())
    return explained_variance(vae, space, x, np.zeros((len(x), 1)), [0])


def test_what_decoded_classes_explain_is_compared_with_the_most_frequent_class(rng):
    """Column means, which no decoder of classes can return, are nearer than a class."""
    layer = kvae.layers.IndependentCategorical((3,), 4)
    likely = rng.integers(0, 4, (500, 3))
    x = np.where(rng.uniform(size=likely.shape) < 0.4, likely, rng.integers(0, 4, likely.shape))
    found = explained_by(likely, layer, x.astype("float64"))
    assert found.cumulative[-1].high < 0.0 < found.beyond_constant.low
    other = explained_by(rng.permutation(likely), layer, 1.0 * np.maximum(x, 1))
    assert other.beyond_constant.high < 0.0
    always = explained_by(np.ones_like(likely), layer, 1.0 * np.maximum(x, 1))
    assert always.beyond_constant.value == 0.0


def test_what_decoded_numbers_explain_is_compared_with_their_mean(rng):
    x = rng.normal(size=(200, 3))
    found = explained_by(0.7 * x, kvae.layers.IndependentNormal(3), x)
    assert found.beyond_constant.value == pytest.approx(found.cumulative[-1].value)
    assert found.beyond_constant.stderr == pytest.approx(found.cumulative[-1].stderr)


@pytest.mark.parametrize("as_columns", [False, True])
def test_what_decoded_medians_explain_is_compared_with_the_median(rng, as_columns):
    """The mean of skewed numbers is nearer to them than medians that follow the codes."""

    def logarithms(event_shape, name):
        normal = kvae.layers.IndependentNormal(event_shape)
        return kvae.layers.Transformed(normal, kvae.transforms.Log(1e-3), name=name)

    layer = logarithms(3, "all")
    if as_columns:
        layer = kvae.layers.Columns([logarithms((), f"amount_{place}") for place in range(3)])
    code = 0.5 * rng.standard_normal((4000, 1))
    x = np.exp(code + 1.2 * rng.standard_normal((4000, 3)))
    found = explained_by(np.exp(np.tile(code, 3)), layer, x)
    assert found.cumulative[-1].value < 0.0 < found.beyond_constant.low
    always = explained_by(np.ones_like(x), layer, x)  # the median of all rows is exp(0)
    assert always.beyond_constant.value == pytest.approx(0.0, abs=0.01)


def test_data_distance_is_relative_to_the_distance_between_examples():
    from kvae.diagnosis.data_distance import DataDistance
    from kvae.diagnosis.data_space import DataSpace

    # A grid of spacing 2: each example has its neighbour at 2, the middle of a cell at sqrt(2).
    grid = 2.0 * np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2, 1)
    distance = DataDistance(DataSpace(kvae.layers.Domain(), grid), grid)
    np.testing.assert_allclose(distance(grid[:5] + 1.0), np.sqrt(2.0) / 2.0, rtol=1e-6)
    np.testing.assert_allclose(distance(grid[:5]), 0.0, atol=1e-6)
    np.testing.assert_allclose(distance(np.array([[[-4.0], [0.0]]])), 2.0)


def test_data_distance_does_not_depend_on_how_often_an_example_is_repeated():
    from kvae.diagnosis.data_distance import DataDistance
    from kvae.diagnosis.data_space import DataSpace

    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    space, repeated = DataSpace(kvae.layers.Domain(0.0, 1.0), x), np.repeat(x, 3, axis=0)
    np.testing.assert_allclose(DataDistance(space, repeated)([[0.0, 0.5]]), 0.5)
    assert np.isnan(DataDistance(space, repeated[:3])([[0.0, 0.5]])).all()


def test_strict_json_where_numbers_are_not_finite(report):
    # A decoder that ignores the codes has no implied beta; infinity becomes null in JSON.
    vae = truth.make()
    vae.decoder.set_weights([0.0 * weight for weight in vae.decoder.get_weights()])
    found = kvae.diagnose(vae, truth.data(200, seed=7))
    assert not np.isfinite([found.noise_share.low, found.noise_share.stderr]).all()

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    read = json.loads(found.to_json(), parse_constant=refuse)
    assert read["noise_share"]["stderr"] is None
    json.dumps(found.to_dict(), allow_nan=False)
