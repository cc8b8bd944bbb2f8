"""The signatures of a model as traced functions, and the module that a file is made of.

A signature wraps the tensor function that the model's array method calls; nothing is computed
here. The module that is saved holds nothing but `tf.Variable`s and functions. A Keras model hung
on it would give a SavedModel that Python loads and the C++ loader does not ("Could not find
variable"), and a TFLite file without its weights.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import tensorflow as tf

from kvae import checks
from kvae.contract import Signature

__all__ = ["ExportModule", "describe", "find", "main_signature", "trace"]


def main_signature(names: Sequence[str]) -> str:
    """Return which of some signatures stands for a model: `decode`, or the first.

    Example:
        >>> from kvae.export.signatures import main_signature
        >>> main_signature(["encode", "decode"]), main_signature(["sample", "score"])
        ('decode', 'sample')
    """
    return "decode" if "decode" in names else names[0]


def find(model: Any, names: Sequence[str], argument: str = "signatures") -> list[Signature]:
    """Return the signatures `names` of a model, in that order.

    Args:
        model: a VAE or another model with `signatures`.
        names: their names.
        argument: that of the caller which holds the names, for messages.

    Raises:
        ValueError: If the model has no such signature, or `names` is empty.

    Example:
        >>> from kvae.export.signatures import find
        >>> [signature.name for signature in find(vae, ["encode", "score"])]
        ['encode', 'score']
    """
    if not names:
        raise ValueError("Expected at least one signature. Received: signatures=[]")
    known = {signature.name: signature for signature in model.signatures()}
    return [known[checks.choice(argument, name, tuple(known))] for name in names]


def trace(
    signature: Signature,
    batch_size: int | None,
    within: Callable[[], AbstractContextManager[Any]] | None = None,
) -> Any:
    """Return the concrete function of a signature for a batch size; None leaves it open.

    Its outputs are float32, or int32 where they are whole numbers, such as codes.

    Args:
        signature: the signature.
        batch_size: rows, or None.
        within: makes a context that the signature is computed in.
    """
    specs = {
        name: tf.TensorSpec((batch_size, *shape), dtype, name=name)
        for name, (shape, dtype) in signature.inputs.items()
    }

    def call(**inputs: Any) -> dict[str, Any]:
        with contextlib.nullcontext() if within is None else within():
            outputs = signature.function(**inputs)
        # Without name=: a graph takes fewer characters than the names of columns may have.
        return {n: tf.identity(tf.cast(tensor, _dtype(tensor))) for n, tensor in outputs.items()}

    return tf.function(call, autograph=False).get_concrete_function(**specs)


def _dtype(tensor: Any) -> tf.DType:
    return tf.int32 if tensor.dtype.is_integer else tf.float32


def describe(function: Any) -> dict[str, dict[str, Any]]:
    """Return shape and dtype of every input and output of a traced function."""
    sides = {
        "inputs": function.structured_input_signature[1],
        "outputs": function.structured_outputs,
    }
    return {
        side: {
            name: {"shape": list(tensor.shape), "dtype": tensor.dtype.name}
            for name, tensor in tensors.items()
        }
        for side, tensors in sides.items()
    }


class ExportModule(tf.Module):
    """What is saved: the variables of traced functions.

    Args:
        functions: concrete functions.
    """

    def __init__(self, functions: Iterable[Any]):
        super().__init__(name="vae")
        variables = {id(v): v for function in functions for v in function.variables}
        self.held: list[tf.Variable] = list(variables.values())

    @property
    def weight_bytes(self) -> int:
        """Size of the variables that the functions need, in bytes."""
        return sum(v.dtype.size * v.shape.num_elements() for v in self.held)

    @property
    def weight_sizes(self) -> list[int]:
        """How many elements each of these variables has."""
        return [v.shape.num_elements() for v in self.held]
