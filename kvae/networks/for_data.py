"""Which networks fit the shape of an example."""

from typing import Any

import keras

from kvae import checks
from kvae.networks.conv import conv_decoder, conv_encoder
from kvae.networks.residual import residual_decoder, residual_encoder
from kvae.networks.residual_mlp import residual_mlp_decoder, residual_mlp_encoder
from kvae.networks.sequence import sequence_decoder, sequence_encoder

__all__ = ["for_data"]

# From this longer side on pictures get residual networks.
LARGE = 32


def for_data(
    event_shape: Any,
    params_size: int,
    latent_dim: int,
    params_shape: Any,
    condition_dim: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Return an encoder and a decoder that fit the shape of an example.

    | event_shape | networks |
    | --- | --- |
    | (height, width, channels), both sides below 32 | `conv_encoder`, `conv_decoder` |
    | (height, width, channels), larger | `residual_encoder`, `residual_decoder` |
    | (time, channels) | `sequence_encoder`, `sequence_decoder`, convolutions |
    | any other, such as the columns of a table | `residual_mlp_encoder`, `residual_mlp_decoder` |

    A picture needs its axis of channels: (28, 28) is taken for a sequence. Where `params_shape`
    differs from `event_shape` in more than the last axis, the networks are dense.

    Args:
        event_shape: shape of one example, int or tuple.
        params_size: the posterior's `params_size`.
        latent_dim: number of latent dimensions.
        params_shape: the likelihood's `params_shape`, int or tuple.
        condition_dim: elements of the vector of a condition, the second input of both; None for
            networks without one.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> encoder, decoder = kvae.networks.for_data((64, 64, 3), 32, 16, (64, 64, 6))
        >>> encoder.output_shape, decoder.output_shape
        ((None, 32), (None, 64, 64, 6))
    """
    shape = checks.event_shape(event_shape)
    params = checks.event_shape(params_shape, "params_shape")
    encoder: Any = residual_mlp_encoder
    decoder: Any = residual_mlp_decoder
    if shape[:-1] == params[:-1]:
        if len(shape) == 2:
            encoder, decoder = sequence_encoder, sequence_decoder
        elif len(shape) == 3 and max(shape[:2]) < LARGE:
            encoder, decoder = conv_encoder, conv_decoder
        elif len(shape) == 3:
            encoder, decoder = residual_encoder, residual_decoder
    return (
        encoder(shape, params_size, condition_dim=condition_dim),
        decoder(latent_dim, params, condition_dim=condition_dim),
    )
