"""The model card of a bundle, in Markdown."""

from typing import Any

__all__ = ["card"]


def card(manifest: dict[str, Any], pictures: list[str], folder: str) -> str:
    """Return the model card.

    Args:
        manifest: content of manifest.json.
        pictures: names of the pictures beside it.
        folder: name of the bundle's folder.
    """
    model = manifest["model"]
    shape = " x ".join(map(str, model["event_shape"]))
    lines = [
        f"# {model['name']}",
        "",
        f"A variational autoencoder: {model['latent_dim']} latent dimensions, events of {shape}, "
        f"likelihood {model['likelihood']}, posterior {model['posterior']}, "
        f"prior {model['prior']}. Exported by kvae {manifest['kvae']}.",
        "",
        *([f"Preprocessing: {manifest['preprocessing']}", ""] if manifest["preprocessing"] else []),
        f"Inputs named x hold {model['domain']['text']}. Where no preset is named, "
        f"{manifest['default_preset']} runs.",
        "",
        "## Files",
        "",
        "| file | preset | size | decoded, PSNR | codes, RMS | score, RMS | score, bias "
        "| false alarms | slowest call |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(artefact, model["decoded"]) for artefact in manifest["artefacts"]),
        "",
        *(f"Left out: {name}. {why}\n" for name, why in manifest["refused"].items()),
        "Errors are against Keras, on test inputs, the worst of LiteRT's Interpreter and "
        "CompiledModel: what is decoded in dB, codes in posterior standard deviations, the score "
        "in nats, and by how much more than 1% of the examples exceed the threshold that 1% exceed "
        f"in Keras. Times are medians on one thread of {manifest['machine']['processor']}.",
        "",
        "## Latent axes",
        "",
        "The most informative first; outside the safe range the decoder has not been trained.",
        "",
        "| axis | nats | share | safe range |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| z{axis['index']} | {axis['kl']:.2f} | {axis['share']:.0%} "
        f"| {axis['low']:.2f} to {axis['high']:.2f} |"
        for axis in manifest["axes"]
    ]
    lines += ["", *(f"![{name}]({name})" for name in pictures), ""]
    lines += [
        "## Use",
        "",
        "On the device `pip install ai-edge-litert numpy` suffices. Copy `runtime.py` out of this "
        "folder, beside your program: files that are not listed here are refused, those that "
        "Python leaves beside an imported module included.",
        "",
        "```python",
        "from runtime import Model",
        "",
        f"model = Model({folder!r})",
        *_use(manifest),
        "```",
        "",
    ]
    return "\n".join(lines)


def _row(artefact: dict[str, Any], decoded: str) -> str:
    """Return the line of a file in the table."""
    measured = artefact["measured"]
    values = [
        artefact["file"],
        artefact["preset"],
        f"{artefact['size_bytes'] / 1e6:.2f} MB",
        _number(measured, "decode", decoded, "psnr", "{:.0f} dB"),
        _number(measured, "encode", "mean", "stddevs", "{:.1e}"),
        _number(measured, "score", "score", "rms", "{:.1e} nats"),
        _number(measured, "score", "score", "bias", "{:+.1e} nats"),
        _number(measured, "score", "score", "false_alarms", "{:+.1%}"),
        f"{max(artefact['latency_ms'].values()):.3f} ms",
    ]
    return f"| {' | '.join(values)} |"


def _number(measured: dict[str, Any], signature: str, output: str, what: str, form: str) -> str:
    value = measured.get(signature, {}).get(output, {}).get(what)
    return "" if value is None else form.format(value)


def _use(manifest: dict[str, Any]) -> list[str]:
    """Return lines of Python that use the bundle."""
    names = manifest["artefacts"][0]["signatures"]
    lines = {
        "sample": "draws = model.sample(4, seed=1)",
        "score": "nats = model.score(x)  # x: (rows, *event_shape)",
        "encode": "mean, stddev = model.encode(x)",
        "decode": "decoded = model.decode(z)",
    }
    return [line for name, line in lines.items() if name in names][:2]
