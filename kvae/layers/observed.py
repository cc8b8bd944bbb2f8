"""Likelihoods of the observed elements of an event."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

__all__ = [
    "check_observed",
    "elements_of",
    "independent_elements",
    "not_missing",
    "observed_log_prob",
    "value_for",
    "value_in_support",
]


def check_observed(observed: Any, event_shape: tuple[int, ...]) -> Any:
    """Return the mask `observed` as a boolean tensor, or raise if its shape does not fit."""
    observed = tf.cast(observed, tf.bool)
    if tuple(observed.shape[len(observed.shape) - len(event_shape) :]) != event_shape:
        raise ValueError(
            "Expected observed to have the shape of the data, (batch, "
            f"{', '.join(map(str, event_shape))}). Received: a tensor of shape "
            f"{tuple(observed.shape)}"
        )
    return observed


def not_missing(x: Any, observed: Any = None) -> Any:
    """Return booleans of the shape of `x`: True where it is no NaN and, if given, `observed`.

    Args:
        x: data of which NaN means not observed; infinite elements count as not observed, too.
        observed: mask of the shape of `x`, or None.

    Example:
        >>> from kvae.layers.observed import not_missing
        >>> not_missing([[1.0, np.nan, 2.0]], [[True, True, False]]).numpy()
        array([[ True, False, False]])
    """
    x = tf.convert_to_tensor(x)
    # A comparison: TFLite has no IsNan, and x == x could be taken for true.
    known = tf.abs(x) <= x.dtype.max if x.dtype.is_floating else tf.ones_like(x, tf.bool)
    return known if observed is None else tf.logical_and(known, tf.cast(observed, tf.bool))


def value_for(distribution: Any, x: Any, params: Any) -> Any:
    """Return data `x` in the dtype that the density is computed in.

    It is that of the draws. Where those are integers or booleans it is that of the parameters: grey
    values are probabilities to a Bernoulli, and an integer would cut them to zeros.

    Args:
        distribution: what the layer's `distribution(params)` returned.
        x: data, (batch..., *event_shape).
        params: tensor of shape (batch..., *params_shape).
    """
    if tf.as_dtype(distribution.dtype).is_floating:
        return tf.cast(x, distribution.dtype)
    params = tf.convert_to_tensor(params)
    return tf.cast(x, tf.float64 if params.dtype == tf.float64 else tf.float32)


def elements_of(layer: Any, distribution: Any) -> Any | None:
    """Return the distribution of the elements of an event, or None where they are dependent.

    Args:
        layer: the `DistributionLayer`.
        distribution: what `layer.distribution(params)` returned.

    Returns:
        A distribution of batch shape (batch..., *event_shape) and scalar events.
    """
    elements = distribution
    # Not isinstance: of some distributions tfd.Independent makes an object of another class.
    if hasattr(distribution, "reinterpreted_batch_ndims"):
        elements = distribution.distribution
    elif layer.event_shape:
        return None
    return elements if elements.event_shape.rank == 0 else None


def independent_elements(layer: Any, distribution: Any) -> Any:
    """Return what `elements_of` returns; raise a ValueError where it is None."""
    elements = elements_of(layer, distribution)
    if elements is None:
        raise ValueError(
            "Expected a likelihood of independent elements with observed, so that missing ones can "
            f"be left out. Received: {type(layer).__name__} '{layer.name}', whose elements depend "
            "on each other"
        )
    return elements


def value_in_support(distribution: Any) -> Any | None:
    """Return a value at which a density and its gradient are finite, or None where none is known.

    Args:
        distribution: `tfd.Distribution` with scalar events.

    Returns:
        A tensor that broadcasts with the batch shape and has no gradient: what TFP's map from all
        numbers onto the support makes of zero; of a mixture, that of its first component; of
        whole numbers the mode.

    Example:
        >>> from kvae.layers.observed import value_in_support
        >>> value_in_support(tfd.Uniform([3.0, 5.0], [4.0, 9.0])).numpy()
        array([3.5, 7. ], dtype=float32)
    """
    if isinstance(distribution, tfd.MixtureSameFamily):
        components = distribution.components_distribution
        value = value_in_support(components)
        if value is None:
            return None
        return tf.broadcast_to(value, components.batch_shape_tensor())[..., 0]
    if isinstance(distribution, tfd.Mixture):
        return value_in_support(distribution.components[0])
    try:
        onto = distribution.experimental_default_event_space_bijector()
        value = (
            distribution.mode() if onto is None else onto.forward(tf.zeros((), distribution.dtype))
        )
    except NotImplementedError:
        return None
    return tf.stop_gradient(value)


def observed_log_prob(layer: Any, distribution: Any, x: Any, observed: Any) -> Any:
    """Return log p of the observed elements of each event, (batch..., *event_shape); else 0.

    Args:
        layer: the `DistributionLayer`.
        distribution: what `layer.distribution(params)` returned.
        x: data, (batch..., *event_shape), in the dtype of `value_for`.
        observed: mask of the shape of `x`.
    """
    observed = check_observed(observed, layer.event_shape)
    elements = independent_elements(layer, distribution)
    # Filled before, so that no NaN of the data enters a gradient; removed after.
    filled = tf.where(observed, x, tf.cast(layer.fill_value(elements), x.dtype))
    return tf.where(observed, elements.log_prob(filled), tf.zeros((), x.dtype))
