"""The model ends with the weights of its best epoch, averages of the weights included."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.callbacks.test_checkpoint import BreakAt, BrokenOffError, assert_same, state
from tests.helpers import assert_same_in_float32, run_python
from tests.small import make_vae

MOMENTUM = 0.8
EAGER = {"run_eagerly": True, "jit_compile": False}


def new_vae(momentum=MOMENTUM, **compiled):
    vae = make_vae()
    optimizer = keras.optimizers.Adam(
        1e-2, use_ema=momentum is not None, ema_momentum=momentum or 0.0, global_clipnorm=10.0
    )
    vae.compile(optimizer, **(EAGER | compiled))
    return vae


def weights(vae):
    return [np.array(variable) for variable in vae.trainable_variables]


class BreakAtTest(keras.callbacks.Callback):
    """Break a validation off."""

    def on_test_batch_end(self, batch, logs=None):
        raise BrokenOffError


class EachStep(keras.callbacks.Callback):
    """Note the weights after every batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(weights(self.model))


class EachEpoch(keras.callbacks.Callback):
    """Note the weights and their averages at the end of every epoch."""

    def __init__(self):
        super().__init__()
        self.seen, self.averages = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(weights(self.model))
        averages = self.model.optimizer._model_variables_moving_average
        self.averages.append([np.array(each) for each in averages])


@pytest.mark.parametrize(
    "compiled",
    [
        EAGER,
        {"run_eagerly": False, "jit_compile": False, "steps_per_execution": 3},
        {"run_eagerly": False, "jit_compile": True, "steps_per_execution": 3},
    ],
    ids=["eager", "graph", "xla"],
)
def test_the_model_ends_with_the_averages_of_its_weights(compiled, grey):
    """a_1 = w_1, a_t = m a_(t-1) + (1 - m) w_t, also where XLA runs several steps."""
    keras.utils.set_random_seed(1)
    noted = EachStep()
    new_vae().fit(grey[:24], batch_size=8, epochs=2, verbose=0, callbacks=[noted])
    expected = noted.seen[0]
    for seen in noted.seen[1:]:
        pairs = zip(expected, seen, strict=True)
        expected = [MOMENTUM * mean + (1.0 - MOMENTUM) * value for mean, value in pairs]

    keras.utils.set_random_seed(1)
    vae = new_vae(**compiled)
    vae.fit(grey[:24], batch_size=8, epochs=2, verbose=0)
    for found, mean in zip(weights(vae), expected, strict=True):
        assert_same_in_float32(found, mean)


def test_what_is_validated_and_kept_are_the_averages(grey, tmp_path):
    keras.utils.set_random_seed(1)
    best = kvae.callbacks.BestWeights(tmp_path / "best")
    noted = EachEpoch()
    vae = new_vae()
    history = vae.fit(
        grey[:24],
        batch_size=8,
        epochs=3,
        validation_data=grey[24:32],
        verbose=0,
        callbacks=[best, noted],
    ).history["val_elbo"]
    assert best.value == max(history)
    assert best.epoch == int(np.argmax(history))
    averages, trained = noted.averages[best.epoch], noted.seen[best.epoch]
    assert_same(weights(vae), averages)
    assert any((one != other).any() for one, other in zip(trained, averages, strict=True))


def test_keeping_the_best_does_not_change_the_training(grey, tmp_path):
    def trained(callbacks):
        keras.utils.set_random_seed(1)
        noted = EachEpoch()
        new_vae().fit(
            grey[:24],
            batch_size=8,
            epochs=2,
            validation_data=grey[24:32],
            verbose=0,
            callbacks=[*callbacks, noted],
        )
        return noted.seen

    found = trained([kvae.callbacks.BestWeights(tmp_path / "best")])
    for one, other in zip(found, trained([]), strict=True):
        assert_same(one, other)


def test_a_resumed_run_ends_with_the_same_best_weights(grey, tmp_path):
    """The best epoch may lie before the interruption."""

    def run(folder, *more):
        vae = new_vae()
        callbacks = [
            Worse(),
            kvae.callbacks.BestWeights(folder / "best"),
            kvae.callbacks.Checkpoint(folder / "checkpoints"),
            *more,
        ]
        with contextlib.suppress(BrokenOffError):
            vae.fit(
                grey[:24],
                batch_size=8,
                epochs=4,
                validation_data=grey[24:32],
                verbose=0,
                callbacks=callbacks,
            )
        return vae, callbacks[1]

    keras.utils.set_random_seed(1)
    whole, best = run(tmp_path / "whole")
    assert best.epoch == 1

    keras.utils.set_random_seed(1)
    run(tmp_path / "broken", BreakAt(2, 1))
    keras.utils.set_random_seed(1000)
    resumed, found = run(tmp_path / "broken")
    assert (found.epoch, found.value) == (best.epoch, best.value)
    assert_same(state(resumed), state(whole))

    again, found = run(tmp_path / "broken")  # complete: nothing is trained
    assert found.epoch == 1
    assert_same(weights(again), weights(whole))


