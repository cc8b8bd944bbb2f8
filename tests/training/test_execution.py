"""How many batches a call takes and whether XLA compiles it: chosen, or as the user said."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.training.execution import (
    batches_between,
    steps_per_execution,
    xla_pays,
)
from kvae.training.inputs.epoch import batches_of
from tests.helpers import summaries
from tests.small import make_vae, narrow

X = np.random.default_rng(0).random((100, 8, 8, 1)).astype("float32")
FLOAT32 = 1e-5  # the order of float32 additions


class Watcher(keras.callbacks.Callback):
    """Writes down the batches that Keras shows it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(batch)


class Epochs(keras.callbacks.Callback):
    """Writes down, at the end of each epoch, how the model runs and how many steps it took."""

    def __init__(self):
        super().__init__()
        self.settings, self.steps = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.settings.append((self.model.steps_per_execution, self.model.jit_compile))
        self.steps.append(int(self.model.optimizer.iterations))


def compiled(**arguments):
    keras.utils.set_random_seed(0)
    vae = make_vae(seed=5)
    vae.compile(**{"optimizer": keras.optimizers.SGD(1e-3)} | arguments)
    return vae


def convolutional():
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
    return kvae.VAE(
        encoder=kvae.networks.conv_encoder((8, 8, 1), posterior.params_size, (2,), dense=4),
        posterior=posterior,
        decoder=kvae.networks.conv_decoder(2, (8, 8, 1), (2,), dense=4),
        likelihood=likelihood,
    )


@pytest.mark.parametrize(
    ("batches", "steps"), [(1, 1), (19, 1), (20, 2), (469, 46), (10_000, 64), (None, 16)]
)
def test_the_progress_bar_moves_ten_times_an_epoch(batches, steps):
    assert steps_per_execution(batches) == steps


