"""Executions of several replicas: whatever the data and the step are, those of one replica."""

import json

import pytest

from tests.helpers import run_python

# Two replicas in one process, batches of uneven parts, against one replica.
CODE = """
import json
import keras, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import kvae
from tests.conformance.cases.quantized import make_quantized
from tests.small import make_vae, narrow

class OwnStep(kvae.VAE):
    def train_step(self, data):
        logs = super().train_step(data)
        return {"doubled": 2.0 * logs["loss"], **logs}

def own_step(**arguments):
    vae = make_vae(**arguments)
    return OwnStep(vae.encoder, vae.posterior_layer, vae.decoder, vae.likelihood_layer)

def codes(**arguments):
    return make_quantized(kvae.layers.VectorQuantizer(6, 3, restart=0.0))

def decayed(**arguments):
    vae = make_vae(**arguments)
    size = vae.posterior_layer.params_size
    dense = keras.layers.Dense(size, kernel_regularizer="l2", name="encoder_params")
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), dense])
    return kvae.VAE(encoder, vae.posterior_layer, vae.decoder, vae.likelihood_layer)

x = np.random.default_rng(0).uniform(size=(27, 8, 8, 1)).astype("float32")
np.save("x.npy", x)
stream = tf.data.Dataset.from_tensor_slices((x,)).batch(8)
mapped = np.load("x.npy", mmap_mode="r")
CASES = {
    "arrays": (make_vae, x, {}),
    "chosen": (make_vae, np.concatenate([x] * 6), {}),
    "eager": (make_vae, x, {"run_eagerly": True}),
    "file": (make_vae, mapped, {"steps_per_execution": 3}),
    "stream": (make_vae, stream, {"steps_per_execution": 3}),
    "codes": (codes, x, {}),
    "decayed": (decayed, x, {}),
    "own step": (own_step, x, {"steps_per_execution": 3}),
}
mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
found = {}
for name, (make, data, settings) in CASES.items():
    found[name] = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        keras.utils.set_random_seed(5)
        with strategy.scope():
            vae = make() if make is codes else narrow(make())
            vae.compile(optimizer="sgd", metrics=["mse"], **{"jit_compile": False, **settings})
        sizes = {} if name == "stream" else {"batch_size": 8}
        class Count(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                steps.append(self.model.steps_per_execution)
        steps = []
        logs = vae.fit(
            data, epochs=2, shuffle=False, verbose=0, validation_data=x[:9],
            callbacks=[Count()], **sizes
        ).history
        logs.update(evaluated=[vae.evaluate(x, verbose=0)[0]], steps=steps)
        logs.update(predicted=[len(vae.predict_on_batch(x[:7]))])
        found[name].append({key: np.mean(value).item() for key, value in logs.items()})
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_replicas_train_as_one(tmp_path):
    found = json.loads(run_python(CODE, tmp_path, prepared=True).splitlines()[-1])
    for name, (alone, mirrored) in found.items():
        assert {"loss", "mse", "val_loss", "val_mse", "evaluated"} <= alone.keys(), name
        if name == "own step":  # its logs are means of what the replicas report
            assert mirrored["doubled"] == pytest.approx(2.0 * mirrored["loss"], rel=1e-6)
            alone = {key: alone[key] for key in ("val_loss", "val_mse", "evaluated")}
            mirrored = {key: mirrored[key] for key in alone}
        assert mirrored == pytest.approx(alone, rel=1e-5), name
    assert found["chosen"][1]["steps"] == 2, "as in a single process"
