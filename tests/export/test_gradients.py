"""The builtin gradients are those of TensorFlow's kernels."""

import numpy as np
import pytest
import tensorflow as tf

from kvae.export.conversion.gradients import GRADIENTS, builtin_gradients

KERNELS = {"ReluGrad", "StridedSliceGrad", "Conv2DBackpropFilter", "EluGrad", "SqrtGrad"}


def conv(strides, padding, dilations=1):
    return lambda x, w: tf.nn.conv2d(x, w, strides, padding, dilations=dilations)


def transposed(strides, padding, size):
    def function(x, w):
        return tf.nn.conv2d_transpose(x, w, (2, size, size, 3), strides, padding)

    return function


IMAGE, KERNEL = (2, 7, 7, 3), (3, 3, 3, 4)
CASES = {
    "relu": (tf.nn.relu, [(4, 3)]),
    "relu6": (lambda x: tf.nn.relu6(5.0 * x), [(4, 3)]),
    "leaky": (lambda x: tf.nn.leaky_relu(x, 0.3), [(4, 3)]),
    "elu": (tf.nn.elu, [(4, 3)]),
    "selu": (tf.nn.selu, [(4, 3)]),
    "softplus": (tf.nn.softplus, [(4, 3)]),
    "tanh": (tf.tanh, [(4, 3)]),
    "sigmoid": (tf.sigmoid, [(4, 3)]),
    "sqrt": (lambda x: tf.sqrt(x * x + 1.0), [(4, 3)]),
    "rsqrt": (lambda x: tf.math.rsqrt(x * x + 1.0), [(4, 3)]),
    "slice": (lambda x: x[1:, :-1, 2], [(4, 3, 5)]),
    "slice to the end": (lambda x: x[-2:], [(4, 3)]),
    "slice from before the start": (lambda x: x[:, -10:], [(4, 5, 3)]),
    "slice to before the start": (lambda x: x[:, :-10], [(4, 5, 3)]),
    "slice beyond the end": (lambda x: x[:, 7:9], [(4, 5, 3)]),
    "slice backwards": (lambda x: x[:, 3:2], [(4, 5, 3)]),
    "tile": (lambda x: tf.tile(x, [1, 3, 2]), [(2, 1, 4)]),
    "repeat": (lambda x: tf.repeat(x, 2, axis=1), [(2, 3, 4)]),
    "conv": (conv(1, "SAME"), [IMAGE, KERNEL]),
    "conv by two": (conv(2, "SAME"), [IMAGE, KERNEL]),
    "conv by two, even": (conv(2, "SAME"), [(2, 8, 8, 3), (4, 4, 3, 4)]),
    "conv by two, valid": (conv(2, "VALID"), [(2, 8, 8, 3), KERNEL]),
    "conv with holes": (conv(1, "VALID", 2), [IMAGE, KERNEL]),
    "transposed": (transposed(2, "SAME", 8), [(2, 4, 4, 4), KERNEL]),
    "transposed, valid": (transposed(2, "VALID", 9), [(2, 4, 4, 4), KERNEL]),
}


@pytest.mark.parametrize("name", CASES)
def test_they_have_the_values_of_tensorflow(name, rng):
    function, shapes = CASES[name]
    arguments = [tf.constant(rng.normal(size=shape), tf.float32) for shape in shapes]
    shape = function(*arguments).shape
    weight = tf.constant(rng.normal(size=shape), tf.float32)

    # By XLA: not every processor has a kernel for the gradient of a convolution with holes.
    @tf.function(autograph=False, jit_compile=True)
    def builtin(*arguments):
        with builtin_gradients():
            loss = tf.reduce_sum(weight * function(*arguments))
            return tf.gradients(loss, list(arguments))

    @tf.function(autograph=False, jit_compile=True)
    def tensorflow(*arguments):
        loss = tf.reduce_sum(weight * function(*arguments))
        return tf.gradients(loss, list(arguments))

    for found, expected in zip(builtin(*arguments), tensorflow(*arguments), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    graph = builtin.get_concrete_function(*arguments).graph
    assert not {operation.type for operation in graph.get_operations()} & KERNELS


@pytest.mark.parametrize(
    "function",
    [tf.nn.relu, tf.nn.relu6, tf.nn.leaky_relu, tf.nn.elu, tf.nn.selu],
    ids=lambda function: function.__name__,
)
def test_they_have_the_slope_of_tensorflow_at_a_kink(function):
    """Rows of zeros reach it: a dense layer of a new model has no bias."""
    x = tf.constant([-1.0, 0.0, 1.0, 6.0])

    @tf.function(autograph=False)
    def builtin(x):
        with builtin_gradients():
            return tf.gradients(function(x), x)[0]

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    np.testing.assert_allclose(builtin(x), tape.gradient(y, x), rtol=1e-6)


def test_every_gradient_is_compared():
    """A new one has to be given a case."""
    made = set()
    for function, shapes in CASES.values():
        traced = tf.function(function, autograph=False).get_concrete_function(
            *[tf.TensorSpec(shape) for shape in shapes]
        )
        made |= {operation.type for operation in traced.graph.get_operations()}
    assert set(GRADIENTS) <= made
