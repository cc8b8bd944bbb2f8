"""`kvae export` and `kvae verify`: write a bundle of a saved model, and verify a bundle."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from kvae.cli.terminal import console, quiet_native_logs

__all__ = ["export", "read_examples", "verify"]


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
    with quiet_native_logs():
        import keras

        import kvae
        from kvae.export.signatures import SIGNATURES

        vae = keras.saving.load_model(model)
        results = kvae.export.bundle(
            vae,
            output,
            data=None if data is None else read_examples(data),
            presets=presets,
            signatures=signatures or SIGNATURES,
            batch_sizes=batch_sizes,
            overwrite=overwrite,
        )
    if as_json:
        print((output / "manifest.json").read_text("utf-8"))
        return
    for result in results.values():
        console.print(str(result), highlight=False)
    console.print(f"The bundle is in [bold]{output.resolve()}[/].", highlight=False)


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


def read_examples(path: Path) -> Any:
    """Return the array of an .npy file, or the array `x_test` or `x` of an .npz file."""
    import numpy as np

    if not path.is_file():
        raise FileNotFoundError(f"Expected --data to name a file. Received: {str(path)!r}")
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        for name in ("x_test", "x"):
            if name in loaded:
                return loaded[name]
        raise ValueError(f"Expected {path} to hold an array x_test or x. Received: {loaded.files}")
