"""Training stops at the first non-finite loss and keeps the state before it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.callbacks import NonFiniteError, StopOnNonFinite
from kvae.training.execution import batches_between
from tests.small import make_vae

BATCH, BAD = 8, 3  # the third step fails
X = np.random.default_rng(2).uniform(0.0, 0.9, (6 * BATCH, 8, 8, 1)).astype("float32")
X[BATCH * (BAD - 1) + 2, 0, 0, 0] = 1.0  # marks the example whose loss is not finite


class Marked:
    """The likelihood of an IndependentBernoulli; marked examples have a NaN where `kind` says."""

    def __init__(self, inner, params, kind):
        self.inner, self.params, self.kind, self.dtype = inner, params, kind, inner.dtype

    def log_prob(self, x):
        value, marked = self.inner.log_prob(x), x[:, 0, 0, 0] > 0.99
        if self.kind == "nll":
            return tf.where(marked, -np.inf, value)

        @tf.custom_gradient
        def poisoned(value):
            return value, lambda upstream: tf.where(marked, np.nan, upstream)

        return poisoned(value)


def new_vae(kind="nll", **arguments):
    """A VAE with everything that a step changes: weights, moving averages, seeds, a counter."""
    keras.utils.set_random_seed(3)
    warm_up = kvae.regularizers.schedules.Linear(steps=2)
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2), weight=warm_up)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(posterior.params_size),
        ]
    )
    decoder = kvae.networks.mlp_decoder(2, likelihood.params_shape, hidden=(8,))
    vae = kvae.VAE(encoder=encoder, posterior=posterior, decoder=decoder, likelihood=likelihood)
    inner = likelihood.distribution
    likelihood.distribution = lambda params: Marked(inner(params), params, kind)
    settings = {"optimizer": keras.optimizers.Adam(1e-2), "jit_compile": False}
    vae.compile(**{**settings, **arguments})
    return vae


def variables(vae):
    """All variables that training changes."""
    metrics = [variable for metric in vae.metrics for variable in metric.variables]
    return [*vae.variables, *vae.optimizer.variables, *metrics]


def state(vae):
    return [np.array(variable) for variable in variables(vae)]


def fit(vae, x=X, **arguments):
    return vae.fit(x, batch_size=BATCH, shuffle=False, verbose=0, **arguments)


WAYS = {
    "eager": {"run_eagerly": True},
    "graph": {"steps_per_execution": 1},
    "four steps": {"steps_per_execution": 4},
    "xla": {"steps_per_execution": 1, "jit_compile": True},
    "four steps of xla": {"steps_per_execution": 4, "jit_compile": True},
    "clipped": {"optimizer": lambda: keras.optimizers.SGD(1e-2, 0.9, global_clipnorm=1.0)},
    "decayed": {"optimizer": lambda: keras.optimizers.AdamW(1e-2, weight_decay=0.1)},
    "accumulated": {
        "optimizer": lambda: keras.optimizers.Adam(1e-2, gradient_accumulation_steps=2)
    },
}
XLA = [pytest.param(way, marks=pytest.mark.slow) if "xla" in way else way for way in WAYS]


@pytest.mark.parametrize("kind", ["nll", "gradients"])
@pytest.mark.parametrize("way", XLA)
def test_the_state_is_that_before_the_failed_step_bit_for_bit(way, kind):
    def arguments():
        return {name: v() if callable(v) else v for name, v in WAYS[way].items()}

    vae = new_vae(kind, **arguments())
    start = {id(variable): np.array(variable) for variable in variables(vae)}
    fit(vae, X[: BATCH * (BAD - 1)])
    expected = state(vae)
    for variable in variables(vae):  # back to the start; what `fit` has made begins with zeros
        variable.assign(start.get(id(variable), np.zeros(variable.shape)))
    term = {"nll": "nll=inf", "gradients": "the gradients=nan"}[kind]
    # With gradient accumulation Keras counts updates: two batches have made one.
    step = 2 if way == "accumulated" else BAD
    message = rf"{term} at step {step}, in epoch 1\. The model has the state before that step"
    with pytest.raises(NonFiniteError, match=message) as raised:
        fit(vae)
    assert raised.value.found.step == step
    for found, other in zip(state(vae), expected, strict=True):
        np.testing.assert_array_equal(found, other)


@pytest.mark.slow
def test_a_short_last_batch_after_the_failed_step_changes_nothing():
    vae = new_vae("nll", **WAYS["four steps of xla"])
    start = {id(variable): np.array(variable) for variable in variables(vae)}
    fit(vae, X[: BATCH * (BAD - 1)])
    expected = state(vae)
    for variable in variables(vae):
        variable.assign(start.get(id(variable), np.zeros(variable.shape)))
    with pytest.raises(NonFiniteError, match=f"at step {BAD}"):
        fit(vae, X[: BATCH * BAD + BATCH // 2])
    for found, other in zip(state(vae), expected, strict=True):
        np.testing.assert_array_equal(found, other)


def test_the_error_says_what_to_do():
    with pytest.raises(
        FloatingPointError, match=r"Scale the data .* clip .* learning rate \(now 0.01"
    ):
        fit(new_vae())


@pytest.mark.parametrize("steps", [1, 3])
def test_data_far_from_unit_scale_stop_at_the_first_non_finite_loss(steps):
    vae = make_vae(likelihood=kvae.layers.IndependentNormal((8, 8, 1)))
    vae.compile(keras.optimizers.Adam(1e-3), steps_per_execution=steps, jit_compile=False)
    x = np.random.default_rng(0).normal(0.0, 1e4, (64, 8, 8, 1)).astype("float32")
    with pytest.raises(NonFiniteError, match=r"(nll|kl|loss|the gradients)="):
        fit(vae, x, epochs=20)
    assert all(np.isfinite(weight).all() for weight in vae.get_weights())


def test_a_rate_that_diverges_raises_and_leaves_finite_weights():
    vae = make_vae(likelihood=kvae.layers.IndependentNormal((8, 8, 1)))
    vae.compile(keras.optimizers.Adam(1e3), jit_compile=False)
    with pytest.raises(NonFiniteError, match="learning rate"):
        fit(vae, 1e4 * X, epochs=20)
    assert all(np.isfinite(weight).all() for weight in vae.get_weights())


def test_the_check_can_be_turned_off():
    vae = new_vae()
    history = fit(vae, callbacks=[StopOnNonFinite("ignore")])
    assert not np.isfinite(history.history["loss"][0])
    assert int(vae.optimizer.iterations) == 6
    fit(vae, X[:BATCH], callbacks=[StopOnNonFinite("ignore")])
    assert int(vae.optimizer.iterations) == 7


def test_stopping_without_an_error_warns():
    vae = new_vae()
    with pytest.warns(UserWarning, match="nll=inf at step 3"):
        history = fit(vae, epochs=2, callbacks=[StopOnNonFinite("stop")])
    assert history.epoch == [0]
    assert np.isfinite(history.history["loss"][0]), "of the two steps that were taken"


@pytest.mark.parametrize("steps", [1, 4])
def test_terminate_on_nan_stops_the_training_itself(steps):
    vae = new_vae(steps_per_execution=steps)
    with pytest.warns(UserWarning, match="nll=inf at step 3"):
        history = fit(vae, epochs=2, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert history.epoch == [0]
    assert int(vae.optimizer.iterations) == BAD - 1


def test_terminate_on_nan_may_raise_its_own_error():
    nan = keras.callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 2"):
        fit(new_vae(), callbacks=[nan])


def test_training_continues_after_the_data_are_repaired():
    vae = new_vae()
    with pytest.raises(NonFiniteError):
        fit(vae)
    fit(vae, 0.5 * X)
    assert int(vae.optimizer.iterations) == BAD - 1 + 6


def test_one_batch_at_a_time_is_trained_as_by_keras():
    vae = new_vae()
    assert not np.isfinite(vae.train_on_batch(X[: BATCH * BAD])[0])
    assert int(vae.optimizer.iterations) == 1


def test_a_loss_scale_may_overflow():
    """Its first steps overflow by design: the optimizer skips them and lowers the scale."""
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(1e-3), initial_scale=2.0**127
    )
    vae = new_vae(optimizer=optimizer)
    fit(vae, X[: 2 * BATCH], epochs=8)
    assert 0 < int(optimizer.iterations) < 16
    assert float(optimizer.dynamic_scale) < 2.0**127


def test_a_train_step_without_a_guard_is_checked_by_its_loss():
    class Own(kvae.VAE):
        def train_step(self, data):
            return {"loss": tf.constant(np.nan)}

    vae = make_vae()
    own = Own(vae.encoder, vae.posterior_layer, vae.decoder, vae.likelihood_layer)
    own.compile("adam", run_eagerly=True)
    with pytest.raises(NonFiniteError, match=r"loss=nan .* weights of the model may not be finite"):
        fit(own)


def test_the_check_does_not_ask_for_every_batch():
    assert batches_between(StopOnNonFinite()) is None


def test_arguments_are_validated():
    with pytest.raises(ValueError, match=r"one of 'raise', 'stop', 'ignore'\. Received: action='w"):
        StopOnNonFinite("warn")
    two = [StopOnNonFinite(), StopOnNonFinite("stop")]
    with pytest.raises(ValueError, match="at most one StopOnNonFinite"):
        fit(new_vae(), callbacks=two)


def test_early_stopping_and_backup_work_beside_it(tmp_path):
    vae = new_vae()
    history = fit(
        vae,
        0.5 * X,
        epochs=5,
        callbacks=[
            keras.callbacks.EarlyStopping("loss", min_delta=1e6, patience=1),
            keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False),
            kvae.callbacks.Checkpoint(tmp_path / "run"),
        ],
    )
    assert history.epoch == [0, 1]
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    again = fit(new_vae(), 0.5 * X, epochs=3, callbacks=[backup])
    assert again.epoch == [2]
