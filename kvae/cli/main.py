"""The `kvae` command line, built on typer. TensorFlow is imported only inside a command."""

from pathlib import Path
from typing import Annotated

import typer

from kvae._version import __version__

__all__ = ["app"]

app = typer.Typer(
    help="Train, diagnose and export variational autoencoders for Keras 3.",
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
    """Train, diagnose and export variational autoencoders for Keras 3."""


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder to write to.", show_default=True)
    ] = Path("kvae-demo"),
    epochs: Annotated[int, typer.Option(min=1, help="Number of epochs.")] = 40,
    latent_dim: Annotated[int, typer.Option(min=1, help="Number of latent dimensions.")] = 16,
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Overwrite an existing demo.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Train a VAE on digits, draw figures, and export and verify its decoder."""
    from kvae.cli import demo as demonstration
    from kvae.cli.terminal import errors

    with errors():
        demonstration.run(output, epochs, latent_dim, seed, overwrite, as_json)


@app.command()
def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A .npy, .npz, .csv or .parquet file, a folder of pictures, or digits, sprites, "
            "faces, mnist or fashion_mnist."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Run folder to create.")] = Path(
        "kvae-run"
    ),
    resume: Annotated[
        Path | None, typer.Option(help="Run folder of an interrupted run to resume.")
    ] = None,
    likelihood: Annotated[str | None, typer.Option(help="A layer, IndependentNormal, ...")] = None,
    transform: Annotated[
        str | None, typer.Option(help="none, pixels, standardization or log.")
    ] = None,
    networks: Annotated[
        str | None, typer.Option(help="conv, mlp, residual, residual_mlp or sequence.")
    ] = None,
    latent_dim: Annotated[int | None, typer.Option(min=1, help="Latent dimensions.")] = None,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Of Adam.")] = 1e-3,
    size: Annotated[int | None, typer.Option(min=1, help="Size of pictures of a folder.")] = None,
    grey: Annotated[bool, typer.Option(help="Read pictures of a folder as grey ones.")] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs; by default 10 to 200, about 20,000 steps.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples of a training step.")] = 64,
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing run folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json alone.")] = False,
) -> None:
    """Choose a VAE by looking at data, train it, draw it and diagnose it."""
    from kvae.cli import train as training
    from kvae.cli.terminal import errors

    given = {
        "likelihood": likelihood,
        "transform": transform,
        "networks": networks,
        "latent_dim": latent_dim,
        "learning_rate": learning_rate,
        "size": size,
        "grey": grey or None,
    }
    choices = {name: value for name, value in given.items() if value is not None}
    settings = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    with errors():
        training.run(data, output, resume, overwrite, as_json, settings, choices)


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(help="A model saved as .keras, or a run folder.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A .npy, .csv, .parquet or .png file.")
    ],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Number of examples.")] = 60,
    kind: Annotated[str, typer.Option(help="draw, or mean of the likelihood.")] = "draw",
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Draw examples from a trained model."""
    from kvae.cli import sample as sampling
    from kvae.cli.terminal import errors

    with errors():
        sampling.run(model, output, count, kind, seed, overwrite, as_json)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check whether this environment trains and exports a VAE."""
    from kvae.cli import doctor as diagnosis
    from kvae.cli.terminal import errors

    with errors():
        if not diagnosis.run(as_json):
            raise typer.Exit(1)


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="A VAE saved as .keras.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to create.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Examples, .npy or .npz (x_test or x, and other inputs by name, such as "
            "condition). By default decoded prior samples are used and the model is not diagnosed."
        ),
    ] = None,
    preset: Annotated[
        list[str],
        typer.Option(help="float32, float16, int8-weights, int8 or int8-full; repeatable."),
    ] = ["float32", "int8"],  # noqa: B006  # typer copies defaults
    signature: Annotated[
        list[str] | None,
        typer.Option(help="decode, encode, score, ...; repeatable; default: all."),
    ] = None,
    batch_size: Annotated[
        list[int],
        typer.Option(min=1, help="Batch size of the signatures; repeatable, must include 1."),
    ] = [1],  # noqa: B006
    tolerance: Annotated[
        list[str],
        typer.Option(
            metavar="PRESET:NAME=NUMBER,...",
            help="How far a preset may be from Keras, with the names error, psnr, score and codes, "
            "such as int8:psnr=35,score=1; repeatable.",
        ),
    ] = [],  # noqa: B006
    description: Annotated[str, typer.Option(help="A sentence on the model, for the card.")] = "",
    author: Annotated[str, typer.Option(help="Author of the model, for the card.")] = "",
    licence: Annotated[str, typer.Option(help="SPDX expression, such as CC-BY-4.0.")] = "",
    training_data: Annotated[str, typer.Option(help="A sentence on the training data.")] = "",
    preprocessing: Annotated[
        str, typer.Option(help="A sentence on what was done to raw data.")
    ] = "",
    measure: Annotated[bool, typer.Option(help="Measure time and memory of every file.")] = True,
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="Normal examples that were not trained on: each preset gets a threshold."
        ),
    ] = None,
    false_alarm_rate: Annotated[
        float, typer.Option(help="Wanted rate of false alarms with --calibration.")
    ] = 0.01,
    two_sided: Annotated[
        bool, typer.Option(help="Whether a score that is too low is an anomaly too.")
    ] = False,
    trainable: Annotated[
        str | None,
        typer.Option(
            help="Which weights a device can train further: scale, heads or all; default: none."
        ),
    ] = None,
    optimizer: Annotated[
        str, typer.Option(help="adam or sgd: the optimizer with --trainable.")
    ] = "adam",
    training_batch_size: Annotated[
        int, typer.Option(min=1, help="Rows of a training step with --trainable.")
    ] = 16,
    overwrite: Annotated[bool, typer.Option(help="Overwrite an existing output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
) -> None:
    """Export a saved VAE as a bundle: TFLite files, manifest, golden vectors, model card."""
    from kvae.cli import bundles
    from kvae.cli.terminal import errors

    with errors():
        bundles.export(
            model,
            output,
            data,
            tolerance,
            overwrite,
            as_json,
            calibration,
            presets=preset,
            signatures=signature or None,
            batch_sizes=batch_size,
            description=description,
            author=author,
            licence=licence,
            training_data=training_data,
            preprocessing=preprocessing,
            measure=measure,
            false_alarm_rate=false_alarm_rate,
            two_sided=two_sided,
            trainable=trainable,
            optimizer=optimizer,
            training_batch_size=training_batch_size,
        )


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Verify a bundle: compare its files with the golden vectors that it contains."""
    from kvae.cli import bundles
    from kvae.cli.terminal import errors

    with errors():
        bundles.verify(bundle, as_json)


