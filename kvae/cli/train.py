"""`kvae train`: choose a model by looking at data, train it, draw it and diagnose it."""

import importlib.util
import json
import shlex
from pathlib import Path
from typing import Any

from kvae import files
from kvae.cli.run_folder import RUN, description, state_of, write_text
from kvae.cli.terminal import bold, console, quiet_native_logs, say, silent
from kvae.cli.training_data import check_outside, check_rows, path_of, read

__all__ = ["run", "without_diagnosis"]

HELD_OUT = 0.1
MOST_HELD_OUT = 10_000
STEPS = 20_000  # of the default number of epochs
EPOCHS = (10, 200)
BATCH = 64
DPI = 120


def run(
    data: str | None,
    output: Path,
    resume: Path | None,
    overwrite: bool,
    as_json: bool,
    settings: dict[str, Any],
    choices: dict[str, Any],
) -> None:
    """Train a model into a run folder, or resume an interrupted run.

    Args:
        data: a name or a path, see `training_data.read`; None with `resume`.
        output: the run folder to be.
        resume: run folder of an interrupted run, whose data and settings are taken.
        overwrite: whether to replace what stands at `output`.
        as_json: whether to print run.json alone.
        settings: epochs (None for a number by the size of the data), batch_size, seed, and
            tensorboard, whether event files are written.
        choices: what `kvae.choices_for` shall not choose by itself.
    """
    report = silent if as_json else console.print
    if (data is None) == (resume is None):
        raise ValueError(
            "Expected DATA, or --resume RUN. Received: " + ("both" if data else "none")
        )
    if resume is not None:
        output, state = resume, state_of(resume)
        if state["status"] == "finished":
            raise ValueError(f"Expected --resume of an unfinished run. Received: {str(output)!r}")
        data, settings, choices = state["data"]["name"], state["settings"], state["choices"]
    else:
        files.destination(output, overwrite, "--output", {"DATA": path_of(str(data))})
        check_outside(output, str(data))
        state = {}
    if settings["tensorboard"] and importlib.util.find_spec("tensorboard") is None:
        raise ImportError(
            "Expected the package tensorboard with --tensorboard: python -m pip install "
            "'kvae-keras[tensorboard]'. Received: it is not installed"
        )
    report("Loading TensorFlow ...", style="dim")
    with quiet_native_logs():
        import keras

        import kvae

        found = read(str(data), settings["seed"], choices.get("overrides"))
        if state and found.digest != state["data"]["digest"]:
            raise ValueError(
                "Expected --resume with the data that the run began with. Received: other content "
                f"in {found.name!r}"
            )
        keras.utils.set_random_seed(settings["seed"])
        chosen = kvae.choices_for(found.data, **found.chosen(choices))
        vae = chosen.build()
    report(str(chosen), highlight=False, markup=False)
    train, held_out = _split(chosen.x, settings["seed"])
    epochs = settings["epochs"] or _epochs(len(train), settings["batch_size"])
    settings = {**settings, "epochs": epochs}
    if not state:
        _begin(output, overwrite, description(found, "generate", settings, choices), chosen)
    report(
        f"Training on {len(train)} examples, {len(held_out)} held out, {epochs} epochs.",
        highlight=False,
    )
    history = _fit(vae, train, held_out, settings, output)
    with quiet_native_logs():
        results = _results(vae, train, held_out, history, output, settings["seed"])
    state = {**state_of(output), "status": "finished", "results": results}
    write_text(output / RUN, json.dumps(state, indent=2))
    if as_json:
        print(json.dumps(state, indent=2))
        return
    for line in results["diagnosis"]:
        say(line, markup=False)
    nats = {k: v for k, v in results["held_out"].items() if not k.endswith("_weight")}
    figures = ", ".join(f"{name} {value:.4g}" for name, value in nats.items())
    say(f"Held-out examples, nats: {figures}.")
    names = ", ".join(sorted(path.name for path in output.iterdir() if path.is_file()))
    say(f"The run is in {bold(output.resolve())}: {names}.")


