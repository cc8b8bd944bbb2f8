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
    zeros = []
    for source in node.input:
        size = _node(graph, "Cast", source, to=INT64)
        zeros.append(_node(graph, "ConstantOfShape", size))
    found = _node(graph, "Shape", _node(graph, "Add", *zeros))
    _replace(graph, node, "Cast", found, to=graph.get_dtype(node.output[0]))


def _product(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Replace MulNoNan: x * y, and 0 where y is 0, whatever x is."""
    x, y = node.input
    zero = _constant(graph, np.float32(0.0))
    is_zero = _node(graph, "Equal", y, zero)
    _replace(graph, node, "Where", is_zero, zero, _node(graph, "Mul", x, y))


def _expm1(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Replace Expm1: tanh(x / 2) (exp(x) + 1), which keeps the digits of small results."""
    (x,) = node.input
    tanh = _node(graph, "Tanh", _node(graph, "Mul", x, _constant(graph, np.float32(0.5))))
    above = _node(graph, "Add", _node(graph, "Exp", x), _constant(graph, np.float32(1.0)))
    _replace(graph, node, "Mul", tanh, above)


def _shift_right(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Replace RightShift of int32 by a constant: both halves of a word are divided.

    ONNX shifts unsigned integers alone, and OpenVINO computes shifts and divisions in float32,
    which holds 24 of the 32 bits: the seed of `sample` would give other draws there.
    """
    if not node.inputs[1].is_const():
        return  # unknown to ONNX, and said so
    x, bits = node.input[0], int(node.inputs[1].get_tensor_value())

    def integer(value: int) -> str:
        return _constant(graph, np.int32(value))

    upper = _node(graph, "BitwiseAnd", x, integer(-(1 << 16)))
    upper = _node(graph, "Div", upper, integer(1 << 16))  # signed, without a remainder
    if bits >= 16:
        whole = _node(graph, "BitwiseAnd", upper, integer(-(1 << (bits - 16))))
        _replace(graph, node, "Div", whole, integer(1 << (bits - 16)))
    else:
        lower = _node(graph, "BitwiseAnd", x, integer((1 << 16) - 1))
        lower = _node(graph, "Div", lower, integer(1 << bits))
        _replace(graph, node, "Add", _node(graph, "Mul", upper, integer(1 << (16 - bits))), lower)


def _constant(graph: Any, value: Any) -> str:
    from tf2onnx import utils

    return graph.make_const(utils.make_name("constant"), np.array(value)).output[0]


def _node(graph: Any, kind: str, *inputs: str, **attributes: Any) -> str:
    return graph.make_node(kind, list(inputs), attributes).output[0]


def _replace(graph: Any, node: Any, kind: str, *inputs: str, **attributes: Any) -> None:
    """Put a node of another kind in the place of `node`."""
    (output,) = node.output
    shapes, dtypes = [graph.get_shape(output)], [graph.get_dtype(output)]
    graph.remove_node(node.name)
    graph.make_node(
        kind,
        list(inputs),
        attributes,
        name=node.name,
        outputs=[output],
        shapes=shapes,
        dtypes=dtypes,
    )


# TensorFlow's operations that tf2onnx does not convert, or not for every runtime.
WRITTEN = {
    "BroadcastArgs": _broadcast_args,
    "Expm1": _expm1,
    "MulNoNan": _product,
    "RightShift": _shift_right,
}