def test_no_batch_is_counted_that_is_not_there(grey):
    """The last execution of an epoch, of 2 steps here, holds one batch."""
    ends = []

    class Ends(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            ends.append(batch)

    vae = compiled(steps_per_execution=2)
    vae.fit(grey, batch_size=8, epochs=1, verbose=0, callbacks=[Ends()])
    assert ends == [1, 3, 4]


class Scored(keras.callbacks.Callback):
    """Writes down the batches that Keras says it scored."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_test_batch_end(self, batch, logs=None):
        self.ends.append(batch)


@pytest.mark.parametrize("wrapped", [list, keras.callbacks.CallbackList])
def test_evaluate_counts_no_batch_that_is_not_there(grey, wrapped):
    """The last execution, of 2 batches here, holds one."""
    scored = Scored()
    compiled(steps_per_execution=2).evaluate(
        grey, batch_size=8, verbose=0, callbacks=wrapped([scored])
    )
    assert scored.ends == [1, 3, 4]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # of 100 steps
@pytest.mark.parametrize("steps", [None, 2, 100])
def test_validation_counts_no_batch_that_is_not_there(grey, steps):
    scored = Scored()
    compiled(steps_per_execution=2).fit(
        grey[:16],
        batch_size=8,
        verbose=0,
        callbacks=[scored],
        validation_data=grey[:24],
        validation_steps=steps,
    )
    assert scored.ends == ([1] if steps == 2 else [1, 2])


@pytest.mark.parametrize("given", [(7,), (100,), (90, 12), (None, 35), (1,)])
def test_a_number_of_steps_that_was_asked_for_is_trained_exactly(given):
    """Keras rounds it up to a multiple of the steps of one execution."""
    steps = steps_per_execution(given[0], given=given)
    assert all(count % steps == 0 for count in given if count)


WATCHED = {
    "a batch hook": Watcher,
    "NaN": keras.callbacks.TerminateOnNaN,
    "lambda": lambda: keras.callbacks.LambdaCallback(on_train_batch_begin=print),
    "TensorBoard of batches": lambda: keras.callbacks.TensorBoard("x", update_freq=10),
    "TensorBoard with a profile": lambda: keras.callbacks.TensorBoard("x", profile_batch=2),
}
UNWATCHED = {
    "progress bar": keras.callbacks.ProgbarLogger,
    "history": keras.callbacks.History,
    "kvae's checkpoint an epoch": lambda: kvae.callbacks.Checkpoint("x"),
    "checkpoint an epoch": lambda: keras.callbacks.ModelCheckpoint("x.keras"),
    "early stopping": keras.callbacks.EarlyStopping,
    "TensorBoard": lambda: keras.callbacks.TensorBoard("x"),
    "lambda on epochs": lambda: keras.callbacks.LambdaCallback(on_epoch_end=print),
}


@pytest.mark.parametrize("name", WATCHED)
def test_a_callback_that_looks_at_batches_sees_each(name):
    callback = WATCHED[name]()
    assert batches_between(callback) == 1
    assert steps_per_execution(469, [keras.callbacks.History(), callback]) == 1


@pytest.mark.parametrize("name", UNWATCHED)
def test_a_callback_that_looks_at_epochs_costs_nothing(name):
    assert batches_between(UNWATCHED[name]()) is None


@pytest.mark.parametrize(
    "checkpoint",
    [
        lambda: keras.callbacks.ModelCheckpoint("x.keras", save_freq=30),
        lambda: kvae.callbacks.Checkpoint("x", every=30),
    ],
    ids=["keras", "kvae"],
)
def test_a_checkpoint_is_called_when_it_is_due(checkpoint):
    assert steps_per_execution(469, [checkpoint()]) == 30


def test_fit_shows_every_batch_to_a_callback_that_asks():
    watcher = Watcher()
    compiled().fit(X, batch_size=4, epochs=2, verbose=0, callbacks=[[watcher]])
    assert watcher.seen == [*range(25)] * 2


FORMS = {
    "array": lambda: X,
    "tf.data": lambda: tf.data.Dataset.from_tensor_slices((X,)).batch(4),
    "tf.data of unknown length": lambda: (
        tf.data.Dataset.from_tensor_slices((X,)).batch(4).filter(lambda x: True)
    ),
}


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras', of unknown lengths
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [3, 4])
def test_every_batch_is_trained_on_once_an_epoch(form, size):
    """25 or 34 batches, the last one short: no multiple of the 2, 3 or 16 of one execution."""
    if form != "array" and size == 3:
        pytest.skip("those come in batches of four")
    epochs = Epochs()
    vae = narrow(compiled(optimizer=keras.optimizers.SGD(0.0)))
    batch_size = size if form == "array" else None
    logs = vae.fit(
        FORMS[form](), batch_size=batch_size, epochs=3, verbose=0, callbacks=[epochs]
    ).history
    assert all(steps > 1 for steps, _ in epochs.settings)
    batches = -(-len(X) // size)
    assert epochs.steps == [batches, 2 * batches, 3 * batches]
    # The narrow posterior leaves nothing to chance: the mean over the epoch is that of the data.
    posterior = vae.posterior(X)
    nll = -np.asarray(vae.likelihood(posterior.mean()).log_prob(X))
    assert logs["nll"] == pytest.approx([nll.mean()] * 3, rel=FLOAT32)


def test_steps_per_epoch_trains_so_many():
    epochs = Epochs()
    endless = tf.data.Dataset.from_tensor_slices((X,)).batch(4).repeat()
    compiled().fit(endless, steps_per_epoch=21, epochs=2, verbose=0, callbacks=[epochs])
    assert epochs.steps == [21, 42]
    assert epochs.settings[0][0] == 1, "3 would divide 21, but leave the bar with 7 moves"


def test_the_choice_ends_with_fit_and_changes_no_result():
    """The weights are those of one batch a call; predictions and scores come in the usual way."""
    ended, scores = [], []
    for arguments in ({}, {"steps_per_execution": 1}):
        vae = compiled(**arguments)
        epochs = Epochs()
        vae.fit(X, batch_size=4, epochs=2, verbose=0, validation_data=X, callbacks=[epochs])
        assert epochs.settings[0][0] == (1 if arguments else 2)
        assert vae.steps_per_execution == 1
        scores.append(vae.evaluate(X, batch_size=4, verbose=0))
        assert vae.predict(X[:7], batch_size=2, verbose=0).shape == (7, 8, 8, 1)
        assert np.isfinite(vae.train_on_batch(X[:4])[0])
        ended.append(vae.get_weights())
    for found, expected in zip(*ended, strict=True):
        np.testing.assert_allclose(found, expected, rtol=FLOAT32, atol=1e-6)
    np.testing.assert_allclose(*scores, rtol=FLOAT32)


def test_what_the_user_says_is_honoured_and_saved(tmp_path):
    epochs = Epochs()
    vae = compiled(steps_per_execution=3, jit_compile=False)
    vae.fit(X, batch_size=4, epochs=1, verbose=0, callbacks=[epochs, Watcher()])
    assert epochs.settings == [(3, False)]
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert (loaded.steps_per_execution, loaded.jit_compile) == (3, False)
    assert int(loaded.optimizer.iterations) == 25


def test_a_loaded_model_chooses_again(tmp_path):
    vae = compiled()
    vae.fit(X, batch_size=4, epochs=1, verbose=0)
    vae.save(tmp_path / "vae.keras")
    loaded, epochs = keras.saving.load_model(tmp_path / "vae.keras"), Epochs()
    loaded.fit(X, batch_size=4, epochs=1, verbose=0, callbacks=[epochs])
    assert epochs.settings[0][0] == 2


def test_two_fits_with_the_same_settings_share_their_graphs():
    vae = compiled()
    traced = []
    step = vae.train_step
    vae.train_step = lambda data: traced.append(1) or step(data)
    for _ in range(2):
        vae.fit(X, batch_size=4, epochs=2, verbose=0)
        vae.evaluate(X, batch_size=4, verbose=0)
    assert 1 <= len(traced) <= 2, "once, or once more where Keras relaxes the shape"


@pytest.mark.slow
def test_xla_compiles_long_training_of_dense_networks_only():
    for vae, length, expected in (
        (compiled(), 20, True),
        (compiled(), 1, False),
        (convolutional(), 20, False),
    ):
        if not vae.compiled:
            vae.compile(optimizer="sgd")
        epochs = Epochs()
        vae.fit(X, batch_size=4, epochs=length, verbose=0, callbacks=[epochs])
        assert epochs.settings[-1][1] == expected
        assert epochs.steps[-1] == 25 * length


def test_xla_pays_for_dense_layers_that_are_known():
    vae = make_vae()
    assert xla_pays(vae)
    encoder, decoder = (keras.Sequential(network.layers) for network in (vae.encoder, vae.decoder))
    assert xla_pays(kvae.VAE(encoder, vae.posterior_layer, decoder, vae.likelihood_layer))
    assert not xla_pays(convolutional())

    class Unknown(keras.layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((8, 8, 1))
    assert not xla_pays(keras.Model(inputs, Unknown()(inputs)))
    wrapped = keras.layers.TimeDistributed(keras.layers.Conv1D(2, 3))
    assert not xla_pays(keras.Model(inputs, wrapped(inputs)))
    drops = keras.layers.Dropout(0.5)
    assert not xla_pays(keras.Model(inputs, drops(inputs)))
    idle = keras.layers.Dropout(0.0)  # draws nothing
    assert xla_pays(keras.Model(inputs, idle(inputs)))


def test_the_length_of_an_epoch_is_read_from_the_data():
    assert batches_of(tf.data.Dataset.range(7)) == 7
    assert batches_of(tf.data.Dataset.range(7).repeat()) is None
    assert batches_of(object()) is None


def test_tensorboard_sees_each_epoch_of_several_batches_a_call(grey, tmp_path):
    vae = compiled()
    history = vae.fit(
        grey[:32],
        batch_size=1,
        epochs=2,
        verbose=0,
        callbacks=[keras.callbacks.TensorBoard(tmp_path)],
    )
    found = {
        step: value for step, tag, _, value in summaries(tmp_path / "train") if tag == "epoch_loss"
    }
    np.testing.assert_allclose([found[0], found[1]], history.history["loss"], rtol=1e-6)
