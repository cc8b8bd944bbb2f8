"""Do rows of `TableSynthesizer`, with its default settings, serve as training data of UCI Adult?

Each synthesizer learns the 32,561 training rows and draws as many. Classifiers of the income are
trained on these, or on the real rows, and tested on the 16,281 rows of Adult's own test file:

- trees: scikit-learn's HistGradientBoostingClassifier (`kvae.evaluation.train_on_synthetic`);
- four: decision tree, AdaBoost, logistic regression and MLP as in the benchmark of Xu et al. (2019,
  https://arxiv.org/abs/1907.00503, section 5, and their SDGym): the mean F1 of the higher income.
  They report 0.669 for real rows, 0.626 for TVAE and 0.601 for CTGAN.

Also: distances of the columns and of their pairs, rows that copy a training row, and numbers beyond
the range of the training rows. A question mark is a class, as it is there.

    KVAE_DATA=folder python benchmarks/table_synthesis.py [--seeds 0 1] [--peers PYTHON]

PYTHON is that of an environment with `ctgan` (`benchmarks/requirements-peers.txt`), whose TVAE and
CTGAN, with their default settings, then take part on the same rows.
"""

import argparse
import os
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from pretrained_data import whole_adult
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

import kvae
from kvae.estimators import TableQuality, TableSynthesizer
from kvae.export.bundles.machine import machine

TARGET, POSITIVE = "income", ">50K"
LARGE = 1e3  # numbers up to more are read by their logarithm, as in SDGym
MODELS = (
    lambda: DecisionTreeClassifier(max_depth=15, class_weight="balanced", random_state=0),
    lambda: AdaBoostClassifier(random_state=0),
    lambda: LogisticRegression(class_weight="balanced", max_iter=50),
    lambda: MLPClassifier((50,), max_iter=50, random_state=0),
)
PEER = """
import sys, pandas, torch, ctgan
torch.manual_seed(int(sys.argv[2])); torch.set_num_threads(2)
train = pandas.read_csv(sys.argv[3], keep_default_na=False)
classes = [name for name in train if train[name].dtype.kind not in "if"]
model = getattr(ctgan, sys.argv[1])(**({"enable_gpu": False}))
model.fit(train, classes)
model.sample(len(train)).to_csv(sys.argv[4], index=False)
"""


def features(frame, like):
    """Return what the four classifiers read: numbers from 0 to 5, one-hot classes."""
    parts = []
    for name in like.columns.drop(TARGET):
        x, known = frame[name].to_numpy(), like[name].to_numpy()
        if known.dtype.kind in "if":
            low, high = float(known.min()), float(known.max())
            x = x.astype("float64")
            if low >= 0 and high >= LARGE:
                x, low, high = (np.log(np.maximum(each, 1e-2)) for each in (x, low, high))
            parts.append((5 * (x - low) / (high - low))[:, None])
        else:
            parts.append(x[:, None] == np.unique(known)[None, :])
    return np.concatenate(parts, axis=1).astype("float64")


def mean_f1(train, test, like):
    """Return the mean F1 of the four classifiers on test rows."""
    x, y = features(train, like), train[TARGET] == POSITIVE
    x_test, truth = features(test, like), test[TARGET] == POSITIVE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.mean([f1_score(truth, make().fit(x, y).predict(x_test)) for make in MODELS])


def beyond(rows, train):
    """Return the share of rows with a number beyond the range of the training rows."""
    numbers = train.select_dtypes("number")
    outside = (rows[numbers.columns] < numbers.min()) | (rows[numbers.columns] > numbers.max())
    return outside.any(axis=1).mean()


def by_kvae(train, seed):
    return TableSynthesizer(random_state=seed).fit(train).sample(len(train))


def by_peer(python, name):
    def rows(train, seed):
        with tempfile.TemporaryDirectory() as folder:
            paths = [str(Path(folder) / each) for each in ("train.csv", "rows.csv")]
            train.to_csv(paths[0], index=False)
            subprocess.run([python, "-c", PEER, name, str(seed), *paths], check=True)  # noqa: S603
            return pd.read_csv(paths[1], keep_default_na=False)[list(train.columns)]

    return rows


def line(name, cells):
    print(f"{name:16}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


def mean_of(values, name):
    return float(np.mean([getattr(value, name) for value in values]))


def real_rows(found, train, test):
    """Print the figures of real rows: of classifiers trained on them, and of the test rows."""
    near, task = found.nearest, found.task
    figures = (task.real_auc, task.real_f1, mean_f1(train, test, train))
    distances = (mean_of(found.marginals, "held_out"), found.held_out_pairs, near.held_out_copies)
    line("real rows", [f"{each:.4f}" for each in (*figures, *distances, beyond(test, train))])


def synthetic_rows(name, found, rows, train, test, minutes):
    """Print the figures of synthetic rows."""
    near, task = found.nearest, found.task
    figures = (task.synthetic_auc, task.synthetic_f1, mean_f1(rows, test, train))
    distances = (mean_of(found.marginals, "synthetic"), mean_of(found.pairs, "difference"))
    figures += (*distances, near.synthetic_copies, beyond(rows, train))
    line(name, [*(f"{each:.4f}" for each in figures), f"{minutes:.1f}"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--peers", metavar="PYTHON", help="Python of an environment with ctgan")
    parser.add_argument("--peer-names", nargs="+", default=["TVAE", "CTGAN"])
    options = parser.parse_args()
    train, test = whole_adult(os.environ["KVAE_DATA"])
    schema = kvae.data.TableSchema.infer(train)
    contenders = {"kvae": by_kvae}
    if options.peers:
        contenders |= {name: by_peer(options.peers, name) for name in options.peer_names}
    print(f"{machine()}\n{len(train)} training rows, {len(test)} test rows\n")
    line("", ("AUC", "F1 trees", "F1 four", "columns", "pairs", "copies", "beyond", "minutes"))
    first = True
    for seed in options.seeds:
        for name, make in contenders.items():
            start = time.perf_counter()
            rows = make(train, seed)
            minutes = (time.perf_counter() - start) / 60
            arrays = [schema.to_array(each) for each in (train, test, rows)]
            found = TableQuality.measure(schema, *arrays, TARGET)
            if first:
                real_rows(found, train, test)
            first = False
            synthetic_rows(f"{name}, seed {seed}", found, rows, train, test, minutes)


if __name__ == "__main__":
    main()
