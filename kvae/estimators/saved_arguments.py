"""The arguments of an estimator as plain data, which JSON holds."""

from typing import Any, TypeVar

from sklearn.base import BaseEstimator

from kvae.data.tables.column import plain

__all__ = ["arguments_of", "with_arguments"]

E = TypeVar("E", bound=BaseEstimator)


def arguments_of(estimator: BaseEstimator) -> dict[str, Any]:
    """Return the arguments of an estimator that reads tables, without `schema` and `random_state`.

    Names of columns are text or integers, and keys in JSON only text: `overrides` becomes pairs.
    Numbers of NumPy become Python's.

    Example:
        >>> from kvae.estimators.saved_arguments import arguments_of, with_arguments
        >>> detector = kvae.estimators.AnomalyDetector(overrides={7: "category"})
        >>> arguments_of(detector)["overrides"]
        [[7, 'category']]
        >>> with_arguments(kvae.estimators.AnomalyDetector, arguments_of(detector)).overrides
        {7: 'category'}
    """
    arguments: dict[str, Any] = {
        **estimator.get_params(),
        "schema": None,
        "random_state": None,
    }
    if arguments["overrides"] is not None:
        arguments["overrides"] = [
            [plain(name), kind] for name, kind in arguments["overrides"].items()
        ]
    return {name: plain(value) for name, value in arguments.items()}


def with_arguments(cls: type[E], arguments: dict[str, Any]) -> E:
    """Return the estimator whose arguments `arguments_of` returned."""
    pairs = arguments["overrides"]
    return cls(**{**arguments, "overrides": None if pairs is None else dict(map(tuple, pairs))})
