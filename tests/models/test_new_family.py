"""A family that kvae does not have, in one file: a hierarchy of two latent vectors.

p(z2) is a standard normal, p(z1|z2) a normal whose moments a network computes from z2; the encoder
reads x for both, top-down: q(z2|x), q(z1|x, z2).
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import kvae
from kvae.contract import InputSpec, LatentSpec, Signature
from kvae.contract.closed_form import kl_divergence
from kvae.export.verification import litert
from tests.small import kl

FEATURES, TOP, BOTTOM = 6, 2, 3


@keras.saving.register_keras_serializable(package="tests_new_family")
class ConditionalNormal(kvae.priors.Prior):
    """A normal whose moments a dense layer computes from the condition."""

    def __init__(self, event_shape, condition_dim, **kwargs):
        super().__init__(event_shape, **kwargs)
        self.condition_dim = condition_dim

    def build(self, input_shape=None):
        self.dense = keras.layers.Dense(2 * self.latent_dim)
        self.dense.build((None, self.condition_dim))
        super().build(input_shape)

    def moments(self, condition):
        loc, raw = tf.split(self.dense(condition), 2, axis=-1)
        return loc, tf.math.softplus(raw) + 1e-3

    def make_distribution(self, condition=None):
        return tfd.MultivariateNormalDiag(*self.moments(condition))

    def from_normal(self, normal, condition=None):
        loc, scale = self.moments(condition)
        return loc + scale * normal

    def get_config(self):
        return {**super().get_config(), "condition_dim": self.condition_dim}


@keras.saving.register_keras_serializable(package="tests_new_family")
class Ladder(kvae.models.LatentModel):
    """Two latent vectors, z2 above z1."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        dense, normal = keras.layers.Dense, kvae.layers.MultivariateNormalDiag
        below = ConditionalNormal(BOTTOM, TOP)
        self.top = normal(TOP, activity_regularizer=kl(TOP))
        self.bottom = normal(
            BOTTOM,
            activity_regularizer=kvae.regularizers.FreeBits(below, 0.05, groups=1),
        )
        self.likelihood_layer = kvae.layers.IndependentBernoulli(FEATURES)
        self.to_top, self.to_bottom = dense(2 * TOP), dense(2 * BOTTOM)
        self.decoder = dense(FEATURES)
        self.build((None, FEATURES))

    def build(self, input_shape):
        self.to_top.build((None, FEATURES))
        self.to_bottom.build((None, FEATURES + TOP))
        self.decoder.build((None, TOP + BOTTOM))
        self.top.build((None, 2 * TOP))
        self.bottom.build((None, 2 * BOTTOM))
        self.built = True

    def input_specs(self):
        domain = self.likelihood_layer.domain
        return {
            "x": InputSpec((FEATURES,)),
            "target": InputSpec((FEATURES,), domain=domain, required=False),
        }

    def latent_specs(self):
        return {
            "z2": LatentSpec((TOP,), "gaussian", TOP),
            "z1": LatentSpec((BOTTOM,), "gaussian", BOTTOM),
        }

    def regularizers(self):
        return {"z2": self.top.regularizer, "z1": self.bottom.regularizer}

    def infer(self, inputs, seed, draws=None, training=False):
        seeds = [None, None] if seed is None else tf.unstack(tf.random.split(seed, 2))
        q2 = self.top.distribution(self.to_top(inputs["x"]))
        z2 = self.top.point(q2) if seed is None else self.top.draw(q2, seeds[0])
        q1 = self.bottom.distribution(self.to_bottom(tf.concat([inputs["x"], z2], -1)))
        z1 = self.bottom.point(q1) if seed is None else self.bottom.draw(q1, seeds[1])
        return {"z2": self.top.latent(q2, z2), "z1": self.bottom.latent(q1, z1, condition=z2)}

    def draw_prior(self, normals, condition=None):
        z2, noise = normals[:, :TOP], normals[:, TOP:]
        below = self.bottom.regularizer.kl_part.prior
        return {"z2": z2, "z1": below.from_normal(noise, z2)}

    def generate(self, latents, condition=None, training=False):
        params = self.decoder(tf.concat([latents["z2"], latents["z1"]], -1))
        return kvae.layers.Likelihood(self.likelihood_layer, params, training)

    def signatures(self):
        functions = self.tensor_functions()
        return [
            Signature("score", {"x": ((FEATURES,), tf.float32)}, functions["score"]),
            Signature("reconstruct", {"x": ((FEATURES,), tf.float32)}, functions["reconstruct"]),
            Signature("sample", {"seed": ((2,), tf.int32)}, functions["sample"]),
        ]


