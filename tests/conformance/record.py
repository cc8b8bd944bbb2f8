"""What a saved case says: run once where it was made and once in a new process.

As a script, `python record.py FOLDER`, it loads every `.keras` file of a folder under safe mode,
where nothing but `import kvae` went before, and writes what each says on the inputs beside it.
"""

import importlib
import json
import sys
import traceback
from pathlib import Path

import numpy as np


def record(model, inputs):
    """Return what `model` says, as arrays by name."""
    return _record_vae(model, **inputs) if hasattr(model, "encode") else _record(model, **inputs)


def _record(model, params, values):
    import tensorflow as tf

    layer = model.get_layer("layer")
    said = {
        "output": model(params, training=False),
        "log_prob": layer.distribution(params).log_prob(values),
    }
    if layer.regularizer is not None:
        said["penalty"] = tf.add_n(model.losses)
    prior = getattr(layer.regularizer, "prior", None)
    if prior is not None:
        said["prior"] = prior.distribution().log_prob(values)
    return {name: np.asarray(value) for name, value in said.items()}


def encoded(model, x):
    """Return what `encode` says, by name: mean and standard deviation, of each group if several."""
    found = model.encode(x)
    if isinstance(found, np.ndarray):
        return {"codes": found}
    groups = found if isinstance(found, dict) else {"z": found}
    return {
        f"{name}_{moment}": value
        for name, pair in groups.items()
        for moment, value in zip(("mean", "stddev"), pair, strict=True)
    }


def _record_vae(model, x, **others):
    x = {"x": x, **others} if others else x
    kinds = {spec.kind for spec in model.latent_specs().values()}
    bound = model.score(x) if kinds == {"deterministic"} else model.elbo(x, seed=1)
    return {
        **encoded(model, x),
        "bound": bound,  # encoder, prior and decoder
        "sample": model.sample(4, seed=1),
    }


def main(folder):
    """Write NAME.said.npz for every NAME.keras of `folder`, and failures to failures.json."""
    import keras

    import kvae  # noqa: F401  # what makes the classes known

    importlib.import_module("tests.conformance.user_function")  # as a DistributionLambda needs it
    failures = {}
    for path in sorted(Path(folder).glob("*.keras")):
        try:
            model = keras.saving.load_model(path, safe_mode=True)
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as inputs:
                said = record(model, dict(inputs))
            np.savez(path.with_suffix(".said.npz"), **said)
        except Exception:
            failures[path.stem] = traceback.format_exc()
    Path(folder, "failures.json").write_text(json.dumps(failures))


if __name__ == "__main__":
    main(sys.argv[1])
