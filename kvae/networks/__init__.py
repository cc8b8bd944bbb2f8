"""Encoders and decoders as plain Keras models; they know nothing of distributions."""

from kvae.networks.conv import conv_decoder, conv_encoder
from kvae.networks.for_data import for_data, kind_for_data
from kvae.networks.grid import grid_decoder, grid_encoder
from kvae.networks.ladder import ladder_conv, ladder_mlp
from kvae.networks.made import MADE
from kvae.networks.mlp import mlp_decoder, mlp_encoder
from kvae.networks.residual import residual_decoder, residual_encoder
from kvae.networks.residual_mlp import residual_mlp_decoder, residual_mlp_encoder
from kvae.networks.sequence import sequence_decoder, sequence_encoder
from kvae.networks.table_inputs import TableInputs

__all__ = [
    "MADE",
    "TableInputs",
    "conv_decoder",
    "conv_encoder",
    "for_data",
    "grid_decoder",
    "grid_encoder",
    "kind_for_data",
    "ladder_conv",
    "ladder_mlp",
    "mlp_decoder",
    "mlp_encoder",
    "residual_decoder",
    "residual_encoder",
    "residual_mlp_decoder",
    "residual_mlp_encoder",
    "sequence_decoder",
    "sequence_encoder",
]
