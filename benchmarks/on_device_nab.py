"""Does a detector of one of NAB's temperatures learn the other one on the device?

    python benchmarks/on_device_nab.py --data FOLDER [--seeds 0 1 2] [--windows 50 200 1000]

`AnomalyDetector` learns windows of 24 steps of the machine temperature (a value every 5 minutes),
those before the first failure, the last fifth of which sets the threshold of 1% false alarms. Its
exported file then meets the ambient temperature of an office (a value an hour), in windows that
start every 2 steps: it learns the first N of them, the 200 after the first 1,000 set a threshold of
its own, and the later ones outside of the two labelled failures are judged. AUROC is on the windows
that overlap a failure, and on normal ones with a fault injected: half of a window stuck, shifted by
five degrees, or with noise of two degrees. FOLDER holds the series and windows.json, see nab.py.
"""

import argparse
import math
import os
import platform
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from nab import SERIES, load
from sklearn.metrics import roc_auc_score

import kvae
from kvae.estimators import AnomalyDetector
from kvae.export.runtime import Model, limits

AMBIENT = "ambient_temperature_system_failure.csv"
LENGTH, STRIDE, BATCH = 24, 2, 16
LEARNED, FURTHER = 1000, 200  # windows to learn at most, and for the threshold
RATE = 0.01


def cut(folder, name, stride):
    """Return windows of a series, and whether each overlaps a failure."""
    values, times, failures = load(folder, name)
    found = kvae.data.windows(values, LENGTH, stride, times=times)
    ends = found.starts + LENGTH - 1
    overlap = np.zeros(len(ends), bool)
    for begin, end in failures:
        overlap |= (times[ends] >= begin) & (times[found.starts] <= end)
    return found.x.astype("float32"), overlap


def faulty(x, rng):
    """Return windows with one of three faults in their second half."""
    x, half = x.copy(), LENGTH // 2
    for i, window in enumerate(x):
        if i % 3 == 0:
            window[half:] = window[half - 1]
        elif i % 3 == 1:
            window[half:] += 5.0
        else:
            window[half:] += 2.0 * rng.normal(size=window[half:].shape)
    return x


def rows_of(seed, options, folder):
    """Yield (trainable, windows) and what was measured."""
    rng = np.random.default_rng(seed)
    machine, failed = cut(options.data, SERIES, 1)
    before = machine[: int(np.argmax(failed))]
    last = int(0.8 * len(before))
    detector = AnomalyDetector(random_state=seed).fit(before[: last - LENGTH])
    office, failed = cut(options.data, AMBIENT, STRIDE)
    if failed[: LEARNED + FURTHER].any():
        raise ValueError(f"Expected {LEARNED + FURTHER} windows before the first failure.")
    met, rest = office[:LEARNED], slice(LEARNED + FURTHER, None)
    further = office[LEARNED : LEARNED + FURTHER]
    normal, failing = office[rest][~failed[rest]], office[rest][failed[rest]]
    faults = faulty(normal, rng)
    for trainable in ("scale", "heads", "all"):
        path = folder / f"{seed}-{trainable}"
        settings = {"presets": ["float32"], "signatures": ["score"], "measure": False}
        detector.export(path, trainable=trainable, training_batch_size=BATCH, **settings)
        model = Model(path)
        threshold = limits(np.sort(model.score(before[last:])), RATE)[1]
        for count in (0, *options.windows):
            model.reset()
            steps = math.ceil(options.passes * count / BATCH)
            if steps:
                model.adapt(
                    met[:count], steps, learning_rate=options.learning_rate, guard_nats=math.inf
                )
            scores = model.score(normal)
            own = limits(np.sort(model.score(further)), RATE)[1]
            areas = [
                roc_auc_score(
                    np.repeat([0, 1], [len(scores), len(each)]),
                    np.concatenate([scores, model.score(each)]),
                )
                for each in (failing, faults)
            ]
            yield (trainable, count), (np.mean(scores > threshold), np.mean(scores > own), *areas)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the series")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--windows", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--passes", type=int, default=20, help="how often a window is shown")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            for key, row in rows_of(seed, options, Path(folder)):
                found.setdefault(key, []).append(row)
                print(seed, *key, *(f"{each:.3f}" for each in row), flush=True)
    print(f"\n{platform.machine()}, means of the seeds {options.seeds}, {options.passes} passes\n")
    print(
        "| `trainable` | N | alarms at A's threshold | at B's | AUROC, failures | AUROC, faults |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for (trainable, count), rows in found.items():
        cells = " | ".join(f"{each:.3f}" for each in np.mean(rows, axis=0))
        print(f'| "{trainable}" | {count:,} | {cells} |')


if __name__ == "__main__":
    main()
