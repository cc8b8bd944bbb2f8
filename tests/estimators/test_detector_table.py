"""The anomaly detector on tables of mixed columns."""

import json
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.stats import betabinom
from sklearn.base import clone

import kvae
from kvae.data.rounding import warn_of_rounding
from kvae.estimators import AnomalyDetector
from kvae.estimators.calibration_split import calibration_split
from kvae.estimators.detector_table import detector_schema
from kvae.export import runtime

MODES = {"idle": 0.1, "run": 1.0, "boost": 2.0}


def machines(rows, seed):
    """Return rows of a machine: the load depends on the mode, the temperature on the load."""
    random = np.random.default_rng(seed)
    mode = random.choice(list(MODES), rows, p=[0.4, 0.4, 0.2])
    load = np.array([MODES[each] for each in mode]) + 0.05 * random.normal(size=rows)
    frame = pd.DataFrame(
        {
            "id": [f"row {seed} {place}" for place in range(rows)],
            "mode": mode,
            "load": load,
            "temp 🌡️": 20 + 15 * load + random.normal(size=rows),
            "on": load > 0.5,
            "site": "north",
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), "h"),
        }
    )
    frame.loc[random.random(rows) < 0.1, "temp 🌡️"] = np.nan
    return frame


@pytest.fixture(scope="module")
def detector():
    made = AnomalyDetector(false_alarm_rate=0.05, steps=1000, random_state=0)
    with pytest.warns(UserWarning, match=r"left out: 'id' \(.*\); 'day' \(dates, which are others"):
        return made.fit(machines(1200, 0))


@pytest.fixture(scope="module")
def rows():
    return machines(1000, 1)


def test_numbers_text_booleans_and_constant_columns_are_read(detector):
    kinds = {column.name: column.kind for column in detector.schema_.modelled}
    read = {"mode": "category", "load": "number", "temp 🌡️": "number", "on": "category"}
    assert kinds == {**read, "site": "category"}


def test_false_alarms_are_as_frequent_as_wanted(detector, rows):
    alarms, n = np.sum(detector.predict(rows) == -1), len(detector.calibration_.scores)
    k = int(0.05 * (n + 1))
    low, high = betabinom.ppf([0.001, 0.999], len(rows), k, n + 1 - k)
    assert low <= alarms <= high


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("mode", "boost"),  # at the load of another mode
        ("mode", "broken"),  # a value that no training row has
        ("site", "south"),  # in a column that was constant
        ("load", 9.0),
        ("on", None),  # the other one
        ("temp 🌡️", -40.0),
    ],
)
def test_a_row_with_one_wrong_value_is_found_and_the_column_named(detector, rows, column, value):
    wrong = rows[(rows["mode"] == "run") & rows["temp 🌡️"].notna()].head(20).copy()
    wrong[column] = ~wrong["on"] if value is None else value
    assert np.all(detector.predict(wrong) == -1)
    contributions = detector.contributions(wrong)
    assert list(contributions.columns) == ["mode", "load", "temp 🌡️", "on", "site"]
    assert contributions.index.equals(wrong.index)
    expected = {"mode", "load", "temp 🌡️"} if column == "mode" and value == "boost" else {column}
    assert set(contributions.idxmax(axis=1)) <= expected


def test_a_missing_value_adds_nothing(detector, rows):
    gaps = rows["temp 🌡️"].isna()
    assert np.all(detector.contributions(rows)["temp 🌡️"][gaps] == 0.0)
    assert np.all(np.isfinite(detector.score_samples(rows)))


def test_where_the_training_data_miss_none_a_missing_value_is_refused(detector, rows):
    with pytest.raises(
        ValueError, match=r"column 'load' without missing values.* a missing value in row 3"
    ):
        detector.predict(rows.assign(load=rows["load"].where(rows.index != 3)))


def test_an_array_is_refused(detector):
    with pytest.raises(ValueError, match="Expected a pandas DataFrame with the columns"):
        detector.predict(np.zeros((2, 7)))


