"""All optimizers of a model, built."""

from typing import Any

import keras
import tensorflow as tf

from kvae.training.keras_compat import has_averages
from kvae.training.resume import batch_spec

__all__ = ["all_optimizers", "build_optimizers", "swap_averages"]

MAIN = "optimizer"


def build_optimizers(model: Any) -> None:
    """Build the optimizers of all update groups that have variables.

    Keras builds an optimizer while it traces the first step. TensorFlow then traces the step twice,
    since the first trace made variables, and keeps both graphs for the life of the process.

    Args:
        model: a built and compiled `LatentModel`.
    """
    with model.distribute_strategy.scope():
        for optimizer, variables in model.update_groups().values():
            if variables and not optimizer.built:
                optimizer.build(list(variables))


def all_optimizers(model: keras.Model, data: Any = None) -> dict[str, keras.optimizers.Optimizer]:
    """Return the optimizers of a model by name, the one given to `compile` as "optimizer".

    A model that updates several groups of variables names them by `update_groups`. Of others the
    attributes are searched, and lists and dicts among them.

    Args:
        model: a compiled model.
        data: what it is trained on. Where an optimizer has no variables yet, they are made by
            tracing a training step, which is not run.

    Raises:
        ValueError: If an optimizer has no variables and they cannot be made.
    """
    groups = model.update_groups() if hasattr(model, "update_groups") else {}
    found = {MAIN: model.optimizer}
    for name, (optimizer, variables) in groups.items():
        if not optimizer.built:
            optimizer.build(list(variables))
        _add(found, f"{MAIN} of {name}", optimizer)
    for name, value in sorted(vars(model).items()):
        for index, each in enumerate(_members(value)):
            if isinstance(each, keras.optimizers.Optimizer):
                _add(found, f"{MAIN} {name} {index}", each)
    if not groups and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if not all(optimizer.built for optimizer in found.values()):
        _trace_step(model, data)
    missing = [name for name, optimizer in found.items() if not optimizer.built]
    if missing:
        raise ValueError(
            "Expected all optimizers of the model to be built, so that a checkpoint holds their "
            f"state. Received: no variables in {missing}. Define update_groups, or call "
            "optimizer.build(variables) before fit."
        )
    return found


def swap_averages(model: Any) -> None:
    """Exchange the weights of a model with their moving averages.

    Nothing happens to weights whose optimizer has no averages: with `use_ema=False`, or before its
    first step. Keras' own `SwapEMAWeights` exchanges by additions, which round, and knows one
    optimizer only.

    Args:
        model: a built and compiled `keras.Model`.
    """
    groups = {MAIN: (model.optimizer, model.trainable_variables)}
    if hasattr(model, "update_groups"):
        groups = model.update_groups()
    for optimizer, variables in groups.values():
        if not has_averages(optimizer):
            continue
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        averages = optimizer._model_variables_moving_average
        for variable, average in zip(variables, averages, strict=True):
            value = keras.ops.copy(variable.value)
            variable.assign(average)
            average.assign(value)


def _add(found: dict[str, Any], name: str, optimizer: Any) -> None:
    if all(optimizer is not each for each in found.values()):
        found[name] = optimizer


def _members(value: Any) -> list[Any]:
    """Return what a list, tuple or dict holds; of another value itself."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def _trace_step(model: keras.Model, data: Any) -> None:
    spec = batch_spec(data)
    if spec is not None and model.distribute_strategy.num_replicas_in_sync == 1:
        tf.function(model.train_step, autograph=False).get_concrete_function(spec)
