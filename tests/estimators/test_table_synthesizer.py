"""The table synthesizer: rows like those of the table, conditions, imputation, files, refusals."""

import datetime
import decimal
import fractions
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

import kvae
from kvae.estimators import TableSynthesizer
from kvae.estimators.table_conditions import Conditions
from tests.estimators.tables import people


@pytest.fixture(scope="module")
def frame():
    return people(600, 0)


@pytest.fixture(scope="module")
def synthesizer(frame):
    return TableSynthesizer(units=32, epochs=30, batch_size=64, random_state=0).fit(frame)


@pytest.fixture(scope="module")
def rows(synthesizer):
    return synthesizer.sample(2000)


def test_rows_have_the_columns_dtypes_categories_and_formats_of_the_table(frame, rows):
    assert list(rows.columns) == list(frame.columns)
    assert dict(rows.dtypes) == dict(frame.dtypes)
    assert list(rows["size"].cat.categories) == ["S", "M", "L"]
    assert rows["size"].cat.ordered
    assert set(rows["sex"]) <= {"F", "M"}
    assert (rows["country"] == "NO").all()
    np.testing.assert_array_equal(rows["height"], rows["height"].round(1))
    assert (rows["joined"].dt.normalize() == rows["joined"]).all()


def test_numbers_stay_inside_the_range_of_the_table(frame, rows):
    for name in ("age", "height", "joined", "gain"):
        assert rows[name].min() >= frame[name].min()
        assert rows[name].max() <= frame[name].max()


def test_the_range_can_be_left(frame):
    schema = kvae.data.TableSchema.infer(frame[["age", "sex", "gain"]], within_range=False)
    fitted = TableSynthesizer(schema=schema, epochs=10, units=32, batch_size=64, random_state=0)
    age = fitted.fit(frame[["age", "sex", "gain"]]).sample(4000)["age"]
    assert age.min() < frame["age"].min()
    assert age.max() > frame["age"].max()


def test_a_frequent_value_is_drawn_as_often_as_it_is(frame, rows):
    shares = [np.mean(each["gain"] == 0.0) for each in (frame, rows)]
    assert 0.7 < shares[0] < 0.9
    # The model is fitted to 540 rows: two standard errors of a share of 80% are 0.035.
    assert shares[1] == pytest.approx(shares[0], abs=0.08)


def test_rows_follow_the_relations_of_the_table(frame, rows):
    for each in (frame, rows):
        mean = each.groupby("sex")["height"].mean()
        assert mean["M"] - mean["F"] > 6.0


def test_the_relations_of_a_hundred_rows_are_kept():
    """Fisher's irises: every pair of columns is associated."""
    iris = load_iris(as_frame=True).frame.sample(frac=1.0, random_state=0)
    iris["target"] = iris["target"].map({0: "setosa", 1: "versicolor", 2: "virginica"})
    train, test = iris[:112], iris[112:]
    quality = TableSynthesizer(random_state=0).fit(train).quality(train, test)
    assert min(abs(pair.real) for pair in quality.pairs) > 0.1
    # Without regard to how few rows there are, 0.28: numbers with one decimal became classes.
    assert np.mean([pair.difference for pair in quality.pairs]) < 0.1


def test_missing_values_have_the_rates_and_patterns_of_the_table(frame, rows):
    for name in ("height", "weight"):
        rates = [each[name].isna().mean() for each in (frame, rows)]
        assert rates[1] == pytest.approx(rates[0], abs=0.04)  # four standard errors
    np.testing.assert_array_equal(rows["height"].isna(), rows["weight"].isna())
    assert not rows["age"].isna().any()


def test_the_seed_decides(synthesizer, frame):
    pd.testing.assert_frame_equal(synthesizer.sample(20), synthesizer.sample(20))
    again = clone(synthesizer).set_params(epochs=1, random_state=np.random.RandomState(3))
    again.fit(frame)
    assert not again.sample(20).equals(again.sample(20))


