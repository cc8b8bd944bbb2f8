"""The numbers that the VAE of a synthesizer models in place of those of a `TableSchema`.

A Gaussian likelihood gives every value the same chance as its neighbours, and so cannot draw the
8,000 zeros among 10,000 capital gains. Each column of numbers or dates therefore becomes two: a
class, which says which of its frequent values a row has, or none of them; and a number, for the
rows with none, mapped to a standard normal by its rank. Classes stay what they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from kvae.data import TableSchema
from kvae.data.tables.ranged import Ranged
from kvae.estimators.table_likelihood import numbers_and_classes
from kvae.layers import Columns, IndependentNormal
from kvae.layers.scale import STANDARDIZED_MIN_SCALE

__all__ = ["NumberEncoding", "TableEncoding"]

FREQUENT = 0.03  # share of the rows from which on a value is a class of its own
MANY_ROWS = 30  # of a value: fewer are a class only where the values beside it are much rarer
SPIKE_ROWS, SPIKE = 10, 4  # least rows of such a value, and least times the rows of those beside it
FEW, ROWS_PER_VALUE = 20, 10  # a column of so few values, and so many rows for each, is classes
KNOTS = 256  # most points of the map to a standard normal, an even number


@dataclass(frozen=True)
class NumberEncoding:
    """How a column of numbers becomes a class and a standard normal.

    Args:
        frequent: the values that are classes of their own, ascending.
        values: points of the map of the other values, ascending; empty if there are none.
        scores: their standard normals, ascending.
        beyond: whether the map goes on beyond its first and last point, so that values outside
            the range of the fitted column can be drawn.

    Example:
        >>> from kvae.estimators.table_encoding import NumberEncoding
        >>> x = np.concatenate([np.zeros(50), np.arange(1.0, 51.0)])
        >>> encoding = NumberEncoding.fit(x)
        >>> encoding.forward(np.array([0.0, 25.5, np.nan]))
        array([[ 0., nan],
               [ 1.,  0.],
               [nan, nan]])
        >>> encoding.inverse(np.array([[0.0, 1.5], [1.0, 0.0]]))
        array([ 0. , 25.5])
    """

    frequent: tuple[float, ...]
    values: tuple[float, ...]
    scores: tuple[float, ...]
    beyond: bool = False

    @classmethod
    def fit(cls, x: np.ndarray, beyond: bool = False) -> "NumberEncoding":
        """Return the encoding of a column.

        Args:
            x: numbers (rows,), NaN where missing.
            beyond: see the class.
        """
        distinct, counts = np.unique(x[~np.isnan(x)], return_counts=True)
        rows = counts.sum()
        frequent = (counts >= FREQUENT * rows) & _tells_a_class(counts)
        if len(distinct) <= FEW and rows >= ROWS_PER_VALUE * len(distinct):
            frequent[:] = True
        if np.sum(~frequent) < 2:
            frequent[:] = True
        values, counts = distinct[~frequent], counts[~frequent]
        if not len(values):
            return cls(tuple(distinct.tolist()), (), ())
        below = (np.cumsum(counts) - counts / 2) / counts.sum()
        kept = np.arange(len(values))
        if len(values) > KNOTS:
            kept = np.unique(np.searchsorted(below, _shares(below[0], below[-1])))
        scores = ndtri(below[kept])
        parts = (distinct[frequent], values[kept], scores)
        spikes, points, normals = (tuple(each.tolist()) for each in parts)
        return cls(spikes, points, normals, beyond)

    @property
    def num_classes(self) -> int:
        """Number of classes, 0 if no value is frequent."""
        if not self.frequent:
            return 0
        return max(2, len(self.frequent) + bool(self.values))

    @property
    def width(self) -> int:
        """Number of columns that the column becomes, 1 or 2."""
        return bool(self.frequent) + bool(self.values)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return class and normal of numbers, (rows, width), NaN where there is none."""
        frequent, missing = np.array(self.frequent), np.isnan(x)
        columns = []
        rest = ~missing
        if self.frequent:
            place = np.abs(x[:, None] - frequent).argmin(axis=1)
            if self.values:
                rest &= frequent[place] != x
                place = np.where(rest, len(frequent), place)
            columns.append(np.where(missing, np.nan, place))
        if self.values:
            columns.append(np.where(rest, _line(x, self.values, self.scores), np.nan))
        return np.stack(columns, axis=1)

    def inverse(self, encoded: np.ndarray) -> np.ndarray:
        """Return the numbers of (rows, width), in the range of the fitted column or `beyond`."""
        found = encoded[:, -1]
        if self.values:
            map_of = _line if self.beyond else np.interp
            found = map_of(found, self.scores, self.values)
        if not self.frequent:
            return found
        place, last = encoded[:, 0], len(self.frequent) - 1
        frequent = np.array(self.frequent)[np.clip(np.nan_to_num(place), 0, last).astype(int)]
        found = np.where(place > last, found, frequent) if self.values else frequent
        return np.where(np.isnan(place), np.nan, found)

    def log_derivative(self, x: np.ndarray) -> np.ndarray:
        """Return log |d normal / dx|, (rows,); 0 where the value is a class or missing.

        It is -inf where all values are classes and this is none: `forward` takes the nearest one.
        """
        if not self.values:
            return np.where(np.isnan(x) | np.isin(x, self.frequent), 0.0, -np.inf)
        values, rest = np.array(self.values), ~np.isnan(self.forward(x)[:, -1])
        slopes = np.diff(self.scores) / np.diff(values)
        place = np.searchsorted(values, np.where(rest, x, values[0]), side="right") - 1
        return np.where(rest, np.log(slopes[np.clip(place, 0, len(slopes) - 1)]), 0.0)


