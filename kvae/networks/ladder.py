"""The networks of a hierarchy of latent variables, as plain Keras models.

Bottom-up, an encoder computes features of x, from fine to coarse. Top-down, a state takes in one
layer of latent variables after the other. Blocks are residual and begin as the identity, and the
parameters of each prior and shift begin at zero, so that many layers train from the start.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras

from kvae import checks
from kvae.networks.blocks import CHANNELS_LAST, Make, conv2d, dense
from kvae.networks.sizes import doubled, halved_sizes

__all__ = ["ladder_conv", "ladder_mlp"]

Shape = tuple[int, ...]
# Of layers that emit parameters: the first likelihood and top posterior are near those at zero.
SMALL = {"class_name": "VarianceScaling", "config": {"scale": 0.1}}


def ladder_mlp(
    event_shape: Any,
    latent_dims: Sequence[int],
    params_shape: Any,
    width: int = 256,
    activation: str = "relu",
    top_params_size: int | None = None,
) -> dict[str, Any]:
    """Return the dense networks of a `kvae.HierarchicalVAE`, by the names of its arguments.

    Args:
        event_shape: shape of one example, int or tuple.
        latent_dims: number of latent dimensions of each layer, the top one first.
        params_shape: the likelihood's `params_shape`, int or tuple.
        width: units of every hidden layer and of the state.
        activation: activation of the hidden layers.
        top_params_size: the `params_size` of the top posterior, by default that of a diagonal
            normal.

    Raises:
        ValueError: If a size is not a positive integer, or there is one layer only.

    Example:
        >>> networks = kvae.networks.ladder_mlp((8, 8, 1), [2, 4], (8, 8, 1), width=16)
        >>> sorted(networks)
        ['decoder', 'encoder', 'posterior_networks', 'prior_networks', 'state_networks']
        >>> networks["encoder"].output_shape
        [(None, 4), (None, 16)]
    """
    event_shape = checks.event_shape(event_shape)
    params_shape = checks.event_shape(params_shape, "params_shape")
    shapes: list[Shape] = [(checks.positive_int("latent_dims", dim),) for dim in latent_dims]
    _check_depth(shapes, "latent_dims")
    blocks = _Blocks(dense, checks.positive_int("width", width), activation)

    inputs = keras.Input(event_shape)
    x = blocks.layer(keras.layers.Flatten(**CHANNELS_LAST)(inputs), "encoder_in")
    emitted: list[Any] = []
    for index in reversed(range(len(shapes))):
        x = blocks.residual(x, f"encoder_{index}")
        emitted.insert(0, x)
    size = 2 * shapes[0][0] if top_params_size is None else top_params_size
    size = checks.positive_int("top_params_size", size)
    emitted[0] = dense(size, kernel_initializer=SMALL, name="encoder_params")(emitted[0])

    state = keras.Input((blocks.width,))
    x = blocks.layer(state, "decoder_hidden")
    x = dense(math.prod(params_shape), kernel_initializer=SMALL, name="decoder_params")(x)
    if len(params_shape) != 1:
        x = keras.layers.Reshape(params_shape)(x)
    return {
        "encoder": keras.Model(inputs, emitted, name="encoder"),
        **_top_down(blocks, shapes, [(blocks.width,)] * len(shapes)),
        "decoder": keras.Model(state, x, name="decoder"),
    }


def ladder_conv(
    event_shape: Any,
    latent_shapes: Sequence[Any],
    params_shape: Any,
    filters: int = 32,
    activation: str = "relu",
    top_params_size: int | None = None,
) -> dict[str, Any]:
    """Return the convolutional networks of a `kvae.HierarchicalVAE`, by names of its arguments.

    Each lower layer is an image whose height and width are those of x, halved (rounded up) any
    number of times; several layers may have one size.

    Args:
        event_shape: (H, W, C), any size.
        latent_shapes: shape of each layer, the top one first: (h, w, c), no larger than the layer
            below, and for the top one alone also an int, a vector.
        params_shape: the likelihood's `params_shape`, (H, W, C) with channels of its own.
        filters: channels of every hidden layer and of the state.
        activation: activation of the hidden layers.
        top_params_size: the `params_size` of a top posterior over a vector, by default that of a
            diagonal normal.

    Raises:
        ValueError: If a shape is not of the form above, or there is one layer only.

    Example:
        >>> networks = kvae.networks.ladder_conv((28, 28, 1), [16, (7, 7, 4), (14, 14, 2)], (28, 28, 1))
        >>> networks["encoder"].output_shape
        [(None, 32), (None, 7, 7, 32), (None, 14, 14, 32)]
        >>> networks["decoder"].input_shape
        (None, 14, 14, 32)
    """  # noqa: E501 (an example is one line)
    event_shape = _image(event_shape, "event_shape")
    params_shape = _image(params_shape, "params_shape")
    shapes = [checks.event_shape(shape, "latent_shapes") for shape in latent_shapes]
    _check_depth(shapes, "latent_shapes")
    halvings = _halvings(event_shape, shapes)
    blocks = _Blocks(conv2d, checks.positive_int("filters", filters), activation)

    inputs = x = keras.Input(event_shape)
    emitted: list[Any] = []
    halved = -1
    for index in reversed(range(len(shapes))):
        while halved < halvings[index]:
            halved = max(halved + 1, min(1, halvings[-1]))  # the first convolution reads x
            x = blocks.layer(x, f"encoder_size_{halved}", strides=2 if halved else 1)
        x = blocks.residual(x, f"encoder_{index}")
        emitted.insert(0, x)
    if len(shapes[0]) == 1:
        size = 2 * shapes[0][0] if top_params_size is None else top_params_size
        size = checks.positive_int("top_params_size", size)
        flat = keras.layers.Flatten(**CHANNELS_LAST)(emitted[0])
        emitted[0] = dense(size, kernel_initializer=SMALL, name="encoder_params")(flat)
    else:
        channels = 2 * shapes[0][-1]
        head = conv2d(channels, kernel_initializer=SMALL, name="encoder_params")
        emitted[0] = head(emitted[0])

    sizes = halved_sizes(*event_shape[:2])
    states = [(*sizes[count], blocks.width) for count in halvings]
    state = x = keras.Input(states[-1])
    for halved in reversed(range(halvings[-1])):
        x = blocks.layer(doubled(x, sizes[halved]), f"decoder_size_{halved}")
    x = blocks.layer(x, "decoder_hidden")
    x = conv2d(params_shape[-1], kernel_initializer=SMALL, name="decoder_params")(x)
    return {
        "encoder": keras.Model(inputs, emitted, name="encoder"),
        **_top_down(blocks, shapes, states),
        "decoder": keras.Model(state, x, name="decoder"),
    }


class _Blocks:
    """The blocks of a ladder, made of dense or of convolutional layers.

    No activation follows a sum: TensorFlow 2.21 fails to fuse the two and reports it.

    Args:
        make: makes a layer of given units.
        width: units of the hidden layers and of the state.
        activation: activation of the hidden layers.
    """

    def __init__(self, make: Make, width: int, activation: str):
        self.make, self.width, self.activation = make, width, activation

    def layer(self, x: Any, name: str, **arguments: Any) -> Any:
        """Return a hidden layer of x."""
        return self.make(self.width, activation=self.activation, name=name, **arguments)(x)

    def residual(self, x: Any, name: str) -> Any:
        """Return x plus a block that begins as zero."""
        inner = self.layer(x, f"{name}_in")
        inner = self.make(self.width, kernel_initializer="zeros", name=f"{name}_out")(inner)
        return keras.layers.Add()([x, inner])

    def params(self, x: Any, units: int, name: str) -> Any:
        """Return parameters that begin as zero."""
        inner = self.layer(x, f"{name}_hidden")
        return self.make(units, kernel_initializer="zeros", name=f"{name}_params")(inner)

    def taken(self, z: Any, shape: Shape, depth: int, name: str) -> Any:
        """Return latent variables in the shape of the state, to which `depth` layers add."""
        scale = keras.initializers.VarianceScaling(1.0 / depth)
        if len(z.shape) - 1 == len(shape):
            return self.make(self.width, kernel_initializer=scale, name=name)(z)
        flat = dense(math.prod(shape), kernel_initializer=scale, name=name)(z)
        return keras.layers.Reshape(shape)(flat)


def _top_down(blocks: _Blocks, shapes: Sequence[Shape], states: Sequence[Shape]) -> dict[str, Any]:
    """Return the networks of state, prior and posterior.

    Args:
        blocks: what they are made of.
        shapes: of the latent variables, the top layer first.
        states: shape of the state at each layer.
    """
    found: dict[str, Any] = {"state_networks": [], "prior_networks": [], "posterior_networks": []}
    for index, (shape, state_shape) in enumerate(zip(shapes, states, strict=True)):
        z, state, seen = map(keras.Input, (shape, state_shape, state_shape))
        name = f"state_{index}"
        merged = blocks.taken(z, state_shape, len(shapes), f"{name}_z")
        if index:
            merged = keras.layers.Add()([state, merged])
        merged = blocks.residual(merged, name)
        below = states[min(index + 1, len(states) - 1)]
        if below != state_shape:
            for height, width in reversed(halved_sizes(*below[:2])):
                if height > merged.shape[1] or width > merged.shape[2]:
                    merged = doubled(merged, (height, width))
        reads = [state, z] if index else z
        found["state_networks"].append(keras.Model(reads, merged, name=name))
        if index:
            units, name = 2 * shape[-1], f"prior_{index}"
            prior = keras.Model(state, blocks.params(state, units, name), name=name)
            found["prior_networks"].append(prior)
            name, reads = f"posterior_{index}", [state, seen]
            shift = blocks.params(keras.layers.Concatenate()(reads), units, name)
            found["posterior_networks"].append(keras.Model(reads, shift, name=name))
    return found


def _halvings(event_shape: Shape, shapes: list[Shape]) -> list[int]:
    """Return how often x is halved for each layer; a vector at the top has that below it."""
    sizes, found = halved_sizes(*event_shape[:2]), []
    for index, shape in enumerate(shapes):
        if index == 0 and len(shape) == 1:
            continue
        if len(shape) != 3 or shape[:2] not in sizes:
            known = ", ".join(f"{height} x {width}" for height, width in sizes)
            raise ValueError(
                f"Expected latent_shapes to hold (height, width, channels) with a size of {known}, "
                f"and for the top layer alone an int. Received: {shape} for layer {index}"
            )
        found.append(sizes.index(shape[:2]))
    if sorted(found, reverse=True) != found:
        raise ValueError(
            "Expected latent_shapes from coarse to fine, the top layer first. Received: "
            f"latent_shapes={shapes}"
        )
    return found if len(found) == len(shapes) else [found[0], *found]


def _image(shape: Any, name: str) -> Shape:
    shape = checks.event_shape(shape, name)
    if len(shape) != 3:
        raise ValueError(
            f"Expected {name} to be (height, width, channels). Received: {name}={shape}. For data "
            "of another shape use kvae.networks.ladder_mlp."
        )
    return shape


def _check_depth(shapes: list[Shape], name: str) -> None:
    if len(shapes) < 2:
        raise ValueError(
            f"Expected {name} to hold at least two layers, the top one first. Received: "
            f"{len(shapes)}"
        )
