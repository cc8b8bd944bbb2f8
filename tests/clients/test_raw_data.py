"""Raw data in, the same score out: the Python runtime, the SavedModel and ONNX Runtime."""

import importlib.util

import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.export import runtime
from kvae.export.verification import onnx_runtime
from tests.clients.needed import need
from tests.clients.raw_models import RAW_MODELS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", RAW_MODELS)
def test_the_python_runtime(raw_models, kind):
    made = raw_models[kind]
    made.check(runtime.Model(made.bundle).score(made.x))


@pytest.mark.parametrize("kind", RAW_MODELS)
def test_the_saved_model(raw_models, kind):
    made = raw_models[kind]
    score = tf.saved_model.load(str(made.served)).signatures["score"]
    made.check(score(x=tf.constant(made.x))["score"])


@pytest.mark.parametrize("kind", RAW_MODELS)
def test_onnx_runtime(raw_models, kind, tmp_path):
    made = raw_models[kind]
    install = "Run: pip install tf2onnx onnxruntime"
    need(importlib.util.find_spec("tf2onnx"), "tf2onnx", install)
    need(importlib.util.find_spec("onnxruntime"), "ONNX Runtime", install)
    import onnxruntime

    path = tmp_path / "score.onnx"
    kvae.export.onnx(made.vae, path, signature="score", data=made.x[:64])
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    made.check(onnx_runtime.run(session, {"x": made.x})["score"])


def test_a_stream_of_raw_samples(raw_models):
    made = raw_models["sensor"]
    signal = made.x[:40].reshape(-1, 3)
    starts, nats = runtime.Stream(runtime.Model(made.bundle), hop=64).push(signal)
    np.testing.assert_array_equal(starts, 64 * np.arange(40))
    np.testing.assert_allclose(nats, made.expected[:40], rtol=1e-4)