def _tells_a_class(counts: np.ndarray) -> np.ndarray:
    """Return whether values are more than rounded numbers of a small table, (values,).

    A hundred numbers with one decimal have values that 3% of them share, and as classes they would
    lose their order.

    Args:
        counts: rows of each value, the values ascending.
    """
    beside = np.pad(counts, 1)
    larger = np.maximum(beside[:-2], beside[2:])
    return (counts >= MANY_ROWS) | ((counts >= SPIKE_ROWS) & (counts >= SPIKE * larger))


def _shares(low: float, high: float) -> np.ndarray:
    """Return where the map has its points, as shares of the rows (KNOTS,).

    One half of them is even in the share, the other in the normal score, which goes on far into the
    tails: among 50,000 rows the last two of evenly shared points have 196 rows between them.
    """
    normals = ndtr(np.linspace(ndtri(low), ndtri(high), KNOTS // 2))
    shares = np.concatenate([np.linspace(low, high, KNOTS // 2), normals])
    return np.clip(shares, low, high)


def _line(x: np.ndarray, points: Sequence[float], values: Sequence[float]) -> np.ndarray:
    """Return the interpolation of values at points, beyond the ends by the slope at each end."""
    first, last = np.diff(values)[[0, -1]] / np.diff(points)[[0, -1]]
    inside = np.interp(x, points, values)
    return inside + first * np.minimum(x - points[0], 0) + last * np.maximum(x - points[-1], 0)


class TableEncoding:
    """The encoding of all columns of the array of a schema.

    Args:
        schema: the `kvae.data.TableSchema`.
        numbers: the `NumberEncoding` of each column of its array; None for classes.
    """

    def __init__(self, schema: TableSchema, numbers: list[NumberEncoding | None]):
        self.schema = schema
        self.numbers = numbers
        self.widths = [1 if each is None else each.width for each in numbers]

    @classmethod
    def fit(cls, schema: TableSchema, x: np.ndarray) -> "TableEncoding":
        """Return the encoding of `schema.to_array(frame)`."""
        columns = zip(schema.modelled, np.asarray(x, "float64").T, strict=True)
        return cls(
            schema,
            [
                NumberEncoding.fit(values, beyond=column.low is None)
                if isinstance(column, Ranged)
                else None
                for column, values in columns
            ],
        )

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return what the VAE models, float32 (rows, sum of widths), NaN where unknown."""
        columns = np.asarray(x, "float64").T
        parts = [
            c[:, None] if number is None else number.forward(c)
            for number, c in zip(self.numbers, columns, strict=True)
        ]
        return np.concatenate(parts, axis=1).astype("float32")

    def inverse(self, encoded: np.ndarray) -> np.ndarray:
        """Return the array of the schema, float64 (rows, width)."""
        parts = np.split(np.asarray(encoded, "float64"), np.cumsum(self.widths)[:-1], axis=1)
        columns = [
            part[:, 0] if number is None else number.inverse(part)
            for number, part in zip(self.numbers, parts, strict=True)
        ]
        return np.stack(columns, axis=1)

    def log_derivative(self, x: np.ndarray) -> np.ndarray:
        """Return the sum over the columns of log |d normal / dx|, (rows,)."""
        columns = np.asarray(x, "float64").T
        pairs = zip(self.numbers, columns, strict=True)
        return sum((n.log_derivative(c) for n, c in pairs if n is not None), np.zeros(len(x)))

    def likelihood(self) -> Columns:
        """Return the likelihood of what `forward` returns: categorical and normal columns."""
        columns = self._columns()
        return numbers_and_classes(
            [classes if isinstance(classes, int) else 0 for _, classes in columns],
            [name for name, _ in columns],
            lambda count: IndependentNormal(
                count, min_scale=STANDARDIZED_MIN_SCALE, name="numbers"
            ),
        )

    def features(self) -> list[int | str]:
        """Return what an encoder reads of each column, see `kvae.networks.for_data`."""
        return [classes for _, classes in self._columns()]

    def _columns(self) -> list[tuple[str, int | str]]:
        """Return name and feature of each column that `forward` returns."""
        found: list[tuple[str, int | str]] = []
        places = zip(self.schema.modelled, self.schema.names(), self.numbers, strict=True)
        for column, name, number in places:
            if number is None:
                found.append((name, column.feature))
                continue
            if number.frequent:
                found.append((f"{name}__class", number.num_classes))
            if number.values:
                found.append((f"{name}__number", "number"))
        return found

    def get_config(self) -> dict[str, Any]:
        """Return the encoding as plain data, which JSON holds."""
        numbers = [None if each is None else asdict(each) for each in self.numbers]
        return {"schema": self.schema.get_config(), "numbers": numbers}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "TableEncoding":
        """Return the encoding of `get_config`."""
        numbers = [
            None if each is None else NumberEncoding(**{k: _plain(v) for k, v in each.items()})
            for each in config["numbers"]
        ]
        return cls(TableSchema.from_config(config["schema"]), numbers)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
