"""Twenty kinds of models for `verdicts.py`: data, networks, likelihood, posterior and prior.

Not a program. The kinds of `CALIBRATION` set the thresholds of the verdict; those of `HELD_OUT`
have no part in it.
"""

import csv
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import kvae

EXAMPLES = 1_500
STEPS = 1_500  # of training
BATCH = 64

# What is done to a model, and the state that it is then in.
ARMS = {
    "full VAE": "healthy",
    "KL alone": "posterior_collapse",
    "never trained": "untrained",
    "no KL": "discontinuous",
    "no sampling": "deterministic_encoder",
    "plain autoencoder": "deterministic_encoder",
    "high beta": "over_regularized",
}


@dataclass(frozen=True)
class Kind:
    """One kind of model.

    Attributes:
        data: (folder, rng) -> examples.
        networks: (event_shape, params_size, latent_dim, params_shape) -> encoder and decoder.
        likelihood: (examples) -> distribution layer.
        latent_dim: number of latent dimensions.
        high_beta: weight of the KL of the over-regularized arm; a weight at which the model still
            uses its codes.
        posterior: class of the posterior layer.
        prior: (latent_dim, examples) -> the prior.
        features: (examples) -> what stands before the encoder, or None.
    """

    data: Any
    networks: Any
    likelihood: Any
    latent_dim: int = 6
    high_beta: float = 4.0
    posterior: Any = kvae.layers.MultivariateNormalDiag
    prior: Any = lambda latent_dim, x: kvae.priors.StandardNormal(latent_dim)
    features: Any = lambda x: None

    def make(self, x: Any, weight: float) -> Any:
        """Return a new model with a weight of the KL."""
        kl = kvae.regularizers.KLDivergenceRegularizer(
            self.prior(self.latent_dim, x), weight=weight
        )
        posterior = self.posterior(self.latent_dim, activity_regularizer=kl)
        likelihood = self.likelihood(x)
        shape, params = likelihood.event_shape, likelihood.params_shape
        encoder, decoder = self.networks(shape, posterior.params_size, self.latent_dim, params)
        return kvae.VAE(encoder, posterior, decoder, likelihood, features=self.features(x))


# -- networks ------------------------------------------------------------------------------------


def dense(shape, params_size, latent_dim, params_shape):
    return (
        kvae.networks.mlp_encoder(shape, params_size, hidden=(64, 64)),
        kvae.networks.mlp_decoder(latent_dim, params_shape, hidden=(64, 64)),
    )


def conv(shape, params_size, latent_dim, params_shape):
    return (
        kvae.networks.conv_encoder(shape, params_size, filters=(16, 32), dense=64),
        kvae.networks.conv_decoder(latent_dim, params_shape, filters=(32, 16), dense=64),
    )


def residual(shape, params_size, latent_dim, params_shape):
    return (
        kvae.networks.residual_encoder(shape, params_size, filters=(16, 32), dense=64),
        kvae.networks.residual_decoder(latent_dim, params_shape, filters=(32, 16), dense=64),
    )


def residual_dense(shape, params_size, latent_dim, params_shape):
    return (
        kvae.networks.residual_mlp_encoder(shape, params_size, width=64),
        kvae.networks.residual_mlp_decoder(latent_dim, params_shape, width=64),
    )


def sequence(kind):
    def make(shape, params_size, latent_dim, params_shape):
        size = {"kind": kind, "units": 32, "filters": (16, 32)}
        return (
            kvae.networks.sequence_encoder(shape, params_size, **size),
            kvae.networks.sequence_decoder(
                latent_dim, params_shape, **{**size, "filters": (32, 16)}
            ),
        )

    return make


# -- data ----------------------------------------------------------------------------------------


def some(x, rng):
    return x[rng.permutation(len(x))[:EXAMPLES]]


def digits(folder, rng):
    return some(np.concatenate(kvae.data.digits()), rng)


def counted_digits(folder, rng):
    return np.rint(16.0 * digits(folder, rng))


def sprites(folder, rng):
    return kvae.data.sprites(EXAMPLES, 16, seed=int(rng.integers(1_000))).images


def large_sprites(folder, rng):
    return kvae.data.sprites(EXAMPLES, 32, seed=int(rng.integers(1_000))).images


def faces(folder, rng):
    return kvae.data.faces(EXAMPLES, 32, seed=int(rng.integers(1_000))).images


