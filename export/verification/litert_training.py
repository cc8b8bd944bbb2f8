"""Train a `.tflite` file in LiteRT; numpy and ai-edge-litert alone, no TensorFlow.

As a script, `python -P litert_training.py MODEL.tflite INPUTS.npz OUTPUTS.npz`, it takes the steps
of INPUTS in both of LiteRT's engines, each in a file of its own loading.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["interpreter", "main"]

Run = Callable[..., dict[str, np.ndarray]]
ENGINES = ("LiteRT Interpreter", "LiteRT CompiledModel")


def interpreter(path: str) -> Run:
    """Return a function (signature, **inputs) -> outputs of LiteRT's Interpreter, on one thread.

    Args:
        path: the `.tflite` file.
    """
    from ai_edge_litert.interpreter import Interpreter

    loaded = Interpreter(model_path=path, num_threads=1)
    runners = {name: loaded.get_signature_runner(name) for name in loaded.get_signature_list()}

    def run(signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        return runners[signature](**inputs)

    return run


def compiled(path: str) -> Run:
    """Return such a function of LiteRT's CompiledModel."""
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(path)

    def run(signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        sources = model.get_input_tensor_details(signature)
        targets = model.get_output_tensor_details(signature)
        given = {name: model.create_input_buffer_by_name(signature, name) for name in sources}
        found = {name: model.create_output_buffer_by_name(signature, name) for name in targets}
        for name, value in inputs.items():
            given[name].write(np.ascontiguousarray(np.atleast_1d(value)))
        model.run_by_name(signature, given, found)
        outputs = {}
        for name, details in targets.items():
            shape = [int(size) for size in details["shape"]]
            kind = np.dtype(details["dtype"]).type
            outputs[name] = np.array(found[name].read(int(np.prod(shape)), kind)).reshape(shape)
        return outputs

    return run


def _trained(run: Run, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the losses and states of the steps, and what a step on NaN and `restore` leave."""
    seeds, rates = inputs.pop("seed"), inputs.pop("learning_rate")
    shipped = run("save")["state"]
    losses, times = [], []
    for index, seed in enumerate(seeds):
        rows = {name: value[index] for name, value in inputs.items()}
        start = time.perf_counter()
        outputs = run("train", **rows, seed=seed, learning_rate=rates)
        times.append(time.perf_counter() - start)
        losses.append(float(outputs["loss"].item()))
    state = run("save")["state"]
    rows = {name: value[0] for name, value in inputs.items()}
    step = {"seed": seeds[0], "learning_rate": rates}
    broken = {
        name: np.full_like(value, np.nan) if value.dtype.kind == "f" else value
        for name, value in rows.items()
    }
    refused = _unchanged(run, **broken, **step)
    run("restore", state=np.append(np.full_like(state[:-1], np.nan), state[-1:]))
    refused = _unchanged(run, **rows, **step) and refused
    run("reset")
    reset = np.array_equal(run("save")["state"], shipped)
    run("restore", state=state)
    restored = np.array_equal(run("save")["state"], state)
    return {
        "losses": np.asarray(losses),
        "state": state,
        "checks": np.asarray([refused, reset, restored]),
        "step_ms": 1e3 * float(np.median(times)),
    }


def _unchanged(run: Run, **inputs: Any) -> bool:
    """Take a step; return whether it changes nothing, or is finite although something is NaN.

    Rows that are NaN may give a finite loss: where NaN is a missing number, or x holds no floats.
    """
    before = run("save")["state"]
    outputs = run("train", **inputs)
    if np.isfinite(outputs["loss"].item()):
        return True
    kept = np.array_equal(run("save")["state"], before, equal_nan=True)
    return kept and int(outputs["applied"].item()) == 0


def main(model: str, source: str, target: str) -> None:
    """Take the steps of `source` in each engine; the keys of `target` are `engine/name`."""
    with np.load(source, allow_pickle=False) as arrays:
        inputs = dict(arrays)
    results: dict[str, Any] = {}
    for engine, load in zip(ENGINES, (interpreter, compiled), strict=True):
        for name, value in _trained(load(model), dict(inputs)).items():
            results[f"{engine}/{name}"] = value
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
