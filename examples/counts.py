"""Likelihoods for overdispersed counts.

The counts are generated, similar to gene expression: a low-dimensional state determines the means,
and each count is negative binomial around its mean. The same VAE is trained with a Poisson, a
negative binomial and, with `--zeros`, a zero-inflated negative binomial likelihood, and evaluated
in nats per example on held-out data. A Poisson likelihood can represent overdispersion only by the
latent vector.

    python examples/counts.py
    python examples/counts.py --zeros 0.3
"""

import argparse

import keras
import numpy as np
from scipy import stats

import kvae


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--examples", type=int, default=4000)
    parser.add_argument("--features", type=int, default=50, help="counts per example")
    parser.add_argument(
        "--dispersion", type=float, default=2.0, help="variance is m + m^2 / dispersion"
    )
    parser.add_argument("--zeros", type=float, default=0.0, help="share of counts set to zero")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--latent-dim", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    x, means = make_counts(args)
    cut = len(x) * 4 // 5
    likelihoods = {
        "Poisson": kvae.layers.IndependentPoisson(args.features),
        "negative binomial": kvae.layers.IndependentNegativeBinomial(args.features),
    }
    if args.zeros:
        likelihoods["zero-inflated"] = kvae.layers.ZeroInflatedNegativeBinomial(args.features)
    print(
        f"{cut} training examples of {args.features} counts, {len(x) - cut} held-out examples; "
        f"variance / mean {x.var() / x.mean():.1f}. Nats per held-out example.\n"
    )
    print(f"{'likelihood':<22}{'log p(x|z)':>12}{'KL':>10}{'ELBO':>12}{'zeros':>9}")
    for name, likelihood in likelihoods.items():
        keras.utils.set_random_seed(args.seed)
        vae = make_vae(likelihood, args.latent_dim, args.hidden)
        vae.compile(optimizer=keras.optimizers.Adam(1e-3))
        vae.fit(x[:cut], epochs=args.epochs, batch_size=64, verbose=0)
        score = vae.evaluate(x[cut:], verbose=0, return_dict=True)
        z = vae.prior.distribution().sample(1000, seed=args.seed)
        zeros = np.mean(vae.likelihood(z).sample(seed=args.seed).numpy() == 0)
        print(
            f"{name:<22}{-score['nll']:>12.2f}{score['kl']:>10.2f}{score['elbo']:>12.2f}"
            f"{zeros:>9.1%}"
        )
    truth = true_log_prob(x[cut:], means[cut:], args)
    print(f"{'(true means)':<22}{truth:>12.2f}{'':>10}{'':>12}{np.mean(x[cut:] == 0):>9.1%}")
    print("\nzeros: share of zeros in samples of the model; in the last line, in the data.")


def make_counts(args):
    """Return counts and their means, (examples, features), determined by a 2-dimensional state."""
    rng = np.random.default_rng(args.seed)
    state = rng.normal(size=(args.examples, 2))
    means = np.exp(1.0 + 0.7 * state @ rng.normal(size=(2, args.features)))
    counts = rng.poisson(rng.gamma(args.dispersion, means / args.dispersion))
    counts *= rng.uniform(size=counts.shape) >= args.zeros
    return counts.astype("float32"), means


def true_log_prob(x, means, args):
    """Return the mean log-likelihood of `x` under the true model, in nats."""
    p = args.dispersion / (args.dispersion + means)
    log_prob = stats.nbinom.logpmf(x, args.dispersion, p) + np.log1p(-args.zeros)
    if args.zeros:
        log_prob = np.where(x == 0, np.logaddexp(log_prob, np.log(args.zeros)), log_prob)
    return log_prob.sum(axis=1).mean()


def make_vae(likelihood, latent_dim, hidden):
    """Return a VAE whose encoder reads log(1 + count)."""
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent_dim))
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    event_shape = likelihood.event_shape
    inputs = keras.Input(event_shape)
    network = kvae.networks.mlp_encoder(event_shape, posterior.params_size, (hidden, hidden))
    return kvae.VAE(
        encoder=keras.Model(inputs, network(keras.ops.log1p(inputs))),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(latent_dim, likelihood.params_shape, (hidden, hidden)),
        likelihood=likelihood,
    )


if __name__ == "__main__":
    main()
