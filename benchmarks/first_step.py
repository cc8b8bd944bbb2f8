"""How long does `fit` take to its first step, and how much memory, beside plain Keras?

    python benchmarks/first_step.py [--rounds 5] [--epochs 3] [--write]

The contenders are a VAE and a plain Keras autoencoder of the same layers (784-500-500, 50 latent
dimensions, batch 128), both given x alone, under the same settings: arrays and `tf.data`, with and
without XLA. Each run is a process of its own, and the contenders take turns. The time starts with
the call of `fit` and ends with the first step that the callbacks see. The memory is the peak
resident memory of the process, after the first epoch and after the last.

`--write` writes the report to its section of `benchmarks/SPEED.md`.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from page import replace_section

HERE = Path(__file__).parent
REPORT = HERE / "SPEED.md"
CONTENDERS = ("kvae", "Keras")
DATA, XLA = ("arrays", "tf.data"), (False, True)
SIZE, HIDDEN, LATENT_DIM, BATCH_SIZE = 784, 500, 50, 128
TIME_TARGET, MEMORY_TARGET = 1.30, 1.10


def layers(keras, outputs):
    """Return the hidden layers and the last layer of an encoder or a decoder."""
    hidden = [keras.layers.Dense(HIDDEN, activation="relu") for _ in range(2)]
    return [*hidden, keras.layers.Dense(outputs)]


def autoencoder():
    """Return a plain Keras autoencoder whose loss is of x, so that x is held once."""
    import keras

    class Autoencoder(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return keras.ops.mean(keras.losses.binary_crossentropy(x, y_pred, from_logits=True))

    return Autoencoder([keras.Input((SIZE,)), *layers(keras, LATENT_DIM), *layers(keras, SIZE)])


def vae():
    """Return a VAE of the same layers."""
    import keras

    import kvae

    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(LATENT_DIM))
    posterior = kvae.layers.MultivariateNormalDiag(LATENT_DIM, activity_regularizer=kl)
    model = kvae.VAE(
        encoder=keras.Sequential([keras.Input((SIZE,)), *layers(keras, posterior.params_size)]),
        posterior=posterior,
        decoder=keras.Sequential([keras.Input((LATENT_DIM,)), *layers(keras, SIZE)]),
        likelihood=kvae.layers.IndependentBernoulli((SIZE,)),
    )
    return model


def peak():
    """Return the peak resident memory of this process in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run(name, data, xla, examples, epochs):
    """Train, and print the seconds to the first step and the peaks of the memory, as JSON."""
    import keras
    import numpy as np

    class Watch(keras.callbacks.Callback):
        """Keeps the time and the processor time of the first step, and the peak of each epoch."""

        wall, cpu, peaks = None, None, ()

        def on_train_batch_end(self, batch, logs=None):
            if self.wall is None:
                self.wall, self.cpu = time.perf_counter(), time.process_time()

        def on_epoch_end(self, epoch, logs=None):
            self.peaks = (*self.peaks, peak())

    rng = np.random.default_rng(0)
    x = (rng.random((examples, SIZE), "float32") < 0.2).astype("float32")
    model = vae() if name == "kvae" else autoencoder()
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=xla)
    batches = {"batch_size": BATCH_SIZE}
    if data == "tf.data":
        import tensorflow as tf

        x = tf.data.Dataset.from_tensor_slices(x).shuffle(1024).batch(BATCH_SIZE)
        batches = {}
    watch = Watch()
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(x, **batches, epochs=epochs, verbose=0, callbacks=[watch])
    print(
        json.dumps(
            {
                "wall": watch.wall - wall,
                "cpu": watch.cpu - cpu,
                "first": watch.peaks[0],
                "last": watch.peaks[-1],
            }
        )
    )


def race(options):
    """Return the values of all runs by contender, data and XLA."""
    cases = list(itertools.product(DATA, XLA, CONTENDERS))
    values = {case: [] for case in cases}
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(HERE.parent)}
    for number, (data, xla, name) in itertools.product(range(options.rounds), cases):
        command = [sys.executable, __file__, "--contender", name, "--data", data]
        command += ["--examples", str(options.examples), "--epochs", str(options.epochs)]
        command += ["--xla"] if xla else []
        done = subprocess.run(command, capture_output=True, text=True, env=environment)  # noqa: S603
        if done.returncode:
            raise SystemExit(done.stderr)
        values[data, xla, name].append(json.loads(done.stdout.splitlines()[-1]))
        print(f"  round {number + 1}: {name}, {data}, XLA {xla}: {done.stdout.strip()}", flush=True)
    return values


def table(values, options):
    """Return the report as lines."""
    lines = [
        "## Before the first step",
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"{options.examples:,} examples, medians of {options.rounds} rounds. Targets, times plain "
        f"Keras: {TIME_TARGET:.2f} of the seconds, {MEMORY_TARGET:.2f} of the memory.",
        "",
        "| data | XLA | | s to the first step | processor s | GiB, first epoch | "
        f"GiB, epoch {options.epochs} |",
        "|---|---|---|---|---|---|---|",
    ]
    keys = ("wall", "cpu", "first", "last")
    for data, xla in itertools.product(DATA, XLA):
        rows = {
            name: [statistics.median(run[key] for run in values[data, xla, name]) for key in keys]
            for name in CONTENDERS
        }
        rows["times"] = [ours / theirs for ours, theirs in zip(*rows.values(), strict=True)]
        for name, row in rows.items():
            shown = " | ".join(f"{value:.2f}" for value in row)
            lines.append(f"| {data} | {'yes' if xla else 'no'} | {name} | {shown} |")
    return lines


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--examples", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--data", choices=DATA, help=argparse.SUPPRESS)
    parser.add_argument("--xla", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.contender:
        run(options.contender, options.data, options.xla, options.examples, options.epochs)
        return
    lines = table(race(options), options)
    print("\n".join(lines))
    if options.write:
        replace_section(REPORT, "first step", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
