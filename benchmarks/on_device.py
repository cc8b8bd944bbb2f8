"""Does a detector that adapts on the device raise fewer false alarms on another machine?

A VAE of 64 x 3 windows learns a made-up machine A. Machine B has another gain, offset, noise and
rhythm. For each choice of `trainable` the exported file adapts to the first windows of B, in LiteRT
on one thread. The table shows false alarms on other windows of B at the threshold of A (1% of A's
windows exceed it) and at one set on 200 further windows of B, the AUROC on faults injected into B
(a lost channel, a level shift, a burst of noise, another rhythm; the means of --seeds machines),
milliseconds of a step, and the size of the file against that of one that does not train.

    python benchmarks/on_device.py [--seeds 0] [--windows 50 200 1000] [--passes 5]
        [--machine 1.25 0.3 0.15 1.1] [--slow-fault]
"""

import argparse
import math
import os
import platform
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

import kvae
from kvae.export.runtime import Model, limits

STEPS, CHANNELS, BATCH = 64, 3, 16
MACHINE_A = {"gain": 1.0, "offset": 0.0, "noise": 0.1, "rhythm": 1.0}
MACHINE_B = {"gain": 1.25, "offset": 0.3, "noise": 0.15, "rhythm": 1.1}


def windows(rng, count, gain, offset, noise, rhythm):
    """Return windows of a machine: two tones with a common random phase, and noise."""
    phase = rng.uniform(0.0, 2.0 * np.pi, size=(count, 1))
    time_ = phase + 0.3 * rhythm * np.arange(STEPS)
    clean = np.stack([np.sin(time_), np.cos(time_), 0.5 * np.sin(2.0 * time_)], axis=-1)
    return (gain * clean + offset + noise * rng.normal(size=clean.shape)).astype("float32")


