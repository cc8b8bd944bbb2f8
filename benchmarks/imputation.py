"""Which imputation is the closest to the truth where 30% of all entries are missing at random?

    KVAE_DATA=folder python benchmarks/imputation.py [--seeds 3] [--rows 1000] [--epochs 80]

Every seed draws rows and missing entries, and all contenders see the same table: they are fitted on
it and fill its gaps. Five tables: UCI Adult (`adult_train.csv` in the folder KVAE_DATA, left out
where it is not set), three made here, of known structure, and scikit-learn's digits as 64 numbers.

- mean, mode: of the observed entries of the column;
- BayesianRidge: scikit-learn's IterativeImputer with its default. A class is a one-hot vector
  without its first element, as with it each element follows from the others, and the imputer
  returns the share of the class;
- random forests: the algorithm of MissForest, one forest a column, round after round;
- VAE: `kvae.VAE` with missing=True, trained by the bound of MIWAE, and `impute`;
- TableSynthesizer: `kvae.estimators.TableSynthesizer` with its defaults, `impute(kind="mean")`.

Reported are the root mean squared error of the missing numbers, in standard deviations of their
column, and the share of missing classes that are found. The learning rate was chosen on seed 0
(`--first 0 --seeds 1`) of one table, surface; nothing was tuned for a table. The seeds start at 1.

References: Stekhoven, Buehlmann: MissForest, 2012, https://doi.org/10.1093/bioinformatics/btr597;
Mattei, Frellsen: MIWAE, 2019, https://arxiv.org/abs/1812.02633
"""

import argparse
import csv
import os
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 (it makes the next one)
from sklearn.impute import IterativeImputer

import kvae
from kvae.estimators import TableSynthesizer
from kvae.export.bundles.machine import machine

MISSING = 0.3
DRAWS_TRAINED, DRAWS_IMPUTED = 8, 256
LATENT_DIM, HIDDEN, BATCH_SIZE, LEARNING_RATE = 8, 128, 128, 3e-3
HIDDEN_SHARE = 0.2  # of the observed entries, hidden from the encoder in training
MIN_SCALE = 0.05
TREES, ROUNDS = 50, 3


# -- tables: (rows, columns) in float64, and the number of classes of each column, 0 for numbers --


def adult(rows, rng):
    """Return rows of UCI Adult: six numbers, eight classes and the label."""
    with open(Path(os.environ["KVAE_DATA"]) / "adult_train.csv", newline="") as file:
        lines = [[cell.strip() for cell in line] for line in csv.reader(file)]
    lines = [line for line in lines if len(line) == 15 and "?" not in line]
    columns, classes = [], []
    for cells in zip(*lines, strict=True):
        try:
            column = np.array(cells, "float64")
            classes.append(0)
            if column.max() > 10000:  # amounts of money and weights of a sample, with a long tail
                column = np.log1p(column)
        except ValueError:
            names, column = np.unique(cells, return_inverse=True)
            classes.append(len(names))
        columns.append(column)
    table = np.stack(columns, axis=1).astype("float64")
    return table[rng.choice(len(table), rows, replace=False)], classes


def shells(rows, rng):
    """Return sizes and weights of shells that grow, as in Abalone: two hidden causes, and a sex."""
    age, shape = rng.gamma(6.0, 1.5, rows), rng.normal(size=rows)
    sex = np.where(age < 6.0, 2, rng.integers(2, size=rows))
    length = 0.8 * (1.0 - np.exp(-age / 5.0)) * np.exp(0.08 * rng.normal(size=rows))
    diameter = length * (0.8 + 0.02 * shape) * np.exp(0.02 * rng.normal(size=rows))
    height = length * (0.28 + 0.02 * shape) * np.exp(0.06 * rng.normal(size=rows))
    whole = 8.0 * length * diameter * height * np.exp(0.06 * rng.normal(size=rows))
    parts = np.stack([0.43 - 0.03 * shape, 0.22 + 0.02 * (sex == 1), 0.3 + 0.01 * age / 10.0], 1)
    parts = whole[:, None] * parts * np.exp(0.08 * rng.normal(size=parts.shape))
    rings = np.rint(age + 0.8 * rng.normal(size=rows))
    sizes = np.stack([length, diameter, height, whole], axis=1)
    return np.column_stack([sizes, parts, rings, sex]), [0] * 8 + [3]


def surface(rows, rng):
    """Return ten curved functions of two hidden numbers, with noise, and two classes."""
    u, v = rng.uniform(-1.0, 1.0, (2, rows))
    functions = [u, v, u * v, u**2, v**2, np.sin(3 * u), np.cos(3 * v), np.sin(3 * (u + v))]
    functions += [np.exp(u - v) / 2, np.abs(u + v)]
    numbers = np.stack(functions, axis=1) + 0.05 * rng.normal(size=(rows, 10))
    classes = np.stack([(u > 0) * 2 + (v > 0), np.digitize(np.hypot(u, v), [0.5, 0.9])], axis=1)
    return np.column_stack([numbers, classes]), [0] * 10 + [4, 3]


