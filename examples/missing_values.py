"""Fill the gaps of a table with numbers and classes.

The table is made here: three measured columns and a class depend on two hidden causes. A share of
all entries is removed at random. A VAE with `missing=True` is trained on what is left by the bound
of MIWAE and fills the gaps; the column's mean or most frequent class is what it has to beat.
Several draws of each gap tell how certain the model is: about nine in ten of the true numbers
should lie between the 5% and the 95% quantile.

    python examples/missing_values.py
"""

import argparse

import keras
import numpy as np

import kvae

CLASSES = 3
NAMES = ("length", "weight", "price", "kind")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--missing", type=float, default=0.3, help="share of missing entries")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--draws", type=int, default=40, help="imputations of each gap")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)

    table = make_table(args.rows, rng)
    missing = rng.uniform(size=table.shape) < args.missing
    x = np.where(missing, np.nan, table)

    vae = make_vae(args.hidden)
    vae.adapt(x)
    vae.compile(keras.optimizers.Adam(2e-3), loss=kvae.losses.ImportanceWeightedELBO(draws=8))
    vae.fit(x, epochs=args.epochs, batch_size=64, verbose=0)

    filled = vae.impute(x, seed=args.seed)
    draws = np.stack([vae.impute(x, seed=s, kind="draw") for s in range(args.draws)])
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    print(f"{args.rows} rows, {missing.mean():.0%} of the entries missing\n")
    print(f"{'column':<10}{'error':>10}{'of the mean':>14}{'within 90%':>13}")
    for index, name in enumerate(NAMES):
        gap = missing[:, index]
        truth, found = table[gap, index], filled[gap, index]
        if name == "kind":
            observed = table[~gap, index].astype(int)
            wrong, wrong_mode = (
                np.mean(found != truth),
                np.mean(np.bincount(observed).argmax() != truth),
            )
            print(f"{name:<10}{wrong:>10.1%}{wrong_mode:>14.1%}")
            continue
        error = np.sqrt(np.mean((found - truth) ** 2))
        of_mean = np.sqrt(np.mean((np.nanmean(x[:, index]) - truth) ** 2))
        within = np.mean((low[gap, index] <= truth) & (truth <= high[gap, index]))
        print(f"{name:<10}{error:>10.3f}{of_mean:>14.3f}{within:>13.1%}")


def make_table(rows, rng):
    """Return a table of known structure, (rows, 4): numbers, numbers with a long tail, classes."""
    size, quality = rng.normal(size=(2, rows))
    length = 30.0 + 5.0 * size + 0.5 * rng.normal(size=rows)
    weight = 1e-3 * length**3 * np.exp(0.1 * rng.normal(size=rows))
    price = np.exp(3.0 + 0.5 * size + quality + 0.1 * rng.normal(size=rows))
    kind = np.digitize(quality + 0.2 * rng.normal(size=rows), [-0.5, 0.7])
    return np.stack([length, weight, price, kind], axis=1)


def make_vae(hidden, latent_dim=3):
    """Return a VAE of the table; its encoder reads the class as a one-hot vector."""

    def measured(name, *before):
        transform = kvae.transforms.Chain([*before, kvae.transforms.Standardization()])
        normal = kvae.layers.IndependentNormal((), min_scale=0.05)
        return kvae.layers.Transformed(normal, transform, name=name)

    likelihood = kvae.layers.Columns(
        [
            measured("length"),
            measured("weight", kvae.transforms.Log()),
            measured("price", kvae.transforms.Log()),
            kvae.layers.IndependentCategorical((), CLASSES, name="kind"),
        ]
    )
    inputs = keras.Input((8,))  # four columns, zero where missing, and the mask
    kind = keras.ops.one_hot(keras.ops.cast(inputs[:, 3], "int32"), CLASSES) * inputs[:, 7:]
    features = keras.layers.Concatenate()([inputs[:, :3], kind, inputs[:, 4:]])
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent_dim))
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    network = kvae.networks.mlp_encoder(features.shape[1:], posterior.params_size, (hidden, hidden))
    return kvae.VAE(
        encoder=keras.Model(inputs, network(features)),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(latent_dim, likelihood.params_shape, (hidden, hidden)),
        likelihood=likelihood,
        missing=True,
    )


if __name__ == "__main__":
    main()
