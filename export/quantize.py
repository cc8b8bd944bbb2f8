"""Smaller and faster `.tflite` files by ai-edge-quantizer: int8 weights, perhaps int8 products."""

import contextlib
import copy
import io
from typing import Any

__all__ = ["quantized"]

# Tensors with a smaller share of the weights stay in float32: of dense layers always, of
# convolutions where the products are in float32 anyway (in int8 a small convolution is what costs
# time). In a trained decoder of 1.84M weights that keeps the first dense layer, and with
# int8-weights the last convolution: 0.3% of the weights, 0.6% of the size, and 1.7 dB (int8) or
# 2.1 dB (int8-weights) gained.
LEAST_SHARE = 0.005


def quantized(content: bytes, name: str, weights: int) -> bytes:
    """Return a float32 flatbuffer with int8 weights.

    Args:
        content: the float32 file.
        name: "int8-weights" (products in float32) or "int8" (products in int8, activations
            quantized on the fly).
        weights: how many weights the file holds.
    """
    from ai_edge_quantizer import qtyping, quantizer, recipe

    recipes: dict[str, Any] = {
        "int8-weights": recipe.weight_only_wi8_afp32,
        "int8": recipe.dynamic_wi8_afp32,
    }
    rules = copy.deepcopy(recipes[name]())
    dense = copy.deepcopy(rules[0])
    dense["operation"] = qtyping.TFLOperationName.FULLY_CONNECTED
    for rule in [dense] if name == "int8" else [*rules, dense]:
        rule["op_config"]["min_weight_elements"] = int(LEAST_SHARE * weights)
    rules.append(dense)  # the last rule that fits an operation holds
    tool = quantizer.Quantizer(bytearray(content), rules)
    with contextlib.redirect_stderr(io.StringIO()):  # one progress bar ignores the argument
        result = tool.quantize(enable_progress_bar=False, enable_progress_report=False)
    return bytes(result.quantized_model or b"")
