"""Estimators with scikit-learn's conventions, made of the models, losses and exports of kvae.

`AnomalyDetector` finds rows that a VAE considers improbable, with a threshold for a wanted rate of
false alarms. `TableSynthesizer` draws rows like those of a table, and `TableQuality` says how good
they are. `Calibration` holds the formulas of that threshold, `DriftTest` the test for a stream.
A decision made by an exported file has to be the one that is made here: change the formulas only
together with those of `export/runtime.py` and the clients.
"""

from kvae.estimators.anomaly_detector import AnomalyDetector
from kvae.estimators.calibration import Calibration
from kvae.estimators.drift_test import DriftTest
from kvae.estimators.table_quality import TableQuality
from kvae.estimators.table_synthesizer import TableSynthesizer

__all__ = ["AnomalyDetector", "Calibration", "DriftTest", "TableQuality", "TableSynthesizer"]
