"""`kvae diagnose`: diagnose the latent space of a saved VAE."""

from pathlib import Path
from typing import Any

from rich.table import Table

from kvae import files
from kvae.cli.inputs import load_vae, read_examples
from kvae.cli.terminal import console, quiet_native_logs

__all__ = ["run"]


def run(
    model: Path,
    data: Path,
    seed: int,
    picture: Path | None,
    as_json: bool,
    condition: str | None = None,
) -> None:
    """Load a saved VAE and examples, print the diagnosis, and write its figure to `picture`."""
    if picture is not None:
        files.destination(picture, True, "--picture")
    examples = read_examples(data)
    with quiet_native_logs():
        import kvae

        vae = load_vae(model)
        if condition is not None:
            vae = _given(vae, condition)
        report = kvae.diagnose(vae, examples, seed)
    if picture is not None:
        with files.replacing(picture) as temporary:
            report.plot().savefig(temporary, dpi=150)
    if as_json:
        print(report.to_json())
        return
    colour = "green" if report.verdict.state == "healthy" else "yellow"
    doubt = "" if report.verdict.certain else " (near a threshold)"
    console.print(f"[bold {colour}]{report.verdict.state}[/]{doubt}. {report.verdict.advice}")
    for sentence in (*report.verdict.evidence, *report.notes):
        console.print(f"  - {sentence}", style="dim", highlight=False)
    console.print(_estimates(report))
    console.print(_dimensions(report))


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


def _estimates(report: object) -> Table:
    table = Table("latent space", "estimate", "95% interval")
    for name, estimate in report.estimates().items():  # type: ignore[attr-defined]
        table.add_row(name, str(estimate), f"{estimate.low:.3g} .. {estimate.high:.3g}")
    return table


def _dimensions(report: object) -> Table:
    table = Table("dimension", "information, nats", "share", "KL, nats", "stddev", "safe range")
    table.add_column("output variance")
    for d in report.dimensions:  # type: ignore[attr-defined]
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
