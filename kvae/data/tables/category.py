"""A column of classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kvae.data.tables.column import Column, offending, pandas_dtype, plain, restored, shown

__all__ = ["Category"]


@dataclass(frozen=True, kw_only=True)
class Category(Column):
    """A column of classes.

    Args:
        categories: the classes in order: strings, booleans or numbers.
        ordered: whether the dtype is an ordered category.
        categories_dtype: dtype of the categories, where the dtype is "category".
        other: the class that rare and unknown values belong to, text; None for none. Where the
            classes are numbers, columns that hold it are decoded as objects.
    """

    categories: Sequence[Any] = ()
    ordered: bool = False
    categories_dtype: str = "object"
    other: str | None = None

    def encode(self, series: Any, unknown: str = "refuse") -> np.ndarray:
        """Return the number of the class, from 0."""
        known = series.notna().to_numpy()
        # Not by pandas.Index: before pandas 3 it takes text with and without a NUL for the same.
        places = {value: place for place, value in enumerate(self.categories)}
        codes = np.array([_place(places, value) for value in series.astype(object)], int)
        strange = known & (codes < 0)
        if strange.any() and self.other is not None:
            codes = np.where(strange, self.categories.index(self.other), codes)
        elif strange.any() and unknown == "refuse":
            row = int(strange.argmax())
            expected = f"one of {_listed(self.categories)}"
            hint = 'TableSchema.to_array(unknown="missing") takes unknown ones as missing.'
            raise offending(self.name, expected, row, series.iloc[row], hint)
        return np.where(known & (codes >= 0), codes.astype("float64"), np.nan)

    def decode(self, values: np.ndarray) -> Any:
        """Return the classes of the nearest numbers."""
        import pandas as pd

        values = np.asarray(values, "float64")
        known = ~np.isnan(values)
        last = len(self.categories) - 1
        codes = np.clip(np.rint(np.where(known, values, 0.0)), 0, last).astype(int)
        mixed = self.other is not None and not isinstance(self.categories[0], str)
        if self.dtype == "category":
            dtype = "object" if mixed else self.categories_dtype
            categories = pd.Index(list(self.categories), dtype=pandas_dtype(dtype))
            codes = np.where(known, codes, -1)
            return pd.Series(pd.Categorical.from_codes(codes, categories, ordered=self.ordered))
        objects = np.empty(len(self.categories), object)
        objects[:] = list(self.categories)
        drawn = objects[codes]
        if mixed and np.any(known & (drawn == self.other)):
            return restored(drawn, known, replace(self, dtype="object"))
        return restored(drawn, known, self)

    def layer(self, name: str) -> Any:
        """Return a categorical layer."""
        from kvae import layers

        return layers.IndependentCategorical((), self.num_classes, name=name)

    @property
    def num_classes(self) -> int:
        """Classes of the likelihood, at least 2."""
        return max(2, len(self.categories))

    @property
    def feature(self) -> int | str:
        """What an encoder reads: a one-hot vector of this length."""
        return self.num_classes

    def details(self) -> str:
        """Return the classes."""
        return _listed(self.categories)


def _place(places: dict[Any, int], value: Any) -> int:
    try:
        place = places.get(value, -1)  # most need no `plain`, which takes longer
        return place if place >= 0 else places.get(plain(value), -1)
    except TypeError:  # a list or a dict in a cell
        return -1


def _listed(categories: Sequence[Any]) -> str:
    first = ", ".join(shown(each) for each in categories[:5])
    more = len(categories) - 5
    return first if more <= 0 else f"{first} and {more} more"
