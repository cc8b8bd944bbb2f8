"""A run that is interrupted and resumed is the run that was never interrupted."""

import contextlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.small import make_vae


class BrokenOffError(Exception):
    """What stops a run here."""


class BreakAt(keras.callbacks.Callback):
    """Raise at the end of a batch of an epoch; note every batch that was trained."""

    def __init__(self, epoch=None, batch=None):
        super().__init__()
        self.at = (epoch, batch)
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((self.epoch, batch, logs["loss"]))
        if (self.epoch, batch) == self.at:
            raise BrokenOffError


def new_vae(weight=1.0, **arguments):
    """Another model object, with other weights, each time."""
    vae = make_vae(weight=weight)
    vae.compile(
        **{"optimizer": keras.optimizers.Adam(1e-2), "run_eagerly": True, "jit_compile": False}
        | arguments
    )
    return vae


def state(vae):
    """All numbers that a run leaves behind."""
    variables = [*vae.variables, *vae.optimizer.variables]
    return [np.array(variable) for variable in variables]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# Three batches of eight an epoch.
CONFIGURATIONS = {
    "much at once": {
        "weight": lambda: kvae.regularizers.schedules.Linear(steps=4),
        "compile": {
            "metrics": ["mse"],
            "optimizer": lambda: keras.optimizers.AdamW(1e-2, use_ema=True),
        },
        "fit": {"sample_weight": np.linspace(0.5, 1.5, 24), "validation_split": 0.125},
    },
    "in order": {"fit": {"shuffle": False}, "at": [(0, 2)]},
    "epochs of two batches": {"fit": {"steps_per_epoch": 2, "epochs": 3}, "at": [(1, 1), (2, 1)]},
    "two steps an execution": {
        "compile": {"steps_per_execution": 2, "run_eagerly": False},
        "at": [(1, 2)],  # the second execution holds one batch
    },
    "two steps of xla": {
        "compile": {"steps_per_execution": 2, "jit_compile": True, "run_eagerly": False},
        "at": [(1, 2)],  # the second execution holds one batch
    },
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.soak if "xla" in name else pytest.mark.slow)
        for name in CONFIGURATIONS
    ],
)
def test_a_broken_run_ends_as_the_unbroken_one(name, grey, tmp_path):
    """Bit for bit: weights, optimizer, seeds, history, and the logs of each batch."""
    case = CONFIGURATIONS[name]
    fit = {"batch_size": 8, "epochs": 2, "verbose": 0} | case.get("fit", {})

    def run(callbacks):
        compiled = {
            key: value() if callable(value) else value
            for key, value in case.get("compile", {}).items()
        }
        vae = new_vae(weight=case["weight"]() if "weight" in case else 1.0, **compiled)
        return vae, vae.fit(grey[:24], callbacks=callbacks, **fit)

    keras.utils.set_random_seed(1)
    whole = BreakAt()
    unbroken, expected = run([whole])

    keras.utils.set_random_seed(1)
    seen = []
    for at in [*case.get("at", [(0, 2), (1, 1)]), (None, None)]:
        part = BreakAt(*at)
        keep = kvae.callbacks.Checkpoint(tmp_path, every=2)
        try:
            vae, history = run([keep, part])
        except BrokenOffError:
            seen = lineage(seen, part.seen)
            keras.utils.set_random_seed(1000)  # nothing may hang on the new process's seed
    seen = lineage(seen, part.seen)

    assert_same(state(vae), state(unbroken))
    assert history.epoch == expected.epoch
    assert history.history == expected.history
    assert seen == whole.seen


def lineage(before, after):
    """What was trained, without what was lost in the break."""
    first = after[0][:2]
    return [each for each in before if each[:2] < first] + after


def stopped(x, callbacks, epochs=2, **arguments):
    """Train a new model until it is broken off, or to the end."""
    vae = new_vae()
    with contextlib.suppress(BrokenOffError):
        vae.fit(x, epochs=epochs, verbose=0, callbacks=callbacks, **arguments)
    return vae


