"""Do a learned prior and a flow posterior improve on the standard VAE, all else equal?

    python benchmarks/priors_on_digits.py [--seeds 3] [--epochs 150] [--samples 200]

All contenders have the same encoder and decoder (except for the width of the flow's context in the
last layer of the encoder), optimizer, epochs and batches. They differ in the prior or posterior.
The data are scikit-learn's 8x8 digits, binarized at one half, so p(x) is a probability. A seed
determines the split, the initial weights and all samples; all contenders use the same split. The
score is the importance-weighted bound on log p(x) of the test set, in nats per example; the last
column is the paired difference to the standard VAE. Sizes and epochs were chosen on the training
part of seed 0; the seeds here start at 1.
"""

import argparse
import time

import keras
import numpy as np

import kvae
from kvae.export.bundles.machine import machine

LATENT_DIM = 8
HIDDEN = 128
BATCH_SIZE = 64
LEARNING_RATE = 2e-3
STANDARD = "standard VAE"


def parts(name, x_train):
    """Return the class of the posterior layer, its arguments and the prior of a contender."""
    posterior, arguments = kvae.layers.MultivariateNormalDiag, {}
    prior = kvae.priors.StandardNormal(LATENT_DIM)
    if name == "mixture prior":
        prior = kvae.priors.GaussianMixture(LATENT_DIM, num_components=20)
    elif name == "VampPrior":
        prior = kvae.priors.VampPrior(LATENT_DIM, x_train.shape[1:], num_components=50)
        prior.adapt(x_train)
    elif name == "flow prior":
        prior = kvae.priors.Flow(LATENT_DIM)
    elif name == "flow posterior":
        posterior, arguments = kvae.layers.InverseAutoregressiveFlow, {"num_steps": 2}
    return posterior, arguments, prior


CONTENDERS = (STANDARD, "mixture prior", "VampPrior", "flow prior", "flow posterior")


def train(name, x_train, seed, epochs):
    """Return a trained model."""
    keras.utils.set_random_seed(seed)
    posterior, arguments, prior = parts(name, x_train)
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    posterior = posterior(LATENT_DIM, activity_regularizer=kl, **arguments)
    likelihood = kvae.layers.IndependentBernoulli(x_train.shape[1:])
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(
            x_train.shape[1:], posterior.params_size, hidden=(HIDDEN,)
        ),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(LATENT_DIM, likelihood.params_shape, hidden=(HIDDEN,)),
        likelihood=likelihood,
    )
    vae.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE))
    vae.fit(x_train, epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
    return vae


def mean_and_error(values):
    """Return the mean and its standard error as text."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.2f} +- {error:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--samples", type=int, default=200)
    arguments = parser.parse_args()

    bounds = {name: [] for name in CONTENDERS}
    elbos = {name: [] for name in CONTENDERS}
    start = time.perf_counter()
    for seed in range(1, arguments.seeds + 1):
        x_train, x_test = ((x > 0.5).astype("float32") for x in kvae.data.digits(seed=seed))
        for name in CONTENDERS:
            vae = train(name, x_train, seed, arguments.epochs)
            bound = kvae.evaluation.log_likelihood(
                vae, x_test, samples=arguments.samples, seed=seed
            )
            bounds[name].append(bound.mean)
            elbos[name].append(vae.elbo(x_test, seed=seed).mean())
            print(f"seed {seed}, {name}: {bounds[name][-1]:.2f}", flush=True)

    minutes = (time.perf_counter() - start) / 60
    print(
        f"\n{machine()}; {minutes:.1f} minutes; {arguments.epochs} epochs, {arguments.seeds} seeds"
    )
    print("Test set, nats per example, mean +- standard error over seeds:\n")
    print(f"| | bound, {arguments.samples} samples | ELBO | bound minus that of the standard VAE |")
    print("| --- | ---: | ---: | ---: |")
    for name in CONTENDERS:
        gain = np.subtract(bounds[name], bounds[STANDARD])
        cells = [mean_and_error(bounds[name]), mean_and_error(elbos[name])]
        cells.append("" if name == STANDARD else mean_and_error(gain))
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
