"""The layer for rows of a table: a likelihood of its own for each column."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from kvae.contract import Domain
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.observed import check_observed
from kvae.layers.trainability import reparameterized
from kvae.sums import ordered_sum

__all__ = ["Columns"]


@keras.saving.register_keras_serializable(package="kvae")
class Columns(DistributionLayer):
    """A row of columns of different kinds, each with a distribution layer of its own.

    log p(row) = sum over columns c of log p_c(row[c]), in nats. Events have shape (columns,), all
    numbers of one floating dtype: classes and counts as whole numbers. Params are those of the
    columns one after the other. "mean" is each column's; for a categorical column that is the most
    probable class.

    Densities and probabilities add up here: a column measured in other units adds a constant. Scale
    Gaussian columns to a standard deviation of about one, so that none outweighs the others.

    Args:
        columns: distribution layers with scalar events, one a column, in the order of the columns.
            The `name` of a layer names its column.
        convert_to_tensor_fn: see `DistributionLayer`; what all columns have.
        validate_args: see `DistributionLayer`; columns check by their own.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `columns` is empty, holds anything but layers with scalar events, or if two
            have one name.

    Example:
        >>> row = kvae.layers.Columns([
        ...     kvae.layers.IndependentNormal(name="height"),
        ...     kvae.layers.IndependentCategorical((), 5, name="city"),
        ...     kvae.layers.IndependentNegativeBinomial(name="visits"),
        ... ])
        >>> row.event_shape, row.params_size
        ((3,), 9)
        >>> row.mean(tf.zeros((1, 9))).numpy()
        array([[0., 0., 1.]], dtype=float32)

    References:
        Nazabal, Olmos, Ghahramani, Valera: Handling Incomplete Heterogeneous Data using VAEs, 2020,
        https://arxiv.org/abs/1807.03653
    """

    def __init__(
        self,
        columns: Sequence[DistributionLayer],
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        columns = [
            keras.saving.deserialize_keras_object(column) if isinstance(column, dict) else column
            for column in columns
        ]
        for column in columns:
            if not isinstance(column, DistributionLayer) or column.event_shape != ():
                raise ValueError(
                    "Expected columns to hold kvae distribution layers with scalar events, such as "
                    f"kvae.layers.IndependentNormal(()). Received: {column!r}"
                )
        if not columns:
            raise ValueError("Expected columns to name at least one column. Received: columns=[]")
        names = [column.name for column in columns]
        if len(set(names)) < len(names):
            raise ValueError(f"Expected columns to have names of their own. Received: {names}")
        self.conversions = tuple(
            name
            for name in DistributionLayer.conversions
            if all(name in column.conversions for column in columns)
        )
        super().__init__(len(columns), convert_to_tensor_fn, validate_args, **kwargs)
        self.columns = columns
        self.domain = Domain.row([(column.name, column.domain) for column in columns])
        self.density = any(column.density for column in columns)
        if any(column.center_name != "mean" for column in columns):
            self.center_name = "center"

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The shape a network's last layer has to emit for one example."""
        return (sum(column.params_size for column in self.columns),)

    def build(self, input_shape: Any) -> None:
        """Build the columns."""
        for column in self.columns:
            column.build((*tuple(input_shape)[:-1], column.params_size))
        super().build(input_shape)

    def make_distribution(self, params: Any) -> Any:
        """Return the distribution of a row; its `distributions` are those of the columns."""
        columns = zip(self.columns, self._parts(params), strict=True)
        return _Row(
            [column.make_distribution(part) for column, part in columns],
            validate_args=self.validate_args,
        )

    def log_prob(self, params: Any, x: Any, observed: Any = None, training: bool = False) -> Any:
        """Return log p of the observed columns of each row, in nats; see `DistributionLayer`."""
        return ordered_sum(self._column_log_probs(params, x, observed, training))

    def element_log_prob(self, params: Any, x: Any, observed: Any = None) -> Any:
        """Return log p of each column, see `DistributionLayer.element_log_prob`."""
        return tf.stack(self._column_log_probs(params, x, observed), axis=-1)

    def has_independent_elements(self, params: Any) -> bool:
        """Return True, see `DistributionLayer.has_independent_elements`."""
        return True

    def log_derivative(self, x: Any, observed: Any = None) -> Any:
        """Return the sum over the columns, see `DistributionLayer.log_derivative`."""
        xs = tf.unstack(x, axis=-1)
        masks = [None] * len(xs) if observed is None else tf.unstack(observed, axis=-1)
        parts = zip(self.columns, xs, masks, strict=True)
        return ordered_sum(
            [tf.zeros_like(x) + column.log_derivative(x, mask) for column, x, mask in parts]
        )

    def _column_log_probs(
        self, params: Any, x: Any, observed: Any = None, training: bool = False
    ) -> list[Any]:
        """Return log p of each column, (batch...); zero where it is not observed."""
        params = self.check_params(params)
        xs = tf.unstack(tf.cast(x, params.dtype), axis=-1)
        masks: list[Any] = [None] * len(xs)
        if observed is not None:
            masks = tf.unstack(check_observed(observed, self.event_shape), axis=-1)
        parts = zip(self.columns, self._parts(params), xs, masks, strict=True)
        return [column.log_prob(part, x, mask, training) for column, part, x, mask in parts]

    def _parts(self, params: Any) -> list[Any]:
        """Split `params` into those of the columns."""
        return tf.split(params, [column.params_size for column in self.columns], axis=-1)

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        if name == "sample":
            return super().convert(distribution, name)
        columns = zip(self.columns, distribution.distributions, strict=True)
        return tf.stack([column.convert(part, name) for column, part in columns], axis=-1)

    def center(self, params: Any) -> Any:
        """Return the mean of each column, or its median where a transform leaves no mean."""
        columns = zip(self.columns, self._parts(self.check_params(params)), strict=True)
        return tf.stack([column.center(part) for column, part in columns], axis=-1)

    def weighted_center(self, params: Any, weights: Any) -> Any:
        """Return that of each column, see `DistributionLayer.weighted_center`."""
        columns = zip(self.columns, self._parts(self.check_params(params)), strict=True)
        return tf.stack([column.weighted_center(part, weights) for column, part in columns], -1)

    def features(self, x: Any) -> Any:
        """Return the columns as their own layers show them, see `DistributionLayer.features`."""
        if not self.transforms():
            return x
        columns = zip(self.columns, tf.unstack(x, axis=-1), strict=True)
        return tf.stack([column.features(value) for column, value in columns], axis=-1)

    def neutral_value(self) -> Any:
        """Return that of each column, see `DistributionLayer.neutral_value`."""
        values = [column.neutral_value() for column in self.columns]
        return tf.stack([tf.cast(value, tf.float32) for value in values])

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the columns' own, see `DistributionLayer.transforms`."""
        return [
            (index, transform)
            for index, column in enumerate(self.columns)
            for _, transform in column.transforms()
        ]

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return each column's parameters, its name before theirs."""
        return {
            f"{column.name}_{name}": value
            for column, part in zip(self.columns, self._parts(params), strict=True)
            for name, value in column.named_parameters(part).items()
        }

    def at_floor(self, params: Any) -> dict[str, Any]:
        """Return each column's, its name before theirs; see `DistributionLayer`."""
        return {
            f"{column.name}_{name}": value
            for column, part in zip(self.columns, self._parts(params), strict=True)
            for name, value in column.at_floor(part).items()
        }

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        config = super().get_config()
        del config["event_shape"]
        columns = [keras.saving.serialize_keras_object(column) for column in self.columns]
        return {**config, "columns": columns}


