"""Transforms one after the other."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kvae.contract import Domain
from kvae.transforms.transform import Transform, as_float

__all__ = ["Chain"]


@keras.saving.register_keras_serializable(package="kvae")
class Chain(Transform):
    """y = f_n(... f_2(f_1(x))): the first transform reads the raw data.

    Args:
        transforms: the transforms, at least one.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `transforms` is empty, or holds something else.

    Example:
        >>> amounts = kvae.transforms.Chain(
        ...     [kvae.transforms.Log(), kvae.transforms.Standardization()]
        ... )
        >>> amounts.adapt(np.array([[0.0], [99.0]]))
        >>> amounts(tf.constant([[9.0]])).numpy().round(4)
        array([[0.]], dtype=float32)
    """

    def __init__(self, transforms: Sequence[Any], **kwargs: Any):
        super().__init__(**kwargs)
        transforms = [
            keras.saving.deserialize_keras_object(each) if isinstance(each, dict) else each
            for each in transforms
        ]
        if not transforms or not all(isinstance(each, Transform) for each in transforms):
            raise ValueError(
                "Expected transforms to hold at least one kvae.transforms.Transform. Received: "
                f"transforms={transforms!r}"
            )
        if sum(each.learns for each in transforms) > 1:
            raise ValueError(
                "Expected at most one transform that learns from data. Received: "
                f"{[type(each).__name__ for each in transforms]}"
            )
        self.transforms = transforms
        self.learns = any(each.learns for each in transforms)
        self.has_numbers = any(each.has_numbers for each in transforms)
        self.is_affine = all(each.is_affine for each in transforms)

    def build(self, input_shape: Any) -> None:
        """Build the transforms."""
        for each in self.transforms:
            if not each.built:
                each.build(input_shape)
        super().build(input_shape)

    def forward(self, x: Any) -> Any:
        """Return f_n(... f_1(x))."""
        for each in self.transforms:
            x = each.forward(x)
        return x

    def inverse(self, y: Any) -> Any:
        """Return the x of y."""
        for each in reversed(self.transforms):
            y = each.inverse(y)
        return y

    def log_derivative(self, x: Any) -> Any:
        """Return the sum of the transforms' own, each where it is applied."""
        total: Any = 0.0
        for each in self.transforms:
            total = total + each.log_derivative(x)
            x = each.forward(x)
        return total

    def domain(self, inner: Domain) -> Domain:
        """Return the valid raw data."""
        for each in reversed(self.transforms):
            inner = each.domain(inner)
        return inner

    @property
    def is_adapted(self) -> bool:
        """Whether all transforms are."""
        return all(each.is_adapted for each in self.transforms)

    def unseen_columns(self) -> list[int]:
        """Return those of the transform that learns, see `Transform.unseen_columns`."""
        learning = [each for each in self.transforms if each.learns]
        return [column for each in learning for column in each.unseen_columns()]

    def keep_state(self) -> Callable[[], None]:
        """Return what puts back what each transform has learned, see `Transform.keep_state`."""
        kept = [each.keep_state() for each in self.transforms]

        def put_back() -> None:
            for each in kept:
                each()

        return put_back

    def reset_state(self) -> None:
        """Forget the data seen."""
        for each in self.transforms:
            each.reset_state()

    def update_state(self, x: Any, observed: Any = None) -> None:
        """Let the transform that learns see what the ones before it make of `x`."""
        for each in self.transforms:
            if each.learns:
                each.update_state(x, observed)
                return
            x = each.forward(as_float(x)).numpy()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this transform again."""
        transforms = [keras.saving.serialize_keras_object(each) for each in self.transforms]
        return {**super().get_config(), "transforms": transforms}
