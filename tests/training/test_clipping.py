"""Clipping acts on the gradient of the global batch, however many replicas share it."""

import json

import pytest

from tests.helpers import run_python

# Two replicas in one process, the last batch of uneven parts, against one replica.
CODE = """
import json, sys
import keras, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from tests.small import make_vae, narrow

x = np.random.default_rng(0).uniform(size=(27, 8, 8, 1)).astype("float32")
mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
found = {}
for name, clip in json.loads(sys.argv[1]).items():
    ended = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        keras.utils.set_random_seed(5)
        with strategy.scope():
            vae = narrow(make_vae())
            vae.compile(optimizer=keras.optimizers.SGD(0.05, **clip), jit_compile=False)
        vae.fit(x, batch_size=8, epochs=3, shuffle=False, verbose=0)
        ended.append(np.concatenate([np.ravel(w) for w in vae.trainable_variables]))
    found[name] = [float(np.abs(ended[0] - ended[1]).max()), ended[0].tolist()]
print(json.dumps(found))
"""
ACCUMULATING = """
import keras, numpy as np
from tests.models.replicas import two_replicas
from tests.small import make_vae

with two_replicas().scope():
    vae = make_vae((6,), 2)
    vae.compile(keras.optimizers.SGD(0.05, gradient_accumulation_steps=2), jit_compile=False)
try:
    vae.fit(np.zeros((8, 6), "float32"), batch_size=4, verbose=0)
except ValueError as error:
    print(error)
"""
CLIPS = {
    "none": {},
    "clipnorm": {"clipnorm": 0.05},
    "global_clipnorm": {"global_clipnorm": 0.1},
    "clipvalue": {"clipvalue": 0.01},
}


@pytest.mark.slow
def test_two_replicas_clip_as_one(tmp_path):
    printed = run_python(CODE, tmp_path, json.dumps(CLIPS), prepared=True)
    found = json.loads(printed.splitlines()[-1])
    for name, (difference, weights) in found.items():
        assert difference < 1e-5, name
        if name != "none":
            assert weights != found["none"][1], "the bound is reached"


@pytest.mark.slow
def test_accumulated_gradients_are_refused_on_several_replicas(tmp_path):
    printed = run_python(ACCUMULATING, tmp_path, prepared=True)
    assert "Expected an optimizer without gradient_accumulation_steps" in printed
    assert "Received: SGD with gradient_accumulation_steps=2" in printed
