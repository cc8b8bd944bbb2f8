"""A traced function as an ONNX graph, by tf2onnx.

tf2onnx logs an operation that it cannot convert and goes on; the file it then writes does not load.
Such an operation is an error here, by name.
"""

import contextlib
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..result import ExportError

__all__ = ["OPSET", "to_onnx"]

# The newest one that tf2onnx 1.17 writes and tests.
OPSET = 18
INT64 = 7  # onnx.TensorProto.INT64


def to_onnx(function: Any, name: str) -> bytes:
    """Return the ONNX file of a concrete function, with its inputs and outputs by their names.

    Args:
        function: the concrete function.
        name: what the errors call it.

    Raises:
        ExportError: If tf2onnx cannot convert one of its operations.
        ImportError: If tf2onnx is not installed.
    """
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise ImportError(
            f"kvae.export.onnx needs tf2onnx and ONNX Runtime, of which {error.name} is missing "
            "here. Install the extra 'onnx' of kvae-keras, or: pip install tf2onnx onnxruntime"
        ) from error
    # tf2onnx asks a tf.function for its concrete function; this one is traced already.
    traced = SimpleNamespace(get_concrete_function=lambda *_: function)
    with _quiet():
        model, _ = tf2onnx.convert.from_function(
            traced,
            input_signature=(),
            opset=OPSET,
            custom_op_handlers={name: (write, []) for name, write in WRITTEN.items()},
        )
    lacking = {
        node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)
    }
    if lacking:
        raise ExportError(
            f"tf2onnx converts no operation {', '.join(sorted(lacking))}, which {name} needs. A "
            "SavedModel can hold it."
        )
    return model.SerializeToString()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence tf2onnx: what it lacks is raised."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _broadcast_args(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Replace BroadcastArgs: the shape of the sum of zeros of the two given shapes."""
    output = node.output[0]
    dtype, shape = graph.get_dtype(output), graph.get_shape(output)
    zeros = []
    for source in node.input:
        size = graph.make_node("Cast", [source], {"to": INT64}).output[0]
        zeros.append(graph.make_node("ConstantOfShape", [size]).output[0])
    found = graph.make_node("Shape", graph.make_node("Add", zeros).output).output
    graph.remove_node(name)
    graph.make_node(
        "Cast", found, {"to": dtype}, name=name, outputs=[output], shapes=[shape], dtypes=[dtype]
    )


def _product(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Replace MulNoNan: x * y, and 0 where y is 0, whatever x is."""
    output, (x, y) = node.output[0], node.input
    dtype, shape = graph.get_dtype(output), graph.get_shape(output)
    zero = graph.make_const(f"{name}_zero", np.zeros((), np.float32)).output[0]
    is_zero = graph.make_node("Equal", [y, zero]).output[0]
    product = graph.make_node("Mul", [x, y]).output[0]
    graph.remove_node(name)
    graph.make_node(
        "Where",
        [is_zero, zero, product],
        name=name,
        outputs=[output],
        shapes=[shape],
        dtypes=[dtype],
    )


def _expm1(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Replace Expm1: tanh(x / 2) (exp(x) + 1), which keeps the digits of small results."""
    output, x = node.output[0], node.input[0]
    dtype, shape = graph.get_dtype(output), graph.get_shape(output)
    half = graph.make_const(f"{name}_half", np.array(0.5, np.float32)).output[0]
    one = graph.make_const(f"{name}_one", np.array(1.0, np.float32)).output[0]
    tanh = graph.make_node("Tanh", graph.make_node("Mul", [x, half]).output).output[0]
    sum_ = graph.make_node("Add", [graph.make_node("Exp", [x]).output[0], one]).output[0]
    graph.remove_node(name)
    graph.make_node(
        "Mul", [tanh, sum_], name=name, outputs=[output], shapes=[shape], dtypes=[dtype]
    )


# TensorFlow's operations that tf2onnx does not know and that kvae's models hold.
WRITTEN = {"BroadcastArgs": _broadcast_args, "Expm1": _expm1, "MulNoNan": _product}
