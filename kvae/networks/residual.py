"""Residual convolutional networks, for colour pictures of 32 to 128 pixels: plain Keras."""

from collections.abc import Sequence
from typing import Any

import keras

from kvae import checks
from kvae.networks import blocks
from kvae.networks.condition import joined
from kvae.networks.sizes import doubled, halved_sizes

__all__ = ["residual_decoder", "residual_encoder"]

# By default the picture is halved until its longer side is at most this many pixels.
COARSEST = 8
FEWEST_FILTERS, MOST_FILTERS = 32, 128


def residual_encoder(
    event_shape: Any,
    params_size: int,
    filters: Sequence[int] | None = None,
    depth: int = 1,
    dense: int = 256,
    activation: str = "silu",
    name: str = "encoder",
    condition_dim: int | None = None,
) -> keras.Model:
    """Return a residual network (batch, H, W, C) -> (batch, params_size).

    Height and width are halved (rounded up) by a strided convolution, and `depth` residual blocks
    follow at each size.

    Args:
        event_shape: (H, W, C), any size.
        params_size: units of the last layer, the posterior's `params_size`.
        filters: channels at each size, from fine to coarse. By default the picture is halved until
            its longer side is at most 8 pixels, with 32 channels, then 64, then 128.
        depth: residual blocks at each size.
        dense: units of the dense layer after them.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to the features before the dense layer; None for a network without
            one.

    Raises:
        ValueError: If a size is not a positive integer, or the event is not an image.

    Example:
        >>> kvae.networks.residual_encoder((45, 64, 3), 32).output_shape
        (None, 32)
    """
    event_shape = checks.image_shape(event_shape, "event_shape")
    depth = checks.positive_int("depth", depth)
    inputs = x = keras.Input(event_shape)
    for index, channels in enumerate(_filters(filters, event_shape)):
        x = blocks.conv2d(channels, strides=2, name=f"{name}_down_{index}")(x)
        for block in range(depth):
            x = blocks.residual(x, blocks.conv2d, activation, f"{name}_block_{index}_{block}")
    x = keras.layers.Flatten(**blocks.CHANNELS_LAST)(
        blocks.activated(x, activation, f"{name}_last")
    )
    outer, x = joined(inputs, x, condition_dim, name)
    x = blocks.dense(checks.positive_int("dense", dense), name=f"{name}_dense")(x)
    x = keras.layers.Activation(activation, name=f"{name}_dense_act")(x)
    params_size = checks.positive_int("params_size", params_size)
    return keras.Model(outer, keras.layers.Dense(params_size, name=f"{name}_params")(x), name=name)


def residual_decoder(
    latent_dim: int,
    params_shape: Any,
    filters: Sequence[int] | None = None,
    depth: int = 1,
    dense: int = 256,
    activation: str = "silu",
    name: str = "decoder",
    condition_dim: int | None = None,
) -> keras.Model:
    """Return a residual network (batch, latent_dim) -> (batch, H, W, C).

    After `depth` residual blocks at each size, and a convolution, the pixels are doubled.

    Args:
        latent_dim: number of latent dimensions.
        params_shape: the likelihood's `params_shape`, (H, W, C), any size.
        filters: channels at each size, from coarse to fine. By default those of
            `residual_encoder`, reversed.
        depth: residual blocks at each size.
        dense: units of the dense layer before them.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to z; None for a network without one.

    Raises:
        ValueError: If a size is not a positive integer, or the parameters are not image-shaped.

    Example:
        >>> kvae.networks.residual_decoder(16, (45, 64, 6)).output_shape
        (None, 45, 64, 6)
    """
    params_shape = checks.image_shape(params_shape, "params_shape")
    depth = checks.positive_int("depth", depth)
    filters = _filters(filters and filters[::-1], params_shape)[::-1]
    sizes = halved_sizes(*params_shape[:2])
    sizes += sizes[-1:] * len(filters)  # more halvings than there are pixels
    inputs = keras.Input((checks.positive_int("latent_dim", latent_dim),))
    outer, x = joined(inputs, inputs, condition_dim, name)
    x = blocks.dense(checks.positive_int("dense", dense), name=f"{name}_dense_0")(x)
    x = keras.layers.Activation(activation, name=f"{name}_dense_act")(x)
    rows, columns = sizes[len(filters)]
    x = blocks.dense(rows * columns * filters[0], name=f"{name}_dense_1")(x)
    x = keras.layers.Reshape((rows, columns, filters[0]))(x)
    for index, finer in enumerate([*filters[1:], filters[-1]]):
        for block in range(depth):
            x = blocks.residual(x, blocks.conv2d, activation, f"{name}_block_{index}_{block}")
        # The other way round LiteRT takes 1.37 times as long for (64, 64, 3), and with a transposed
        # convolution, exported by phases, 1.10 times.
        x = blocks.conv2d(finer, name=f"{name}_up_{index}")(x)
        x = doubled(x, sizes[len(filters) - 1 - index])
    x = blocks.activated(x, activation, f"{name}_last")
    outputs = keras.layers.Conv2D(params_shape[-1], 3, name=f"{name}_params", **blocks.SHAPED)(x)
    return keras.Model(outer, outputs, name=name)


def _filters(filters: Sequence[int] | None, shape: tuple[int, int, int]) -> list[int]:
    """Return the channels at each size, from fine to coarse."""
    if filters is None:
        sizes = halved_sizes(*shape[:2])[1:]
        halvings = 1 + sum(max(size) > COARSEST for size in sizes)
        return [min(FEWEST_FILTERS * 2**index, MOST_FILTERS) for index in range(halvings)]
    if not filters:
        raise ValueError("Expected filters to name at least one size. Received: filters=()")
    return [checks.positive_int("filters", channels) for channels in filters]
