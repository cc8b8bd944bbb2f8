"""What `compile(loss=...)` takes, and models with more than one optimizer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.helpers import run_python
from tests.small import kl, make_hierarchy, make_vae


@keras.saving.register_keras_serializable(package="tests_objectives")
class Balanced(kvae.losses.Objective):
    """nll divided by the number of pixels, and the KL: a user's own objective."""

    def __init__(self, pixels, draws=None):
        super().__init__(draws)
        self.pixels = pixels

    def terms(self, model, inputs, latents, batch):
        likelihood = self.likelihood(model, inputs, latents, batch)
        nll = -likelihood.log_prob(self.target(inputs))
        divergence = latents["z"].kl()
        return [
            kvae.contract.Term("nll_per_pixel", nll / self.pixels),
            kvae.contract.Term("kl", divergence, 0.1),
        ]

    def get_config(self):
        return {**super().get_config(), "pixels": self.pixels}


def test_a_users_objective_trains_is_logged_and_saved(grey, tmp_path):
    vae = make_vae()
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), loss=Balanced(64), metrics=["mse"])
    history = vae.fit(grey, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    logs = vae.evaluate(grey, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "nll_per_pixel", "nll_per_pixel_weight", "kl", "kl_weight", "mse"}
    assert logs["loss"] == pytest.approx(logs["nll_per_pixel"] + 0.1 * logs["kl"], rel=1e-5)

    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert isinstance(again.objective, Balanced)
    assert again.objective.pixels == 64
    assert np.isfinite(again.fit(grey, verbose=0).history["nll_per_pixel"][0])


OF_SEVERAL_DRAWS = [
    kvae.losses.ImportanceWeightedELBO(3),
    kvae.losses.NegativeELBO(draws=3),
    kvae.losses.TrimmedELBO(0.1, draws=3),
]
OF_ONE_GROUP = kvae.losses.ImportanceWeightedELBO(3, "doubly_reparameterized")


@pytest.mark.parametrize(
    ("make", "loss"),
    [
        *((make_vae, loss) for loss in (*OF_SEVERAL_DRAWS, OF_ONE_GROUP)),
        *((make_hierarchy, loss) for loss in OF_SEVERAL_DRAWS),
    ],
)
def test_several_draws_of_a_posterior_that_names_a_point_are_scored_there(make, loss, grey):
    model = make()
    for layer in getattr(model, "posteriors", None) or [model.posterior_layer]:
        layer.convert_to_tensor_fn = "mean"
    one, several = {}, {}
    for logs, objective in ((one, kvae.losses.NegativeELBO()), (several, loss)):
        model.compile("sgd", loss=objective, jit_compile=False, run_eagerly=True)
        logs.update(model.evaluate(grey, verbose=0, return_dict=True))
    assert several["nll"] == pytest.approx(one["nll"], rel=1e-5)


@pytest.mark.parametrize("make", [make_vae, make_hierarchy])
def test_a_call_in_training_draws_whatever_the_posterior_names(make, grey):
    model = make()
    for layer in getattr(model, "posteriors", None) or [model.posterior_layer]:
        layer.convert_to_tensor_fn = "mean"
    first, second = (np.asarray(model(grey, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("loss", ["mse", keras.losses.BinaryCrossentropy(), 3])
def test_a_keras_loss_is_refused(loss):
    with pytest.raises(ValueError, match=r"Expected loss to be a kvae\.losses\.Objective"):
        make_vae().compile(optimizer="adam", loss=loss)


def test_the_default_is_the_negative_elbo():
    vae = make_vae()
    vae.compile(optimizer="adam")
    assert isinstance(vae.objective, kvae.losses.NegativeELBO)
    vae.compile(optimizer="adam", loss="elbo")
    assert isinstance(vae.objective, kvae.losses.NegativeELBO)


@keras.saving.register_keras_serializable(package="tests_objectives")
class Adversarial(kvae.VAE):
    """A VAE with a critic of the latent vector and a second optimizer (FactorVAE in small)."""

    def build(self, input_shape):
        self.critic = keras.Sequential([keras.Input((self.latent_dim,)), keras.layers.Dense(1)])
        self.critic_optimizer = keras.optimizers.SGD(0.1)
        super().build(input_shape)

    def update_groups(self):
        critic = self.critic.trainable_variables
        others = [v for v in self.trainable_variables if all(v is not c for c in critic)]
        return {"model": (self.optimizer, others), "critic": (self.critic_optimizer, critic)}

    def penalties(self, inputs, latents, batch):
        z = latents["z"].value
        shuffled = tf.stack([tf.roll(z[:, 0], 1, 0), z[:, 1]], axis=1)
        real, fake = self.critic(z)[:, 0], self.critic(tf.stop_gradient(shuffled))[:, 0]
        wrong = 0.5 * (
            tf.nn.softplus(-fake) + tf.nn.softplus(self.critic(tf.stop_gradient(z))[:, 0])
        )
        return [
            *super().penalties(inputs, latents, batch),
            kvae.contract.Term("density_ratio", real, 0.5),
            kvae.contract.Term("critic_error", wrong, group="critic"),
        ]


def adversarial():
    likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
    return Adversarial(
        encoder=kvae.networks.mlp_encoder((8, 8, 1), 4, hidden=(16,)),
        posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(), seed=1),
        decoder=kvae.networks.mlp_decoder(2, likelihood.params_shape, hidden=(16,)),
        likelihood=likelihood,
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_each_optimizer_minimizes_its_own_terms(jit_compile, grey):
    keras.utils.set_random_seed(0)
    vae = adversarial()
    vae.compile(optimizer=keras.optimizers.SGD(0.0), jit_compile=jit_compile)
    others = [np.array(v) for v in vae.decoder.trainable_variables]
    history = vae.fit(grey, epochs=10, batch_size=40, verbose=0).history
    assert history["critic_loss"] == pytest.approx(history["critic_error"], rel=1e-6)
    assert history["loss"][0] == pytest.approx(
        history["nll"][0] + history["kl"][0] + 0.5 * history["density_ratio"][0], rel=1e-5
    )
    assert int(vae.critic_optimizer.iterations) == 10
    assert np.abs(np.array(vae.critic.layers[-1].kernel)).max() > 0.0
    for found, expected in zip(vae.decoder.trainable_variables, others, strict=True):
        np.testing.assert_array_equal(found, expected)  # its optimizer has a rate of zero


RESUMED = """
import sys
import numpy as np, keras, kvae
from tests.models.test_objectives import adversarial
path, epochs = sys.argv[1] + "/" + sys.argv[3], int(sys.argv[2])
keras.utils.set_random_seed(0)
vae = adversarial()
vae.critic_optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
vae.compile(optimizer=keras.optimizers.Adam(1e-3), jit_compile=False)
x = np.random.default_rng(0).uniform(size=(40, 8, 8, 1)).astype("float32")
keep = kvae.callbacks.Checkpoint(path)
vae.fit(x, batch_size=8, epochs=epochs, verbose=0, callbacks=[keep])
np.savez(path + str(epochs) + ".npz", *vae.get_weights())
"""


@pytest.mark.slow
def test_a_model_with_two_optimizers_is_resumed_exactly(tmp_path):
    run_python(RESUMED, tmp_path, tmp_path, 4, "whole", prepared=True)
    run_python(RESUMED, tmp_path, tmp_path, 2, "broken", prepared=True)
    run_python(RESUMED, tmp_path, tmp_path, 4, "broken", prepared=True)
    whole, broken = (np.load(tmp_path / f"{name}4.npz") for name in ("whole", "broken"))
    for name in whole:
        np.testing.assert_array_equal(broken[name], whole[name])
