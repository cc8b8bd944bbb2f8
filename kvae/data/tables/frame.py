"""Whether data are a pandas DataFrame."""

from typing import Any

__all__ = ["is_frame"]


def is_frame(x: Any) -> bool:
    """Return whether `x` is a pandas DataFrame, without importing pandas where it is none.

    Example:
        >>> from kvae.data.tables.frame import is_frame
        >>> is_frame(np.zeros((3, 2)))
        False
    """
    if not hasattr(x, "columns") or not hasattr(x, "dtypes"):
        return False
    import pandas as pd

    return isinstance(x, pd.DataFrame)
