"""What a checkpoint holds, and that it is on the disk before it has its name."""

import contextlib
import errno
import os
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.callbacks.checkpoint_folder import CheckpointFolder
from kvae.callbacks.folder_lock import FolderLock
from tests.callbacks.test_checkpoint import (
    BreakAt,
    BrokenOffError,
    assert_same,
    new_vae,
    state,
    stopped,
)
from tests.prepared import Process
from tests.small import make_vae


def indices(folder):
    return sorted(path.name for path in folder.glob("ckpt-*.index"))


def spoil(model):
    variable = model.trainable_variables[0]
    variable.assign(np.full(variable.shape, np.nan))


class Spoil(keras.callbacks.Callback):
    """Make the weights NaN at the end of a batch, as a step without a check would."""

    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.batch:
            spoil(self.model)


def test_files_and_folder_are_synced_before_a_checkpoint_has_its_name(grey, tmp_path, monkeypatch):
    done = []
    sync, rename = os.fsync, os.replace

    def recorded_sync(handle):
        done.append(("sync", os.path.basename(os.readlink(f"/proc/self/fd/{handle}"))))
        sync(handle)

    def recorded_rename(source, target):
        done.append(("rename", os.path.basename(target)))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_rename)
    folder = tmp_path / "run"
    stopped(grey[:8], [kvae.callbacks.Checkpoint(folder)], epochs=1)
    assert done == [
        ("sync", "unfinished.data-00000-of-00001"),
        ("sync", "unfinished.index"),
        ("rename", "ckpt-1.data-00000-of-00001"),
        ("sync", "run"),
        ("rename", "ckpt-1.index"),
        ("sync", "run"),
    ]


def test_non_finite_states_are_not_written(grey, tmp_path):
    """`TerminateOnNaN` ends the epoch, at whose end a checkpoint is due."""
    callbacks = [
        Spoil(1),
        keras.callbacks.TerminateOnNaN(),
        kvae.callbacks.StopOnNonFinite("ignore"),
        kvae.callbacks.Checkpoint(tmp_path, every=1),
    ]
    with pytest.warns(UserWarning, match="No checkpoint .* state of the model is not finite"):
        stopped(grey[:24], callbacks, batch_size=8, epochs=1)
    assert indices(tmp_path) == ["ckpt-1.index"]
    seen = BreakAt()
    vae = stopped(grey[:24], [kvae.callbacks.Checkpoint(tmp_path), seen], batch_size=8, epochs=1)
    assert [each[:2] for each in seen.seen] == [(0, 1), (0, 2)]
    assert all(np.isfinite(weight).all() for weight in vae.get_weights())


def test_a_step_that_was_not_taken_is_not_written(grey, tmp_path):
    x = grey[:24].copy()
    callbacks = [Spoil(0), keras.callbacks.TerminateOnNaN(), kvae.callbacks.Checkpoint(tmp_path)]
    with pytest.warns(UserWarning, match="at step 2"):
        stopped(x, callbacks, batch_size=8, epochs=2)
    assert indices(tmp_path) == []


def test_non_finite_checkpoints_are_not_resumed(grey, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("kvae.checks.non_finite", lambda values: False)
        callbacks = [
            Spoil(1),
            kvae.callbacks.StopOnNonFinite("ignore"),
            kvae.callbacks.Checkpoint(tmp_path, every=1, keep=2),
        ]
        stopped(grey[:16], callbacks, batch_size=8, epochs=1)
    assert indices(tmp_path) == ["ckpt-2.index", "ckpt-3.index"]
    message = r"ckpt-\d' cannot be used and is skipped: it holds non-finite numbers in 'model"
    with (
        pytest.warns(UserWarning, match=message),
        pytest.raises(ValueError, match=r"all 2 .* non-finite"),
    ):
        stopped(grey[:16], [kvae.callbacks.Checkpoint(tmp_path)], batch_size=8)


class TwoOptimizers(kvae.VAE):
    """The decoder has an optimizer of its own, in a public attribute."""

    def train_step(self, data):
        logs = super().train_step(data)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.decoder(tf.ones((4, 2)))))
        variables = self.decoder.trainable_variables
        self.second.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return logs


class TwoGroups(kvae.VAE):
    """The same by the contract: a term of its own group for the decoder's optimizer."""

    def update_groups(self):
        decoder = self.decoder.trainable_variables
        others = [*self.encoder.trainable_variables]
        return {"model": (self.optimizer, others), "decoder": (self.second, decoder)}

    def penalties(self, inputs, latents, batch):
        values = tf.reduce_mean(tf.square(self.decoder(latents["z"].value)), axis=[1, 2, 3])
        term = kvae.contract.Term("size", values, group="decoder")
        return [*super().penalties(inputs, latents, batch), term]


