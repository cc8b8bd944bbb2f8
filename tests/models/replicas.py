"""One training in one replica and in two, for scripts that run in a process of their own."""

import functools

import keras
import numpy as np
import tensorflow as tf

from tests.small import narrow


@functools.cache
def two_replicas():
    """Return the strategy of two replicas, one for a process.

    A second one would give its exchanges the numbers of those of the first, whose shapes TensorFlow
    has kept.
    """
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def train_in_both(make, data, loss=None, **fit):
    """Train the model of `make` both ways, compare logs and weights, and print the replicas.

    Args:
        make: function without arguments that returns the model, not compiled.
        data: what `fit` takes.
        loss: what `compile` takes.
        **fit: passed to `fit`.
    """
    ended, two = [], two_replicas()
    for strategy in (tf.distribute.get_strategy(), two):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = make()
            narrow(model)  # nothing is left to the draws, which differ by replica
            model.compile(keras.optimizers.SGD(1e-3), loss, jit_compile=False)
        logs = model.fit(data, batch_size=20, verbose=0, **fit).history
        ended.append((logs, model.get_weights()))
    (alone, expected), (logs, found) = ended
    for name in alone:
        np.testing.assert_allclose(logs[name], alone[name], rtol=1e-5)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    print("same", two.num_replicas_in_sync)
