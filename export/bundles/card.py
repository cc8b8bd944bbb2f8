"""The model card of a bundle, in Markdown."""

from typing import Any

__all__ = ["card"]


def card(manifest: dict[str, Any], pictures: list[str]) -> str:
    """Return the model card for a manifest and the pictures that lie beside it."""
    model = manifest["model"]
    shape = " x ".join(map(str, model["event_shape"]))
    lines = [
        f"# {model['name']}",
        "",
        f"A variational autoencoder: {model['latent_dim']} latent dimensions, events of {shape} "
        f"({model['support']}), likelihood {model['likelihood']}, posterior {model['posterior']}, "
        f"prior {model['prior']}. Exported by kvae {manifest['kvae']}.",
        "",
        *([f"Preprocessing: {manifest['preprocessing']}", ""] if manifest["preprocessing"] else []),
        "## Files",
        "",
        "| file | preset | size | largest error of decode | PSNR of decode | one decode |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for artefact in manifest["artefacts"]:
        decoded = artefact["measured"]["decode"][model["decoded"]]
        lines.append(
            f"| {artefact['file']} | {artefact['preset']} | {artefact['size_bytes'] / 1e6:.2f} MB "
            f"| {decoded['error']:.1e} | {decoded['psnr']:.0f} dB "
            f"| {artefact['latency_ms']['decode']:.3f} ms |"
        )
    lines += [
        "",
        "Errors are against Keras, over draws from the prior and from posteriors, the worst of "
        "LiteRT's Interpreter and CompiledModel. Times are medians on one thread of "
        f"{manifest['machine']['processor']}.",
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
        "On the device `pip install ai-edge-litert numpy` is all it takes; `runtime.py` lies "
        "beside this page.",
        "",
        "```python",
        "from runtime import Decoder",
        "",
        'decoder = Decoder(".")',
        "pictures = decoder.sample(4, seed=1)",
        "```",
        "",
    ]
    return "\n".join(lines)
