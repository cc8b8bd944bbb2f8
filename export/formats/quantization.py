"""Smaller and faster `.tflite` files by ai-edge-quantizer: weights in float16 or int8."""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Sequence
from typing import Any

__all__ = ["quantized"]

# With "int8" dense layers with a smaller share of the weights stay in float32 (a small convolution
# does not: in float32 it would take longer than the large ones in int8). In a trained decoder of
# 1.84M weights that keeps the first dense layer, and gains 1.7 dB for 0.2% of the weights.
LEAST_SHARE = 0.005
# With "int8-weights" the smallest tensors that together hold no more than this share of the weights
# are stored in float16. A kernel of a convolution is small, but errs at every pixel: in the same
# decoder the three of them, 12% of the weights, make three quarters of the squared error. PSNR
# 66.6 dB at 3.40 times smaller, against 62.1 dB at 3.76 with them in int8.
FLOAT16_SHARE = 0.15


def quantized(content: bytes, name: str, sizes: Sequence[int]) -> bytes:
    """Return a float32 flatbuffer with smaller weights.

    Args:
        content: the float32 file.
        name: "float16", "int8-weights" (both with products in float32) or "int8" (products in int8,
            activations quantized on the fly).
        sizes: how many weights each tensor of the file holds.
    """
    from ai_edge_quantizer import qtyping, recipe

    if name == "int8":
        convolutions = recipe.dynamic_wi8_afp32()
        dense = _copy(convolutions[0], int(LEAST_SHARE * sum(sizes)))
        dense["operation"] = qtyping.TFLOperationName.FULLY_CONNECTED
        return _applied(content, [*convolutions, dense])  # the last rule that fits holds
    large = _copy(recipe.weight_only_wi8_afp32()[0], _least_size(sizes, FLOAT16_SHARE))
    small = _copy(large, 0)
    small["algorithm_key"] = recipe.AlgorithmName.FLOAT_CASTING
    small["op_config"]["weight_tensor_config"] = {"num_bits": 16, "dtype": "FLOAT"}
    if name == "float16":
        return _applied(content, [small])
    # One after the other: an operation whose rule passes it over is not offered to a second rule.
    return _applied(_applied(content, [large]), [small])


def _least_size(sizes: Sequence[int], share: float) -> int:
    """Return from which size on tensors are not among the smallest that make up `share`."""
    left = share * sum(sizes)
    for size in sorted(sizes):
        left -= size
        if left < 0:
            return size
    return max(sizes, default=0) + 1


def _copy(rule: dict[str, Any], least: int) -> dict[str, Any]:
    """Return a rule that leaves tensors of fewer than `least` elements alone."""
    rule = copy.deepcopy(rule)
    rule["op_config"]["min_weight_elements"] = least
    return rule


def _applied(content: bytes, rules: list[dict[str, Any]]) -> bytes:
    from ai_edge_quantizer import quantizer

    tool = quantizer.Quantizer(bytearray(content), rules)
    log = logging.getLogger()
    log.addFilter(_tells_more)
    try:
        # One progress bar ignores the argument; and what is quantized is to remain as it is.
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Input model is already partially quantized")
            result = tool.quantize(enable_progress_bar=False, enable_progress_report=False)
    finally:
        log.removeFilter(_tells_more)
    return bytes(result.quantized_model or b"")


def _tells_more(record: logging.LogRecord) -> bool:
    """Return False for what the quantizer says of each weight that several signatures share."""
    return "is overriding other previously quantized data in buffer" not in record.getMessage()
