"""Where does a step of `vae.fit` spend its time?

Variants without parts of the step are timed; a difference is the time of the part. The variants
run in turns, so that changes in the load affect all of them. Processor time is printed beside wall
time, because it depends less on other load.

    python benchmarks/profile_step.py [--rounds 9] [--steps 60]
"""

import argparse
import platform
import statistics
import time

import keras
import numpy as np
import tensorflow as tf

import kvae

BATCH_SIZE, LATENT, PIXELS, HIDDEN = 128, 50, 784, (500, 500)


def make_vae(optimizer=None, **settings):
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(LATENT))
    posterior = kvae.layers.MultivariateNormalDiag(LATENT, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(PIXELS)
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(PIXELS, posterior.params_size, HIDDEN),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(LATENT, likelihood.params_shape, HIDDEN),
        likelihood=likelihood,
    )
    vae.compile(optimizer or keras.optimizers.Adam(1e-3), **settings)
    vae.optimizer.build(vae.trainable_variables)
    return vae


def fit(x, **settings):
    """Return `fit`: data, callbacks, Keras' loop."""
    vae = make_vae(**settings)
    return lambda: vae.fit(x, batch_size=BATCH_SIZE, verbose=0)


def loop(x, step, jit_compile=True):
    """Return a loop of `step` over gathered batches, with many steps per call."""
    data = tf.constant(x)
    one = tf.function(step, jit_compile=jit_compile, autograph=False)

    @tf.function
    def several(rows):
        for index in tf.range(len(rows)):
            one(tf.gather(data, rows[index]))

    def epoch():
        several(tf.random.shuffle(tf.reshape(tf.range(len(x)), (-1, BATCH_SIZE))))

    return epoch


def train_step(vae):
    return lambda batch: vae.train_step((batch,))


def loss_only(vae):
    """Return a step with the loss only: no gradient, no optimizer."""

    def step(batch):
        loss = vae.test_step((batch,))["loss"]
        tf.debugging.assert_all_finite(loss, "")

    return step


def networks_only(vae):
    """Return a step with the networks and their gradients: no distribution, no optimizer."""
    total = tf.Variable(0.0)

    def step(batch):
        with tf.GradientTape() as tape:
            params = vae.encoder(batch, training=True)
            logits = vae.decoder(params[:, :LATENT], training=True)
            loss = tf.reduce_sum(logits)
        gradients = tape.gradient(loss, vae.trainable_variables)
        total.assign_add(tf.add_n([tf.reduce_max(g) for g in gradients if g is not None]))

    return step


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args(argv)
    x = (np.random.default_rng(0).random((options.steps * BATCH_SIZE, PIXELS)) < 0.2).astype("f4")
    variants = {
        "fit, Keras' settings": fit(x, steps_per_execution=1, jit_compile=False),
        "fit, several steps": fit(x, jit_compile=False),
        "fit, XLA": fit(x, steps_per_execution=1, jit_compile=True),
        "fit, XLA, several steps": fit(x, jit_compile=True),
        "train_step in a loop": loop(x, train_step(make_vae())),
        "  with SGD instead of Adam": loop(x, train_step(make_vae(keras.optimizers.SGD(1e-3)))),
        "  loss only": loop(x, loss_only(make_vae())),
        "  networks and gradients only": loop(x, networks_only(make_vae())),
    }
    times = {name: [] for name in variants}
    for number in range(-2, options.rounds):  # two rounds of warm-up
        for name, epoch in variants.items():
            wall, cpu = time.perf_counter(), time.process_time()
            epoch()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if number >= 0:
                times[name].append((1e3 * wall / options.steps, 1e3 * cpu / options.steps))
    print(f"{platform.machine()}, tensorflow {tf.__version__}, keras {keras.__version__}")
    print(f"{'ms per step, median':32s} {'wall':>8s} {'processor':>10s}")
    for name, pairs in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{name:32s} {wall:8.2f} {cpu:10.2f}")


if __name__ == "__main__":
    main()
