"""Does each axis stand for one factor? A beta-TCVAE on sprites, its axes beside the truth.

    python examples/disentangle.py --beta 6
    python examples/disentangle.py --beta 1     # a plain VAE, to compare

Every score, the mutual information gap by factor, and for each axis the factor that it tells most
about. Codes are draws from the posteriors, as in Chen et al. 2018, https://arxiv.org/abs/1802.04942.
"""

import argparse

import keras
import numpy as np

import kvae
from kvae.evaluation.disentanglement import scores

RESOLUTION = 16


def beta_tcvae(x, latent_dim, hidden, beta):
    """Return a compiled VAE: total correlation weighs beta, the rest of the KL one."""
    penalty = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent_dim))
    if beta > 1.0:
        penalty += kvae.regularizers.TotalCorrelation(len(x), weight=beta - 1.0)
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=penalty)
    likelihood = kvae.layers.IndependentBernoulli(x.shape[1:])
    layers = (hidden, hidden)
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(x.shape[1:], posterior.params_size, layers),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(latent_dim, likelihood.params_shape, layers),
        likelihood=likelihood,
    )
    vae.compile(optimizer=keras.optimizers.Adam(1e-3))
    return vae


def report(vae, made, seed, errors=True):
    """Return lines: scores, the gap by factor, and a row for each axis in use."""
    x, factors, discrete = made.images, made.factors, made.discrete
    found = scores(vae, factors, discrete, x=x, draws=True, seed=seed, errors=errors)
    lines = ["| score | value |", "| --- | ---: |"]
    for name, score in found.items():
        error = "" if np.isnan(score.stderr) else f" +- {score.stderr:.3f}"
        lines.append(f"| {name} | {score.value:.3f}{error} |")
    mig = found["mig"]
    columns = [made.names[column] for column in mig.factors]
    parts = dict(zip(columns, mig.parts, strict=True))
    without = np.mean([part for name, part in parts.items() if name != "shape"])
    lines.append(f"| mig without shape, as in Chen et al. | {without:.3f} |")
    lines += ["", "| factor | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    lines.append("| gap | " + " | ".join(f"{part:.2f}" for part in mig.parts) + " |")
    lines += ["", "| axis | KL, nats | tells most about, nats | then about, nats |"]
    lines.append("| --- | ---: | --- | --- |")
    for axis in kvae.evaluation.latent_axes(vae, x, seed):
        known = mig.matrix[:, axis.index]  # I(z; factor)
        first, second = np.argsort(-known)[:2]
        lines.append(
            f"| z{axis.index} | {axis.kl:.2f} | {columns[first]}, {known[first]:.2f} | "
            f"{columns[second]}, {known[second]:.2f} |"
        )
    return lines


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beta", type=float, default=6.0)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--latent-dim", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fast", action="store_true", help="no standard errors")
    options = parser.parse_args(arguments)
    keras.utils.set_random_seed(options.seed)
    made = kvae.data.sprites(options.examples, RESOLUTION, seed=options.seed)
    vae = beta_tcvae(made.images, options.latent_dim, options.hidden, options.beta)
    vae.fit(made.images, batch_size=options.batch_size, epochs=options.epochs, verbose=0)
    print(
        f"beta {options.beta:g}, {options.examples} sprites of {RESOLUTION}x{RESOLUTION}, "
        f"{options.latent_dim} latent dimensions, {options.epochs} epochs, seed {options.seed}: "
        f"ELBO {vae.elbo(made.images, seed=0).mean():.1f} nats\n"
    )
    print("\n".join(report(vae, made, options.seed, not options.fast)))


if __name__ == "__main__":
    main()
