"""How good synthetic rows are: columns, pairs, a task trained on them, copies of real rows."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kvae.data import TableSchema
from kvae.estimators import table_measures as measures
from kvae.evaluation import NearestRows, SyntheticTask, nearest_rows, train_on_synthetic

__all__ = ["Marginal", "Pair", "TableQuality"]

WORST = 5  # columns and pairs that are printed


@dataclass(frozen=True)
class Marginal:
    """Distance between the real and the synthetic values of a column, in [0, 1].

    Args:
        column: its name.
        measure: "total variation" of classes, with missing values as one of them; or
            "Kolmogorov-Smirnov" of the observed numbers or dates.
        synthetic: distance of the synthetic rows to the training rows.
        held_out: that of other real rows, which is due to chance.
        missing_real: share of missing values among the training rows.
        missing_synthetic: the same among the synthetic rows.
    """

    column: str
    measure: str
    synthetic: float
    held_out: float
    missing_real: float
    missing_synthetic: float


@dataclass(frozen=True)
class Pair:
    """Association of two columns in the training rows and in the synthetic rows.

    Args:
        first: name of a column.
        second: name of the other one.
        measure: "rank correlation" of numbers, in [-1, 1], "Cramer's V" of classes or
            "correlation ratio" of a number given classes, both in [0, 1].
        real: in the training rows.
        synthetic: in the synthetic rows.
    """

    first: str
    second: str
    measure: str
    real: float
    synthetic: float

    @property
    def difference(self) -> float:
        """Absolute difference."""
        return abs(self.real - self.synthetic)


@dataclass(frozen=True)
class TableQuality:
    """Report on synthetic rows; prints as a table.

    Args:
        rows: numbers of training rows, other real rows and synthetic rows.
        marginals: a distance for each column, the worst first.
        pairs: the association of each pair of columns, the largest difference first.
        held_out_pairs: mean difference of the associations between training rows and other real
            rows, which is due to chance.
        task: a classifier, if a target was given.
        nearest: distances to the nearest training row.

    Example:
        >>> import pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> columns = {"age": rng.normal(40, 9, 300), "sex": rng.choice(["F", "M"], 300)}
        >>> frame = pd.DataFrame(columns)
        >>> schema = kvae.data.TableSchema.infer(frame)
        >>> x = schema.to_array(frame)
        >>> quality = kvae.estimators.TableQuality.measure(schema, x[:200], x[200:], x[:200])
        >>> quality.nearest.synthetic_copies  # the training rows themselves
        1.0
        >>> quality.nearest.held_out_copies
        0.0
    """

    rows: tuple[int, int, int]
    marginals: tuple[Marginal, ...]
    pairs: tuple[Pair, ...]
    held_out_pairs: float
    task: SyntheticTask | None
    nearest: NearestRows

    @classmethod
    def measure(
        cls,
        schema: TableSchema,
        train: np.ndarray,
        test: np.ndarray,
        synthetic: np.ndarray,
        target: Any = None,
    ) -> "TableQuality":
        """Return the report.

        Args:
            schema: of the table.
            train: the rows that the model was trained on, as `schema.to_array` gives them.
            test: other real rows, at least two.
            synthetic: generated rows.
            target: name of a column of classes, for `kvae.evaluation.SyntheticTask`.

        Raises:
            ValueError: If there are fewer rows, or the target is not such a column.
        """
        if min(map(len, (train, test, synthetic))) < 2:
            raise ValueError(
                "Expected at least two training, other real and synthetic rows. Received: "
                f"{len(train)}, {len(test)} and {len(synthetic)}"
            )
        task = None
        if target is not None:
            task = train_on_synthetic(train, test, synthetic, target, schema)
        columns = list(schema.modelled)
        marginals = [
            Marginal(
                str(column.name),
                measures.MARGINALS[column.kind == "category"],
                measures.marginal(column, train[:, i], synthetic[:, i]),
                measures.marginal(column, train[:, i], test[:, i]),
                float(np.mean(np.isnan(train[:, i]))),
                float(np.mean(np.isnan(synthetic[:, i]))),
            )
            for i, column in enumerate(columns)
        ]
        of_train, of_test, of_synthetic = (
            measures.associations(schema, x) for x in (train, test, synthetic)
        )
        pairs = [
            Pair(str(columns[i].name), str(columns[j].name), name, value, of_synthetic[i, j][1])
            for (i, j), (name, value) in of_train.items()
        ]
        chance = [abs(value - of_test[key][1]) for key, (_, value) in of_train.items()]
        return cls(
            rows=(len(train), len(test), len(synthetic)),
            marginals=tuple(sorted(marginals, key=lambda each: -each.synthetic)),
            pairs=tuple(sorted(pairs, key=lambda each: -each.difference)),
            held_out_pairs=float(np.mean(chance)) if chance else 0.0,
            task=task,
            nearest=nearest_rows(train, test, synthetic, schema),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def __str__(self) -> str:
        near = self.nearest
        mean = np.mean([each.synthetic for each in self.marginals])
        mean_held_out = np.mean([each.held_out for each in self.marginals])
        lines = [
            f"rows: {self.rows[0]} training, {self.rows[1]} other real, {self.rows[2]} synthetic",
            "",
            f"{'':42}  synthetic  other real",
            _line("columns: mean distance to the training rows", mean, mean_held_out),
        ]
        for each in self.marginals[:WORST]:
            lines.append(_line(f"  {each.column}: {each.measure}", each.synthetic, each.held_out))
        if self.pairs:
            differences = np.mean([each.difference for each in self.pairs])
            lines.append(_line("pairs: mean difference", differences, self.held_out_pairs))
        lines += [
            _line(
                "copies: share equal to a training row", near.synthetic_copies, near.held_out_copies
            ),
            _line("nearest training row: median", near.synthetic_median, near.held_out_median),
            _line("nearest training row: 5% are below", near.synthetic_low, near.held_out_low),
        ]
        if self.task is not None:
            task = self.task
            lines += [
                "",
                f"{'task: ' + task.target:42}  synthetic        real",
                _line("  AUC, trained on", task.synthetic_auc, task.real_auc),
                _line("  F1, trained on", task.synthetic_f1, task.real_f1),
            ]
        if self.pairs:
            lines += ["", f"{'worst pairs':42}  synthetic        real"]
        for pair in self.pairs[:WORST]:
            name = f"  {pair.first}, {pair.second}: {pair.measure}"
            lines.append(_line(name, pair.synthetic, pair.real))
        return "\n".join(lines)


def _line(name: str, synthetic: Any, other: Any) -> str:
    return f"{name:42}  {synthetic:9.3f}  {other:10.3f}"
