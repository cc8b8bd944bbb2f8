"""Gradients made of TFLite's builtin operations.

TensorFlow's own gradients of activations, slices and convolutions are kernels (ReluGrad,
StridedSliceGrad, Conv2DBackpropFilter, ...) that TFLite does not have. `builtin_gradients` gives
these operations gradients of the same value, made of products, selections, paddings and ordinary
convolutions. An operation that is not named here keeps TensorFlow's gradient: where that has no
builtin form, the converter names it.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

__all__ = ["GRADIENTS", "builtin_gradients"]

PREFIX = "KvaeBuiltin"
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@contextlib.contextmanager
def builtin_gradients() -> Iterator[None]:
    """Give the operations made inside, in the graph of a `tf.function`, builtin gradients.

    `tf.gradients` of that graph uses them; a `tf.GradientTape` does not.

    Example:
        >>> from kvae.export.conversion.gradients import builtin_gradients
        >>> @tf.function(autograph=False)
        ... def slope(x):
        ...     with builtin_gradients():
        ...         return tf.gradients(tf.nn.relu(x), x)[0]
        >>> slope(tf.constant([-1.0, 2.0])).numpy()
        array([0., 1.], dtype=float32)
    """
    graph = tf.compat.v1.get_default_graph()
    with graph.gradient_override_map({name: PREFIX + name for name in GRADIENTS}):
        yield


def _relu(op: Any, upstream: Any) -> Any:
    return _where(op.outputs[0] > 0.0, upstream)


def _relu6(op: Any, upstream: Any) -> Any:
    y = op.outputs[0]
    return _where((y > 0.0) & (y < 6.0), upstream)


def _leaky_relu(op: Any, upstream: Any) -> Any:
    return tf.where(op.inputs[0] > 0.0, upstream, op.get_attr("alpha") * upstream)


def _elu(op: Any, upstream: Any) -> Any:
    y = op.outputs[0]
    return tf.where(y > 0.0, upstream, upstream * (y + 1.0))


def _selu(op: Any, upstream: Any) -> Any:
    y = op.outputs[0]
    # At zero the slope is that of the right, as TensorFlow's is.
    return upstream * tf.where(y < 0.0, y + SELU_SCALE * SELU_ALPHA, SELU_SCALE * tf.ones_like(y))


def _softplus(op: Any, upstream: Any) -> Any:
    return upstream * tf.sigmoid(op.inputs[0])


def _tanh(op: Any, upstream: Any) -> Any:
    return upstream * (1.0 - tf.square(op.outputs[0]))


def _sigmoid(op: Any, upstream: Any) -> Any:
    y = op.outputs[0]
    return upstream * y * (1.0 - y)


def _sqrt(op: Any, upstream: Any) -> Any:
    return upstream * 0.5 / op.outputs[0]


def _rsqrt(op: Any, upstream: Any) -> Any:
    y = op.outputs[0]
    return upstream * (-0.5) * y * y * y


def _strided_slice(op: Any, upstream: Any) -> list[Any]:
    """Return zeros around the upstream gradient, for slices of constant ends and a step of one."""
    x = op.inputs[0]
    ends = [tf.get_static_value(tensor) for tensor in op.inputs[1:]]
    masks = {name: op.get_attr(f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis")}
    shrink = op.get_attr("shrink_axis_mask")
    if any(end is None for end in ends) or masks["ellipsis"] or masks["new_axis"]:
        return _of_tensorflow("StridedSlice")(op, upstream)
    begin, end, strides = (list(each) for each in ends)
    shape, kept, paddings = list(x.shape), list(x.shape), [[0, 0] for _ in x.shape]
    for axis in range(len(begin)):
        if strides[axis] != 1 or shape[axis] is None:
            return _of_tensorflow("StridedSlice")(op, upstream)
        bit = 1 << axis
        size = shape[axis]
        first = 0 if masks["begin"] & bit else _within(int(begin[axis]), size)
        last = size if masks["end"] & bit else _within(int(end[axis]), size)
        last = first + 1 if shrink & bit else max(first, last)
        paddings[axis], kept[axis] = [first, size - last], last - first
    return [tf.pad(tf.reshape(upstream, kept), paddings), None, None, None]


def _within(place: int, size: int) -> int:
    """Return an end of a slice as a place from 0 to `size`; a negative one counts from the end."""
    return min(max(place + (size if place < 0 else 0), 0), size)


def _tile(op: Any, upstream: Any) -> list[Any]:
    """Return the sum over the copies; LiteRT's XNNPACK takes at most six axes, none of size one."""
    shape, tiled = op.inputs[0].shape, op.outputs[0].shape
    if not tiled.is_fully_defined():
        tiled = upstream.shape  # the multiples may be computed, as those of tf.repeat are
    if not (shape.is_fully_defined() and tiled.is_fully_defined()):
        return _of_tensorflow("Tile")(op, upstream)
    apart: list[int] = []
    copies: list[int] = []
    for whole, size in zip(tiled, shape, strict=True):
        if whole > size:
            copies.append(len(apart))
            apart.append(whole // size)
        if size > 1:
            apart.append(size)
    summed = tf.reduce_sum(tf.reshape(upstream, apart), axis=copies)
    return [tf.reshape(summed, shape), None]


def _conv2d(op: Any, upstream: Any) -> list[Any]:
    """Return the gradients of a convolution, channels last, to its input and its kernel."""
    x, kernel = op.inputs
    strides, dilations = op.get_attr("strides"), op.get_attr("dilations")
    padding = op.get_attr("padding").decode()
    if (
        op.get_attr("data_format") != b"NHWC"
        or padding == "EXPLICIT"
        or x.shape[3] != kernel.shape[2]
    ):
        return _of_tensorflow("Conv2D")(op, upstream)
    to_input = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=tf.constant(list(x.shape)),
        filter=kernel,
        out_backprop=upstream,
        strides=strides,
        padding=padding,
        dilations=dilations,
    )
    return [to_input, _to_kernel(x, upstream, kernel.shape, strides, dilations, padding)]


