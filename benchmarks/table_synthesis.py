"""Do rows of `TableSynthesizer`, with its default settings, serve as training data of UCI Adult?

Each synthesizer learns the 32,561 training rows and draws as many. Classifiers of the income are
trained on these, or on the real rows, and tested on the 16,281 rows of Adult's own test file:

- trees: scikit-learn's HistGradientBoostingClassifier (`kvae.evaluation.train_on_synthetic`);
- four: decision tree, AdaBoost, logistic regression and MLP as in the benchmark of Xu et al. (2019,
  https://arxiv.org/abs/1907.00503, section 5, and their SDGym): the mean F1 of the higher income.
  They report 0.669 for real rows, 0.626 for TVAE and 0.601 for CTGAN.

Also: distances of the columns and of their pairs, rows that copy a training row, and numbers beyond
the range of the training rows. A question mark is a class, as it is there.

    KVAE_DATA=folder python benchmarks/table_synthesis.py [--seeds 0 1] [--peers PYTHON] \
        [--results FILE] [--page docs/tables.md]

PYTHON is that of an environment with `ctgan` (`benchmarks/requirements-peers.txt`), whose TVAE and
CTGAN, with their default settings, then take part on the same rows. With --results each result is
a line of FILE, and an interrupted command goes on where it was when it is given again. --page
writes the section "adult" of a page. Minutes are those of the processor, of fitting and drawing.
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from page import replace_section
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
OWN = "TableSynthesizer"
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


COLUMNS = {  # of the printed table and of the page
    "auc": "AUC, boosted trees",
    "f1": "F1, boosted trees",
    "mean_f1": "F1, mean of four classifiers",
    "columns": "columns",
    "pairs": "pairs",
    "copies": "copies",
    "beyond": "beyond the range",
    "minutes": "minutes",
}
SHARES = ("copies", "beyond")


def mean_of(values, name):
    return float(np.mean([getattr(value, name) for value in values]))


def processor_minutes():
    """Return the minutes of the processor that this process and its children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) / 60


def real_rows(found, train, test):
    """Return the figures of real rows: of classifiers trained on them, and of the test rows."""
    return {
        "name": "real rows",
        "seed": None,
        "auc": found.task.real_auc,
        "f1": found.task.real_f1,
        "mean_f1": mean_f1(train, test, train),
        "columns": mean_of(found.marginals, "held_out"),
        "pairs": found.held_out_pairs,
        "copies": found.nearest.held_out_copies,
        "beyond": float(beyond(test, train)),
    }


def synthetic_rows(found, rows, train, test):
    """Return the figures of synthetic rows."""
    return {
        "auc": found.task.synthetic_auc,
        "f1": found.task.synthetic_f1,
        "mean_f1": mean_f1(rows, test, train),
        "columns": mean_of(found.marginals, "synthetic"),
        "pairs": mean_of(found.pairs, "difference"),
        "copies": found.nearest.synthetic_copies,
        "beyond": float(beyond(rows, train)),
    }


def key(line):
    return line["name"], line["seed"]


def print_line(line):
    name = line["name"] if line["seed"] is None else f"{line['name']}, seed {line['seed']}"
    cells = [f"{line[each]:.4f}" for each in COLUMNS if each in line]
    print(f"{name:24}" + "".join(f"{cell:>10}" for cell in cells), flush=True)


def collect(contenders, options, train, test):
    """Return the figures by name and seed: those of the file, and new ones."""
    file = options.results
    held = file.read_text("utf-8").splitlines() if file and file.is_file() else []
    lines = {key(line): line for line in map(json.loads, held)}

    def keep(line):
        lines[key(line)] = line
        print_line(line)
        if file:
            with file.open("a", encoding="utf-8") as opened:
                opened.write(json.dumps(line) + "\n")

    schema = kvae.data.TableSchema.infer(train)
    for seed in options.seeds:
        for name, make in contenders.items():
            if (name, seed) in lines or (name != OWN and seed not in options.peer_seeds):
                continue
            start = processor_minutes()
            rows = make(train, seed)
            minutes = processor_minutes() - start
            arrays = [schema.to_array(each) for each in (train, test, rows)]
            found = TableQuality.measure(schema, *arrays, TARGET)
            if ("real rows", None) not in lines:
                keep(real_rows(found, train, test))
            figures = synthetic_rows(found, rows, train, test)
            keep({"name": name, "seed": seed, **figures, "minutes": minutes})
    return lines


def section(lines):
    """Return the figures as Markdown: means over seeds, and the least and largest of them."""
    text = ["| trained on | seeds | " + " | ".join(COLUMNS.values()) + " |"]
    text.append("| --- " + "| ---: " * (len(COLUMNS) + 1) + "|")
    for name in dict.fromkeys(name for name, _ in lines):
        own = [line for line in lines.values() if line["name"] == name]
        seeds = ", ".join(str(line["seed"]) for line in own if line["seed"] is not None)
        row = [cell(column, [line[column] for line in own if column in line]) for column in COLUMNS]
        text.append(f"| {name} | {seeds} | " + " | ".join(row) + " |")
    return "\n".join(text) + f"\n\nMeasured on {machine()}.\n"


def cell(column, values):
    """Return the mean of values, and in brackets the least and the largest where they differ."""
    if not values:
        return ""
    form = "{:.2%}" if column in SHARES else "{:.1f}" if column == "minutes" else "{:.3f}"
    numbers = [form.format(each) for each in (np.mean(values), min(values), max(values))]
    return numbers[0] if numbers[1] == numbers[2] else "{} ({} to {})".format(*numbers)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--peers", metavar="PYTHON", help="Python of an environment with ctgan")
    parser.add_argument("--peer-names", nargs="+", default=["TVAE", "CTGAN"])
    parser.add_argument("--peer-seeds", type=int, nargs="+", default=[0], help="seeds of the peers")
    parser.add_argument("--results", type=Path, help="file of the results, to resume from")
    parser.add_argument("--page", type=Path, help="write the section of this page")
    options = parser.parse_args()
    train, test = whole_adult(os.environ["KVAE_DATA"])
    contenders = {OWN: by_kvae}
    if options.peers:
        contenders |= {name: by_peer(options.peers, name) for name in options.peer_names}
    print(f"{machine()}\n{len(train)} training rows, {len(test)} test rows\n")
    names = ("AUC", "F1 trees", "F1 four", "columns", "pairs", "copies", "beyond", "minutes")
    print(f"{'':24}" + "".join(f"{name:>10}" for name in names), flush=True)
    lines = collect(contenders, options, train, test)
    if options.page:
        replace_section(options.page, "adult", section(lines))


if __name__ == "__main__":
    main()
