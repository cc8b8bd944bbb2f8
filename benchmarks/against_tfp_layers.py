"""Does kvae reach at least the likelihood of tfp.layers with the same beta?

Two programs of TFP run with tf_keras and tfp.layers, and with Keras 3 and kvae after changing the
imports and the loss: the convolutional VAE of `Probabilistic_Layers_VAE`, and the mixture density
network of the docstring of `MixtureNormal`. Both run for each seed in one process and are evaluated
on held-out data with the same estimator. TFP's recipe counts the KL twice, so a weight of 0.5 is a
beta of 1.

    python benchmarks/against_tfp_layers.py [--seeds 5] [--epochs 15] [--mnist mnist.npz]
"""

import argparse
import platform

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import kvae

tfd, tfpl = tfp.distributions, tfp.layers
LATENT, BASE = 16, 32


def vae_layers(library, size):
    """Return the layers of the notebook's encoder and decoder for images of `size` x `size`."""
    layers = library.layers
    conv = {"padding": "same", "activation": "leaky_relu" if library is keras else tf.nn.leaky_relu}
    encoder = [
        layers.Conv2D(BASE, 5, strides=1, **conv),
        layers.Conv2D(BASE, 5, strides=2, **conv),
        layers.Conv2D(2 * BASE, 5, strides=1, **conv),
        layers.Conv2D(2 * BASE, 5, strides=2, **conv),
        layers.Conv2D(4 * LATENT, size // 4, strides=1, **{**conv, "padding": "valid"}),
        layers.Flatten(),
        layers.Dense(int(tfpl.MultivariateNormalTriL.params_size(LATENT))),
    ]
    decoder = [
        layers.Reshape((1, 1, LATENT)),
        layers.Conv2DTranspose(2 * BASE, size // 4, strides=1, **{**conv, "padding": "valid"}),
        layers.Conv2DTranspose(2 * BASE, 5, strides=1, **conv),
        layers.Conv2DTranspose(2 * BASE, 5, strides=2, **conv),
        layers.Conv2DTranspose(BASE, 5, strides=1, **conv),
        layers.Conv2DTranspose(BASE, 5, strides=2, **conv),
        layers.Conv2D(1, 5, strides=1, padding="same"),
    ]
    return encoder, decoder


def tfp_vae(x_train, x_test, epochs, seed):
    """Train the VAE of TFP's notebook; return the held-out ELBO in nats."""
    tf_keras.utils.set_random_seed(seed)
    shape = x_train.shape[1:]
    encoder_layers, decoder_layers = vae_layers(tf_keras, shape[0])
    prior = tfd.Independent(tfd.Normal(tf.zeros(LATENT), 1.0), 1)
    kl = tfpl.KLDivergenceRegularizer(prior, use_exact_kl=False, weight=0.5)
    encoder = tf_keras.Sequential(
        [
            tf_keras.layers.InputLayer(shape),
            *encoder_layers,
            tfpl.MultivariateNormalTriL(LATENT, activity_regularizer=kl),
        ]
    )
    decoder = tf_keras.Sequential(
        [
            tf_keras.layers.InputLayer((LATENT,)),
            *decoder_layers,
            tf_keras.layers.Flatten(),
            tfpl.IndependentBernoulli(shape, tfd.Bernoulli.logits),
        ]
    )
    vae = tf_keras.Model(encoder.inputs, decoder(encoder.outputs[0]))
    vae.compile(tf_keras.optimizers.Adam(1e-3), loss=lambda x, likelihood: -likelihood.log_prob(x))
    vae.fit(x_train, x_train, epochs=epochs, batch_size=64, verbose=0)
    q = encoder(x_test)
    z = q.sample(seed=0)
    return float(tf.reduce_mean(decoder(z).log_prob(x_test) - q.log_prob(z) + prior.log_prob(z)))


def kvae_vae(x_train, x_test, epochs, seed):
    """Train the same VAE with kvae; return the held-out ELBO in nats."""
    keras.utils.set_random_seed(seed)
    shape = x_train.shape[1:]
    encoder_layers, decoder_layers = vae_layers(keras, shape[0])
    prior = tfd.Independent(tfd.Normal(tf.zeros(LATENT), 1.0), 1)
    kl = kvae.regularizers.KLDivergenceRegularizer(prior, use_exact_kl=False, weight=1.0)
    posterior = kvae.layers.MultivariateNormalTriL(LATENT, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(shape, tfd.Bernoulli.logits)
    encoder = keras.Sequential([keras.Input(shape), *encoder_layers])
    decoder = keras.Sequential([keras.Input((LATENT,)), *decoder_layers, keras.layers.Flatten()])
    vae = keras.Model(encoder.inputs, decoder(posterior(encoder.outputs[0])))
    vae.compile(
        keras.optimizers.Adam(1e-3),
        loss=kvae.losses.NegativeLogLikelihood(likelihood),
        jit_compile=False,
    )
    vae.fit(x_train, x_train, epochs=epochs, batch_size=64, verbose=0)
    q = posterior.distribution(encoder(x_test))
    z = q.sample(seed=0)
    p = likelihood.distribution(decoder(z))
    return float(tf.reduce_mean(p.log_prob(x_test) - q.log_prob(z) + prior.log_prob(z)))


def cardioid(rng, n=2000):
    """Return the data of the docstring: y given x on a noisy cardioid."""
    t = rng.uniform(-np.pi, np.pi, (n, 1))
    r = 2.0 * (1.0 - np.cos(t))
    noise = rng.normal(0.0, 0.1, (2, n, 1))
    return (r * np.sin(t) + noise[0]).astype("f4"), (r * np.cos(t) + noise[1]).astype("f4")


def tfp_mixture(train, test, epochs, seed):
    """Train TFP's mixture density network; return the held-out log-likelihood in nats."""
    tf_keras.utils.set_random_seed(seed)
    model = tf_keras.Sequential(
        [
            tf_keras.layers.Dense(12, activation="relu"),
            tf_keras.layers.Dense(int(tfpl.MixtureNormal.params_size(5, [1]))),
            tfpl.MixtureNormal(5, [1]),
        ]
    )
    model.compile(tf_keras.optimizers.Adam(0.02), loss=lambda y, d: -d.log_prob(y))
    model.fit(*train, batch_size=100, epochs=epochs, verbose=0)
    return float(tf.reduce_mean(model(test[0]).log_prob(test[1])))


def kvae_mixture(train, test, epochs, seed):
    """Train the same network with kvae; return the held-out log-likelihood in nats."""
    keras.utils.set_random_seed(seed)
    mixture = kvae.layers.MixtureNormal(5, [1])
    model = keras.Sequential(
        [
            keras.layers.Dense(12, activation="relu"),
            keras.layers.Dense(kvae.layers.MixtureNormal.params_size(5, [1])),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), loss=kvae.losses.NegativeLogLikelihood(mixture))
    model.fit(*train, batch_size=100, epochs=epochs, verbose=0)
    return float(tf.reduce_mean(mixture.distribution(model(test[0])).log_prob(test[1])))


def report(name, scores):
    """Print means, standard errors and the paired difference of the two contenders."""
    theirs, ours = np.array(scores).T
    difference = ours - theirs
    error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.nan
    print(
        f"{name:24s} tfp.layers {theirs.mean():8.3f}   kvae {ours.mean():8.3f}   "
        f"kvae - tfp.layers {difference.mean():+.3f} +- {error:.3f} nats ({len(ours)} seeds)"
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--mnist", help="an mnist.npz instead of the bundled 8x8 digits")
    parser.add_argument("--limit", type=int, help="train on this number of images")
    options = parser.parse_args(argv)
    x_train, x_test = kvae.data.mnist(options.mnist) if options.mnist else kvae.data.digits()
    x_train, x_test = x_train[: options.limit], x_test[:1000]
    print(f"{platform.machine()}, {tf.__version__=}, {keras.__version__=}, {len(x_train)} images")
    vaes, mixtures = [], []
    for seed in range(options.seeds):
        arguments = (x_train, x_test, options.epochs, seed)
        vaes.append((tfp_vae(*arguments), kvae_vae(*arguments)))
        rng = np.random.default_rng(seed)
        arguments = (cardioid(rng), cardioid(rng), 2 * options.epochs, seed)
        mixtures.append((tfp_mixture(*arguments), kvae_mixture(*arguments)))
        print(f"seed {seed}: VAE {vaes[-1]}, mixture {mixtures[-1]}", flush=True)
    report("VAE, held-out ELBO", vaes)
    report("mixture, held-out", mixtures)


if __name__ == "__main__":
    main()
