"""Disentanglement scores of a beta-TCVAE or a PairVAE on sprites with known factors.

    python examples/disentangle.py --seeds 0 1 2
    python examples/disentangle.py --seeds 0 1 2 --beta 1 --kl-start 1     # a plain VAE
    python examples/disentangle.py --seeds 0 1 2 --pairs --kl-start 8 --epochs 6 --batch-size 128

With --pairs a `kvae.PairVAE` is trained on as many pairs of sprites, which differ in one factor.
It prints every score over the seeds, the mutual information gap of each factor, the two factors on
which each latent dimension has most information, and the information on the rotation of each shape.
Codes are posterior samples, as in Chen et al. 2018, https://arxiv.org/abs/1802.04942.
"""

import argparse
import time

import keras
import numpy as np

import kvae
from kvae.evaluation.disentanglement import scores

RESOLUTION = 32
TEST_SEED = 1_000_000  # of the test sprites, the same for every model
LEAST_KL = 0.1  # nats; dimensions with less are not listed
PERIODS = {
    "square": np.pi / 2.0,
    "ellipse": np.pi,
    "heart": 2.0 * np.pi,
}  # rotations that leave the shape invariant


def compiled(event_shape, options):
    """Return a VAE with a weight of beta on the total correlation, or a PairVAE.

    Over the first half of the training the weight of the KL decreases from `kl_start` to 1. With a
    large weight only factors that change many pixels are encoded, each in one dimension.
    """
    steps = options.examples // options.batch_size * options.epochs
    decreasing = kvae.regularizers.schedules.Linear(max(steps // 2, 1), options.kl_start, 1.0)
    prior = kvae.priors.StandardNormal(options.latent_dim)
    penalty = kvae.regularizers.KLDivergenceRegularizer(prior, weight=decreasing)
    if options.beta > 1.0 and not options.pairs:
        penalty += kvae.regularizers.TotalCorrelation(options.examples, weight=options.beta - 1.0)
    posterior = kvae.layers.MultivariateNormalDiag(options.latent_dim, activity_regularizer=penalty)
    likelihood = kvae.layers.IndependentBernoulli(event_shape)
    layers = (options.hidden, options.hidden)
    vae = (kvae.PairVAE if options.pairs else kvae.VAE)(
        encoder=kvae.networks.mlp_encoder(event_shape, posterior.params_size, layers),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(options.latent_dim, likelihood.params_shape, layers),
        likelihood=likelihood,
    )
    vae.compile(optimizer=keras.optimizers.Adam(1e-3), jit_compile=True)
    return vae


def trained(seed, options):
    """Return a model trained on sprites drawn with `seed`."""
    keras.utils.set_random_seed(seed)
    if options.pairs:
        data = kvae.data.sprite_pairs(options.examples, 1, RESOLUTION, seed=seed).inputs()
    else:
        data = kvae.data.sprites(options.examples, RESOLUTION, seed=seed).images
    vae = compiled((RESOLUTION, RESOLUTION, 1), options)
    vae.fit(data, batch_size=options.batch_size, epochs=options.epochs, verbose=0)
    return vae


def rotations(codes, made):
    """Return, for each shape, the greatest information of a dimension on the rotation.

    The rotation is taken modulo the symmetry of the shape, and the information is divided by its
    entropy: the greatest possible value is 1.
    """
    shape, rotation = made.factors[:, 0], made.factors[:, 2]
    known = {}
    for number, (name, period) in enumerate(PERIODS.items()):
        of_shape = shape == number
        truth = (rotation[of_shape] % period)[:, None]
        score = kvae.evaluation.mig(codes[of_shape], truth, discrete=False, repeats=0)
        known[name] = score.matrix.max() / np.log(20)
    return known


def numbers(vae, made, seed):
    """Return the results of a model by name: scores, gap of each factor, rotations, ELBO."""
    found = scores(
        vae, made.factors, made.discrete, x=made.images, draws=True, seed=seed, errors=False
    )
    mig = found["mig"]
    gaps = {made.names[column]: part for column, part in zip(mig.factors, mig.parts, strict=True)}
    row = {"mig without shape": np.mean([gap for name, gap in gaps.items() if name != "shape"])}
    row |= {name: score.value for name, score in found.items()}
    row |= {f"gap of {name}": gap for name, gap in gaps.items()}
    known = rotations(vae.encode(made.images)[0], made)
    row |= {f"rotation of the {name}, best dimension": share for name, share in known.items()}
    row["ELBO, nats"] = vae.elbo(made.images, seed=0).mean()
    return row, mig


def axes(vae, made, seed, mig):
    """Return a row of the table for each latent dimension, those with the greatest KL first."""
    names = [made.names[column] for column in mig.factors]
    rows = []
    for axis in kvae.evaluation.latent_axes(vae, made.images, seed):
        if axis.kl < LEAST_KL:
            break
        known = mig.matrix[:, axis.index]  # I(z; factor)
        first, second = np.argsort(-known)[:2]
        rows.append(
            f"| {seed} | z{axis.index} | {axis.kl:.2f} | {names[first]}, {known[first]:.2f} | "
            f"{names[second]}, {known[second]:.2f} |"
        )
    return rows


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beta", type=float, default=10.0, help="weight of the total correlation")
    parser.add_argument("--pairs", action="store_true", help="train on pairs, without --beta")
    parser.add_argument("--kl-start", type=float, default=10.0, help="initial weight of the KL")
    parser.add_argument("--examples", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--latent-dim", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args(arguments)
    trained_on = "pairs" if options.pairs else f"beta {options.beta:g}"
    print(
        f"{trained_on}, KL weight from {options.kl_start:g} to 1, {options.examples} examples of "
        f"{RESOLUTION}x{RESOLUTION}, {options.latent_dim} latent dimensions, {options.hidden} "
        f"hidden units, {options.epochs} epochs in batches of {options.batch_size}, seeds "
        f"{options.seeds}"
    )
    made = kvae.data.sprites(min(options.examples, 10_000), RESOLUTION, seed=TEST_SEED)
    columns, rows = [], []
    for seed in options.seeds:
        start = time.perf_counter()
        vae = trained(seed, options)
        print(f"seed {seed}: trained in {time.perf_counter() - start:.0f} s", flush=True)
        column, mig = numbers(vae, made, seed)
        columns.append(column)
        rows += axes(vae, made, seed, mig)
    print("\n| | mean | minimum | maximum |\n| --- | ---: | ---: | ---: |")
    for name in columns[0]:
        values = [column[name] for column in columns]
        print(f"| {name} | {np.mean(values):.3f} | {min(values):.3f} | {max(values):.3f} |")
    print("\n| seed | dimension | KL, nats | most information on, nats | second most on, nats |")
    print("| ---: | --- | ---: | --- | --- |\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