@pytest.fixture(scope="module")
def broken_run(grey, tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    keep = kvae.callbacks.Checkpoint(folder, every=1, keep=2)
    stopped(grey[:24], [keep, BreakAt(1, 1)], batch_size=8)
    return folder


@pytest.fixture
def run(broken_run, tmp_path):
    """The folder of a run of three batches an epoch that was broken off after four."""
    return shutil.copytree(broken_run, tmp_path / "run")


def test_the_newest_checkpoints_are_kept(run):
    assert sorted(path.name for path in run.glob("*.index")) == ["ckpt-4.index", "ckpt-5.index"]


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(run, grey):
    data = run / "ckpt-5.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    seen = BreakAt()
    with pytest.warns(UserWarning, match=r"ckpt-5' cannot be used and is skipped"):
        stopped(grey[:24], [kvae.callbacks.Checkpoint(run), seen], batch_size=8)
    assert [each[:2] for each in seen.seen] == [(1, 0), (1, 1), (1, 2)]


def test_what_an_interrupted_write_left_is_removed(run, grey):
    (run / "unfinished_temp").mkdir()
    (run / "unfinished_temp" / "part").touch()
    (run / "unfinished.index").touch()
    (run / "ckpt-6.data-00000-of-00001").touch()  # the index had not got its name yet
    seen = BreakAt()
    stopped(grey[:24], [kvae.callbacks.Checkpoint(run, keep=2), seen], batch_size=8)
    assert [each[:2] for each in seen.seen] == [(1, 1), (1, 2)]
    names = sorted(path.name for path in run.iterdir())
    ends = (".data-00000-of-00001", ".index")
    assert names == [*(f"ckpt-{n}{end}" for n in (5, 6) for end in ends), "run.lock"]


def test_nothing_begins_anew_where_all_checkpoints_are_damaged(run, grey):
    for path in run.glob("*.index"):
        path.write_bytes(path.read_bytes()[:40])
    with pytest.warns(UserWarning, match="is skipped"), pytest.raises(ValueError, match="all 2"):
        stopped(grey[:24], [kvae.callbacks.Checkpoint(run)], batch_size=8)


def test_another_run_is_refused(run, grey):
    keep = kvae.callbacks.Checkpoint(run)
    for arguments, message in (
        ((grey[:24], 4), "batch_size=8. Received: batch_size=4"),
        ((grey[:23], 8), "examples=24. Received: examples=23"),
    ):
        with pytest.raises(ValueError, match=message):
            stopped(arguments[0], [keep], batch_size=arguments[1])
    for arguments, message in (
        ({"optimizer": "sgd"}, "Expected the optimizer .* with Adam. Received: SGD"),
        ({"metrics": ["mse"]}, "Expected the metrics .* with 10 variables. Received: 12"),
    ):
        with pytest.raises(ValueError, match=message):
            new_vae(**arguments).fit(grey[:24], batch_size=8, verbose=0, callbacks=[keep])
    other = make_vae(latent_dim=3)
    other.compile("adam", run_eagerly=True)
    with pytest.raises(ValueError, match=r"Expected the model .* shape \(16, 4\)"):
        other.fit(grey[:24], batch_size=8, verbose=0, callbacks=[keep])


def test_steps_per_execution_that_cannot_reach_the_batch_are_refused(run, grey):
    vae = new_vae(steps_per_execution=2, run_eagerly=False)
    with pytest.raises(ValueError, match=r"divide the batch .*, 1\. Received: steps_per_ex"):
        vae.fit(grey[:24], batch_size=8, verbose=0, callbacks=[kvae.callbacks.Checkpoint(run)])


def test_more_epochs_go_on_from_the_end(run, grey):
    """Also with the callback and the model that trained before."""
    keep, seen = kvae.callbacks.Checkpoint(run), BreakAt()
    vae = stopped(grey[:24], [keep, seen], batch_size=8)
    before = state(vae)
    history = vae.fit(grey[:24], epochs=2, batch_size=8, verbose=0, callbacks=[keep, seen])
    assert history.epoch == [0, 1]
    assert_same(state(vae), before)
    history = vae.fit(grey[:24], epochs=3, batch_size=8, verbose=0, callbacks=[keep, seen])
    assert history.epoch == [0, 1, 2]
    assert [each[:2] for each in seen.seen] == [(1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]


def test_a_run_that_was_asked_to_stop_goes_on_at_the_batch(grey, tmp_path):
    class Stop(BreakAt):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.model.stop_training = (self.epoch, batch) == (0, 0)

    first, second = Stop(), BreakAt()
    for callback in (first, second):
        keep = kvae.callbacks.Checkpoint(tmp_path)
        stopped(grey[:24], [callback, keep], batch_size=8, validation_data=grey[24:])
    assert [each[:2] for each in first.seen] == [(0, 0)]
    assert [each[:2] for each in second.seen] == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_own_pipelines_go_on_at_the_batch(grey, tmp_path):
    """Where each iteration yields the same batches, bit for bit."""
    pipeline = tf.data.Dataset.from_tensor_slices(grey[:24]).batch(8)
    keras.utils.set_random_seed(1)
    expected = stopped(pipeline, [])
    keras.utils.set_random_seed(1)
    for callback in (BreakAt(1, 1), BreakAt()):
        found = stopped(pipeline, [callback, kvae.callbacks.Checkpoint(tmp_path, every=1)])
        keras.utils.set_random_seed(1000)
    assert_same(state(found), state(expected))


def test_what_others_changed_at_an_epochs_end_is_kept(grey, tmp_path):
    """`ReduceLROnPlateau` comes after the checkpoint in the list, and acts before it."""

    def callbacks():
        plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=1e6, factor=0.1)
        return [kvae.callbacks.Checkpoint(tmp_path), plateau]

    vae = stopped(grey[:8], callbacks(), epochs=2)
    rate = float(vae.optimizer.learning_rate)
    assert rate < 1e-2
    assert float(stopped(grey[:8], callbacks(), epochs=2).optimizer.learning_rate) == rate


def test_arguments_are_checked_at_the_door(tmp_path):
    for arguments, message in (
        ({"directory": ""}, "directory to be the path"),
        ({"directory": 3}, "directory to be the path"),
        ({"directory": tmp_path, "every": 0}, 'every to be "epoch" or a positive'),
        ({"directory": tmp_path, "every": "batch"}, 'every to be "epoch" or a positive'),
        ({"directory": tmp_path, "keep": 0}, "keep to be a positive integer"),
    ):
        with pytest.raises(ValueError, match=message):
            kvae.callbacks.Checkpoint(**arguments)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotADirectoryError, match="a file"):
        kvae.callbacks.Checkpoint(file)


