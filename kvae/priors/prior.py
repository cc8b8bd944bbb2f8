"""The base of all priors: a Keras layer without inputs that gives a distribution."""

import math
from collections.abc import Callable
from typing import Any

import keras

from kvae import checks
from kvae.special_functions import softplus

__all__ = ["SCALE_FLOOR", "Prior", "floored_scale"]

# Without a floor a prior could shrink onto one code, where neither its density nor the KL to it has
# a bound.
SCALE_FLOOR = 1e-3


def floored_scale(raw: Any) -> Any:
    """Return softplus(raw) + `SCALE_FLOOR`, the standard deviations of a prior that is learned."""
    return softplus(raw) + SCALE_FLOOR


@keras.saving.register_keras_serializable(package="kvae")
class Prior(keras.layers.Layer):
    """A distribution over latent variables, which may have weights of its own.

    A subclass defines `make_distribution` and creates its weights in `build`. The KL to it is
    computed in closed form where `kvae.contract.closed_form` or TFP's registry
    (`tfd.RegisterKL`) has one for its distribution, else by Monte Carlo.

    Args:
        event_shape: int or tuple of ints, the shape of one draw (without batch axes).
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `event_shape` does not hold positive integers.

    Example:
        >>> @keras.saving.register_keras_serializable(package="docs")
        ... class Laplace(kvae.priors.Prior):
        ...     def make_distribution(self, condition=None):
        ...         return tfd.Independent(tfd.Laplace(tf.zeros(self.event_shape), 1.0), 1)
        >>> float(Laplace(2).distribution().log_prob([0.0, 0.0]))  # -2 log 2
        -1.3862943649291992
    """

    xla_pays = True  # see `kvae.training.execution`
    reads_posterior = False  # whether the weights of the encoder are in the distribution
    condition_dim: int | None = None  # elements of the condition's vector; None if it reads none

    def __init__(self, event_shape: Any, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.event_shape = checks.event_shape(event_shape)

    def build(self, input_shape: Any = None) -> None:
        """Create the weights; a prior has no input."""
        self.built = True

    def add_float32_weight(self, shape: tuple[int, ...], initializer: Any, name: str) -> Any:
        """Add a weight that is read in float32 under every dtype policy; for subclasses."""
        # Under a mixed policy the posterior layer's call would read it in half precision: Keras
        # opens an autocast scope for it although the layer has autocast off.
        return self.add_weight(
            shape=shape, initializer=initializer, dtype="float32", name=name, autocast=False
        )

    def distribution(self, condition: Any = None) -> Any:
        """Return the `tfd.Distribution` with event shape `event_shape`.

        Args:
            condition: tensor (B, ...) on which a conditional prior depends; others ignore it.

        Returns:
            A `tfd.Distribution` of batch shape (), or (B,) where it depends on the condition.
        """
        if not self.built:
            self.build()
        return self.make_distribution(condition)

    def make_distribution(self, condition: Any = None) -> Any:
        """Return the distribution once the weights exist; for subclasses."""
        raise NotImplementedError(f"{type(self).__name__} must define make_distribution")

    def bind(self, posterior: Callable[[Any], Any]) -> None:
        """Take the posterior of the model that this prior is part of; a `VAE` calls it.

        Args:
            posterior: function from a batch of data (batch, *data_shape) to the
                `tfd.Distribution` q(z|x).
        """

    @property
    def latent_dim(self) -> int:
        """The number of latent dimensions, the product of `event_shape`."""
        return math.prod(self.event_shape)

    @property
    def normals(self) -> int:
        """How many standard normals `from_normal` turns into one draw."""
        return self.latent_dim

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return draws made of given standard normals: the same in Keras and in exported files.

        Args:
            normal: independent standard normals, (batch, normals).
            condition: as for `distribution`.

        Returns:
            Draws from the prior, (batch, *event_shape).

        Raises:
            NotImplementedError: If the prior has no such form.
        """
        raise NotImplementedError(
            f"{type(self).__name__} cannot be sampled from given normals, so it does not export "
            "the signature 'sample'."
        )

    def call(self, posterior: Any) -> Any:
        """Raise: a prior takes no input."""
        raise TypeError(
            f"{type(self).__name__} is a prior and takes no input: use its distribution(), or "
            "give it to a KLDivergenceRegularizer."
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this prior again."""
        return {**super().get_config(), "event_shape": self.event_shape}

    def description(self) -> str:
        """Return class and shape in one word, as error messages and reports print it."""
        shape = self.event_shape
        return f"{type(self).__name__}({shape[0] if len(shape) == 1 else shape})"


class VectorPrior(Prior):
    """A prior over vectors; for subclasses whose formulas need one axis.

    Args:
        event_shape: int d, or a tuple with one axis.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `event_shape` has not one axis.
    """

    def __init__(self, event_shape: Any, **kwargs: Any):
        super().__init__(event_shape, **kwargs)
        if len(self.event_shape) != 1:
            raise ValueError(
                f"Expected event_shape of {type(self).__name__} to be one positive integer. "
                f"Received: event_shape={event_shape!r}"
            )
