"""Which failures of NAB's series does `AnomalyDetector` find, with how many false alarms?

Machine temperature of the Numenta Anomaly Benchmark (Lavin and Ahmad, 2015,
https://arxiv.org/abs/1510.03336; https://github.com/numenta/NAB): one value every 5 minutes, four
labelled failures. FOLDER holds the series and windows.json, for each series the stretches of its
failures.

    python benchmarks/nab.py --data FOLDER [--seeds 0 1 2] [--length 24] [--rates 0.01 0.05 0.1]

`AnomalyDetector` and scikit-learn's IsolationForest see the same windows (`kvae.data.windows`), and
the same rule sets their thresholds (`kvae.estimators.Calibration`). What they learn:

- all: the whole series without labels, in windows side by side, every fifth of which sets the
  threshold; failures are among them. Judged is the whole series.
- before: the first 60% of the time before the first failure; the rest of that time sets the
  threshold. Judged is all time from the first failure on: what a week says of the ten after it.

A failure is found if an alarm is raised at a window that ends inside it. Alarms outside of failures
that follow one another within a window's length are one false alarm. AUROC is that of the windows,
those that overlap a failure against those that do not, and needs no threshold.
"""

import argparse
import json
import os
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

import kvae
from kvae.estimators import AnomalyDetector, Calibration

SERIES = "machine_temperature_system_failure.csv"
TRAINING = 0.6  # of the time before the first failure
CALIBRATED = 5  # every fifth window


def detector(train, seed):
    fitted = AnomalyDetector(random_state=seed).fit(train)
    return lambda x: -fitted.score_samples(x)


def isolation_forest(train, seed):
    fitted = IsolationForest(random_state=seed).fit(train.reshape(len(train), -1))
    return lambda x: -fitted.score_samples(x.reshape(len(x), -1))


CONTENDERS = {"AnomalyDetector": detector, "IsolationForest": isolation_forest}


def load(folder, name):
    """Return values and times of a series, and its failures, a list of (begin, end)."""
    frame = pd.read_csv(folder / name, parse_dates=["timestamp"])
    frame = frame.drop_duplicates("timestamp").sort_values("timestamp")
    stretches = json.loads((folder / "windows.json").read_text("utf-8"))[name]
    failures = [tuple(pd.Timestamp(end).to_datetime64() for end in pair) for pair in stretches]
    return frame["value"].to_numpy(), frame["timestamp"].to_numpy(), failures


def episodes(alarms, length):
    """Return the number of groups of alarms (indices of steps) no more than `length` apart."""
    return len(alarms) and 1 + int(np.sum(np.diff(alarms) > length))


def judge(alarm, ends, times, failures, overlap, length):
    """Return failures found, false alarms, and the share of normal windows with an alarm."""
    inside = [(times[ends] >= begin) & (times[ends] <= end) for begin, end in failures]
    found = sum(bool(np.any(alarm & each)) for each in inside)
    false = episodes(ends[alarm & ~overlap], length)
    return found, false, f"{np.mean(alarm[~overlap]):.2%}"


def parts(cut, before, learns):
    """Return windows to learn, windows for the threshold, and the windows that are judged."""
    if learns == "all":
        apart = cut.x[:: cut.length]
        kept = np.arange(len(apart)) % CALIBRATED == 0
        return apart[~kept], apart[kept], slice(None)
    trained = int(TRAINING * before)
    # Windows between the two parts share steps with both.
    return cut.x[:trained], cut.x[trained + cut.length : before], slice(before, None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the series")
    parser.add_argument("--series", default=SERIES, help="name of a .csv file of the folder")
    parser.add_argument("--length", type=int, default=24, help="steps of a window")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.01, 0.05, 0.1])
    parser.add_argument("--learns", nargs="+", default=["all", "before"], choices=["all", "before"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    values, times, failures = load(options.data, options.series)
    cut = kvae.data.windows(values, options.length, times=times)
    ends = cut.starts + options.length - 1
    overlap = np.zeros(len(ends), bool)
    for begin, end in failures:
        overlap |= (times[ends] >= begin) & (times[cut.starts] <= end)
    before = int(np.sum(times[ends] < failures[0][0]))
    columns = ("learns", "contender", "seed", "rate", "failures", "false alarms", "normal windows")
    print("".join(f"{column:>16}" for column in (*columns, "AUROC")))
    for seed in options.seeds:
        for learns in options.learns:
            train, calibration, judged = parts(cut, before, learns)
            for name, fit in CONTENDERS.items():
                score = fit(train, seed)
                scores, usual = score(cut.x[judged]), Calibration(score(calibration))
                area = f"{roc_auc_score(overlap[judged], scores):.3f}"
                for rate in options.rates:
                    alarm = scores > usual.limits(rate)[1]
                    found = judge(alarm, ends[judged], times, failures, overlap[judged], cut.length)
                    row = (learns, name, seed, f"{rate:g}", *found, area)
                    print("".join(f"{cell:>16}" for cell in row), flush=True)


if __name__ == "__main__":
    main()
