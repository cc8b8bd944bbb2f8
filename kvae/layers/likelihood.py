"""p(x|z) of a batch: the distribution of the data given what a decoder emitted."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kvae.contract import Batch
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.observed import not_missing
from kvae.noise import fold_in

__all__ = ["Likelihood"]


@dataclass(frozen=True, eq=False)
class Likelihood:
    """A distribution layer with the parameters of a batch.

    Attributes:
        layer: the distribution layer over the data.
        params: what the decoder emitted, shape (B, *params_shape).
        training: whether the batch trains.
        missing: whether NaN in the data means that the element is not observed.
        batch: what is known of the examples in training, for layers that learn from batches.

    Example:
        >>> layer = kvae.layers.IndependentBernoulli(2)
        >>> likelihood = kvae.layers.Likelihood(layer, tf.zeros((1, 2)))
        >>> likelihood.log_prob(tf.ones((1, 2))).numpy().round(4)  # -2 log 2
        array([-1.3863], dtype=float32)
    """

    layer: DistributionLayer
    params: Any
    training: bool = False
    missing: bool = False
    batch: Batch | None = None

    def log_prob(self, x: Any, observed: Any = None) -> Any:
        """Return log p(x|z) of each example in nats, shape (B,).

        Args:
            x: data, shape (B, *event_shape).
            observed: booleans (B, *event_shape), False where an element is missing; None where
                all are known.
        """
        observed = self._observed(x, observed)
        if self.training:
            return self.layer.training_log_prob(self.params, x, observed, self.batch)
        return self.layer.log_prob(self.params, x, observed)

    def mean_log_prob(self, x: Any, observed: Any = None) -> Any:
        """Return log p(x|z) over the number of elements, (B,); see `DistributionLayer`.

        Args:
            x: as for `log_prob`.
            observed: as for `log_prob`.
        """
        return self.layer.mean_log_prob(self.params, x, self._observed(x, observed))

    def _observed(self, x: Any, observed: Any) -> Any:
        """Return the mask of the elements that count, or None where all do."""
        return not_missing(x, observed) if self.missing else observed

    def mean(self) -> Any:
        """Return the mean, shape (B, *event_shape)."""
        return self.layer.mean(self.params)

    def center(self) -> Any:
        """Return what stands for x, (B, *event_shape), see `DistributionLayer.center`."""
        return self.layer.center(self.params)

    def decoded(self) -> dict[str, Any]:
        """Return `center()` under its name in outputs."""
        return {self.layer.center_name: self.center()}

    def draw(self, rows: Any) -> Any:
        """Return one draw of each example, (B, *event_shape), which depends on its key alone.

        Args:
            rows: int32 keys, (B, 2).
        """

        def of_one(example: tuple[Any, Any]) -> Any:
            distribution = self.layer.distribution(example[0][None])
            seed = fold_in(example[1], 1)
            return tf.cast(self.layer.draw(distribution, seed)[0], tf.float32)

        return tf.map_fn(of_one, (self.params, rows), fn_output_signature=tf.float32)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters by name, tensors (B, ...)."""
        return self.layer.named_parameters(self.params)

    def distribution(self) -> Any:
        """Return the `tfd.Distribution` of batch shape (B,)."""
        return self.layer.distribution(self.params)
