"""Arrays of numbers where a synthesizer reads DataFrames, as estimators of scikit-learn do."""

import warnings
from collections.abc import Mapping
from typing import Any

from sklearn.utils.validation import validate_data

from kvae import checks
from kvae.data import TableSchema

__all__ = ["frame_of_array", "inferred_schema"]


def frame_of_array(estimator: Any, x: Any, reset: bool, least: int) -> Any:
    """Return the DataFrame of an array, with the columns 0, 1, ...

    Args:
        estimator: whose `n_features_in_` is set or compared.
        x: numbers (rows, columns), NaN where missing.
        reset: whether it is the array of `fit`.
        least: number of rows, at least.

    Raises:
        ValueError: If it is no such array.
    """
    import pandas as pd

    checks.unmasked("x", x)
    options = {"dtype": "numeric", "ensure_all_finite": "allow-nan", "ensure_min_samples": least}
    try:
        return pd.DataFrame(validate_data(estimator, x, reset=reset, **options))
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        raise ValueError(
            "Expected an array of numbers, or a pandas DataFrame, whose columns may hold text. "
            f"Received: {error}"
        ) from None


def inferred_schema(
    frame: Any, of_array: bool, overrides: Mapping[Any, str] | None = None
) -> TableSchema:
    """Return the schema of a table without ids, or of an array, which keeps all of its columns.

    A warning names the ids.

    Args:
        frame: the table.
        of_array: whether it is what `frame_of_array` returned.
        overrides: kind by name of a column, see `TableSchema.infer`.
    """
    kinds = overrides or {}
    schema = TableSchema.infer(frame, kinds, ids="drop")
    ids = [c.name for c in schema.columns if c.kind == "dropped" and c.name not in kinds]
    if not ids:
        return schema
    if of_array:
        return TableSchema.infer(frame, {**dict.fromkeys(ids, "integer"), **kinds})
    warnings.warn(
        f"The columns {', '.join(map(repr, ids))} are ids, whose values are all different: "
        "generated rows will not have them. Name their kinds to decide it: by overrides, or by "
        "--column of kvae train.",
        stacklevel=4,
    )
    return schema
