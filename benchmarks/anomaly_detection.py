"""Does `AnomalyDetector` with its default settings rank anomalies as well as its peers?

AUROC on the test rows of the data sets of ADBench (Han et al., 2022, https://arxiv.org/abs/2206.09426;
NAME.npz with X and y), stratified 60/40 splits. The training rows keep their anomalies. All
detectors see the same rows, at most --rows of them, in one run and in turns. The peers are
scikit-learn's IsolationForest and PCA (the squared error outside the components that hold 90% of
the variance of standardized data), and PyOD's ECOD and VAE where it is installed.

    python benchmarks/anomaly_detection.py FOLDER [--seeds 0 1 2] [--only glass] [--rows 20000]

It also prints how often a false alarm is raised at rates of 1%, 5% and 10%: a second detector,
trained and calibrated on normal rows alone, is tried on other normal rows. The 95% interval is that
of the beta-binomial distribution, of calibration and test rows; "outside" counts the sets that lie
above it. Equal scores, of equal rows, make false alarms rarer. With --exported the same rows are
also decided by the float32 and the int8 file of the detector's bundle, each with its own threshold.
"""

import argparse
import contextlib
import io
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy.stats import betabinom
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from kvae.estimators import AnomalyDetector
from kvae.export import runtime

RATES = (0.01, 0.05, 0.1)
PRESETS = ("float32", "int8")


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


def auroc(path, seed, options):
    """Return AUROC and seconds of each contender on one split; NaN where it fails."""
    train, test, labels = split(path, seed, options.rows)
    found, seconds = {}, {}
    for name in options.contenders:
        begin = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                scores = np.nan_to_num(CONTENDERS[name](train, test, seed))
            found[name] = roc_auc_score(labels, scores)
        except (ImportError, ValueError) as error:
            print(f"{path.stem}: {name} left out: {error!r:.100}")
            found[name] = np.nan
        seconds[name] = time.perf_counter() - begin
    return found, seconds


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
    print(f"{'AUROC, mean over seeds':<18}" + "".join(f"{name:>17}" for name in names))
    table, times = [], []
    for path in paths:
        runs = [auroc(path, seed, options) for seed in options.seeds]
        table.append([np.mean([run[0][name] for run in runs]) for name in names])
        times.append([sum(run[1][name] for run in runs) for name in names])
        best = np.nanmax(table[-1])
        share = f"  {table[-1][0] / best:.2f} of the best"
        print(f"{path.stem:<18}" + "".join(f"{v:>17.3f}" for v in table[-1]) + share, flush=True)
    print(f"{'mean':<18}" + "".join(f"{v:>17.3f}" for v in np.mean(table, axis=0)))
    print(f"{'minutes':<18}" + "".join(f"{v / 60:>17.1f}" for v in np.sum(times, axis=0)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of the process, all contenders: {peak:.1f} GB")


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