def pixels(name, array="x_train", size=None):
    def read(folder, rng):
        x = some(np.load(folder / f"{name}.npz")[array], rng)
        x = x.reshape(*x.shape[:3], -1)
        return x if size is None else x[:, :: x.shape[1] // size, :: x.shape[2] // size]

    return read


def grey(name, array="x_train", size=None):
    def read(folder, rng):
        return pixels(name, array, size)(folder, rng).astype("float32") / 255.0

    return read


def binary(name, array="x_train", size=None):
    def read(folder, rng):
        return (grey(name, array, size)(folder, rng) > 0.5).astype("float32")

    return read


ADULT_NUMBERS, ADULT_CLASSES = (0, 4, 12), (5, 7, 9)


def adult(folder, rng):
    """Age, years of school, hours a week; marital status, relationship and sex as classes."""
    with open(folder / "adult_train.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file, skipinitialspace=True) if len(row) == 15]
    rows = [rows[place] for place in rng.permutation(len(rows))[:EXAMPLES]]
    numbers = np.array([[float(row[place]) for place in ADULT_NUMBERS] for row in rows])
    numbers = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    classes = [np.unique([row[i] for row in rows], return_inverse=True)[1] for i in ADULT_CLASSES]
    return np.concatenate([numbers, np.stack(classes, axis=1)], axis=1).astype("float32")


def adult_columns(x):
    number = kvae.layers.IndependentNormal
    columns = [number(name=f"number_{place}", min_scale=0.05) for place in range(3)]
    for place in range(3, 6):
        classes = int(x[:, place].max()) + 1
        layer = kvae.layers.IndependentCategorical((), classes, name=f"class_{place}")
        columns.append(layer)
    return kvae.layers.Columns(columns)


def anomaly_set(name):
    def read(folder, rng):
        with np.load(folder / "anomaly" / f"{name}.npz") as loaded:
            x = some(loaded["X"][loaded["y"] == 0], rng)
        return ((x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-6)).astype("float32")

    return read


def mixed_counts(folder, rng):
    """Four columns of counts with different rates that two hidden numbers drive."""
    hidden = rng.standard_normal((EXAMPLES, 2))
    log_rate = 1.5 + hidden @ np.array([[1.0, 0.5, 0.0, -0.7], [0.0, 0.6, 0.9, 0.4]])
    return rng.poisson(np.exp(log_rate)).astype("float32")


def windows(folder, rng):
    """Windows of 48 steps of the temperature of a machine."""
    path = folder / "nab" / "machine_temperature_system_failure.csv"
    with open(path, newline="", encoding="utf-8") as file:
        values = np.array([float(row["value"]) for row in csv.DictReader(file)])
    values = (values - values.mean()) / values.std()
    starts = rng.integers(len(values) - 48, size=EXAMPLES)
    return values[starts[:, None] + np.arange(48)][..., None].astype("float32")


def waves(folder, rng):
    """Three channels of 32 steps: sines of a common phase and frequency, with noise."""
    phase, frequency = rng.uniform(0, 6.3, (EXAMPLES, 1)), rng.uniform(0.1, 0.6, (EXAMPLES, 1))
    angle = phase + frequency * np.arange(32)
    clean = np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle)], axis=-1)
    return (clean + 0.1 * rng.standard_normal(clean.shape)).astype("float32")


# -- likelihoods ---------------------------------------------------------------------------------


def bernoulli(x):
    return kvae.layers.IndependentBernoulli(x.shape[1:])


def normal(x):
    return kvae.layers.IndependentNormal(x.shape[1:], min_scale=0.05)


def fixed_normal(x):
    return kvae.layers.NormalLikelihood(x.shape[1:], scale=0.1)


def optimal_normal(x):
    return kvae.layers.NormalLikelihood(x.shape[1:], scale="optimal")


def logistic_pixels(x):
    layer = kvae.layers.DiscretizedLogistic(x.shape[1:])
    return kvae.layers.Transformed(layer, kvae.transforms.Pixels())


def poisson(x):
    return kvae.layers.IndependentPoisson(x.shape[1:])


def negative_binomial(x):
    return kvae.layers.IndependentNegativeBinomial(x.shape[1:])


def student_t(x):
    return kvae.layers.IndependentStudentT(x.shape[1:], min_scale=0.05)


def mixture(latent_dim, x):
    return kvae.priors.GaussianMixture(latent_dim, 10)


