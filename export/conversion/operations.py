"""What a traced function is made of: what TFLite lacks of it, and weights that a file must hold."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from kvae.layers import DistributionLayer

from ..key import Key
from ..result import ExportError

__all__ = ["check_builtin", "weights_read"]

# TensorFlow's operations that kvae's distributions are made of and that TFLite has no builtin
# operation for. The converter would find them too, minutes later and without saying whose they are.
UNAVAILABLE = {
    "Betainc": "the incomplete beta function",
    "Digamma": "the derivative of the logarithm of the gamma function",
    "Igamma": "the incomplete gamma function",
    "Igammac": "the incomplete gamma function",
    "Lgamma": "the logarithm of the gamma function",
    "MatrixDiagPart": "the diagonal of a matrix",
    "MatrixDiagPartV3": "the diagonal of a matrix",
    "MatrixTriangularSolve": "the solution of a triangular system",
}
PASSING = ("ReadVariableOp", "Identity", "Cast", "Reshape", "Squeeze", "ExpandDims", "SplitV")


def check_builtin(model: Any, functions: dict[Key, Any]) -> None:
    """Raise if a traced function needs an operation that TFLite does not have.

    Operations on constants and variables alone do not count: they are computed at conversion.

    Args:
        model: the `LatentModel`.
        functions: concrete functions by key.

    Raises:
        ExportError: If one does; it names the operations, the distributions of the model, and the
            signatures that can be exported.
    """
    lacking = {key: _types(function) & UNAVAILABLE.keys() for key, function in functions.items()}
    lacking = {key: operations for key, operations in lacking.items() if operations}
    if not lacking:
        return
    sentences = []
    for key, operations in lacking.items():
        needed = " and ".join(f"{UNAVAILABLE[o]} ({o})" for o in sorted(operations))
        sentences.append(f"{key} needs {needed}")
    refused = {key.name for key in lacking}
    rest = [name for name in dict.fromkeys(key.name for key in functions) if name not in refused]
    raise ExportError(
        "TFLite has no builtin operation for what these signatures need: "
        + "; ".join(sentences)
        + f". The distributions of this model are {', '.join(_distributions(model))}"
        + (f". Leave them out: signatures={rest}." if rest else ". A SavedModel can hold them.")
    )


def _distributions(model: Any) -> list[str]:
    """Return the classes of the likelihood, the posteriors and the priors of a model."""
    layers = [layer for layer in model.layers if isinstance(layer, DistributionLayer)]
    parts = [layer.prior_part for layer in layers]
    priors = [part.prior for part in parts if part is not None]
    return sorted({type(each).__name__ for each in (*layers, *priors)})


def weights_read(functions: Iterable[Any]) -> int:
    """Return how many bytes of float32 weights the functions combine with their inputs.

    A file that is smaller has lost some of them. Weights that only other weights meet (the
    encoder's, where a VampPrior alone needs it) may shrink to the constants they lead to. The
    converter leaves out zeros, such as the biases of a network that was never trained, and holds
    equal weights once.
    """
    handles = {}
    for function in functions:
        graph = function.graph
        outside = {id(variable.handle): variable for variable in function.variables}
        source = {
            inner.op.name: outside[id(outer)]
            for outer, inner in graph.captures
            if id(outer) in outside
        }
        for operation in _varying(function):
            for tensor in operation.inputs:
                read = tensor.op
                while read.type in PASSING and read.inputs:
                    read = read.inputs[0].op
                if read.name in source:
                    handles[id(source[read.name])] = source[read.name]
    values = [np.asarray(variable) for variable in handles.values()]
    return sum(map(len, {value.tobytes() for value in values if value.any()}))


def _varying(function: Any) -> list[Any]:
    """Return the operations on the way from a function's own inputs to its outputs."""
    graph = function.graph
    captured = {id(tensor) for tensor in graph.internal_captures}
    varying = {tensor.op.name for tensor in graph.inputs if id(tensor) not in captured}
    needed: set[str] = set()
    waiting = [tensor.op for tensor in graph.outputs]
    while waiting:
        operation = waiting.pop()
        if operation.name not in needed:
            needed.add(operation.name)
            waiting += [tensor.op for tensor in operation.inputs]
    found = []
    for operation in graph.get_operations():  # in the order of their computation
        if operation.name in needed and any(t.op.name in varying for t in operation.inputs):
            varying.add(operation.name)
            found.append(operation)
    return found


def _types(function: Any) -> set[str]:
    """Return the types of these operations, and of those in the functions that they call."""
    library = {f.signature.name: f for f in function.graph.as_graph_def().library.function}
    return set().union(*(_called(operation.node_def, library) for operation in _varying(function)))


def _called(node: Any, library: dict[str, Any]) -> set[str]:
    """Return the type of a node, and of all nodes of the functions it calls."""
    types = {node.op}
    for attribute in node.attr.values():
        names = [attribute.func.name, *(f.name for f in attribute.list.func)]
        for name in filter(library.__contains__, names):
            inner = {key: value for key, value in library.items() if key != name}
            types |= set().union(*(_called(part, inner) for part in library[name].node_def))
    return types
