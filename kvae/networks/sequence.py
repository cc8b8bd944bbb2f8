"""Networks for sequences, (time, channels): plain Keras."""

from collections.abc import Sequence
from typing import Any

import keras

from kvae import checks
from kvae.networks import blocks
from kvae.networks.condition import joined

__all__ = ["sequence_decoder", "sequence_encoder"]

KINDS = ("conv", "gru")


def sequence_encoder(
    event_shape: Any,
    params_size: int,
    kind: str = "conv",
    filters: Sequence[int] = (32, 64),
    units: int = 64,
    activation: str = "silu",
    name: str = "encoder",
    condition_dim: int | None = None,
) -> keras.Model:
    """Return a network (batch, time, channels) -> (batch, params_size).

    "conv" halves the number of steps (rounded up) by strided convolutions, each followed by a
    residual block: it is fast, and sees as many steps as the filters reach. "gru" reads the steps
    forwards and backwards, and sees all of them. Its steps are unrolled into the graph, which makes
    the exported file fast, and its conversion and its size grow with their number: take "conv" for
    more than about a hundred.

    Args:
        event_shape: (time, channels).
        params_size: units of the last layer, the posterior's `params_size`.
        kind: "conv" or "gru".
        filters: channels of the convolutions of "conv".
        units: units of the dense layer, and of each direction of "gru".
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to the features before the dense layer; None for a network without
            one.

    Raises:
        ValueError: If a size is not a positive integer, the event is not a sequence, or the kind is
            another.

    Example:
        >>> kvae.networks.sequence_encoder((50, 3), 8).output_shape
        (None, 8)

    References:
        Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder for Statistical
        Machine Translation, 2014, https://arxiv.org/abs/1406.1078 (the GRU)
    """
    units = checks.positive_int("units", units)
    inputs = x = keras.Input(_sequence_shape(event_shape, "event_shape"))
    if checks.choice("kind", kind, KINDS) == "conv":
        for index, channels in enumerate(_checked(filters)):
            x = blocks.conv1d(channels, strides=2, name=f"{name}_down_{index}")(x)
            x = blocks.residual(x, blocks.conv1d, activation, f"{name}_block_{index}")
        x = keras.layers.Flatten(**blocks.CHANNELS_LAST)(
            blocks.activated(x, activation, f"{name}_last")
        )
    else:
        forwards = keras.layers.GRU(units, unroll=True, name=f"{name}_forwards")(x)
        backwards = keras.layers.GRU(
            units, unroll=True, go_backwards=True, name=f"{name}_backwards"
        )(x)
        x = keras.layers.Concatenate()([forwards, backwards])
    outer, x = joined(inputs, x, condition_dim, name)
    x = blocks.dense(units, name=f"{name}_dense")(x)
    x = keras.layers.Activation(activation, name=f"{name}_dense_act")(x)
    params_size = checks.positive_int("params_size", params_size)
    return keras.Model(outer, keras.layers.Dense(params_size, name=f"{name}_params")(x), name=name)


def sequence_decoder(
    latent_dim: int,
    params_shape: Any,
    kind: str = "conv",
    filters: Sequence[int] = (64, 32),
    units: int = 64,
    activation: str = "silu",
    name: str = "decoder",
    condition_dim: int | None = None,
) -> keras.Model:
    """Return a network (batch, latent_dim) -> (batch, time, channels).

    "conv" doubles the number of steps after each residual block. "gru" is given z at every step.

    Args:
        latent_dim: number of latent dimensions.
        params_shape: the likelihood's `params_shape`, (time, channels).
        kind: "conv" or "gru".
        filters: channels of the convolutions of "conv".
        units: units of the dense layer, and of the "gru".
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to z; None for a network without one.

    Raises:
        ValueError: If a size is not a positive integer, the parameters are not those of a
            sequence, or the kind is another.

    Example:
        >>> kvae.networks.sequence_decoder(4, (50, 3), kind="gru").output_shape
        (None, 50, 3)
    """
    steps, channels = _sequence_shape(params_shape, "params_shape")
    units = checks.positive_int("units", units)
    inputs = keras.Input((checks.positive_int("latent_dim", latent_dim),))
    outer, x = joined(inputs, inputs, condition_dim, name)
    x = blocks.dense(units, name=f"{name}_dense")(x)
    x = keras.layers.Activation(activation, name=f"{name}_dense_act")(x)
    if checks.choice("kind", kind, KINDS) == "conv":
        x = _convolved(x, steps, _checked(filters), activation, name)
    else:
        x = keras.layers.RepeatVector(steps)(x)
        x = keras.layers.GRU(units, unroll=True, return_sequences=True, name=f"{name}_steps")(x)
    return keras.Model(outer, keras.layers.Dense(channels, name=f"{name}_params")(x), name=name)


def _convolved(x: Any, steps: int, filters: list[int], activation: str, name: str) -> Any:
    """Return features of every step, made of a vector of the whole sequence."""
    factor = 2 ** len(filters)
    coarse = -(-steps // factor)
    x = blocks.dense(coarse * filters[0], name=f"{name}_coarse")(x)
    x = keras.layers.Reshape((coarse, filters[0]))(x)
    for index, channels in enumerate(filters):
        x = blocks.conv1d(channels, name=f"{name}_conv_{index}")(x)
        x = blocks.residual(x, blocks.conv1d, activation, f"{name}_block_{index}")
        x = keras.layers.UpSampling1D(2)(x)
    if coarse * factor != steps:
        x = keras.layers.Cropping1D((0, coarse * factor - steps))(x)
    x = blocks.conv1d(filters[-1], name=f"{name}_conv_last")(x)
    return blocks.activated(x, activation, f"{name}_last")


def _checked(filters: Sequence[int]) -> list[int]:
    if not filters:
        raise ValueError("Expected filters to name at least one layer. Received: filters=()")
    return [checks.positive_int("filters", channels) for channels in filters]


def _sequence_shape(shape: Any, name: str) -> tuple[int, int]:
    shape = checks.event_shape(shape, name)
    if len(shape) != 2:
        raise ValueError(
            f"Expected {name} to be (time, channels). Received: {name}={shape}. Sequences without "
            "a channel axis need one, x[..., None]."
        )
    return shape
