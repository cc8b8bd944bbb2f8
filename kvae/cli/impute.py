"""`kvae impute`: estimates in place of the missing values of a table or an array."""

import json
from pathlib import Path
from typing import Any

from kvae import files
from kvae.cli.inputs import examples_of, load_vae, read_examples, schema_of
from kvae.cli.run_folder import model_of, schema_file_of
from kvae.cli.table_files import TABLES, check_suffix
from kvae.cli.table_output import write_table
from kvae.cli.terminal import bold, quiet_native_logs, say

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
        result, count, schema = _imputed(model, found, kind, seed)
    with files.replacing(output, overwrite) as temporary:
        _write(result, temporary, schema)
    if as_json:
        print(json.dumps({"output": str(output), "imputed": count, "seed": seed}))
        return
    say(f"{count} values were imputed. The result is in {bold(output.resolve())}.")


def _imputed(model: Path, found: Any, kind: str, seed: int) -> tuple[Any, int, Any]:
    """Return the data without missing values, how many there were, and the schema of a table."""
    import numpy as np

    from kvae.data.tables.gaps import filled, filled_by_schema

    if (model / "synthesizer").is_dir():
        from kvae.estimators import TableSynthesizer

        if not hasattr(found, "columns"):
            raise ValueError("Expected DATA to be a table for a run of --job table.")
        synthesizer = TableSynthesizer.load(model / "synthesizer").set_params(random_state=seed)
        whole = synthesizer.impute(found, kind)
        return whole, _filled(found, whole), synthesizer.schema_
    vae = load_vae(model_of(model))
    if not hasattr(vae, "impute"):
        raise ValueError(f"Expected MODEL to be a kvae.VAE. Received: {type(vae).__name__}")
    file = schema_file_of(model)
    x = np.asarray(examples_of(found, vae, file, "DATA"), "float32")
    estimates = vae.impute(x, seed=seed, kind=kind)
    if not hasattr(found, "columns"):
        return np.where(np.isnan(found), estimates, found), int(np.isnan(x).sum()), None
    schema = None if file is None else schema_of(file)
    if schema is None:
        whole = filled(found, type(found)(estimates, found.index, found.columns))
    else:
        whole = filled_by_schema(schema, found, x, estimates)
    return whole, _filled(found, whole), schema


def _filled(table: Any, whole: Any) -> int:
    """Return how many missing cells of a table another one fills."""
    return int((table.isna() & whole.notna()).to_numpy().sum())


def _write(result: Any, path: Path, schema: Any) -> None:
    import numpy as np

    if hasattr(result, "columns"):
        write_table(result, path, schema)
        return
    with path.open("wb") as file:
        np.save(file, result)
