"""Dense networks: plain Keras, for data of any shape.

Layers carry the name of their network, so that the variables of a model of two networks have
different paths: Keras' state tree and weight files need that.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras

from kvae import checks
from kvae.networks import blocks
from kvae.networks.condition import joined

__all__ = ["mlp_decoder", "mlp_encoder"]


def mlp_encoder(
    event_shape: Any,
    params_size: int,
    hidden: Sequence[int] = (512, 256),
    activation: str = "relu",
    name: str = "encoder",
    condition_dim: int | None = None,
    gated: bool = False,
) -> keras.Model:
    """Return a dense network (batch, *event_shape) -> (batch, params_size).

    Args:
        event_shape: shape of one example, int or tuple.
        params_size: units of the last layer, the posterior's `params_size`.
        hidden: units of the hidden layers.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to the data; None for a network without one.
        gated: whether hidden layers are gated: the product of a linear layer and a sigmoid of
            another one, (W x + b) sigmoid(V x + c), instead of an activation.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> kvae.networks.mlp_encoder((8, 8, 1), 32).output_shape
        (None, 32)

    References:
        Tomczak, Welling: VAE with a VampPrior, 2018, section 5.2, https://arxiv.org/abs/1705.07120
        (two gated hidden layers of 300)
    """
    inputs = keras.Input(checks.event_shape(event_shape))
    outer, outputs = joined(
        inputs, keras.layers.Flatten(**blocks.CHANNELS_LAST)(inputs), condition_dim, name
    )
    outputs = _hidden(outputs, hidden, activation, gated, name)
    params_size = checks.positive_int("params_size", params_size)
    outputs = keras.layers.Dense(params_size, name=f"{name}_params")(outputs)
    return keras.Model(outer, outputs, name=name)


def mlp_decoder(
    latent_dim: int,
    params_shape: Any,
    hidden: Sequence[int] = (256, 512),
    activation: str = "relu",
    name: str = "decoder",
    condition_dim: int | None = None,
    gated: bool = False,
) -> keras.Model:
    """Return a dense network (batch, latent_dim) -> (batch, *params_shape).

    Args:
        latent_dim: number of latent dimensions.
        params_shape: the likelihood's `params_shape`, int or tuple.
        hidden: units of the hidden layers.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to z; None for a network without one.
        gated: whether hidden layers are gated, see `mlp_encoder`.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> kvae.networks.mlp_decoder(16, (8, 8, 1)).output_shape
        (None, 8, 8, 1)
    """
    params_shape = checks.event_shape(params_shape, "params_shape")
    inputs = keras.Input((checks.positive_int("latent_dim", latent_dim),))
    outer, outputs = joined(inputs, inputs, condition_dim, name)
    outputs = _hidden(outputs, hidden, activation, gated, name)
    outputs = keras.layers.Dense(math.prod(params_shape), name=f"{name}_params")(outputs)
    if len(params_shape) > 1:
        outputs = keras.layers.Reshape(params_shape)(outputs)
    return keras.Model(outer, outputs, name=name)


def _hidden(x: Any, hidden: Sequence[int], activation: str, gated: bool, name: str) -> Any:
    for index, units in enumerate(hidden):
        units, seen = checks.positive_int("hidden", units), x
        x = blocks.dense(
            units, activation=None if gated else activation, name=f"{name}_dense_{index}"
        )(seen)
        if gated:
            gate = blocks.dense(units, activation="sigmoid", name=f"{name}_gate_{index}")(seen)
            x = keras.layers.Multiply(name=f"{name}_gated_{index}")([x, gate])
    return x
