"""Validated codes and factors of the same examples, and their bins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["BINS", "KnownFactors", "equal_width", "known_factors"]

BINS = 20  # as in Chen et al. 2018 and Locatello et al. 2019, for codes and continuous factors
MIN_EXAMPLES = 100  # with fewer, most of the 20 x 20 bins of a joint histogram are empty


def equal_width(values: np.ndarray) -> np.ndarray:
    """Return the index of the bin of each value, 20 bins of equal width per column, (n, columns).

    Example:
        >>> from kvae.evaluation.disentanglement.known_factors import equal_width
        >>> equal_width(np.array([[0.0], [0.5], [1.0]])).ravel()
        array([ 0, 10, 19])
    """
    low, high = values.min(axis=0), values.max(axis=0)
    extent = np.where(high > low, high - low, 1.0)
    return np.minimum((values - low) / extent * BINS, BINS - 1).astype(int)


@dataclass(frozen=True, eq=False)
class KnownFactors:
    """Validated codes and factors of the same examples; `known_factors` creates it.

    Attributes:
        codes: codes of the examples, float64 (n, latent_dim).
        factors: the factors that vary, float64 (n, used).
        discrete: whether each of these factors is discrete.
        labels: these factors as integers from 0, (n, used): the index of the value of a discrete
            factor, the bin of a continuous factor.
        columns: their columns among the given factors.
        note: the excluded factors and the reason, or "".
    """

    codes: np.ndarray
    factors: np.ndarray
    discrete: tuple[bool, ...]
    labels: np.ndarray
    columns: tuple[int, ...]
    note: str

    def varying_codes(self) -> np.ndarray:
        """Return the indices of the codes that are not constant; raise if there is none."""
        varying = np.flatnonzero(np.ptp(self.codes, axis=0) > 0.0)
        if not len(varying):
            raise ValueError("Expected codes that vary. Received: the same code for all examples")
        return varying

    def note_on(self, varying: np.ndarray) -> str:
        """Return `note` with the codes that are not among `varying` added."""
        constant = sorted(set(range(self.codes.shape[1])) - set(varying.tolist()))
        added = f"excluded, constant: codes {constant}" if constant else ""
        return "; ".join(text for text in (self.note, added) if text)


def known_factors(
    codes: np.ndarray, factors: np.ndarray, discrete: bool | Sequence[bool], at_least: int = 1
) -> KnownFactors:
    """Return validated codes and factors. Factors with a single value are excluded.

    Args:
        codes: codes of the examples, (n, latent_dim).
        factors: true factors of the examples, (n, factors).
        discrete: whether each factor is discrete, one bool for all or one for each. The order and
            the distances of the values of a discrete factor are ignored.
        at_least: least number of factors that have to vary.

    Raises:
        ValueError: If codes and factors have other shapes or types, are not finite, there are
            fewer than 100 examples, or fewer than `at_least` factors vary.
    """
    codes, factors = _matrix("codes", codes), _matrix("factors", factors)
    if len(codes) != len(factors):
        raise ValueError(
            "Expected codes and factors of the same examples. Received: "
            f"{len(codes)} codes and {len(factors)} rows of factors"
        )
    if len(codes) < MIN_EXAMPLES:
        raise ValueError(
            f"Expected at least {MIN_EXAMPLES} examples. Received: {len(codes)} examples"
        )
    total = factors.shape[1]
    flags = np.atleast_1d(np.asarray(discrete))
    if flags.dtype != bool or flags.shape not in {(1,), (total,)}:
        raise ValueError(
            f"Expected discrete to be a bool, or a bool for each of the {total} factors. "
            f"Received: discrete={discrete!r}"
        )
    flags = np.broadcast_to(flags, total)
    columns = tuple(int(i) for i in np.flatnonzero(np.ptp(factors, axis=0) > 0.0))
    if len(columns) < at_least:
        raise ValueError(
            f"Expected at least {at_least} factor(s) with two or more values. Received: "
            f"{len(columns)} of {total} factors vary"
        )
    labels = equal_width(factors)
    for column in columns:
        if flags[column]:
            labels[:, column] = _values(factors[:, column], column)
    constant = [i for i in range(total) if i not in columns]
    return KnownFactors(
        codes=codes,
        factors=factors[:, columns],
        discrete=tuple(bool(flags[column]) for column in columns),
        labels=labels[:, columns],
        columns=columns,
        note=f"excluded, one value only: factors {constant}" if constant else "",
    )


def _matrix(name: str, value: np.ndarray) -> np.ndarray:
    try:
        array = np.asarray(value, "float64")
    except (TypeError, ValueError):
        received = " ".join(repr(value).split())
        raise ValueError(f"Expected {name} to hold numbers. Received: {received:.100}") from None
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(
            f"Expected {name} of shape (examples, columns). Received: shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"Expected {name} to be finite. Received: {name} with NaN or infinity")
    return array


def _values(factor: np.ndarray, column: int) -> np.ndarray:
    """Return the index of each value of a discrete factor among its sorted unique values."""
    values, labels = np.unique(factor, return_inverse=True)
    if len(values) > len(factor) / 2:
        raise ValueError(
            "Expected the values of a discrete factor to repeat. Received: factors column "
            f"{column} with {len(values)} different values in {len(factor)} examples. Pass "
            "discrete=False for a continuous factor"
        )
    return labels
