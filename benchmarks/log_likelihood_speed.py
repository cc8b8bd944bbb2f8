"""How long does `kvae.evaluation.log_likelihood` take for the test set of MNIST and 5,000 samples?

    python benchmarks/log_likelihood_speed.py [--examples 304] [--samples 5000]

It measures some examples and prints what 10,000 take. Seconds of the processor are counted, so that
other work on the machine disturbs less: divided by the number of free cores they are the time to
wait. Pixels and weights are random: the time does not depend on them.
"""

import argparse
import os
import time
import warnings

import keras
import numpy as np

import kvae
from kvae.export.bundles.machine import machine

EVENT = (28, 28, 1)
HIDDEN = (500, 500)
LATENT_DIM = 50
TEST_SET = 10_000


def make_vae():
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(LATENT_DIM))
    posterior = kvae.layers.MultivariateNormalDiag(LATENT_DIM, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(EVENT)
    return kvae.VAE(
        encoder=kvae.networks.mlp_encoder(EVENT, posterior.params_size, HIDDEN),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(LATENT_DIM, likelihood.params_shape, HIDDEN),
        likelihood=likelihood,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=304)
    parser.add_argument("--samples", type=int, default=5_000)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "The importance weights of")  # the model is not trained
    keras.utils.set_random_seed(0)
    vae = make_vae()
    x = np.random.default_rng(0).integers(0, 2, (arguments.examples, *EVENT)).astype("float32")
    kvae.evaluation.log_likelihood(vae, x[:16], samples=arguments.samples)

    start, before = time.perf_counter(), os.times()
    kvae.evaluation.log_likelihood(vae, x, samples=arguments.samples)
    after, seconds = os.times(), time.perf_counter() - start
    busy = after.user + after.system - before.user - before.system
    whole = busy * TEST_SET / arguments.examples
    print(machine())
    rate = arguments.examples * arguments.samples / busy
    print(
        f"{arguments.examples} examples, {arguments.samples} samples: {busy:.1f} s of the "
        f"processor, {seconds:.1f} s to wait; {rate:,.0f} decodings a second of one core"
    )
    print(f"{TEST_SET:,} examples: {whole / 60:.1f} minutes of one core, {whole / 120:.1f} of two")


if __name__ == "__main__":
    main()
