"""`kvae info`: what a saved model, a bundle or a run is."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from kvae import checks
from kvae.cli.inputs import load_vae
from kvae.cli.run_folder import RUN, bundle_of, holds_bundle, state_of
from kvae.cli.terminal import console, quiet_native_logs, say

__all__ = ["run"]

RUN_PARTS = ("detector/model.keras", "synthesizer/model.keras", "model.keras")


def run(path: Path, as_json: bool) -> None:
    """Say what stands at a path.

    Args:
        path: a .keras file, the folder of a bundle, or a run folder of `kvae train`.
        as_json: whether to print it as JSON.
    """
    if not path.exists():
        raise FileNotFoundError(f"Expected FILE to name a file or folder. Received: {str(path)!r}")
    with quiet_native_logs():
        found = _found(path)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for name in ("is", "job", "command", "health"):
        if found.get(name):
            say(f"{name}: {found[name]}", markup=False)
    model = found["model"]
    likelihood = f"likelihood: {model['likelihood']}, events of shape {model['event_shape']}"
    say(likelihood, markup=False)
    for name, latent in model["latents"].items():
        layers = f"posterior {latent['posterior']}, prior {latent['prior']}"
        text = f"latent {name}: {latent['kind']}, shape {latent['shape']}, {layers}"
        say(text, markup=False)
    for name, each in model["inputs"].items():
        text = f"input {name}: {each['domain']['text']}, {each['dtype']} of shape {each['shape']}"
        say(text, markup=False)
    say(f"signatures: {', '.join(found['signatures'])}")
    if found["files"]:
        console.print(_files(found["files"]))


def _found(path: Path) -> dict[str, Any]:
    """Return what is known of a path, the same keys for all kinds."""
    if not path.is_dir():
        return {"is": "a saved model", **_model(path)}
    if not (path / RUN).is_file():
        return {"is": "a bundle", **_bundle(path)}
    state = state_of(path)
    told = {"is": f"a run of kvae train, {state['status']}", "job": state["job"]}
    told["command"] = state["command"]
    if holds_bundle(path):
        return {**told, **_bundle(bundle_of(path))}
    models = [path / part for part in RUN_PARTS if (path / part).is_file()]
    if not models:
        raise ValueError(
            f"Expected FILE to be a run with a trained model. Received: {str(path)!r}, whose "
            "training is not finished"
        )
    return {**told, **_model(models[0])}


def _model(path: Path) -> dict[str, Any]:
    """Return what is known of a .keras file."""
    vae = load_vae(path)
    from kvae.export.subject import description, exportable

    model = exportable(vae)
    wrong = checks.non_finite_weights(model)
    return {
        "health": f"weights that are not finite: {', '.join(wrong)}" if wrong else "finite weights",
        "model": {**description(model), "parameters": int(model.count_params())},
        "signatures": [each.name for each in model.signatures()],
        "files": [],
    }


def _bundle(path: Path) -> dict[str, Any]:
    """Return what the manifest of a bundle says; TensorFlow is not needed."""
    from kvae.export.runtime import Bundle

    bundle = Bundle(path)
    bundle.check()
    manifest = bundle.manifest
    diagnosis = manifest["diagnosis"]
    names = {name for each in manifest["artefacts"] for name in each["signatures"]}
    return {
        "health": None if diagnosis is None else diagnosis["verdict"]["state"],
        "model": manifest["model"],
        "signatures": sorted(names),
        "files": [_file(each, manifest["default_preset"]) for each in manifest["artefacts"]],
    }


def _file(artefact: dict[str, Any], default: str) -> dict[str, Any]:
    """Return what is known of a file, with its threshold."""
    found = artefact.get("calibration") or {}
    return {
        "preset": artefact["preset"],
        "default": artefact["preset"] == default,
        "size_bytes": artefact["size_bytes"],
        "false_alarm_rate": found.get("false_alarm_rate"),
        "low": found.get("low"),
        "high": found.get("high"),
    }


def _files(files: list[dict[str, Any]]) -> Table:
    table = Table("preset", "bytes", "false-alarm rate", "lowest normal score", "highest")
    for each in files:
        numbers = (each["false_alarm_rate"], each["low"], each["high"])
        name = f"{each['preset']} (default)" if each["default"] else each["preset"]
        shown = ("-" if number is None else f"{number:.4g}" for number in numbers)
        table.add_row(name, str(each["size_bytes"]), *shown)
    return table
