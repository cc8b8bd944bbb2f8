"""All replicas decide alike: one replica's NaN stops the step in each of them."""

import pytest

from tests.helpers import run_python

CODE = """
import sys
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
from tests.callbacks.test_non_finite import BAD, BATCH, X, NonFiniteError, fit, new_vae

kind, scaled = sys.argv[1], sys.argv[2] == "scaled"


def made():
    import keras
    with strategy.scope():
        optimizer = keras.optimizers.Adam(1e-2)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0)
        return new_vae(kind, optimizer=optimizer)


def state(vae):  # in every replica
    variables = [*vae.variables, *vae.optimizer.variables, *vae.trackers.metrics[0].variables]
    return [
        part.numpy()
        for variable in variables
        for part in strategy.experimental_local_results(variable.value)
    ]


expected = made()
fit(expected, X[: BATCH * (BAD - 1)])
vae = made()
try:
    fit(vae)
except NonFiniteError as error:
    print(error.found)
for found, other in zip(state(vae), state(expected), strict=True):
    np.testing.assert_array_equal(found, other)
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("kind", "optimizer"), [("nll", "plain"), ("gradients", "plain"), ("nll", "scaled")]
)
def test_a_step_that_fails_in_one_replica_is_taken_in_none(kind, optimizer, tmp_path):
    printed = run_python(CODE, tmp_path, kind, optimizer, prepared=True)
    term = {"nll": "nll", "gradients": "the gradients"}[kind]
    assert f"step=3, term='{term}'" in printed
