"""`kvae`: the command line, built on typer. TensorFlow loads only inside a command."""

from pathlib import Path
from typing import Annotated

import typer

from kvae._version import __version__

__all__ = ["app"]

app = typer.Typer(
    help="Variational autoencoders for Keras 3, from training to the device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kvae {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Variational autoencoders for Keras 3, from training to the device."""


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder to write to.", show_default=True)
    ] = Path("kvae-demo"),
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.")] = 40,
    latent_dim: Annotated[int, typer.Option(min=1, help="Latent dimensions.")] = 16,
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier demo.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Train a VAE on bundled digits, draw it, export its decoder and check the exports."""
    from kvae.cli import demo as demonstration
    from kvae.cli.terminal import fail

    try:
        demonstration.run(output, epochs, latent_dim, seed, overwrite, as_json)
    except (ValueError, OSError, RuntimeError) as error:
        fail(error)


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="A VAE saved as .keras.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to be.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Examples, .npy or .npz (x_test or x). Without them draws from the prior stand "
            "in, and nothing is diagnosed."
        ),
    ] = None,
    preset: Annotated[
        list[str], typer.Option(help="float32, float16, int8-weights, int8, int8-full; repeatable.")
    ] = ["float32", "int8"],  # noqa: B006  # typer copies defaults
    signature: Annotated[
        list[str] | None,
        typer.Option(help="decode, encode, score, ...; repeatable; by default all of them."),
    ] = None,
    batch_size: Annotated[
        list[int], typer.Option(min=1, help="Batch of the signatures; repeatable, 1 among them.")
    ] = [1],  # noqa: B006
    overwrite: Annotated[bool, typer.Option(help="Replace what stands there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
) -> None:
    """Export a saved VAE as a bundle: TFLite files, manifest, golden vectors, model card."""
    from kvae.cli import bundles
    from kvae.cli.terminal import fail

    try:
        bundles.export(model, output, data, preset, signature, batch_size, overwrite, as_json)
    except (ValueError, OSError, RuntimeError) as error:
        fail(error)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Repeat the check of a bundle, from the bundle alone."""
    from kvae.cli import bundles
    from kvae.cli.terminal import fail

    try:
        bundles.verify(bundle, as_json)
    except (ValueError, OSError, RuntimeError) as error:
        fail(error)


@app.command()
def score(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle.")],
    rows: Annotated[list[str], typer.Argument(help="Parquet files, or patterns of such.")],
    output: Annotated[str, typer.Option("-o", "--output", help="How the files to be begin.")],
    signature: Annotated[str, typer.Option(help="score, encode, reconstruct, ...")] = "score",
    column: Annotated[
        list[str], typer.Option(help="The column of lists that is read; or, repeated, of numbers.")
    ] = ["x"],  # noqa: B006
    preset: Annotated[str, typer.Option(help="Which file of the bundle runs.")] = "float32",
) -> None:
    """Score the rows of Parquet files into Parquet files, as many as there are (needs Beam)."""
    from kvae.cli import score as scoring
    from kvae.cli.terminal import fail

    try:
        scoring.run(bundle, rows, output, signature, column, preset)
    except (ImportError, ValueError, OSError, RuntimeError) as error:
        fail(error)


@app.command()
def bench(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Time the decoders of a bundle on this machine, on one and on two threads."""
    from kvae.cli import bench as benchmark
    from kvae.cli.terminal import fail

    try:
        benchmark.bench(bundle, as_json)
    except (ValueError, OSError, RuntimeError) as error:
        fail(error)


@app.command()
def diagnose(
    model: Annotated[Path, typer.Argument(help="A VAE saved as .keras.")],
    data: Annotated[Path, typer.Option(help="Examples, .npy or .npz (x_test or x).")],
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
    picture: Annotated[Path | None, typer.Option(help="Picture to write, .png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure a saved VAE's latent space, and say whether it is healthy and what to do."""
    from kvae.cli import diagnose as diagnosis
    from kvae.cli.terminal import fail

    try:
        diagnosis.run(model, data, seed, picture, as_json)
    except (ValueError, OSError, RuntimeError) as error:
        fail(error)


@app.command()
def anatomy(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")] = Path(
        "kvae-anatomy"
    ),
    data: Annotated[str, typer.Option(help="digits, sprites or faces.")] = "digits",
    examples: Annotated[int, typer.Option(min=50, help="Pictures to train on.")] = 2000,
    beta: Annotated[
        list[float], typer.Option(min=0.0, help="A weight of the KL to try; give several.")
    ] = [0.25, 4.0, 16.0],  # noqa: B006 - typer reads it and changes nothing
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data, each arm.")] = 40,
    latent_dim: Annotated[int, typer.Option(min=1, help="Latent dimensions.")] = 6,
    hidden: Annotated[int, typer.Option(min=1, help="Units of each hidden layer.")] = 128,
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier anatomy.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Take a VAE apart: train it without each of its parts, and judge the idea by the numbers."""
    from kvae.cli import anatomy as experiment
    from kvae.cli.terminal import fail

    try:
        experiment.run(
            output,
            data,
            examples,
            beta,
            seed,
            overwrite,
            as_json,
            epochs=epochs,
            latent_dim=latent_dim,
            hidden=hidden,
        )
    except (ValueError, OSError, RuntimeError) as error:
        fail(error)
