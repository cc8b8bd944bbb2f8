"""The anomaly detector: what it finds, its guarantee, its files, scikit-learn's conventions."""

import math
import pickle
import threading

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import betabinom
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from kvae.callbacks.training_bar import TrainingBar
from kvae.estimators import AnomalyDetector, TableSynthesizer
from tests.estimators.conftest import FEATURES, normal_rows


@pytest.fixture(scope="module")
def rows():
    return normal_rows(1000, 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*calibration rows can guarantee:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_fun:UserWarning")
def test_it_passes_the_checks_of_scikit_learn():
    """It fits about a hundred times, on few rows: eager steps take less time than a graph."""
    tf.config.run_functions_eagerly(True)
    try:
        check_estimator(AnomalyDetector(steps=5))
    finally:
        tf.config.run_functions_eagerly(False)


def test_false_alarms_are_as_frequent_as_wanted(detector, rows):
    alarms, n = np.sum(detector.predict(rows) == -1), len(detector.calibration_.scores)
    k = int(0.05 * (n + 1))
    low, high = betabinom.ppf([0.001, 0.999], len(rows), k, n + 1 - k)
    assert low <= alarms <= high


def test_rows_that_break_the_correlation_are_found(detector, rows):
    """Each value is that of a normal row; only their combination is not."""
    broken = rows.copy()
    broken[:, 0] = np.random.default_rng(3).permutation(rows[:, 0])
    scores = -detector.score_samples(np.concatenate([rows, broken]))
    assert roc_auc_score(np.repeat([0, 1], len(rows)), scores) > 0.75


def test_a_faulty_sensor_is_the_one_with_the_largest_contribution(detector, rows):
    for feature in range(FEATURES):
        faulty = rows[:20].copy()
        faulty[:, feature] += 20.0 * rows[:, feature].std()
        contributions = detector.contributions(faulty)
        assert contributions.shape == faulty.shape
        assert np.mean(np.argmax(contributions, axis=1) == feature) > 0.8


def test_contributions_of_normal_rows_are_about_zero_and_add_up_to_the_score(detector, rows):
    contributions = detector.contributions(rows)
    assert np.all(np.abs(contributions.mean(axis=0)) < 0.3)
    # The score less the sum of contributions is the KL and a constant.
    terms = detector.model_.score(rows.astype("float32"), terms=True)
    rest = terms["nll"] - contributions.sum(axis=1)
    np.testing.assert_allclose(rest, rest.mean(), atol=1e-3)


def test_decision_p_value_and_score_agree(detector, rows):
    found = detector.predict(rows)
    np.testing.assert_array_equal(found == -1, detector.decision_function(rows) < 0)
    np.testing.assert_array_equal(found == -1, detector.p_values(rows) <= 0.05 + 1e-12)
    np.testing.assert_array_equal(detector.predict_proba(rows)[:, 1], detector.p_values(rows))
    scores = detector.score_samples(rows)
    np.testing.assert_allclose(scores, -detector.model_.score(rows.astype("float32")), rtol=1e-5)


def test_two_sided_finds_a_score_that_is_too_low(detector, rows):
    two_sided = pickle.loads(pickle.dumps(detector)).set_params(two_sided=True)
    two_sided.calibrate(rows)
    low, high = two_sided.limits_
    assert -np.inf < low < high
    scores = -two_sided.score_samples(rows)
    expected = np.where((scores < low) | (scores > high), -1, 1)
    np.testing.assert_array_equal(two_sided.predict(rows), expected)
    assert 0 < np.sum(scores < low) < 0.05 * len(rows)


def test_calibrate_takes_other_rows(detector, rows):
    again = pickle.loads(pickle.dumps(detector)).calibrate(rows)
    # k = floor(0.05 * 1001) = 50: those above the 50th highest score.
    assert np.sum(again.predict(rows) == -1) == 49
    assert again.limits_ != detector.limits_


def test_a_changed_rate_counts_in_memory_and_in_files_alike(detector, rows, tmp_path):
    again = pickle.loads(pickle.dumps(detector)).set_params(false_alarm_rate=0.2)
    alarms = np.sum(again.predict(rows) == -1)
    assert alarms > 2 * np.sum(detector.predict(rows) == -1)
    assert again.offset_ == -again.limits_[1]
    again.set_params(two_sided=True)
    assert np.isfinite(again.limits_[0])
    np.testing.assert_array_equal(again.predict(rows) == -1, again.p_values(rows) <= 0.2 + 1e-12)
    again.save(tmp_path / "detector")
    loaded = AnomalyDetector.load(tmp_path / "detector")
    assert loaded.limits_ == again.limits_
    np.testing.assert_array_equal(loaded.predict(rows), again.predict(rows))
    with pytest.raises(ValueError, match="false_alarm_rate"):
        again.set_params(false_alarm_rate=2.0).predict(rows)


def test_a_changed_rate_that_the_calibration_rows_do_not_allow_is_warned_of(detector, rows):
    again = pickle.loads(pickle.dumps(detector))
    smallest = again.calibration_.smallest_rate()
    told = f"calibration rows can guarantee a false-alarm rate of {smallest:.3g}, not of 0.0001"
    again.set_params(false_alarm_rate=1e-4)
    with pytest.warns(UserWarning, match=told) as caught:
        again.predict(rows)
    assert len(caught) == 1
    allowed = 1.01 * smallest
    again.set_params(false_alarm_rate=allowed).predict(rows)
    with pytest.warns(UserWarning, match=f"rate of {2 * smallest:.3g}, not of {allowed:.3g}"):
        assert again.set_params(two_sided=True).limits_ == again.calibration_.limits(2 * smallest)


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("rate", [0.01, 0.03, 0.2])
def test_few_rows_give_up_to_two_thirds_where_these_suffice_for_the_rate(rate, two_sided):
    detector = AnomalyDetector(rate, two_sided=two_sided)
    least = math.ceil((2 if two_sided else 1) / rate) - 1
    counts = [detector._calibration_rows(rows) for rows in range(3, 3000)]
    assert counts == sorted(counts)
    for rows, kept in zip(range(3, 3000), counts, strict=True):
        assert kept >= least if 2 * rows >= 3 * least else kept == max(1, round(0.2 * rows))
        assert kept <= max(2 * rows / 3, 0.2 * rows)


def test_200_rows_guarantee_a_rate_of_one_percent():
    detector = AnomalyDetector(0.01, units=8, steps=2, random_state=0).fit(normal_rows(200, 5))
    assert len(detector.calibration_rows_) == 133
    assert detector.calibration_.smallest_rate() <= 0.01


def test_a_rate_that_fit_has_warned_of_is_not_warned_of_again(tmp_path):
    x = normal_rows(100, 5)
    with pytest.warns(UserWarning, match="calibration rows can guarantee"):
        detector = AnomalyDetector(steps=5, random_state=0).fit(x)
    detector.save(tmp_path / "detector")
    loaded = AnomalyDetector.load(tmp_path / "detector")
    assert loaded.predict(x).tolist() == detector.predict(x).tolist()


def test_it_survives_pickle_and_its_own_files(detector, rows, tmp_path):
    detector.save(tmp_path / "detector")
    assert not list((tmp_path / "detector").glob("*.pkl"))
    for again in (
        pickle.loads(pickle.dumps(detector)),
        AnomalyDetector.load(tmp_path / "detector"),
    ):
        np.testing.assert_array_equal(again.score_samples(rows), detector.score_samples(rows))
        np.testing.assert_array_equal(again.predict(rows), detector.predict(rows))
        np.testing.assert_array_equal(again.contributions(rows), detector.contributions(rows))
        assert again.get_params()["false_alarm_rate"] == 0.05
    with pytest.raises(FileExistsError):
        detector.save(tmp_path / "detector")


def test_numbers_of_numpy_as_arguments_survive_its_files(rows, tmp_path):
    made = AnomalyDetector(
        np.float32(0.5), np.bool_(False), np.int64(2), steps=np.int32(2), random_state=np.int64(0)
    ).fit(rows[:50])
    made.save(tmp_path / "detector")
    again = AnomalyDetector.load(tmp_path / "detector")
    assert again.get_params() == {**made.get_params(), "random_state": None}
    np.testing.assert_array_equal(again.score_samples(rows), made.score_samples(rows))


@pytest.mark.parametrize("estimator", [AnomalyDetector, TableSynthesizer])
def test_the_bar_is_removed_where_training_is_interrupted(rows, monkeypatch, estimator):
    def interrupt(self, epoch, logs=None):
        raise KeyboardInterrupt

    closed = []
    monkeypatch.setattr(TrainingBar, "on_epoch_end", interrupt)
    monkeypatch.setattr(TrainingBar, "close", lambda self: closed.append(self))
    with pytest.raises(KeyboardInterrupt):
        estimator(verbose=True).fit(rows[:50])
    assert len(closed) == 1


def test_an_interrupted_fit_leaves_the_detector_as_it_was(detector, rows, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    again, fresh = pickle.loads(pickle.dumps(detector)), AnomalyDetector()
    monkeypatch.setattr("kvae.estimators.anomaly_detector.train", interrupt)
    for each in (again, fresh):
        with pytest.raises(KeyboardInterrupt):
            each.fit(1e3 * rows[:50, :3])
    np.testing.assert_array_equal(again.predict(rows), detector.predict(rows))
    with pytest.raises(NotFittedError):
        fresh.predict(rows)


def test_threads_get_the_scores_of_their_own_rows(detector, rows):
    parts, found = np.split(rows, 10), [None] * 10
    expected = [detector.score_samples(part) for part in parts]

    def score(i):
        found[i] = detector.score_samples(parts[i])

    threads = [threading.Thread(target=score, args=(i,)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found, expected)


def test_a_stream_that_drifts_is_reported(detector, rows):
    test = detector.drift_test(false_alarm_rate=0.001)
    assert not test.update(-detector.score_samples(rows)).drifted
    drifting = rows * [1.0, 1.0, 1.3, 1.0]
    assert test.update(-detector.score_samples(drifting)).drifted


def test_the_seed_decides_and_pythons_and_numpys_generators_stay_as_they_are():
    x = normal_rows(200, 5)
    np.random.seed(11)
    expected = np.random.random()
    np.random.seed(11)
    arguments = {"false_alarm_rate": 0.1, "steps": 20, "random_state": 3}
    scores = [AnomalyDetector(**arguments).fit(x).score_samples(x) for _ in range(2)]
    np.testing.assert_array_equal(*scores)
    assert np.random.random() == expected


def test_windows_of_a_series_in_a_detector(rng):
    x = rng.normal(size=(120, 16, 2)).cumsum(axis=1)
    detector = AnomalyDetector(false_alarm_rate=0.1, steps=10, random_state=0).fit(x)
    assert detector.score_samples(x).shape == (120,)
    assert detector.contributions(x[:5]).shape == (5, 16, 2)


def test_in_a_pipeline():
    x = normal_rows(200, 5)
    pipeline = make_pipeline(StandardScaler(), AnomalyDetector(false_alarm_rate=0.1, steps=10))
    assert set(pipeline.fit(x).predict(x)) <= {-1, 1}


def test_few_rows_are_warned_of():
    with pytest.warns(
        UserWarning, match=r"20 calibration rows can guarantee .* 0.0476, not of 0.01"
    ):
        AnomalyDetector(steps=5, random_state=0).fit(normal_rows(100, 5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"false_alarm_rate": 1.5}, "Expected false_alarm_rate to be below 1"),
        ({"scaling": "minmax"}, "scaling"),
        ({"steps": 0}, "steps"),
        ({"trim": 1.0}, "Expected trim to be below 1"),
        ({"latent_dim": 0}, "latent_dim"),
    ],
)
def test_arguments_are_checked_in_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        AnomalyDetector(**arguments).fit(normal_rows(20, 0))


def test_nan_and_another_number_of_columns_are_refused(detector, rows):
    gaps = np.where(rows == rows[3], np.nan, rows)
    for method in (detector.predict, AnomalyDetector().fit):
        with pytest.raises(ValueError, match=r"taken in a pandas DataFrame\. Received: NaN$"):
            method(gaps)
    with pytest.raises(ValueError, match="3 features"):
        detector.predict(rows[:, :3])
