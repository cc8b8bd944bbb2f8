"""The schema of a table: what each column of a DataFrame holds, and how it becomes numbers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kvae import checks
from kvae.data.tables.category import Category
from kvae.data.tables.column import Column, shown
from kvae.data.tables.date import Date
from kvae.data.tables.fixed import Fixed
from kvae.data.tables.inference import KINDS, infer_column
from kvae.data.tables.number import Number
from kvae.data.tables.ranged import Ranged

__all__ = ["TableSchema"]

VERSION = 1
CLASSES = {"number": Number, "integer": Number, "count": Number, "category": Category}
CLASSES |= {"date": Date, "constant": Fixed, "empty": Fixed, "dropped": Fixed}


class TableSchema:
    """What each column of a table holds: from a DataFrame to an array and back.

    | kind | values | in the array |
    | --- | --- | --- |
    | `number` | numbers | the number |
    | `integer` | whole numbers | the number |
    | `count` | small whole numbers from 0 or 1 on, spread as a Poisson's or more | the number |
    | `category` | text, booleans, categories, a few whole numbers | the number of the class |
    | `date` | dates and times, with or without a time zone | days, hours, ... since the first |
    | `constant`, `empty` | one value; none | nothing; restored by `to_frame` |
    | `dropped` | ids, and what `overrides` says | nothing; not restored |

    Arrays are float32, (rows, width), NaN where a value is missing. Large numbers and dates are
    stored less their least value. What needs more than the 24 bits of float32 after that, such as
    seconds over years, is rounded to 6e-8 of its range.

    Args:
        columns: the columns in the order of the table, as `infer` makes them.

    Attributes:
        columns: all of them.
        modelled: those of the array, in its order.
        width: number of columns of the array.
        missing: whether values were missing in a column of the array; for `kvae.VAE(missing=)`.
        event_shape: (width,).

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({
        ...     "height": [171.5, 180.2, None, 166.0], "city": ["Rome", "Oslo", "Rome", "Oslo"],
        ... })
        >>> schema = kvae.data.TableSchema.infer(frame)
        >>> print(schema)
        height  number    1 decimals, with missing values
        city    category  'Oslo', 'Rome'
        >>> x = schema.to_array(frame)
        >>> x
        array([[171.5,   1. ],
               [180.2,   0. ],
               [  nan,   1. ],
               [166. ,   0. ]], dtype=float32)
        >>> bool(schema.to_frame(x).equals(frame))
        True
        >>> schema.likelihood().params_size
        4
    """

    def __init__(self, columns: Sequence[Column]):
        self.columns = tuple(columns)
        self.modelled = tuple(column for column in self.columns if column.modelled)
        if not self.modelled:
            raise ValueError(
                "Expected a table with at least one column whose values differ. Received: "
                + ("no columns" if not self.columns else "; ".join(_lines(self.columns)))
            )

    @classmethod
    def infer(
        cls,
        frame: Any,
        overrides: Mapping[Any, str] | None = None,
        ids: str = "refuse",
        rare: int = 0,
        within_range: bool = True,
    ) -> "TableSchema":
        """Return the schema of a DataFrame.

        Args:
            frame: a pandas DataFrame, (rows, columns); its index is not used.
            overrides: kind by name of a column: "number", "integer", "count", "category", "date" or
                "drop".
            ids: what happens to columns whose values are all different, text or whole numbers that
                increase or lie so close together that some would be equal by chance, in tables of
                20 rows or more: "refuse" or "drop".
            rare: number of rows; text that fewer rows hold becomes the category "other", and so
                does unknown text later.
            within_range: whether `to_frame` keeps numbers and dates in the range of `frame`, so
                that no drawn row has a negative age where no row of the table has one.

        Raises:
            ValueError: If the frame is empty, has two columns of one name, or a column mixes kinds,
                is an id, or has more than 1,000 categories; the message names column and row.

        Example:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"code": list("abcd") * 6, "key": map(str, range(24))})
            >>> print(kvae.data.TableSchema.infer(frame, ids="drop"))
            code  category  'a', 'b', 'c', 'd'
            key   dropped   an id: all values differ
        """
        _check_frame(frame)
        checks.choice("ids", ids, ("refuse", "drop"))
        rare = checks.non_negative_int("rare", rare)
        kinds = kinds_of(overrides)
        for name in kinds:
            if name not in frame.columns:
                raise _unknown("overrides", name, frame.columns)
        if not len(frame):
            raise ValueError("Expected a frame with at least one row. Received: none")
        columns = [
            infer_column(name, frame.iloc[:, place], kinds.get(name), ids, rare, within_range)
            for place, name in enumerate(frame.columns)
        ]
        return cls(columns)

    @property
    def width(self) -> int:
        """Number of columns of the array."""
        return len(self.modelled)

    @property
    def event_shape(self) -> tuple[int]:
        """Shape of a row of the array, (width,)."""
        return (self.width,)

    @property
    def missing(self) -> bool:
        """Whether values were missing in a column of the array."""
        return any(column.missing for column in self.modelled)

    def to_array(self, frame: Any, unknown: str = "refuse", missing: str = "keep") -> np.ndarray:
        """Return the rows of a DataFrame as numbers.

        Columns are found by name. Those that are constant, empty or dropped need not be there.

        Args:
            frame: a pandas DataFrame with the columns of the schema.
            unknown: what happens to categories that the schema does not have: "refuse", or
                "missing" to take them as missing values, and let columns that were constant hold
                anything. Where the column has the category of rare values, they belong to it.
            missing: what happens to missing values in columns that had none: "keep", or "refuse".

        Returns:
            float32, (rows, width), NaN where missing.

        Raises:
            ValueError: If a column is unknown or not there, or a value is none of its column; the
                message names the column and the first such row, counted from 0.

        Example:
            >>> import pandas as pd
            >>> schema = kvae.data.TableSchema.infer(pd.DataFrame({"size": ["S", "M", "S"]}))
            >>> schema.to_array(pd.DataFrame({"size": ["S", "XL"]}), unknown="missing")
            array([[ 1.],
                   [nan]], dtype=float32)
        """
        _check_frame(frame)
        checks.choice("unknown", unknown, ("refuse", "missing"))
        checks.choice("missing", missing, ("keep", "refuse"))
        by_name = {column.name: column for column in self.columns}
        for name in frame.columns:
            if name not in by_name:
                raise _unknown("frame", name, list(by_name))
        present = set(frame.columns)
        result = np.empty((len(frame), self.width), "float32")
        for place, column in enumerate(self.modelled):
            if column.name not in present:
                raise ValueError(
                    f"Expected a frame with the column {shown(column.name)}. Received: the columns "
                    + ", ".join(map(shown, list(frame.columns)[:20]))
                )
            result[:, place] = column.encode(frame[column.name], unknown)
            gaps = np.isnan(result[:, place])
            if missing == "refuse" and not column.missing and gaps.any():
                raise ValueError(
                    f"Expected column {shown(column.name)} without missing values, as in the "
                    "table of the schema. Received: a missing value in row "
                    f"{int(gaps.argmax())}"
                )
        for column in self.columns if unknown == "refuse" else ():
            if isinstance(column, Fixed) and column.name in present:
                column.check(frame[column.name])
        return result

    def to_frame(self, array: Any, index: Any = None) -> Any:
        """Return the DataFrame of an array: names, dtypes, categories, dates, missing values.

        Every number becomes a valid value: classes and steps are rounded to the nearest one,
        numbers to the decimals of their column, and what lies beyond the range of the table is
        clipped to it (`infer(within_range=)`). That is for rows that a model makes. Real rows of
        another table may lie beyond the range: `without_range` has the schema for these, and
        `imputed` leaves them as they are.

        Args:
            array: (rows, width), NaN where missing; from `to_array`, `kvae.VAE.sample`, ...
            index: the index of the frame; by default 0, 1, ...

        Raises:
            ValueError: If the array has another shape, or is infinite somewhere.

        Example:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"day": pd.to_datetime(["2024-02-28", "2024-03-01"])})
            >>> schema = kvae.data.TableSchema.infer(frame)
            >>> schema.to_frame([[0.9]])
                     day
            0 2024-02-29
        """
        import pandas as pd

        array = np.asarray(array)
        if array.ndim != 2 or array.shape[1] != self.width or array.dtype.kind not in "fiu":
            raise ValueError(
                f"Expected array to hold numbers of shape (rows, {self.width}). Received: shape "
                f"{array.shape}, dtype {array.dtype}"
            )
        if np.isinf(array).any():
            raise ValueError(
                "Expected array to hold finite numbers or NaN. Received: infinite ones"
            )
        places = {column.name: place for place, column in enumerate(self.modelled)}
        series = {}
        for column in self.columns:
            if column.kind != "dropped":
                place = places.get(column.name)
                values = array[:, 0] if place is None else array[:, place]
                series[column.name] = column.decode(values)
        frame = pd.concat(series.values(), axis=1, keys=list(series))
        return frame if index is None else frame.set_axis(index, axis=0)

    def without_range(self) -> "TableSchema":
        """Return the schema whose `to_frame` clips no number or date to a range.

        Example:
            >>> import pandas as pd
            >>> schema = kvae.data.TableSchema.infer(pd.DataFrame({"hours": [20, 40, 65]}))
            >>> schema.to_frame([[-10.2]])["hours"].item()
            20
            >>> schema.without_range().to_frame([[-10.2]])["hours"].item()
            -10
        """
        ranged = (c.without_range() if isinstance(c, Ranged) else c for c in self.columns)
        return TableSchema(list(ranged))

    def imputed(self, array: Any, estimates: Any, index: Any = None) -> Any:
        """Return the DataFrame of an array with estimates in place of its missing values.

        Estimates become valid values as in `to_frame`; what is observed stays as it is.

        Args:
            array: (rows, width), NaN where missing.
            estimates: (rows, width), such as `kvae.VAE.impute(array)`.
            index: the index of the frame; by default 0, 1, ...

        Example:
            >>> import pandas as pd
            >>> schema = kvae.data.TableSchema.infer(pd.DataFrame({"hours": [20, 40, 65]}))
            >>> schema.imputed([[80.0], [float("nan")]], [[80.0], [70.3]])["hours"].tolist()
            [80, 65]
        """
        array = np.asarray(array, "float32")
        valid = self.to_array(self.to_frame(estimates))
        return self.without_range().to_frame(np.where(np.isnan(array), valid, array), index)

    def likelihood(self) -> Any:
        """Return the likelihood of a row, a distribution layer with events (width,).

        Numbers and dates are normal after a standardization (of their logarithm where amounts have
        a long tail), with a scale of at least 0.05 standard deviations; counts are negative
        binomial, zero-inflated where zero is a case of its own; classes are categorical.
        `vae.adapt(x)` learns the standardization.

        It is a `kvae.layers.Columns`; where all columns are standardized numbers it is one
        `kvae.layers.Transformed`, the same computed at once.

        Example:
            >>> import pandas as pd
            >>> schema = kvae.data.TableSchema.infer(pd.DataFrame({"height": [1.7, 1.6, 1.9]}))
            >>> type(schema.likelihood()).__name__
            'Transformed'
        """
        from kvae import layers

        plain = [
            column.layer(name) for column, name in zip(self.modelled, self.names(), strict=True)
        ]
        if all(column.standardized for column in self.modelled):
            return layers.Transformed(
                layers.IndependentNormal(self.width, min_scale=plain[0].layer.min_scale),
                type(plain[0].transform)(),
            )
        return layers.Columns(plain)

    def names(self) -> list[str]:
        """Return the names of the layers of the columns: letters, digits and underscores.

        Example:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"a b": [1.5, 2.0], "a-b": [1.5, 2.0]})
            >>> schema = kvae.data.TableSchema.infer(frame)
            >>> schema.names()
            ['a_b', 'a_b_2']
        """
        taken: set[str] = set()
        names: list[str] = []
        for column in self.modelled:
            base = re.sub(r"[^A-Za-z0-9]+", "_", str(column.name)).strip("_") or "column"
            name, number = base, 1
            while name.lower() in taken or self._shares_parameters(names, name, column):
                number += 1
                name = f"{base}_{number}"
            taken.add(name.lower())
            names.append(name)
        return names

    def _shares_parameters(self, names: list[str], name: str, column: Column) -> bool:
        """Return whether a column would have parameters of the names of those of one before it."""
        from kvae.layers.parameter_names import shared_parameters

        related = [
            (other, before)
            for other, before in zip(names, self.modelled, strict=False)
            if other.startswith(f"{name}_") or name.startswith(f"{other}_")
        ]
        return any(
            shared_parameters(before.layer(other), column.layer(name)) for other, before in related
        )

    def features(self) -> list[int | str]:
        """Return what an encoder reads of each column, for `kvae.networks.for_data(columns=)`.

        "number", "count" (its logarithm is read), or the number of classes (a one-hot vector).

        Example:
            >>> import pandas as pd
            >>> kvae.data.TableSchema.infer(pd.DataFrame({"size": ["S", "M", "L"]})).features()
            [3]
        """
        return [column.feature for column in self.modelled]

    def get_config(self) -> dict[str, Any]:
        """Return the schema as plain data, which JSON holds.

        Example:
            >>> import json
            >>> import pandas as pd
            >>> schema = kvae.data.TableSchema.infer(pd.DataFrame({"size": ["S", "M"]}))
            >>> text = json.dumps(schema.get_config())
            >>> kvae.data.TableSchema.from_config(json.loads(text)) == schema
            True
        """
        return {"version": VERSION, "columns": [column.get_config() for column in self.columns]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "TableSchema":
        """Return the schema of `get_config`.

        Raises:
            ValueError: If it is not the configuration of a schema, or of a later version.

        Example:
            >>> kvae.data.TableSchema.from_config({"version": 2})
            Traceback (most recent call last):
            ValueError: Expected the configuration of a schema of version 1. Received: version 2
        """
        if not isinstance(config, Mapping) or config.get("version") != VERSION:
            found = config.get("version") if isinstance(config, Mapping) else shown(config)
            raise ValueError(
                f"Expected the configuration of a schema of version {VERSION}. Received: version "
                f"{found}"
            )
        try:
            return cls([_column(each) for each in config["columns"]])
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"Expected the configuration of a schema. Received: one with the error {error}"
            ) from None

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, TableSchema) and self.columns == other.columns

    def __hash__(self) -> int:
        return hash(repr(self.columns))

    def __str__(self) -> str:
        return "\n".join(_lines(self.columns))

    def __repr__(self) -> str:
        return f"<TableSchema of {len(self.columns)} columns, {self.width} of them modelled>"


def kinds_of(overrides: Any) -> dict[Any, str]:
    """Return kinds by the names of columns, or raise; empty for None."""
    if overrides is not None and not isinstance(overrides, Mapping):
        raise ValueError(
            "Expected overrides to be kinds by the names of columns, such as {'age': 'count'}. "
            f"Received: overrides={overrides!r:.80}"
        )
    kinds = dict(overrides or {})
    for name, kind in kinds.items():
        checks.choice(f"overrides[{name!r}]", kind, KINDS)
    return kinds


def _lines(columns: Sequence[Column]) -> list[str]:
    """Return a line for each column: name, kind, details."""
    width = max(len(str(column.name)) for column in columns)
    lines = []
    for column in columns:
        more = ["with missing values"] if column.missing and column.modelled else []
        details = ", ".join([each for each in (column.details(), *more) if each])
        lines.append(f"{column.name!s:{width}}  {column.kind:8}  {details}".rstrip())
    return lines


def _column(config: Mapping[str, Any]) -> Column:
    """Return the column of its configuration."""
    values = dict(config)
    if values.get("categories") is not None:
        values["categories"] = tuple(values["categories"])
    if values.get("column") is not None:
        values["column"] = _column(values["column"])
    return CLASSES[values["kind"]](**values)


def _check_frame(frame: Any) -> None:
    """Raise unless `frame` is a DataFrame with usable names."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"Expected a pandas DataFrame. Received: {type(frame).__name__}")
    for name in frame.columns:
        if isinstance(name, (bool, float)) or not isinstance(name, (str, int, np.integer)):
            raise ValueError(
                f"Expected names of columns that are text or integers. Received: {shown(name)}"
            )
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(
            f"Expected columns of different names. Received: two columns named {shown(name)}"
        )


def _unknown(argument: str, name: Any, names: Sequence[Any]) -> ValueError:
    listed = ", ".join(map(shown, list(names)[:20]))
    return ValueError(
        f"Expected {argument} to hold the columns {listed}. Received: a column {shown(name)}"
    )