def kinds(rows, rng):
    """Return rows of five hidden kinds, each with relations of its own between the columns."""
    kind, size = rng.integers(5, size=rows), rng.normal(size=rows)
    made = np.random.default_rng(12)  # the same kinds for every seed
    center, slope = 2.0 * made.normal(size=(5, 8)), made.normal(size=(5, 8))
    numbers = center[kind] + slope[kind] * size[:, None] + 0.3 * rng.normal(size=(rows, 8))
    odds = made.dirichlet([0.3] * 4, size=(5, 3))
    classes = [
        (odds[kind, i].cumsum(axis=1) < rng.uniform(size=(rows, 1))).sum(axis=1) for i in range(3)
    ]
    return np.column_stack([numbers, *np.minimum(classes, 3)]), [0] * 8 + [4] * 3


def digits(rows, rng):
    """Return digits as 64 numbers; the pixels that are the same in all of them are left out."""
    x = np.concatenate(kvae.data.digits()).reshape(-1, 64).astype("float64")
    x = x[rng.permutation(len(x))[:rows]]
    return x[:, x.std(axis=0) > 0.05], [0] * int((x.std(axis=0) > 0.05).sum())


TABLES = {each.__name__: each for each in (adult, shells, surface, kinds, digits)}


# -- contenders: a table with gaps and the number of classes -> the table without ------------------


def mean_and_mode(x, classes, args):
    """Fill each column by its mean or its most frequent class."""
    modes = [np.bincount(column[~np.isnan(column)].astype(int)).argmax() for column in abs(x.T)]
    values = np.where(np.array(classes) > 0, modes, np.nanmean(x, axis=0))
    return np.where(np.isnan(x), values, x)


def bayesian_ridge(x, classes, args):
    """Fill by linear regressions on all other columns, round after round."""
    wide, ends = [], [0]
    for column, count in zip(x.T, classes, strict=True):
        one_hot = (column[:, None] == np.arange(1, count)).astype("float64")
        one_hot[np.isnan(column)] = np.nan
        wide.append(
            one_hot if count else (column[:, None] - np.nanmean(column)) / np.nanstd(column)
        )
        ends.append(ends[-1] + wide[-1].shape[1])
    filled = IterativeImputer(
        max_iter=10, random_state=0, keep_empty_features=True, skip_complete=True
    ).fit_transform(np.concatenate(wide, axis=1))
    columns = []
    for index, count in enumerate(classes):
        part = filled[:, ends[index] : ends[index + 1]]
        if count:
            part = np.column_stack([1.0 - part.sum(axis=1), part])
            columns.append(part.argmax(axis=1))
        else:
            columns.append(part[:, 0] * np.nanstd(x[:, index]) + np.nanmean(x[:, index]))
    return np.where(np.isnan(x), np.stack(columns, axis=1), x)


def random_forests(x, classes, args):
    """Fill by a random forest for each column on all others, round after round: MissForest."""
    missing, filled = np.isnan(x), mean_and_mode(x, classes, args)
    for _ in range(ROUNDS):
        for index in np.argsort(missing.sum(axis=0)):
            gaps, others = missing[:, index], np.delete(filled, index, axis=1)
            kind = RandomForestClassifier if classes[index] else RandomForestRegressor
            share = "sqrt" if classes[index] else 1 / 3
            forest = kind(args.trees, max_features=share, random_state=0, n_jobs=args.jobs)
            forest.fit(others[~gaps], filled[~gaps, index])
            filled[gaps, index] = forest.predict(others[gaps])
    return filled


def make_vae(classes, args):
    """Return a VAE of a table whose encoder reads classes as one-hot vectors."""
    columns = []
    for index, count in enumerate(classes):
        normal = kvae.layers.IndependentNormal((), min_scale=args.min_scale)
        standardized = kvae.transforms.Standardization()
        columns.append(
            kvae.layers.IndependentCategorical((), count, name=f"class_{index}")
            if count
            else kvae.layers.Transformed(normal, standardized, name=f"number_{index}")
        )
    likelihood, size = kvae.layers.Columns(columns), len(classes)
    if not any(classes):  # the same, computed at once
        normal = kvae.layers.IndependentNormal(size, min_scale=args.min_scale)
        likelihood = kvae.layers.Transformed(normal, kvae.transforms.Standardization())
    inputs = keras.Input((2 * size,))
    features = [inputs[:, size:]]
    for index, count in enumerate(classes):
        value, known = inputs[:, index : index + 1], inputs[:, size + index : size + index + 1]
        if count:
            value = known * keras.ops.one_hot(keras.ops.cast(value[:, 0], "int32"), count)
        features.append(value)
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(args.latent_dim))
    posterior = kvae.layers.MultivariateNormalDiag(args.latent_dim, activity_regularizer=kl)
    hidden, features = (args.hidden, args.hidden), keras.layers.Concatenate()(features)
    network = kvae.networks.mlp_encoder(features.shape[1:], posterior.params_size, hidden)
    return kvae.VAE(
        encoder=keras.Model(inputs, network(features)),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(args.latent_dim, likelihood.params_shape, hidden),
        likelihood=likelihood,
        missing=True,
    )


