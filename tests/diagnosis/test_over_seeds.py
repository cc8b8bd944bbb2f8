"""Means of reports over seeds, with the interval of Student's t."""

import dataclasses

import numpy as np
import pytest

import kvae
from kvae.diagnosis.ablation import REQUIRED, claims
from kvae.diagnosis.over_seeds import over_seeds
from kvae.evaluation.estimate import Estimate


@pytest.fixture(scope="module")
def reports(digits):
    from tests.small import make_vae

    vae = make_vae()
    return [kvae.diagnose(vae, digits[1], seed=seed) for seed in range(3)]


def test_the_mean_and_its_interval(reports):
    values = [report.mutual_information.value for report in reports]
    found = over_seeds(reports).mutual_information
    assert found.value == pytest.approx(np.mean(values))
    assert found.stderr == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
    assert found.high - found.value == pytest.approx(4.3027 * found.stderr, rel=1e-4)


def test_every_estimate_and_dimension_is_a_mean(reports):
    merged = over_seeds(reports)
    for name, estimate in merged.estimates().items():
        each = [report.estimates()[name].value for report in reports]
        assert estimate.value == pytest.approx(np.mean(each), nan_ok=True), name
    assert len(merged.dimensions) == len(reports[0].dimensions)
    low = np.mean([report.dimensions[0].low for report in reports])
    assert merged.dimensions[0].low == pytest.approx(low)


def test_what_cannot_be_told_of_a_run_cannot_be_told_of_the_mean(reports):
    unknown = Estimate(0.0, np.inf, -np.inf, np.inf)
    found = over_seeds([dataclasses.replace(each, noise_share=unknown) for each in reports])
    assert (found.noise_share.low, found.noise_share.high) == (-np.inf, np.inf)
    one = dataclasses.replace(reports[0], noise_share=unknown)
    assert over_seeds([one, *reports[1:]]).noise_share.stderr == np.inf


def test_the_state_is_the_most_frequent_one(reports):
    other = dataclasses.replace(reports[0].verdict, state="discontinuous")
    first = dataclasses.replace(reports[0], verdict=other)
    # The states of a model that was never trained may differ from seed to seed.
    last = dataclasses.replace(reports[2], verdict=reports[1].verdict)
    assert over_seeds([first, reports[1], last]).verdict == reports[1].verdict


@pytest.fixture(scope="module")
def broken(digits):
    """The report of a model with a weight that is not finite."""
    from tests.small import make_vae

    vae = make_vae()
    vae.set_weights([np.full_like(each, np.nan) for each in vae.get_weights()])
    return kvae.diagnose(vae, digits[1], seed=3)


def test_reports_without_estimates_are_left_out_of_the_means(reports, broken):
    expected = over_seeds(reports[:2])
    for order in ([*reports[:2], broken], [broken, *reports[:2]]):
        found = over_seeds(order)
        assert repr(found.estimates()) == repr(expected.estimates())  # NaN equals no NaN
        assert found.dimensions == expected.dimensions
        assert found.notes[-1] == "1 of 3 seeds are left out: a weight is not finite"
        assert "nothing else was measured" not in " ".join(found.notes)
        assert "1 of 3 seeds" in str(found)


def test_one_measured_report_keeps_its_estimates(reports, broken):
    found = over_seeds([broken, broken, reports[0]])
    assert found.verdict == broken.verdict
    assert repr(found.estimates()) == repr(reports[0].estimates())
    assert found.plotted is reports[0].plotted
    assert found.notes == (*reports[0].notes, "2 of 3 seeds are left out: a weight is not finite")


def test_claims_of_reports_without_estimates_are_undecided(reports, broken):
    merged = over_seeds([broken, broken])
    assert not merged.measured
    assert merged.notes == broken.notes
    for full in (merged, over_seeds(reports)):
        variants = dict.fromkeys(REQUIRED, merged) | {"full": full}
        tested = [each for claim in claims(variants) for each in claim.comparisons]
        compared = [each for each in tested if "not measured" in each.text]
        assert len(compared) == len(tested) - (full is not merged)
        assert all(each.supports is None for each in compared)


def test_the_figure_shows_the_intervals_of_the_seeds(reports):
    """Those of two seeds have Student's factor of 12.7, not 1.96."""
    found = over_seeds(reports[:2])
    panels = {panel.get_title(): panel for panel in found.plot().axes}
    for title, estimates in (
        ("information per dimension", [each.information for each in found.dimensions]),
        ("explained variance of the data", found.explained_variance.cumulative),
    ):
        (bars,) = panels[title].collections
        drawn = [segment[:, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(drawn, [(each.low, each.high) for each in estimates])


def test_one_report_stays_as_it_is(reports):
    assert over_seeds(reports[:1]) is reports[0]
