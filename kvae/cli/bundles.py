"""`kvae export` and `kvae verify`: write a bundle of a saved model, and verify a bundle."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rich.table import Table

from kvae import files
from kvae.cli.inputs import examples_of, load_vae, read_examples, schema_of
from kvae.cli.run_folder import bundle_of, data_of, model_of, schema_file_of
from kvae.cli.terminal import bold, console, quiet_native_logs, say
from kvae.export.verification.compare import Tolerance

__all__ = ["export", "verify"]


def export(
    model: Path,
    output: Path,
    data: Path | None,
    tolerances: list[str],
    overwrite: bool,
    as_json: bool,
    calibration: Path | None = None,
    schema: Path | None = None,
    training_data: str = "",
    **settings: Any,
) -> None:
    """Load a saved model and write a bundle.

    Args:
        model: the `.keras` file, or a run folder or bundle that holds one.
        output: folder to create.
        data: file of examples.
        tolerances: of the form PRESET:NAME=NUMBER,...
        overwrite: whether to replace what stands at `output`.
        as_json: whether to print the manifest.
        calibration: file of normal examples, or None.
        schema: file of the schema of a table; by default the one that a run folder holds.
        training_data: a sentence, by default the name of the data of a run folder.
        **settings: other arguments of `kvae.export.bundle`.
    """
    read = {"MODEL": model, "--data": data, "--calibration": calibration, "--schema": schema}
    files.destination(output, overwrite, "--output", read)
    schema = schema or schema_file_of(model)
    table = None if schema is None else schema_of(schema)
    tolerance = _tolerances(tolerances)
    for path, option in ((data, "--data"), (calibration, "--calibration")):
        if path is not None and not path.exists():  # before the model, which takes seconds
            read_examples(path, option=option)
    with quiet_native_logs():
        import kvae

        loaded = load_vae(model_of(model))
        known = isinstance(loaded, kvae.models.LatentModel)
        others = set(loaded.input_specs()) - {"x", "target"} if known else ()
        examples = None if data is None else read_examples(data, sorted(others), schema=schema)
        if examples is not None and known:
            examples = examples_of(examples, loaded, schema)
        rows = None
        if calibration is not None:
            rows = read_examples(calibration, sorted(others), "--calibration", schema=schema)
            rows = examples_of(rows, loaded, schema, "--calibration") if known else rows
        results = kvae.export.bundle(
            loaded,
            output,
            data=examples,
            calibration=rows,
            schema=table,
            tolerance=tolerance,
            overwrite=overwrite,
            training_data=training_data or data_of(model),
            **settings,
        )
    if as_json:
        print((output / "manifest.json").read_text("utf-8"))
        return
    for result in results.values():
        say(str(result), markup=False)
    say(f"The bundle is in {bold(output.resolve())}.")


def _tolerances(texts: list[str]) -> dict[str, Tolerance]:
    """Return tolerances by preset, of texts such as int8:psnr=35,score=1.

    Several texts of one preset add up; of one name the last number counts.
    """
    known = ", ".join(field.name for field in fields(Tolerance))
    settings: dict[str, dict[str, float]] = {}
    found: dict[str, Tolerance] = {}
    for text in texts:
        preset, _, numbers = text.partition(":")
        try:
            pairs = [each.split("=") for each in numbers.split(",")]
            of_preset = settings.setdefault(preset, {})
            of_preset.update({name: float(number) for name, number in pairs})
            found[preset] = Tolerance(**of_preset)
            if not preset:
                raise ValueError
        except (TypeError, ValueError):
            raise ValueError(
                "Expected --tolerance to be of the form PRESET:NAME=NUMBER,... with the names "
                f"{known}. Received: {text!r:.200}"
            ) from None
    return found


def verify(path: Path, as_json: bool) -> None:
    """Compare the outputs of a bundle's files, or of a run folder's, with its golden vectors."""
    with quiet_native_logs():
        import kvae

        measured = kvae.export.verify(bundle_of(path))
    if as_json:
        print(json.dumps(measured, default=asdict, indent=2))
        return
    table = Table("preset", "signature", "output", "largest error", "PSNR")
    for preset, signatures in measured.items():
        for signature, outputs in signatures.items():
            for output, value in outputs.items():
                row = (preset, signature, output, f"{value.error:.1e}", f"{value.psnr:.0f} dB")
                table.add_row(*row)
    console.print(table)
    say("All files agree with the golden vectors.")