class Worse(keras.callbacks.Callback):
    """Make the second epoch the best one."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_elbo"] -= 100.0 * abs(epoch - 1)


def test_patience_ends_the_training(grey, tmp_path):
    best = kvae.callbacks.BestWeights(tmp_path / "best", patience=2)
    vae = new_vae(momentum=None)
    history = vae.fit(
        grey[:24],
        epochs=9,
        validation_data=grey[24:32],
        verbose=0,
        callbacks=[Worse(), best],
    )
    assert history.epoch == [0, 1, 2, 3]
    assert best.epoch == 1


def test_a_new_run_forgets_what_the_folder_holds(grey, tmp_path):
    given = {"epochs": 1, "validation_data": grey[24:32], "verbose": 0}
    for rate in (1e-1, 0.0):
        keras.utils.set_random_seed(1)
        vae = make_vae()
        vae.compile(keras.optimizers.SGD(rate), **EAGER)
        before = weights(vae)
        best = kvae.callbacks.BestWeights(tmp_path / "best")
        vae.fit(grey[:24], callbacks=[best], **given)
    assert_same(weights(vae), before)


def test_a_run_without_validation_data_is_refused_at_its_end(grey, tmp_path):
    best = kvae.callbacks.BestWeights(tmp_path / "best")
    with pytest.raises(ValueError, match="Expected the logs to hold 'val_elbo'"):
        new_vae().fit(grey[:24], verbose=0, callbacks=[best])


def test_a_bound_that_is_not_finite_is_never_the_best(grey, tmp_path):
    class NotFinite(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_elbo"] = [float("nan"), -3.0, float("inf")][epoch]

    best = kvae.callbacks.BestWeights(tmp_path / "best")
    new_vae().fit(
        grey[:24], epochs=3, validation_data=grey[24:32], verbose=0, callbacks=[NotFinite(), best]
    )
    assert (best.epoch, best.value) == (1, -3.0)


def test_an_error_in_a_validation_does_not_leave_the_averages_behind(grey, tmp_path):
    best, vae = kvae.callbacks.BestWeights(tmp_path / "best"), new_vae()
    given = {"batch_size": 8, "validation_data": grey[24:32], "verbose": 0}
    noted = EachStep()
    with pytest.raises(BrokenOffError):
        vae.fit(grey[:24], callbacks=[best, BreakAtTest(), noted], **given)
    assert_same(weights(vae), noted.seen[-1])


def test_a_plain_model_that_is_compiled_anew_keeps_what_an_error_left(grey, tmp_path):
    """Nothing says when its training breaks off, and the new optimizer has no averages."""
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    best = kvae.callbacks.BestWeights(tmp_path / "best", monitor="val_loss", mode="min")
    model.compile(keras.optimizers.SGD(1e-2, use_ema=True), loss="mse")
    x, y = grey[:24, 0, :, 0], grey[:24, 1, 0]
    with pytest.raises(BrokenOffError):
        model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[best, BreakAtTest()])
    before = weights(model)
    model.compile(keras.optimizers.SGD(0.0, use_ema=True), loss="mse")
    model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[best])
    assert_same_in_float32(weights(model)[0], before[0])
    assert np.abs(before[0]).max() > 0.01


@pytest.mark.parametrize("case", ["no epoch", "stopped at the first step"])
def test_without_a_step_there_are_no_averages(case):
    """Keras' averages of an optimizer that is built begin at zero."""
    vae = make_vae((3,), likelihood=kvae.layers.IndependentNormal(3))
    vae.compile(keras.optimizers.Adam(use_ema=True), **EAGER)
    before = weights(vae)
    if case == "no epoch":
        vae.fit(np.zeros((8, 3)), epochs=2, initial_epoch=2, verbose=0)
    else:
        huge = np.full((8, 3), 1e25)
        with pytest.warns(UserWarning, match="The model has the state before that step"):
            vae.fit(huge, verbose=0, callbacks=[kvae.callbacks.StopOnNonFinite("stop")])
    assert_same(weights(vae), before)


def test_a_functional_model_ends_with_its_best_weights(grey, tmp_path):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-2, use_ema=True), loss="mse")
    best = kvae.callbacks.BestWeights(tmp_path / "best", monitor="val_loss", mode="min")
    x, y = grey[:24, 0, :, 0], grey[:24, 1, 0]
    noted = EachEpoch()
    history = model.fit(
        x, y, epochs=3, validation_data=(x, y), verbose=0, callbacks=[best, noted]
    ).history["val_loss"]
    assert best.value == min(history) == history[best.epoch]
    assert_same(weights(model), noted.averages[best.epoch])


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_validation_without_data_leaves_the_weights_in_the_model(grey, tmp_path):
    vae, noted = new_vae(), EachStep()
    best = kvae.callbacks.BestWeights(tmp_path / "best")
    nothing = tf.data.Dataset.from_tensor_slices(grey).filter(lambda _: False).batch(8)
    with pytest.raises(ValueError, match="at least one batch to score"):
        vae.fit(
            grey[:16],
            epochs=4,
            validation_data=nothing,
            verbose=0,
            callbacks=[best, noted],
        )
    assert_same(weights(vae), noted.seen[-1])


