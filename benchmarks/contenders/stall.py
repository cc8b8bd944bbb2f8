"""Train epochs of a given length and watch the process: does it ever sleep?

Keras' `fit` on TensorFlow can stand still when an epoch ends, the process asleep, while tf.data's
autotuner is on. A thread looks 50 times a second at how much of the processor the process used.
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
ASLEEP = 0.05  # of one core
WARM_UP = 6  # epochs of 100 batches: long enough that kvae has XLA compile, as in the run itself
MARGIN = 1.15  # an epoch is to be no shorter than asked for


class Watch(threading.Thread):
    """Keeps the longest time without work since `begin`."""

    def __init__(self):
        super().__init__(daemon=True)
        self.longest = 0.0
        self.on = False

    def run(self):
        """Look until the process ends."""
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
    """Takes the time from one epoch's end to the next one's."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        """Note the time."""
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
    """Train as a user of kvae does; with autotune, as a user of any Keras model does."""
    if data == "tf.data":
        x = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x)).batch(128).prefetch(2)
        x = x.map(lambda batch: (batch,))
    arguments = {"epochs": epochs, "verbose": 0, "callbacks": callbacks}
    arguments |= {"batch_size": 128} if data == "array" else {}
    if not autotune:
        return vae.fit(x, **arguments)
    return keras.Model.fit(vae, x, **arguments)  # past kvae's own feed


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
