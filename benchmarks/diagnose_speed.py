"""How long does `kvae.diagnose` take? Default: 10,000 images of 28x28, 16 latent dimensions.

    python benchmarks/diagnose_speed.py

The time includes tracing of the graphs, because each run diagnoses a new model. The weights are
random: the time of a diagnosis does not depend on them.
"""

import argparse
import os
import platform
import resource
import statistics
import time

import numpy as np

import kvae

LIMIT_SECONDS = {"mlp": 10.0, "conv": 15.0}  # on two quiet cores


def model(shape, latent_dim, networks):
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent_dim))
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(shape)
    encoder = getattr(kvae.networks, f"{networks}_encoder")
    decoder = getattr(kvae.networks, f"{networks}_decoder")
    return kvae.VAE(
        encoder=encoder(shape, posterior.params_size),
        posterior=posterior,
        decoder=decoder(latent_dim, likelihood.params_shape),
        likelihood=likelihood,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--latent-dim", type=int, default=16)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    shape = (options.size, options.size, 1)
    x = np.random.default_rng(0).uniform(size=(options.examples, *shape)).astype("float32")
    seconds = {"mlp": [], "conv": []}
    for _ in range(options.runs):
        for networks, found in seconds.items():
            vae = model(shape, options.latent_dim, networks)
            start = time.perf_counter()
            kvae.diagnose(vae, x)
            found.append(time.perf_counter() - start)
            print(f"{networks}: {found[-1]:.1f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{options.examples} examples of {options.size}x{options.size}, {options.latent_dim} "
        f"latent dimensions; {os.cpu_count()} cores ({platform.machine()}), load "
        f"{os.getloadavg()[0]:.1f}, peak memory {peak:.0f} MB\n"
    )
    print("| networks | median, s | slowest, s | limit, s |\n| --- | ---: | ---: | ---: |")
    for networks, found in seconds.items():
        middle = statistics.median(found)
        print(f"| {networks} | {middle:.1f} | {max(found):.1f} | {LIMIT_SECONDS[networks]:g} |")


if __name__ == "__main__":
    main()
