"""How much memory does a process keep of a model that was trained and deleted, beside plain Keras?

    python benchmarks/memory_per_model.py [--models 30] [--hidden 64]

Each contender has a process of its own. It builds a model, compiles it, fits one batch, deletes it
and collects garbage, again and again. The value is the growth of the resident memory per model
after the first five, which fill caches.
"""

import argparse
import gc
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

FIRST = 5  # models that are not counted
LATENT_DIM, SHAPE = 8, (8, 8, 1)


def plain_keras(hidden):
    """Return an autoencoder of the same networks as `vae`, compiled."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Flatten(),
            layers.Dense(hidden, "relu"),
            layers.Dense(hidden, "relu"),
            layers.Dense(LATENT_DIM),
            layers.Dense(hidden, "relu"),
            layers.Dense(hidden, "relu"),
            layers.Dense(64),
            layers.Reshape(SHAPE),
        ]
    )
    model.compile("adam", loss="mse", jit_compile=False)
    return model


def vae(hidden):
    """Return a VAE, compiled."""
    import kvae

    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(LATENT_DIM))
    posterior = kvae.layers.MultivariateNormalDiag(LATENT_DIM, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(SHAPE)
    model = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(SHAPE, posterior.params_size, hidden=(hidden, hidden)),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(LATENT_DIM, SHAPE, hidden=(hidden, hidden)),
        likelihood=likelihood,
    )
    model.compile("adam", jit_compile=False)
    return model


CONTENDERS = {"plain Keras": plain_keras, "kvae": vae}


def resident():
    """Return the resident memory of this process in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def grow(name, models, hidden):
    """Print the resident memory after each model, as JSON."""
    import numpy as np

    x = np.random.default_rng(0).uniform(size=(32, *SHAPE)).astype("float32")
    sizes = []
    for _ in range(models):
        model = CONTENDERS[name](hidden)
        target = {} if name == "kvae" else {"y": x}
        model.fit(x, **target, batch_size=32, verbose=0)
        del model
        gc.collect()
        sizes.append(resident())
    print(json.dumps(sizes))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=30)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.models <= FIRST:
        parser.error(f"--models has to be more than {FIRST}")
    if options.contender:
        return grow(options.contender, options.models, options.hidden)
    for _ in range(options.runs):
        for name in CONTENDERS:
            command = [sys.executable, __file__, "--contender", name]
            command += ["--models", str(options.models), "--hidden", str(options.hidden)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
            sizes = json.loads(done.stdout.splitlines()[-1])
            growth = (sizes[-1] - sizes[FIRST - 1]) / (len(sizes) - FIRST) / 1e6
            print(f"{name:12s} {growth:6.2f} MB a model, {sizes[-1] / 1e6:.0f} MB at the end")
    print(f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}")
    return None


if __name__ == "__main__":
    main()
