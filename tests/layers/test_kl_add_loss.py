import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from tests.helpers import assert_same_in_float32, dtype_policy

layers, prior = kvae.layers, kvae.priors.StandardNormal


def encoder(weight=None, **kwargs):
    """Dense -> KL -> posterior, and the posterior."""
    posterior = layers.MultivariateNormalDiag(2, "mean")
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(posterior.params_size),
            layers.KLDivergenceAddLoss(prior(2), posterior=posterior, weight=weight, **kwargs),
            posterior,
        ]
    )
    return model, posterior


def closed_form(model, x):
    """KL of each example to N(0, I) in NumPy, nats."""
    params = np.asarray(model.layers[0](x), "float64")
    loc, scale = params[:, :2], np.log1p(np.exp(params[:, 2:]))
    return 0.5 * np.sum(loc**2 + scale**2 - 1 - 2 * np.log(scale), axis=-1)


@pytest.mark.parametrize("batch", [1, 16, 64])
@pytest.mark.parametrize("weight", [None, 0.5])
def test_loss_is_the_batch_mean_of_the_kl_counted_once(batch, weight, rng):
    model, _ = encoder(weight)
    x = rng.normal(size=(batch, 3)).astype("float32")
    model.compile("sgd", loss=keras.losses.MeanSquaredError())
    target = model.predict(x, verbose=0)  # the posterior's mean: no reconstruction loss
    reported = model.evaluate(x, target, batch_size=batch, verbose=0)
    expected = (1.0 if weight is None else weight) * closed_form(model, x).mean()
    assert reported == pytest.approx(expected, rel=1e-5)


def test_it_returns_its_input(rng):
    _, posterior = encoder()
    layer = layers.KLDivergenceAddLoss(prior(2), posterior=posterior)
    params = rng.normal(size=(5, 4)).astype("float32")
    np.testing.assert_array_equal(layer(params), params)
    assert layer.compute_output_shape((None, 4)) == (None, 4)


def test_tfps_arguments_are_taken_in_tfps_order():
    tfd = tfp.distributions
    normal = tfd.MultivariateNormalDiag(tf.zeros(2))
    posterior = layers.MultivariateNormalDiag(2)
    arguments = (normal, False, 0, tf.convert_to_tensor, 2.0)
    tfp.layers.KLDivergenceAddLoss(*arguments)  # TFP takes them as well
    layer = layers.KLDivergenceAddLoss(*arguments, posterior=posterior)
    assert isinstance(layer.regularizer.prior, prior)
    assert not layer.regularizer.use_exact_kl
    assert layer.regularizer.weight == 2.0
    keyword = layers.KLDivergenceAddLoss(distribution_b=normal, posterior=posterior)
    assert keyword.regularizer.prior.event_shape == (2,)


def test_without_a_closed_form_it_draws_its_own_test_points(rng):
    model, _ = encoder(use_exact_kl=False)
    x = rng.normal(size=(1, 3)).astype("float32")
    many = np.tile(x, (200_000, 1))
    model(many)
    # One draw each: the standard error is about the KL's own size over sqrt(200,000).
    assert float(sum(model.losses)) == pytest.approx(closed_form(model, x)[0], rel=0.02)


def test_a_posterior_whose_draws_carry_no_gradient_is_refused_in_training():
    layer = layers.KLDivergenceAddLoss(prior(2), posterior=layers.MixtureNormal(3, 2))
    params = tf.zeros((4, 15))
    layer(params)
    with pytest.raises(ValueError, match="MixtureNormal or MixtureLogistic with reparameterize"):
        layer(params, training=True)


def test_the_test_points_are_the_layers_own_draws():
    """Those of TFP overflow here: some of 500 are NaN."""
    mixture = layers.MixtureNormal(3, 2, reparameterize=True)
    layer = layers.KLDivergenceAddLoss(prior(2), posterior=mixture)
    params = np.random.default_rng(0).uniform(-1e4, 1e4, (500, 15)).astype("float32")
    layer(params)
    assert np.isfinite(float(sum(layer.losses)))


