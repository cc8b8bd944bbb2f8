"""Copies of models that compute in float32."""

from collections.abc import Callable
from typing import Any

import keras

from kvae.layers import DistributionLayer
from kvae.training.keras_compat import layers_inside

__all__ = ["copy_weights", "float32_model", "float32_network"]


def float32_model(model: keras.Model, replace: Callable[[Any], Any] | None = None) -> Any:
    """Return a model with the same weights that computes in float32.

    Edge runtimes have no bfloat16 kernels, and the weights of a mixed-precision model are float32
    already. Networks that compute in float32 are shared with `model`; its distribution layers are
    copied, since a prior is bound to one model.

    Args:
        model: a built `LatentModel` that is made again of its `parts`.
        replace: function from a network to the network that stands for it.

    Returns:
        The copy; `model` itself where nothing differs.
    """
    if not model.parts():
        return _without_parts(model)
    if replace is None and _is_float32(model):
        return model
    parts = {name: _float32_part(part, replace) for name, part in model.parts().items()}
    copy = type(model).from_config({**model.get_config(), **parts, "dtype": "float32"})
    copy.earlier_steps = model.training_steps()
    return copy


def _float32_part(part: Any, replace: Callable[[Any], Any] | None) -> Any:
    """Return what stands for a part, a network or a distribution layer, or a list of these."""
    if isinstance(part, list | tuple):
        return [_float32_part(each, replace) for each in part]
    if isinstance(part, DistributionLayer):
        return _copy(part)
    network = float32_network(part)
    is_model = isinstance(part, keras.Model)
    return replace(network) if replace is not None and is_model else network


def float32_network(network: keras.layers.Layer) -> keras.layers.Layer:
    """Return `network`, or a float32 copy with its weights if it computes in another precision.

    Raises:
        ValueError: If Keras does not make its layers of their configuration, as a Python `Lambda`.
    """
    if _is_float32(network):
        return network
    try:
        copy = type(network).from_config(_with_float32(network.get_config()))
    except (NotImplementedError, TypeError, ValueError) as error:
        said, *_ = [*str(error).strip().splitlines(), ""]
        raise ValueError(
            "Expected a network whose layers Keras makes of their configuration, registered "
            "classes and no Lambda of a Python function: of a model in another precision than "
            f"float32 files are made of a copy. Received: {network.name!r} with the policy "
            f"{network.dtype_policy.name!r} ({type(error).__name__}: {said})"
        ) from error
    if not copy.built:
        copy.build_from_config(network.get_build_config() or {})
    copy_weights(network, copy)
    return copy


def copy_weights(source: keras.layers.Layer, copy: keras.layers.Layer) -> None:
    """Give a copy of a layer or model the weights of its source.

    Layers that adapt to data, such as `keras.layers.Normalization`, compute with values that
    `finalize_state` derives from their weights: `set_weights` alone would leave those as they were.

    Args:
        source: a built layer or model.
        copy: the same, made of its configuration and built.
    """
    copy.set_weights(source.get_weights())
    for layer in layers_inside(copy):
        if layer.weights and hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    copy = type(layer).from_config(layer.get_config())
    copy.build((None, *layer.params_shape))
    copy_weights(layer, copy)
    return copy


def _without_parts(model: Any) -> Any:
    """Return the float32 copy of a model that makes its own layers, or the model if it is one."""
    if _is_float32(model):
        return model  # there is nothing to replace
    copy = type(model).from_config({**model.get_config(), "dtype": "float32"})
    copy_weights(model, copy)
    copy.earlier_steps = model.training_steps()
    return copy


def _is_float32(layer: Any) -> bool:
    inner = getattr(layer, "layers", [])
    return all(map(_is_float32, inner)) if inner else layer.compute_dtype == "float32"


def _with_float32(config: Any) -> Any:
    """Return a Keras config with every dtype policy set to float32."""
    if isinstance(config, dict):
        if str(config.get("class_name", "")).endswith("DTypePolicy"):
            return {**config, "config": {**config["config"], "name": "float32"}}
        return {
            key: "float32" if key == "dtype" and isinstance(value, str) else _with_float32(value)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_with_float32(item) for item in config)
    return config
