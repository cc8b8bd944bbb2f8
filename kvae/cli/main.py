"""The `kvae` command line, built on typer. TensorFlow is imported only inside a command."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kvae._version import __version__
from kvae.cli.completion import one_of

__all__ = ["app"]

MOST_SEED = 2**31 - 1  # as in `kvae.checks.seed`; NumPy takes no negative ones
Seed = Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of every random number.")]
DrawSeed = Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of the draws.")]
MODEL = (
    "A model saved as .keras, a run folder, a bundle that holds model.keras, or pretrained:NAME."
)

app = typer.Typer(
    help="Train, diagnose and export variational autoencoders for Keras 3.",
    rich_markup_mode=None,  # the panels of rich cut long options at 80 columns
    pretty_exceptions_show_locals=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kvae {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Train, diagnose and export variational autoencoders for Keras 3."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(short_help="Train a VAE on digits, draw figures and export its decoder.")
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder to write to.", show_default=True)
    ] = Path("kvae-demo"),
    epochs: Annotated[int, typer.Option(min=1, help="Number of epochs.")] = 40,
    latent_dim: Annotated[int, typer.Option(min=1, help="Number of latent dimensions.")] = 16,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option(help="Overwrite an existing demo.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Train a VAE on digits, draw figures, and export and verify its decoder."""
    from kvae.cli import demo as demonstration
    from kvae.cli.terminal import errors

    with errors():
        demonstration.run(output, epochs, latent_dim, seed, overwrite, as_json)


