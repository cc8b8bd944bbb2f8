"""The named inputs of a model: names, shapes and values, checked in arrays and in batches."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.contract import Domain, InputSpec
from kvae.contract.failures import assertion
from kvae.contract.input_spec import fits
from kvae.contract.plain_array import is_array_like
from kvae.training.inputs import sample_weight as weights
from kvae.training.inputs import streams
from kvae.training.inputs.arrays import ArrayFeed
from kvae.training.inputs.observed import filled, filled_in_graph
from kvae.training.inputs.order import Order

__all__ = ["DEFAULT_BATCH_SIZE", "Inputs", "is_arrays"]

DEFAULT_BATCH_SIZE = 32
X, TARGET = "x", "target"


class Inputs:
    """The inputs that a model takes by name, and all checks of data that are given for them.

    A user passes x as an array, or a dict of arrays by name; y is the input named "target". Where
    no target is given x is its own target and has to be valid as such.

    Args:
        specs: specification of each input by name. "x" is always among them; "target",
            "condition" and "observed" where the model takes them.

    Raises:
        ValueError: If `specs` does not name "x".

    Example:
        >>> from kvae.contract import Domain, InputSpec
        >>> from kvae.training.inputs import Inputs
        >>> inputs = Inputs({
        ...     "x": InputSpec((2,)), "condition": InputSpec((), domain=Domain(0, 9, integer=True))
        ... })
        >>> arrays, weight = inputs.check({"x": [[0.5, 1.0]], "condition": [3]})
        >>> arrays["condition"]
        array([3])
        >>> inputs.check([[0.5, 1.0]])
        Traceback (most recent call last):
        ValueError: Expected inputs named 'x', 'condition'. Received: 'x'. Give them by name: ...
    """

    def __init__(self, specs: Mapping[str, InputSpec]):
        if X not in specs:
            raise ValueError(f"Expected specs to name 'x'. Received: {sorted(specs)}")
        self.specs = dict(specs)

    def domain(self, name: str) -> Domain:
        """Return the values that an input may have where no target is given."""
        return self._specs_of(name, ())[-1].domain

    # -- arrays ------------------------------------------------------------------------------

    def check(
        self, x: Any, y: Any = None, sample_weight: Any = None, target: bool = True
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """Return valid arrays by name, and the sample weights as a float32 array or None.

        Args:
            x: array of shape (examples, *event_shape), or a dict of arrays by name.
            y: array, the input named "target"; x itself by default.
            sample_weight: array of shape (examples,).
            target: whether a required target has to be given.

        Raises:
            ValueError: If names, shapes, dtypes or values are not valid.
        """
        given = filled(self._named(x, y, target), self.specs)
        arrays = {}
        for name, value in given.items():
            for spec in self._specs_of(name, given):
                value = spec.check(value, _label(name, y))
            arrays[name] = value
        examples = len(arrays[X])
        for name, array in arrays.items():
            if len(array) != examples:
                raise ValueError(
                    f"Expected {_label(name, y)} to have one entry for each of the {examples} "
                    f"examples of x. Received: shape {array.shape}"
                )
        if sample_weight is not None:
            sample_weight = weights.check_weight(sample_weight, examples)
        return arrays, sample_weight

    def check_x(self, x: Any) -> Any:
        """Return x as a valid array, or as a dict of arrays by name if there are several inputs.

        For what takes no target: `encode`, `predict`, analysis. A value that is not valid as a
        target, such as a pixel of 255, is refused here as well.
        """
        arrays, _ = self.check(x, target=False)
        return _packed(arrays, None)[0]

    def check_scored(self, x: Any) -> Any:
        """Return x as `check_x` does, and with the target where one is given by name.

        For what computes log p(target|z): `score`, `elbo`, estimates of the log-likelihood. Where x
        cannot be its own target, one has to be given.
        """
        arrays, _ = self.check(x)
        return arrays if len(arrays) > 1 else arrays[X]

    def batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, target: bool = True
    ) -> tuple[Any, ...]:
        """Return arrays as one valid batch: (x,), (x, y) or (x, y, sample_weight)."""
        return _packed(*self.check(x, y, sample_weight, target))

    # -- sources of batches ------------------------------------------------------------------

    def source(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        target: bool = True,
        strategy: Any = None,
    ) -> Any:
        """Return what `keras.Model.evaluate` takes, every batch of it checked.

        Args:
            x: arrays as in `check`, or a tf.data.Dataset, a PyDataset, a generator or another
                iterable of batches.
            y: target, where x is arrays.
            sample_weight: weights, where x is arrays.
            batch_size: examples a batch, where x is arrays.
            target: whether a required target has to be given.
            strategy: the `tf.distribute.Strategy` of the model, in whose replicas each is to
                gather its own rows of arrays; None for one replica.

        Returns:
            A tf.data.Dataset, a PyDataset or a generator. A generator is not advanced here.

        Raises:
            ValueError: If arrays are not valid, or if batches cannot be by shape or dtype.
        """
        size = checks.optional_positive_int("batch_size", batch_size) or DEFAULT_BATCH_SIZE
        if is_arrays(x):
            arrays, sample_weight = self.check(x, y, sample_weight, target)
            order = Order(len(arrays[X]), size)
            return ArrayFeed(_packed(arrays, sample_weight), order, strategy).dataset
        if y is not None or sample_weight is not None:
            raise ValueError(
                "Expected targets and weights to be part of the batches, (x, y, sample_weight). "
                f"Received: x of type {type(x).__name__} together with y or sample_weight"
            )
        return streams.checked(x, self, target)

    def unpack(self, batch: Any) -> tuple[dict[str, Any], Any]:
        """Return a batch as tensors by name in the dtypes of the specifications, and its weights.

        For train, test and predict steps. "target" is x where the batch has none.

        Args:
            batch: tensors x, (x,), (x, y) or (x, y, sample_weight); x may be a dict by name.
        """
        x, y, sample_weight = streams.split(batch)
        given = self._named(x, y, target=False)
        tensors = {
            name: tf.cast(tf.convert_to_tensor(value), self.specs[name].dtype)
            for name, value in given.items()
        }
        if TARGET in self.specs and TARGET not in tensors:
            tensors[TARGET] = tf.cast(tensors[X], self.specs[TARGET].dtype)
        return tensors, sample_weight

    def signature(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the `tf.TensorSpec`s of all valid batches in the form of the batch `batch`."""
        x, y, sample_weight = streams.split(batch)
        given = self._named(x, y, target=False)
        specs = {
            name: tf.TensorSpec((None, *self._specs_of(name, given)[0].shape), value.dtype)
            for name, value in given.items()
        }
        if sample_weight is not None:
            sample_weight = tf.TensorSpec((None,), sample_weight.dtype)
        return _packed(specs, sample_weight)

    # -- batches of a stream -----------------------------------------------------------------

    def stream_batch(self, batch: Any, target: bool = True) -> tuple[Any, ...]:
        """Return a batch of arrays as a valid one, each input in the dtype of its specification.

        What reads the stream casts every batch to the dtypes of the first one, which may not hold
        the values of others: 300 is 44 as uint8.
        """
        arrays, sample_weight = self.check(*streams.split(batch), target)
        cast = {
            name: np.asarray(array, tf.as_dtype(self.specs[name].dtype).as_numpy_dtype)
            for name, array in arrays.items()
        }
        return _packed(cast, sample_weight)

    def check_static(self, batch: Any, target: bool = True) -> None:
        """Raise a ValueError if the `tf.TypeSpec`s of a batch cannot be those of a valid one."""
        x, y, sample_weight = streams.split(batch)
        given = self._named(x, y, target)
        for name, value in given.items():
            for spec in self._specs_of(name, given):
                shape, dtype = streams.dense(value, _label(name, y))
                spec.check_static(shape, dtype, _label(name, y), pipeline=True)
        if sample_weight is not None:
            weights.check_static(*streams.dense(sample_weight, weights.NAME))

    def check_in_graph(self, batch: Any, target: bool = True) -> tuple[Any, ...]:
        """Return a batch of tensors, in the one form, behind assertions that it is valid."""
        x, y, sample_weight = streams.split(batch)
        given = filled_in_graph(self._named(x, y, target), self.specs)
        tensors = {}
        for name, value in given.items():
            for spec in self._specs_of(name, given):
                value = spec.check_in_graph(value, _label(name, y))
            tensors[name] = value
        if sample_weight is not None:
            sample_weight = weights.check_weight_in_graph(sample_weight)
        lengths = {_label(name, y): tf.shape(value)[0] for name, value in tensors.items()}
        if sample_weight is not None:
            lengths[weights.NAME] = tf.shape(sample_weight)[0]
        examples = lengths.pop(X)
        text = "{} to have one entry for each of the {{}} examples of x in a batch. Received: {{}}"
        equal = [
            assertion(tf.equal(length, examples), text.format(label), examples, length)
            for label, length in lengths.items()
        ]
        with tf.control_dependencies(equal):
            tensors[X] = tf.identity(tensors[X])
        return _packed(tensors, sample_weight)

    # -- names -------------------------------------------------------------------------------

    def _named(self, x: Any, y: Any, target: bool) -> dict[str, Any]:
        """Return what was given by name, or raise if names are unknown or missing."""
        given = dict(x) if isinstance(x, Mapping) else {X: x}
        if y is not None and y is not given.get(X):
            if given.get(TARGET) is not None:
                raise ValueError(
                    "Expected the target once. Received: y, and x with the key 'target'"
                )
            given[TARGET] = y
        given = {name: value for name, value in given.items() if value is not None}
        required = [
            name
            for name, spec in self.specs.items()
            if spec.required and (target or name != TARGET)
        ]
        if target and self._needs_target() and TARGET not in required:
            required.append(TARGET)
        if not given.keys() <= self.specs.keys() or not set(required) <= given.keys():
            optional = [name for name in self.specs if name not in required]
            expected = _quoted(required) + (f" (optional: {_quoted(optional)})" if optional else "")
            named = ", ".join(f"{name!r}: ..." for name in required)
            raise ValueError(
                f"Expected inputs named {expected}. Received: {_quoted(given) or 'none'}"
                + (" ('target' is y)" if TARGET in given or TARGET in required else "")
                + (f". Give them by name: {{{named}}}." if len(required) > 1 else "")
            )
        return given

    def _needs_target(self) -> bool:
        """Return whether x cannot be its own target."""
        return TARGET in self.specs and not fits(self.specs[X].shape, self.specs[TARGET].shape)

    def _specs_of(self, name: str, given: Iterable[str]) -> list[InputSpec]:
        """Return the specifications that an input has to meet."""
        own = self.specs[name]
        if name != X or TARGET not in self.specs or TARGET in given or self._needs_target():
            return [own]
        target = self.specs[TARGET]
        # What any finite value meets, a value in the target's domain meets as well.
        any_number = Domain(missing=own.domain.missing)
        return [target] if own.domain == any_number else [own, target]


def is_arrays(x: Any) -> bool:
    """Return whether data are arrays, perhaps by name, and not a stream of batches."""
    return x is None or isinstance(x, Mapping) or is_array_like(x)


def _packed(named: dict[str, Any], sample_weight: Any) -> tuple[Any, ...]:
    """Return named inputs in the form of a batch: (x,), (x, y) or (x, y, sample_weight)."""
    inputs = {name: value for name, value in named.items() if name != TARGET}
    x = inputs if len(inputs) > 1 else inputs[X]
    y = named.get(TARGET)
    if sample_weight is not None:
        return x, named[X] if y is None else y, sample_weight
    return (x,) if y is None else (x, y)


def _label(name: str, y: Any) -> str:
    """Return what the user calls an input."""
    return "y" if name == TARGET and y is not None else name


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
