"""`kvae sample`: draws of a trained model, as an array, a table or a picture."""

import json
from pathlib import Path
from typing import Any

from kvae import files
from kvae.cli.example_files import SUFFIXES, write_examples
from kvae.cli.inputs import load_vae, schema_of
from kvae.cli.run_folder import model_of, schema_file_of
from kvae.cli.table_files import TABLES, check_suffix
from kvae.cli.table_output import write_table
from kvae.cli.terminal import bold, quiet_native_logs, say

__all__ = ["run"]

COLUMNS = 10  # of a picture
TITLES = {
    "mean": "Samples from the prior",
    "draw": "Samples from the prior, with the noise of the likelihood",
}


def run(
    model: Path,
    output: Path,
    count: int,
    kind: str | None,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Draw examples and write them.

    Args:
        model: a .keras file, or a run folder of `kvae train --job generate` or `--job table`.
        output: .npy, .csv, .parquet or .png; tables need the schema of a run folder.
        count: number of examples.
        kind: "draw" or "mean", see `VAE.sample`; None for means in a picture and draws elsewhere.
        seed: int.
        overwrite: whether to replace what stands at `output`.
        as_json: whether to print what was written as JSON.
    """
    check_suffix(output, SUFFIXES)
    files.destination(output, overwrite, "--output", folder=False)
    kind = kind or ("mean" if output.suffix.lower() == ".png" else "draw")
    if (model / "synthesizer").is_dir():
        shape = _synthetic(model / "synthesizer", output, count, kind, seed, overwrite)
        _report(output, count, shape, seed, as_json)
        return
    schema = schema_file_of(model)
    with quiet_native_logs():
        vae = load_vae(model_of(model))
        if not hasattr(vae, "sample"):
            raise ValueError(f"Expected MODEL to be a kvae model. Received: {type(vae).__name__}")
        drawn = vae.sample(count, seed=seed, kind=kind)
    known = None if schema is None else schema_of(schema)
    with files.replacing(output, overwrite) as temporary:
        write_examples(drawn, temporary, known, vae, TITLES[kind], COLUMNS)
    _report(output, count, drawn.shape, seed, as_json)


def _report(output: Path, count: int, shape: Any, seed: int, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"output": str(output), "shape": list(shape), "seed": seed}))
        return
    say(f"{count} examples are in {bold(output.resolve())}.")


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
        write_table(frame, temporary, synthesizer.schema_)
    return tuple(frame.shape)
