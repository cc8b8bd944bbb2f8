"""A hand-written TensorFlow loop with Adam and many steps per call; variant xla uses XLA."""

import itertools
import math

import numpy as np
from worker import FILTERS, HIDDEN, LATENT, LEARNING_RATE, serve

MOST_STEPS = 64  # per call


def make(net, x, batch_size, variant):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    latent, jit_compile = LATENT[net], variant == "xla"
    weights = []

    def weight(*shape, fan_in):
        limit = math.sqrt(6.0 / fan_in) / 2.0
        weights.append(tf.Variable(rng.uniform(-limit, limit, shape).astype("float32")))
        return weights[-1]

    def dense(inputs, outputs):
        return weight(inputs, outputs, fan_in=inputs), weight(outputs, fan_in=100 * outputs)

    def kernel(inputs, outputs, transposed=False):
        shape = (3, 3, outputs, inputs) if transposed else (3, 3, inputs, outputs)
        return weight(*shape, fan_in=9 * inputs), weight(outputs, fan_in=100 * outputs)

    def chain(layers, h):
        for index, (w, b) in enumerate(layers):
            h = h @ w + b
            if index < len(layers) - 1:
                h = tf.nn.relu(h)
        return h

    first, second = FILTERS
    if net == "mlp":
        sizes = (784, *HIDDEN, 2 * latent), (latent, *HIDDEN, 784)
        layers = [[dense(*pair) for pair in itertools.pairwise(s)] for s in sizes]
    else:
        size = 49 * second
        layers = [
            [
                kernel(1, first),
                kernel(first, second),
                dense(size, latent),
                dense(latent, 2 * latent),
            ],
            [
                dense(latent, size),
                kernel(second, second, True),
                kernel(second, first, True),
                kernel(first, 1, True),
            ],
        ]

    def encode(h):
        if net == "mlp":
            return chain(layers[0], h)
        for w, b in layers[0][:2]:
            h = tf.nn.relu(tf.nn.conv2d(h, w, 2, "SAME") + b)
        return chain(layers[0][2:], tf.reshape(h, (batch_size, -1)))

    def decode(h):
        if net == "mlp":
            return chain(layers[1], h)
        h = tf.reshape(tf.nn.relu(chain(layers[1][:1], h)), (batch_size, 7, 7, second))
        for (w, b), side, stride in zip(layers[1][1:], (14, 28, 28), (2, 2, 1), strict=True):
            shape = (batch_size, side, side, w.shape[2])
            h = tf.nn.conv2d_transpose(h, w, shape, stride) + b
            h = tf.nn.relu(h) if stride == 2 else h
        return h

    step = tf.Variable(0, dtype=tf.int64)
    firsts = [tf.Variable(tf.zeros_like(w)) for w in weights]
    seconds = [tf.Variable(tf.zeros_like(w)) for w in weights]
    x = tf.constant(x.reshape(len(x), -1) if net == "mlp" else x.reshape(-1, 28, 28, 1))

    def train(batch):
        with tf.GradientTape() as tape:
            mean, raw = tf.split(encode(batch), 2, axis=-1)
            scale = tf.nn.softplus(raw)
            seed = tf.stack([step.assign_add(1), 0])
            logits = decode(mean + scale * tf.random.stateless_normal(tf.shape(mean), seed))
            pixels = tf.nn.sigmoid_cross_entropy_with_logits(batch, logits)
            kl = 0.5 * (mean**2 + scale**2 - 1.0) - tf.math.log(scale)
            loss = (tf.reduce_sum(pixels) + tf.reduce_sum(kl)) / batch_size
        count = tf.cast(step, tf.float32)
        rate = LEARNING_RATE * tf.sqrt(1.0 - 0.999**count) / (1.0 - 0.9**count)
        gradients = tape.gradient(loss, weights)
        for w, m, v, g in zip(weights, firsts, seconds, gradients, strict=True):
            m.assign_add(0.1 * (g - m))
            v.assign_add(0.001 * (g * g - v))
            w.assign_sub(rate * m / (tf.sqrt(v) + 1e-7))
        return loss

    @tf.function(jit_compile=jit_compile)
    def several(x, rows):  # x is an argument: XLA folds captured tensors as constants
        loss = tf.constant(0.0)
        for index in tf.range(len(rows)):
            loss += train(tf.gather(x, rows[index]))
        return loss

    def epoch():
        rows = rng.permutation(len(x))[: len(x) // batch_size * batch_size]
        rows = rows.reshape(-1, batch_size).astype("int32")
        steps = max(size for size in range(1, MOST_STEPS + 1) if len(rows) % size == 0)
        for start in range(0, len(rows), steps):
            loss = several(x, tf.constant(rows[start : start + steps]))
        return float(loss)

    return epoch


if __name__ == "__main__":
    serve(make)
