"""The model card of a bundle, in Markdown: what a developer of a device needs to know."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from .decision import decision_rows

__all__ = ["card"]

Row = Sequence[str]
# What the inputs are that are neither data nor latent variables.
INPUTS = {
    "t": "place on the path, 0 (its beginning) to 1 (its end)",
    "seed": "two whole numbers of 32 bits: index of the draw, seed",
}
LATENTS = {
    "{}": "latent variables; where there are ranges, they stand below, under Latent axes",
    "{}_a": "latent variables where a path begins; as for {}",
    "{}_b": "latent variables where a path ends; as for {}",
}
# Whose error stands for what is decoded: of the first that a file has.
DECODING = ("decode", "reconstruct", "sample")
# Where what runs the files is found: in the bundle or not.
RUNTIME = {
    True: "Copy `runtime.py` out of this folder, beside your program: files that are not listed "
    "here are refused, those that Python leaves beside an imported module included.",
    False: "Copy the file `runtime.py` of the package `kvae.export` beside your program, or import "
    "it from there.",
}
FACTS = {
    "description": "description",
    "author": "author",
    "licence": "licence",
    "training_data": "training data",
    "preprocessing": "preprocessing",
    "date": "date",
}


def card(manifest: dict[str, Any], pictures: list[str], folder: str, own_runtime: bool) -> str:
    """Return the model card.

    Args:
        manifest: content of manifest.json.
        pictures: names of the pictures beside it.
        folder: name of the bundle's folder.
        own_runtime: whether `runtime.py` is in it.
    """
    module = "runtime" if own_runtime else "kvae.export.runtime"
    model = manifest["model"]
    shape = " x ".join(map(str, model["event_shape"]))
    lines = [
        f"# {model['name']}",
        "",
        f"A variational autoencoder: events of {shape}, likelihood {model['likelihood']}, latent "
        f"variables {_latents(model['latents'])}. Exported by kvae {manifest['kvae']}. Where no "
        f"preset is named, {manifest['default_preset']} runs.",
        "",
        *_table(["", ""], _facts(manifest)),
        "## Files",
        "",
        *_table(
            [
                *("file", "preset", "size", "decoded, PSNR", "codes, RMS", "score, RMS"),
                *("score, bias", "false alarms"),
            ],
            (_file(artefact, model["decoded"]) for artefact in manifest["artefacts"]),
        ),
        *(f"Left out: {name}. {why}\n" for name, why in manifest["refused"].items()),
        "Errors are against Keras, on test inputs, the worst of LiteRT's Interpreter and "
        "CompiledModel: what is decoded in dB, codes in posterior standard deviations, the score "
        "in nats, and by how much more than 1% of the examples exceed the threshold that 1% exceed "
        "in Keras.",
        "",
        *_decisions(manifest),
        *_training(manifest),
        "## Signatures",
        "",
        *_table(["signature", "inputs", "outputs"], _signatures(manifest)),
        "Shapes begin with the rows of one call. Scores are in nats.",
        "",
        "## Inputs",
        "",
        "In the units of the raw data.",
        "",
        *_table(["input", "valid values", "in the examples"], _inputs(manifest)),
        *_axes(manifest["axes"]),
        *(f"![{name}]({name})" for name in pictures),
        "",
        "## Time and memory",
        "",
        *_devices(manifest),
        "## Use",
        "",
        "On the device `pip install ai-edge-litert numpy` suffices. " + RUNTIME[own_runtime],
        "",
        "```python",
        f"from {module} import Model",
        "",
        f"model = Model({folder!r})",
        *_use(manifest),
        "```",
        "",
    ]
    return "\n".join(lines)


def _table(names: Row, rows: Iterable[Row]) -> list[str]:
    """Return the lines of a table and an empty one; none for a table without rows."""
    body = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    if not body:
        return []
    return [f"| {' | '.join(row)} |" for row in (names, ["---"] * len(names), *body)] + [""]


def _latents(latents: dict[str, Any]) -> str:
    """Return what is said of the latent groups."""
    said = []
    for name, latent in latents.items():
        known = [f"{each} {latent[each]}" for each in ("posterior", "prior") if latent[each]]
        size = f"{' x '.join(map(str, latent['shape']))} {latent['kind']}"
        said.append(f"{name} ({', '.join([size, *known])})")
    return ", ".join(said)


def _axes(axes: list[dict[str, Any]]) -> list[str]:
    """Return the section on the latent axes; none where there are no axes."""
    if not axes:
        return []
    rows = (
        (
            f"z{axis['index']}",
            f"{axis['kl']:.2f}",
            f"{axis['share']:.0%}",
            f"{axis['low']:.2f} to {axis['high']:.2f}",
        )
        for axis in axes
    )
    return [
        "## Latent axes",
        "",
        "The most informative first; outside the safe range the decoder has not been trained.",
        "",
        *_table(["axis", "nats", "share", "safe range"], rows),
    ]


def _facts(manifest: dict[str, Any]) -> list[Row]:
    """Return what is said of the origin of the model."""
    said = [(label, manifest[key]) for key, label in FACTS.items() if manifest[key]]
    if manifest.get("channels"):  # an older bundle, measured again, has no such entry
        said.append(("channels", ", ".join(manifest["channels"])))
    made_by = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    return [*said, ("source model", f"sha256 {manifest['model']['sha256']}"), ("made by", made_by)]


def _file(artefact: dict[str, Any], decoded: str) -> Row:
    """Return the row of a file."""
    measured = artefact["measured"]
    main = next((name for name in DECODING if name in measured), "")
    return [
        artefact["file"],
        artefact["preset"],
        _megabytes(artefact["size_bytes"]),
        _number(measured, main, decoded, "psnr", "{:.0f} dB"),
        _number(measured, "encode", "mean", "stddevs", "{:.1e}"),
        _number(measured, "score", "score", "rms", "{:.1e} nats"),
        _number(measured, "score", "score", "bias", "{:+.1e} nats"),
        _number(measured, "score", "score", "false_alarms", "{:+.1%}"),
    ]


def _decisions(manifest: dict[str, Any]) -> list[str]:
    """Return the section on the thresholds; none where there are none."""
    rows = decision_rows(manifest["artefacts"])
    if not rows:
        return []
    return [
        "## Decisions",
        "",
        "An example is an anomaly where its score, in nats, is beyond a threshold of the file that "
        "runs. Thresholds follow from the scores of calibration rows and the wanted rate of false "
        "alarms.",
        "",
        *_table(["preset", "false-alarm rate", "below", "above", "calibration rows"], rows),
    ]


def _training(manifest: dict[str, Any]) -> Iterable[str]:
    """Yield the lines on the file that trains its weights."""
    for artefact in manifest["artefacts"]:
        found = artefact.get("training")
        if found is None:
            continue
        compared, size = found["measured"], sum(math.prod(w["shape"]) for w in found["weights"])
        yield from ("## Learning on the device", "")
        yield from (
            f"{artefact['file']} trains {size} of its weights (trainable={found['trainable']!r}) "
            f"on {found['batch_size']} rows a step, by {found['optimizer']['method']}. After "
            f"{compared['steps']} steps from the same seeds its losses differ from Keras by "
            f"{compared['loss_error']:.1e} and its weights by {compared['weight_error']:.1e}. A "
            "threshold of this file is that of the shipped weights.",
            "",
        )


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.2f} MB"


def _number(measured: dict[str, Any], signature: str, output: str, what: str, form: str) -> str:
    value = measured.get(signature, {}).get(output, {}).get(what)
    return "" if value is None else form.format(value)


def _all_signatures(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the signatures that any of the files has."""
    return {
        name: described
        for artefact in manifest["artefacts"]
        for name, described in artefact["signatures"].items()
    }


