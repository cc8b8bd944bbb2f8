"""`kvae diagnose`: diagnose the latent space of a saved VAE."""

from pathlib import Path
from typing import Any

from rich.table import Table

from kvae import files
from kvae.cli.inputs import examples_of, load_vae, read_examples
from kvae.cli.run_folder import model_of, schema_file_of
from kvae.cli.terminal import console, quiet_native_logs, say

__all__ = ["run"]


def run(
    model: Path,
    data: Path,
    seed: int,
    picture: Path | None,
    overwrite: bool,
    as_json: bool,
    condition: str | None = None,
    train_data: Path | None = None,
    report: Path | None = None,
    schema: Path | None = None,
) -> None:
    """Load a saved VAE and examples, print the diagnosis, and write figure and page."""
    sources = {"MODEL": model, "DATA": data, "--train-data": train_data}
    for path, option, suffixes in (
        (picture, "--picture", (".png",)),
        (report, "--report", (".html", ".htm")),
    ):
        if path is not None:
            files.destination(path, overwrite, option, sources, folder=False, suffixes=suffixes)
    schema = schema or schema_file_of(model)
    examples = read_examples(data, schema=schema)
    seen = None
    if train_data is not None:
        seen = read_examples(train_data, option="--train-data", schema=schema)
    with quiet_native_logs():
        import kvae

        vae = load_vae(model_of(model))
        if condition is not None:
            vae = _given(vae, condition)
        if isinstance(vae, kvae.models.LatentModel):
            examples = examples_of(examples, vae, schema)
            if seen is not None:
                seen = examples_of(seen, vae, schema, "--train-data")
        found = kvae.diagnose(vae, examples, seed, x_train=seen)
    if picture is not None:
        with files.replacing(picture, overwrite) as temporary:
            found.plot().savefig(temporary, format="png", dpi=150)
    if report is not None:
        found.save(report)
    if as_json:
        print(found.to_json())
        return
    colour = "green" if found.verdict.state == "healthy" else "yellow"
    first, *further = found.summary()
    say(first, style=f"bold {colour}")
    for line in (*further, *(f"  note: {sentence}" for sentence in found.notes)):
        say(line, style="dim", markup=False)
    console.print(_estimates(found))
    console.print(_dimensions(found))


def _given(vae: Any, text: str) -> Any:
    """Return a conditional model at one condition, numbers separated by commas."""
    import kvae

    if not isinstance(vae, kvae.ConditionalVAE):
        raise ValueError(
            f"Expected --condition with a kvae.ConditionalVAE. Received: a {type(vae).__name__}"
        )
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"Expected --condition to be numbers separated by commas. Received: {text!r}"
        ) from None
    whole = [int(number) if number == int(number) else number for number in numbers]
    return vae.given(whole if len(vae.condition_layer.shape) else whole[0])


def _estimates(report: Any) -> Table:
    table = Table("latent space", "estimate", "95% interval")
    for name, estimate in report.estimates().items():
        if not estimate.measured:
            continue
        table.add_row(name, str(estimate), f"{estimate.low:.3g} .. {estimate.high:.3g}")
    return table


def _dimensions(report: Any) -> Table:
    table = Table("dimension", "information, nats", "share", "KL, nats", "stddev", "safe range")
    table.add_column("output variance")
    for d in report.dimensions:
        table.add_row(
            f"z{d.index}",
            str(d.information),
            f"{d.share:.0%}",
            f"{d.kl.value:.2f}",
            f"{d.mean_stddev.value:.2f}",
            f"{d.low:.2f} .. {d.high:.2f}",
            f"{d.output_variance.value:.1%}",
        )
    return table
