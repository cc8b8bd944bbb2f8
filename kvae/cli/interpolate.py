"""`kvae interpolate`: what lies between two examples, as an array, a table or a picture."""

import json
from pathlib import Path
from typing import Any

from kvae import files
from kvae.cli.example_files import SUFFIXES, write_examples
from kvae.cli.inputs import examples_of, load_vae, read_examples, schema_of
from kvae.cli.run_folder import model_of, schema_file_of
from kvae.cli.table_files import check_suffix
from kvae.cli.terminal import bold, quiet_native_logs, say

__all__ = ["run"]


def run(
    model: Path,
    data: Path,
    output: Path,
    between: tuple[int, int],
    steps: int,
    path: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Decode the points of a path between two examples and write them.

    Args:
        model: a .keras file, or a run folder of `kvae train --job generate`.
        data: a file of examples.
        output: .npy, .csv, .parquet or .png; tables need the schema of a run folder.
        between: the rows of `data` at both ends, from 0 on.
        steps: points of the path, both ends included.
        path: see `kvae.interpolate`.
        overwrite: whether to replace what stands at `output`.
        as_json: whether to print what was written as JSON.
    """
    check_suffix(output, SUFFIXES)
    files.destination(output, overwrite, "--output", {"DATA": data}, folder=False)
    schema = schema_file_of(model)
    examples = read_examples(data, option="DATA", schema=schema)
    with quiet_native_logs():
        import kvae

        vae = load_vae(model_of(model))
        x = examples_of(examples, vae, schema, "DATA")
        start, end = _ends(x, between)
        found = kvae.interpolate(vae, start, end, steps, path, encoded=False)
    table = None if schema is None else schema_of(schema)
    title = f"From example {between[0]} to {between[1]}, {path}"
    with files.replacing(output, overwrite) as temporary:
        write_examples(found.decoded[0], temporary, table, vae, title, columns=steps)
    if as_json:
        print(json.dumps({"output": str(output), "shape": list(found.decoded[0].shape)}))
        return
    say(f"{steps} examples are in {bold(output.resolve())}.")


def _ends(x: Any, between: tuple[int, int]) -> list[Any]:
    """Return both ends, each with an axis of one example."""
    if not all(0 <= row < len(x) for row in between):
        raise ValueError(
            f"Expected --between to name two rows of DATA, 0 to {len(x) - 1}. Received: "
            f"{between[0]} {between[1]}"
        )
    return [x[row : row + 1] for row in between]
