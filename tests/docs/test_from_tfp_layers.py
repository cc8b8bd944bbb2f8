"""The code of docs/from_tfp_layers.md runs from top to bottom and does what the page says."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import kvae

PAGE = Path(__file__).parents[2] / "docs" / "from_tfp_layers.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)

# What tfp.layers offers and kvae has under the same name.
FAMILY = {
    name
    for name in dir(tfp.layers)
    if isinstance(getattr(tfp.layers, name), type)
    and issubclass(getattr(tfp.layers, name), tfp.layers.DistributionLambda)
}


@pytest.fixture(scope="module")
def page():
    """The names that the page's code leaves behind."""
    assert len(BLOCKS) >= 8
    namespace = {"__name__": "from_tfp_layers"}
    exec(compile("\n".join(BLOCKS), str(PAGE), "exec"), namespace)
    return namespace


@pytest.mark.slow
def test_the_mixture_density_networks_have_the_same_parameters(page):
    """The page says that both train alike from the same weights."""
    model, old_model, x, y = (page[name] for name in ("model", "old_model", "x", "y"))
    model.set_weights(old_model.get_weights())
    nll = model.evaluate(x, y, batch_size=100, verbose=0)
    assert nll == pytest.approx(old_model.evaluate(x, y, batch_size=100, verbose=0), rel=1e-5)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss=model.loss)
    old_model.compile(optimizer=tf_keras.optimizers.Adam(0.02), loss=old_model.loss)
    for each in (model, old_model):
        each.fit(x, y, batch_size=100, epochs=2, shuffle=False, verbose=0)
    trained = model.evaluate(x, y, verbose=0)
    assert trained < nll - 0.1
    # Float32 may add in another order, and at this rate a training is chaotic: after 50 steps
    # rounding made differences of up to 3e-3, after 75 steps of 0.07.
    assert trained == pytest.approx(old_model.evaluate(x, y, verbose=0), rel=1e-5)


@pytest.mark.slow
def test_the_variational_autoencoders_reach_the_same_loss_at_the_same_beta(page):
    new, old, images = page["functional"], page["old_vae"], page["images"]
    page["encoder"].set_weights(page["old_encoder"].get_weights())
    page["decoder"].set_weights(page["old_decoder"].get_weights())
    new.compile(optimizer=keras.optimizers.Adam(3e-3), loss=new.loss)
    old.compile(optimizer=tf_keras.optimizers.Adam(3e-3), loss=old.loss)
    before = new.evaluate(images, images, verbose=0)
    for each in (new, old):
        each.fit(images, images, epochs=8, verbose=0)
    ours, theirs = (each.evaluate(images, images, verbose=0) for each in (new, old))
    assert ours < before - 2.0  # nats
    # Other draws of z and another order of the batches: half a nat of about thirty.
    assert ours == pytest.approx(theirs, abs=0.5)