@pytest.mark.parametrize("kind", [TwoOptimizers, TwoGroups])
def test_every_optimizer_is_resumed(grey, tmp_path, kind):
    """Bit for bit, also one that has no variables before its first step."""

    def trained(callbacks):
        parts = make_vae()
        vae = kind(parts.encoder, parts.posterior_layer, parts.decoder, parts.likelihood_layer)
        vae.second = keras.optimizers.Adam(1e-2)
        vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False, steps_per_execution=1)
        with contextlib.suppress(BrokenOffError):
            vae.fit(grey[:24], batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
        return [*state(vae), *(np.array(each) for each in vae.second.variables)]

    keras.utils.set_random_seed(1)
    expected = trained([])
    keras.utils.set_random_seed(1)
    trained([kvae.callbacks.Checkpoint(tmp_path, every=1), BreakAt(1, 0)])
    keras.utils.set_random_seed(1000)
    assert_same(trained([kvae.callbacks.Checkpoint(tmp_path, every=1)]), expected)


def test_logs_that_are_known_with_the_first_batch_only_are_resumed(grey, tmp_path):
    """The mean of an epoch is the same, whether the epoch was broken off or not."""

    def trained(vae, callbacks, epochs):
        return vae.fit(grey[:24], batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks)

    def new():
        keras.utils.set_random_seed(1)
        parts = make_vae()
        vae = TwoGroups(parts.encoder, parts.posterior_layer, parts.decoder, parts.likelihood_layer)
        vae.second = keras.optimizers.Adam(1e-2)
        vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False, steps_per_execution=1)
        return vae

    expected = trained(new(), [], epochs=3).history
    with pytest.raises(BrokenOffError):
        trained(new(), [BreakAt(1, 1), kvae.callbacks.Checkpoint(tmp_path, every=1)], epochs=2)
    vae = new()
    trained(vae, [kvae.callbacks.Checkpoint(tmp_path, every=1)], epochs=2)
    found = trained(vae, [kvae.callbacks.Checkpoint(tmp_path, every=1)], epochs=3).history
    assert "size" in found
    assert found == expected


def full(times):
    """Return a replacement of os.fsync that finds the disk full for the first `times` calls."""
    left = [times]

    def sync(handle):
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return sync


def test_a_full_disk_warns_and_raises_at_the_end_of_the_training(grey, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full(-1))
    vae = new_vae()
    keep = kvae.callbacks.Checkpoint(tmp_path)
    raised = pytest.raises(OSError, match=r"training is complete, .* No space left")
    with pytest.warns(UserWarning, match=r"training continues: .*No space left"), raised:
        vae.fit(grey[:16], batch_size=8, epochs=2, verbose=0, callbacks=[keep])
    assert int(vae.optimizer.iterations) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"], "makes room"


def test_a_disk_that_was_full_for_a_while_loses_no_training(grey, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full(1))
    with pytest.warns(UserWarning, match="No space left"):
        vae = stopped(grey[:16], [kvae.callbacks.Checkpoint(tmp_path)], batch_size=8)
    assert indices(tmp_path) == ["ckpt-1.index"]
    again = stopped(grey[:16], [kvae.callbacks.Checkpoint(tmp_path)], batch_size=8)
    assert_same(state(again), state(vae))


def test_tensorflow_out_of_space_is_a_full_disk(grey, tmp_path, monkeypatch):
    def write(self, path, options=None):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.train.Checkpoint, "write", write)
    with pytest.warns(UserWarning, match="No space"), pytest.raises(OSError, match="No space"):
        stopped(grey[:8], [kvae.callbacks.Checkpoint(tmp_path)], epochs=1)


HOLD = """
import sys, time
from pathlib import Path
from kvae.callbacks.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


def test_a_second_process_in_the_folder_is_noticed_and_a_killed_one_forgotten(grey, tmp_path):
    other = Process({"code": HOLD}, [tmp_path])
    try:
        while other.output() != "held\n":
            assert other.poll() is None, other.communicate()[1]
            time.sleep(0.01)
        with pytest.raises(
            RuntimeError, match=rf"no other run .* Received: process {other.pid} on"
        ):
            stopped(grey[:8], [kvae.callbacks.Checkpoint(tmp_path)])
    finally:
        other.kill()
        other.communicate()
    stopped(grey[:8], [kvae.callbacks.Checkpoint(tmp_path)], epochs=1)
    assert indices(tmp_path) == ["ckpt-1.index"]


def test_a_second_run_of_the_process_is_noticed_and_an_error_releases_the_folder(grey, tmp_path):
    lock = FolderLock(tmp_path)
    lock.acquire()
    with pytest.raises(RuntimeError, match="another run of this process"):
        stopped(grey[:8], [kvae.callbacks.Checkpoint(tmp_path)])
    lock.release()
    stopped(grey[:8], [kvae.callbacks.Checkpoint(tmp_path), BreakAt(0, 0)], epochs=1)
    stopped(grey[:8], [kvae.callbacks.Checkpoint(tmp_path)], epochs=1)
    assert CheckpointFolder(tmp_path).numbers() == [1]
