"""Encoders and decoders as plain Keras models; they know nothing of distributions."""

from kvae.networks.conv import conv_decoder, conv_encoder
from kvae.networks.grid import grid_decoder, grid_encoder
from kvae.networks.ladder import ladder_conv, ladder_mlp
from kvae.networks.made import MADE
from kvae.networks.mlp import mlp_decoder, mlp_encoder
from kvae.networks.residual import residual_decoder, residual_encoder

__all__ = [
    "MADE",
    "conv_decoder",
    "conv_encoder",
    "grid_decoder",
    "grid_encoder",
    "ladder_conv",
    "ladder_mlp",
    "mlp_decoder",
    "mlp_encoder",
    "residual_decoder",
    "residual_encoder",
]