def _signatures(manifest: dict[str, Any]) -> Iterable[Row]:
    """Yield the row of each signature."""
    for name, described in _all_signatures(manifest).items():
        yield name, _ports(described["inputs"]), _ports(described["outputs"])


def _ports(ports: dict[str, Any]) -> str:
    return ", ".join(
        f"{name}: {port['dtype']} ({', '.join(map(str, port['shape']))})"
        for name, port in ports.items()
    )


def _inputs(manifest: dict[str, Any]) -> Iterable[Row]:
    """Yield what values each input takes, in the units of the raw data."""
    taken = dict.fromkeys(
        name for each in _all_signatures(manifest).values() for name in each["inputs"]
    )
    model, ranges = manifest["model"], manifest["examples"]["ranges"]
    told = INPUTS | {
        form.format(name): text.format(name)
        for name in model["latents"]
        for form, text in LATENTS.items()
    }
    for name in taken:
        if name not in model["inputs"]:
            yield name, told.get(name, ""), ""
            continue
        domain = model["inputs"][name]["domain"]
        for part, values in zip(domain["columns"] or [domain], ranges[name], strict=True):
            label = f"{name}, {part['name']}" if domain["columns"] else name
            text = f"{part['text']}. {part['hint']}" if part["hint"] else part["text"]
            low, high = values["low"], values["high"]
            yield label, text, "none" if low is None else f"{low:.4g} to {high:.4g}"