@pytest.mark.slow
def test_the_lines_that_load_weights_make_both_decoders_and_posteriors_equal(page):
    (lines,) = (block for block in BLOCKS if "vae.encoder.set_weights" in block)
    exec(lines, page)
    vae, images = page["vae"], page["images"][:16]
    q = page["old_encoder"](images)
    found = vae.posterior(images)
    np.testing.assert_allclose(found.mean(), q.mean(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.covariance(), q.covariance(), rtol=1e-4, atol=1e-5)
    z = tf.random.normal((16, page["latent_dim"]))
    np.testing.assert_allclose(vae.decode(z), page["old_decoder"](z).mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_old_vae_reports_twice_the_kl_and_the_new_one_its_weight(page):
    """The numbers that "What changes in the loss" rests on."""
    images = page["images"][:32]
    kl = tf.reduce_mean(tfp.distributions.kl_divergence(page["old_encoder"](images), page["prior"]))
    old = _losses(page["old_vae"], images)
    assert float(tf.add_n(old)) == pytest.approx(2 * float(kl), rel=1e-5)
    page["encoder"].set_weights(page["old_encoder"].get_weights())
    (new,) = _losses(page["functional"], images)
    assert float(new) == pytest.approx(2.0 * float(kl), rel=1e-5)  # its weight is 2


def _losses(model, images):
    model(images)
    return model.losses


@pytest.mark.slow
def test_what_the_page_makes_is_what_it_says(page):
    assert isinstance(page["density"], tfp.distributions.MixtureSameFamily)
    assert isinstance(page["q"], tfp.distributions.MultivariateNormalTriL)
    assert page["waiting_time"].event_shape == ()
    assert page["kl"].test_points_fn is page["ten_draws"]


@pytest.mark.parametrize("name", sorted(FAMILY))
def test_every_distribution_layer_of_tfp_is_named_on_the_page_and_offered(name):
    assert f"`{name}`" in TEXT
    absent = TEXT.split("## What is not there")[1]
    assert hasattr(kvae.layers, name) != (f"`{name}`" in absent.split("- Distributions")[0])


def test_every_kvae_name_on_the_page_exists():
    names = set(re.findall(r"kvae\.(\w+(?:\.\w+)*)", TEXT)) - {"layers.X"}
    assert len(names) > 15
    for name in names:
        value = kvae
        for part in name.split("."):
            value = getattr(value, part)


# -- the table of what is refused ----------------------------------------------------------------

REFUSALS = re.search(r"## What is refused.*?(?=\n## )", TEXT, re.DOTALL).group()
ROWS = [line.split(" | ")[0].removeprefix("| ") for line in REFUSALS.splitlines()[4:] if line]
PRIOR = kvae.priors.StandardNormal(2)
NUMBER = tf.Variable(0.5)


@keras.saving.register_keras_serializable(package="test_refusals")
def around_a_variable(params):
    return tfp.distributions.Normal(params[..., 0], tf.nn.softplus(NUMBER))


def kl(prior=PRIOR, **kwargs):
    return kvae.regularizers.KLDivergenceRegularizer(prior, **kwargs)


def a_layer_of_tf_keras_after_kvaes():
    layer = kvae.layers.IndependentNormal(2)
    return tf_keras.layers.Dense(1)(layer(keras.Input((4,))))


# Row by row: the old code as it is written here, and what the error says.
REFUSED = {
    "`convert_to_tensor_fn=lambda s: s.mean() + 0.1 * s.stddev()`": (
        lambda: kvae.layers.IndependentNormal(2, lambda s: s.mean() + 0.1 * s.stddev()),
        "Expected convert_to_tensor_fn to be one of sample, mean",
    ),
    "`convert_to_tensor_fn=lambda s: s.sample(10)`": (
        lambda: kvae.layers.IndependentNormal(2, lambda s: s.sample(10)),
        "Expected convert_to_tensor_fn to be one of sample, mean",
    ),
    '`convert_to_tensor_fn="mode"` on a mixture': (
        lambda: kvae.layers.MixtureNormal(2, 1, "mode"),
        "Expected convert_to_tensor_fn to be one of sample, mean",
    ),
    "`DistributionLambda(lambda t: ...)`": (
        lambda: kvae.layers.DistributionLambda(lambda t: tfp.distributions.Normal(t, 1.0)),
        "Expected make_distribution_fn to be a function registered with Keras",
    ),
    "a variable or a network in the closure of `DistributionLambda`": (
        lambda: kvae.layers.DistributionLambda(around_a_variable, params_shape=1),
        "Expected make_distribution_fn to depend on its params alone",
    ),
    "`test_points_fn=lambda d: d.sample(10)`": (
        lambda: kl(test_points_fn=lambda d: d.sample(10)),
        "function registered with Keras",
    ),
    "a function, a `tf_keras.Model` or another `tfd` distribution as `distribution_b`": (
        lambda: kl(tfp.distributions.MultivariateNormalDiag([1.0, 0.0])),
        "Expected a kvae prior",
    ),
    "a `tfd` distribution with variables as `distribution_b`": (
        lambda: kl(tfp.distributions.MultivariateNormalDiag(tf.Variable(tf.zeros(2)))),
        "Expected a prior without variables",
    ),
    "a `tf.Variable` as `weight`, moved by a callback": (
        lambda: kl(weight=tf.Variable(0.5)),
        "would be read only once",
    ),
    "a likelihood with weights in the loss": (
        lambda: kvae.losses.NegativeLogLikelihood(kvae.layers.InverseAutoregressiveFlow(2)),
        "Expected a likelihood without weights",
    ),
    "`KLDivergenceAddLoss(prior)` after the posterior": (
        lambda: kvae.layers.KLDivergenceAddLoss(PRIOR),
        "Expected posterior to be the kvae distribution layer",
    ),
    "`tf_keras.layers` around kvae's layers, or `keras.layers` around TFP's": (
        a_layer_of_tf_keras_after_kvaes,
        "",  # an error of tf_keras, whatever it says
    ),
}


def test_every_row_of_the_table_is_tried():
    assert list(REFUSED) == ROWS


@pytest.mark.parametrize("row", REFUSED)
def test_what_the_table_lists_is_refused(row):
    old_code, message = REFUSED[row]
    error = ValueError if message else (AttributeError, TypeError, ValueError)
    with pytest.raises(error) as raised:
        old_code()
    assert message in str(raised.value)


def test_other_priors_of_the_row_are_refused():
    for other in (lambda z: z, tf_keras.Sequential([tf_keras.layers.Dense(2)])):
        with pytest.raises(ValueError, match="Expected a kvae prior"):
            kl(other)
