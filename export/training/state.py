"""The weights that a file trains, and the optimizer's numbers: a few vectors.

A variable of its own for each weight and each of the optimizer's numbers would cost operations in
every signature: in a small model they would take more bytes than the weights.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = ["State"]


class State:
    """The trained weights in one variable, and as many elements of each slot of the optimizer.

    Args:
        weights: Keras variables in float32, whose values the state begins with. They do not change.
        slots: how many numbers the optimizer keeps for each weight.

    Attributes:
        weights: the Keras variables.
        shipped: their values in the file, one vector.
        vector: the present ones, a variable.
        slots: the optimizer's numbers, variables of the same shape. They begin as the weights,
            whose bytes the file holds anyhow, and count as zero until the first step: zeros would
            make the file larger by the size of the weights.
        count: number of steps, a variable of one element.
    """

    def __init__(self, weights: Sequence[Any], slots: int):
        self.weights = list(weights)
        self.shipped = np.concatenate([np.ravel(np.asarray(weight)) for weight in self.weights])
        self.vector = tf.Variable(self.shipped, trainable=False)
        self.slots = [tf.Variable(self.shipped, trainable=False) for _ in range(slots)]
        self.count = tf.Variable([0.0], trainable=False)

    @property
    def variables(self) -> list[tf.Variable]:
        """Every variable, in the order of the vector that `save` returns."""
        return [self.vector, *self.slots, self.count]

    @property
    def sizes(self) -> list[int]:
        """How many elements each variable has."""
        return [variable.shape.num_elements() for variable in self.variables]

    def parts(self, vector: Any) -> list[Any]:
        """Return a vector of all weights as one tensor for each weight."""
        sizes = [math.prod(weight.shape) for weight in self.weights]
        parts = tf.split(vector, sizes) if len(sizes) > 1 else [vector]
        return [
            tf.reshape(part, weight.shape) for part, weight in zip(parts, self.weights, strict=True)
        ]

    def constrained(self, vector: Any) -> Any:
        """Return a vector of all weights after the constraints that layers put on theirs."""
        constraints = [weight.constraint for weight in self.weights]
        if not any(constraints):
            return vector
        parts = [
            part if constraint is None else constraint(part)
            for part, constraint in zip(self.parts(vector), constraints, strict=True)
        ]
        return tf.concat([tf.reshape(part, [-1]) for part in parts], axis=0)

    @contextlib.contextmanager
    def read(self, vector: Any = None) -> Iterator[keras.StatelessScope]:
        """Within it the model reads its weights from the state.

        Args:
            vector: the value of `vector`, where it was read before.

        Yields:
            Keras' scope, which knows what is assigned within it.
        """
        values = self.parts(self.vector.value() if vector is None else vector)
        with keras.StatelessScope(list(zip(self.weights, values, strict=True))) as scope:
            yield scope
