"""Apply a graph function to arrays in batches: bounded memory, one trace."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.noise import fold_in

__all__ = ["BatchedFunction"]

BATCH_SIZE = 512
SEED = tf.TensorSpec((2,), tf.int32)


class BatchedFunction:
    """Run `function` on slices of arrays and join the results as NumPy arrays.

    It is traced once for each structure, dtype and shape of the examples, with an open batch
    dimension.

    Args:
        function: takes a tensor of shape (batch, ...) or several by their names, and with `seed` a
            stateless seed of shape (2,) of its own for each batch; returns a structure of tensors
            of shape (batch, ...).
        layer: Keras layer or model that the function computes with. Where it has other weights than
            before, as after `enable_lora` or `quantize` of a layer, the function is traced anew.
    """

    def __init__(self, function: Callable[..., Any], layer: Any = None):
        self.function = function
        self.layer = layer
        # One pair, so that a thread never has the weights of one and the traces of another.
        self._kept: tuple[list[Any], dict[Any, Any]] = ([], {})

    def __call__(self, arrays: Any, batch_size: int | None = None, seed: Any = None) -> Any:
        """Return the structure of joined results, each of shape (examples, ...).

        Args:
            arrays: array (examples, ...), the function's first argument, or a dict of arrays by
                the names of its arguments.
            batch_size: examples computed at once.
            seed: two int32, where the function takes a seed.
        """
        size = checks.optional_positive_int("batch_size", batch_size) or BATCH_SIZE
        names = tuple(arrays) if isinstance(arrays, dict) else ()
        inputs = list(arrays.values()) if names else [arrays]
        parts = []
        traced = self._traced()
        for start in range(0, len(inputs[0]), size):
            batch = [tf.convert_to_tensor(each[start : start + size]) for each in inputs]
            function = self._concrete(traced, names, batch, seed is not None)
            if seed is not None:
                batch.append(fold_in(seed, start))
            parts.append(tf.nest.map_structure(lambda tensor: tensor.numpy(), function(*batch)))
        return tf.nest.map_structure(lambda *values: np.concatenate(values), *parts)

    def _traced(self) -> dict[Any, Any]:
        """Return the traces, none if the layer has other weights than those that they read."""
        weights = [] if self.layer is None else self.layer.weights
        known, traced = self._kept
        if list(map(id, weights)) != list(map(id, known)):
            traced = {}
            self._kept = weights, traced
        return traced

    def _concrete(
        self, traced: dict[Any, Any], names: tuple[str, ...], batch: list[Any], seeded: bool
    ) -> Any:
        """Return the traced function of tensors, those of `batch` and perhaps a seed.

        TensorFlow counts the traces of one Python function over all models of a process, and warns
        of the fifth in ten calls. It does not count those of `get_concrete_function`.
        """
        count = len(batch)
        key = names, tuple((part.dtype, *part.shape[1:]) for part in batch), seeded
        if key not in traced:

            def call(*tensors: Any) -> Any:
                inputs = tensors[:count]
                seed = {"seed": tensors[count]} if seeded else {}
                if names:
                    return self.function(**dict(zip(names, inputs, strict=True)), **seed)
                return self.function(*inputs, **seed)

            specs = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in batch]
            traced[key] = tf.function(call, autograph=False).get_concrete_function(
                *specs, *([SEED] if seeded else [])
            )
        return traced[key]
