"""The set of values that a likelihood accepts, as one object that validates and describes it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from kvae.contract import domain_in_graph
from kvae.contract.failures import OR_MISSING
from kvae.contract.mapped import chunks

__all__ = ["Domain"]


@dataclass(frozen=True)
class Domain:
    """The values that the elements of an event may take.

    An interval, perhaps of whole numbers; one of several classes, as a whole number or as a one-hot
    vector along the last axis; or a row whose columns have domains of their own (`Domain.row`).

    Args:
        low: least value.
        high: greatest value.
        integer: whether only whole numbers are valid.
        hint: what to do with data outside the domain, one sentence.
        categories: number of classes; None where the elements are not classes.
        one_hot: whether each class is a one-hot vector of length `categories` along the last axis.
        columns: (name, domain) of each column of a row, in order; see `Domain.row`.
        missing: whether NaN is valid and means that the element is not observed. It holds for all
            columns of a row; of a one-hot vector all elements are NaN or none is.

    Example:
        >>> pixels = kvae.layers.Domain(0.0, 1.0, hint="Divide 8-bit pixels by 255.")
        >>> print(pixels)
        numbers in [0, 1]
        >>> pixels.check(np.array([[0.0, 255.0]]), "x")
        Traceback (most recent call last):
        ValueError: Expected x to hold numbers in [0, 1]. Received: values in [0, 255]. Divide 8-bit pixels by 255.
        >>> row = kvae.layers.Domain.row([
        ...     ("age", kvae.layers.Domain(0.0, integer=True)), ("share", pixels)
        ... ])
        >>> row.as_data(np.array([[30.6, 1.1]]))
        array([[31.,  1.]])
        >>> row.describe()["columns"][1]["name"]
        'share'
    """  # noqa: E501 (a message is one line)

    low: float = -math.inf
    high: float = math.inf
    integer: bool = False
    hint: str = ""
    categories: int | None = None
    one_hot: bool = False
    columns: tuple[tuple[str, "Domain"], ...] = ()
    missing: bool = False

    @classmethod
    def row(cls, columns: Sequence[tuple[str, "Domain"]]) -> "Domain":
        """Return the domain of rows (..., columns) whose columns have domains of their own.

        Args:
            columns: (name, domain) of each column, in order. A one-hot column spans as many
                elements of the row as it has categories.
        """
        domains = [domain for _, domain in columns]
        return cls(
            min(domain.low for domain in domains),
            max(domain.high for domain in domains),
            integer=all(domain.integer for domain in domains),
            columns=tuple((name, domain) for name, domain in columns),
        )

    @property
    def width(self) -> int:
        """Number of elements along the last axis that one value spans."""
        if self.columns:
            return sum(domain.width for _, domain in self.columns)
        return self.categories or 1 if self.one_hot else 1

    @property
    def is_8_bit(self) -> bool:
        """Whether the values are the whole numbers from 0 to 255, all of which a byte holds."""
        bounds = (self.low, self.high) == (0.0, 255.0)
        return self.integer and bounds and not self.columns and not self.missing

    def __str__(self) -> str:
        if self.columns:
            return "; ".join(f"{part.name}: {part.domain}" for part in self.parts())
        return self._values() + (OR_MISSING if self.missing else "")

    def _values(self) -> str:
        """Return what the values are that are observed."""
        if self.one_hot:
            of = "" if self.categories is None else f" of {self.categories} classes"
            return f"one-hot vectors{of}"
        kind = "whole numbers" if self.integer else "numbers"
        if math.isinf(self.low) and math.isinf(self.high):
            return f"finite {kind}"
        return f"{kind} in [{self.low:g}, {self.high:g}]"

    def check(self, value: Any, name: str) -> None:
        """Raise unless all elements of an array are in the domain.

        The array is read in chunks of rows; a `np.memmap` may be larger than the memory.

        Args:
            value: NumPy array of shape (..., *event_shape).
            name: name of the argument, for the message.

        Raises:
            ValueError: If an element is not in the domain.
        """
        parts = list(self.parts())
        found: list[_Seen | None] = [None] * len(parts)
        for chunk in chunks(np.atleast_1d(value)):
            if not chunk.size:
                continue
            # Over all columns at once: the columns of a row are not contiguous.
            axes = tuple(range(chunk.ndim - 1)) if self.columns else None
            if self.missing and chunk.dtype.kind == "f":  # NaN where all are missing
                low, high = np.fmin.reduce(chunk, axes), np.fmax.reduce(chunk, axes)
            else:
                low, high = chunk.min(axis=axes), chunk.max(axis=axes)
            for index, part in enumerate(parts):
                seen = part.seen(chunk, low, high)
                before = found[index]
                found[index] = seen if before is None else before.joined(seen, self.missing)
        for part, all_seen in zip(parts, found, strict=True):
            problem = "" if all_seen is None else part.domain.problem(*all_seen)
            if problem:
                raise ValueError(f"Expected {name}{part.label} to hold {problem}")

    def check_in_graph(self, value: Any, name: str) -> Any:
        """Return a tensor behind an assertion that its elements are in the domain.

        For data pipelines. `kvae.contract.failures.explained` turns the error of a failed
        assertion into the ValueError that `check` raises.

        Args:
            value: tensor of shape (batch, *event_shape).
            name: name of the argument, for the message.
        """
        return domain_in_graph.checked(value, self, name)

    def as_data(self, mean: Any) -> np.ndarray:
        """Return a decoded mean made a valid value: clipped, rounded, or the likeliest one-hot.

        Args:
            mean: array of shape (..., *event_shape), as `decode` returns it.

        Returns:
            Array of the same shape and dtype whose elements are in the domain.
        """
        mean = np.asarray(mean)
        if self.columns:
            pieces = [part.domain.as_data(mean[..., part.where]) for part in self.parts()]
            return np.concatenate(pieces, axis=-1)
        if self.one_hot:
            return np.eye(mean.shape[-1], dtype=mean.dtype)[mean.argmax(axis=-1)]
        return np.clip(np.rint(mean) if self.integer else mean, self.low, self.high)

    def valid_value(self) -> Any:
        """Return a value of the domain that stands in where none is known, e.g. for NaN.

        A scalar, or a vector along the last axis of the event where its elements differ.
        """
        if self.columns:
            pieces = [np.reshape(part.domain.valid_value(), [-1]) for part in self.parts()]
            return np.concatenate(pieces)
        if self.one_hot:
            return np.eye(1, self.width)[0] if self.categories else 0.0
        if math.isfinite(self.low) and math.isfinite(self.high) and not self.integer:
            return 0.5 * (self.low + self.high)
        return float(np.clip(0.0, self.low, self.high))

    def bounds(self) -> tuple[Any, Any]:
        """Return the least and the greatest value, numbers or vectors along the last axis."""
        if not self.columns:
            return self.low, self.high
        parts = [np.full((part.domain.width, 2), part.domain.bounds()) for part in self.parts()]
        return tuple(np.concatenate(parts).T)

    def describe(self) -> dict[str, Any]:
        """Return the domain as a dict for JSON; None stands for no bound.

        The keys are "text", "low", "high", "integer", "categories", "one_hot", "hint", "missing",
        and "columns": a list of the same dicts with a "name" each, empty unless the event is a row.
        """
        return {
            "text": str(self),
            "low": None if math.isinf(self.low) else self.low,
            "high": None if math.isinf(self.high) else self.high,
            "integer": self.integer,
            "categories": self.categories,
            "one_hot": self.one_hot,
            "hint": self.hint,
            "missing": self.missing,
            "columns": [
                {"name": part.name, **part.domain.describe()}
                for part in (self.parts() if self.columns else ())
            ],
        }

    def problem(self, low: float, high: float, whole: bool = True, single: bool = True) -> str:
        """Return what was expected of elements and what was received; "" if they are valid.

        Args:
            low: least element.
            high: greatest element.
            whole: whether all elements are whole numbers.
            single: whether each vector along the last axis sums to one.
        """
        if self.missing and math.isnan(low) and math.isnan(high):  # nothing is observed
            return ""
        with np.errstate(over="ignore"):  # what the model reads
            least, greatest, *bounds = np.array([low, high, self.low, self.high], "float32")
        if not np.isfinite([least, greatest]).all():
            beyond = math.isfinite(low) and math.isfinite(high)
            what = "infinite" if self.missing else "NaN or infinite"
            what = f"beyond float32, in [{low:g}, {high:g}]" if beyond else what
            return f"{self}. Received: values that are {what}"
        outside = least < bounds[0] or greatest > bounds[1]
        invalid = outside or (self.integer and not whole)
        if invalid or (self.one_hot and not single):
            found = f"values in [{low:g}, {high:g}]"
            if self.one_hot and not single:
                found += ", not one-hot"
            elif self.integer and not whole:
                found += ", not all whole"
            return f"{self}. Received: {found}. {self.hint}".rstrip()
        return ""

    def parts(self) -> Iterator["_Part"]:
        """Yield the parts of an event that have a domain of their own."""
        if not self.columns:
            yield _Part("", "", self, None)
        start = 0
        for index, (name, domain) in enumerate(self.columns):
            domain = replace(domain, missing=self.missing)
            where = slice(start, start + domain.width)
            yield _Part(name, f", column {index} ({name}),", domain, where)
            start += domain.width


class _Seen(NamedTuple):
    """What was found in a part of an array, the arguments of `Domain.problem`."""

    low: float
    high: float
    whole: bool
    single: bool

    def joined(self, other: "_Seen", missing: bool) -> "_Seen":
        # NumPy's minimum passes NaN on, Python's does not; fmin passes numbers on.
        least, greatest = (np.fmin, np.fmax) if missing else (np.minimum, np.maximum)
        return _Seen(
            float(least(self.low, other.low)),
            float(greatest(self.high, other.high)),
            self.whole and other.whole,
            self.single and other.single,
        )


class _Part(NamedTuple):
    """A part of an event: all of it, or the elements `where` of its last axis."""

    name: str
    label: str
    domain: Domain
    where: slice | None

    def of(self, value: Any) -> Any:
        """Return the elements of the part."""
        return value if self.where is None else value[..., self.where]

    def seen(self, chunk: np.ndarray, low: Any, high: Any) -> _Seen:
        """Return what an array holds; `low` and `high` are its extremes over the batch."""
        elements, missing = self.of(chunk), self.domain.missing
        whole: Any = True
        single: Any = True
        if self.domain.integer and elements.dtype.kind not in "iub":
            whole = elements == np.floor(elements)
            whole = np.all(whole | np.isnan(elements) if missing else whole)
        if self.domain.one_hot:
            single = elements.sum(axis=-1) == 1
            single = np.all(single | np.isnan(elements).all(axis=-1) if missing else single)
        if self.where is not None:
            least, greatest = (np.fmin, np.fmax) if missing else (np.minimum, np.maximum)
            low, high = least.reduce(low[self.where]), greatest.reduce(high[self.where])
        return _Seen(float(low), float(high), bool(whole), bool(single))
