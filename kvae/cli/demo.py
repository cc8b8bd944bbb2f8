"""`kvae demo`: train a VAE on digits, draw it, and export a verified decoder."""

import json
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from kvae import files
from kvae.cli.terminal import bold, console, quiet_native_logs, say, silent

__all__ = ["run"]

PICTURE_DPI = 150


def run(
    output: Path, epochs: int, latent_dim: int, seed: int, overwrite: bool, as_json: bool
) -> None:
    """Run the demo and write everything to the folder `output`."""
    if not (overwrite and output.is_dir()):
        files.vacant(output, "--output").mkdir()
    report = silent if as_json else console.print
    start = time.perf_counter()
    report("Loading TensorFlow ...", style="dim")
    with quiet_native_logs():
        import keras

        import kvae

    keras.utils.set_random_seed(seed)
    x_train, x_test = kvae.data.digits()
    report(
        f"Training a VAE with {latent_dim} latent dimensions on {len(x_train)} handwritten digits "
        f"of 8x8 pixels ({len(x_test)} held out), {epochs} epochs.",
        highlight=False,
    )
    vae = _make_vae(x_train.shape[1:], latent_dim)
    vae.fit(x_train, validation_data=x_test, epochs=epochs, verbose=0 if as_json else 1)
    scores = vae.evaluate(x_test, verbose=0, return_dict=True)
    baseline = float(kvae.evaluation.factorized_bernoulli(x_train, x_test))

    vae.save(output / "vae.keras")
    pictures = {
        "reconstructions": kvae.pictures.reconstructions(vae, x_test[:12]),
        "samples": kvae.pictures.samples(vae, seed=seed),
        "interpolations": kvae.pictures.interpolations(vae, x_test[:12]),
        "traversals": kvae.pictures.traversals(vae, x_test),
    }
    for name, figure in pictures.items():
        with files.replacing(output / f"{name}.png") as temporary:
            figure.savefig(temporary, dpi=PICTURE_DPI)

    report("Exporting the decoder and comparing it with Keras ...", style="dim")
    with quiet_native_logs():
        exports = [
            kvae.export.tflite(vae, output / "decoder.tflite", data=x_test, overwrite=overwrite),
            kvae.export.saved_model(vae, output / "serving/1", data=x_test, overwrite=overwrite),
        ]
    seconds = time.perf_counter() - start
    if as_json:
        print(json.dumps(_results(scores, baseline, exports, seconds), indent=2))
        return
    console.print(_elbo_table(scores, baseline))
    console.print(_export_table(exports))
    say(
        f"Both exports agree with Keras. All files are in {bold(output.resolve())}: "
        f"vae.keras, {', '.join(f'{name}.png' for name in pictures)}."
    )
    say(f"Total time: {seconds:.0f} seconds.", style="dim")


def _make_vae(event_shape: tuple[int, ...], latent_dim: int) -> Any:
    import keras

    import kvae

    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent_dim))
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(event_shape)
    vae = kvae.VAE(
        encoder=kvae.networks.conv_encoder(event_shape, posterior.params_size),
        posterior=posterior,
        decoder=kvae.networks.conv_decoder(latent_dim, likelihood.params_shape),
        likelihood=likelihood,
    )
    vae.compile(optimizer=keras.optimizers.Adam(1e-3))
    return vae


def _elbo_table(scores: dict[str, float], baseline: float) -> Table:
    table = Table("held-out digits", "nats per digit", title="Evaluation")
    table.columns[1].justify = "right"
    table.add_row("ELBO of the VAE", f"[bold]{scores['elbo']:.2f}[/]")
    table.add_row("  reconstruction, log p(x|z)", f"{-scores['nll']:.2f}")
    table.add_row("  KL to the prior", f"{scores['kl']:.2f}")
    table.add_row("factorized Bernoulli (pixel means)", f"{baseline:.2f}")
    table.add_row("ELBO minus this baseline", f"[bold]{scores['elbo'] - baseline:+.2f}[/]")
    return table


def _export_table(exports: list[Any]) -> Table:
    table = Table("file", "size", "error, prior z", "error, posterior z", "latency")
    table.title = "Exported decoders"
    for result in exports:
        path = result.path
        table.add_row(
            f"{path.parent.name}/{path.name}" if path.is_dir() else path.name,
            f"{result.size_bytes / 1e6:.2f} MB",
            f"{result.error_prior:.1e}",
            f"{result.error_posterior:.1e}",
            f"{result.latency_ms['decode']:.3f} ms",
        )
    table.caption = "error: greatest difference to Keras in " + "; ".join(
        ", ".join(result.runtimes) for result in exports
    )
    return table


def _results(scores: Any, baseline: float, exports: list[Any], seconds: float) -> dict[str, Any]:
    return {
        "test": {name: float(value) for name, value in scores.items()},
        "factorized_bernoulli": baseline,
        "exports": [
            {
                "format": result.format,
                "path": str(result.path),
                "size_bytes": result.size_bytes,
                "max_error": result.max_error,
                "latency_ms": result.latency_ms,
            }
            for result in exports
        ],
        "seconds": seconds,
    }
