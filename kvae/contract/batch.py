"""What is known of a batch in training and evaluation."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from kvae.seeds import one_replica

__all__ = ["Batch"]


@dataclass(frozen=True, eq=False)
class Batch:
    """The inputs of a batch, the weights of its examples, and where training stands.

    Attributes:
        inputs: tensors (B, ...) by name: `x`, and `target`, `condition`, `observed` where given.
            A distribution layer in a functional model does not know them: empty there.
        weight: sample weights, shape (B,), or None.
        share: this replica's share of the global batch, a scalar; 1 in a single process.
        step: number of training steps (batches) done before this one, an integer scalar; None
            where nothing counts them.
        training: whether the batch trains.
        added: the `kvae.models.added_losses.AddedLosses` of the model's networks, which is paused
            while a replica waits for others; None where no model takes a step.
        notes: what the objective stores for the metrics, such as "likelihood".

    Example:
        >>> batch = kvae.contract.Batch(weight=tf.constant([1.0, 3.0]))
        >>> float(batch.reduce(tf.constant([2.0, 4.0]))), float(batch.mean(tf.constant([2.0, 4.0])))
        (7.0, 3.5)
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    weight: Any = None
    share: Any = 1.0
    step: Any = None
    training: bool = False
    added: Any = field(default=None, repr=False)
    notes: dict[str, Any] = field(default_factory=dict, repr=False)

    def reduce(self, values: Any) -> Any:
        """Return sum_i weight_i value_i / B, Keras' reduction of a weighted loss, a scalar.

        Args:
            values: shape (B,) or, with axes that are averaged without weights, (K, B); a scalar
                is returned as it is.
        """
        values = tf.convert_to_tensor(values)
        if values.shape.rank == 0:
            return values
        if self.weight is not None:
            values = values * tf.cast(self.weight, values.dtype)
        return tf.reduce_mean(values)

    def mean(self, values: Any) -> Any:
        """Return the weighted mean over the global batch, sum_i weight_i value_i / sum_i weight_i.

        It is differentiable, and the same in all replicas.

        Args:
            values: shape (B, ...).

        Returns:
            Shape (...).
        """
        values = tf.convert_to_tensor(values)
        if self.weight is None:
            weight = tf.ones(tf.shape(values)[:1], values.dtype)
        else:
            weight = tf.cast(self.weight, values.dtype)
        weighted, weights = tf.tensordot(weight, values, axes=1), tf.reduce_sum(weight)
        weighted, weights = self.summed([weighted, weights])
        return tf.math.divide_no_nan(weighted, weights)

    def summed(self, sums: list[Any]) -> list[Any]:
        """Return sums over the examples of this replica as sums over the global batch.

        Args:
            sums: float tensors of any shape.
        """
        if one_replica():
            return sums
        # A replica without examples holds a stand-in example, which its share of 0 removes.
        counts = tf.cast(self.share, tf.float32) > 0.0
        return self._all_reduced([each * tf.cast(counts, each.dtype) for each in sums])

    def of_first_replica(self, values: Any) -> Any:
        """Return the first replica's `values` in every replica; `values` in a single process.

        Args:
            values: float tensor, of the same shape in all replicas.
        """
        if one_replica():
            return values
        context = tf.distribute.get_replica_context()
        first = tf.equal(context.replica_id_in_sync_group, 0)
        return self._all_reduced(tf.where(first, values, tf.zeros_like(values)))

    def _all_reduced(self, values: Any) -> Any:
        """Return the sums over the replicas, after all of them have come here."""
        with self.added.paused() if self.added is not None else contextlib.nullcontext():
            return tf.distribute.get_replica_context().all_reduce("SUM", values)

    def shares(self, examples: Any, dtype: Any = tf.float32) -> tuple[Any, Any]:
        """Return each example's share of this replica's part, and the mean weight.

        For penalties of a batch as a whole, such as a covariance: they take the examples by their
        shares and are multiplied by the mean weight, so that twice the weight is twice the loss.

        Args:
            examples: number of examples, an integer scalar.
            dtype: dtype of the result.

        Returns:
            Shares of shape (examples,) that sum to one, and a scalar.
        """
        if self.weight is None:
            ones = tf.ones(tf.reshape(examples, [1]), dtype)
            return ones / tf.reduce_sum(ones), tf.ones((), dtype)
        weight = tf.cast(self.weight, dtype)
        return tf.math.divide_no_nan(weight, tf.reduce_sum(weight)), tf.reduce_mean(weight)
