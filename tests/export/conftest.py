"""Artefacts that several tests read; making one costs seconds."""

import keras
import numpy as np
import pytest

import kvae
from tests.export.families import Hierarchy, make_conditional
from tests.small import SIGNATURES, make_vae


@pytest.fixture(scope="session")
def conv_vae(digits):
    """A convolutional VAE of (8, 8, 1), five latent dimensions, trained for a moment."""
    keras.utils.set_random_seed(0)
    vae = make_vae(latent_dim=5, networks="conv")
    vae.compile(optimizer=keras.optimizers.Adam(3e-3))
    vae.fit(digits[0][:512], epochs=6, verbose=0)
    return vae


@pytest.fixture(scope="session")
def tflite_result(conv_vae, digits, tmp_path_factory):
    """`conv_vae` as one float32 file with every signature."""
    path = tmp_path_factory.mktemp("tflite") / "vae.tflite"
    return kvae.export.tflite(conv_vae, path, signatures=SIGNATURES, data=digits[1])


@pytest.fixture(scope="session")
def saved_model_result(conv_vae, digits, tmp_path_factory):
    """`conv_vae` as a SavedModel with every signature."""
    path = tmp_path_factory.mktemp("served") / "serving" / "1"
    return kvae.export.saved_model(conv_vae, path, data=digits[1])


@pytest.fixture(scope="session")
def conditional():
    """A small conditional model of rows of six numbers."""
    keras.utils.set_random_seed(0)
    return make_conditional()


@pytest.fixture(scope="session")
def hierarchy():
    """A small hierarchy of two latent vectors."""
    keras.utils.set_random_seed(0)
    return Hierarchy()


@pytest.fixture(scope="session")
def binary():
    """Data for it."""
    rng = np.random.default_rng(0)
    return rng.integers(2, size=(40, 6)).astype("float32")