def test_masked_examples_do_not_count(rng):
    posterior = layers.MultivariateNormalDiag(2)
    layer = layers.KLDivergenceAddLoss(prior(2), posterior=posterior)
    params = rng.normal(size=(4, 4)).astype("float32")
    layer(params, mask=np.array([True, False, True, False]))
    masked = float(layer.losses[0])
    layer(params[::2])
    assert masked == pytest.approx(float(layer.losses[0]), rel=1e-6)


@pytest.mark.parametrize("arguments", [{}, {"posterior": None}, {"posterior": "posterior"}])
def test_a_missing_posterior_is_named(arguments):
    with pytest.raises(ValueError, match="Expected posterior to be the kvae distribution layer"):
        layers.KLDivergenceAddLoss(prior(2), **arguments)


def test_a_posterior_with_a_penalty_of_its_own_would_count_it_twice():
    kl = kvae.regularizers.KLDivergenceRegularizer(prior(2))
    posterior = layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    with pytest.raises(ValueError, match="count twice"):
        layers.KLDivergenceAddLoss(prior(2), posterior=posterior)


def test_a_posterior_with_weights_is_refused_in_one_sentence():
    """A copy of the layer would compute the KL of a second posterior, which nobody trains."""
    with pytest.raises(ValueError, match=r"Expected posterior without weights: .*Autoregressive"):
        layers.KLDivergenceAddLoss(prior(2), posterior=layers.InverseAutoregressiveFlow(2))


def test_a_clone_adds_the_kl_of_its_own_parameters(rng):
    model, _ = encoder()
    clone = keras.models.clone_model(model)
    x = rng.normal(size=(16, 3)).astype("float32")
    clone(x)
    assert float(sum(clone.losses)) == pytest.approx(closed_form(clone, x).mean(), rel=1e-5)
    assert len(clone.variables) == len(model.variables)


def test_a_loaded_model_has_the_same_variables_and_gives_the_same_loss(tmp_path, rng):
    model, _ = encoder(0.5)
    x = rng.normal(size=(8, 3)).astype("float32")
    model(x)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    loaded(x)
    assert [v.shape for v in loaded.variables] == [v.shape for v in model.variables]
    assert_same_in_float32(sum(loaded.losses), sum(model.losses))


def test_a_schedule_counts_the_training_steps(rng):
    warm_up = kvae.regularizers.schedules.Linear(4)
    model, _ = encoder(warm_up)
    x = rng.normal(size=(8, 3)).astype("float32")
    said = []
    for _ in range(3):
        model(x, training=True)
        said.append(float(sum(model.losses)))
    kl = closed_form(model, x).mean()
    expected = [float(warm_up(tf.constant(step))) * kl for step in range(3)]
    np.testing.assert_allclose(said, expected, rtol=1e-5)


def test_a_shared_layer_counts_each_step_once_and_takes_masks_of_steps():
    posterior = layers.IndependentNormal((3, 2))
    weight = kvae.regularizers.schedules.Linear(4)
    layer = layers.KLDivergenceAddLoss(prior((3, 2)), posterior=posterior, weight=weight)
    inputs = keras.Input((3,), dtype="int32")
    params = keras.layers.Embedding(5, 4, mask_zero=True)(inputs)
    model = keras.Model(inputs, [layer(params), layer(params)])
    model.compile("adam", loss=None)
    x = np.array([[1, 2, 0], [0, 0, 0], [3, 0, 0]])
    model.fit(np.tile(x, (2, 1)), batch_size=3, verbose=0)
    assert int(layer.training_step) == 2
    packed = model(x, training=True)[0]
    kl = posterior.distribution(packed).kl_divergence(prior((3, 2)).distribution())
    np.testing.assert_allclose(layer.losses, [0.5 * np.mean([kl[0], kl[2]])] * 2, rtol=1e-5)


def test_it_trains_in_float64(rng):
    x = rng.normal(size=(16, 3))
    keras.config.set_floatx("float64")
    try:
        with dtype_policy("float64"):
            model, _ = encoder()
            model.compile("sgd", loss=keras.losses.MeanSquaredError())
            loss = model.fit(x, np.zeros((16, 2)), verbose=0).history["loss"]
            assert model.layers[1].losses[0].dtype == "float64"
    finally:
        keras.config.set_floatx("float32")
    assert np.isfinite(loss).all()
