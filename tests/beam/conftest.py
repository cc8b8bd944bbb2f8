"""A bundle and rows of digits; without Apache Beam nothing of this folder is collected."""

from importlib.util import find_spec
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import kvae
from tests.small import make_vae

collect_ignore_glob = [] if find_spec("apache_beam") else ["test_*.py"]

SIGNATURES = ("decode", "encode", "reconstruct", "score", "interpolate")


@pytest.fixture(scope="session")
def bulk(digits, tmp_path_factory):
    """A small VAE of 8x8 digits, its bundle with batches of 1 and 64, and 500 rows for it."""
    keras.utils.set_random_seed(0)
    vae = make_vae()
    vae.compile(optimizer=keras.optimizers.Adam(3e-3), jit_compile=False)
    vae.fit(digits[0][:512], epochs=2, verbose=0)
    path = tmp_path_factory.mktemp("bulk") / "bundle"
    kvae.export.bundle(
        vae,
        path,
        data=digits[1],
        presets=("float32",),
        signatures=SIGNATURES,
        batch_sizes=(1, 64),
    )
    return SimpleNamespace(vae=vae, bundle=path, x=digits[0][:500])


def keras_scores(vae, x):
    """Negative ELBO at the posterior's mean and its first term, from what Keras says, in float64.

    nll = -sum x log p + (1 - x) log(1 - p), KL = sum (m^2 + s^2 - 1 - 2 log s) / 2.
    """
    mean, stddev = (np.asarray(part, "float64") for part in vae.encode(x))
    p = np.asarray(vae.decode(mean.astype("float32")), "float64").reshape(len(x), -1)
    flat = x.reshape(len(x), -1).astype("float64")
    nll = -np.sum(flat * np.log(p) + (1.0 - flat) * np.log1p(-p), axis=1)
    kl = 0.5 * np.sum(mean**2 + stddev**2 - 1.0 - 2.0 * np.log(stddev), axis=1)
    return nll + kl, nll
