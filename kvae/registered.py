"""Functions and classes of a saved model: those that Keras finds again by a registered name."""

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import keras

__all__ = ["classes", "function"]

UNKNOWN = re.compile(r"Could not locate \w+ '([^']+)'")  # what Keras says of an unregistered class


@contextlib.contextmanager
def classes(purpose: str) -> Iterator[None]:
    """Name the class that is not registered where Keras cannot make a model of its configuration.

    Args:
        purpose: what the model is made for, for the error.

    Raises:
        ValueError: If a class is not registered.

    Example:
        >>> class Doubled(keras.layers.Layer): pass
        >>> config = keras.saving.serialize_keras_object(Doubled())
        >>> with kvae.registered.classes("to be copied"):
        ...     keras.saving.deserialize_keras_object(config)
        Traceback (most recent call last):
        ValueError: Expected the classes of a model to be registered by keras.saving.register_keras_serializable, to be copied. Received: Doubled
    """  # noqa: E501 (a message is one line)
    try:
        yield
    except (TypeError, ValueError) as error:
        unknown = UNKNOWN.search(str(error))
        if unknown is None:
            raise
        raise ValueError(
            "Expected the classes of a model to be registered by "
            f"keras.saving.register_keras_serializable, {purpose}. Received: {unknown[1]}"
        ) from error


def function(argument: str, value: Any, accepted: str = "") -> Callable[..., Any]:
    """Return `value`, a registered function or the config of one, as a function.

    Args:
        argument: name of the argument, for the error.
        value: what was given.
        accepted: what else would have been taken, for the error.

    Raises:
        ValueError: If Keras could not find `value` again when a saved model is loaded.

    Example:
        >>> @keras.saving.register_keras_serializable(package="docs")
        ... def unit_normal(params):
        ...     return tfd.Independent(tfd.Normal(params, 1.0), 1)
        >>> config = keras.saving.serialize_keras_object(unit_normal)
        >>> kvae.registered.function("make_distribution_fn", config) is unit_normal
        True
    """
    if isinstance(value, dict):
        value = keras.saving.deserialize_keras_object(value)
    named = inspect.isfunction(value) and value.__name__ != "<lambda>"
    if named:
        name = keras.saving.get_registered_name(value)
        if keras.saving.get_registered_object(name) is value:
            return value
    advice = (
        "Put @keras.saving.register_keras_serializable(package='...') above its definition."
        if named
        else "Write it as a named function under "
        "@keras.saving.register_keras_serializable(package='...')."
    )
    raise ValueError(
        f"Expected {argument} to be {accepted}a function registered with Keras: a lambda or an "
        f"unregistered function cannot be saved safely with a model. {advice} "
        f"Received: {argument}={value!r}"
    )
