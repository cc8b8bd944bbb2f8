"""Run an example of `examples/extend` where a test can follow and kill it.

    python -m tests.examples.extend_run SCRIPT FOLDER EPOCHS

It is the script itself with two changes: fewer digits, and a line in FOLDER/log for each batch.
"""

import importlib.util
import os
import sys
from pathlib import Path

import keras
import numpy as np

import kvae
from tests.helpers import ROOT

EXAMPLES = 160


def load(name):
    """Return the module of an example, whose classes are then registered."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / "extend" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(name, folder, epochs):
    digits, fit = kvae.data.digits, kvae.VAE.fit
    log = os.open(Path(folder, "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def logged_fit(self, x, callbacks, **kwargs):
        note = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: os.write(log, f"{batch}\n".encode())
        )
        history = fit(self, x, callbacks=[note, *callbacks], **kwargs)
        optimizers = [optimizer for optimizer, _ in self.update_groups().values()]
        variables = [v for each in (self, *optimizers) for v in each.variables]
        np.savez(Path(folder, "end.npz"), *[np.array(variable) for variable in variables])
        return history

    kvae.data.digits = lambda: tuple(part[:EXAMPLES] for part in digits())
    kvae.VAE.fit = logged_fit
    load(name).main(folder, epochs)


if __name__ == "__main__":
    main(*sys.argv[1:])
