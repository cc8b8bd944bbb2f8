"""Compare training in a file with training in Keras: the same rows, the same seeds."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.contract.term import total
from kvae.threefry import counted_noise

from ..result import ExportError
from ..training.functions import TrainingFunctions, pull_to, terms_of
from . import litert_training
from .precision import in_float32
from .processes import run_script

__all__ = ["MeasuredTraining", "checked_training", "keras_steps", "litert_steps", "steps_of"]

STEPS = 5
LEARNING_RATE = 1e-3
# Of the losses, relative where they are above one, and of the weights.
TOLERANCE = 1e-4
CHECKS = (
    "a step on NaN changes the weights",
    "reset does not give the shipped weights back",
    "restore does not give the saved weights back",
)


@dataclass(frozen=True)
class MeasuredTraining:
    """How training in a file compares with training in Keras, the worst over all engines.

    Attributes:
        steps: steps that both took, from the same rows and seeds.
        loss_error: largest |file - Keras| of the losses, divided by |Keras| where that is above
            one.
        weight_error: largest |file - Keras| of the trained weights afterwards.
        step_ms: median time of a step in the Interpreter, on one thread of this machine.
    """

    steps: int
    loss_error: float
    weight_error: float
    step_ms: float


def steps_of(training: TrainingFunctions, examples: Any, steps: int = STEPS) -> dict[str, Any]:
    """Return the inputs of some steps: rows (steps, batch, ...) by name, seeds, a learning rate.

    Args:
        training: what trains.
        examples: arrays by name; their rows are taken in turn.
        steps: number of steps.
    """
    size = training.plan.batch_size
    named = {n: spec.dtype for n, spec in training.specs().items() if n in examples}
    rows = np.arange(steps * size) % len(next(iter(examples.values())))
    inputs = {
        n: examples[n][rows].reshape(steps, size, *examples[n].shape[1:]).astype(of.as_numpy_dtype)
        for n, of in named.items()
    }
    inputs["seed"] = np.stack([np.arange(steps), np.full(steps, 7)], axis=1).astype("int32")
    inputs["learning_rate"] = np.float32(LEARNING_RATE)
    return inputs


@in_float32()
def keras_steps(training: TrainingFunctions, inputs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Return losses and weights of the steps in Keras: its optimizers, TensorFlow's gradients.

    The model itself is not changed: its weights are replaced by copies for the computation.

    Args:
        training: what trains.
        inputs: see `steps_of`.
    """
    copies = [
        keras.Variable(np.asarray(value), trainable=True, name=f"copy_{index}")
        for index, value in enumerate(training.state.weights)
    ]
    for copy, weight in zip(copies, training.state.weights, strict=True):
        copy.constraint = weight.constraint
    optimizer = training.optimizer.in_keras(float(inputs["learning_rate"]))
    optimizer.build(copies)

    @tf.function(autograph=False)
    def step(rows: dict[str, Any], seed: Any) -> Any:
        with tf.GradientTape() as tape:
            values = [tf.convert_to_tensor(copy.value) for copy in copies]
            mapping = list(zip(training.state.weights, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping), counted_noise():
                terms, batch = terms_of(training.model, training.objective, rows, seed)
            present = tf.concat([tf.reshape(value, [-1]) for value in values], axis=0)
            terms += pull_to(training.state.shipped, present, training.optimizer.pull)
            loss = total(terms, batch)
        gradients = tape.gradient(loss, values, unconnected_gradients="zero")
        optimizer.apply(gradients, copies)
        return loss

    names = inputs.keys() - {"seed", "learning_rate"}
    losses = [
        float(step({n: tf.constant(inputs[n][i]) for n in names}, tf.constant(seed)))
        for i, seed in enumerate(inputs["seed"])
    ]
    return np.asarray(losses), [np.asarray(copy) for copy in copies]


def litert_steps(path: Path, inputs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return losses, state and checks of the steps in each engine of LiteRT, by its name.

    Args:
        path: the `.tflite` file.
        inputs: see `steps_of`.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        np.savez(source, **inputs)
        run_script(litert_training, [path, source, target], f"training in {path.name}")
        with np.load(target, allow_pickle=False) as arrays:
            found = dict(arrays)
    engines: dict[str, dict[str, Any]] = {}
    for key, value in found.items():
        engine, name = key.split("/")
        engines.setdefault(engine, {})[name] = value
    return engines


def checked_training(
    training: TrainingFunctions, path: Path, examples: Any, steps: int = STEPS
) -> MeasuredTraining:
    """Return how training in a file compares with Keras.

    Args:
        training: what the file was made of.
        path: the file.
        examples: arrays by name, to train on.
        steps: number of steps.

    Raises:
        ExportError: If losses or weights differ by more than 1e-4, if a step on NaN changes
            anything, or if `reset` or `restore` do not give back what they should.
    """
    inputs = steps_of(training, examples, steps)
    losses, weights = keras_steps(training, inputs)
    expected = np.concatenate([weight.reshape(-1) for weight in weights])
    loss_error = weight_error = 0.0
    engines = litert_steps(path, inputs)
    for engine, found in engines.items():
        for passed, what in zip(found["checks"], CHECKS, strict=True):
            if not passed:
                raise ExportError(f"Training in {engine}: {what}.")
        errors = np.abs(found["losses"] - losses) / np.maximum(1.0, np.abs(losses))
        apart = np.abs(found["state"][: len(expected)] - expected)
        for value, what in ((errors, "losses"), (apart, "weights")):
            worst = float(np.max(value)) if np.all(np.isfinite(value)) else float("inf")
            if worst > TOLERANCE:
                raise ExportError(
                    f"Training in {engine}: after {steps} steps the {what} differ from Keras by "
                    f"{worst:.1e}; {TOLERANCE:.0e} is allowed."
                )
        loss_error = max(loss_error, float(errors.max()))
        weight_error = max(weight_error, float(apart.max()))
    first = next(iter(engines.values()))
    return MeasuredTraining(steps, loss_error, weight_error, float(first["step_ms"]))
