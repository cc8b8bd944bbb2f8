"""Residual dense networks, for tables and other vectors: plain Keras."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from kvae import checks
from kvae.networks import blocks
from kvae.networks.condition import joined
from kvae.networks.table_inputs import TableInputs

__all__ = ["residual_mlp_decoder", "residual_mlp_encoder"]


def residual_mlp_encoder(
    event_shape: Any,
    params_size: int,
    width: int = 256,
    depth: int = 2,
    gated: bool = True,
    activation: str = "silu",
    name: str = "encoder",
    condition_dim: int | None = None,
    columns: Sequence[int | str] | None = None,
) -> keras.Model:
    """Return a residual dense network (batch, *event_shape) -> (batch, params_size).

    Args:
        event_shape: shape of one example, int or tuple.
        params_size: units of the last layer, the posterior's `params_size`.
        width: units of the hidden layers.
        depth: residual blocks.
        gated: whether the hidden layer of a block is gated: the product of a linear layer and a
            sigmoid of another one.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to the data; None for a network without one.
        columns: what is read of the columns of a table, see `kvae.networks.TableInputs`; by
            default all are numbers.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> kvae.networks.residual_mlp_encoder(12, 8).output_shape
        (None, 8)

    References:
        Tomczak, Welling: VAE with a VampPrior, 2018, https://arxiv.org/abs/1705.07120 (gated dense
        layers)
    """
    event_shape = checks.event_shape(event_shape)
    inputs = x = keras.Input(event_shape)
    if columns is not None:
        x = TableInputs(columns, name=f"{name}_columns")(x)
    elif len(event_shape) != 1:
        x = keras.layers.Flatten(**blocks.CHANNELS_LAST)(x)
    outer, x = joined(inputs, x, condition_dim, name)
    x = _hidden(x, width, depth, gated, activation, name)
    params_size = checks.positive_int("params_size", params_size)
    return keras.Model(outer, keras.layers.Dense(params_size, name=f"{name}_params")(x), name=name)


def residual_mlp_decoder(
    latent_dim: int,
    params_shape: Any,
    width: int = 256,
    depth: int = 2,
    gated: bool = True,
    activation: str = "silu",
    name: str = "decoder",
    condition_dim: int | None = None,
) -> keras.Model:
    """Return a residual dense network (batch, latent_dim) -> (batch, *params_shape).

    Args:
        latent_dim: number of latent dimensions.
        params_shape: the likelihood's `params_shape`, int or tuple.
        width: units of the hidden layers.
        depth: residual blocks.
        gated: whether the hidden layer of a block is gated.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.
        condition_dim: elements of the vector of a condition, which becomes the network's second
            input and is joined to z; None for a network without one.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> kvae.networks.residual_mlp_decoder(4, (12, 2)).output_shape
        (None, 12, 2)
    """
    params_shape = checks.event_shape(params_shape, "params_shape")
    inputs = keras.Input((checks.positive_int("latent_dim", latent_dim),))
    outer, x = joined(inputs, inputs, condition_dim, name)
    x = _hidden(x, width, depth, gated, activation, name)
    x = keras.layers.Dense(math.prod(params_shape), name=f"{name}_params")(x)
    if len(params_shape) != 1:
        x = keras.layers.Reshape(params_shape)(x)
    return keras.Model(outer, x, name=name)


def _hidden(x: Any, width: int, depth: int, gated: bool, activation: str, name: str) -> Any:
    x = blocks.dense(checks.positive_int("width", width), name=f"{name}_first")(x)
    for block in range(checks.positive_int("depth", depth)):
        x = blocks.residual(x, blocks.dense, activation, f"{name}_block_{block}", gated)
    return blocks.activated(x, activation, f"{name}_last")