def _conv2d_transpose(op: Any, upstream: Any) -> list[Any]:
    """Return the gradients of a transposed convolution, channels last."""
    _, kernel, x = op.inputs
    strides, dilations = op.get_attr("strides"), op.get_attr("dilations")
    padding = op.get_attr("padding").decode()
    if op.get_attr("data_format") != b"NHWC" or padding == "EXPLICIT":
        return _of_tensorflow("Conv2DBackpropInput")(op, upstream)
    to_input = tf.nn.conv2d(upstream, kernel, strides, padding, dilations=dilations)
    # The roles of data and upstream gradient change: x has the size of the convolution's output.
    to_kernel = _to_kernel(upstream, x, kernel.shape, strides, dilations, padding)
    return [None, to_kernel, to_input]


def _to_kernel(
    x: Any, upstream: Any, shape: Any, strides: Any, dilations: Any, padding: str
) -> Any:
    """Return the gradient to the kernel of a convolution: one of x with the upstream gradient.

        dw[i, c, o] = sum over b and p of x[b, s p + d i - before, c] dy[b, p, o]

    is a convolution of x over i in which the examples are channels, dy is the kernel, and stride
    and dilation have changed their roles.
    """
    paddings, ends = [[0, 0]], []
    for axis in (1, 2):
        taps, outputs, size = int(shape[axis - 1]), int(upstream.shape[axis]), int(x.shape[axis])
        ends.append((outputs - 1) * strides[axis] + (taps - 1) * dilations[axis] + 1)
        missing = max(ends[-1] - size, 0)
        before = missing // 2 if padding == "SAME" else 0
        paddings.append([before, missing - before])
    around = tf.pad(x, [*paddings, [0, 0]])[:, : ends[0], : ends[1]]
    found = tf.nn.conv2d(
        tf.transpose(around, [3, 1, 2, 0]),
        tf.transpose(upstream, [1, 2, 0, 3]),
        [1, dilations[1], dilations[2], 1],
        "VALID",
        dilations=[1, strides[1], strides[2], 1],
    )
    return tf.transpose(found, [1, 2, 0, 3])


def _where(condition: Any, values: Any) -> Any:
    return tf.where(condition, values, tf.zeros_like(values))


def _of_tensorflow(name: str) -> Callable[..., Any]:
    from tensorflow.python.framework import ops  # no public name leads to the registry

    return ops._gradient_registry.lookup(name)


GRADIENTS: dict[str, Callable[..., Any]] = {
    "Conv2D": _conv2d,
    "Conv2DBackpropInput": _conv2d_transpose,
    "Elu": _elu,
    "LeakyRelu": _leaky_relu,
    "Relu": _relu,
    "Relu6": _relu6,
    "Rsqrt": _rsqrt,
    "Selu": _selu,
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Sqrt": _sqrt,
    "StridedSlice": _strided_slice,
    "Tanh": _tanh,
    "Tile": _tile,
}
for _name, _function in GRADIENTS.items():
    tf.RegisterGradient(PREFIX + _name)(_function)
