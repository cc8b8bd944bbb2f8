"""Does `AnomalyDetector` with its default settings rank anomalies as well as its peers?

AUROC on the test rows of the data sets of ADBench (Han et al., 2022, https://arxiv.org/abs/2206.09426;
NAME.npz with X and y), stratified 60/40 splits. The training rows keep their anomalies. All
detectors see the same rows, at most --rows of them, in one run and in turns. The peers are
scikit-learn's IsolationForest and PCA (the squared error outside the components that hold 90% of
the variance of standardized data), and PyOD's ECOD and VAE where it is installed.

    python benchmarks/anomaly_detection.py FOLDER [--seeds 0 1 2] [--only glass] [--rows 20000] \
        [--results FILE] [--page docs/anomaly.md]

With --results each result is a line of FILE, and an interrupted command goes on where it was when
it is given again. --page writes the section "ranking" of a page.

The script also prints how often a false alarm is raised at rates of 1%, 5% and 10%: a second
detector, trained and calibrated on normal rows alone, is tried on other normal rows. The 95%
interval is that of the beta-binomial distribution, of calibration and test rows; "outside" counts
the sets that lie above it. Equal scores, of equal rows, make false alarms rarer. With --exported
the same rows are also decided by the float32 and the int8 file of the detector's bundle, each with
its own threshold.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from page import replace_section
from scipy.stats import betabinom
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from kvae.estimators import AnomalyDetector
from kvae.export import runtime
from kvae.export.bundles.machine import machine

RATES = (0.01, 0.05, 0.1)
PRESETS = ("float32", "int8")
ENOUGH = 1_000  # rows from which on a set alone says something of a detector


def isolation_forest(train, test, seed):
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def pca(train, test, seed):
    scaler = StandardScaler().fit(train)
    found = PCA(0.9, random_state=seed).fit(scaler.transform(train))
    test = scaler.transform(test)
    error = test - found.inverse_transform(found.transform(test))
    return np.sum(error**2, axis=1)


def ecod(train, test, seed):
    from pyod.models.ecod import ECOD

    return ECOD().fit(train).decision_function(test)


def pyod_vae(train, test, seed):
    from pyod.models.vae import VAE

    return VAE(random_state=seed, verbose=0).fit(train).decision_function(test)


def detector(train, test, seed):
    return -AnomalyDetector(random_state=seed).fit(train).score_samples(test)


CONTENDERS = {
    "AnomalyDetector": detector,
    "IsolationForest": isolation_forest,
    "PCA": pca,
    "ECOD": ecod,
    "PyOD VAE": pyod_vae,
}


def split(path, seed, rows):
    """Return training rows, test rows and the labels of the test rows."""
    with np.load(path) as data:
        x, y = data["X"].astype("float32"), data["y"].astype(int)
    train, test, _, labels = train_test_split(x, y, test_size=0.4, random_state=seed, stratify=y)
    return train[:rows], test[:rows], labels[:rows]


def auroc(path, seed, name, rows):
    """Return AUROC and processor seconds of a contender on one split, or None where it fails."""
    train, test, labels = split(path, seed, rows)
    begin = time.process_time()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            scores = np.nan_to_num(CONTENDERS[name](train, test, seed))
        found = float(roc_auc_score(labels, scores))
    except (ImportError, ValueError) as error:
        print(f"{path.stem}: {name} left out: {error!r:.100}")
        return None
    seconds = time.process_time() - begin
    return {"set": path.stem, "seed": seed, "contender": name, "auroc": found, "seconds": seconds}


def collect(paths, options):
    """Return the results by set, seed and contender: those of the file, and new ones."""
    file = options.results
    held = file.read_text("utf-8").splitlines() if file and file.is_file() else []
    results = {key(line): line for line in map(json.loads, held)}
    for seed in options.seeds:
        for path in paths:
            for name in options.contenders:
                if (path.stem, seed, name) in results or not takes_part(name, seed, options):
                    continue
                found = auroc(path, seed, name, options.rows)
                if found is None:
                    continue
                results[key(found)] = found
                if file:
                    with file.open("a", encoding="utf-8") as lines:
                        lines.write(json.dumps(found) + "\n")
            print_set(path.stem, seed, results, options)
    return results


def key(line):
    return line["set"], line["seed"], line["contender"]


def takes_part(name, seed, options):
    return name != "PyOD VAE" or options.vae_seeds is None or seed in options.vae_seeds


def mean(results, name, contender, seeds):
    """Return the mean AUROC over the seeds that there are."""
    lines = [results[name, seed, contender] for seed in seeds if (name, seed, contender) in results]
    return np.mean([line["auroc"] for line in lines]) if lines else np.nan


def print_set(name, seed, results, options):
    row = [mean(results, name, contender, [seed]) for contender in options.contenders]
    share = f"  {row[0] / np.nanmax(row):.2f} of the best"
    cells = "".join(f"{value:>17.3f}" for value in row)
    print(f"{name:<18}{seed:<5}{cells}{share}", flush=True)


def false_alarms(path, seed, rows, files):
    """Return alarms by rate for Keras and each file, test rows and calibration rows."""
    with np.load(path) as data:
        x = data["X"][data["y"] == 0].astype("float32")
    train, test = train_test_split(x, test_size=0.4, random_state=seed)
    test = test[:rows]
    fitted = AnomalyDetector(random_state=seed).fit(train[:rows])
    found = {"Keras": fitted.p_values(test), **(exported(fitted, test) if files else {})}
    # The addition keeps a p-value of rate itself, k / (n + 1), at most rate.
    alarms = {name: [int(np.sum(p <= rate + 1e-12)) for rate in RATES] for name, p in found.items()}
    return alarms, len(test), len(fitted.calibration_.scores)


def exported(fitted, test):
    """Return the p-values of the files of a bundle by preset; none of one that is left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle"
        with contextlib.redirect_stderr(io.StringIO()):
            presets = fitted.export(path, presets=PRESETS, measure=False)
        return {name: runtime.Model(path, name).detect(test)["p_value"] for name in presets}


