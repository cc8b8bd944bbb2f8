"""The data of the pretrained models: each function returns training and test examples."""

from pathlib import Path

import numpy as np
import pandas as pd

import kvae

__all__ = ["adult", "digits", "emoji", "fashion", "sensor", "sensor_faults"]

ADULT_COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation"),
    *("relationship", "race", "sex", "capital_gain", "capital_loss", "hours_per_week"),
    *("native_country", "income"),
)
WINDOW = 64  # steps of a window of the sensor
# The code points of emoji that show one head, alone or with shoulders.
HEADS = (
    *range(0x1F600, 0x1F645),
    *range(0x1F910, 0x1F918),
    *range(0x1F920, 0x1F926),
    *range(0x1F927, 0x1F930),
    *range(0x1F970, 0x1F97B),
    *range(0x1F466, 0x1F46A),
    *range(0x1F46E, 0x1F479),
    *range(0x1F9D0, 0x1F9D6),
    *(0x1F385, 0x1F482, 0x1F575, 0x1F934, 0x1F935, 0x1F936, 0x1F977, 0x1F9B8, 0x1F9B9),
)
SKIN_TONES = {f"{code:x}" for code in range(0x1F3FB, 0x1F400)}
# What is joined to a head where the picture shows several people or a whole figure.
FIGURES = {"1f466", "1f467", "1f468", "1f469", "1f91d", "2764", "1f9af", "1f9bc", "1f9bd", "1f37c"}


def digits(folder):
    """Return MNIST as it was binarized by Larochelle, in {0, 1}, (rows, 28, 28, 1)."""
    with np.load(Path(folder) / "binarized_mnist.npz") as arrays:
        packed = [np.concatenate([arrays["train"], arrays["valid"]]), arrays["test"]]
    return [_pixels(np.unpackbits(each, axis=-1).reshape(-1, 28, 28, 1)) for each in packed]


def fashion(folder):
    """Return Fashion-MNIST as bytes, (rows, 28, 28, 1)."""
    with np.load(Path(folder) / "fashion_mnist.npz") as arrays:
        return [arrays[name][..., None] for name in ("x_train", "x_test")]


def emoji(folder):
    """Return heads of Twemoji as bytes, (rows, 32, 32, 3).

    All skin tones of a head are on the same side of the split, so that no test picture has a twin
    in the training set.
    """
    with np.load(Path(folder) / "emoji64.npz") as arrays:
        pictures, names = arrays["x"], [str(name) for name in arrays["name"]]
    parts = [[part for part in name.split("-") if part not in SKIN_TONES] for name in names]
    chosen = [i for i, part in enumerate(parts) if _is_head(part)]
    small = pictures[chosen].reshape(-1, 32, 2, 32, 2, 3).mean(axis=(2, 4)).round().astype("uint8")
    groups = ["-".join(parts[i]) for i in chosen]
    order = np.random.default_rng(0).permutation(sorted(set(groups)))
    held_out = set(order[: len(order) // 10].tolist())
    is_test = np.array([group in held_out for group in groups])
    return [small[~is_test], small[is_test]]


def _is_head(parts):
    return bool(parts) and int(parts[0], 16) in HEADS and not FIGURES & set(parts[1:])


def _pixels(array):
    return array.astype("float32")


def sensor(folder=None):
    """Return windows of a simulated machine, (rows, 64, 2): vibration in mm/s and current in A."""
    return [_windows(seed) for seed in (0, 1)]


def sensor_faults():
    """Return windows of the same machine with a worn bearing: short impacts."""
    windows = _windows(2)
    rng = np.random.default_rng(3)
    period = rng.integers(9, 14, len(windows))
    steps = np.arange(WINDOW) + rng.integers(0, 14, len(windows))[:, None]
    windows[..., 0] += 1.2 * np.exp(-(steps % period[:, None]) / 1.5)
    return windows


def _windows(seed, steps=60_000, stride=8):
    """Return windows of a series that a seed decides."""
    rng = np.random.default_rng(seed)
    load = _smooth(rng, steps, 400)  # from 0, idle, to 1
    speed = 0.05 + 0.07 * _smooth(rng, steps, 900)  # turns a step
    phase = 2 * np.pi * np.cumsum(speed)
    vibration = (0.4 + load) * np.sin(phase) + 0.5 * load**2 * np.sin(2 * phase + 0.7)
    current = 4.0 + 6.0 * load + 8.0 * (speed - 0.05) + 0.3 * load * np.sin(phase - 0.4)
    noise = rng.normal(size=(steps, 2)) * (0.08, 0.1)
    series = np.stack([vibration, current], axis=-1) + noise
    return kvae.data.windows(series.astype("float32"), WINDOW, stride).x


def _smooth(rng, steps, width):
    """Return a random curve in (0, 1) that changes within about `width` steps."""
    knots = rng.normal(size=steps // width + 3)
    at = np.arange(steps) / width
    whole = at.astype(int)
    share = (1 - np.cos(np.pi * (at - whole))) / 2
    return 1 / (1 + np.exp(-1.5 * (knots[whole] * (1 - share) + knots[whole + 1] * share)))


def whole_adult(folder):
    """Return the training rows and the test rows of the Adult table as two DataFrames.

    The test file has a point after each income and holds the classes that the training file has.
    """
    frames = []
    for name in ("adult_train.csv", "adult_test.csv"):
        frame = pd.read_csv(
            Path(folder) / name,
            header=None,
            names=ADULT_COLUMNS,
            skipinitialspace=True,
            na_filter=False,
        )
        frames.append(frame.assign(income=frame["income"].str.rstrip(".")))
    return frames


def adult(folder):
    """Return `whole_adult` without sampling weights and number of education."""
    return [frame.drop(columns=["fnlwgt", "education_num"]) for frame in whole_adult(folder)]