def test_steps_bound_the_passes_and_the_learning_rate_ends_with_them(frame):
    """540 of the 600 rows, and 270 of them with hidden values, are thirteen batches."""
    fitted = TableSynthesizer(steps=26, units=8, batch_size=64, random_state=0).fit(frame)
    assert len(fitted.history_["loss"]) == 2
    schedule = fitted.model_.optimizer.get_config()["learning_rate"]["config"]
    assert (schedule["initial_learning_rate"], schedule["decay_steps"]) == (2e-3, 26)


@pytest.mark.parametrize("rows", [10, 300])
def test_a_table_may_be_one_column_or_constant_or_short(rows):
    x = np.random.default_rng(0).normal(size=rows).round(3)
    table = pd.DataFrame({"x": x, "same": 1.0})
    for frame in (table[["x"]], table):
        made = TableSynthesizer(steps=40, units=8, random_state=0).fit(frame).sample(50)
        assert list(made) == list(frame)
        assert made["x"].between(x.min(), x.max()).all()
        assert "same" not in made or (made["same"] == 1.0).all()


def test_conditions_hold_in_every_row(synthesizer):
    day = pd.Timestamp("2021-01-01")
    found = synthesizer.sample(
        50, conditions={"sex": "F", "age": (30, 50), "joined": (day, pd.Timestamp("2023-01-01"))}
    )
    assert len(found) == 50
    assert (found["sex"] == "F").all()
    assert found["age"].between(30, 50).all()
    assert found["joined"].between(day, pd.Timestamp("2023-01-01")).all()
    assert (synthesizer.sample(5, conditions={"gain": 0.0})["gain"] == 0.0).all()


def test_a_column_with_a_condition_is_not_missing(synthesizer):
    assert synthesizer.sample(200, conditions={"height": (150, 200)})["height"].notna().all()


@pytest.mark.parametrize("number", [int, np.int64, fractions.Fraction])
def test_conditions_on_whole_numbers_beyond_float64_are_exact(number):
    values = [2**53 + place for place in range(6)]
    frame = pd.DataFrame({"i": values * 10})
    schema = kvae.data.TableSchema.infer(frame, {"i": "integer"})
    conditions = Conditions(schema, {"i": (number(values[1]), number(values[3]))})
    held = conditions.hold(schema.to_array(frame))
    assert frame["i"][held].unique().tolist() == values[1:4]
    assert Conditions(schema, {"i": (-np.inf, np.inf)}).hold(schema.to_array(frame)).all()


def test_conditions_that_hardly_any_row_fulfils_are_refused_with_their_rate(synthesizer):
    with pytest.raises(ValueError, match=r"which 0 of 2000 rows fulfil \(rate 0\)"):
        synthesizer.sample(5, conditions={"age": (200, 300)}, most_draws=2000)
    with pytest.raises(ValueError, match=r"^Expected conditions that 5 of at most 50 drawn rows"):
        synthesizer.sample(5, conditions={"age": (18, 18)}, most_draws=1)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"iq": 3}, "Received: one on 'iq', which the table does not have"),
        ({"country": "NO"}, "Received: one on 'country', which is constant"),
        ({"sex": "X"}, r"Expected conditions\['sex'\] to be one of 'F', 'M'. Received: 'X'"),
        ({"age": "old"}, r"Expected conditions\['age'\] to be one of the column's numbers"),
        ({"age": (1, 2, 3)}, r"or \(low, high\). Received: \(1, 2, 3\)"),
        ({"age": (50, 30)}, r"low <= high. Received: \(50, 30\)"),
        ({"joined": "soon"}, r"Expected conditions\['joined'\] to be one of the column's dates"),
        ("sex", "Expected conditions by name of a column"),
    ],
)
def test_conditions_of_unknown_columns_and_values_are_refused(synthesizer, conditions, message):
    with pytest.raises(ValueError, match=message):
        synthesizer.sample(5, conditions=conditions)


@pytest.mark.parametrize("number", [decimal.Decimal, fractions.Fraction])
def test_conditions_are_classes_as_the_table_holds_them(number):
    frame = pd.DataFrame({"q": [number(each) for each in ("0.1", "2.5", "3")] * 20})
    schema = kvae.data.TableSchema.infer(frame, {"q": "category"})
    for place, value in enumerate(frame["q"][:3]):
        assert Conditions(schema, {"q": value}).ranges == {0: (place, place)}


