"""The categorical layer: one of several classes for each element."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.contract import Domain
from kvae.layers.distribution_layer import DistributionLayer, weighted_sum

__all__ = ["IndependentCategorical"]


@keras.saving.register_keras_serializable(package="kvae")
class IndependentCategorical(DistributionLayer):
    """A class for each element of an event of any shape: params are one block of logits a class.

    log p(x) = sum_i log softmax(l_i)[x_i] in nats, for classes x_i = 0, 1, ..., num_classes - 1,
    given as whole numbers of any dtype.

    Classes have no mean. "mean", which `decode` and the exported decoder give, is the most probable
    class here, the same as "mode", a whole number in the floating dtype of the other layers. The
    probabilities, shape (batch..., *event_shape, num_classes), are
    `layer.distribution(params).distribution.probs_parameter()`.

    Args:
        event_shape: see `DistributionLayer`.
        num_classes: number of classes, at least 2.
        convert_to_tensor_fn: "sample", "mean" or "mode"; see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `num_classes` is below 2.

    Example:
        >>> likelihood = kvae.layers.IndependentCategorical((8, 8, 1), num_classes=5)
        >>> likelihood.params_shape
        (8, 8, 5)
        >>> letter = kvae.layers.IndependentCategorical((), num_classes=3)
        >>> letter.mean([[0.1, 2.0, -1.0]]).numpy()
        array([1.], dtype=float32)
    """

    reads_logits = True
    conversions = ("sample", "mean", "mode")
    density = False

    def __init__(
        self,
        event_shape: Any = (),
        num_classes: int = 2,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        super().__init__(event_shape, convert_to_tensor_fn, validate_args, **kwargs)
        self.num_classes = checks.positive_int("num_classes", num_classes)
        if self.num_classes < 2:
            raise ValueError(f"Expected num_classes to be at least 2. Received: {num_classes=}")
        self.params_per_element = self.num_classes
        self.domain = Domain(
            0.0,
            self.num_classes - 1.0,
            integer=True,
            hint="Number the classes from 0.",
            categories=self.num_classes,
        )

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Categorical)`."""
        logits = tf.stack(self.blocks(params), axis=-1)  # (batch..., *event_shape, num_classes)
        categorical = tfd.Categorical(logits, dtype=logits.dtype, validate_args=self.validate_args)
        return tfd.Independent(categorical, len(self.event_shape))

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        return super().convert(distribution, "mode" if name == "mean" else name)

    def weighted_center(self, params: Any, weights: Any) -> Any:
        """Return the class of the highest weighted probability, see `DistributionLayer`."""
        classes = self.distribution(params).distribution  # batch shape (K, batch..., *event_shape)
        probabilities = weighted_sum(classes.probs_parameter(), weights)
        return tf.cast(tf.argmax(probabilities, axis=-1, output_type=tf.int32), classes.dtype)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `logits`, (batch..., *event_shape, num_classes)."""
        return {"logits": self.distribution(params).distribution.logits_parameter()}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "num_classes": self.num_classes}
