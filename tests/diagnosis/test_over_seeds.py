"""Means of reports over seeds, with the interval of Student's t."""

import dataclasses

import numpy as np
import pytest

import kvae
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


def test_one_report_stays_as_it_is(reports):
    assert over_seeds(reports[:1]) is reports[0]