@pytest.mark.parametrize("kind", ["draw", "mean"])
def test_impute_fills_what_is_missing_and_leaves_the_rest(synthesizer, frame, kind):
    given = frame.copy()
    given.index = np.arange(len(given)) + 1000
    given.loc[1000:1099, "sex"] = np.nan
    filled = synthesizer.impute(given, kind)
    assert not filled.isna().any().any()
    assert filled.index.equals(given.index)
    assert dict(filled.dtypes) == dict(frame.dtypes)
    for name in given:
        known = given[name].notna()
        pd.testing.assert_series_equal(filled[name][known], given[name][known])


def test_impute_fills_constant_columns_alone_too(synthesizer, frame):
    whole = frame.dropna()
    given = whole.assign(country=whole["country"].mask(np.arange(len(whole)) % 3 == 0))
    pd.testing.assert_frame_equal(synthesizer.impute(given), whole)


def test_impute_leaves_observed_values_beyond_the_range(synthesizer, frame):
    given = frame.assign(age=frame["age"].astype(float))
    given.loc[0, "age"] = 95.0
    given.loc[1, "age"] = np.nan
    filled = synthesizer.impute(given)["age"]
    assert filled[0] == 95
    assert frame["age"].min() <= filled[1] <= frame["age"].max()


def test_impute_keeps_every_digit_of_observed_values(synthesizer, frame):
    given = frame.head(4).assign(age=[40.5, 70.0, None, 30.0], gain=[123456789.25, 0.1, 7.0, None])
    filled = synthesizer.impute(given)
    assert filled["age"][[0, 1, 3]].tolist() == [40.5, 70.0, 30.0]
    assert filled["gain"][:3].tolist() == [123456789.25, 0.1, 7.0]
    assert filled[["age", "gain"]].notna().all().all()


def test_imputed_heights_are_nearer_than_the_mean(synthesizer):
    truth = people(400, 9, missing=False)
    filled = synthesizer.impute(truth.assign(height=np.nan), "mean")
    error = np.mean((filled["height"] - truth["height"]) ** 2)
    assert error < 0.8 * truth["height"].var()


@pytest.fixture(scope="module")
def related():
    """Rows of six standard normals with the correlations 0.8, and other rows."""
    covariance = np.full((6, 6), 0.8) + 0.2 * np.eye(6)
    random = np.random.default_rng(0)
    return [random.multivariate_normal(np.zeros(6), covariance, n) for n in (1500, 300)]


def error_of_imputing(fitted, rows):
    """Return by how much the mean of three hidden values differs from that given the others."""
    gaps = rows.copy()
    gaps[:, 3:] = np.nan
    expected = rows[:, :3].sum(axis=1) * 0.8 / (0.2 + 3 * 0.8)  # of a common cause and noise
    return np.sqrt(np.mean((fitted.impute(gaps, "mean")[:, 3:] - expected[:, None]) ** 2))