@pytest.mark.parametrize("case", ["another file", "a file", "a checkpoint's folder"])
def test_nothing_else_is_deleted(case, grey, tmp_path):
    folder, vae, name = tmp_path / "run", new_vae(), "thesis.txt"
    callbacks = [kvae.callbacks.BestWeights(folder)]
    if case == "a file":
        folder.write_text("dear")
        kept, message = folder, "Received: a file"
    else:
        folder.mkdir()
        kept = folder / name
        kept.write_text("dear")
        message = f"Received: one that holds '{name}'"
    if case == "a checkpoint's folder":
        kept.unlink()
        kept, message = folder / "run.lock", "Received: one that holds 'run.lock'"
        callbacks.append(kvae.callbacks.Checkpoint(folder))
    with pytest.raises(ValueError, match=message):
        vae.fit(grey, validation_data=grey, verbose=0, callbacks=callbacks)
    assert kept.is_file()


def test_a_folder_without_a_name_is_refused_before_the_training(grey, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vae = new_vae()
    before = vae.get_weights()
    with pytest.raises(ValueError, match=r"Expected directory to end in a name .* directory='\.'"):
        vae.fit(grey, validation_data=grey, verbose=0, callbacks=[kvae.callbacks.BestWeights(".")])
    assert_same(vae.get_weights(), before)


def test_the_folders_above_are_made(grey, tmp_path):
    best = kvae.callbacks.BestWeights(tmp_path / "runs" / "first" / "best")
    new_vae().fit(grey, validation_data=grey, verbose=0, callbacks=[best])
    assert sorted(file.name for file in best.directory.iterdir()) == [
        "best.json",
        "best.weights.h5",
    ]


def test_a_bad_mode_is_named(tmp_path):
    with pytest.raises(ValueError, match="Received: mode='auto'"):
        kvae.callbacks.BestWeights(tmp_path, mode="auto")


@pytest.mark.parametrize("averaged", ["model", "discriminator"])
def test_each_optimizer_gives_its_own_weights_their_averages(averaged, grey):
    def adam(name):
        return keras.optimizers.Adam(1e-2, use_ema=name == averaged, ema_momentum=MOMENTUM)

    vae = kvae.FactorVAE(**make_vae().parts())
    vae.compile(adam("model"), discriminator_optimizer=adam("discriminator"), **EAGER)
    vae.fit(grey[:24], batch_size=8, verbose=0)
    optimizer, variables = vae.update_groups()[averaged]
    averages = optimizer._model_variables_moving_average
    assert_same(map(np.array, variables), map(np.array, averages))


@pytest.mark.thorough
def test_what_is_exported_after_fit_has_the_averages(grey, tmp_path):
    vae, noted = new_vae(), EachEpoch()
    best = kvae.callbacks.BestWeights(tmp_path / "best")
    vae.fit(
        grey[:24],
        batch_size=8,
        epochs=2,
        validation_data=grey[24:32],
        verbose=0,
        callbacks=[best, noted],
    )
    averages = noted.averages[best.epoch]
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert_same(weights(loaded), averages)
    # The export compares the file with the model, and raises where they differ.
    assert kvae.export.tflite(vae, tmp_path / "vae.tflite").max_error < 1e-5


REPLICAS = """
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
import kvae
from tests.callbacks.test_best_weights import EachEpoch, new_vae

with strategy.scope():
    vae = new_vae(run_eagerly=False)
x = (np.random.default_rng(0).random((24, 8, 8, 1)) < 0.5).astype("float32")
noted, best = EachEpoch(), kvae.callbacks.BestWeights("best")
vae.fit(
    x, batch_size=8, epochs=2, validation_data=x, verbose=0, callbacks=[best, noted]
)
for variable, average in zip(vae.trainable_variables, noted.averages[best.epoch], strict=True):
    for part in strategy.experimental_local_results(variable.value):
        np.testing.assert_array_equal(part.numpy(), average)
print("the same")
"""


@pytest.mark.thorough
def test_every_replica_ends_with_the_best_weights(tmp_path):
    assert "the same" in run_python(REPLICAS, tmp_path, prepared=True)


def test_weights_from_before_the_end_of_a_schedule_are_told(grey, tmp_path):
    class First(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_elbo"] = -float(epoch)

    kl = kvae.regularizers.KLDivergenceRegularizer(
        kvae.priors.StandardNormal(2), weight=kvae.regularizers.schedules.Linear(9)
    )
    vae = make_vae(posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl))
    vae.compile("sgd", **EAGER)
    best = kvae.callbacks.BestWeights(tmp_path / "best")
    with pytest.warns(UserWarning, match=r"of 12 steps \(batches\) are those after 3, 6 before"):
        vae.fit(grey[:24], batch_size=8, epochs=4, verbose=0, callbacks=[First(), best])