@app.command(short_help="Train a VAE, an anomaly detector or a synthetic table.")
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
    job: Annotated[
        str,
        typer.Option(
            help="generate: a VAE of the data; anomaly: a detector of rows unlike the others, with "
            "a bundle that decides; table: a table of synthetic rows.",
            autocompletion=one_of("generate", "anomaly", "table"),
        ),
    ] = "generate",
    resume: Annotated[
        Path | None, typer.Option(help="Run folder of an interrupted run to resume.")
    ] = None,
    likelihood: Annotated[str | None, typer.Option(help="A layer, IndependentNormal, ...")] = None,
    transform: Annotated[
        str | None,
        typer.Option(
            help="none, pixels, standardization or log.",
            autocompletion=one_of("none", "pixels", "standardization", "log"),
        ),
    ] = None,
    networks: Annotated[
        str | None,
        typer.Option(
            help="conv, mlp, residual, residual_mlp or sequence.",
            autocompletion=one_of("conv", "mlp", "residual", "residual_mlp", "sequence"),
        ),
    ] = None,
    latent_dim: Annotated[int | None, typer.Option(min=1, help="Latent dimensions.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help="Of Adam; by default 0.001.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=KIND",
            help="What a column of a table holds: number, integer, count, category, date or drop; "
            "repeatable.",
        ),
    ] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Size of pictures of a folder.")] = None,
    grey: Annotated[bool, typer.Option(help="Read pictures of a folder as grey ones.")] = False,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Epochs; by default 10 to 200, about 20,000 steps, of --job generate."
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Examples of a training step; by default 64 with --job generate."),
    ] = None,
    false_alarm_rate: Annotated[
        float | None,
        typer.Option(help="Wanted rate of false alarms of --job anomaly; by default 0.01."),
    ] = None,
    two_sided: Annotated[
        bool,
        typer.Option(help="With --job anomaly: whether a score that is too low is an anomaly too."),
    ] = False,
    window: Annotated[
        int | None,
        typer.Option(
            min=2, help="With --job anomaly: DATA is a series, judged in windows of so many steps."
        ),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            min=1, help="Steps between two windows of the training; by default none overlap."
        ),
    ] = None,
    trainable: Annotated[
        str | None,
        typer.Option(
            help="With --job anomaly: which weights a device can train further: scale, heads or "
            "all; default: none.",
            autocompletion=one_of("scale", "heads", "all"),
        ),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option(help="Write the figures of each epoch for TensorBoard as well.")
    ] = False,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing run folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json alone.")] = False,
) -> None:
    """Train what a job needs, by looking at data: a VAE, an anomaly detector, a synthetic table."""
    from kvae.cli import jobs
    from kvae.cli import train as training
    from kvae.cli.terminal import errors
    from kvae.cli.training_data import kinds_of

    shared: dict[str, Any] = {"latent_dim": latent_dim, "learning_rate": learning_rate}
    fitting = {"epochs": epochs, "batch_size": batch_size}
    of_job: dict[str, dict[str, Any]] = {
        "generate": {
            "likelihood": likelihood,
            "transform": transform,
            "networks": networks,
            "size": size,
            "grey": grey or None,
            "resume": resume,
            "tensorboard": tensorboard or None,
        },
        "anomaly": {
            "false_alarm_rate": false_alarm_rate,
            "two_sided": two_sided or None,
            "window": window,
            "stride": stride,
            "trainable": trainable,
        },
        "table": {},
    }
    with errors():
        shared["overrides"] = kinds_of(column) if column else None
        choices = jobs.choices_of(job, of_job, shared | ({} if job == "generate" else fitting))
        if job != "generate":
            jobs.run(job, data, output, overwrite, as_json, seed, choices)
            return
        choices.pop("resume", None)
        settings = {
            "epochs": epochs,
            "batch_size": batch_size or training.BATCH,
            "seed": seed,
            "tensorboard": choices.pop("tensorboard", False),
        }
        training.run(data, output, resume, overwrite, as_json, settings, choices)


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(help=MODEL)],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A .npy, .csv, .parquet or .png file.")
    ],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Number of examples.")] = 60,
    kind: Annotated[
        str | None,
        typer.Option(
            help="draw, or mean of the likelihood; by default mean for .png, else draw.",
            autocompletion=one_of("draw", "mean"),
        ),
    ] = None,
    seed: DrawSeed = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Draw examples from a trained model."""
    from kvae.cli import sample as sampling
    from kvae.cli.pretrained import place
    from kvae.cli.terminal import errors

    with errors():
        sampling.run(place(model), output, count, kind, seed, overwrite, as_json)


@app.command()
def interpolate(
    model: Annotated[Path, typer.Argument(help=MODEL)],
    data: Annotated[
        Path, typer.Argument(help="A .csv, .parquet, .npy or .npz file, or a folder of pictures.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A .npy, .csv, .parquet or .png file.")
    ],
    between: Annotated[
        tuple[int, int],
        typer.Option(
            help="The rows of DATA at both ends, from 0 on; pictures in the order of paths."
        ),
    ] = (0, 1),
    steps: Annotated[int, typer.Option(min=2, help="Points of the path, with both ends.")] = 10,
    path: Annotated[
        str,
        typer.Option(
            help="linear, spherical or geodesic.",
            autocompletion=one_of("linear", "spherical", "geodesic"),
        ),
    ] = "linear",
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Decode what lies between two examples."""
    from kvae.cli import interpolate as interpolation
    from kvae.cli.pretrained import place
    from kvae.cli.terminal import errors

    with errors():
        interpolation.run(place(model), data, output, between, steps, path, overwrite, as_json)


