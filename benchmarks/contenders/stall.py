"""Train epochs of a given length and record the idle time of the process.

Keras' `fit` on TensorFlow can stall at the end of an epoch, with the process idle, if tf.data's
autotuner is on. A thread measures the processor time of the process 50 times per second.
"""

import argparse
import json
import math
import os
import statistics
import threading
import time

import keras
import numpy as np
import tensorflow as tf

import kvae

LOOK = 0.02  # seconds
ASLEEP = 0.05  # share of one core below which the process is idle
WARM_UP = 6  # epochs of 100 batches: long enough that kvae chooses XLA, as in the measured run
MARGIN = 1.15  # factor that makes epochs no shorter than requested


class Watch(threading.Thread):
    """Records the longest idle time since `begin`."""

    def __init__(self):
        super().__init__(daemon=True)
        self.longest = 0.0
        self.on = False

    def run(self):
        """Measure until the process ends."""
        since = last = time.perf_counter()
        used = time.process_time()
        while True:
            time.sleep(LOOK)
            now, cpu = time.perf_counter(), time.process_time()
            if cpu - used > ASLEEP * (now - last):
                since = now
            if self.on:
                self.longest = max(self.longest, now - since)
            last, used = now, cpu


class Epochs(keras.callbacks.Callback):
    """Records the time between the ends of two epochs."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        """Record the time."""
        self.ends.append(time.perf_counter())


def make_vae():
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(50))
    posterior = kvae.layers.MultivariateNormalDiag(50, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(784)
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(784, posterior.params_size, (500, 500)),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(50, likelihood.params_shape, (500, 500)),
        likelihood=likelihood,
    )
    vae.compile("adam")
    return vae


def fit(vae, data, x, autotune, epochs, callbacks):
    """Train with kvae's `fit`; with autotune, with that of Keras."""
    if data == "tf.data":
        x = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x)).batch(128).prefetch(2)
        x = x.map(lambda batch: (batch,))
    arguments = {"epochs": epochs, "verbose": 0, "callbacks": callbacks}
    arguments |= {"batch_size": 128} if data == "array" else {}
    if not autotune:
        return vae.fit(x, **arguments)
    return keras.Model.fit(vae, x, **arguments)  # bypasses kvae's input pipeline


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=("array", "tf.data"), required=True)
    parser.add_argument("--autotune", choices=("on", "off"), required=True)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    vae, autotune = make_vae(), options.autotune == "on"
    x = (np.random.default_rng(0).random((12_800, 784)) < 0.2).astype("uint8")
    fit(vae, options.data, x, autotune, WARM_UP, [])
    started = time.perf_counter()
    fit(vae, options.data, x, autotune, 2, [])
    seconds = (time.perf_counter() - started) / 2
    x = np.tile(x, (math.ceil(MARGIN * options.seconds / seconds), 1))
    watch, epochs = Watch(), Epochs()
    watch.start()
    begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: setattr(watch, "on", True))
    fit(vae, options.data, x, autotune, options.epochs, [begin, epochs])
    longest = watch.longest
    lengths = np.diff(epochs.ends)
    median = statistics.median(lengths)
    said = {"sleep": longest, "excess": max(lengths) - median, "median": median}
    print(json.dumps({**said, "cores": os.cpu_count()}))


if __name__ == "__main__":
    main()
