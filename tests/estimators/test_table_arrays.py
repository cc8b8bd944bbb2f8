"""A table synthesizer takes arrays as scikit-learn's estimators do."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.estimator_checks import check_estimator

import kvae
from kvae.estimators import TableSynthesizer
from tests.estimators.tables import people


@pytest.fixture(scope="module")
def x():
    random = np.random.default_rng(0)
    height = random.normal(170.0, 8.0, 300).round(1)
    gaps = np.where(random.random(300) < 0.2, np.nan, 0.9 * height - 80.0)
    return np.stack([np.arange(300.0), height, gaps, np.full(300, 7.0)], axis=1)


@pytest.fixture(scope="module")
def synthesizer(x):
    return TableSynthesizer(epochs=2, units=16, random_state=0).fit(x)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_fun:UserWarning")
def test_it_passes_the_checks_of_scikit_learn():
    """It fits about fifty times, on few rows: eager steps take less time than a graph."""
    tf.config.run_functions_eagerly(True)
    try:
        check_estimator(TableSynthesizer(epochs=1, units=8))
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize(
    "enter",
    [
        kvae.choices_for,
        TableSynthesizer().fit,
        kvae.estimators.AnomalyDetector().fit,
        kvae.transforms.Standardization().adapt,
        kvae.priors.VampPrior(2, data_shape=3, num_components=5, low=None, high=None).adapt,
    ],
    ids=["choices_for", "TableSynthesizer", "AnomalyDetector", "Standardization", "VampPrior"],
)
def test_a_mask_is_refused_at_each_entrance(enter):
    """What lies under a mask, often -9999, would be learned."""
    x = np.ma.masked_less(np.random.default_rng(0).normal(size=(60, 3)), -1.0)
    with pytest.raises(ValueError, match=r"Expected [xX] without a mask.*missing"):
        enter(x)


def test_rows_of_an_array_are_arrays_with_all_of_its_columns(synthesizer, x):
    rows = synthesizer.sample(200)
    assert isinstance(rows, np.ndarray)
    assert (rows.shape, rows.dtype) == ((200, 4), x.dtype)
    assert (rows[:, 3] == 7.0).all()
    assert x[:, 0].min() <= rows[:, 0].min() < rows[:, 0].max() <= x[:, 0].max()
    np.testing.assert_array_equal(rows[:, 1], rows[:, 1].round(1))
    assert 0.05 < np.isnan(rows[:, 2]).mean() < 0.35
    assert (synthesizer.sample(5, conditions={1: (170, 180)})[:, 1] >= 170).all()


def test_gaps_of_an_array_are_filled(synthesizer, x):
    filled = synthesizer.impute(x)
    assert isinstance(filled, np.ndarray)
    assert not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[~np.isnan(x)], x[~np.isnan(x)])
    np.testing.assert_array_equal(synthesizer.impute(filled), filled)
    assert np.isfinite(synthesizer.log_likelihood(x[:20], samples=5)).all()


def test_a_column_of_an_array_may_be_left_out(x):
    fitted = TableSynthesizer(overrides={0: "drop"}, epochs=1, units=8, random_state=0).fit(x)
    assert fitted.sample(5).shape == (5, 3)
    quality = fitted.quality(x[:200], x[200:])
    assert {each.column for each in quality.marginals} == {"1", "2"}
    assert fitted.impute(x[:5]).shape == (5, 4)


def test_files_know_that_rows_are_arrays(synthesizer, tmp_path):
    synthesizer.save(tmp_path / "synthesizer")
    again = TableSynthesizer.load(tmp_path / "synthesizer")
    np.testing.assert_array_equal(again.sample(10), synthesizer.sample(10))
    assert again.n_features_in_ == 4
    assert not hasattr(again, "feature_names_in_")


def test_an_array_is_refused_by_the_synthesizer_of_a_frame():
    fitted = TableSynthesizer(epochs=1, units=8).fit(people(50, 0))
    with pytest.raises(ValueError, match="Expected a pandas DataFrame with the columns"):
        fitted.impute(np.zeros((2, 8)))


def test_an_array_of_another_width_is_refused(synthesizer):
    with pytest.raises(ValueError, match="X has 3 features, but TableSynthesizer is expecting 4"):
        synthesizer.impute(np.zeros((2, 3)))
