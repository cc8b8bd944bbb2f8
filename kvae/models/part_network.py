"""What a network of a model takes and emits, be it sequential, functional or subclassed."""

from typing import Any

import keras

__all__ = ["build_network", "emitted_shape", "first_taken", "taken_shape"]

Shape = tuple[int | None, ...]


def build_network(network: keras.layers.Layer, shapes: Any) -> None:
    """Build a network that has no weights so far by calling it on symbols.

    Args:
        network: a Keras layer or model.
        shapes: shape of its input with the batch axis, or a list of shapes.
    """
    if not network.built:
        network(_symbols(shapes))


def emitted_shape(network: Any, shapes: Any) -> Any:
    """Return the output shape of a built network, or a list of shapes.

    Args:
        network: see `build_network`; a subclassed model need not define `compute_output_shape`.
        shapes: see `build_network`.
    """
    if taken_shape(network) is not None:
        return network.compute_output_shape(shapes)
    spec = network.compute_output_spec(_symbols(shapes))
    return [tuple(each.shape) for each in spec] if isinstance(spec, list | tuple) else spec.shape


def taken_shape(network: Any) -> Any:
    """Return the input shape of a built network, or a list of shapes.

    A subclassed model does not say what it takes: None.
    """
    return getattr(network, "input_shape", None)


def first_taken(network: Any) -> Shape | None:
    """Return the shape of a network's first input, with the batch axis; None if not known."""
    shape = taken_shape(network) if network.built else None
    if shape is None:
        return None
    return tuple(shape[0] if isinstance(shape, list) else shape)


def _symbols(shapes: Any) -> Any:
    if isinstance(shapes, list):
        return [_symbols(shape) for shape in shapes]
    return keras.KerasTensor(shapes, dtype=keras.config.floatx())
