"""A bundle of a sensor whose file trains its heads."""

import numpy as np

import kvae
from tests.sensor import machine, trained_sensor

__all__ = ["CHANNELS", "make_learner"]

CHANNELS = ["vibration", "oil, bar"]


def make_learner(path):
    """Write the bundle and return its path; thresholds are of 10% false alarms."""
    rng = np.random.default_rng(0)
    kvae.export.bundle(
        trained_sensor(machine(rng), epochs=30),
        path,
        data=machine(rng, 100),
        calibration=machine(rng, 100),
        false_alarm_rate=0.1,
        presets=["float32", "int8-weights"],
        signatures=["score", "decode", "sample", "reconstruct"],
        trainable="heads",
        channels=CHANNELS,
        measure=False,
    )
    return path