def faulty(rng, count, machine):
    """Return windows of a machine with one of four faults."""
    x = windows(rng, count, **machine)
    other = windows(rng, count, **{**machine, "rhythm": 1.2 * machine["rhythm"]})
    for i in range(count):
        channel = rng.integers(CHANNELS)
        start = rng.integers(STEPS // 2)
        if i % 4 == 0:
            x[i, start:, channel] = x[i, start, channel]
        elif i % 4 == 1:
            x[i, start:, channel] += 0.5
        elif i % 4 == 2:
            x[i, start : start + 16] += 0.3 * rng.normal(size=x[i, start : start + 16].shape)
        else:
            x[i] = other[i]
    return x


def trained(rng):
    """Return a VAE of machine A."""
    shape = (STEPS, CHANNELS)
    prior = kvae.priors.StandardNormal(4)
    posterior = kvae.layers.MultivariateNormalDiag(
        4, activity_regularizer=kvae.regularizers.KLDivergenceRegularizer(prior)
    )
    scale = kvae.layers.LearnedScale(initial=0.5)
    decoder = keras.Sequential([kvae.networks.mlp_decoder(4, shape, hidden=(64, 64)), scale])
    encoder = kvae.networks.mlp_encoder(shape, posterior.params_size, hidden=(64, 64))
    vae = kvae.VAE(encoder, posterior, decoder, kvae.layers.IndependentNormal(shape))
    vae.compile(keras.optimizers.Adam(2e-3))
    vae.fit(windows(rng, 4000, **MACHINE_A), epochs=30, batch_size=64, verbose=0)
    return vae


def alarms(threshold, scores):
    return np.mean(scores > np.float32(threshold))


def rows_of(seed, arguments, folder):
    """Yield (trainable, windows, alarms, alarms at B's threshold, AUROC, ms, size ratio)."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    vae = trained(rng)
    data = windows(rng, 500, **MACHINE_A)
    calibration = windows(rng, 1000, **MACHINE_A)
    machine = dict(zip(MACHINE_B, arguments.machine, strict=True))
    met = windows(rng, max(arguments.windows), **machine)
    further, normal = windows(rng, 200, **machine), windows(rng, 1000, **machine)
    faults = faulty(rng, 400, machine)
    common = {"data": data, "presets": ["float32"], "signatures": ["score"], "measure": False}
    plain = kvae.export.bundle(vae, folder / f"{seed}-plain", **common)["float32"]
    for trainable in ("scale", "heads", "all"):
        path = folder / f"{seed}-{trainable}"
        result = kvae.export.bundle(
            vae, path, trainable=trainable, training_batch_size=BATCH, **common
        )["float32"]
        model = Model(path)
        threshold = limits(np.sort(model.score(calibration)), 0.01)[1]
        for count in (0, *arguments.windows):
            model.reset()
            steps, milliseconds = math.ceil(arguments.passes * count / BATCH), float("nan")
            if steps:
                start = time.perf_counter()
                model.adapt(
                    met[:count], steps, learning_rate=arguments.learning_rate, guard_nats=math.inf
                )
                milliseconds = 1e3 * (time.perf_counter() - start) / steps
            scores = model.score(normal)
            own = limits(np.sort(model.score(further)), 0.01)[1]
            labels = np.repeat([0, 1], [len(normal), len(faults)])
            auroc = roc_auc_score(labels, np.concatenate([scores, model.score(faults)]))
            ratio = result.size_bytes / plain.size_bytes
            worse = model.forgotten()
            yield (
                (trainable, count),
                (alarms(threshold, scores), alarms(own, scores), auroc, milliseconds, ratio, worse),
            )


def slow_fault(arguments, folder):
    """Print how often a fault of machine A that grows while the file adapts is still found."""
    rng = np.random.default_rng(0)
    calibration = windows(rng, 1000, **MACHINE_A)
    model = Model(folder / f"{arguments.seeds[0]}-heads")
    threshold = limits(np.sort(model.score(calibration)), 0.01)[1]
    shifted = windows(rng, 500, **MACHINE_A) + np.float32([0.5, 0.0, 0.0])
    print("a shift of channel 0 by 0.5, share of windows that are found, trainable='heads'")
    print(f"shipped weights: {alarms(threshold, model.score(shifted)):.3f}")
    for count, guard in ((250, math.inf), (1000, math.inf), (4000, math.inf), (1000, None)):
        model.reset()
        for start in range(0, count, 50):
            x = windows(rng, 50, **MACHINE_A) + np.float32([0.5 * start / count, 0.0, 0.0])
            steps = math.ceil(arguments.passes * len(x) / BATCH)
            model.adapt(*(x, steps, start), learning_rate=arguments.learning_rate, guard_nats=guard)
        found = alarms(threshold, model.score(shifted))
        how = "all of them learned" if guard else "with the guard"
        print(f"grown over {count} windows, {how}: {found:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--windows", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--passes", type=int, default=5, help="how often a window is shown")
    parser.add_argument(
        "--machine",
        type=float,
        nargs=4,
        default=list(MACHINE_B.values()),
        metavar=("GAIN", "OFFSET", "NOISE", "RHYTHM"),
        help="machine B; A is 1 0 0.1 1",
    )
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--slow-fault", action="store_true", help="also a fault that is learned")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.seeds:
            for key, row in rows_of(seed, arguments, Path(folder)):
                found.setdefault(key, []).append(row)
        if arguments.slow_fault:
            slow_fault(arguments, Path(folder))
    print(f"{platform.machine()}, seeds {arguments.seeds}, {arguments.passes} passes, machine B:")
    print(dict(zip(MACHINE_B, arguments.machine, strict=True)))
    print("trainable  windows  alarms, threshold of A  of B   AUROC  ms/step  size  A worse, nats")
    for (trainable, count), rows in found.items():
        kept, own, auroc, milliseconds, ratio, worse = np.mean(rows, axis=0)
        print(
            f"{trainable:9s} {count:8d} {kept:23.3f} {own:5.3f} {auroc:7.3f} {milliseconds:8.2f} "
            f"{ratio:5.2f} {worse:16.1f}"
        )


if __name__ == "__main__":
    main()
