"""`kvae impute`: estimates in place of the missing values of a table or an array."""

import json
from pathlib import Path
from typing import Any

from kvae import files
from kvae.cli.inputs import examples_of, load_vae, read_examples, schema_of
from kvae.cli.run_folder import model_of, schema_file_of
from kvae.cli.table_files import TABLES, check_suffix, write_table
from kvae.cli.terminal import console, quiet_native_logs

__all__ = ["run"]

SUFFIXES = (*TABLES, ".npy")


def run(
    model: Path, data: Path, output: Path, kind: str, seed: int, overwrite: bool, as_json: bool
) -> None:
    """Fill in missing values and write the data.

    Args:
        model: a run folder of `kvae train` whose data had missing values, or a .keras file.
        data: a table or an array.
        output: a file of the kind of `data`.
        kind: "draw" or "mean", see `kvae.VAE.impute`.
        seed: int.
        overwrite: whether to replace what stands at `output`.
        as_json: whether to print what was written as JSON.
    """
    check_suffix(output, SUFFIXES)
    files.destination(output, overwrite, "--output", {"DATA": data}, folder=False)
    found = read_examples(data, option="DATA", schema=schema_file_of(model))
    table = hasattr(found, "columns")
    if isinstance(found, Path) or table != (output.suffix.lower() in TABLES):
        raise ValueError(
            "Expected DATA and --output to be two tables, or two arrays. Received: "
            f"{str(data)!r} and {str(output)!r}"
        )
    with quiet_native_logs():
        result, count = _imputed(model, found, kind, seed)
    with files.replacing(output, overwrite) as temporary:
        _write(result, temporary)
    if as_json:
        print(json.dumps({"output": str(output), "imputed": count, "seed": seed}))
        return
    console.print(
        f"{count} values were imputed. The result is in [bold]{output.resolve()}[/].",
        highlight=False,
    )


def _imputed(model: Path, found: Any, kind: str, seed: int) -> tuple[Any, int]:
    """Return the data without missing values, and how many there were."""
    import numpy as np

    from kvae.data.tables.gaps import filled, filled_by_schema

    if (model / "synthesizer").is_dir():
        from kvae.estimators import TableSynthesizer

        if not hasattr(found, "columns"):
            raise ValueError("Expected DATA to be a table for a run of --job table.")
        synthesizer = TableSynthesizer.load(model / "synthesizer").set_params(random_state=seed)
        return _counted(found, synthesizer.impute(found, kind))
    vae = load_vae(model_of(model))
    if not hasattr(vae, "impute"):
        raise ValueError(f"Expected MODEL to be a kvae.VAE. Received: {type(vae).__name__}")
    file = schema_file_of(model)
    x = np.asarray(examples_of(found, vae, file, "DATA"), "float32")
    estimates = vae.impute(x, seed=seed, kind=kind)
    if not hasattr(found, "columns"):
        return np.where(np.isnan(found), estimates, found), int(np.isnan(x).sum())
    if file is None:
        return _counted(found, filled(found, type(found)(estimates, found.index, found.columns)))
    return _counted(found, filled_by_schema(schema_of(file), found, x, estimates))


def _counted(table: Any, whole: Any) -> tuple[Any, int]:
    """Return the table with estimates, and how many missing cells of the other one it fills."""
    return whole, int((table.isna() & whole.notna()).to_numpy().sum())


def _write(result: Any, path: Path) -> None:
    import numpy as np

    if hasattr(result, "columns"):
        write_table(result, path)
        return
    with path.open("wb") as file:
        np.save(file, result)