def interval(rate, test, calibration):
    """Return the 95% interval of the number of alarms, in rows."""
    k = int(np.floor(rate * (calibration + 1) + 1e-9))
    if k == 0:
        return 0, 0
    return betabinom.ppf([0.025, 0.975], test, k, calibration + 1 - k)


def print_auroc(paths, options):
    names = options.contenders
    print(f"{'AUROC':<18}{'seed':<5}" + "".join(f"{name:>17}" for name in names))
    results = collect(paths, options)
    table = [[mean(results, path.stem, name, options.seeds) for name in names] for path in paths]
    print(f"{'mean':<23}" + "".join(f"{value:>17.3f}" for value in np.mean(table, axis=0)))
    sums = [minutes(results, paths, name, options.seeds) for name in names]
    print(f"{'processor minutes':<23}" + "".join(f"{value:>17.1f}" for value in sums))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of the process, all contenders: {peak:.1f} GB")
    if options.page:
        replace_section(options.page, "ranking", section(paths, np.array(table), sums, options))


def minutes(results, paths, contender, seeds):
    """Return the processor minutes that a contender took on all sets and seeds."""
    keys = {(path.stem, seed, contender) for path in paths for seed in seeds}
    return sum(results[each]["seconds"] for each in keys & results.keys()) / 60


def section(paths, table, sums, options):
    """Return the results as Markdown."""
    names = options.contenders
    sizes = []
    for path in paths:
        with np.load(path) as data:
            sizes.append((len(data["X"]), data["X"].shape[1], float(np.mean(data["y"]))))
    shares = table[:, 0] / np.nanmax(table, axis=1)
    large = np.array([rows > ENOUGH for rows, _, _ in sizes])
    several = len(options.seeds) > 1
    seeds = ("Means of the seeds " if several else "Seed ") + ", ".join(map(str, options.seeds))
    if options.vae_seeds is not None and "PyOD VAE" in names:
        seeds += f"; PyOD's VAE: seed {', '.join(map(str, options.vae_seeds))} alone"
    lines = [
        f"{seeds}. At most {options.rows:,} rows to train on, and to test. Measured on "
        f"{machine()}, which other programs used at the same time.",
        "",
        "| set | rows | columns | anomalies | " + " | ".join(names) + " | of the best |",
        "| --- " + "| ---: " * (len(names) + 4) + "|",
    ]
    for path, (rows, columns, rate), row, share in zip(paths, sizes, table, shares, strict=True):
        cells = [f"{rows:,}", columns, f"{rate:.1%}", *(f"{v:.3f}" for v in row), f"{share:.2f}"]
        lines.append(f"| {path.stem.partition('_')[2]} | " + " | ".join(map(str, cells)) + " |")
    means = " | ".join(f"{value:.3f}" for value in np.mean(table, axis=0))
    lines += [
        f"| mean | | | | {means} | |",
        "| processor minutes, all runs | | | | "
        + " | ".join(f"{value:.1f}" for value in sums)
        + " | |",
        "",
        f"The last column is the AUROC of {names[0]} over that of the best. It is at least 0.8 on "
        f"{np.sum(shares[large] >= 0.8)} of the {np.sum(large)} sets of more than {ENOUGH:,} rows.",
    ]
    return "\n".join(lines) + "\n"


def print_false_alarms(paths, options):
    print("\nfalse alarms on normal rows, % (95% interval)")
    totals = {}  # by name: alarms, test rows, sets above and below, for each rate
    for path in paths:
        found, test, calibration = false_alarms(
            path, options.seeds[0], options.rows, options.exported
        )
        for name, alarms in found.items():
            total = totals.setdefault(name, np.zeros((len(RATES), 4)))
            cells = []
            for i, rate in enumerate(RATES):
                low, high = interval(rate, test, calibration)
                total[i] += alarms[i], test, alarms[i] > high, alarms[i] < low
                shares = [100.0 * n / test for n in (alarms[i], low, high)]
                cells.append("{:5.2f} ({:.2f} to {:.2f})".format(*shares))
            print_row(path.stem, name, cells)
    for name, total in totals.items():
        print_row("pooled", name, [f"{100.0 * n / test:.2f}" for n, test, _, _ in total])
        print_row("sets above, below", name, [f"{a:.0f}, {b:.0f}" for _, _, a, b in total])


def print_row(first, name, cells):
    print(f"{first:<18}{name:<9}" + "".join(f"{cell:>26}" for cell in cells), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of data sets")
    parser.add_argument("--rows", type=int, default=20_000, help="most training and test rows")
    parser.add_argument(
        "--contenders", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS)
    )
    parser.add_argument("--vae-seeds", type=int, nargs="+", help="seeds of PyOD's VAE, if not all")
    parser.add_argument("--results", type=Path, help="file of the results, to resume from")
    parser.add_argument("--page", type=Path, help="write the section of this page")
    parser.add_argument("--skip-false-alarms", action="store_true")
    parser.add_argument("--exported", action="store_true", help="false alarms of the files too")
    parser.add_argument("--skip-auroc", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    paths = sorted(options.folder.glob("*.npz"))
    paths = [path for path in paths if any(part in path.stem for part in options.only)]
    if not options.skip_auroc:
        print_auroc(paths, options)
    if not options.skip_false_alarms:
        print_false_alarms(paths, options)


if __name__ == "__main__":
    main()