CALIBRATION = {
    "digits, dense, Bernoulli": Kind(digits, dense, bernoulli, high_beta=2.0),
    "sprites, dense, Bernoulli": Kind(sprites, dense, bernoulli),
    "MNIST, convolutional, Bernoulli": Kind(binary("mnist"), conv, bernoulli),
    "Fashion, dense, discretized logistic": Kind(pixels("fashion_mnist"), dense, logistic_pixels),
    "Olivetti, dense, optimal scale": Kind(grey("olivetti", "x", 32), dense, optimal_normal),
    "Adult, residual dense, columns": Kind(adult, residual_dense, adult_columns, 4, 2.0),
    "counts, dense, Poisson": Kind(
        mixed_counts, dense, poisson, 3, 2.0, features=lambda x: kvae.transforms.Log()
    ),
    "windows, convolutional, learned scale": Kind(windows, sequence("conv"), normal, 4),
    "faces, convolutional, fixed scale": Kind(faces, conv, fixed_normal),
    "digits, dense, full covariance": Kind(
        digits, dense, bernoulli, 4, 2.0, kvae.layers.MultivariateNormalTriL
    ),
}
HELD_OUT = {
    "Frey, dense, optimal scale": Kind(grey("freyfaces", "x"), dense, optimal_normal),
    "Frey, convolutional, discretized logistic": Kind(
        pixels("freyfaces", "x"), conv, logistic_pixels
    ),
    "Fashion, convolutional, Bernoulli": Kind(binary("fashion_mnist"), conv, bernoulli),
    "emoji, residual, discretized logistic": Kind(
        pixels("emoji64", "x", 16), residual, logistic_pixels, 8
    ),
    "MNIST, dense, learned mixture prior": Kind(
        binary("mnist"), dense, bernoulli, 6, 4.0, prior=mixture
    ),
    "optdigits, residual dense, Student t": Kind(
        anomaly_set("26_optdigits"), residual_dense, student_t, 8
    ),
    "pendigits, dense, learned scale": Kind(anomaly_set("28_pendigits"), dense, normal, 4),
    "waves, GRU, learned scale": Kind(waves, sequence("gru"), normal, 4),
    "digits, dense, negative binomial": Kind(counted_digits, dense, negative_binomial, 6, 2.0),
    "large sprites, residual, flow posterior": Kind(
        large_sprites, residual, bernoulli, 5, 4.0, kvae.layers.InverseAutoregressiveFlow
    ),
}
KINDS = {**CALIBRATION, **HELD_OUT}


# -- training ------------------------------------------------------------------------------------


def trained(kind: Kind, arm: str, x: Any, seed: int) -> Any:
    """Return a model of a kind with what its arm does to it."""
    keras.utils.set_random_seed(seed)
    if arm in ("full VAE", "high beta", "no KL"):
        weight = {"full VAE": 1.0, "high beta": kind.high_beta, "no KL": 0.0}[arm]
        vae = kind.make(x, weight)
        vae.compile(keras.optimizers.Adam(2e-3))
        vae.fit(x, batch_size=BATCH, epochs=max(1, STEPS * BATCH // len(x)), verbose=0)
        return vae
    vae = kind.make(x, 0.0 if arm == "plain autoencoder" else 1.0)
    if arm != "never trained":
        _train(vae, x, seed, sampling=False, reconstruction=arm != "KL alone")
    return vae


def _train(vae: Any, x: Any, seed: int, sampling: bool, reconstruction: bool) -> None:
    """Train a model without one of its parts, by a loop of its own."""
    optimizer, data = keras.optimizers.Adam(2e-3), tf.constant(x)
    optimizer.build(vae.trainable_variables)
    beta = vae.posterior_layer.regularizer.weight

    @tf.function(autograph=False)
    def step(rows: Any, key: Any) -> None:
        batch = tf.gather(data, rows)
        with tf.GradientTape() as tape:
            inputs, _ = vae.named_inputs().unpack(batch)
            latent = vae.infer(inputs, key, training=True)["z"]
            loss = beta * tf.reduce_mean(latent.kl())
            if reconstruction:
                z = latent.value if sampling else latent.posterior.mean()
                likelihood = vae.generate({"z": z}, training=True)
                loss -= tf.reduce_mean(likelihood.log_prob(inputs["x"]))
        gradients = tape.gradient(loss, vae.trainable_variables)
        pairs = zip(gradients, vae.trainable_variables, strict=True)
        optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])

    rng = np.random.default_rng(seed)
    for place in range(STEPS):
        rows = rng.permutation(len(x))[:BATCH]
        step(tf.constant(rows), tf.constant([seed, place]))