@pytest.mark.parametrize("kind", ["offset", "classes"])
def test_an_array_is_refused_where_the_schema_changes_numbers(kind, rng):
    shift = {"offset": 101_325_000.0, "classes": 0.0}[kind]
    frame = pd.DataFrame({"p": shift + rng.normal(0.0, 30.0, 200), "q": rng.normal(size=200)})
    if kind == "classes":
        frame["p"] = pd.Categorical(rng.choice([10, 20], 200))
    made = AnomalyDetector(false_alarm_rate=0.1, steps=5, random_state=0).fit(frame)
    with pytest.raises(ValueError, match="Expected a pandas DataFrame with the columns"):
        made.predict(frame.to_numpy("float64"))


def test_contributions_of_a_column_with_gaps_are_about_zero(rng, tmp_path):
    a, b = rng.normal(size=(2, 400))
    gaps = np.where(np.arange(400) % 2 == 0, 20.0 + a, np.nan)
    frame = pd.DataFrame({"a": a, "b": b, "gaps": gaps})
    made = AnomalyDetector(false_alarm_rate=0.1, steps=50, random_state=0).fit(frame)
    calibration = made.schema_.to_frame(made.calibration_rows_)
    means = made.contributions(calibration).where(calibration.notna()).mean()
    np.testing.assert_allclose(means, 0.0, atol=1e-4)
    made.save(tmp_path / "detector")
    again = AnomalyDetector.load(tmp_path / "detector")
    pd.testing.assert_frame_equal(again.contributions(frame), made.contributions(frame))


def test_its_files_hold_the_schema(detector, rows, tmp_path):
    detector.save(tmp_path / "detector")
    again = AnomalyDetector.load(tmp_path / "detector")
    np.testing.assert_array_equal(again.score_samples(rows), detector.score_samples(rows))
    pd.testing.assert_frame_equal(again.contributions(rows), detector.contributions(rows))


@pytest.mark.parametrize("missing", ["schema", "own_schema"])
def test_a_file_that_lacks_something_is_refused(detector, missing, tmp_path):
    detector.save(tmp_path / "detector")
    path = tmp_path / "detector" / "detector.json"
    state = json.loads(path.read_text("utf-8"))
    del state[missing]
    path.write_text(json.dumps(state), "utf-8")
    with pytest.raises(ValueError, match=rf"save wrote.*damaged: KeyError: '{missing}'"):
        AnomalyDetector.load(tmp_path / "detector")


