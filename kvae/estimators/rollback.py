"""The state of an estimator before a call that failed."""

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["rollback"]


@contextlib.contextmanager
def rollback(estimator: Any) -> Iterator[None]:
    """Give an estimator the attributes back that it had, if what is inside raises.

    Without it, a `fit` that fails or is interrupted would leave the new model beside the old
    threshold. An estimator that was not fitted before is not fitted after.

    Args:
        estimator: whose attributes are replaced inside, not changed in place.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
