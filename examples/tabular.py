"""A VAE on a table whose columns are of different kinds.

Each column has a likelihood of its own, and `kvae.layers.Columns` puts them together. Without
`--csv` the table is made here, so that what depends on what is known: a hidden kind moves height
and city, a hidden mood moves visits and share. A model of independent columns sees none of that; it
is the one to beat, in nats per row on held-out rows.

    python examples/tabular.py
    python examples/tabular.py --csv adult.data --epochs 20     # any table: text is a class

The UCI Adult table: https://archive.ics.uci.edu/dataset/2/adult
"""

import argparse
import csv

import keras
import numpy as np
import tensorflow as tf

import kvae

COUNT_MAX = 255  # whole numbers up to here are counts, beyond they are measured
MIN_SCALE = 0.05  # of a measured column, in its standard deviations


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--csv", help="a table without header; by default one is made")
    parser.add_argument("--rows", type=int, default=6000, help="rows to make, or to read at most")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--latent-dim", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)

    table, columns = read_table(args.csv, args.rows) if args.csv else make_table(args.rows, rng)
    x = rng.permutation(table)
    x_train, x_test = np.split(x, [len(x) * 4 // 5])

    likelihood = kvae.layers.Columns(columns)
    vae = make_vae(likelihood, args.latent_dim, args.hidden)
    vae.adapt(x_train)  # the moments of the measured columns
    # Clipped, because single rows of a real table lie many standard deviations out.
    vae.compile(optimizer=keras.optimizers.Adam(1e-3, global_clipnorm=10.0))
    vae.fit(x_train, validation_data=x_test, epochs=args.epochs, batch_size=64, verbose=0)

    params = fit_constant(likelihood, x_train)
    apart = column_log_probs(likelihood.distribution(params), x_test)
    posterior = vae.posterior(tf.constant(x_test))
    together = column_log_probs(vae.likelihood(posterior.sample(seed=args.seed)), x_test)
    scores = vae.evaluate(x_test, verbose=0, return_dict=True)
    elbo, kl = scores["elbo"], scores["kl"]

    print(f"{len(x_train)} rows to train on, {len(x_test)} held out; nats per held-out row.\n")
    print(f"{'column':<16}{'likelihood':<30}{'independent':>12}{'VAE, given z':>14}")
    for column, before, after in zip(columns, apart, together, strict=True):
        kind = type(getattr(column, "layer", column)).__name__  # of the column, or inside it
        print(f"{column.name:<16}{kind:<30}{before:>12.3f}{after:>14.3f}")
    print(f"{'all columns':<46}{apart.sum():>12.3f}{together.sum():>14.3f}")
    print(f"{'what z itself costs (KL)':<46}{'':>12}{-kl:>14.3f}")
    print(f"{'log-likelihood (VAE: ELBO, a lower bound)':<46}{apart.sum():>12.3f}{elbo:>14.3f}")
    print(f"\nGained by knowing how columns depend on each other: {elbo - apart.sum():+.3f}")


def make_table(rows, rng):
    """Return a table of known structure, (rows, 4), and a distribution layer for each column."""
    kind, mood = rng.integers(3, size=rows), rng.normal(size=rows)
    height = np.choose(kind, [-1.5, 0.0, 2.0]) + 0.3 * rng.normal(size=rows)
    home = np.where(rng.uniform(size=rows) < 0.9, kind, 3)  # a city for each kind, and a fourth
    visits = rng.poisson(rng.gamma(4.0, np.exp(1.5 + 0.8 * mood) / 4.0))
    share = 1 / (1 + np.exp(-1.5 * mood)), 1 / (1 + np.exp(1.5 * mood))
    share = rng.beta(20.0 * share[0] + 0.1, 20.0 * share[1] + 0.1)
    columns = [
        measured("height"),
        kvae.layers.IndependentCategorical((), 4, name="city"),
        kvae.layers.IndependentNegativeBinomial((), name="visits"),
        kvae.layers.IndependentBeta((), name="share"),
    ]
    return np.stack([height, home, visits, share], axis=1).astype("float32"), columns


def read_table(path, rows):
    """Return a CSV file as numbers, (rows, columns), and a distribution layer for each column.

    Text is a class, whole numbers from 0 to 255 are counts, everything else is measured; whole
    numbers beyond 255 are amounts, whose logarithm is modelled.
    """
    with open(path, newline="") as file:
        lines = [[cell.strip() for cell in line] for line in csv.reader(file) if line]
    lines = [line for line in lines if len(line) == len(lines[0])][:rows]
    values, columns = [], []
    for index, cells in enumerate(zip(*lines, strict=True)):
        name = f"column_{index}"
        try:
            column = np.array(cells, "float64")
        except ValueError:
            classes, column = np.unique(cells, return_inverse=True)
            layer = kvae.layers.IndependentCategorical((), max(2, len(classes)), name=name)
        else:
            whole = np.all(column == np.floor(column)) and 0 <= column.min() <= column.max()
            if whole and column.max() <= COUNT_MAX:
                layer = kvae.layers.IndependentNegativeBinomial((), name=name)
            else:
                layer = measured(name, amount=whole)
        values.append(column)
        columns.append(layer)
    return np.stack(values, axis=1).astype("float32"), columns


def measured(name, amount=False):
    """Return the likelihood of a measured column in its own unit."""
    transform = kvae.transforms.Standardization()
    if amount:
        transform = kvae.transforms.Chain([kvae.transforms.Log(), transform])
    normal = kvae.layers.IndependentNormal((), min_scale=MIN_SCALE)
    return kvae.layers.Transformed(normal, transform, name=name)


def make_vae(likelihood, latent_dim, hidden):
    """Return a VAE whose encoder reads classes one-hot and counts by their logarithm.

    It reads measured columns as their transforms give them.
    """
    inputs = keras.Input(likelihood.event_shape)
    features = []
    for index, column in enumerate(likelihood.columns):
        value = inputs[:, index : index + 1]
        if isinstance(column, kvae.layers.IndependentCategorical):
            value = keras.ops.one_hot(keras.ops.cast(value[:, 0], "int32"), column.num_classes)
        elif column.domain.integer:
            value = keras.ops.log1p(value)
        features.append(value)
    features = keras.layers.Concatenate()(features)

    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent_dim))
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    network = kvae.networks.mlp_encoder(features.shape[1:], posterior.params_size, (hidden, hidden))
    return kvae.VAE(
        encoder=keras.Model(inputs, network(features)),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(latent_dim, likelihood.params_shape, (hidden, hidden)),
        likelihood=likelihood,
    )


def fit_constant(likelihood, x, steps=500):
    """Return the params, the same for all rows, that make `x` most likely: independent columns."""
    params = keras.Variable(np.zeros((1, likelihood.params_size)), dtype="float32")
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build([params])

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            nll = -tf.reduce_mean(likelihood.distribution(params).log_prob(x))
        optimizer.apply([tape.gradient(nll, params.value)], [params])

    for _ in range(steps):
        step()
    return params.value


def column_log_probs(row, x):
    """Return the mean log-likelihood of each column, (columns,), in nats."""
    pairs = zip(row.distributions, x.T, strict=True)
    return np.array([float(tf.reduce_mean(part.log_prob(column))) for part, column in pairs])


if __name__ == "__main__":
    main()
