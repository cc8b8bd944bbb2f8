"""Transposed convolutions as ordinary ones of their phases, which edge runtimes compute faster.

A transposed convolution of stride s is a convolution of its input with s - 1 zeros put between the
pixels. LiteRT's kernels multiply by those zeros too: at stride 2 they do four times the work. But
output pixels at the same place within the stride, a phase, all meet the same part of the kernel and
none of the zeros. So each phase is a small convolution of the input itself, and the phases
interleaved are the output, from the same weights.
"""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import layers, networks
from kvae.models.float32 import copy_weights

__all__ = ["PhasedConv2DTranspose", "by_phases"]

# The layers whose copy by their config and weights is the same layer: exact types, since a subclass
# may hold more. Keras makes no Lambda of a config without being told that its code is safe.
COPIED = frozenset(
    value
    for module in (keras.layers, layers, networks)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, keras.layers.Layer)
) - {keras.layers.Lambda}


def by_phases(network: keras.Model) -> keras.Model:
    """Return `network`, or a copy of it whose transposed convolutions run by phases.

    Only sequential and functional models made of layers of Keras and kvae, at any depth, are
    copied: what a layer from elsewhere holds beside its configuration is not known.

    Args:
        network: a built model, of which every layer knows the size of its input.
    """
    if not (_is_copied(network) and any(map(_has_phases, network.layers))):
        return network
    copy = keras.models.clone_model(network, clone_function=_twin)
    for layer, twin in zip(network.layers, copy.layers, strict=True):
        if not isinstance(twin, PhasedConv2DTranspose):
            copy_weights(layer, twin)
    return copy


def _is_copied(layer: Any) -> bool:
    """Return whether a copy of a layer, or of a model of layers, by its config is the same."""
    if type(layer) in (keras.Sequential, _functional()):
        return all(map(_is_copied, layer.layers))
    inside = getattr(layer, "layer", None)  # of a wrapper
    return type(layer) in COPIED and (inside is None or _is_copied(inside))


@functools.cache
def _functional() -> type:
    """Return the class of functional models, for which Keras has no public name."""
    inputs = keras.Input((1,))
    return type(keras.Model(inputs, inputs))


def _has_phases(layer: Any) -> bool:
    return (
        type(layer) is keras.layers.Conv2DTranspose
        and layer.data_format == "channels_last"
        and layer.output_padding is None
        and set(layer.dilation_rate) == {1}
        and len(set(layer.strides)) == 1
        and 1 < layer.strides[0] <= min(layer.kernel_size)  # else phases without any weight
    )


def _twin(layer: Any) -> Any:
    if _has_phases(layer):
        return PhasedConv2DTranspose(layer)
    return type(layer).from_config(layer.get_config())


class PhasedConv2DTranspose(keras.layers.Layer):
    """What a `keras.layers.Conv2DTranspose` computes, phase by phase.

    Along an axis, with `before` the part of the padding before the input, output s q + r is

        sum_j x[q + c - j] w[p + s j],    p = (r + before) mod s,    c = (r + before) div s,

    a convolution over q with every s-th weight, from p on.

    Args:
        layer: a built layer that `by_phases` takes: channels last, equal strides of at least 2 and
            at most the kernel's size, no dilation.

    References:
        Shi et al.: Is the deconvolution layer the same as a convolutional layer?, 2016,
        https://arxiv.org/abs/1609.07009
    """

    def __init__(self, layer: keras.layers.Conv2DTranspose):
        super().__init__(name=layer.name, dtype="float32")
        self.stride = layer.strides[0]
        self.same = layer.padding == "same"
        self.kernel_size = layer.kernel_size
        self.activation = layer.activation
        kernel = np.flip(np.asarray(layer.kernel), (0, 1))  # a convolution here is a correlation
        self.kernels, self.paddings = [], []
        for row in range(self.stride):
            for column in range(self.stride):
                rows, above = self._along(0, row)
                columns, left = self._along(1, column)
                part = kernel[rows][:, columns].swapaxes(2, 3)  # (h, w, in, out)
                self.kernels.append(self._constant(part))
                self.paddings.append((above, left))
        self.bias = self._constant(np.asarray(layer.bias)) if layer.use_bias else None

    def call(self, x: Any) -> Any:
        """Return the transposed convolution of `x`, (batch, rows, columns, channels)."""
        sizes = [self._outputs(axis, x.shape[1 + axis]) for axis in (0, 1)]
        counts = [-(-size // self.stride) for size in sizes]
        phases = []
        for kernel, paddings in zip(self.kernels, self.paddings, strict=True):
            around = [
                # After the input as much as the last output of the phase reaches beyond it.
                [before, count - 1 + taps - before - side]
                for (before, count, taps, side) in zip(
                    paddings, counts, kernel.shape[:2], x.shape[1:3], strict=True
                )
            ]
            phase = tf.nn.conv2d(tf.pad(x, [[0, 0], *around, [0, 0]]), kernel, 1, "VALID")
            if self.bias is not None:
                phase = tf.nn.bias_add(phase, self.bias)
            phases.append(self.activation(phase))
        whole = tf.nn.depth_to_space(tf.concat(phases, axis=-1), self.stride)
        return whole[:, : sizes[0], : sizes[1]] if sizes != list(whole.shape[1:3]) else whole

    def _along(self, axis: int, phase: int) -> tuple[slice, int]:
        """Return which weights of the flipped kernel a phase has, and how many zeros come first."""
        size, stride = self.kernel_size[axis], self.stride
        shifted = phase + ((size - stride) // 2 if self.same else 0)
        first, beyond = shifted % stride, shifted // stride
        taps = len(range(first, size, stride))
        # Counted from the other end, the last tap comes first.
        last = size - 1 - (first + stride * (taps - 1))
        return slice(last, None, stride), taps - 1 - beyond

    def _outputs(self, axis: int, inputs: int) -> int:
        beyond = 0 if self.same else self.kernel_size[axis] - self.stride
        return inputs * self.stride + beyond

    def _constant(self, values: np.ndarray) -> Any:
        weight = self.add_weight(shape=values.shape, initializer="zeros", trainable=False)
        weight.assign(values)
        return weight
