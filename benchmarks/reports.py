"""Draw the reports of docs/diagnosis.md: a healthy model, a collapsed one, and one of a table.

python benchmarks/reports.py --output docs/pictures
"""

import argparse
from pathlib import Path

import keras
import numpy as np
import pandas as pd

import kvae

DPI = 60


def digits(weight):
    """Return a VAE of digits with a weight of the KL, held-out digits and their classes."""
    x_train, x_test = kvae.data.digits()
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(4), weight=weight)
    posterior = kvae.layers.MultivariateNormalDiag(4, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(4, likelihood.params_shape),
        likelihood=likelihood,
    )
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit(x_train, epochs=60, batch_size=64, verbose=0)
    return vae, x_train, x_test


def table(rows=4_000):
    """Return a VAE of a made table, and held-out rows: what a person's hidden wealth drives."""
    rng = np.random.default_rng(0)
    wealth, age = rng.standard_normal(rows), rng.integers(18, 80, rows)
    frame = pd.DataFrame(
        {
            "age": age,
            "income": np.exp(10.0 + 0.5 * wealth + 0.01 * age).round(-2),
            "visits": rng.poisson(np.exp(1.0 - 0.4 * wealth)),
            "home": np.where(wealth + rng.standard_normal(rows) > 0.5, "owned", "rented"),
            "city": rng.choice(["Oslo", "Rome", "Lima"], rows),
        }
    )
    schema = kvae.data.TableSchema.infer(frame)
    x = schema.to_array(frame)
    vae = kvae.vae_for(frame, verbose=0, schema=schema)
    vae.fit(x[:3_000], epochs=60, batch_size=64, verbose=0)
    return vae, x[:3_000], x[3_000:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder of the pictures")
    options = parser.parse_args()
    for name, make in {
        "healthy": lambda: digits(1.0),
        "collapsed": lambda: digits(30.0),
        "table": table,
    }.items():
        keras.utils.set_random_seed(0)
        vae, x_train, x_test = make()
        report = kvae.diagnose(vae, x_test, x_train=x_train)
        report.plot().savefig(options.output / f"report-{name}.png", dpi=DPI)
        print(f"{name}\n{report}\n", flush=True)


if __name__ == "__main__":
    main()
