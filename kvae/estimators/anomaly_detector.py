"""Anomaly detection by a VAE, with scikit-learn's conventions."""

import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from kvae import checks, files
from kvae._version import __version__
from kvae.callbacks.training_bar import training_bar
from kvae.data import TableSchema
from kvae.data.rounding import warn_of_rounding
from kvae.data.tables.arguments import check_schema
from kvae.data.tables.frame import is_frame
from kvae.data.tables.number import Number
from kvae.estimators.calibration import Calibration
from kvae.estimators.calibration_split import calibration_split
from kvae.estimators.detector_model import SCALINGS, detector_model, train
from kvae.estimators.detector_table import detector_schema
from kvae.estimators.drift_test import DriftTest
from kvae.estimators.rollback import rollback
from kvae.estimators.saved_arguments import arguments_of, saved_state, with_arguments
from kvae.estimators.training import LARGEST_SEED, seeded
from kvae.export import ExportResult, bundle
from kvae.models.batches import BATCH_SIZE

__all__ = ["AnomalyDetector"]

# More calibration rows would make the rate of false alarms hardly more certain, and the manifest
# of an exported detector holds a number for each.
MOST_CALIBRATION_ROWS = 2_000
# Scores are computed by whole blocks of rows, so that the score of a row hardly depends on those
# beside it: by rounding alone (in another order, 5 of 4,000 scores differed by up to 1e-6).
BLOCK = 64


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Finds rows that a VAE, trained on the data, considers improbable.

    The anomaly score of a row is `kvae.VAE.score`, nats of a bound on -log p(x) in raw units. A
    share of the training rows is not trained on: by their scores, `fit` sets a threshold for the
    wanted rate of false alarms.

    The guarantee: for a normal row that is exchangeable with the calibration rows, the probability
    of a false alarm is at most `false_alarm_rate`, whatever the model and the distribution of the
    data (`kvae.estimators.Calibration` has the formula and the references). It is the mean over
    calibration sets; given one of n rows the rate varies by about sqrt(rate (1 - rate) / n). If
    the training data contain anomalies, these raise the threshold: the rate stays below the
    wanted one, and some anomalies are missed. Where clean rows are at hand, call `calibrate` with
    them. Rows that follow one another in time, or overlapping windows of a series, are not
    exchangeable: calibrate on a separate stretch of time.

    A pandas DataFrame may hold numbers, text, booleans and missing values. Text that fewer than 5
    training rows hold is one class, to which unknown text belongs. Columns of ids, of dates and
    without any value are left out, with a warning; `overrides` and `schema` decide otherwise.

    Args:
        false_alarm_rate: wanted rate of false alarms among normal rows, in (0, 1). It needs at
            least 1 / false_alarm_rate - 1 calibration rows, twice as many if two-sided.
        two_sided: whether a row that scores too well, such as that of a dead sensor, is an anomaly
            too. The rate is then shared by both sides.
        latent_dim: number of latent dimensions.
        units: units of the two hidden layers of encoder and decoder. Windows (time, channels) get
            the networks of `kvae.networks.for_data`.
        scaling: how columns are brought to one unit, inside the model: "arcsinh", robust
            (`kvae.transforms.Arcsinh`), or "standard".
        steps: most steps of training, batches.
        epochs: most passes over the training rows.
        batch_size: rows of a batch.
        learning_rate: of Adam at the beginning; it goes to zero by half a cosine.
        trim: share of each training batch that is left out, the rows with the highest loss, in
            [0, 1): robustness to anomalies among the training rows. Normal rows of a rare kind, a
            smaller share of all rows than `trim`, are left out with them and score as anomalies
            do: set 0 where the training rows are clean and have such kinds.
        calibration_share: share of the rows that is kept for calibration, at most 2,000 rows.
            Where these are fewer than 2 / rate - 1, so many are kept, or two thirds of all rows
            if these suffice for the rate.
        schema: a `kvae.data.TableSchema` of the DataFrame; by default it is inferred.
        overrides: kind by name of a column where it is inferred, see
            `kvae.data.TableSchema.infer`, such as {"zip": "category", "note": "drop"}.
        random_state: int or `np.random.RandomState`, decides the split, the first weights and the
            draws; `keras.utils.set_random_seed` is called with it. None leaves the state as it is.
        verbose: whether a bar shows how far the training is, on a terminal.

    Attributes:
        model_: the trained `kvae.VAE`.
        calibration_: the `Calibration`.
        calibration_rows_: the rows that it was made of, float32.
        limits_: lowest and highest score in nats that is no anomaly, at the present
            `false_alarm_rate` and `two_sided`: `set_params` changes them without new training.
        offset_: minus the highest, so that decision_function = score_samples - offset_ unless
            two-sided.
        schema_: the schema of the columns of a DataFrame, else None.
        n_features_in_: number of columns, or of time steps of windows.
        feature_names_in_: names of the columns of a DataFrame.

    Raises:
        ValueError: In `fit`, if an argument or the data are not valid.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.normal(size=(600, 4)) @ rng.normal(size=(4, 4))
        >>> detector = kvae.estimators.AnomalyDetector(false_alarm_rate=0.05, random_state=0)
        >>> detector = detector.fit(rows)
        >>> detector.predict([[9.0, -9.0, 9.0, 9.0]])
        array([-1])

    References:
        An, Cho: Variational autoencoder based anomaly detection using reconstruction probability,
        2015, http://dm.snu.ac.kr/static/docs/TR/SNUDM-TR-2015-03.pdf
    """

    def __init__(
        self,
        false_alarm_rate: float = 0.01,
        two_sided: bool = False,
        latent_dim: int = 2,
        units: int = 128,
        scaling: str = "arcsinh",
        steps: int = 1500,
        epochs: int = 250,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        trim: float = 0.1,
        calibration_share: float = 0.2,
        schema: TableSchema | None = None,
        overrides: Mapping[Any, str] | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ):
        self.false_alarm_rate = false_alarm_rate
        self.two_sided = two_sided
        self.latent_dim = latent_dim
        self.units = units
        self.scaling = scaling
        self.steps = steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.trim = trim
        self.calibration_share = calibration_share
        self.schema = schema
        self.overrides = overrides
        self.random_state = random_state
        self.verbose = verbose

    # -- training ----------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> "AnomalyDetector":  # noqa: N803
        """Train on rows that are normal, or most of them, and set the threshold.

        Args:
            X: numbers (rows, features), a pandas DataFrame, or windows (rows, time, channels).
            y: ignored.
        """
        self._check_arguments()
        with rollback(self):
            self._set_calibration(self._train(self._rows(X, reset=True)))
        return self

    def _train(self, rows: np.ndarray) -> np.ndarray:
        """Train on most of the rows, and return the others, for calibration."""
        random = check_random_state(self.random_state)
        order = random.permutation(len(rows))
        kept = self._calibration_rows(len(rows))
        calibration_rows, training_rows = calibration_split(rows, order, kept)
        seed = None if self.random_state is None else int(random.randint(LARGEST_SEED))
        with seeded(seed), training_bar(self.verbose) as bar:
            self.model_ = detector_model(
                rows.shape[1:],
                int(self.latent_dim),
                int(self.units),
                self.scaling,
                self.schema_,
            )
            train(
                self.model_,
                training_rows,
                int(self.steps),
                int(self.epochs),
                int(self.batch_size),
                float(self.learning_rate),
                float(self.trim),
                bar,
            )
        return calibration_rows

    def _calibration_rows(self, rows: int) -> int:
        """Return how many of so many rows are kept for calibration."""
        kept = min(MOST_CALIBRATION_ROWS, max(1, round(self.calibration_share * rows)))
        sides = 2 if self.two_sided else 1
        least, wanted = (math.ceil(n * sides / self.false_alarm_rate) - 1 for n in (1, 2))
        most = 2 * rows // 3  # where so many are needed for the wanted rate
        return max(kept, min(wanted, most)) if least <= most else kept

    def calibrate(self, X: Any) -> "AnomalyDetector":  # noqa: N803
        """Set the threshold by other rows, which should be normal and new to the model.

        Args:
            X: rows as for `fit`, at least one.
        """
        check_is_fitted(self)
        self._check_arguments()
        with rollback(self):
            self._set_calibration(self._rows(X))
        return self

    def _set_calibration(self, rows: np.ndarray) -> None:
        """Keep calibration rows and their scores, which set the limits."""
        self._calibration_scores, self._usual_nats = self._nats(rows), self._mean_nats(rows)
        self.calibration_rows_ = rows
        self._rate_told = self._rate()
        self._warn_of_rate()

    def _warn_of_rate(self) -> None:
        """Warn where the calibration rows cannot guarantee the rate of false alarms."""
        smallest = self.calibration_.smallest_rate()
        if smallest > self.false_alarm_rate:
            warnings.warn(
                f"{len(self.calibration_rows_)} calibration rows can guarantee a false-alarm rate "
                f"of {smallest:.3g}, not of {self.false_alarm_rate:.3g}: the threshold is that of "
                "the former. Use more rows, or a higher false_alarm_rate.",
                stacklevel=4,
            )

    @property
    def calibration_(self) -> Calibration:
        """The scores of the calibration rows."""
        return Calibration(self._calibration_scores, bool(self.two_sided))

    @property
    def limits_(self) -> tuple[float, float]:
        """Lowest and highest score in nats that is no anomaly."""
        rate, _ = changed = self._rate()
        if changed != self._rate_told:  # by set_params; `fit` and `calibrate` have warned
            self._warn_of_rate()
        return self.calibration_.limits(rate)

    def _rate(self) -> tuple[float, bool]:
        """Return the wanted rate, and whether both sides share it."""
        return checks.rate("false_alarm_rate", self.false_alarm_rate), bool(self.two_sided)

    @property
    def offset_(self) -> float:
        """Minus the highest score that is no anomaly."""
        return -self.limits_[1]

    # -- scores ------------------------------------------------------------------------------

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return minus the anomaly score in nats, (rows,): higher is more normal.

        Args:
            X: rows as for `fit`.
        """
        check_is_fitted(self)
        return -self._nats(self._rows(X)).astype("float64")

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return how many nats the score is inside the limits, (rows,); negative for anomalies.

        Args:
            X: rows as for `fit`.
        """
        scores = -self.score_samples(X)
        low, high = self.limits_
        return np.minimum(high - scores, scores - low) if self.two_sided else high - scores

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return -1 for anomalies and 1 for normal rows, (rows,).

        Args:
            X: rows as for `fit`.
        """
        return np.where(self.decision_function(X) >= 0.0, 1, -1)

    def p_values(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return conformal p-values, (rows,): a row is an anomaly at rate a if p <= a.

        Args:
            X: rows as for `fit`.
        """
        scores = -self.score_samples(X)
        return self.calibration_.p_values(scores)

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return [1 - p, p] of each row, (rows, 2), for the conformal p-value p.

        The columns belong to -1 and 1, as in a classifier with these classes. A p-value is not the
        probability that the row is normal: among normal rows it is uniform.

        Args:
            X: rows as for `fit`.
        """
        p = self.p_values(X)
        return np.stack([1.0 - p, p], axis=1)

    def contributions(self, X: Any) -> Any:  # noqa: N803
        """Return what each element adds to a row's score in nats, (rows, features) or as X.

        Of a DataFrame it is a DataFrame with the index of X and the columns that are modelled; a
        missing value adds nothing.

        It is the element's own negative log-likelihood less its mean over the calibration rows that
        hold it: a feature that is as usual adds about zero. The KL, which belongs to no feature, is
        left out.

        Args:
            X: rows as for `fit`.
        """
        check_is_fitted(self)
        rows = self._rows(X)
        unusual = self._element_nats(rows) - self._usual_nats
        if self.schema_ is None or not is_frame(X):
            return unusual
        import pandas as pd

        names = [column.name for column in self.schema_.modelled]
        return pd.DataFrame(np.where(np.isnan(rows), 0.0, unusual), X.index, names)

    def drift_test(self, false_alarm_rate: float | None = None) -> DriftTest:
        """Return a test to be updated with scores of a stream, -score_samples(X).

        Args:
            false_alarm_rate: probability that a stream without drift is ever reported; by default
                that of the detector.
        """
        check_is_fitted(self)
        rate = self.false_alarm_rate if false_alarm_rate is None else false_alarm_rate
        return DriftTest(self.calibration_.scores, rate, random_state=0)

    def _nats(self, rows: np.ndarray) -> np.ndarray:
        """Return the anomaly scores of valid rows, float32."""
        padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % BLOCK, axis=0)])
        return self.model_.score(padded)[: len(rows)]

    def _element_nats(self, rows: np.ndarray) -> np.ndarray:
        """Return the negative log-likelihood of each element."""
        parts = []
        for start in range(0, len(rows), BATCH_SIZE):
            x = tf.convert_to_tensor(rows[start : start + BATCH_SIZE])
            likelihood = self.model_.reconstruction({"x": x})
            observed = tf.logical_not(tf.math.is_nan(x)) if self.model_.missing else None
            nats = -likelihood.layer.element_log_prob(likelihood.params, x, observed)
            parts.append(nats.numpy())
        return np.concatenate(parts)

    def _mean_nats(self, rows: np.ndarray) -> np.ndarray:
        """Return the mean of `_element_nats` over the rows that hold an element, 0 where none."""
        observed = np.sum(~np.isnan(rows), axis=0, dtype="float32")
        return np.sum(self._element_nats(rows), axis=0) / np.maximum(observed, 1)

    # -- data and arguments ------------------------------------------------------------------

    def _rows(self, X: Any, reset: bool = False) -> np.ndarray:  # noqa: N803
        """Return valid rows as float32, those of a table as the array of its schema."""
        least = 3 if reset else 1
        checks.unmasked("X", X)
        if is_frame(X) and (reset or self.schema_ is not None):
            return self._frame_rows(X, reset, least)
        of_frames = [name for name in ("schema", "overrides") if getattr(self, name) is not None]
        if reset and of_frames:
            raise ValueError(
                f"Expected a pandas DataFrame with {of_frames[0]}. Received: {type(X).__name__}"
            )
        if reset:
            self.schema_: TableSchema | None = None
        elif self.schema_ is not None and not self._reads_arrays():
            raise ValueError(
                "Expected a pandas DataFrame with the columns of the training frame. Received: "
                f"{type(X).__name__}"
            )
        options = {"dtype": "float32", "allow_nd": True, "ensure_min_samples": least}
        options["ensure_all_finite"] = "allow-nan"
        rows: Any = validate_data(self, X, reset=reset, **options)
        if np.isnan(rows).any():
            raise ValueError(
                "Expected an array without missing values: they are taken in a pandas DataFrame. "
                "Received: NaN"
            )
        if reset:
            names = [f"feature {place}" for place in range(rows.shape[-1])]
            advice = "Subtract a constant"
            if rows.ndim == 2:
                advice += ", or pass a DataFrame, of which the detector does that"
            warn_of_rounding(np.asarray(X, "float64"), names, f"{advice}.", stacklevel=4)
        return rows

    def _reads_arrays(self) -> bool:
        """Return whether the schema only says that each column is a number as it is."""
        schema = self.schema_
        return (
            schema is not None
            and schema.width == self.n_features_in_
            and all(isinstance(each, Number) and not each.offset for each in schema.modelled)
        )

    def _frame_rows(self, frame: Any, reset: bool, least: int) -> np.ndarray:
        """Return the array of a DataFrame; with `reset` by a schema that is set."""
        if len(frame) < least:
            raise ValueError(f"Expected at least {least} rows. Received: {len(frame)}")
        validate_data(self, frame, reset=reset, skip_check_array=True)
        asked = self.overrides or {}
        schema = self.schema_ if not reset else self.schema or detector_schema(frame, asked)
        assert schema is not None
        left = [each for each in schema.columns if not each.modelled]
        left = [each for each in left if asked.get(each.name) != "drop"]
        if reset and left and self.schema is None:
            listed = "; ".join(f"{each.name!r} ({each.details()})" for each in left)
            warnings.warn(f"Columns that are left out: {listed}.", stacklevel=4)
        self.schema_ = schema
        rows: np.ndarray = schema.to_array(frame, missing="refuse")
        return rows

    def _check_arguments(self) -> None:
        for name in ("false_alarm_rate", "calibration_share"):
            checks.rate(name, getattr(self, name))
        for name in ("latent_dim", "units", "steps", "epochs", "batch_size"):
            checks.positive_int(name, getattr(self, name))
        checks.positive("learning_rate", self.learning_rate)
        checks.share("trim", self.trim)
        checks.choice("scaling", self.scaling, tuple(SCALINGS))
        check_schema(self.schema, self.overrides)

    # -- files -------------------------------------------------------------------------------

    def export(self, path: Any, **options: Any) -> dict[str, ExportResult]:
        """Write a bundle whose files take raw rows and give score, p-value and decision.

        Each preset gets the threshold that its own scores of the calibration rows set. On a
        device, `runtime.Model(folder).detect(x)` returns `score`, `p_value` and `is_anomaly`. Of a
        DataFrame x is `schema_.to_array(frame)`; `kvae score` reads tables.

        Args:
            path: folder to be.
            **options: other arguments of `kvae.export.bundle`, such as `presets` or `overwrite`.
        """
        check_is_fitted(self)
        rows = self.calibration_rows_
        return bundle(
            self.model_,
            path,
            calibration=rows,
            false_alarm_rate=self.false_alarm_rate,
            two_sided=bool(self.two_sided),
            schema=self.schema_,
            **{"data": rows, "signatures": ("score", "reconstruct"), **options},
        )

    def save(self, path: Any, overwrite: bool = False) -> None:
        """Write a folder with the model (.keras), calibration (.npy) and JSON; nothing is pickled.

        Args:
            path: folder to be.
            overwrite: whether to replace what stands there.
        """
        check_is_fitted(self)
        state = {
            "kvae": __version__,
            "arguments": arguments_of(self),
            "own_schema": self.schema is not None,
            "schema": None if self.schema_ is None else self.schema_.get_config(),
            "calibration": self.calibration_.scores.tolist(),
            "n_features_in": self.n_features_in_,
            "feature_names_in": list(getattr(self, "feature_names_in_", [])),
        }
        with files.replacing(files.destination(path, overwrite), overwrite) as folder:
            folder.mkdir()
            self.model_.save(folder / "model.keras")
            np.save(folder / "calibration_rows.npy", self.calibration_rows_, allow_pickle=False)
            (folder / "detector.json").write_text(json.dumps(state, indent=1), "utf-8")

    @classmethod
    def load(cls, path: Any) -> "AnomalyDetector":
        """Return the detector that `save` wrote to a folder.

        Raises:
            FileNotFoundError: If the folder lacks a file.
            ValueError: If a file is damaged or lacks something.
        """
        folder = Path(path)
        names = "detector.json", "model.keras", "calibration_rows.npy"
        with saved_state(cls, folder, *names) as state:
            detector = with_arguments(cls, state["arguments"])
            detector.model_ = keras.saving.load_model(folder / "model.keras")
            known = state["schema"]
            detector.schema_ = None if known is None else TableSchema.from_config(known)
            detector.schema = detector.schema_ if state["own_schema"] else None
            detector._calibration_scores = np.array(state["calibration"], "float32")
            rows = folder / "calibration_rows.npy"
            detector.calibration_rows_ = np.load(rows, allow_pickle=False)
            detector._rate_told = detector._rate()
            detector._usual_nats = detector._mean_nats(detector.calibration_rows_)
            detector.n_features_in_ = state["n_features_in"]
            if state["feature_names_in"]:
                detector.feature_names_in_ = np.array(state["feature_names_in"], object)
        return detector
