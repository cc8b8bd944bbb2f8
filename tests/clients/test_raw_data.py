"""Raw data in, the same score out: the Python runtime and the SavedModel."""

import numpy as np
import pytest
import tensorflow as tf

from kvae.export import runtime
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


def test_a_stream_of_raw_samples(raw_models):
    made = raw_models["sensor"]
    signal = made.x[:40].reshape(-1, 3)
    starts, nats = runtime.Stream(runtime.Model(made.bundle), hop=64).push(signal)
    np.testing.assert_array_equal(starts, 64 * np.arange(40))
    np.testing.assert_allclose(nats, made.expected[:40], rtol=1e-4)