class _Row(tfp.distributions.Distribution):
    """Independent scalar distributions side by side.

    Args:
        distributions: `tfd.Distribution`s of one batch shape with scalar events.
        validate_args: kept for TFP; the columns check by their own.
    """

    def __init__(self, distributions: list[Any], validate_args: bool = False):
        parameters = {"distributions": distributions, "validate_args": validate_args}
        self.distributions = distributions
        super().__init__(
            dtype=distributions[0].dtype,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED
            if all(reparameterized(each) for each in distributions)
            else tfd.NOT_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=True,
            parameters=parameters,
            name="Row",
        )

    def _batch_shape(self) -> Any:
        return self.distributions[0].batch_shape

    def _batch_shape_tensor(self) -> Any:
        return self.distributions[0].batch_shape_tensor()

    def _event_shape(self) -> Any:
        return tf.TensorShape([len(self.distributions)])

    def _event_shape_tensor(self) -> Any:
        return tf.constant([len(self.distributions)], tf.int32)

    def _log_prob(self, value: Any) -> Any:
        parts = zip(self.distributions, tf.unstack(value, axis=-1), strict=True)
        return ordered_sum([part.log_prob(column) for part, column in parts])

    def _sample_n(self, n: int, seed: Any = None) -> Any:
        seeds = tfp.random.split_seed(seed, n=len(self.distributions))
        parts = zip(self.distributions, tf.unstack(seeds), strict=True)
        return tf.stack([part.sample(n, seed=own) for part, own in parts], axis=-1)

    def _mean(self) -> Any:
        return tf.stack([part.mean() for part in self.distributions], axis=-1)
