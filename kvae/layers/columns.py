"""The layer for rows of a table: a likelihood of its own for each column."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from kvae.contract import Batch, Domain
from kvae.layers.blocks import Blocks
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.observed import check_observed
from kvae.layers.parameter_names import check_parameter_names
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

    Each layer costs time when a function is traced, about half a second in training. Columns of one
    kind may share a layer: a block, with events (k,) and their `places` in the row.

    Args:
        columns: distribution layers with scalar events, one a column, in the order of the columns.
            The `name` of a layer names its column. With `places`, layers with events (k,) as well.
        places: for each layer the indices of its k columns in the row; None for one a column.
        names: of the columns of a row with `places`, in order; None for column_0, column_1, ...
        convert_to_tensor_fn: see `DistributionLayer`; what all columns have.
        validate_args: see `DistributionLayer`; columns check by their own.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `columns` is empty, holds anything but such layers, if two have one name,
            or parameters of one name ("gain" with `zero_logits`, "gain_zero" with `logits`); or if
            `places` and `names` are not those of a row.

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
        >>> blocks = kvae.layers.Columns(
        ...     [
        ...         kvae.layers.IndependentNormal(2, name="sizes"),
        ...         kvae.layers.IndependentCategorical(1, 5, name="cities"),
        ...     ],
        ...     places=[[0, 2], [1]],
        ...     names=["height", "city", "width"],
        ... )
        >>> blocks.event_shape, blocks.params_size
        ((3,), 9)

    References:
        Nazabal, Olmos, Ghahramani, Valera: Handling Incomplete Heterogeneous Data using VAEs, 2020,
        https://arxiv.org/abs/1807.03653
    """

    def __init__(
        self,
        columns: Sequence[DistributionLayer],
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        places: Sequence[Sequence[int]] | None = None,
        names: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        columns = [
            keras.saving.deserialize_keras_object(column) if isinstance(column, dict) else column
            for column in columns
        ]
        for column in columns if places is None else ():
            if not isinstance(column, DistributionLayer) or column.event_shape != ():
                raise ValueError(
                    "Expected columns to hold kvae distribution layers with scalar events, such as "
                    f"kvae.layers.IndependentNormal(()). Received: {column!r}"
                )
        if not columns:
            raise ValueError("Expected columns to name at least one column. Received: columns=[]")
        own = [column.name for column in columns]
        if len(set(own)) < len(own):
            raise ValueError(f"Expected columns to have names of their own. Received: {own}")
        transforms = [
            each for column in columns for _, each in column.transforms() if each.has_numbers
        ]
        if len({id(each) for each in transforms}) < len(transforms):
            raise ValueError(
                "Expected each column to have a transform of its own, whose numbers are those of "
                f"the column. Received: one that two columns share, of {transforms!r}"
            )
        self.blocks_of_row = None if places is None else Blocks(columns, places, names)
        check_parameter_names(columns)
        self.conversions = tuple(
            name
            for name in DistributionLayer.conversions
            if all(name in column.conversions for column in columns)
        )
        parts = [(column.name, column.domain) for column in columns]
        if self.blocks_of_row is not None:
            parts = self.blocks_of_row.domains(columns)
        super().__init__(len(parts), convert_to_tensor_fn, validate_args, **kwargs)
        self.columns = columns
        self.domain = Domain.row(parts)
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
            blocks=self.blocks_of_row,
        )

    def log_prob(self, params: Any, x: Any, observed: Any = None) -> Any:
        """Return log p of the observed columns of each row, in nats; see `DistributionLayer`."""
        return ordered_sum(self._column_log_probs(params, x, observed))

    def training_log_prob(
        self, params: Any, x: Any, observed: Any = None, batch: Batch | None = None
    ) -> Any:
        """Return the sum of the columns' `training_log_prob`, see `DistributionLayer`."""
        parts = self._with_params(params, x, observed)
        return ordered_sum(
            [column.training_log_prob(part, x, mask, batch) for column, part, x, mask in parts]
        )

    @property
    def learns_from_batches(self) -> bool:
        """Whether a column does, see `DistributionLayer`."""
        return any(column.learns_from_batches for column in self.columns)

    def element_log_prob(self, params: Any, x: Any, observed: Any = None) -> Any:
        """Return log p of each column, see `DistributionLayer.element_log_prob`."""
        if self.blocks_of_row is None:
            return tf.stack(self._column_log_probs(params, x, observed), axis=-1)
        parts = self._with_params(params, x, observed)
        return self._join(
            [column.element_log_prob(part, value, mask) for column, part, value, mask in parts]
        )

    def has_independent_elements(self, params: Any) -> bool:
        """Return whether those of each block are, see `DistributionLayer`; columns always are."""
        if self.blocks_of_row is None:
            return True
        parts = zip(self.columns, self._parts(self.check_params(params)), strict=True)
        return all(column.has_independent_elements(part) for column, part in parts)

    def log_derivative(self, x: Any, observed: Any = None) -> Any:
        """Return the sum over the columns, see `DistributionLayer.log_derivative`."""
        xs = self._split(x)
        masks = [None] * len(xs) if observed is None else self._split(observed)
        parts = zip(self.columns, xs, masks, strict=True)
        zero = tf.zeros_like(x[..., 0])
        return ordered_sum([zero + column.log_derivative(x, mask) for column, x, mask in parts])

    def _column_log_probs(self, params: Any, x: Any, observed: Any = None) -> list[Any]:
        """Return log p of each column, (batch...); zero where it is not observed."""
        parts = self._with_params(params, x, observed)
        return [column.log_prob(part, x, mask) for column, part, x, mask in parts]

    def _with_params(self, params: Any, x: Any, observed: Any) -> Iterator[tuple[Any, ...]]:
        """Return each column with its params, values and mask, which may be None."""
        params = self.check_params(params)
        xs = self._split(tf.cast(x, params.dtype))
        masks: list[Any] = [None] * len(xs)
        if observed is not None:
            masks = self._split(check_observed(observed, self.event_shape))
        return zip(self.columns, self._parts(params), xs, masks, strict=True)

    def _split(self, x: Any) -> list[Any]:
        """Split rows into what belongs to each layer."""
        return _split(x, self.blocks_of_row)

    def _join(self, parts: list[Any]) -> Any:
        """Join what belongs to each layer to rows."""
        return _join(parts, self.blocks_of_row)

    def _parts(self, params: Any) -> list[Any]:
        """Split `params` into those of the columns."""
        return tf.split(params, [column.params_size for column in self.columns], axis=-1)

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        if name == "sample":
            return super().convert(distribution, name)
        columns = zip(self.columns, distribution.distributions, strict=True)
        return self._join([column.convert(part, name) for column, part in columns])

    def center(self, params: Any) -> Any:
        """Return the mean of each column, or its median where a transform leaves no mean."""
        columns = zip(self.columns, self._parts(self.check_params(params)), strict=True)
        return self._join([column.center(part) for column, part in columns])

    def weighted_center(self, params: Any, weights: Any) -> Any:
        """Return that of each column, see `DistributionLayer.weighted_center`."""
        columns = zip(self.columns, self._parts(self.check_params(params)), strict=True)
        return self._join([column.weighted_center(part, weights) for column, part in columns])

    def has_mass(self, x: Any) -> Any:
        """Return what each column says of its own, see `DistributionLayer.has_mass`."""
        columns = zip(self.columns, self._split(x), strict=True)
        return self._join([column.has_mass(value) for column, value in columns])

    def features(self, x: Any) -> Any:
        """Return the columns as their own layers show them, see `DistributionLayer.features`."""
        if not self.transforms():
            return x
        columns = zip(self.columns, self._split(x), strict=True)
        return self._join([column.features(value) for column, value in columns])

    def neutral_value(self) -> Any:
        """Return that of each column, see `DistributionLayer.neutral_value`."""
        values = [
            tf.zeros(column.event_shape) + tf.cast(column.neutral_value(), tf.float32)
            for column in self.columns
        ]
        return self._join(values)

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the columns' own, see `DistributionLayer.transforms`."""
        blocks = self.blocks_of_row
        places: Any = range(len(self.columns)) if blocks is None else blocks.places
        return [
            (place, transform)
            for place, column in zip(places, self.columns, strict=True)
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
        blocks = {} if self.blocks_of_row is None else self.blocks_of_row.get_config()
        return {**config, "columns": columns, **blocks}


class _Row(tfp.distributions.Distribution):
    """Independent distributions side by side.

    Args:
        distributions: `tfd.Distribution`s of one batch shape with scalar events, or with those of
            blocks.
        validate_args: kept for TFP; the columns check by their own.
        blocks: where the elements of each stand in the row; None for scalar ones in order.
    """

    def __init__(
        self,
        distributions: list[Any],
        validate_args: bool = False,
        blocks: Blocks | None = None,
    ):
        parameters = {
            "distributions": distributions,
            "validate_args": validate_args,
            "blocks": blocks,
        }
        self.distributions = distributions
        self.blocks = blocks
        self.width = len(distributions if blocks is None else blocks.names)
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
        return tf.TensorShape([self.width])

    def _event_shape_tensor(self) -> Any:
        return tf.constant([self.width], tf.int32)

    def _log_prob(self, value: Any) -> Any:
        parts = zip(self.distributions, _split(value, self.blocks), strict=True)
        return ordered_sum([part.log_prob(column) for part, column in parts])

    def _sample_n(self, n: int, seed: Any = None) -> Any:
        seeds = tfp.random.split_seed(seed, n=len(self.distributions))
        parts = zip(self.distributions, tf.unstack(seeds), strict=True)
        return _join([part.sample(n, seed=own) for part, own in parts], self.blocks)

    def _mean(self) -> Any:
        return _join([part.mean() for part in self.distributions], self.blocks)


def _split(x: Any, blocks: Blocks | None) -> list[Any]:
    return tf.unstack(x, axis=-1) if blocks is None else blocks.split(x)


def _join(parts: list[Any], blocks: Blocks | None) -> Any:
    return tf.stack(parts, axis=-1) if blocks is None else blocks.join(parts)