def test_two_checkpoints_or_a_model_that_cannot_go_on_are_errors(grey, tmp_path):
    keep = kvae.callbacks.Checkpoint(tmp_path)
    with pytest.raises(ValueError, match="at most one Checkpoint"):
        stopped(grey[:8], [keep, keep])
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    plain.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(ValueError, match=r"fit of a kvae model, .* Received: a Seq"):
        plain.fit(np.zeros((2, 2)), np.zeros(2), verbose=0, callbacks=[keep])


class RefusesTheModel(keras.callbacks.Callback):
    """Raise before the run begins."""

    def set_model(self, model):
        raise BrokenOffError


class RefusesTheHooks(keras.callbacks.Callback):
    """Raise where `fit` chooses how many batches an execution takes."""

    @property
    def on_batch_begin(self):
        raise BrokenOffError


@pytest.mark.parametrize("callback", [RefusesTheModel, RefusesTheHooks])
def test_a_run_that_does_not_begin_leaves_its_folder_free(callback, grey, tmp_path):
    vae = make_vae()
    vae.compile("adam", jit_compile=False)
    with pytest.raises(BrokenOffError):
        vae.fit(
            grey[:8],
            verbose=0,
            callbacks=[kvae.callbacks.Checkpoint(tmp_path / "run"), callback()],
        )
    again = kvae.callbacks.Checkpoint(tmp_path / "run")
    assert vae.fit(grey[:8], verbose=0, callbacks=[again]).epoch == [0]
