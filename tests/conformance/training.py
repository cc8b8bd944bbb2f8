"""Training of every model in processes of their own: one that is killed, and one that resumes.

Each process handles all cases that it is given by name: starting TensorFlow is what takes the time.
What fails is written to a file, by the name of the case.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kvae
from tests.conformance.case import ModelCase, N
from tests.conformance.cases import collect

__all__ = ["killed", "replicated", "resumed"]

BATCH_SIZE = N // 2  # of a run that is killed before its second batch


class Before(keras.callbacks.Callback):
    """Call a function before the second batch is trained."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 1:
            self.function()


def chosen(names):
    return [case for case in collect(ModelCase) if case.id in names]


def killed(folder, names):
    """Train every model in a folder of its name, and die while all of them are being trained.

    Each run of `fit` starts the next one before the batch that it is killed in.
    """
    sys.setrecursionlimit(20_000)
    cases, failures = chosen(names), {}

    def start(index):
        if index == len(cases):
            Path(folder, "killed.json").write_text(json.dumps(failures))
            os.kill(os.getpid(), signal.SIGKILL)
        name = cases[index].id
        try:
            keep = kvae.callbacks.Checkpoint(Path(folder, name), every=1)
            fit(cases[index], [keep, Before(lambda: start(index + 1))])
        except Exception:
            failures[name] = traceback.format_exc()
            start(index + 1)

    start(0)


def fit(case, callbacks):
    """Return the batches that a run trains, its history, and the variables at its end."""
    keras.utils.set_random_seed(5)
    model, x = case.values[0].make(), case.values[0].arrays()
    model.compile(optimizer="adam", run_eagerly=True)
    if not model.same_draws_with_xla:
        # What TFP draws by a sampler of its own was not the same in the next process: the power
        # spherical posterior, whose draws also differ between eager and graph.
        layer = model.posterior_layer
        object.__setattr__(layer, "draw", lambda posterior, *_: layer.point(posterior))
    batches = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(batch)
    )
    callbacks = [count, *callbacks]
    history = model.fit(x, batch_size=BATCH_SIZE, verbose=0, callbacks=callbacks).history
    variables = [*model.variables, *model.optimizer.variables]
    return len(batches), history, {str(i): np.array(each) for i, each in enumerate(variables)}


def resumed(folder, names):
    """Resume every run of `killed`; compare it with one that nobody killed, bit for bit."""

    def check(case):
        keep = kvae.callbacks.Checkpoint(Path(folder, case.id), every=1)
        (left, *found), (_, *expected) = fit(case, [keep]), fit(case, [])
        assert left == 1, f"{left} batches were left"
        for one, other in zip(found, expected, strict=True):
            for name, value in other.items():
                np.testing.assert_array_equal(one[name], value, err_msg=name)

    record(folder, "resumed", names, check)


def replicated(folder, names):
    """Train every model on two replicas from tf.data, and in one process from arrays.

    All random words are the same number, and what TFP draws is the point of the posterior: replicas
    have noise of their own.
    """
    original = kvae.noise.words
    for module in [m for name, m in sys.modules.items() if name.startswith("kvae.")]:
        if getattr(module, "words", None) is original:
            module.words = lambda shape, seed: tf.fill(shape, 2**30)
    kvae.layers.DistributionLayer.draw = lambda layer, posterior, *_: layer.point(posterior)
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def check(case):
        (case,), x = case.values, case.values[0].arrays()
        stream = tf.data.Dataset.from_tensor_slices(x if isinstance(x, dict) else (x,))
        start = case.make().get_weights()
        alone = steps(case, start, x, batch_size=N, run_eagerly=True)
        with mirrored.scope():
            found = steps(case, start, stream.batch(N), jit_compile=False)
        for name, value in alone.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5, err_msg=name)

    record(folder, "replicated", names, check)


def steps(case, start, x, batch_size=None, **compiled):
    """Return the logs and the weights of a step from given weights."""
    keras.utils.set_random_seed(5)
    model = case.make()
    model.set_weights(start)
    model.compile(optimizer=keras.optimizers.SGD(1e-3), **compiled)
    logs = model.fit(x, batch_size=batch_size, shuffle=False, verbose=0).history
    return {**logs, **{str(i): np.array(weight) for i, weight in enumerate(model.weights)}}


def record(folder, name, names, check):
    """Write what fails of a check of each case to `{name}.json`."""
    failures = {}
    for case in chosen(names):
        try:
            check(case)
        except Exception:
            failures[case.id] = traceback.format_exc()
    Path(folder, f"{name}.json").write_text(json.dumps(failures))
