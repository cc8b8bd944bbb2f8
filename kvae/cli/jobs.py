"""`kvae train DATA --job anomaly` and `--job table`: an estimator and what is made of it.

Unlike a model of `--job generate`, these train in minutes: the run folder appears when all of it is
there, and an interrupted run leaves nothing.
"""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kvae import checks, files
from kvae.cli.run_folder import RUN, description, write_text
from kvae.cli.series import Series
from kvae.cli.terminal import console, quiet_native_logs, say, silent
from kvae.cli.training_data import TrainingData, path_of, read

__all__ = ["JOBS", "choices_of", "run"]

HELD_OUT = 5  # one in so many rows of a table is not trained on: quality compares with these


def choices_of(
    job: str, of_job: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options that were given, or raise where one belongs to another job.

    Args:
        job: what was asked for.
        of_job: options by name, None where not given, by the job that takes them.
        shared: those that all jobs take.
    """
    checks.choice("job", job, tuple(of_job))
    for other, options in of_job.items():
        wrong = [name for name, value in options.items() if value is not None and other != job]
        if wrong:
            option = wrong[0].replace("_", "-")
            raise ValueError(f"Expected --{option} with --job {other}. Received: --job {job}")
    given = {**of_job[job], **shared}
    return {name: value for name, value in given.items() if value is not None}


def run(
    job: str,
    data: str | None,
    output: Path,
    overwrite: bool,
    as_json: bool,
    seed: int,
    choices: dict[str, Any],
) -> None:
    """Fit an estimator and write a run folder.

    Args:
        job: a key of `JOBS`.
        data: a name or a path, see `training_data.read`.
        output: the run folder to be.
        overwrite: whether to replace what stands at `output`.
        as_json: whether to print run.json alone.
        seed: of every random number.
        choices: arguments of the estimator that the user decided.
    """
    report = silent if as_json else console.print
    if data is None:
        raise ValueError(f"Expected DATA with --job {job}. Received: none")
    if choices.get("window") is not None and choices.get("overrides"):
        raise ValueError("Expected --column of a table of rows. Received: --column with --window")
    files.destination(output, overwrite, "--output", {"DATA": path_of(data)})
    report("Loading TensorFlow ...", style="dim")
    with quiet_native_logs():
        import kvae  # noqa: F401 - before the data, which takes less time to read

        found = read(data, seed, choices.get("overrides"))
    if not isinstance(found.data, Path):  # else the job refuses it
        report(f"Training on {len(found.data)} rows ...", highlight=False)
    state = description(found, job, {"seed": seed}, choices)
    with quiet_native_logs(), files.replacing(output, overwrite) as folder:
        folder.mkdir()
        results, lines = JOBS[job](found, folder, output, seed, found.chosen(choices))
        state = {**state, "status": "finished", "results": results}
        write_text(folder / RUN, json.dumps(state, indent=2))
    if as_json:
        print(json.dumps(state, indent=2))
        return
    for line in lines:
        say(line, markup=False)


def _anomaly(
    found: TrainingData, folder: Path, output: Path, seed: int, choices: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Fit an anomaly detector; write it and its bundle."""
    from kvae.estimators import AnomalyDetector
    from kvae.export.training.chosen import TRAINABLE

    data, of_data = found.data, dict(choices)
    window, stride = of_data.pop("window", None), of_data.pop("stride", None)
    trainable = of_data.pop("trainable", None)
    if trainable is not None:
        checks.choice("--trainable", trainable, TRAINABLE)
    if window is None and stride is not None:
        raise ValueError(f"Expected --window with --stride. Received: --stride {stride} alone")
    series = None if window is None else Series.of(data, window, stride)
    cut = []
    if series is not None:
        windows = series.windows(data, series.stride)
        data, cut = windows.x, series.told(windows, data)
    if isinstance(data, Path) or not (hasattr(data, "columns") or data.ndim in (2, 3)):
        raise ValueError(
            "Expected DATA with --job anomaly to be a table, or an array (rows, features) or "
            f"(rows, time, channels). Received: {found.name!r}"
        )
    detector = AnomalyDetector(random_state=seed, verbose=True, **of_data).fit(data)
    detector.save(folder / "detector")
    detector.export(
        folder / "bundle",
        measure=False,
        description=f"Finds anomalies in rows like those of {Path(found.name).name}.",
        training_data=Path(found.name).name,
        channels=None if series is None else series.channels,
        trainable=trainable,
    )
    low, high = detector.limits_
    kept = len(detector.calibration_.scores)
    rate = max(detector.false_alarm_rate, detector.calibration_.smallest_rate())
    results = {
        "rows": len(data),
        "series": None if series is None else series.config(),
        "calibration_rows": kept,
        "false_alarm_rate": rate,
        "low": low if detector.two_sided else None,
        "high": high,
    }
    read_columns = [] if detector.schema_ is None else str(detector.schema_).splitlines()
    outside = f"below {low:.4g} or above {high:.4g}" if detector.two_sided else f"above {high:.4g}"
    example = "row" if series is None else f"window of {series.window} steps"
    return results, [
        *read_columns,
        *cut,
        f"A {example} whose score is {outside} nats is an anomaly: a false-alarm rate of "
        f"{rate:.2%}, by the scores of {kept} that were not trained on; {len(data) - kept} were.",
        *_health(folder / "bundle"),
        f"Decide on other data by: kvae score {shlex.quote(str(output))} DATA",
    ]


def _health(bundle: Path) -> list[str]:
    """Return a warning where the diagnosis in a bundle says that its model has learned nothing."""
    diagnosis = json.loads((bundle / "manifest.json").read_text("utf-8")).get("diagnosis")
    if not diagnosis or diagnosis["verdict"]["state"] != "untrained":
        return []
    return ["The diagnosis calls the model untrained: give it more --epochs, or more data."]


def _table(
    found: TrainingData, folder: Path, output: Path, seed: int, choices: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Fit a table synthesizer; write it and how good its rows are."""
    import numpy as np

    from kvae.estimators import TableSynthesizer
    from kvae.estimators.table_frames import inferred_schema

    frame = found.data
    if not hasattr(frame, "columns"):
        raise ValueError(
            "Expected DATA with --job table to be a table, a .csv or .parquet file. Received: "
            f"{found.name!r}"
        )
    order = np.random.default_rng(seed).permutation(len(frame))
    held_out, trained_on = np.split(order, [len(frame) // HELD_OUT])
    train = frame.iloc[np.sort(trained_on)]  # by place: labels of the index may repeat
    seen = frame.copy()  # classes of any row; but what no row of the training has is not learned
    for name in train.columns[train.isna().all()]:
        seen[name] = seen[name].mask(seen[name].notna())
    of_model = dict(choices)
    schema = inferred_schema(seen, False, of_model.pop("overrides", None))
    synthesizer = TableSynthesizer(schema, random_state=seed, verbose=True, **of_model).fit(train)
    synthesizer.save(folder / "synthesizer")
    # By which other commands read tables.
    write_text(folder / "schema.json", json.dumps(schema.get_config(), indent=2))
    quality = synthesizer.quality(train, frame.iloc[held_out])
    write_text(folder / "quality.json", quality.to_json())
    results = {"rows": len(train), "held_out": len(held_out), "quality": quality.to_dict()}
    return results, [
        *str(schema).splitlines(),
        *str(quality).splitlines(),
        f"Draw rows by: kvae sample {shlex.quote(str(output))} -o new.csv",
    ]


JOBS = {"anomaly": _anomaly, "table": _table}
