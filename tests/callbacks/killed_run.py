"""A run of `fit` for tests to kill: `python -m tests.callbacks.killed_run FOLDER`."""

import os
import sys
from pathlib import Path

import keras
import numpy as np

import kvae
from tests.small import make_vae

EVERY, BATCHES, EPOCHS = 3, 10, 15


class Content(keras.metrics.Metric):
    """A number that tells the examples of the newest batch from those of others."""

    def __init__(self):
        super().__init__(name="content")
        self.value = self.add_weight(shape=(), initializer="zeros", name="value")

    def update_state(self, y_true, y_pred, sample_weight=None):
        pixels = keras.ops.reshape(keras.ops.cast(y_true, "float32"), (-1, 64))
        weights = keras.ops.cos(keras.ops.arange(64, dtype="float32"))
        self.value.assign(keras.ops.sum(keras.ops.square(pixels @ weights[:, None])))

    def result(self):
        return self.value


class Log(keras.callbacks.Callback):
    """Note each trained batch where a killed process cannot lose it."""

    def __init__(self, path):
        super().__init__()
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        number, steps = self.epoch * BATCHES + batch + 1, int(self.model.optimizer.iterations)
        line = f"{os.getpid()} {number} {steps} {logs['content']!r}\n"
        os.write(self.file, line.encode())


def train(folder, epochs=EPOCHS, keep=True):
    """Train in `folder`, which holds the log, the checkpoints and at the end the weights."""
    x, _ = kvae.data.digits()
    warm_up = kvae.regularizers.schedules.Linear(steps=BATCHES)
    vae = make_vae(weight=warm_up)
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), metrics=[Content()])
    callbacks = [Log(folder / "log")]
    if keep:
        callbacks.append(kvae.callbacks.Checkpoint(folder / "run", every=EVERY))
    vae.fit(
        x[: 16 * BATCHES],
        batch_size=16,
        epochs=epochs,
        validation_data=x[-32:],
        validation_freq=5,
        verbose=0,
        callbacks=callbacks,
    )
    variables = [*vae.variables, *vae.optimizer.variables]
    np.savez(folder / "end.npz", *[np.array(variable) for variable in variables])


if __name__ == "__main__":
    keras.utils.set_random_seed(5)
    train(Path(sys.argv[1]), *map(int, sys.argv[2:]))