def test_gaps_are_filled_where_training_had_none(related):
    fitted = TableSynthesizer(units=32, epochs=20, batch_size=64, random_state=0).fit(related[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        error = error_of_imputing(fitted, related[1])
    assert error < 0.2  # 0.25 with hidden=0; of a column's mean 0.86


@pytest.mark.parametrize(
    ("hidden", "later", "warned"), [(0.0, 0.5, 1), (0.5, 0.0, 0), (1e-4, 1e-4, 1)]
)
def test_what_fit_has_hidden_counts_and_not_the_argument(related, tmp_path, hidden, later, warned):
    arguments = {"units": 8, "epochs": 1, "batch_size": 64, "random_state": 0}
    fitted = TableSynthesizer(**arguments, hidden=hidden).fit(related[0][:100])
    fitted.set_params(hidden=later)
    fitted.save(tmp_path / "table")
    gaps = related[1][:20].copy()
    gaps[:, 3:] = np.nan
    for each in (fitted, TableSynthesizer.load(tmp_path / "table")):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            assert np.isfinite(each.impute(gaps, "mean")).all()
        assert len([w for w in found if "was missing in fit" in str(w.message)]) == warned


def test_without_hidden_values_gaps_are_filled_from_the_prior_with_a_warning():
    random = np.random.default_rng(0)
    covariance = np.array([[1.0, 0.9], [0.9, 1.0]])
    train, rows = (random.multivariate_normal([0, 0], covariance, n) for n in (1000, 200))
    arguments = {"units": 32, "epochs": 20, "batch_size": 64, "random_state": 0}
    fitted = TableSynthesizer(**arguments, hidden=0).fit(train)
    fitted.random_state = np.random.RandomState(0)  # other draws at each call
    rows[:, 0] = np.clip(rows[:, 0], -2.0, 2.0)
    gaps = np.stack([rows[:, 0], np.full(200, np.nan)], axis=1)
    with pytest.warns(UserWarning, match="was missing in fit"):
        found = np.mean([fitted.impute(gaps, "mean")[:, 1] for _ in range(8)], axis=0)
    # The conditional mean is 0.9 x; an encoder that reads a gap as zero halves it, or worse. The
    # column's mean has an error of about 0.8; with draws from the posterior alone it was 0.68 after
    # 30 epochs.
    error = np.sqrt(np.mean((found - 0.9 * rows[:, 0]) ** 2))
    assert error < 0.3


def test_a_number_that_is_none_of_the_frequent_ones_has_no_likelihood():
    frame = pd.DataFrame({"mark": np.tile([1.5, 2.0, 3.5], 40), "kind": list("abab") * 30})
    fitted = kvae.estimators.TableSynthesizer(epochs=2, random_state=0, hidden=0).fit(frame)
    asked = pd.DataFrame({"mark": [2.0, 99.0, 1.5], "kind": ["a", "b", "b"]})
    with pytest.warns(UserWarning, match="1 rows hold a number .* first of them is row 1"):
        found = fitted.log_likelihood(asked)
    assert np.isneginf(found[1])
    assert np.isfinite(found[[0, 2]]).all()
    grid = pd.DataFrame({"mark": np.repeat([1.5, 2.0, 3.5], 2), "kind": ["a", "b"] * 3})
    total = np.exp(fitted.log_likelihood(grid, samples=2_000)).sum()
    np.testing.assert_allclose(total, 1.0, atol=0.05)
    with pytest.warns(UserWarning, match="No value of 'mark' was missing in fit"):
        fitted.log_likelihood(grid.assign(mark=np.nan))
    with pytest.warns(UserWarning, match="No value of 'mark' was missing in fit"):
        fitted.impute(grid.assign(mark=np.nan))


def test_log_likelihood_prefers_real_rows_to_permuted_columns(synthesizer):
    truth = people(300, 9, missing=False)
    order = np.random.default_rng(0).permutation(300)
    shuffled = truth.assign(height=truth["height"].to_numpy()[order])
    found = [synthesizer.log_likelihood(each, samples=40) for each in (truth, shuffled)]
    assert found[0].shape == (300,)
    assert found[0].mean() > found[1].mean() + 0.2


def test_log_likelihood_is_that_of_raw_units():
    """Of one normal column, nothing else, it is near its entropy: log(9) + log(2 pi e) / 2."""
    x = np.random.default_rng(0).normal(40.0, 9.0, 3000)
    frame = pd.DataFrame({"x": x, "group": np.tile(["a", "b"], 1500)})
    fitted = TableSynthesizer(epochs=3, batch_size=64, random_state=0).fit(frame)
    expected = -np.log(9.0) - 0.5 * np.log(2 * np.pi * np.e) - np.log(2.0)
    assert fitted.log_likelihood(frame[:500]).mean() == pytest.approx(expected, abs=0.15)


def test_it_survives_its_own_files(synthesizer, frame, tmp_path):
    synthesizer.save(tmp_path / "synthesizer")
    files = {each.name for each in (tmp_path / "synthesizer").iterdir()}
    assert files == {"model.keras", "synthesizer.json"}
    json.loads((tmp_path / "synthesizer" / "synthesizer.json").read_text())
    again = TableSynthesizer.load(tmp_path / "synthesizer")
    pd.testing.assert_frame_equal(again.sample(50), synthesizer.sample(50))
    pd.testing.assert_frame_equal(again.impute(frame), synthesizer.impute(frame))
    assert again.get_params() == synthesizer.get_params()
    assert again.schema_ == synthesizer.schema_
    with pytest.raises(FileExistsError):
        synthesizer.save(tmp_path / "synthesizer")


@pytest.mark.parametrize("missing", ["array", "n_features_in", "overrides"])
def test_a_file_that_lacks_something_is_refused(synthesizer, missing, tmp_path):
    synthesizer.save(tmp_path / "synthesizer")
    path = tmp_path / "synthesizer" / "synthesizer.json"
    state = json.loads(path.read_text("utf-8"))
    del (state["arguments"] if missing == "overrides" else state)[missing]
    path.write_text(json.dumps(state), "utf-8")
    with pytest.raises(ValueError, match=rf"save wrote.*damaged: KeyError: '{missing}'"):
        TableSynthesizer.load(tmp_path / "synthesizer")


@pytest.mark.parametrize("value", ["x", 3, []])
def test_a_file_with_a_part_of_another_type_is_refused(synthesizer, value, tmp_path):
    synthesizer.save(tmp_path / "synthesizer")
    path = tmp_path / "synthesizer" / "synthesizer.json"
    state = json.loads(path.read_text("utf-8"))
    state["encoding"]["numbers"][0] = value
    path.write_text(json.dumps(state), "utf-8")
    with pytest.raises(ValueError, match=r"save wrote.*damaged"):
        TableSynthesizer.load(tmp_path / "synthesizer")


def test_a_file_from_before_hidden_values_is_one_without(synthesizer, tmp_path):
    synthesizer.save(tmp_path / "s")
    state = json.loads((tmp_path / "s" / "synthesizer.json").read_text("utf-8"))
    del state["arguments"]["hidden"]
    (tmp_path / "s" / "synthesizer.json").write_text(json.dumps(state), "utf-8")
    assert TableSynthesizer.load(tmp_path / "s").hidden == 0


def test_a_seed_of_numpy_is_kept_in_files(synthesizer, frame, tmp_path):
    made = clone(synthesizer).set_params(random_state=np.int64(3), steps=np.int64(1)).fit(frame)
    made.save(tmp_path / "synthesizer")
    again = TableSynthesizer.load(tmp_path / "synthesizer")
    assert (again.random_state, again.steps) == (3, 1)
    pd.testing.assert_frame_equal(again.sample(20), made.sample(20))


def test_quality_takes_rows_with_classes_that_fit_has_not_seen(synthesizer, frame):
    test = frame.head(50).copy()
    known = synthesizer.quality(frame, test)
    test.loc[3, ["sex", "country"]] = ["X", "SE"]  # the country is constant in the training frame
    found = synthesizer.quality(frame, test)
    assert [each.column for each in found.marginals] == [each.column for each in known.marginals]
    with pytest.raises(ValueError, match=r"to hold the columns .* Received: a column 'more'"):
        synthesizer.quality(frame, test.assign(more=1))


def test_a_schema_overrides_the_types(frame, tmp_path):
    schema = kvae.data.TableSchema.infer(frame, overrides={"weight": "drop", "age": "category"})
    fitted = TableSynthesizer(schema=schema, epochs=1, random_state=0)
    assert clone(fitted).schema == schema
    found = fitted.fit(frame).sample(200)
    assert "weight" not in found
    assert set(found["age"]) <= set(frame["age"])
    fitted.save(tmp_path / "synthesizer")
    assert TableSynthesizer.load(tmp_path / "synthesizer").schema == schema


def test_kinds_of_columns_are_named(frame, tmp_path):
    table = frame.assign(key=[f"k{i}" for i in range(len(frame))]).rename(columns={"age": 7})
    kinds = {7: "category", "key": "drop"}
    fitted = TableSynthesizer(overrides=kinds, epochs=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what was asked for is not told
        fitted.fit(table)
    assert set(fitted.sample(200)[7]) <= set(table[7])
    assert "key" not in fitted.sample(3)
    fitted.save(tmp_path / "synthesizer")
    again = TableSynthesizer.load(tmp_path / "synthesizer")
    assert again.get_params() == fitted.get_params()
    assert again.overrides == kinds


def test_ids_are_left_out_with_a_warning(frame):
    with_ids = frame.assign(key=[f"k{i}" for i in range(len(frame))])
    with pytest.warns(UserWarning, match="The columns 'key' are ids.*or by --column of kvae train"):
        fitted = TableSynthesizer(epochs=1, random_state=0).fit(with_ids)
    assert "key" not in fitted.sample(3)
    assert list(fitted.impute(with_ids[:3])["key"]) == ["k0", "k1", "k2"]


def test_objects_booleans_and_time_zones_come_back():
    random = np.random.default_rng(0)
    days = [
        datetime.date(2020, 1, 1) + datetime.timedelta(int(d)) for d in random.integers(0, 900, 200)
    ]
    frame = pd.DataFrame(
        {
            "day": pd.Series(days, dtype=object),
            "member": random.random(200) < 0.3,
            "seen": pd.to_datetime(days).tz_localize("Europe/Oslo"),
            "visits": pd.array(random.poisson(3.0, 200), dtype="Int64"),
        }
    )
    frame.loc[:20, "visits"] = pd.NA
    fitted = TableSynthesizer(epochs=1, random_state=0).fit(frame)
    found = fitted.sample(100, conditions={"member": True, "day": (days[0], max(days))})
    assert dict(found.dtypes) == dict(frame.dtypes)
    assert all(isinstance(day, datetime.date) for day in found["day"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[:3], "Expected a frame with at least 10 rows. Received: 3"),
        (lambda frame: frame[["country"]], "at least one column whose values differ"),
        (lambda frame: frame.to_numpy(), "an array of numbers, or a pandas DataFrame"),
        (lambda frame: frame.assign(age=["x", 1] * 300), "Expected column 'age'"),
    ],
)
def test_frames_that_cannot_be_learned_are_refused(frame, change, message):
    with pytest.raises(ValueError, match=message):
        TableSynthesizer().fit(change(frame))


def test_a_fit_that_fails_leaves_a_synthesizer_that_is_not_fitted(frame):
    synthesizer = TableSynthesizer()
    with pytest.raises(ValueError, match="at least 10 rows"):
        synthesizer.fit(frame[:3])
    with pytest.raises(NotFittedError):
        synthesizer.sample(2)


@pytest.mark.parametrize("method", ["impute", "log_likelihood"])
def test_rows_of_another_table_are_refused(synthesizer, frame, method):
    call = getattr(synthesizer, method)
    with pytest.raises(ValueError, match=r"Expected column 'age' to hold numbers. Received: 'old'"):
        call(frame.astype({"age": object}).assign(age="old"))
    with pytest.raises(ValueError, match="'iq'"):
        call(frame.assign(iq=100))
    with pytest.raises(ValueError, match="Expected a frame with the column 'age'"):
        call(frame.drop(columns="age"))
    with pytest.raises(ValueError, match="Expected column 'sex' to hold one of 'F', 'M'"):
        call(frame.assign(sex="X"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs"),
        ({"steps": 0}, "steps"),
        ({"beta": -1.0}, "beta"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"schema": {"age": "number"}}, "Expected schema to be a kvae.data.TableSchema"),
    ],
)
def test_arguments_are_checked_in_fit(frame, arguments, message):
    with pytest.raises(ValueError, match=message):
        TableSynthesizer(**arguments).fit(frame)


@pytest.mark.parametrize("verbose", [False, True])
def test_a_bar_shows_the_epochs_where_it_is_asked_for(frame, monkeypatch, verbose):
    from kvae.callbacks.training_bar import TrainingBar
    from tests.estimators.conftest import normal_rows

    seen = []

    def shown(self, epoch, logs=None):
        seen.append((epoch, self.params["epochs"], "loss" in logs))

    monkeypatch.setattr(TrainingBar, "on_epoch_end", shown)
    small = {"units": 8, "epochs": 3, "verbose": verbose, "random_state": 0}
    TableSynthesizer(**small).fit(frame)
    assert seen == ([(0, 3, True), (1, 3, True), (2, 3, True)] if verbose else [])
    seen.clear()
    kvae.estimators.AnomalyDetector(false_alarm_rate=0.1, steps=4, **small).fit(normal_rows(200, 0))
    assert len(seen) == (seen[-1][1] if verbose else 0)