def _devices(manifest: dict[str, Any]) -> Iterable[str]:
    """Yield the lines that say what was measured on which device."""
    if not manifest["devices"]:
        yield from ("Nothing was measured. `kvae bench BUNDLE --save` adds a device.", "")
        return
    yield from (
        "One call of LiteRT with one row, in milliseconds: the median, and after the slash the "
        "time that 95% of the calls stay below. Memory is that of a process that opens the "
        "bundle with `runtime.py` on one thread and runs every signature once: its peak, and by "
        "how much it exceeds what the process had taken before. `kvae bench BUNDLE --save` adds "
        "another device.",
        "",
    )
    sizes = {artefact["preset"]: artefact["size_bytes"] for artefact in manifest["artefacts"]}
    for device in manifest["devices"]:
        made_by = ", ".join(f"{name} {version}" for name, version in device["versions"].items())
        machine = "" if device["machine"] == device["name"] else f"{device['machine']}. "
        yield from (f"### {device['name']}", "")
        yield from (f"{machine}Measured with {made_by}, {device['date']}.", "")
        yield from _table(
            ["preset", "size", "peak memory", "of it for the model"],
            (_memory(file, sizes.get(file["preset"])) for file in device["files"]),
        )
        yield from _times(device["files"])


def _memory(file: dict[str, Any], size: int | None) -> Row:
    base, peak = file["base_bytes"], file["peak_bytes"]
    own = None if base is None or peak is None else max(peak - base, 0)
    return file["preset"], _megabytes(size), _megabytes(peak), _megabytes(own)


def _times(files: list[dict[str, Any]]) -> list[str]:
    """Return a table with a row for each signature and a column for each preset and threads."""
    cells = {
        (each["signature"], file["preset"], each["threads"]): (
            f"{each['p50_ms']:.3f} / {each['p95_ms']:.3f}"
        )
        for file in files
        for each in file["latency"]
    }
    columns = list(dict.fromkeys((preset, threads) for _, preset, threads in cells))
    rows = [
        [signature, *(cells.get((signature, *column), "") for column in columns)]
        for signature in dict.fromkeys(signature for signature, _, _ in cells)
    ]
    names = [f"{preset}, {threads} thread{'s' * (threads > 1)}" for preset, threads in columns]
    return _table(["signature", *names], rows)


def _use(manifest: dict[str, Any]) -> list[str]:
    """Return lines of Python that use the bundle."""
    signatures = manifest["artefacts"][0]["signatures"]
    lines = {
        "sample": "draws = model.sample(4, seed=1{})",
        "score": "nats = model.score(x{})  # x: (rows, *event_shape)",
        "encode": "mean, stddev = model.encode(x{})",
        "decode": "decoded = model.decode(z{})",
    }
    if not manifest["model"]["latent_dim"]:
        del lines["encode"], lines["decode"]
    if decision_rows(manifest["artefacts"]):
        lines["score"] = "found = model.detect(x{})  # is_anomaly, p_value and score of each row"
    found = []
    for name, line in lines.items():
        if name in signatures:
            others = [n for n in signatures[name]["inputs"] if n not in ("x", "z", "seed")]
            found.append(line.format("".join(f", {other}={other}" for other in others)))
    return found[:2]
