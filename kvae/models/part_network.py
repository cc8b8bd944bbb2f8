"""What a network of a model takes and emits, be it sequential, functional or subclassed."""

from typing import Any

import keras

__all__ = ["build_network", "emitted_shape", "first_taken", "last_activation", "taken_shape"]

Shape = tuple[int | None, ...]

ACTIVATIONS = {
    keras.layers.ReLU: keras.activations.relu,
    keras.layers.Softmax: keras.activations.softmax,
}
WITH_ACTIVATION = (
    keras.layers.Activation,
    keras.layers.Conv1D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3D,
    keras.layers.Conv3DTranspose,
    keras.layers.Dense,
)
ROWS = 7  # of the shapes that networks are asked for


def build_network(network: keras.layers.Layer, shapes: Any) -> None:
    """Build a network that has no weights so far by calling it on symbols.

    Args:
        network: a Keras layer or model.
        shapes: shape of its input with the batch axis, or a list of shapes.
    """
    if not network.built:
        network(_symbols(shapes))


def emitted_shape(name: str, network: Any, shapes: Any) -> Any:
    """Return the output shape of a built network, or a list of shapes.

    Args:
        name: of the network, for the error.
        network: see `build_network`; a subclassed model need not define `compute_output_shape`.
        shapes: see `build_network`.

    Raises:
        ValueError: If the network does not emit one row for each row that it takes.
    """
    # A given number of rows: with None Keras would not tell of a network that merges or drops some.
    spec = network.compute_output_spec(_symbols(shapes, rows=ROWS))
    several = isinstance(spec, list | tuple)
    outputs = spec if several else [spec]
    found = [_checked_rows(name, tuple(output.shape), shapes) for output in outputs]
    return found if several else found[0]


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


def last_activation(network: Any) -> Any:
    """Return the activation that a network applies last, a function; None where there is none.

    Layers after it that move elements alone are passed by. What a subclassed model does is not
    known.
    """
    if type(network) in ACTIVATIONS:
        return ACTIVATIONS[type(network)]
    if type(network) in WITH_ACTIVATION:
        return network.activation
    # Not of a subclassed model: it may call its layers in any order.
    in_order = isinstance(network, keras.Sequential) or hasattr(network, "operations")
    layers = network.layers if in_order else []
    moved = keras.layers.Flatten, keras.layers.Reshape
    last = next((layer for layer in reversed(layers) if not isinstance(layer, moved)), None)
    return None if last is None else last_activation(last)


def _checked_rows(name: str, shape: Shape, shapes: Any) -> Shape:
    """Return the shape of an output with the batch axis of the inputs, or raise."""
    batch = shapes[0][0] if isinstance(shapes, list) else shapes[0]
    rows = batch or ROWS
    if not shape or shape[0] not in (rows, None):
        raise ValueError(
            f"Expected {name} to emit one row for each example that it takes, along the first "
            f"axis. Received: output shape {shape} for {rows} examples. Reshape the axes behind "
            "the first one alone, as keras.layers.Reshape and keras.layers.Flatten do."
        )
    return batch, *shape[1:]


def _symbols(shapes: Any, rows: int | None = None) -> Any:
    if isinstance(shapes, list):
        return [_symbols(shape, rows) for shape in shapes]
    batch, *event = shapes
    return keras.KerasTensor((batch or rows, *event), dtype=keras.config.floatx())
