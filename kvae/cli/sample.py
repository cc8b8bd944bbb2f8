"""`kvae sample`: draws of a trained model, as an array, a table or a picture."""

import json
from pathlib import Path
from typing import Any

from kvae import files
from kvae.cli.inputs import load_vae, schema_of
from kvae.cli.table_files import TABLES, write_table
from kvae.cli.terminal import console, quiet_native_logs

__all__ = ["run"]

SUFFIXES = (".npy", *TABLES, ".png")
COLUMNS = 10  # of a picture


def run(
    model: Path, output: Path, count: int, kind: str, seed: int, overwrite: bool, as_json: bool
) -> None:
    """Draw examples and write them.

    Args:
        model: a .keras file, or a run folder of `kvae train --job generate` or `--job table`.
        output: file of one of `SUFFIXES`; tables need the schema of a run folder.
        count: number of examples.
        kind: "draw" or "mean", see `VAE.sample`.
        seed: int.
        overwrite: whether to replace what stands at `output`.
        as_json: whether to print what was written as JSON.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"Expected --output to end in one of {', '.join(SUFFIXES)}. Received: {str(output)!r}"
        )
    files.destination(output, overwrite, "--output")
    if (model / "synthesizer").is_dir():
        shape = _synthetic(model / "synthesizer", output, count, kind, seed, overwrite)
        _report(output, count, shape, seed, as_json)
        return
    path = model / "model.keras" if model.is_dir() else model
    schema = model / "schema.json" if model.is_dir() else None
    with quiet_native_logs():
        vae = load_vae(path)
        if not hasattr(vae, "sample"):
            raise ValueError(f"Expected MODEL to be a kvae model. Received: {type(vae).__name__}")
        drawn = vae.sample(count, seed=seed, kind=kind)
    known = schema_of(schema) if schema is not None and schema.is_file() else None
    with files.replacing(output, overwrite) as temporary:
        _write(drawn, temporary, known, vae)
    _report(output, count, drawn.shape, seed, as_json)


def _report(output: Path, count: int, shape: Any, seed: int, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"output": str(output), "shape": list(shape), "seed": seed}))
        return
    console.print(f"{count} examples are in [bold]{output.resolve()}[/].", highlight=False)


def _synthetic(
    folder: Path, output: Path, count: int, kind: str, seed: int, overwrite: bool
) -> tuple[int, ...]:
    """Write rows of a table synthesizer; return their shape."""
    if kind != "draw" or output.suffix.lower() not in TABLES:
        raise ValueError(
            "Expected draws, as .csv or .parquet, of a run of --job table. Received: "
            f"--kind {kind}, --output {str(output)!r}"
        )
    with quiet_native_logs():
        from kvae.estimators import TableSynthesizer

        synthesizer = TableSynthesizer.load(folder).set_params(random_state=seed)
        frame = synthesizer.sample(count)
    with files.replacing(output, overwrite) as temporary:
        write_table(frame, temporary)
    return tuple(frame.shape)


def _write(drawn: Any, path: Path, schema: Any, vae: Any) -> None:
    import numpy as np

    suffix = path.suffix.lower()
    if suffix == ".npy":
        with path.open("wb") as file:
            np.save(file, drawn)
    elif suffix == ".png":
        _picture(drawn, vae).savefig(path, dpi=120)
    else:
        write_table(_frame(drawn, schema), path)


def _frame(drawn: Any, schema: Any) -> Any:
    import pandas as pd

    if schema is not None:
        return schema.to_frame(drawn)
    if drawn.ndim != 2:
        raise ValueError(
            "Expected --output .npy or .png: the examples are no rows of a table. Received: "
            f"examples of shape {drawn.shape[1:]}"
        )
    return pd.DataFrame(drawn, columns=[f"column {place}" for place in range(drawn.shape[1])])


def _picture(drawn: Any, vae: Any) -> Any:
    import numpy as np

    from kvae import pictures

    shape = drawn.shape[1:]
    if not pictures.drawable(shape):
        raise ValueError(
            "Expected --output .npy or .csv: the examples are no pictures or series. Received: "
            f"examples of shape {shape}"
        )
    rows = -(-len(drawn) // COLUMNS)
    padding = np.repeat(drawn[-1:], rows * COLUMNS - len(drawn), axis=0)
    grid = np.concatenate([drawn, padding]).reshape(rows, COLUMNS, *shape)
    return pictures.events(grid, vae.input_specs()["target"].domain, "Samples")