@app.command()
def impute(
    model: Annotated[
        Path, typer.Argument(help="As for sample, of a model that was trained with missing values.")
    ],
    data: Annotated[Path, typer.Argument(help="A .csv, .parquet, .npy or .npz file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A .csv, .parquet or .npy file.")],
    kind: Annotated[
        str,
        typer.Option(help="draw, or mean of the draws.", autocompletion=one_of("draw", "mean")),
    ] = "draw",
    seed: DrawSeed = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Put estimates in the place of missing values."""
    from kvae.cli import impute as imputation
    from kvae.cli.pretrained import place
    from kvae.cli.terminal import errors

    with errors():
        imputation.run(place(model), data, output, kind, seed, overwrite, as_json)


@app.command(short_help="Say what a model, a bundle or a run is.")
def info(
    file: Annotated[
        Path,
        typer.Argument(help="A model saved as .keras, a bundle, a run folder or pretrained:NAME."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what a file is: model, inputs, latent variables, signatures, health, thresholds."""
    from kvae.cli import info as information
    from kvae.cli.pretrained import place
    from kvae.cli.terminal import errors

    with errors():
        information.run(place(file), as_json)


@app.command(short_help="List the trained models of the package, or copy one.")
def pretrained(
    name: Annotated[str | None, typer.Argument(help="Name of a model; none: list all.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder to create; by default NAME."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Overwrite an existing output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List the trained models that are part of the package, or copy the bundle of one."""
    from kvae.cli import pretrained as models
    from kvae.cli.terminal import errors

    with errors():
        models.run(name, output, overwrite, as_json)


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


@app.command(short_help="Write a bundle: TFLite files, manifest and model card.")
def export(
    model: Annotated[Path, typer.Argument(help=MODEL)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to create.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Examples: .npy, .npz (x_test or x, and other inputs by name, such as "
            "condition), .csv, .parquet or a folder of pictures. By default decoded prior samples "
            "are used and the model is not diagnosed."
        ),
    ] = None,
    preset: Annotated[
        list[str],
        typer.Option(
            help="float32, float16, int8-weights, int8 or int8-full; repeatable.",
            autocompletion=one_of("float32", "float16", "int8-weights", "int8", "int8-full"),
        ),
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
            help="How far a preset may be from Keras, with the names error, psnr, score, codes and "
            "equal, such as int8:psnr=35,score=1; repeatable.",
        ),
    ] = [],  # noqa: B006
    description: Annotated[str, typer.Option(help="A sentence on the model, for the card.")] = "",
    author: Annotated[str, typer.Option(help="Author of the model, for the card.")] = "",
    licence: Annotated[str, typer.Option(help="SPDX expression, such as CC-BY-4.0.")] = "",
    training_data: Annotated[
        str,
        typer.Option(
            help="A sentence on the training data; by default the name of those of a run folder."
        ),
    ] = "",
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
    schema: Annotated[
        Path | None,
        typer.Option(help="Schema of a table as .json, for its columns' names, classes and dates."),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="Name of a channel of a series, in their order; repeatable."),
    ] = None,
    trainable: Annotated[
        str | None,
        typer.Option(
            help="Which weights a device can train further: scale, heads or all; default: none.",
            autocompletion=one_of("scale", "heads", "all"),
        ),
    ] = None,
    optimizer: Annotated[
        str,
        typer.Option(
            help="adam or sgd: the optimizer with --trainable.",
            autocompletion=one_of("adam", "sgd"),
        ),
    ] = "adam",
    training_batch_size: Annotated[
        int, typer.Option(min=1, help="Rows of a training step with --trainable.")
    ] = 16,
    keras: Annotated[bool, typer.Option(help="Add the model itself, as model.keras.")] = False,
    golden_bytes: Annotated[
        int, typer.Option(min=1, help="What the golden vectors may take, in bytes.")
    ] = 2**20,
    codes: Annotated[
        int, typer.Option(min=0, help="Codes of the data that are kept for a map; 0 for none.")
    ] = 2_000,
    overwrite: Annotated[bool, typer.Option(help="Overwrite an existing output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
) -> None:
    """Export a saved VAE as a bundle: TFLite files, manifest, golden vectors, model card."""
    from kvae.cli import bundles
    from kvae.cli.pretrained import place
    from kvae.cli.terminal import errors

    with errors():
        bundles.export(
            place(model),
            output,
            data,
            tolerance,
            overwrite,
            as_json,
            calibration,
            schema,
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
            channels=channel or None,
            trainable=trainable,
            optimizer=optimizer,
            training_batch_size=training_batch_size,
            keras=keras,
            golden_bytes=golden_bytes,
            codes=codes,
        )


@app.command(short_help="Compare a bundle with the golden vectors that it contains.")
def verify(
    bundle: Annotated[
        Path,
        typer.Argument(
            help="Folder of a bundle or of a run of kvae train --job anomaly, or pretrained:NAME."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Verify a bundle: compare its files with the golden vectors that it contains."""
    from kvae.cli import bundles
    from kvae.cli.pretrained import place
    from kvae.cli.terminal import errors

    with errors():
        bundles.verify(place(bundle), as_json)


@app.command(short_help="Show models on a page in the browser.")
def web(
    model: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of bundles, .keras files, run folders of kvae train, or pretrained:NAME."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Examples, by which a .keras file is exported; see kvae export."),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(help="Schema of a table for a .keras file; that of a run folder is found."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; by default 8642, or a free one; 0: a free one."),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the browser.")
    ] = True,
    static: Annotated[
        Path | None, typer.Option(help="Write a folder for a web server, and serve nothing.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace what stands at --static.")] = False,
) -> None:
    """Show models on a page in the browser: draw, explore, and judge data."""
    from kvae.cli import web as page
    from kvae.cli.pretrained import place
    from kvae.cli.terminal import errors

    with errors():
        page.run(
            [place(each) for each in model], data, schema, port, open_browser, static, overwrite
        )


@app.command(short_help="Score rows by a bundle, and find anomalies.")
def score(
    bundle: Annotated[
        str,
        typer.Argument(
            help="Folder of a bundle or of a run of kvae train --job anomaly, or pretrained:NAME."
        ),
    ],
    data: Annotated[
        list[str],
        typer.Argument(help="A .csv, .parquet, .npy or .npz file; with --beam Parquet patterns."),
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="A .csv or .parquet file; with --beam a prefix."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Preset of the file to run; by default the manifest's.")
    ] = None,
    beam: Annotated[
        bool, typer.Option("--beam", help="Run over many Parquet files with Apache Beam.")
    ] = False,
    signature: Annotated[
        str, typer.Option(help="With --beam: score, encode, reconstruct, ...")
    ] = "score",
    column: Annotated[
        list[str],
        typer.Option(help="With --beam: a column of lists; or, repeated, columns of numbers."),
    ] = ["x"],  # noqa: B006
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Score rows by a bundle, and decide which are anomalies where it has thresholds."""
    from kvae.cli import score as scoring
    from kvae.cli.pretrained import place
    from kvae.cli.terminal import errors

    with errors():
        if beam:
            if output is None:
                raise ValueError("Expected --output, a prefix, with --beam. Received: none")
            for option, given in (("--json", as_json), ("--overwrite", overwrite)):
                if given:
                    raise ValueError(f"Expected {option} without --beam. Received: both")
            scoring.by_beam(str(place(Path(bundle))), data, output, signature, column, preset)
            return
        if len(data) != 1:
            raise ValueError(f"Expected one file, or --beam. Received: {len(data)} of them")
        target = None if output is None else Path(output)
        scoring.run(str(place(Path(bundle))), Path(data[0]), target, preset, overwrite, as_json)


@app.command(short_help="Measure time and memory of a bundle on this machine.")
def bench(
    bundle: Annotated[
        Path,
        typer.Argument(
            help="Folder of a bundle or of a run of kvae train --job anomaly, or pretrained:NAME."
        ),
    ],
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


@app.command(short_help="Diagnose the latent space of a saved VAE.")
def diagnose(
    model: Annotated[Path, typer.Argument(help=MODEL)],
    data: Annotated[
        Path,
        typer.Option(
            help="Examples: .npy, .npz (x_test or x), .csv, .parquet, or a folder of pictures."
        ),
    ],
    seed: Seed = 0,
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
    overwrite: Annotated[bool, typer.Option(help="Overwrite an existing figure or page.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Diagnose the latent space of a saved VAE: estimates, state and advice."""
    from kvae.cli import diagnose as diagnosis
    from kvae.cli.pretrained import place
    from kvae.cli.terminal import errors

    with errors():
        diagnosis.run(
            place(model),
            data,
            seed,
            picture,
            overwrite,
            as_json,
            condition,
            train_data,
            report,
            schema,
        )


@app.command(short_help="Train a VAE without each of its parts and compare.")
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
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="The first seed.")] = 0,
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