def by_vae(x, classes, args):
    """Fill by `impute` of a VAE that is trained on the table."""
    x = x.astype("float32")
    vae = make_vae(classes, args)
    vae.adapt(x)
    steps = args.epochs * -(-len(x) // BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(args.learning_rate, steps)
    vae.compile(
        keras.optimizers.Adam(rate, global_clipnorm=10.0),
        loss=kvae.losses.ImportanceWeightedELBO(args.draws),
    )

    def hide(batch):
        """Hide a part of the observed entries from the encoder, not from the likelihood."""
        shown = tf.random.uniform(tf.shape(batch)) >= args.hide * tf.random.uniform([])
        return tf.where(shown, batch, np.nan), batch

    data = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x)).batch(BATCH_SIZE)
    vae.fit(data.map(hide), epochs=args.epochs, verbose=0)
    return vae.impute(x, draws=DRAWS_IMPUTED, seed=0)


def by_synthesizer(x, classes, args):
    """Fill by `TableSynthesizer.impute`, with its defaults."""
    columns = {}
    for index, count in enumerate(classes):
        values = pd.Series(x[:, index])
        columns[index] = values.map("class {:.0f}".format, na_action="ignore") if count else values
    frame = pd.DataFrame(columns)
    filled = TableSynthesizer(random_state=0).fit(frame).impute(frame, "mean")
    for index in np.flatnonzero(classes):
        filled[index] = filled[index].str.removeprefix("class ").astype("float64")
    return filled.to_numpy("float64")


CONTENDERS = {
    "mean, mode": mean_and_mode,
    "BayesianRidge": bayesian_ridge,
    "random forests": random_forests,
    "VAE": by_vae,
    "TableSynthesizer": by_synthesizer,
}


def errors(filled, table, missing, classes):
    """Return the RMSE of missing numbers, in standard deviations, and the accuracy of classes."""
    numbers = np.array(classes) == 0
    scaled = ((filled - table) / table.std(axis=0))[:, numbers]
    rmse = np.sqrt(np.mean(scaled[missing[:, numbers]] ** 2))
    right = (filled == table)[:, ~numbers][missing[:, ~numbers]]
    return rmse, right.mean() if right.size else np.nan


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--latent-dim", type=int, default=LATENT_DIM)
    parser.add_argument("--hidden", type=int, default=HIDDEN)
    parser.add_argument("--hide", type=float, default=HIDDEN_SHARE)
    parser.add_argument("--draws", type=int, default=DRAWS_TRAINED)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--min-scale", type=float, default=MIN_SCALE)
    parser.add_argument("--trees", type=int, default=TREES)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"{machine()}; {args.rows} rows at most, seeds {args.first} to", end=" ")
    print(f"{args.first + args.seeds - 1}; RMSE in standard deviations, share of right classes\n")
    print("| table | contender | RMSE | classes | s |\n| --- | --- | --- | --- | --- |")
    for name in args.tables:
        if name == "adult" and "KVAE_DATA" not in os.environ:
            continue
        found = {contender: [] for contender in args.contenders}
        for seed in range(args.first, args.first + args.seeds):
            rng = np.random.default_rng(seed)
            table, classes = TABLES[name](args.rows, rng)
            missing = rng.uniform(size=table.shape) < MISSING
            gaps = np.where(missing, np.nan, table)
            for contender in args.contenders:
                keras.utils.set_random_seed(seed)
                start = time.perf_counter()
                filled = CONTENDERS[contender](gaps, classes, args)
                seconds = time.perf_counter() - start
                found[contender].append((*errors(filled, table, missing, classes), seconds))
        for contender, values in found.items():
            rmse, right, seconds = np.mean(values, axis=0)
            spread = np.std(values, axis=0)
            share = "" if np.isnan(right) else f"{right:.3f} ({spread[1]:.3f})"
            row = (name, contender, f"{rmse:.3f} ({spread[0]:.3f})", share, f"{seconds:.0f}")
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
