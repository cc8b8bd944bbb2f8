"""The KL is counted once, as a batch mean, with its weight."""

import keras
import numpy as np
import pytest
import tensorflow_probability as tfp

import kvae
from tests.helpers import relative
from tests.penalties import penalty

tfd = tfp.distributions


def regularizer(size=3, **kwargs):
    return kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(size), **kwargs)


@pytest.fixture
def posterior(rng):
    loc, scale = rng.normal(size=(8, 3)), rng.uniform(0.2, 2.0, size=(8, 3))
    return tfd.MultivariateNormalDiag(loc.astype("float32"), scale.astype("float32"))


def exact(posterior):
    loc, scale = np.asarray(posterior.mean(), "float64"), np.asarray(posterior.stddev(), "float64")
    return 0.5 * np.sum(loc**2 + scale**2 - 1 - 2 * np.log(scale), axis=1)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 4.0])
def test_it_is_the_weighted_batch_mean_of_the_kl(posterior, weight):
    value = penalty(regularizer(weight=weight), posterior, posterior.mean())
    assert float(value) == pytest.approx(weight * exact(posterior).mean(), rel=1e-5)


def test_without_the_closed_form_it_is_taken_at_the_draw(posterior):
    z = posterior.sample(seed=[1, 2])
    value = penalty(regularizer(use_exact_kl=False), posterior, z)
    loc, scale = np.asarray(posterior.mean(), "float64"), np.asarray(posterior.stddev(), "float64")
    z = np.asarray(z, "float64")
    ratio = 0.5 * np.sum(z**2 - ((z - loc) / scale) ** 2 - 2 * np.log(scale), axis=1)
    assert float(value) == pytest.approx(ratio.mean(), rel=1e-5)
    assert float(value) != pytest.approx(exact(posterior).mean(), rel=1e-2)


def test_in_a_functional_model_it_enters_the_loss_once(rng):
    inputs = keras.Input((6,))
    model = keras.Model(
        inputs, kvae.layers.MultivariateNormalDiag(3, activity_regularizer=regularizer())(inputs)
    )
    x = rng.normal(size=(8, 6)).astype("float32")
    model(x)
    assert len(model.losses) == 1
    model.compile("sgd", loss=None)
    loss = model.evaluate(x, verbose=0)
    expected = exact(kvae.layers.MultivariateNormalDiag(3).distribution(x)).mean()
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("posterior", "prior"),
    [
        (kvae.layers.MultivariateNormalDiag, kvae.priors.UniformSphere(3)),
        (kvae.layers.MultivariateNormalTriL, kvae.priors.UniformSphere(3)),
        (kvae.layers.IndependentLaplace, kvae.priors.UniformSphere(3)),
        (kvae.layers.PowerSpherical, kvae.priors.StandardNormal(3)),
        (kvae.layers.PowerSpherical, kvae.priors.GaussianMixture(3)),
        (kvae.layers.PowerSpherical, kvae.priors.Flow(3)),
        (kvae.layers.InverseAutoregressiveFlow, kvae.priors.UniformSphere(3)),
    ],
)
def test_a_sphere_and_a_space_have_no_kl(posterior, prior):
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    layer = posterior(3, activity_regularizer=kl)
    params = np.zeros((2, layer.params_size), "float32")
    with pytest.raises(ValueError, match="Expected posterior and prior on one space"):
        layer(params)
    with pytest.raises(ValueError, match="Expected posterior and prior on one space"):
        # as importance weights need it
        layer.latent(layer.distribution(params), np.ones((2, 3), "float32")).log_ratio()


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf"), "heavy"])
def test_a_weight_is_a_finite_number_of_at_least_zero(weight):
    with pytest.raises(ValueError, match=r"Expected weight .* Received: weight="):
        regularizer(weight=weight)


def test_it_takes_a_tfd_standard_normal_as_tfp_users_pass_it(posterior):
    prior = tfd.Independent(tfd.Normal(np.zeros(3, "float32"), 1.0), 1)
    given = kvae.regularizers.KLDivergenceRegularizer(prior)
    assert relative(penalty(given, posterior, posterior.mean()), exact(posterior).mean()) < 1e-5


def test_get_passes_on_what_keras_knows():
    assert kvae.regularizers.get(None) is None
    mine = regularizer()
    assert kvae.regularizers.get(mine) is mine
    assert isinstance(kvae.regularizers.get("l2"), keras.regularizers.L2)
    config = keras.saving.serialize_keras_object(mine)
    assert isinstance(kvae.regularizers.get(config), kvae.regularizers.KLDivergenceRegularizer)
