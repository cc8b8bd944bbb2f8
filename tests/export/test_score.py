"""`score` of models whose density or KL needs special functions is exported."""

import keras
import numpy as np
import pytest

import kvae
from tests.small import kl, make_vae

LAYERS = kvae.layers
COUNTS = {"IndependentNegativeBinomial", "IndependentPoisson", "ZeroInflatedNegativeBinomial"}
SHARES = {"IndependentBeta"}


def data(name, rng):
    if name in COUNTS:
        return rng.poisson(4.0, size=(64, 3)).astype("float32")
    if name in SHARES:
        return rng.uniform(size=(64, 3)).astype("float32")
    x = rng.normal(size=(64, 3))
    if name == "PowerSpherical":
        x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x.astype("float32")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, marks=pytest.mark.thorough) for name in sorted(COUNTS | SHARES)),
        "IndependentStudentT",
        "MultivariateNormalTriL",
        pytest.param("PowerSpherical", marks=pytest.mark.thorough),
    ],
)
def test_a_likelihood_with_special_functions_exports_its_score(name, rng, tmp_path):
    keras.utils.set_random_seed(0)
    vae = make_vae((3,), likelihood=getattr(LAYERS, name)(3))
    result = kvae.export.tflite(
        vae, tmp_path / "x.tflite", signatures=("score",), data=data(name, rng)
    )
    assert result.max_error < 1e-5


@pytest.mark.slow
def test_a_posterior_on_the_sphere_exports_its_score(rng, tmp_path):
    """Its KL, of two lgammas and two digammas near 1e4, is 9 nats."""
    keras.utils.set_random_seed(0)
    prior = kvae.priors.UniformSphere(3)
    regularizer = kvae.regularizers.KLDivergenceRegularizer(prior)
    vae = make_vae(
        (3,),
        latent_dim=3,
        posterior=LAYERS.PowerSpherical(3, activity_regularizer=regularizer),
        likelihood=LAYERS.IndependentNormal(3),
    )
    kernel, bias = vae.encoder.layers[-1].get_weights()
    bias[3] = 1e4  # the concentration
    vae.encoder.layers[-1].set_weights([kernel, bias])
    x = rng.normal(size=(64, 3)).astype("float32")
    result = kvae.export.tflite(vae, tmp_path / "x.tflite", signatures=("score",), data=x)
    assert result.max_error < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["IndependentStudentT", "MultivariateNormalTriL"])
def test_a_posterior_with_special_functions_exports_its_score(name, rng, tmp_path):
    keras.utils.set_random_seed(0)
    posterior = getattr(LAYERS, name)(2, activity_regularizer=kl(2))
    vae = make_vae((3,), posterior=posterior, likelihood=LAYERS.IndependentNormal(3))
    x = rng.normal(size=(64, 3)).astype("float32")
    result = kvae.export.tflite(vae, tmp_path / "x.tflite", signatures=("score",), data=x)
    assert result.max_error < 1e-5
