"""Does `fit` of each family take as long as a loop written by hand for the same networks?

The loop has the same Keras networks, the loss of the family in its own formulas, an Adam of Keras
for each group of weights, and 50 steps in one `tf.function`, once with XLA and once without; the
faster counts. kvae runs `compile(optimizer)` and `fit(x)` with default settings. Both take turns in
one process, an epoch each, after a warm-up of both.

    python benchmarks/family_speed.py [--data mnist.npz] [--examples 12800] [--rounds 5]
        [--only factor quantized] [--units 256]
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import kvae

BATCH, STEPS, LATENT = 128, 50, 16
CLASSES, GAMMA, DISCRIMINATOR = 10, 6.0, 128
CODES, DIM = 128, 8
LADDER = (8, 16, 16)


def normal(params):
    """Return mean and standard deviation of packed parameters."""
    loc, raw = tf.split(params, 2, axis=-1)
    return loc, tf.nn.softplus(raw) + 1e-6


def drawn(loc, scale):
    return loc + scale * tf.random.normal(tf.shape(loc))


def kl_standard(loc, scale):
    return tf.reduce_sum(0.5 * (loc**2 + scale**2 - 1.0) - tf.math.log(scale), axis=-1)


def kl_between(loc, scale, prior_loc, prior_scale):
    ratio, apart = scale / prior_scale, (loc - prior_loc) / prior_scale
    return tf.reduce_sum(0.5 * (ratio**2 + apart**2 - 1.0) - tf.math.log(ratio), axis=-1)


def bernoulli(x, logits):
    return tf.reduce_sum(
        tf.nn.sigmoid_cross_entropy_with_logits(tf.reshape(x, tf.shape(logits)), logits),
        axis=list(range(1, len(logits.shape))),
    )


class Family:
    """A model, its inputs, and its losses written by hand; for subclasses."""

    def inputs(self, x):
        """Return the inputs of the model by name."""
        return {"x": x}


class Conditional(Family):
    """A conditional VAE of ten classes, dense."""

    def __init__(self, options):
        kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(LATENT))
        posterior = kvae.layers.MultivariateNormalDiag(LATENT, activity_regularizer=kl)
        likelihood = kvae.layers.IndependentBernoulli((28, 28, 1))
        size = {"hidden": (options.units,) * 2, "condition_dim": CLASSES}
        self.model = kvae.ConditionalVAE(
            kvae.networks.mlp_encoder((28, 28, 1), posterior.params_size, **size),
            posterior,
            kvae.networks.mlp_decoder(LATENT, (28, 28, 1), **size),
            likelihood,
            kvae.conditions.Classes(CLASSES),
        )

    def inputs(self, x):
        """Return the inputs of the model by name."""
        return {"x": x, "condition": np.arange(len(x), dtype="int32") % CLASSES}

    def losses(self, batch):
        """Return the loss of each optimizer and its variables, by the formulas of the paper."""
        condition = tf.one_hot(batch["condition"], CLASSES)
        loc, scale = normal(self.model.encoder([batch["x"], condition]))
        logits = self.model.decoder([drawn(loc, scale), condition])
        loss = bernoulli(batch["x"], logits) + kl_standard(loc, scale)
        return [(tf.reduce_mean(loss), self.model.trainable_variables)]


class Factor(Family):
    """A FactorVAE, dense."""

    def __init__(self, options):
        kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(LATENT))
        posterior = kvae.layers.MultivariateNormalDiag(LATENT, activity_regularizer=kl)
        hidden = (options.units,) * 2
        self.model = kvae.FactorVAE(
            kvae.networks.mlp_encoder((28, 28, 1), posterior.params_size, hidden),
            posterior,
            kvae.networks.mlp_decoder(LATENT, (28, 28, 1), hidden),
            kvae.layers.IndependentBernoulli((28, 28, 1)),
            gamma=GAMMA,
            discriminator_units=DISCRIMINATOR,
        )

    def losses(self, batch):
        """Return the loss of each optimizer and its variables, by the formulas of the paper."""
        model, x = self.model, batch["x"]
        loc, scale = normal(model.encoder(x))
        z = drawn(loc, scale)
        order = tf.argsort(tf.random.uniform((LATENT, tf.shape(z)[0])), axis=1)
        others = tf.transpose(tf.gather(tf.transpose(z), order, batch_dims=1))
        real, fake = model.discriminator(z), model.discriminator(tf.stop_gradient(others))
        ratio = tf.reduce_mean(real)
        loss = tf.reduce_mean(bernoulli(x, model.decoder(z)) + kl_standard(loc, scale))
        error = tf.reduce_mean(tf.nn.softplus(-real) + tf.nn.softplus(fake)) / 2.0
        own = [*model.encoder.trainable_variables, *model.decoder.trainable_variables]
        return [(loss + GAMMA * ratio, own), (error, model.discriminator.trainable_variables)]


class Hierarchical(Family):
    """A hierarchy of three layers, dense."""

    def __init__(self, options):
        kl = kvae.regularizers.KLDivergenceRegularizer
        layer, priors = kvae.layers.MultivariateNormalDiag, kvae.priors
        first = layer(LADDER[0], activity_regularizer=kl(priors.StandardNormal(LADDER[0])))
        rest = [layer(d, activity_regularizer=kl(priors.GivenNormal(d))) for d in LADDER[1:]]
        networks = kvae.networks.ladder_mlp((28, 28, 1), LADDER, (28, 28, 1), options.units)
        self.model = kvae.HierarchicalVAE(
            posteriors=[first, *rest],
            likelihood=kvae.layers.IndependentBernoulli((28, 28, 1)),
            **networks,
        )

    def losses(self, batch):
        """Return the loss of each optimizer and its variables, by the formulas of the paper."""
        model = self.model
        features = model.encoder(batch["x"])
        loc, scale = normal(features[0])
        loss, z = kl_standard(loc, scale), drawn(loc, scale)
        state = model.state_networks[0](z)
        for index in range(1, len(LADDER)):
            given = model.prior_networks[index - 1](state)
            shift = model.posterior_networks[index - 1]([state, features[index]])
            loc, scale = normal(given + shift)
            loss += kl_between(loc, scale, *normal(given))
            state = model.state_networks[index]([state, drawn(loc, scale)])
        loss += bernoulli(batch["x"], model.decoder(state))
        return [(tf.reduce_mean(loss), model.trainable_variables)]


class Quantized(Family):
    """A VQ-VAE, convolutional, with moving averages for a codebook."""

    def __init__(self, options):
        quantizer = kvae.layers.VectorQuantizer(CODES, DIM)
        self.model = kvae.QuantizedVAE(
            kvae.networks.grid_encoder((28, 28, 1), DIM),
            quantizer,
            kvae.networks.grid_decoder((7, 7, DIM), (28, 28, 1)),
            kvae.layers.IndependentBernoulli((28, 28, 1)),
        )
        self.book = tf.Variable(tf.random.normal((CODES, DIM)))
        self.uses, self.sums = tf.Variable(tf.zeros(CODES)), tf.Variable(tf.zeros((CODES, DIM)))

    def losses(self, batch):
        """Return the loss of each optimizer and its variables, by the formulas of the paper."""
        vectors = self.model.encoder(batch["x"])
        flat = tf.reshape(vectors, [-1, DIM])
        square = tf.reduce_sum(self.book**2, axis=1)
        codes = tf.argmin(square - 2.0 * flat @ tf.transpose(self.book), axis=1)
        nearest = tf.reshape(tf.gather(self.book, codes), tf.shape(vectors))
        logits = self.model.decoder(vectors + tf.stop_gradient(nearest - vectors))
        apart = tf.reduce_sum((vectors - tf.stop_gradient(nearest)) ** 2, axis=[1, 2, 3])
        loss = tf.reduce_mean(bernoulli(batch["x"], logits) + 0.25 * apart)
        chosen = tf.one_hot(codes, CODES)
        self.uses.assign(0.99 * self.uses + 0.01 * tf.reduce_sum(chosen, axis=0))
        self.sums.assign(0.99 * self.sums + 0.01 * tf.transpose(chosen) @ flat)
        idle = self.uses < 0.03 * tf.reduce_mean(self.uses)
        rows = tf.random.uniform((CODES,), 0, tf.shape(flat)[0], tf.int32)
        self.uses.assign(tf.where(idle, tf.reduce_mean(self.uses), self.uses))
        fresh = tf.gather(flat, rows) * self.uses[:, None]
        self.sums.assign(tf.where(idle[:, None], fresh, self.sums))
        self.book.assign(self.sums / self.uses[:, None])
        own = [*self.model.encoder.trainable_variables, *self.model.decoder.trainable_variables]
        return [(loss, own)]


FAMILIES = {
    "conditional": Conditional,
    "factor": Factor,
    "hierarchical": Hierarchical,
    "quantized": Quantized,
}


def loop(family, inputs, jit_compile):
    """Return a function that trains an epoch by hand."""
    data = {name: tf.constant(value) for name, value in inputs.items()}
    example = {name: value[:2] for name, value in data.items()}
    groups = [variables for _, variables in family.losses(example)]
    optimizers = [keras.optimizers.Adam(1e-3) for _ in groups]
    for optimizer, variables in zip(optimizers, groups, strict=True):
        optimizer.build(variables)

    def step(data, rows):
        batch = {name: tf.gather(value, rows) for name, value in data.items()}
        with tf.GradientTape(persistent=True) as tape:
            losses = family.losses(batch)
        for optimizer, (loss, variables) in zip(optimizers, losses, strict=True):
            optimizer.apply(tape.gradient(loss, variables), variables)
        return losses[0][0]

    @tf.function(jit_compile=jit_compile)
    def several(data, rows):
        loss = tf.constant(0.0)
        for index in tf.range(len(rows)):
            loss += step(data, rows[index])
        return loss

    rng, count = np.random.default_rng(0), len(next(iter(inputs.values())))

    def epoch():
        rows = rng.permutation(count)[: count // BATCH * BATCH].reshape(-1, BATCH).astype("int32")
        for start in range(0, len(rows), STEPS):
            loss = several(data, tf.constant(rows[start : start + STEPS]))
        return float(loss)

    return epoch


def fit(family, inputs, warm_up):
    """Return a function that trains an epoch by kvae."""
    model = family.model
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(inputs, batch_size=BATCH, epochs=warm_up, verbose=0)  # long enough to choose XLA
    return lambda: model.fit(inputs, batch_size=BATCH, verbose=0)


def seconds(function):
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        function()
    return time.perf_counter() - start


def measure(name, options, x):
    """Return the median seconds of an epoch of each contender."""
    make = FAMILIES[name]
    families = [make(options) for _ in range(3)]
    inputs = families[0].inputs(x)
    warm_up = 1 if options.examples < 1000 else 1 + 500 * BATCH // len(x)
    contenders = {
        "kvae": fit(families[0], inputs, warm_up),
        "by hand": loop(families[1], inputs, jit_compile=False),
        "by hand, XLA": loop(families[2], inputs, jit_compile=True),
    }
    for function in contenders.values():
        function()
    taken = {key: [] for key in contenders}
    for _ in range(options.rounds):
        for key, function in contenders.items():
            taken[key].append(seconds(function))
    return {key: statistics.median(values) for key, values in taken.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="an .npz with x_train (n, 28, 28); random pixels otherwise")
    parser.add_argument("--examples", type=int, default=12_800)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--only", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.data:
        with np.load(options.data) as arrays:
            x = arrays["x_train"][: options.examples, ..., None].astype("float32") / 255.0
    else:
        x = np.random.default_rng(0).random((options.examples, 28, 28, 1), "float32")
    found = {name: measure(name, options, x) for name in options.only}
    if options.json:
        print(json.dumps(found))
        return
    print("| family | kvae | by hand | by hand, XLA | kvae takes |\n|---|---|---|---|---|")
    for name, times in found.items():
        best = min(times["by hand"], times["by hand, XLA"])
        cells = " | ".join(f"{value:.2f} s" for value in times.values())
        print(f"| {name} | {cells} | {times['kvae'] / best:.2f} times the best |")


if __name__ == "__main__":
    main()
