"""One bundle that all clients run."""

from types import SimpleNamespace

import keras
import pytest

import kvae
from kvae.export import runtime
from tests.clients.raw_models import RAW_MODELS, make_raw_model
from tests.conformance.cases.quantized import make_quantized
from tests.export.families import examples, make_conditional
from tests.small import make_vae


@pytest.fixture(scope="session")
def client_bundle(tmp_path_factory, digits):
    """A bundle of a small convolutional VAE, trained for a moment, with its golden vectors.

    `inputs` and `expected` (what Keras says) hold arrays (rows, ...) by signature and name.
    """
    keras.utils.set_random_seed(0)
    vae = make_vae(latent_dim=5, networks="conv")
    vae.compile(optimizer=keras.optimizers.Adam(3e-3))
    vae.fit(digits[0][:512], epochs=2, verbose=0)
    path = tmp_path_factory.mktemp("clients") / "bundle"
    kvae.export.bundle(vae, path, data=digits[1])
    return opened(path)


@pytest.fixture(scope="session")
def conditional_bundle(tmp_path_factory):
    """A bundle of a conditional model, see `client_bundle`; `vae` is the model."""
    keras.utils.set_random_seed(0)
    vae = make_conditional((8, 8, 1))
    path, data = tmp_path_factory.mktemp("conditional") / "bundle", examples(64, (8, 8, 1))
    kvae.export.bundle(vae, path, data=data, presets=["float32"], measure=False)
    return opened(path, vae=vae)


@pytest.fixture(scope="session")
def code_bundle(tmp_path_factory):
    """A bundle of a model whose latent variables are codes below 6, see `client_bundle`."""
    keras.utils.set_random_seed(0)
    vae = make_quantized()
    path, x = tmp_path_factory.mktemp("codes") / "bundle", examples(64, (8, 8, 1))["x"]
    kvae.export.bundle(vae, path, data=x, presets=["float32"], measure=False)
    return opened(path, vae=vae)


def opened(path, **more):
    """Return a bundle with its float32 model and its golden vectors."""
    decoder = runtime.Model(path, preset="float32")
    golden = {"inputs": {}, "expected": {}}
    for key, value in decoder.golden().items():
        side, signature, name = key.split("/")
        golden[side].setdefault(signature, {})[name] = value
    return SimpleNamespace(path=path, decoder=decoder, **golden, **more)


@pytest.fixture(scope="session")
def raw_models(tmp_path_factory):
    """Models of raw data by kind, see `tests/clients/raw_models.py`."""
    return {kind: make_raw_model(kind, tmp_path_factory.mktemp(kind)) for kind in RAW_MODELS}
