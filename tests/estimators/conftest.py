"""A fitted detector that tests read and never change."""

import numpy as np
import pytest

from kvae.estimators import AnomalyDetector

FEATURES = 4


def normal_rows(rows, seed):
    """Return correlated rows of columns in very different units."""
    factors = np.random.default_rng(7).normal(size=(2, FEATURES))
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 2)) @ factors + 0.1 * random.normal(size=(rows, FEATURES))
    return x * [1.0, 1e-3, 50.0, 1e4] + [0.0, 5.0, -300.0, 1e5]


@pytest.fixture(scope="session")
def detector():
    return AnomalyDetector(false_alarm_rate=0.05, random_state=0).fit(normal_rows(1500, 0))
