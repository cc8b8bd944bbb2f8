"""Weights that a file would hold twice, the second time transposed, held once.

The step of a file that trains some of its weights needs the others for the gradients that pass
through them: a dense kernel in the order of columns, a convolution's with input and output channels
exchanged. The converter stores these as constants of their own. Here the step transposes the
weights that the other signatures use.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

__all__ = ["share_transposed"]

LEAST_BYTES = 4096  # an operation and what describes it take some hundred
# Of a dense kernel, and of those of CONV_2D and TRANSPOSE_CONV, which exchange the channels.
PERMUTATIONS = ((1, 0), (3, 1, 2, 0))
FLOAT32, INT32 = schema.TensorType.FLOAT32, schema.TensorType.INT32
TRANSPOSE = schema.BuiltinOperator.TRANSPOSE


def share_transposed(model: Any, graph: int) -> None:
    """Replace constants of a subgraph that are others of the file, transposed.

    Args:
        model: a `ModelT`; it is changed.
        graph: index of the subgraph. The others keep their constants.
    """
    own = model.subgraphs[graph]
    held = [
        (each, tensor)
        for place, each in enumerate(model.subgraphs)
        if place != graph
        for tensor in _constants(model, each)
    ]
    others = {tensor.buffer for _, tensor in held}
    for tensor in _constants(model, own):
        if tensor.buffer in others:
            continue
        found = _transposed(model, tensor, [other for _, other in held])
        if found is not None:
            _transpose(model, own, *found, tensor)


def _constants(model: Any, graph: Any) -> Iterator[Any]:
    """Yield the tensors of a subgraph that are large constants of float32."""
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        if tensor.type == FLOAT32 and data is not None and len(data) >= LEAST_BYTES:
            yield tensor


def _values(model: Any, tensor: Any) -> np.ndarray:
    data = np.asarray(model.buffers[tensor.buffer].data, "uint8")
    return data.view("<f4").reshape(tensor.shape)


def _transposed(model: Any, tensor: Any, others: list[Any]) -> tuple[Any, tuple[int, ...]] | None:
    """Return the tensor of which one is the transpose, and the permutation; None if there is none.

    Bits are compared: -0 and 0 are different.
    """
    values = _values(model, tensor).view("uint32")
    for other, order in itertools.product(others, PERMUTATIONS):
        shape = [int(size) for size in other.shape]
        if len(order) != len(shape) or [shape[axis] for axis in order] != list(values.shape):
            continue
        if np.array_equal(_values(model, other).view("uint32").transpose(order), values):
            return other, order
    return None


def _transpose(model: Any, graph: Any, source: Any, order: tuple[int, ...], target: Any) -> None:
    """Let a subgraph compute `target` from the constant `source` before its first use."""
    index = graph.tensors.index(target)
    target.buffer = 0
    operator = schema.OperatorT()
    operator.opcodeIndex = _code(model)
    operator.inputs = [
        _tensor(graph, source.shape, FLOAT32, source.buffer),
        _tensor(graph, [len(order)], INT32, _buffer(model, np.array(order, "<i4"))),
    ]
    operator.outputs = [index]
    operator.builtinOptionsType = schema.BuiltinOptions.TransposeOptions
    operator.builtinOptions = schema.TransposeOptionsT()
    uses = (i for i, each in enumerate(graph.operators) if index in _inputs(each))
    graph.operators.insert(next(uses, 0), operator)


def _inputs(operator: Any) -> list[int]:
    """Return the tensors that an operator reads; the field of one without any is None."""
    return [] if operator.inputs is None else list(operator.inputs)


def _tensor(graph: Any, shape: Any, kind: int, buffer: int) -> int:
    """Return the index of a new tensor of a subgraph."""
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer = list(shape), kind, buffer
    tensor.hasRank = True
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _buffer(model: Any, values: np.ndarray) -> int:
    """Return the index of a buffer with these numbers."""
    buffer = schema.BufferT()
    buffer.data = values.view("uint8")
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def _code(model: Any) -> int:
    """Return the index of the code of TRANSPOSE."""
    for index, each in enumerate(model.operatorCodes):
        if max(each.builtinCode, each.deprecatedBuiltinCode) == TRANSPOSE:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = TRANSPOSE
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
