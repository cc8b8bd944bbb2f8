"""Does a hierarchy of latent variables improve on a flat VAE in the same training time?

    python benchmarks/hierarchy_vs_flat.py DATA [--minutes 10] [--samples 500] [--examples 1000]

DATA is `binarized_mnist.npz`, an archive of the statically binarized MNIST with the arrays
`train`, `valid` and `test` of packed bits, (examples, 98) uint8. Both contenders have dense
networks of about as many weights, as many latent dimensions in all, and the same optimizer, batches
and warm-up of the KL. They train in turns of one epoch, each for the same number of minutes on one
machine; the first epoch of each, in which XLA compiles, is not counted. The score is the
importance-weighted bound on log p(x), in nats, on a random part of the test set.
"""

import argparse
import time

import keras
import numpy as np
from quality_rows.data import EVENT, unpacked

import kvae
from kvae.export.bundles.machine import machine

BATCH_SIZE = 128
LEARNING_RATE = 1e-3


def read(path):
    """Return the training and the test set as zeros and ones, (examples, 28, 28, 1)."""
    with np.load(path) as arrays:
        train, valid, test = unpacked(arrays)
    return np.concatenate([train, valid]), test


def warm_up(steps):
    """Return the weight of the KL: from 0.1 to 1 over the first steps."""
    return kvae.regularizers.schedules.Linear(steps, 0.1, 1.0)


def flat(latent_dim, hidden, steps):
    """Return a VAE with one latent vector."""
    kl = kvae.regularizers.KLDivergenceRegularizer(
        kvae.priors.StandardNormal(latent_dim), weight=warm_up(steps)
    )
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(EVENT)
    return kvae.VAE(
        encoder=kvae.networks.mlp_encoder(EVENT, posterior.params_size, hidden),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(latent_dim, likelihood.params_shape, hidden[::-1]),
        likelihood=likelihood,
    )


def hierarchy(latent_dims, width, steps):
    """Return a hierarchy with the same latent dimensions in all."""
    priors = [kvae.priors.StandardNormal(latent_dims[0])]
    priors += [kvae.priors.GivenNormal(dim) for dim in latent_dims[1:]]
    likelihood = kvae.layers.IndependentBernoulli(EVENT)
    return kvae.HierarchicalVAE(
        posteriors=[
            kvae.layers.MultivariateNormalDiag(
                prior.latent_dim,
                activity_regularizer=kvae.regularizers.KLDivergenceRegularizer(
                    prior, weight=warm_up(steps)
                ),
            )
            for prior in priors
        ],
        likelihood=likelihood,
        **kvae.networks.ladder_mlp(EVENT, latent_dims, likelihood.params_shape, width=width),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="path of binarized_mnist.npz")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training for each")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--examples", type=int, default=1000, help="of the test set")
    parser.add_argument("--latent-dims", type=int, nargs="+", default=[16, 16, 16])
    parser.add_argument("--width", type=int, default=300, help="of the hierarchy")
    parser.add_argument("--hidden", type=int, nargs="+", default=[800, 700], help="of the flat VAE")
    parser.add_argument("--warm-up", type=int, default=2000, help="steps")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    x_train, x_test = read(arguments.data)
    chosen = np.random.default_rng(arguments.seed).permutation(len(x_test))[: arguments.examples]
    x_test = x_test[chosen]
    keras.utils.set_random_seed(arguments.seed)
    dims = arguments.latent_dims
    models = {
        "flat": flat(sum(dims), arguments.hidden, arguments.warm_up),
        "hierarchy": hierarchy(dims, arguments.width, arguments.warm_up),
    }
    spent, epochs = dict.fromkeys(models, 0.0), dict.fromkeys(models, 0)
    for model in models.values():
        model.compile(keras.optimizers.Adam(LEARNING_RATE, clipnorm=100.0), jit_compile=True)
    while min(spent.values()) < 60.0 * arguments.minutes:
        for name, model in models.items():
            if spent[name] >= 60.0 * arguments.minutes:
                continue
            start = time.perf_counter()
            logs = model.fit(
                x_train,
                batch_size=BATCH_SIZE,
                initial_epoch=epochs[name],
                epochs=epochs[name] + 1,
                verbose=0,
            ).history
            first = epochs[name] == 0  # it compiles
            spent[name] += 0.0 if first else time.perf_counter() - start
            epochs[name] += 1
            print(
                f"{name}, epoch {epochs[name]}, {spent[name]:.0f} s: {logs['elbo'][0]:.2f}",
                flush=True,
            )

    print(f"\n{machine()}; {arguments.minutes:g} minutes of training for each; {vars(arguments)}")
    print(f"{len(x_test)} examples of the test set, nats per example:\n")
    print(f"| | weights | epochs | bound, {arguments.samples} samples | standard error | ELBO |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    bounds = {}
    for name, model in models.items():
        found = kvae.evaluation.log_likelihood(model, x_test, samples=arguments.samples)
        bounds[name] = found.per_example
        elbo = model.elbo(x_test, seed=0).mean()
        cells = [name, f"{model.count_params():,}", str(epochs[name])]
        cells += [f"{value:.2f}" for value in (found.mean, found.stderr, elbo)]
        print("| " + " | ".join(cells) + " |")
    gain = bounds["hierarchy"] - bounds["flat"]
    print(
        f"\nhierarchy minus flat: {gain.mean():.2f} +- {gain.std() / np.sqrt(len(gain)):.2f} nats"
    )


if __name__ == "__main__":
    main()
