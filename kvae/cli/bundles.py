"""`kvae export` and `kvae verify`: write a bundle of a saved model, and verify a bundle."""

import json
import warnings
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from kvae import files
from kvae.cli.inputs import load_vae, read_examples
from kvae.cli.terminal import console, plain, quiet_native_logs

__all__ = ["export", "verify"]


def export(
    model: Path,
    output: Path,
    data: Path | None,
    presets: list[str],
    signatures: list[str] | None,
    batch_sizes: list[int],
    overwrite: bool,
    as_json: bool,
) -> None:
    """Load a saved VAE and write a bundle."""
    files.destination(output, overwrite, "--output")
    examples = None if data is None else read_examples(data)
    with quiet_native_logs(), warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always")
        import kvae

        results = kvae.export.bundle(
            load_vae(model),
            output,
            data=examples,
            presets=presets,
            signatures=signatures or None,
            batch_sizes=batch_sizes,
            overwrite=overwrite,
        )
    for warning in left_out:
        if issubclass(warning.category, UserWarning):
            console.print(f"Warning: {escape(plain(str(warning.message)))}", style="yellow")
    if as_json:
        print((output / "manifest.json").read_text("utf-8"))
        return
    for result in results.values():
        console.print(str(result), highlight=False, markup=False)
    where = escape(plain(str(output.resolve())))
    console.print(f"The bundle is in [bold]{where}[/].", highlight=False)


def verify(path: Path, as_json: bool) -> None:
    """Compare the outputs of a bundle's files with its golden vectors."""
    with quiet_native_logs():
        import kvae

        measured = kvae.export.verify(path)
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
    console.print("All files agree with the golden vectors.")
