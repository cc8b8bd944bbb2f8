"""Do pairs that differ in one factor disentangle sprites, compared with single images?

    python benchmarks/weak_supervision.py [--seeds 1 2 3 4 5] [--contenders "PairVAE" "VAE"]

All contenders have the same encoder, decoder, optimizer, images, and number of images in a step;
they differ in whether they are told the pairs, and in the penalty. A seed determines the images,
the initial weights and all draws. The scores are those of docs/disentanglement.md, on 10,000 other
sprites and posterior samples.
"""

import argparse
import time

import keras
import numpy as np

import kvae
from kvae.evaluation.disentanglement import factor_vae_score, mig
from kvae.export.bundles.machine import machine

LATENT_DIM = 8
TEST_SEED = 1_000_000  # of the test sprites, the same for every model
TCVAE = "beta-TCVAE"
CONTENDERS = ("PairVAE", "PairVAE, changed=1", TCVAE, "VAE")


def penalty_of(name, options):
    """Return the regularizer of a contender's posterior.

    Over the first half of the training the weight of the KL decreases to 1: with a large weight
    only factors that change many pixels are encoded, each in one dimension.
    """
    steps = options.pairs // options.batch_size * options.epochs
    prior = kvae.priors.StandardNormal(LATENT_DIM)
    start = 1.0 if name == "VAE" else 10.0 if name == TCVAE else options.kl_start
    weight = kvae.regularizers.schedules.Linear(max(steps // 2, 1), start, 1.0)
    kl = kvae.regularizers.KLDivergenceRegularizer(prior, weight=weight)
    if name != TCVAE:
        return kl
    # beta and the first weight of examples/disentangle.py
    return kl + kvae.regularizers.TotalCorrelation(2 * options.pairs, weight=9.0)


def model_of(name, event_shape, options):
    """Return a compiled model."""
    posterior = kvae.layers.MultivariateNormalDiag(
        LATENT_DIM, activity_regularizer=penalty_of(name, options)
    )
    likelihood = kvae.layers.IndependentBernoulli(event_shape)
    layers = (options.hidden, options.hidden)
    encoder = kvae.networks.mlp_encoder(event_shape, posterior.params_size, layers)
    decoder = kvae.networks.mlp_decoder(LATENT_DIM, likelihood.params_shape, layers)
    parts = (encoder, posterior, decoder, likelihood)
    if name.startswith("PairVAE"):
        vae = kvae.PairVAE(*parts, changed=1 if "changed" in name else None)
    else:
        vae = kvae.VAE(*parts)
    vae.compile(keras.optimizers.Adam(1e-3))
    return vae


def trained(name, pairs, seed, options):
    """Return a trained model; those without pairs see both images of each pair as examples."""
    keras.utils.set_random_seed(seed)
    vae = model_of(name, pairs.first.images.shape[1:], options)
    data, size = pairs.inputs(), options.batch_size
    if not name.startswith("PairVAE"):
        data, size = np.concatenate([data["x"], data["pair"]]), 2 * size
    vae.fit(data, batch_size=size, epochs=options.epochs, verbose=0)
    return vae


def numbers(vae, made, seed):
    """Return the results of a model by name."""
    mean, stddev = vae.encode(made.images)
    codes = mean + stddev * np.random.default_rng(seed).standard_normal(mean.shape)
    gap = mig(codes, made.factors, made.discrete, seed=seed, repeats=0)
    votes = factor_vae_score(codes, made.factors, made.discrete, seed=seed, repeats=0)
    row = {"FactorVAE score": votes.value, "MIG": gap.value}
    row |= {f"gap of {made.names[c]}": part for c, part in zip(gap.factors, gap.parts, strict=True)}
    best = gap.matrix.max(axis=1)
    row |= {f"nats on {made.names[c]}": nats for c, nats in zip(gap.factors, best, strict=True)}
    row["ELBO, nats"] = vae.elbo(made.images, seed=0).mean()
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--pairs", type=int, default=50_000)
    parser.add_argument("--changed", type=int, default=1, help="factors that differ in a pair")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=128, help="pairs in a step")
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument(
        "--kl-start", type=float, default=8.0, help="first weight of the KL of pairs"
    )
    parser.add_argument("--picture", help="path of traversals of the first model")
    options = parser.parse_args()
    print(machine(), vars(options), flush=True)
    made = kvae.data.sprites(10_000, options.resolution, seed=TEST_SEED)
    rows = {name: [] for name in options.contenders}
    for seed in options.seeds:
        pairs = kvae.data.sprite_pairs(
            options.pairs, options.changed, options.resolution, seed=seed
        )
        for name in options.contenders:
            start = time.perf_counter()
            vae = trained(name, pairs, seed, options)
            seconds = time.perf_counter() - start
            row = numbers(vae, made, seed)
            rows[name].append(row)
            values = ", ".join(f"{key} {value:.3f}" for key, value in row.items())
            print(f"seed {seed}, {name}, {seconds:.0f} s: {values}", flush=True)
            if options.picture and seed == options.seeds[0] and name == options.contenders[0]:
                kvae.pictures.traversals(vae, made.images[:500]).savefig(options.picture)
    print(f"\n| mean (minimum to maximum) | {' | '.join(rows)} |")
    print(f"| --- |{' ---: |' * len(rows)}")
    for key in rows[options.contenders[0]][0]:
        cells = []
        for found in rows.values():
            values = [row[key] for row in found]
            cells.append(f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        print(f"| {key} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
