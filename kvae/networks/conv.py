"""Convolutional networks for images of any size: plain Keras."""

from collections.abc import Sequence
from typing import Any

import keras

from kvae import checks
from kvae.networks import blocks
from kvae.networks.condition import joined
from kvae.networks.transposed import picture_params

__all__ = ["conv_decoder", "conv_encoder"]


def conv_encoder(
    event_shape: Any,
    params_size: int,
    filters: Sequence[int] = (32, 64),
    dense: int = 256,
    activation: str = "relu",
    name: str = "encoder",
    condition_dim: int | None = None,
) -> keras.Model:
    """Return a convolutional network (batch, H, W, C) -> (batch, params_size).

    Each convolution halves height and width (rounded up).

    Args:
        event_shape: (H, W, C), any size.
        params_size: units of the last layer, the posterior's `params_size`.
        filters: channels of the convolutions.
        dense: units of the dense layer after them.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to the features before the dense layer; None for a network without
            one.

    Raises:
        ValueError: If a size is not a positive integer, or the event is not an image.

    Example:
        >>> kvae.networks.conv_encoder((28, 20, 1), 32).output_shape
        (None, 32)

    References:
        Yan, Yang, Sohn, Lee: Attribute2Image: Conditional Image Generation from Visual Attributes,
        2016, https://arxiv.org/abs/1512.00570 (the condition beside the features of the
        convolutions)
    """
    inputs = keras.Input(checks.image_shape(event_shape, "event_shape"))
    outputs = inputs
    for index, channels in enumerate(filters):
        outputs = blocks.conv2d(
            channels, strides=2, activation=activation, name=f"{name}_conv_{index}"
        )(outputs)
    outer, outputs = joined(
        inputs, keras.layers.Flatten(**blocks.CHANNELS_LAST)(outputs), condition_dim, name
    )
    outputs = keras.layers.Dense(
        checks.positive_int("dense", dense),
        activation,
        kernel_initializer="he_normal",
        name=f"{name}_dense",
    )(outputs)
    params_size = checks.positive_int("params_size", params_size)
    outputs = keras.layers.Dense(params_size, name=f"{name}_params")(outputs)
    return keras.Model(outer, outputs, name=name)


def conv_decoder(
    latent_dim: int,
    params_shape: Any,
    filters: Sequence[int] = (64, 32),
    dense: int = 256,
    activation: str = "relu",
    name: str = "decoder",
    condition_dim: int | None = None,
) -> keras.Model:
    """Return a transposed convolutional network (batch, latent_dim) -> (batch, H, W, C).

    Each transposed convolution doubles height and width; what is over is cropped before the last
    convolution, which emits the parameters.

    Args:
        latent_dim: number of latent dimensions.
        params_shape: the likelihood's `params_shape`, (H, W, C), any size.
        filters: channels of the transposed convolutions.
        dense: units of the dense layer before them.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to z; None for a network without one.

    Raises:
        ValueError: If a size is not a positive integer, or the parameters are not image-shaped.

    Example:
        >>> kvae.networks.conv_decoder(16, (28, 20, 2)).output_shape
        (None, 28, 20, 2)
    """
    shape = checks.image_shape(params_shape, "params_shape")
    filters = [checks.positive_int("filters", size) for size in filters]
    if not filters:
        raise ValueError("Expected filters to name at least one layer. Received: filters=()")
    step = 2 ** len(filters)
    rows, columns = (-(-side // step) for side in shape[:2])
    inputs = keras.Input((checks.positive_int("latent_dim", latent_dim),))
    dense = checks.positive_int("dense", dense)
    outer, outputs = joined(inputs, inputs, condition_dim, name)
    outputs = keras.layers.Dense(
        dense, activation, kernel_initializer="he_normal", name=f"{name}_dense_0"
    )(outputs)
    outputs = keras.layers.Dense(
        rows * columns * filters[0],
        activation,
        kernel_initializer="he_normal",
        name=f"{name}_dense_1",
    )(outputs)
    outputs = keras.layers.Reshape((rows, columns, filters[0]))(outputs)
    outputs = picture_params(outputs, filters, shape, activation, name)
    return keras.Model(outer, outputs, name=name)