@app.command()
def score(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle.")],
    rows: Annotated[list[str], typer.Argument(help="Parquet files or glob patterns.")],
    output: Annotated[str, typer.Option("-o", "--output", help="Prefix of the output files.")],
    signature: Annotated[str, typer.Option(help="score, encode, reconstruct, ...")] = "score",
    column: Annotated[
        list[str], typer.Option(help="A column of lists; or, repeated, columns of numbers.")
    ] = ["x"],  # noqa: B006
    preset: Annotated[
        str | None, typer.Option(help="Preset of the file to run; by default the manifest's.")
    ] = None,
) -> None:
    """Run a signature over the rows of Parquet files with Apache Beam."""
    from kvae.cli import score as scoring
    from kvae.cli.terminal import errors

    with errors():
        scoring.run(bundle, rows, output, signature, column, preset)


@app.command()
def bench(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    save: Annotated[
        bool, typer.Option("--save", help="Add the results to the manifest and the card.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            help="Name of this machine; by default its processor and system. Results of the same "
            "name are replaced."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Measure time and memory of every file of a bundle on this machine."""
    from kvae.cli import bench as benchmark
    from kvae.cli.terminal import errors

    with errors():
        benchmark.bench(bundle, save, device, as_json)


@app.command()
def diagnose(
    model: Annotated[Path, typer.Argument(help="A VAE saved as .keras.")],
    data: Annotated[
        Path,
        typer.Option(
            help="Examples: .npy, .npz (x_test or x), .csv, .parquet, or a folder of pictures."
        ),
    ],
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
    condition: Annotated[
        str | None,
        typer.Option(help="One condition, at which a conditional model is diagnosed: 7, or 0.5,1."),
    ] = None,
    train_data: Annotated[
        Path | None, typer.Option(help="Examples of the training, to see overfitting.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="Schema of a table as .json, see kvae.data.TableSchema.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Write a figure to this .png file.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a page to this .html file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Diagnose the latent space of a saved VAE: estimates, state and advice."""
    from kvae.cli import diagnose as diagnosis
    from kvae.cli.terminal import errors

    with errors():
        diagnosis.run(model, data, seed, picture, as_json, condition, train_data, report, schema)


@app.command()
def ablation(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")] = Path(
        "kvae-ablation"
    ),
    data: Annotated[str, typer.Option(help="digits, sprites or faces.")] = "digits",
    examples: Annotated[int, typer.Option(min=50, help="Number of images.")] = 2000,
    beta: Annotated[
        list[float], typer.Option(min=0.0, help="Weight of the KL of a variant; repeatable.")
    ] = [0.25, 4.0, 16.0],  # noqa: B006 - typer reads it and changes nothing
    epochs: Annotated[int, typer.Option(min=1, help="Number of epochs of each variant.")] = 40,
    latent_dim: Annotated[int, typer.Option(min=1, help="Number of latent dimensions.")] = 6,
    hidden: Annotated[int, typer.Option(min=1, help="Units of each hidden layer.")] = 128,
    networks: Annotated[str, typer.Option(help="mlp or conv.")] = "mlp",
    resolution: Annotated[
        int, typer.Option(min=8, help="Height and width of sprites and faces.")
    ] = 16,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds of each variant.")] = 3,
    overwrite: Annotated[bool, typer.Option(help="Overwrite an existing output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a VAE without each of its parts and compare the latent spaces."""
    from kvae.cli import ablation as experiment
    from kvae.cli.terminal import errors

    with errors():
        experiment.run(
            output,
            data,
            examples,
            beta,
            seed,
            overwrite,
            as_json,
            resolution,
            seeds,
            epochs=epochs,
            latent_dim=latent_dim,
            hidden=hidden,
            networks=networks,
        )