@pytest.mark.parametrize("file", ["detector.json", "model.keras", "calibration_rows.npy"])
def test_a_folder_with_a_damaged_or_missing_file_is_refused(detector, file, tmp_path):
    folder = tmp_path / "detector"
    detector.save(folder)
    content = (folder / file).read_bytes()
    for damaged in (content[: len(content) // 2], b""):
        (folder / file).write_bytes(damaged)
        with pytest.raises(ValueError, match=r"that AnomalyDetector\.save wrote.*damaged"):
            AnomalyDetector.load(folder)
    (folder / file).unlink()
    with pytest.raises(FileNotFoundError, match=f"without {file}"):
        AnomalyDetector.load(folder)
    with pytest.raises(FileNotFoundError, match=r"without detector\.json"):
        AnomalyDetector.load(folder / "detector.json")


@pytest.mark.slow
def test_a_bundle_takes_the_array_of_its_schema_and_decides_alike(detector, rows, tmp_path):
    detector.export(tmp_path / "bundle", presets=["float32"], measure=False)
    model = runtime.Model(tmp_path / "bundle")
    schema = kvae.data.TableSchema.from_config(model.manifest["table"])
    found = model.detect(schema.to_array(rows))
    np.testing.assert_allclose(found["score"], -detector.score_samples(rows), rtol=1e-4, atol=1e-3)
    away = np.abs(detector.decision_function(rows)) > 1e-2
    decided = np.where(found["is_anomaly"], -1, 1)
    np.testing.assert_array_equal(decided[away], detector.predict(rows)[away])


def test_a_frame_of_numbers_is_detected_as_its_array_is():
    x = np.random.default_rng(0).normal(size=(200, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    arguments = {"false_alarm_rate": 0.1, "steps": 20, "random_state": 3}
    found = AnomalyDetector(**arguments).fit(frame)
    expected = AnomalyDetector(**arguments).fit(x)
    np.testing.assert_array_equal(found.score_samples(frame), expected.score_samples(x))
    np.testing.assert_array_equal(found.contributions(frame), expected.contributions(x))


def test_a_frame_of_numbers_may_have_gaps(rng):
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame.loc[::5, "b"] = np.nan
    made = AnomalyDetector(false_alarm_rate=0.1, steps=20, random_state=3).fit(frame)
    assert np.all(np.isfinite(made.score_samples(frame)))
    assert made.model_.missing


def test_a_column_that_one_row_holds_is_learned_wherever_the_row_falls(rng):
    """For some of the seeds the row is among those for calibration."""
    frame = pd.DataFrame({"load": rng.normal(size=20), "rare": np.r_[2.0, np.full(19, np.nan)]})
    for seed in range(3):
        detector = AnomalyDetector(0.5, units=8, steps=2, calibration_share=0.5, random_state=seed)
        assert np.isfinite(detector.fit(frame).score_samples(frame)).all()
        assert len(detector.calibration_rows_) == 10


def test_rows_change_places_where_no_column_is_lost():
    rows = np.full((6, 3), np.nan)
    rows[0, 0] = rows[1, 1] = rows[2, 2] = rows[5, 2] = 1.0
    kept, trained_on = calibration_split(rows, np.arange(6), 3)
    assert len(kept) == 3
    assert (~np.isnan(trained_on)).any(axis=0).all()
    found = np.concatenate([kept, trained_on])
    np.testing.assert_array_equal(np.nansum(found, axis=0), np.nansum(rows, axis=0))


def test_a_row_is_added_to_training_where_none_can_change_places():
    rows = np.where(np.eye(4, dtype=bool), 1.0, np.nan)
    kept, trained_on = calibration_split(rows, np.arange(4), 2)
    assert (len(kept), len(trained_on)) == (1, 3)


def test_a_class_of_unknown_values_has_a_name_of_its_own():
    frame = pd.DataFrame({"a": ["other", "more"] * 20, "b": ["x"] * 36 + ["r", "s", "t", "u"]})
    a, b = detector_schema(frame).columns
    assert (a.categories, a.other) == (("more", "other", "other_"), "other_")
    assert (b.categories, b.other) == (("x", "other"), "other")


@pytest.mark.parametrize("dtype", ["int64", "Int64", "int64[pyarrow]", "category", "object"])
def test_unknown_values_among_classes_of_numbers_come_back_as_text(dtype):
    frame = pd.DataFrame({"zip": pd.Series([10115, 20095] * 20, dtype=dtype)})
    schema = detector_schema(frame, {"zip": "category"})
    known = schema.to_frame(np.array([[0.0], [1.0]]))["zip"]
    assert known.tolist() == [10115, 20095]
    assert dtype == "category" or known.dtype == frame["zip"].dtype
    drawn = schema.to_frame(np.array([[0.0], [2.0], [np.nan]]))["zip"]
    assert drawn[:2].tolist() == [10115, "other"]
    assert drawn.isna().tolist() == [False, False, True]


def test_numbers_have_no_bounds():
    """Small whole numbers are counts or classes for a model that draws, numbers for a detector."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": [0, 1, 2, 3] * 20, "b": 10**9 + random.integers(0, 9999, 80)})
    schema = detector_schema(frame)
    np.testing.assert_array_equal(
        schema.to_array(pd.DataFrame({"a": [-7.5], "b": [3.0]})), [[-7.5, 3.0]]
    )


def test_numbers_far_from_zero_keep_their_digits():
    """float32 has steps of 1024 at 1e10."""
    values = 1e10 + np.random.default_rng(0).normal(size=80)
    schema = detector_schema(pd.DataFrame({"a": values, "b": np.arange(80.0) % 7}))
    array = schema.to_array(pd.DataFrame({"a": [*values[:3], 1e10 + 20], "b": [7.5] * 4}))
    expected = np.diff([*values[:3], 1e10 + 20])
    np.testing.assert_allclose(np.diff(array[:, 0]), expected, atol=1e-5)
    np.testing.assert_array_equal(array[:, 1], 7.5)


def test_an_array_whose_digits_are_lost_is_told_of(rng):
    rows = rng.normal(size=(80, 3)) + np.array([0.0, 1e10, 1e3])
    with pytest.warns(UserWarning, match=r"The numbers of feature 1 differ by .* 1e\+10"):
        AnomalyDetector(false_alarm_rate=0.1, steps=2, random_state=0).fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_rounding(rows[:, ::2], "ac", "", stacklevel=2)


@pytest.mark.parametrize("kind", ["int64", "float64", "Int64"])
@pytest.mark.parametrize(
    ("values", "new"),
    [
        ([100_000_001, 100_000_003], 99_999_999),
        ([1_700_000_000, 1_700_000_010, 1_700_000_020], 1_700_000_060),
    ],
)
def test_few_whole_numbers_far_from_zero_keep_their_digits(values, new, kind):
    """float32 has steps of 128 at 1.7e9."""
    schema = detector_schema(pd.DataFrame({"a": values * 20}, dtype=kind))
    array = schema.to_array(pd.DataFrame({"a": [*values, new]}, dtype=kind)).astype("float32")
    np.testing.assert_array_equal(np.diff(array[:, 0]), np.diff([*values, new]))


def test_a_schema_may_be_given(rows):
    schema = kvae.data.TableSchema.infer(rows[["load", "mode"]], overrides={"mode": "drop"})
    made = AnomalyDetector(false_alarm_rate=0.1, steps=5, schema=schema, random_state=0)
    assert made.fit(rows[["load", "mode"]]).schema_ is schema
    with pytest.raises(ValueError, match="Expected schema to be a"):
        AnomalyDetector(schema="all").fit(rows)


def test_a_schema_with_an_array_is_refused(rng):
    x = rng.normal(size=(20, 2))
    schema = kvae.data.TableSchema.infer(pd.DataFrame(x))
    with pytest.raises(ValueError, match="Expected a pandas DataFrame with schema"):
        AnomalyDetector(schema=schema).fit(x)


def test_kinds_of_columns_may_be_named(rows, rng, tmp_path):
    """Of a code that is whole numbers one that no training row had is an unknown class."""
    table = rows[["load", "mode"]].assign(code=np.arange(len(rows)) % 7 * 100, note=1.5)
    kinds = {"code": "category", "mode": "drop"}
    made = AnomalyDetector(false_alarm_rate=0.1, steps=5, overrides=kinds, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what was asked for is not told
        made.fit(table)
    assert [column.kind for column in made.schema_.columns][:3] == ["number", "dropped", "category"]
    unknown = table[:1].assign(code=12_345)
    assert made.schema_.to_array(unknown)[0, 1] == 7
    assert np.isfinite(made.score_samples(unknown)).all()
    assert clone(made).overrides == kinds
    made.save(tmp_path / "detector")
    again = AnomalyDetector.load(tmp_path / "detector")
    assert again.overrides == kinds
    np.testing.assert_array_equal(again.score_samples(table), made.score_samples(table))
    for wrong, message in (
        ({"schema": made.schema_}, "Expected schema, or overrides for one that is inferred"),
        ({"overrides": {"code": "text"}}, r"overrides\['code'\] to be one of 'number'"),
        ({"overrides": {"none": "drop"}}, "overrides to hold the columns"),
    ):
        with pytest.raises(ValueError, match=message):
            clone(made).set_params(**wrong).fit(table)
    with pytest.raises(ValueError, match="Expected a pandas DataFrame with overrides"):
        clone(made).fit(rng.normal(size=(60, 3)))


def test_a_wide_table_of_numbers_and_text(rng):
    """Columns of one kind share a layer, so that hundreds of them are traced at once."""
    numbers = {f"n{place}": rng.normal(size=120) for place in range(250)}
    text = {f"t{place}": rng.choice(["a", "b"], 120) for place in range(150)}
    frame = pd.DataFrame(numbers | text).sample(frac=1.0, axis=1, random_state=0)
    made = AnomalyDetector(false_alarm_rate=0.1, steps=5, random_state=0).fit(frame)
    assert len(made.model_.likelihood_layer.columns) == 2
    wrong = frame[:1].assign(n7=99.0)
    assert made.contributions(wrong).columns.tolist() == list(frame)
    assert made.contributions(wrong).idxmax(axis=1).item() == "n7"


def test_columns_of_classes_alone(rng):
    frame = pd.DataFrame({name: rng.choice(["x", "y"], 200) for name in ("a", "b")})
    made = AnomalyDetector(false_alarm_rate=0.1, steps=5, random_state=0).fit(frame)
    assert not any(isinstance(each, kvae.layers.ModulatedScale) for each in made.model_.layers)
    assert np.all(np.isfinite(made.score_samples(frame)))
    assert isinstance(made.model_.decoder, keras.Model)