@keras.saving.register_keras_serializable(package="tests_new_family")
class OnlyX(Ladder):
    """One that names no target: x is its own."""

    def input_specs(self):
        return {"x": InputSpec((FEATURES,), domain=self.likelihood_layer.domain)}


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return (rng.uniform(size=(64, 1)) > rng.uniform(size=(64, FEATURES))).astype("float32")


@pytest.fixture(scope="module")
def trained(x):
    keras.utils.set_random_seed(0)
    model = Ladder()
    model.compile(optimizer=keras.optimizers.Adam(1e-2))
    history = model.fit(x, batch_size=16, epochs=12, verbose=0).history
    return model, history


def test_it_trains_and_logs_a_kl_for_each_group(trained):
    _, history = trained
    assert history["loss"][-1] < history["loss"][0]
    assert {"nll", "z2_kl", "z1_free_bits", "kl", "elbo", "z2_kl_weight"} <= history.keys()


def test_a_family_that_names_no_target_trains_and_is_evaluated(x):
    model = OnlyX()
    model.compile(optimizer="adam", metrics=["mse"], run_eagerly=True)
    logs = model.fit(x, batch_size=32, verbose=0, validation_data=x).history
    assert np.isfinite(logs["loss"] + logs["mse"] + logs["val_elbo"]).all()


def test_its_loss_is_the_sum_of_its_terms(trained, x):
    logs = trained[0].evaluate(x, verbose=0, return_dict=True, seed=0)
    weighted = [n for n in logs if f"{n}_weight" in logs]
    total = logs["nll"] + sum(logs[f"{n}_weight"] * logs[n] for n in weighted)
    assert logs["loss"] == pytest.approx(total, rel=1e-5)
    assert logs["elbo"] == pytest.approx(-(logs["nll"] + logs["kl"]), rel=1e-5)


def test_its_score_is_nll_plus_both_kls(trained, x):
    model, _ = trained
    latents = model.infer({"x": tf.constant(x)}, None)
    logits = model.generate({name: latent.value for name, latent in latents.items()}).params
    logits = np.asarray(logits, "float64")
    nll = np.sum(np.logaddexp(0.0, logits) - x * logits, axis=1)
    prior = model.bottom.regularizer.kl_part.prior.distribution(latents["z2"].value)
    kl1 = tfd.kl_divergence(latents["z1"].posterior, prior)
    kl2 = kl_divergence(latents["z2"].posterior, tfd.MultivariateNormalDiag(tf.zeros(TOP)))
    np.testing.assert_allclose(model.score(x), nll + kl1 + kl2, rtol=1e-4)


def test_it_is_saved_and_goes_on(trained, x, tmp_path):
    model, _ = trained
    model.save(tmp_path / "ladder.keras")
    again = keras.saving.load_model(tmp_path / "ladder.keras")
    np.testing.assert_allclose(again.score(x), model.score(x), rtol=1e-6)
    assert np.isfinite(again.fit(x, verbose=0).history["loss"][0])


def test_it_samples_row_by_row(trained):
    model, _ = trained
    np.testing.assert_allclose(model.sample(5, seed=1)[:2], model.sample(2, seed=1), atol=1e-6)


def test_it_is_exported_and_compared_with_its_array_methods(trained, x, tmp_path):
    """Without a line in the exporter: the file's bytes are run in a process of their own."""
    model, _ = trained
    names = [signature.name for signature in model.signatures()]
    result = kvae.export.tflite(model, tmp_path / "x.tflite", signatures=names, data=x)
    assert sorted(result.measured) == ["reconstruct", "sample", "score"]
    assert result.max_error < 1e-5
    found = litert.run_interpreter(result.path, "score", {"x": x})["score"]
    np.testing.assert_allclose(found, model.score(x), rtol=1e-5)
    draws = {"seed": np.array([[0, 7], [1, 7]], "int32")}
    found = litert.run_interpreter(result.path, "sample", draws)["mean"]
    np.testing.assert_allclose(found, model.sample(2, seed=7), atol=1e-4)


def test_analyses_of_one_vector_refuse_it_in_one_sentence(trained, x):
    for analyse in (kvae.diagnose, kvae.evaluation.latent_axes):
        with pytest.raises(ValueError, match=r"one latent vector.*z2 \(2,\), z1 \(3,\)") as error:
            analyse(trained[0], x)
        assert str(error.value).count(". ") <= 1, "what is expected, and what was received"
