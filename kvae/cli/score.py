"""`kvae score`: scores and decisions of a bundle on rows, here or by Apache Beam."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from kvae import files
from kvae.cli.inputs import examples_of, read_examples
from kvae.cli.run_folder import bundle_of, schema_file_of, series_of
from kvae.cli.series import Series, text_names
from kvae.cli.table_files import check_suffix
from kvae.cli.table_output import write_table
from kvae.cli.terminal import bold, console, quiet_native_logs, say

__all__ = ["by_beam", "run"]

SHOWN = 20  # anomalies that are printed
RESULTS = ("row", "step", "score", "p_value", "is_anomaly")  # columns of what is written


def run(
    bundle: str, data: Path, output: Path | None, preset: str | None, overwrite: bool, as_json: bool
) -> None:
    """Score the rows of a file, decide where the bundle has thresholds, and print or write it.

    Where a run was trained on windows of a series, every window of the file is scored, and counts
    by its last step.

    Args:
        bundle: folder of the bundle, or a run folder of `kvae train --job anomaly`.
        data: a table (.csv, .parquet) or an array (.npy, .npz with x_test or x, and the model's
            other inputs by their names, such as condition).
        output: a .csv or .parquet file of a line for each row, or None.
        preset: preset of the bundle's file to run; by default the one that its manifest names.
        overwrite: whether to replace what stands at `output`.
        as_json: whether to print all of it as JSON.
    """
    if output is not None:
        check_suffix(output)
        files.destination(output, overwrite, "--output", {"DATA": data}, folder=False)
    with quiet_native_logs():
        from kvae.export.runtime import Model

        folder = bundle_of(Path(bundle))
        model = Model(folder, preset)
        series = series_of(Path(bundle))
        if series is None:
            found = _found(model, _rows(model, folder, data))
        else:
            named, rows = _windows(Series(**series), data)
            found = {**named, **_found(model, rows)}
    if output is not None:
        _write(found, output, overwrite)
    calibration = model.bundle.artefact(model.preset).get("calibration")
    if as_json:
        told = {name: values.tolist() for name, values in found.items()}
        limits = ("false_alarm_rate", "low", "high")
        known = {name: None if calibration is None else calibration[name] for name in limits}
        print(json.dumps({"preset": model.preset, **known, "rows": told}))
        return
    _print(found, calibration)
    if output is not None:
        say(f"The results are in {bold(output.resolve())}.")


def _rows(model: Any, folder: Path, path: Path) -> Any:
    """Return the rows of a file for the model of a bundle: an array, or several by name."""
    score = model.signatures.get("score", {"inputs": ["x"]})
    others = sorted(set(score["inputs"]) - {"x"})
    found = read_examples(path, others, "DATA", schema=schema_file_of(folder))
    table = model.manifest.get("table")
    if table is None or not hasattr(found, "columns"):
        if isinstance(found, Path):
            raise ValueError(f"Expected DATA to be a file. Received: the folder {str(path)!r}")
        _check_numbers(found, model.manifest["model"]["event_shape"])
        return examples_of(found, None, option="DATA")
    from kvae.data import TableSchema

    return TableSchema.from_config(table).to_array(found, missing="refuse")


def _windows(series: Series, path: Path) -> tuple[dict[str, Any], Any]:
    """Return last step, and time where it is known, of each window of a file; and the windows."""
    found = text_names(read_examples(path, option="DATA"))
    cut = series.windows(found, stride=1)
    last = cut.starts + cut.length - 1
    if series.time is None:
        return {"step": last}, cut.x
    name = "time" if series.time in RESULTS else series.time
    return {"step": last, name: found[series.time].to_numpy()[last].astype(str)}, cut.x


def _check_numbers(found: Any, event_shape: list[int]) -> None:
    """Raise where a table holds no rows of the model, or other columns than numbers."""
    if hasattr(found, "columns"):
        if len(event_shape) != 1:
            raise ValueError(
                f"Expected DATA to be an array of shape (rows, {', '.join(map(str, event_shape))}) "
                "in an .npy file; a run folder of kvae train --window, in the place of its bundle, "
                "cuts the windows of a table. Received: a table"
            )
        others = [str(name) for name, dtype in found.dtypes.items() if dtype.kind not in "biuf"]
        if others:
            raise ValueError(
                "Expected columns of numbers alone for a bundle without the schema of its table, "
                "which kvae export --schema adds. Received: other columns " + ", ".join(others[:5])
            )


def _found(model: Any, rows: Any) -> dict[str, Any]:
    """Return score, and p-value and decision where there are thresholds, by name."""
    inputs = rows if isinstance(rows, dict) else {"x": rows}
    if model.bundle.artefact(model.preset).get("calibration") is None:
        return {"score": model.score(**inputs)}
    return dict(model.detect(**inputs))


def _print(found: dict[str, Any], calibration: Any) -> None:
    import numpy as np

    scores, count = found["score"], len(found["score"])
    example = "window" if "step" in found else "row"
    if calibration is None:
        say(
            f"{count} {example}s, score {scores.min():.4g} to {scores.max():.4g} nats. The bundle "
            "has no threshold: write it with --calibration to get decisions."
        )
        return
    anomalies = np.flatnonzero(found["is_anomaly"])
    rate = calibration["false_alarm_rate"]
    say(
        f"{len(anomalies)} of {count} {example}s are anomalies, at a false-alarm rate of "
        f"{rate:.2%}."
    )
    if not len(anomalies):
        return
    table = Table("row" if example == "row" else "last step", "score, nats", "p-value")
    steps = found.get("step", np.arange(count))
    beyond = scores - calibration["high"]
    if calibration["low"] is not None:
        beyond = np.maximum(beyond, calibration["low"] - scores)
    worst = np.lexsort((-beyond[anomalies], found["p_value"][anomalies]))  # many p are equal
    for row in anomalies[worst][:SHOWN]:
        table.add_row(str(steps[row]), f"{scores[row]:.4g}", f"{found['p_value'][row]:.3g}")
    console.print(table)
    if len(anomalies) > SHOWN:
        say(f"These are {SHOWN} of them; --output or --json has all.", style="dim")


def _write(found: dict[str, Any], output: Path, overwrite: bool) -> None:
    import pandas as pd

    frame = pd.DataFrame(found)
    if "step" not in found:
        frame.insert(0, "row", range(len(frame)))
    with files.replacing(output, overwrite) as temporary:
        write_table(frame, temporary)


def by_beam(
    bundle: str,
    patterns: list[str],
    output: str,
    signature: str,
    columns: list[str],
    preset: str | None,
) -> None:
    """Run a signature over the rows of Parquet files with Apache Beam.

    Args:
        bundle: folder of the bundle, or a run folder of `kvae train --job anomaly`.
        patterns: paths or patterns of Parquet files.
        output: prefix of the paths of the output files.
        signature: a signature with one input, or with x; its other inputs have columns of their
            own names.
        columns: one column of lists, or several columns of numbers: the one input, or x.
        preset: preset of the bundle's file to run; by default the one that its manifest names.

    Raises:
        ImportError: If Apache Beam is not installed.
        ValueError: If the bundle or a row does not have the expected form, or the run was trained
            on windows of a series.
    """
    if series_of(Path(bundle)) is not None:
        raise ValueError(
            "Expected a bundle that scores rows with --beam. Received: a run that was trained on "
            f"windows of a series, {bundle!r}: kvae score without --beam cuts them"
        )
    bundle = str(bundle_of(Path(bundle)))
    with quiet_native_logs():
        # Imported before apache_beam: its ImportError explains what to install.
        from kvae.export.beam import ReadFromParquet, RunSignature, WriteToParquet  # isort: skip
        import apache_beam as beam

        from kvae.export.runtime import Model

        described = Model(bundle, preset=preset).signatures.get(signature, {"inputs": ["x"]})
        inputs = list(described["inputs"])
        main = inputs[0] if len(inputs) == 1 else "x"
        if main not in inputs:
            raise ValueError(
                f"Expected a signature with one input, or with x. Received: {signature}, {inputs}"
            )
        read = {main: columns[0] if len(columns) == 1 else columns}
        with beam.Pipeline(argv=[]) as pipeline:
            _ = (
                pipeline
                | ReadFromParquet(patterns)
                | RunSignature(bundle, signature, columns=read, preset=preset)
                | WriteToParquet(output)
            )
    say(f"The results are in {bold(f'{output}-*.parquet')}.")
