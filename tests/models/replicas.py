"""One training in one replica and in two, for scripts that run in a process of their own."""

import keras
import numpy as np
import tensorflow as tf

from tests.small import narrow


def train_in_both(make, data, **fit):
    """Train the model of `make` both ways, compare logs and weights, and print the replicas.

    Args:
        make: function without arguments that returns the model, not compiled.
        data: what `fit` takes.
        **fit: passed to `fit`.
    """
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    ended = []
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for strategy in (tf.distribute.get_strategy(), two):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = make()
            narrow(model)  # nothing is left to the draws, which differ by replica
            model.compile(optimizer=keras.optimizers.SGD(1e-3), jit_compile=False)
        logs = model.fit(data, batch_size=20, verbose=0, **fit).history
        ended.append((logs, model.get_weights()))
    (alone, expected), (logs, found) = ended
    for name in alone:
        np.testing.assert_allclose(logs[name], alone[name], rtol=1e-5)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    print("same", two.num_replicas_in_sync)
