"""NumPy arrays of numbers from what users pass: lists, tensors, data frames, mapped files."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.contract.mapped import is_mapped

__all__ = ["check_dtype", "is_array_like", "plain_array"]

# What to do instead of passing arrays of a kind (`np.dtype.kind`) that holds no numbers.
REMEDIES = {
    "M": "Subtract a reference time and divide by a unit: (x - x.min()) / np.timedelta64(1, 's').",
    "m": "Divide by a unit: x / np.timedelta64(1, 's').",
    "c": "Pass the real and the imaginary part as two channels.",
    "O": "Convert it to numbers: x.astype('float32').",
    "V": "Stack its fields as columns: numpy.lib.recfunctions.structured_to_unstructured(x).",
}
TEXT = "Encode text as numbers first."
MASKED = (
    "Fill the masked elements by x.filled(value), or name them: {'x': x.data, 'observed': ~x.mask}."
)


def is_array_like(value: Any) -> bool:
    """Return whether `value` is one array rather than a stream of batches.

    Example:
        >>> from kvae.contract.plain_array import is_array_like
        >>> is_array_like([[1.0, 2.0]]), is_array_like(batch for batch in ())
        (True, False)
    """
    if isinstance(value, tf.data.Dataset):
        return False
    if isinstance(value, list | tuple | np.ndarray | tf.Tensor | tf.SparseTensor | tf.RaggedTensor):
        return True
    return hasattr(value, "__array__") or _is_scipy_sparse(value) or np.isscalar(value)


def plain_array(value: Any, name: str) -> np.ndarray:
    """Return `value` as a NumPy array of numbers, without a copy where it is one already.

    Args:
        value: array, (nested) list, tensor or numeric data frame; a `np.memmap` stays one.
        name: name of the argument, for messages.

    Raises:
        ValueError: If it holds no plain numbers, or if a part of it would be lost (a mask).

    Example:
        >>> from kvae.contract.plain_array import plain_array
        >>> plain_array(np.ma.masked_less([1.0, -1.0], 0.0), "x")
        Traceback (most recent call last):
        ValueError: Expected x without a mask, which would be lost. Received: a masked array. Fill \
the masked elements by x.filled(value), or name them: {'x': x.data, 'observed': ~x.mask}.
    """
    if isinstance(value, tf.data.Dataset | keras.utils.PyDataset | Iterator):
        raise ValueError(
            f"Expected {name} to be an array here. Received: a {type(value).__name__}. Streams of "
            "batches are for fit, evaluate and predict: pass the array of each batch."
        )
    checks.unmasked(name, value, MASKED)
    if is_mapped(value):
        array = value
    elif isinstance(value, tf.SparseTensor) or _is_scipy_sparse(value):
        remedy = "tf.sparse.to_dense(x)" if isinstance(value, tf.SparseTensor) else "x.toarray()"
        raise _not_dense(name, type(value).__name__, f"Convert it: {remedy}.")
    elif isinstance(value, tf.RaggedTensor):
        raise _not_dense(name, "RaggedTensor", "Pad the rows to one length: x.to_tensor().")
    elif hasattr(value, "dtypes") and hasattr(value, "to_numpy"):
        array = _of_frame(value, name)
    else:
        try:
            array = np.asarray(value)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Expected {name} to be an array of numbers, all rows of one shape. Received: a "
                f"{type(value).__name__} that NumPy cannot convert ({error})"
            ) from None
    check_dtype(array.dtype, name)
    return array


def check_dtype(dtype: Any, name: str) -> None:
    """Raise unless `dtype`, of NumPy or TensorFlow, is one of numbers that TensorFlow can hold."""
    try:
        known = tf.as_dtype(dtype)
    except TypeError:
        known = None
    if known is not None and (known.is_floating or known.is_integer or known.is_bool):
        return
    if isinstance(dtype, tf.DType):
        received, remedy = dtype.name, REMEDIES["c"] if dtype.is_complex else TEXT
    else:
        received, remedy = np.dtype(dtype).name, _remedy(np.dtype(dtype))
    raise ValueError(f"Expected {name} to hold numbers. Received: {received}. {remedy}")


def _remedy(dtype: np.dtype) -> str:
    if dtype.kind == "f":  # wider than 64 bits
        return "Convert it: x.astype('float32')."
    return REMEDIES.get(dtype.kind, TEXT)


def _of_frame(frame: Any, name: str) -> np.ndarray:
    """Return a data frame or series as an array, or raise naming the columns without numbers."""
    array = np.asarray(frame.to_numpy())
    if array.dtype != object:
        return array
    if hasattr(frame, "columns"):
        dtypes = dict(zip(frame.columns, frame.dtypes, strict=True))
    else:
        dtypes = {frame.name: frame.dtypes}
    others = [column for column, dtype in dtypes.items() if getattr(dtype, "kind", "O") in "OUSMm"]
    wrong = others or list(dtypes)
    raise ValueError(
        f"Expected {name} to hold numbers in all columns. Received: a {type(frame).__name__} with "
        f"{', '.join(f'{column!r}: {dtypes[column]}' for column in wrong)}. Encode classes as "
        "whole numbers, fill missing values and convert: x.astype('float32')."
    )


def _not_dense(name: str, kind: str, remedy: str) -> ValueError:
    return ValueError(f"Expected {name} to be a dense array. Received: a {kind}. {remedy}")


def _is_scipy_sparse(value: Any) -> bool:
    if not hasattr(value, "toarray"):
        return False
    from scipy import sparse  # only now: importing it takes longer than the check

    return bool(sparse.issparse(value))