def _begin(output: Path, overwrite: bool, state: dict[str, Any], chosen: Any) -> None:
    """Create the run folder, with what is known before training."""
    if not overwrite:
        files.vacant(output, "--output")
    with files.replacing(output) as folder:
        folder.mkdir()
        write_text(folder / RUN, json.dumps(state, indent=2))
        write_text(folder / "model.py", chosen.code + "\n")
        if chosen.schema is not None:
            write_text(folder / "schema.json", json.dumps(chosen.schema.get_config(), indent=2))


def _split(x: Any, seed: int) -> tuple[Any, Any]:
    """Return training and held-out examples."""
    import numpy as np

    check_rows(x)
    order = np.random.default_rng(seed).permutation(len(x))
    count = max(1, min(int(HELD_OUT * len(x)), MOST_HELD_OUT))
    return x[np.sort(order[count:])], x[np.sort(order[:count])]


def _epochs(examples: int, batch_size: int) -> int:
    steps = -(-examples // batch_size)
    return int(min(max(STEPS // steps, EPOCHS[0]), EPOCHS[1]))


def _fit(vae: Any, train: Any, held_out: Any, settings: dict[str, Any], output: Path) -> Any:
    import keras

    import kvae
    from kvae.callbacks.training_bar import training_bar

    callbacks = [kvae.callbacks.Checkpoint(output / "checkpoints")]
    if settings["tensorboard"]:
        callbacks.append(keras.callbacks.TensorBoard(output / "tensorboard", write_graph=False))
    try:
        with training_bar() as bar:
            return vae.fit(
                train,
                validation_data=held_out,
                epochs=settings["epochs"],
                batch_size=settings["batch_size"],
                verbose=0,
                callbacks=[*callbacks, *bar],
            )
    except KeyboardInterrupt:
        raise RuntimeError(
            f"Interrupted. Resume it with: kvae train --resume {shlex.quote(str(output))}"
        ) from None


def _results(
    vae: Any, train: Any, held_out: Any, history: Any, output: Path, seed: int
) -> dict[str, Any]:
    """Write model, history, pictures and report; return the figures of run.json."""
    import kvae

    with files.replacing(output / "model.keras") as temporary:
        vae.save(temporary)
    names = list(history.history)
    rows = [
        ",".join([str(epoch), *(f"{history.history[name][place]:.8g}" for name in names)])
        for place, epoch in enumerate(history.epoch)
    ]
    write_text(output / "history.csv", "\n".join([",".join(["epoch", *names]), *rows]) + "\n")
    for name, figure in _pictures(vae, held_out, seed).items():
        with files.replacing(output / f"{name}.png") as temporary:
            figure.savefig(temporary, dpi=DPI, format="png")
    scores = vae.evaluate(held_out, verbose=0, return_dict=True, seed=seed)
    why = without_diagnosis(held_out)
    diagnosis = [f"No diagnosis: {why}."]
    if not why:
        report = kvae.diagnose(vae, held_out, seed, x_train=_complete(train))
        report.save(output / "report.html")
        diagnosis = report.summary()
    return {
        "held_out": {name: float(value) for name, value in scores.items()},
        "epochs": len(history.epoch),
        "diagnosis": diagnosis,
    }


def without_diagnosis(held_out: Any) -> str:
    """Return why held-out examples cannot be diagnosed; an empty text where they can."""
    import numpy as np

    from kvae.diagnosis.diagnose_model import LEAST_EXAMPLES

    if np.isnan(held_out).any():
        return "the held-out examples have missing values"
    if len(held_out) < LEAST_EXAMPLES:
        return (
            f"only {len(held_out)} examples are held out, and it takes {LEAST_EXAMPLES}. kvae "
            "diagnose takes others by --data"
        )
    return ""


def _complete(train: Any) -> Any:
    import numpy as np

    return None if np.isnan(train).any() else train


def _pictures(vae: Any, held_out: Any, seed: int) -> dict[str, Any]:
    """Return figures of pictures and series; none of tables."""
    import kvae

    if not kvae.pictures.drawable(held_out.shape[1:]):
        return {}
    if vae.missing:
        return {"samples": kvae.pictures.samples(vae, seed=seed)}
    return {
        "reconstructions": kvae.pictures.reconstructions(vae, held_out[:10]),
        "samples": kvae.pictures.samples(vae, seed=seed),
    }
