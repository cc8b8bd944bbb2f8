"""One summand of the loss."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kvae.contract.batch import Batch
from kvae.sums import ordered_sum

__all__ = ["Term", "check_names", "total"]


@dataclass(frozen=True, eq=False)
class Term:
    """A named summand of the loss: weight times the mean of `values`.

        loss of a group = sum over its terms of weight * mean(values)

    Attributes:
        name: under which it is logged; its weight is logged as `{name}_weight`.
        values: shape (B,), one number for each example, or (K, B) for K draws; a scalar for a
            penalty of the weights alone.
        weight: a number, or a scalar tensor where a schedule gives it.
        group: which optimizer minimizes it, see `LatentModel.update_groups`.
        unit: unit of the values.

    Example:
        >>> kvae.contract.Term("kl", tf.constant([1.0, 3.0]), weight=0.5).is_off
        False
    """

    name: str
    values: Any
    weight: Any = 1.0
    group: str = "model"
    unit: str = "nats"

    @property
    def is_off(self) -> bool:
        """Whether the weight is the number zero, so that the term is reported and not trained."""
        return isinstance(self.weight, int | float) and self.weight == 0.0


def total(terms: Iterable[Term], batch: Batch) -> Any:
    """Return sum over `terms` of weight * mean(values), a float32 scalar.

    A term that is off takes no part: its value may be NaN.

    Example:
        >>> from kvae.contract import Batch, Term
        >>> from kvae.contract.term import total
        >>> terms = [Term("nll", tf.constant([2.0, 4.0])), Term("kl", tf.constant([1.0, 1.0]), 0.5)]
        >>> float(total(terms, Batch()))
        3.5
    """
    parts = [
        tf.cast(term.weight, tf.float32) * tf.cast(batch.reduce(term.values), tf.float32)
        for term in terms
        if not term.is_off
    ]
    return ordered_sum(parts) if parts else tf.zeros(())


def check_names(terms: Iterable[Term]) -> None:
    """Raise a ValueError if two terms have one name."""
    seen: set[str] = set()
    for term in terms:
        if term.name in seen:
            raise ValueError(
                "Expected the terms of the loss to have different names: give the second "
                f"regularizer of a kind a name=. Received: {term.name!r} twice"
            )
        seen.add(term.name)
