"""Which networks fit the shape of an example."""

from collections.abc import Sequence
from typing import Any

import keras

from kvae import checks
from kvae.networks.conv import conv_decoder, conv_encoder
from kvae.networks.mlp import mlp_decoder, mlp_encoder
from kvae.networks.residual import residual_decoder, residual_encoder
from kvae.networks.residual_mlp import residual_mlp_decoder, residual_mlp_encoder
from kvae.networks.sequence import sequence_decoder, sequence_encoder

__all__ = ["for_data", "kind_for_data"]

# From this longer side on pictures get residual networks.
LARGE = 32

NETWORKS: dict[str, tuple[Any, Any]] = {
    "conv": (conv_encoder, conv_decoder),
    "mlp": (mlp_encoder, mlp_decoder),
    "residual": (residual_encoder, residual_decoder),
    "residual_mlp": (residual_mlp_encoder, residual_mlp_decoder),
    "sequence": (sequence_encoder, sequence_decoder),
}


def kind_for_data(event_shape: Any, params_shape: Any) -> str:
    """Return the kind of networks that `for_data` takes for the shape of an example.

    Args:
        event_shape: shape of one example, int or tuple.
        params_shape: the likelihood's `params_shape`, int or tuple.

    Returns:
        "conv", "residual", "sequence" or "residual_mlp".

    Example:
        >>> kvae.networks.kind_for_data((64, 64, 3), (64, 64, 6))
        'residual'
    """
    shape = checks.event_shape(event_shape)
    params = checks.event_shape(params_shape, "params_shape")
    if shape[:-1] == params[:-1]:
        if len(shape) == 2:
            return "sequence"
        if len(shape) == 3:
            return "conv" if max(shape[:2]) < LARGE else "residual"
    return "residual_mlp"


def for_data(
    event_shape: Any,
    params_size: int,
    latent_dim: int,
    params_shape: Any,
    condition_dim: int | None = None,
    kind: str | None = None,
    columns: Sequence[int | str] | None = None,
    missing: bool = False,
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
        kind: "conv", "mlp", "residual", "residual_mlp" or "sequence" to decide it.
        columns: what the encoder reads of the columns of a table, see
            `kvae.networks.TableInputs`; by default all are numbers.
        missing: whether the encoder reads the mask of missing values beside the data, as in a
            `kvae.VAE(missing=True)`: twice the channels.

    Raises:
        ValueError: If a size is not a positive integer, or `columns` are given for other networks
            than "residual_mlp".

    Example:
        >>> encoder, decoder = kvae.networks.for_data((64, 64, 3), 32, 16, (64, 64, 6))
        >>> encoder.output_shape, decoder.output_shape
        ((None, 32), (None, 64, 64, 6))
    """
    shape = checks.event_shape(event_shape)
    params = checks.event_shape(params_shape, "params_shape")
    chosen = kind_for_data(shape, params)
    if kind is not None:
        chosen = checks.choice("kind", kind, sorted(NETWORKS))
    encoder, decoder = NETWORKS[chosen]
    read = (*shape[:-1], 2 * shape[-1]) if missing else shape
    more: dict[str, Any] = {}
    if columns is not None:
        if chosen != "residual_mlp":
            raise ValueError(
                'Expected columns with networks of the kind "residual_mlp", for tables. Received: '
                f"{chosen!r}"
            )
        more = {"columns": columns}
    return (
        encoder(read, params_size, condition_dim=condition_dim, **more),
        decoder(latent_dim, params, condition_dim=condition_dim),
    )
