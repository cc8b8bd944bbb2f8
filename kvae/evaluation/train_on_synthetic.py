"""Train on synthetic rows, test on real ones: whether synthetic rows serve a task."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.data import TableSchema
from kvae.data.tables.category import Category
from kvae.evaluation.table_rows import rows_of

__all__ = ["SyntheticTask", "train_on_synthetic"]

MOST_CLASSES = 255  # of a column that scikit-learn's classifier takes as classes
# Of more rows scikit-learn's classifier holds some of each class out, to stop early. Without early
# stopping it diverges where a class has one row.
HELD_OUT_FROM = 10_000


@dataclass(frozen=True)
class SyntheticTask:
    """A classifier of the target trained on real and on synthetic rows, and tested on real ones.

    Attributes:
        target: name of the column of classes.
        real_auc: area under the ROC curve after training on real rows; the mean over the classes,
            one against the rest, where there are more than two.
        synthetic_auc: after training on synthetic rows.
        real_f1: F1 of the rarer class of two after training on real rows; the mean over the
            classes where there are more.
        synthetic_f1: after training on synthetic rows.

    Example:
        >>> print(kvae.evaluation.SyntheticTask("sex", 0.92, 0.9, 0.84, 0.8))
        sex: AUC 0.900 (trained on real rows: 0.920), F1 0.800 (0.840)
    """

    target: str
    real_auc: float
    synthetic_auc: float
    real_f1: float
    synthetic_f1: float

    def __str__(self) -> str:
        return (
            f"{self.target}: AUC {self.synthetic_auc:.3f} (trained on real rows: "
            f"{self.real_auc:.3f}), F1 {self.synthetic_f1:.3f} ({self.real_f1:.3f})"
        )


def train_on_synthetic(
    train: Any, test: Any, synthetic: Any, target: Any, schema: TableSchema | None = None
) -> SyntheticTask:
    """Return AUC and F1 on real rows of classifiers trained on real and on synthetic rows.

    The classifier is scikit-learn's `HistGradientBoostingClassifier` with its default settings.
    Rows without a target are left out, and so are classes of one training row among more than
    10,000, of which the classifier's early stopping could hold none out; where fewer than two
    classes remain, the figures are NaN.

    Args:
        train: real rows that the synthesizer was trained on: a DataFrame, or an array as
            `schema.to_array` gives it.
        test: other real rows.
        synthetic: generated rows, as many as `train` for a fair comparison.
        target: name of the column of classes that is predicted.
        schema: of the table; by default inferred from `train`, without ids.

    Raises:
        ValueError: If the target is no column of classes, or the tables do not fit the schema.

    Example:
        >>> import pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> def people(n):
        ...     sex = rng.choice(["F", "M"], n)
        ...     return pd.DataFrame({"sex": sex, "height": rng.normal(168 + 20 * (sex == "M"), 5)})
        >>> task = kvae.evaluation.train_on_synthetic(people(200), people(200), people(200), "sex")
        >>> task.real_auc > 0.9 and task.synthetic_auc > 0.9
        True

    References:
        Esteban, Hyland, Raetsch: Real-valued (Medical) Time Series Generation with Recurrent
        Conditional GANs, 2017, section 4.1.2, https://arxiv.org/abs/1706.02633
    """
    schema, arrays = rows_of(schema, train=train, test=test, synthetic=synthetic)
    place = _place_of(schema, target)
    real = _auc_and_f1(schema, arrays[0], arrays[1], place)
    other = _auc_and_f1(schema, arrays[2], arrays[1], place)
    return SyntheticTask(str(target), real[0], other[0], real[1], other[1])


def _place_of(schema: TableSchema, target: Any) -> int:
    """Return the place of a column of classes in the array, or raise."""
    places = {
        column.name: i for i, column in enumerate(schema.modelled) if column.kind == "category"
    }
    if target not in places:
        raise ValueError(
            f"Expected target to be one of the columns of classes, "
            f"{', '.join(map(repr, places)) or 'of which there are none'}. Received: {target!r}"
        )
    return places[target]


def _auc_and_f1(
    schema: TableSchema, train: np.ndarray, test: np.ndarray, place: int
) -> tuple[float, float]:
    """Return AUC and F1 on test rows of gradient-boosted trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import f1_score, roc_auc_score
    from threadpoolctl import threadpool_limits

    train, test = (x[~np.isnan(x[:, place])] for x in (train, test))
    if len(train) > HELD_OUT_FROM:
        _, of_row, rows = np.unique(train[:, place], return_inverse=True, return_counts=True)
        train = train[rows[of_row] > 1]
    y, truth = train[:, place].astype(int), test[:, place].astype(int)
    # Classes that the training rows lack have the probability 0.
    classes = np.unique(truth)
    if len(np.unique(y)) < 2 or len(classes) < 2:
        return float("nan"), float("nan")
    others = [i for i in range(schema.width) if i != place]
    named = [
        isinstance(column, Category) and column.num_classes <= MOST_CLASSES
        for column in (schema.modelled[i] for i in others)
    ]
    model = HistGradientBoostingClassifier(categorical_features=named, random_state=0)
    # One thread: where cores are shared, OpenMP's threads wait for each other a hundred times as
    # long as the trees of a table of this size take.
    with threadpool_limits(1, "openmp"):
        model.fit(train[:, others], y)
    found = model.predict_proba(test[:, others])
    probabilities = np.zeros((len(test), max(y.max(), truth.max()) + 1))
    probabilities[:, model.classes_] = found
    areas = [roc_auc_score(truth == each, probabilities[:, each]) for each in classes]
    guess = probabilities.argmax(axis=1)
    scores: Any = f1_score(truth, guess, labels=classes, average=None, zero_division=0.0)
    rarer = np.argmin([np.sum(truth == each) for each in classes])
    return float(np.mean(areas)), float(scores[rarer] if len(classes) == 2 else np.mean(scores))
