"""MADE: a dense network whose i-th output sees only the inputs before the i-th.

Each hidden unit has a degree m and may see the inputs whose place in the order is at most m; the
output at place i sees the units of a degree below i. Zeros in the weight matrices, the masks, see
to it. Flows build on it: the Jacobian of such a network is triangular.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kvae import checks

__all__ = ["MADE"]


@keras.saving.register_keras_serializable(package="kvae")
class MADE(keras.layers.Layer):
    """Masked autoregressive network: (batch..., d) -> (batch..., d, k).

    The k numbers at place i depend on the inputs at the places before i and on a context, which
    all of them see.

    Args:
        event_size: int d, the number of inputs.
        params_per_element: int k, outputs for each input.
        hidden: units of the hidden layers, at least one layer.
        context_size: width of the context, 0 for none.
        reverse: whether the order of the inputs is from the last to the first.
        activation: activation of the hidden layers.
        seed: int, makes the initial weights reproducible.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> made = kvae.networks.MADE(3, params_per_element=2, context_size=4)
        >>> made(np.zeros((5, 3)), context=np.zeros((5, 4))).shape
        TensorShape([5, 3, 2])

    References:
        Germain et al.: MADE: Masked Autoencoder for Distribution Estimation, 2015,
        https://arxiv.org/abs/1502.03509
    """

    xla_pays = True  # see `kvae.training.execution`

    def __init__(
        self,
        event_size: int,
        params_per_element: int = 2,
        hidden: Sequence[int] = (64, 64),
        context_size: int = 0,
        reverse: bool = False,
        activation: Any = "elu",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.event_size = checks.positive_int("event_size", event_size)
        self.params_per_element = checks.positive_int("params_per_element", params_per_element)
        self.hidden = checks.event_shape(hidden, "hidden")
        if not self.hidden:
            raise ValueError("Expected hidden to name at least one layer. Received: hidden=()")
        self.context_size = checks.non_negative_int("context_size", context_size)
        self.reverse = bool(reverse)
        self.activation = keras.activations.get(activation)
        self.seed = seed

    def masks(self) -> list[np.ndarray]:
        """Return 0 or 1 for each weight: input to hidden, hidden to hidden..., hidden to output.

        Shapes (d, h_1), (h_1, h_2), ..., (h_n, d).
        """
        places = np.arange(1, self.event_size + 1)
        places = places[::-1] if self.reverse else places
        # Degree 0 sees the context alone; without such units the first output would see nothing.
        degrees = [np.round(np.linspace(0, self.event_size - 1, units)) for units in self.hidden]
        into = [places, *degrees[:-1]]
        masks = [before[:, None] <= after for before, after in zip(into, degrees, strict=True)]
        masks.append(degrees[-1][:, None] < places)
        return [mask.astype("float32") for mask in masks]

    def build(self, inputs_shape: Any = None, context_shape: Any = None) -> None:
        """Create the weights."""
        seeds = itertools.repeat(None) if self.seed is None else itertools.count(1000 * self.seed)
        self.kernels, self.biases = [], []
        for index, mask in enumerate(self.masks()[:-1]):
            initializer = keras.initializers.GlorotUniform(next(seeds))
            self.kernels.append(
                self.add_weight(shape=mask.shape, initializer=initializer, name=f"kernel_{index}")
            )
            self.biases.append(
                self.add_weight(shape=mask.shape[1:], initializer="zeros", name=f"bias_{index}")
            )
        if self.context_size:
            self.context_kernel = self.add_weight(
                shape=(self.context_size, self.hidden[0]),
                initializer=keras.initializers.GlorotUniform(next(seeds)),
                name="context_kernel",
            )
        # Small, so that a flow starts near the identity.
        self.output_kernel = self.add_weight(
            shape=(self.hidden[-1], self.event_size, self.params_per_element),
            initializer=keras.initializers.RandomNormal(stddev=1e-2, seed=next(seeds)),
            name="output_kernel",
        )
        self.output_bias = self.add_weight(
            shape=(self.event_size, self.params_per_element),
            initializer="zeros",
            name="output_bias",
        )
        self.built = True

    def call(self, inputs: Any, context: Any = None) -> Any:
        """Return the outputs, shape (batch..., d, k).

        Args:
            inputs: tensor of shape (batch..., d).
            context: tensor of shape (batch..., context_size); its batch axes may broadcast
                against those of `inputs`.
        """
        if (context is not None) != bool(self.context_size):
            raise ValueError(
                f"Expected a context of width {self.context_size} (0: none). Received: "
                f"context={context!r}"
            )
        *masks, last = self.masks()
        outputs = inputs
        for index, mask in enumerate(masks):
            kernel = self.kernels[index] * ops.cast(mask, self.compute_dtype)
            outputs = ops.matmul(outputs, kernel) + self.biases[index]
            if index == 0 and self.context_size:
                outputs = outputs + ops.matmul(context, self.context_kernel)
            outputs = self.activation(outputs)
        kernel = self.output_kernel * ops.cast(last[:, :, None], self.compute_dtype)
        return ops.tensordot(outputs, kernel, axes=1) + self.output_bias

    def compute_output_shape(self, inputs_shape: Any, context_shape: Any = None) -> tuple[Any, ...]:
        """Return (batch..., d, k)."""
        return (*inputs_shape[:-1], self.event_size, self.params_per_element)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {
            **super().get_config(),
            "event_size": self.event_size,
            "params_per_element": self.params_per_element,
            "hidden": self.hidden,
            "context_size": self.context_size,
            "reverse": self.reverse,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }
