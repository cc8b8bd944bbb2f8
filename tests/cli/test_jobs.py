"""`kvae train --job anomaly` and `--job table`, and what is done with their runs."""

import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from kvae.cli.jobs import _health
from kvae.cli.main import app
from kvae.cli.score import _windows
from kvae.cli.series import Series
from kvae.cli.training_data import read
from kvae.estimators import AnomalyDetector
from kvae.export import runtime

ROWS = 400


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "300", "NO_COLOR": "1"})


def machines(rows, seed):
    random = np.random.default_rng(seed)
    load = random.choice([0.1, 1.0], rows) + 0.05 * random.normal(size=rows)
    return pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=rows, freq="min"),
            "mode": np.where(load > 0.5, "run", "idle"),
            "line": random.choice(["07", "12"], rows),
            "load 💡": load.round(3),
            "temperature": (20 + 15 * load + random.normal(size=rows)).round(1),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a table, new rows of which row 7 is an anomaly, and rows as an array."""
    folder = tmp_path_factory.mktemp("jobs")
    machines(ROWS, 0).to_csv(folder / "machines.csv", index=False)
    new = machines(50, 1)
    new.loc[7, "mode"] = "broken"
    new.loc[7, "temperature"] = 99.0
    new.to_csv(folder / "new.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def detected(folder):
    """The run folder of an anomaly detector, and what the command printed."""
    done = invoke(
        *("train", folder / "machines.csv", "--job", "anomaly", "-o", folder / "run"),
        *("--false-alarm-rate", 0.05, "--epochs", 60),
    )
    assert done.exit_code == 0, done.output
    return folder / "run", done


@pytest.mark.slow
def test_a_run_holds_detector_bundle_and_how_it_was_made(detected, folder):
    run, done = detected
    state = json.loads((run / "run.json").read_text("utf-8"))
    assert (state["status"], state["job"]) == ("finished", "anomaly")
    assert state["choices"] == {"epochs": 60, "false_alarm_rate": 0.05}
    detector = AnomalyDetector.load(run / "detector")
    assert state["results"]["high"] == detector.limits_[1]
    assert {path.name for path in run.iterdir()} == {"bundle", "detector", "run.json"}
    assert "Warning: Column 'line' of DATA is read as text" in done.stderr
    assert "Warning: Columns that are left out: 'time' (dates" in done.stderr
    assert re.search("load 💡 +number", done.stdout)
    assert f"kvae score {run} DATA" in done.stdout


@pytest.mark.slow
def test_score_decides_on_the_rows_of_a_table(detected, folder, tmp_path):
    done = invoke("score", detected[0], folder / "new.csv", "-o", tmp_path / "found.csv")
    assert done.exit_code == 0, done.output
    found = pd.read_csv(tmp_path / "found.csv")
    assert list(found.columns) == ["row", "score", "p_value", "is_anomaly"]
    assert found["is_anomaly"][7]
    assert found["p_value"].idxmin() == 7
    detector = AnomalyDetector.load(detected[0] / "detector")
    new = pd.read_csv(folder / "new.csv", parse_dates=["time"], dtype={"line": str})
    scores = -detector.score_samples(new)
    np.testing.assert_allclose(found["score"], scores, rtol=1e-4, atol=1e-3)
    assert f"{found['is_anomaly'].sum()} of 50 rows are anomalies" in done.stdout
    new[new["line"] == "12"].to_csv(tmp_path / "one_line.csv", index=False)
    of_line = invoke("score", detected[0], tmp_path / "one_line.csv", "--json")
    told = json.loads(of_line.stdout)["rows"]["score"]
    np.testing.assert_allclose(told, found["score"][new["line"] == "12"], rtol=1e-4, atol=1e-3)
    again = invoke(
        "score", detected[0] / "bundle", folder / "new.csv", "--preset", "int8", "--json"
    )
    told = json.loads(again.stdout)
    assert (told["preset"], told["false_alarm_rate"], told["low"]) == ("int8", 0.05, None)
    assert told["rows"]["is_anomaly"][7]
    assert {len(values) for values in told["rows"].values()} == {50}


@pytest.mark.slow
def test_info_says_what_a_run_a_bundle_and_a_model_are(detected):
    run, _ = detected
    high = json.loads((run / "run.json").read_text("utf-8"))["results"]["high"]
    told = {}
    for name in (".", "bundle", "detector/model.keras"):
        done = invoke("info", run / name, "--json")
        assert done.exit_code == 0, done.output
        told[name] = json.loads(done.stdout)
        assert told[name]["model"]["likelihood"] == "Columns"
        assert told[name]["model"]["latents"]["z"]["shape"] == [2]
        assert "score" in told[name]["signatures"]
    assert told["."]["job"] == "anomaly"
    (default,) = [each for each in told["bundle"]["files"] if each["default"]]
    assert (default["preset"], default["low"]) == ("float32", None)
    assert default["high"] == pytest.approx(high, rel=1e-4)
    assert told["detector/model.keras"]["health"] == "finite weights"
    shown = invoke("info", run).stdout
    for words in ("likelihood: Columns", "latent z: gaussian", "float32 (default)", "input x: "):
        assert words in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"load 💡": "much"},
            "Expected column 'load 💡' to hold numbers. Received: 'much' in row 0",
        ),
        ({"temperature": np.nan}, "column 'temperature' without missing values"),
        ({"label": 1}, "Received: a column 'label'"),
        ({"mode": None}, "column 'mode' without missing values"),
    ],
)
def test_rows_that_do_not_fit_are_refused_in_one_line(detected, tmp_path, change, message):
    machines(30, 2).assign(**change).to_csv(tmp_path / "odd.csv", index=False)
    done = invoke("score", detected[0], tmp_path / "odd.csv")
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert message in line


@pytest.fixture(scope="module")
def of_series(tmp_path_factory):
    """A series of two channels with a gap in time, and the run of a detector of its windows."""
    folder = tmp_path_factory.mktemp("series")
    random = np.random.default_rng(0)
    step = np.arange(2000)
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(step + 500 * (step >= 900), "min")
    waves = np.stack([np.sin(0.7 * step), np.cos(0.7 * step)], axis=1)
    values = waves + 0.1 * random.normal(size=waves.shape)
    frame = pd.DataFrame({"time": time, "left": values[:, 0], "right": values[:, 1]})
    frame.iloc[:1600].to_csv(folder / "series.csv", index=False)
    later = frame.iloc[1600:].reset_index(drop=True)
    later.loc[200:215, "right"] = 0.0  # a sensor that stands still
    later.to_csv(folder / "later.csv", index=False)
    done = invoke(
        *("train", folder / "series.csv", "--job", "anomaly", "-o", folder / "run"),
        *("--window", 16, "--false-alarm-rate", 0.05, "--epochs", 60),
    )
    assert done.exit_code == 0, done.output
    assert "A window of 16 steps whose score is" in done.stdout
    assert "99 windows of 16 steps hold 1584 of 1600 rows." in done.stdout
    return folder


def test_what_is_told_of_windows_names_channels_without_change(rng):
    frame = pd.DataFrame({"heat": rng.normal(size=40), "spare": np.zeros(40)})
    frame.loc[17, "heat"] = np.nan
    series = Series.of(frame, window=10, stride=None)
    lines = series.told(series.windows(frame, 10), frame)
    assert lines[0].startswith("3 windows of 10 steps hold 30 of 40 rows.")
    assert lines[1].startswith("Constant in all of them: spare.")
    frame = frame.assign(spare=frame.index)
    assert len(series.told(series.windows(frame, 10), frame)) == 1
    zeros = np.zeros((40, 2))
    array = Series.of(zeros, window=10, stride=10)
    assert "channel 0, channel 1." in array.told(array.windows(zeros, 10), zeros)[1]


@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_a_channel_far_from_zero_is_told_of_and_not_called_constant(rng, spread):
    """float32 has steps of 64 at 1e9."""
    frame = pd.DataFrame({"heat": rng.normal(size=40), "c": 1e9 + spread * rng.random(40)})
    series = Series.of(frame, window=16, stride=None)
    with pytest.warns(UserWarning, match="The numbers of channel 'c' differ by .* 1e\\+09.* Subtr"):
        cut = series.windows(frame, 16)
    assert np.ptp(cut.x[:, :, 1]) == 0.0
    assert len(series.told(cut, frame)) == 1


def test_a_clock_with_a_repeated_or_a_missing_time_is_told_of(rng):
    seconds = 1.7e9 + 10.0 * np.arange(200)
    for wrong in (seconds[19], np.nan):
        clock = np.where(np.arange(200) == 20, wrong, seconds)
        frame = pd.DataFrame({"t": clock, "heat": rng.normal(size=200)})
        with pytest.warns(UserWarning, match="Column 't' of DATA increases .* not in row 20: it"):
            assert Series.of(frame, 8, None).channels == ["t", "heat"]
    walk = pd.DataFrame({"heat": rng.normal(size=200), "walk": rng.integers(-9, 99, 200).cumsum()})
    assert Series.of(walk, 8, None).channels == ["heat", "walk"]


def test_gaps_in_nullable_whole_numbers_leave_out_their_windows(rng):
    count = pd.array([None, *rng.integers(0, 9, 39)], "Int64")
    frame = pd.DataFrame({"heat": rng.normal(size=40), "count": count}, index=[0, *range(39)])
    series = Series.of(frame, 8, None)
    assert series.windows(frame, 8).starts.tolist() == [1, 9, 17, 25]


def test_columns_of_a_series_may_have_numbers_as_names(rng, tmp_path):
    frame = pd.DataFrame(rng.normal(size=(40, 3)))
    series = Series.of(frame, 8, None)
    assert series.channels == ["0", "1", "2"]
    np.testing.assert_array_equal(series.windows(frame, 8).x[0], frame[:8].astype("float32"))
    frame[2] = pd.date_range("2024-01-01", periods=40, freq="min")
    frame.to_parquet(tmp_path / "numbers.parquet")
    named, _ = _windows(Series.of(frame, 8, None), tmp_path / "numbers.parquet")
    assert named["2"][0].startswith("2024-01-01T00:07")


@pytest.mark.parametrize("name", ["row", "step", "score", "p_value", "is_anomaly"])
def test_a_clock_named_as_a_result_is_called_time(rng, tmp_path, name):
    frame = pd.DataFrame({name: np.arange(5000, 5040), "heat": rng.normal(size=40)})
    frame.to_csv(tmp_path / "clock.csv", index=False)
    with pytest.warns(UserWarning, match="it is the time of the rows"):
        series = Series.of(frame, 8, None)
    named, _ = _windows(series, tmp_path / "clock.csv")
    assert list(named) == ["step", "time"]
    assert (named["step"][0], named["time"][0]) == (7, "5007")


def test_a_clock_is_no_channel(rng):
    step = np.arange(40)
    seconds = 1.7e9 + 60 * step + 3600 * (step >= 20)
    frame = pd.DataFrame({"Unnamed: 0": step, "t": seconds, "heat": rng.normal(size=40)})
    with pytest.warns(UserWarning, match="increases from row to row") as caught:
        series = Series.of(frame, window=10, stride=None)
    said = [str(each.message) for each in caught]
    assert said[0].startswith("Column 't' of DATA increases from row to row: it is the time")
    assert said[1] == "Columns that are left out: 'Unnamed: 0' (increases from row to row)."
    assert (series.channels, series.time) == (["heat"], "t")
    assert list(series.windows(frame, 5).starts) == [0, 5, 10, 20, 25, 30]
    with pytest.warns(UserWarning, match="left out: 't'"):
        dated = Series.of(frame[["t", "heat"]].assign(day=pd.Timestamp(0)), 10, None)
    assert (dated.channels, dated.time) == (["heat"], "day")
    ramp = frame[["t"]]
    assert Series.of(ramp, window=10, stride=None).channels == ["t"]
    with pytest.warns(UserWarning, match="left out: 'Unnamed: 3' .without any value"):
        spare = Series.of(frame[["heat"]].assign(**{"Unnamed: 3": np.nan}), 10, None)
    assert spare.channels == ["heat"]
    with pytest.raises(ValueError, match=r"Received: columns without any value, \['Unn"):
        Series.of(pd.DataFrame({"Unnamed: 3": [np.nan] * 40}), 10, None)
    counter = frame[["heat"]].assign(energy=np.cumsum(rng.exponential(size=40)))
    assert Series.of(counter, window=10, stride=None).channels == ["heat", "energy"]


@pytest.mark.thorough
def test_the_bundle_of_a_series_may_learn(of_series, tmp_path):
    done = invoke(
        *("train", of_series / "later.csv", "--job", "anomaly", "-o", tmp_path / "run"),
        *("--window", 16, "--false-alarm-rate", 0.2, "--epochs", 1, "--trainable", "heads"),
    )
    assert done.exit_code == 0, done.output
    model = runtime.Model(tmp_path / "run" / "bundle")
    assert model.training["trainable"] == "heads"
    refused = invoke(
        *("train", of_series / "later.csv", "--job", "anomaly", "-o", tmp_path / "other"),
        *("--window", 16, "--trainable", "some"),
    )
    assert refused.exit_code == 2
    assert "Expected --trainable to be one of 'scale', 'heads', 'all'" in refused.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_a_series_is_judged_in_windows(of_series, tmp_path):
    results = json.loads((of_series / "run" / "run.json").read_text("utf-8"))["results"]
    assert results["series"] == {
        **{"window": 16, "stride": 16, "time": "time"},
        "channels": ["left", "right"],
    }
    assert results["rows"] == 99  # the gap lies within one of a hundred windows
    manifest = json.loads((of_series / "run" / "bundle" / "manifest.json").read_text("utf-8"))
    assert manifest["channels"] == ["left", "right"]
    path = tmp_path / "found.csv"
    done = invoke("score", of_series / "run", of_series / "later.csv", "-o", path)
    assert done.exit_code == 0, done.output
    found = pd.read_csv(path)
    assert list(found.columns) == ["step", "time", "score", "p_value", "is_anomaly"]
    np.testing.assert_array_equal(found["step"], np.arange(15, 400))
    later = pd.read_csv(of_series / "later.csv", parse_dates=["time"])
    assert (pd.to_datetime(found["time"]) == later["time"][15:].to_numpy()).all()
    still = found["step"].between(208, 222)
    assert found["is_anomaly"][still].all()
    assert found["is_anomaly"][~found["step"].between(200, 230)].mean() < 0.2
    assert "of 385 windows are anomalies" in done.stdout


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        (["--window", 16], {"right": "x"}, "other columns ['right']"),
        (["--window", 5000], {}, "Expected at least 5000 steps, one window"),
        (["--stride", 3], {}, "Expected --window with --stride"),
    ],
)
def test_what_is_no_series_is_refused(of_series, tmp_path, options, change, message):
    frame = pd.read_csv(of_series / "series.csv").assign(**change)
    frame.to_csv(tmp_path / "odd.csv", index=False)
    done = invoke("train", tmp_path / "odd.csv", "--job", "anomaly", *options, "-o", tmp_path / "r")
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert not (tmp_path / "r").exists()


@pytest.mark.slow
def test_a_series_without_a_channel_is_refused(of_series, tmp_path):
    frame = pd.read_csv(of_series / "later.csv").drop(columns="left")
    frame.to_csv(tmp_path / "odd.csv", index=False)
    done = invoke("score", of_series / "run", tmp_path / "odd.csv")
    assert done.exit_code == 2, done.output
    assert "Received: none of the name 'left'" in done.stderr


@pytest.mark.slow
def test_a_table_job_draws_a_table(folder, tmp_path):
    run = tmp_path / "run"
    done = invoke("train", folder / "machines.csv", "--job", "table", "-o", run, "--epochs", 2)
    assert done.exit_code == 0, done.output
    assert json.loads((run / "quality.json").read_text("utf-8"))
    for name in ("new.csv", "new.parquet"):
        done = invoke("sample", run, "-o", tmp_path / name, "-n", 30, "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["shape"] == [30, 5]
    frame = pd.read_parquet(tmp_path / "new.parquet")
    assert list(frame.columns) == list(machines(1, 0).columns)
    assert set(frame["mode"]) <= {"idle", "run"}
    assert set(frame["line"]) <= {"07", "12"}
    done = invoke("sample", run, "-o", tmp_path / "new.png")
    assert done.exit_code == 2
    assert "Expected draws, as .csv or .parquet" in done.stderr
    gaps = machines(40, 3)
    gaps.loc[::4, "temperature"] = np.nan
    gaps.to_parquet(tmp_path / "gaps.parquet")
    done = invoke("impute", run, tmp_path / "gaps.parquet", "-o", tmp_path / "whole.parquet")
    assert done.exit_code == 0, done.output
    assert "10 values were imputed" in done.stdout
    whole = pd.read_parquet(tmp_path / "whole.parquet")
    assert whole.notna().all().all()
    known = gaps["temperature"].notna()
    pd.testing.assert_frame_equal(whole[known], gaps[known])
    done = invoke("impute", run, tmp_path / "gaps.parquet", "-o", tmp_path / "whole.npy")
    assert done.exit_code == 2
    assert "Expected DATA and --output to be two tables, or two arrays" in done.stderr


def rows(count=60, **columns):
    """Return a table of random numbers, or of other columns."""
    random = np.random.default_rng(0)
    return pd.DataFrame({"a": random.normal(size=count), "b": random.normal(size=count), **columns})


@pytest.mark.thorough
def test_rows_with_repeated_labels_are_all_trained_on(tmp_path):
    frame = rows()
    pd.concat([frame, -frame]).to_parquet(tmp_path / "twice.parquet")
    run = tmp_path / "run"
    done = invoke("train", tmp_path / "twice.parquet", "--job", "table", "-o", run, "--epochs", 1)
    assert done.exit_code == 0, done.output
    results = json.loads((run / "run.json").read_text("utf-8"))["results"]
    assert (results["rows"], results["held_out"]) == (96, 24)


@pytest.mark.thorough
def test_a_row_of_the_held_out_ones_may_have_values_of_its_own(tmp_path):
    held_out = np.random.default_rng(0).permutation(60)[0]  # by the seed of the command
    frame = rows(city=["Rome", "Oslo"] * 30, site="north", gap=np.nan, parts=[0, 1, 9] * 20)
    frame.loc[held_out, ["city", "site", "gap", "parts"]] = ["Lima", "south", 1.5, 3]
    frame.to_csv(tmp_path / "rare.csv", index=False)
    run = tmp_path / "run"
    done = invoke("train", tmp_path / "rare.csv", "--job", "table", "-o", run, "--epochs", 1)
    assert done.exit_code == 0, done.output
    done = invoke("sample", run, "-o", tmp_path / "new.csv", "-n", 20)
    assert done.exit_code == 0, done.output
    new = pd.read_csv(tmp_path / "new.csv")
    assert list(new.columns) == list(frame.columns)
    assert set(new["city"]) <= {"Lima", "Oslo", "Rome"}
    assert new["gap"].isna().all()


@pytest.mark.thorough
def test_a_generate_run_fills_gaps_and_keeps_the_rest(tmp_path):
    key = [f"row {place}" for place in range(60)]
    frame = rows(pay=np.random.default_rng(1).integers(0, 10**9, 60).astype(float), key=key)
    frame.loc[:5, "pay"] = np.nan
    frame.to_csv(tmp_path / "pay.csv", index=False)
    run = tmp_path / "run"
    done = invoke(
        *("train", tmp_path / "pay.csv", "-o", run, "--epochs", 1),
        *("--column", "key=drop"),
    )
    assert done.exit_code == 0, done.output
    done = invoke("impute", run, tmp_path / "pay.csv", "-o", tmp_path / "all.csv")
    assert done.exit_code == 0, done.output
    assert "6 values were imputed" in done.stdout
    whole = pd.read_csv(tmp_path / "all.csv")
    assert whole["pay"].notna().all()
    read = pd.read_csv(tmp_path / "pay.csv")
    pd.testing.assert_frame_equal(whole[6:], read[6:], check_dtype=False)
    done = invoke("sample", run, "-o", tmp_path / "new.csv", "-n", 200)
    assert done.exit_code == 0, done.output
    for name in ("all.csv", "new.csv"):
        cells = pd.read_csv(tmp_path / name, dtype=str)["pay"].dropna()
        assert cells.str.fullmatch(r"\d+").all()


@pytest.mark.parametrize("state", ["untrained", "healthy", "posterior_collapse", None])
def test_a_model_that_has_learned_nothing_is_named(tmp_path, state):
    diagnosis = None if state is None else {"verdict": {"state": state}}
    (tmp_path / "manifest.json").write_text(json.dumps({"diagnosis": diagnosis}), "utf-8")
    assert ("calls the model untrained" in " ".join(_health(tmp_path))) == (state == "untrained")


@pytest.mark.thorough
def test_the_rate_that_is_told_is_the_one_that_few_rows_guarantee(tmp_path):
    rows().to_csv(tmp_path / "few.csv", index=False)
    run = tmp_path / "run"
    done = invoke("train", tmp_path / "few.csv", "--job", "anomaly", "-o", run, "--epochs", 1)
    assert done.exit_code == 0, done.output
    assert "a false-alarm rate of 7.69%, by the scores of 12" in done.stdout  # 1 of 13
    assert re.search(r"scores of 12 that were not trained on; \d+ were\.", done.stdout)
    done = invoke("score", run, tmp_path / "few.csv")
    assert "at a false-alarm rate of 7.69%" in done.stdout


@pytest.mark.thorough
@pytest.mark.parametrize("job", ["anomaly", "table", "generate"])
def test_the_user_names_what_columns_hold(job, tmp_path):
    table = rows(400, code=["1", "2", "3", "A"] * 100, note=["1", "x", "y", "2"] * 100)
    table.to_csv(tmp_path / "codes.csv", index=False)
    run, kinds = tmp_path / "run", ("--column", "code=category", "--column", "note=drop")
    arguments = ("train", tmp_path / "codes.csv", "--job", job, "-o", run, "--epochs", 1)
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert 'kvae train takes --column "code=category"' in done.stderr
    done = invoke(*arguments, *kinds)
    assert done.exit_code == 0, done.output
    state = json.loads((run / "run.json").read_text())
    assert state["choices"]["overrides"] == {"code": "category", "note": "drop"}
    if job == "anomaly":
        done = invoke("score", run, tmp_path / "codes.csv", "--json")
        assert done.exit_code == 0, done.output
        assert len(json.loads(done.stdout)["rows"]["score"]) == 400
    else:
        done = invoke("sample", run, "-o", tmp_path / "new.csv", "-n", 50)
        assert done.exit_code == 0, done.output
        drawn = pd.read_csv(tmp_path / "new.csv", dtype=str)
        assert list(drawn) == [*rows(), "code"]
        assert set(drawn["code"]) <= {"1", "2", "3", "A"}


@pytest.mark.thorough
def test_kinds_are_those_of_columns_whose_names_are_numbers(tmp_path):
    frame = rows(code=[100, 200, 300] * 20).set_axis([0, 1, 2], axis=1)
    frame.to_parquet(tmp_path / "numbers.parquet")
    found = read(str(tmp_path / "numbers.parquet"), 0, {"2": "category", "0": "drop"})
    assert found.chosen({"overrides": {"2": "category", "0": "drop"}, "latent_dim": 2}) == {
        "overrides": {2: "category", 0: "drop"},
        "latent_dim": 2,
    }
    run = tmp_path / "run"
    done = invoke(
        *("train", tmp_path / "numbers.parquet", "--job", "anomaly", "-o", run, "--epochs", 1),
        *("--column", "2=category"),
    )
    assert done.exit_code == 0, done.output
    assert json.loads((run / "run.json").read_text())["choices"]["overrides"] == {"2": "category"}
    done = invoke("score", run, tmp_path / "numbers.parquet")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--column", "b"), "Expected --column NAME=KIND with one of the kinds number, integer"),
        (("--column", "b=text"), "Received: 'b=text'"),
        (("--column", "x=drop"), "--column to name one of the columns 'a', 'b'"),
        (("--column", "b=drop", "--column", "b=count"), "one kind of the column 'b'"),
        (("--column", "b=drop", "--window", "8"), "Received: --column with --window"),
    ],
)
def test_kinds_of_columns_that_are_not_there_are_refused(arguments, message, tmp_path):
    rows().to_csv(tmp_path / "few.csv", index=False)
    done = invoke(
        *("train", tmp_path / "few.csv", "--job", "anomaly", "-o", tmp_path / "run"), *arguments
    )
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    done = invoke("train", "digits", "-o", tmp_path / "run", *("--column", "b=drop"))
    assert "Expected DATA with --column to be a table" in done.stderr


def text_of(frame):
    return frame.to_csv(index=False).encode()


BAD = {
    "text in a number column": (
        text_of(rows(c=["1.5"] * 59 + ["n.a. today"])),
        "Expected column 'c' of DATA to hold numbers, as most of it does. Received: 'n.a. today' "
        "in row 59",
    ),
    "one class": (text_of(pd.DataFrame({"a": ["x"] * 60})), "at least one column whose values dif"),
    "constant columns": (text_of(rows()[["a"]] * 0), "at least one column whose values differ"),
    "three rows": (text_of(rows(3)), "at least 20 examples. Received: 3 examples"),
    "no rows": (b"a,b\n", "at least 20 examples. Received: 0 examples"),
    "nothing": (b"", "Expected DATA to be a table that pandas can read"),
    "dates alone": (
        text_of(pd.DataFrame({"day": pd.date_range("2024-01-01", periods=60)})),
        "dates, which are others in new rows",
    ),
    "semicolons": (b"\xf0\x9f\x8d\x8e;\xf0\x9f\x8d\x90\n1;2\n" * 30, "commas between them"),
    "another encoding": (
        b"name,value\n" + "Zoë,1\n".encode("latin-1") * 30,
        "UnicodeDecodeError",
    ),
    "gzip": (gzip.compress(b"a,b\n1,2\n" * 30), "It is compressed (gzip): decompress it first"),
    "a line too long": (b"a,b\n" + b"1,2\n" * 30 + b"1,2,3\n", "2 fields in line 32, saw 3"),
    "no names": (b"0.5,1.5\n0.25,2.5\n" * 20, "name its columns in the first line"),
    "a huge number": (text_of(rows(c=[1e300] * 30 + [2.0] * 30)), "finite numbers of float32"),
    "a thousand classes": (
        text_of(rows(12_000, c=[f"c{place % 2000}" for place in range(12_000)])),
        "at most 1000 categories",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_tables_are_refused_in_one_line(kind, tmp_path):
    content, message = BAD[kind]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    done = invoke("train", path, "--job", "anomaly", "-o", tmp_path / "run")
    assert done.exit_code == 2, done.output
    (line,) = [each for each in done.stderr.strip().splitlines() if each.startswith("Error: ")]
    assert message in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--job", "forecast"), "forecast"),
        (("--job", "anomaly", "--networks", "mlp"), "Expected --networks with --job generate"),
        (("--job", "table", "--two-sided"), "Expected --two-sided with --job anomaly"),
        (("--false-alarm-rate", "0.1"), "Expected --false-alarm-rate with --job anomaly"),
        (("--job", "table", "--resume", "x"), "Expected --resume with --job generate"),
    ],
)
def test_options_of_another_job_are_refused(arguments, message):
    done = invoke("train", "digits", *arguments)
    assert done.exit_code == 2, done.output
    assert message in done.stderr


def test_a_job_without_data(tmp_path):
    done = invoke("train", "--job", "table", "-o", tmp_path / "run")
    assert done.exit_code == 2
    assert "Expected DATA with --job table" in done.stderr


@pytest.mark.parametrize("job", ["anomaly", "table"])
def test_pictures_are_for_another_job(job, tmp_path):
    np.save(tmp_path / "pictures.npy", np.zeros((30, 8, 8, 1)))
    for data in (tmp_path / "pictures.npy", tmp_path):
        done = invoke("train", data, "--job", job, "-o", tmp_path / "run")
        assert done.exit_code == 2
        assert f"Expected DATA with --job {job} to be a table" in done.stderr


@pytest.mark.parametrize("job", ["anomaly", "table", "generate"])
def test_data_inside_the_run_folder_are_not_replaced(job, tmp_path):
    run = tmp_path / "run"
    (run / "data").mkdir(parents=True)
    rows().to_csv(run / "data" / "rows.csv", index=False)
    for data in (run / "data" / "rows.csv", run / "data", run):
        done = invoke("train", data, "--job", job, "-o", run, "--overwrite", "--epochs", 1)
        assert done.exit_code == 2, done.output
        assert "Received: --output" in done.stderr
    assert (run / "data" / "rows.csv").is_file()
