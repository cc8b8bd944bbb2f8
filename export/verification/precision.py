"""References are computed in float32 itself, on every device.

On NVIDIA GPUs from Ampere on TensorFlow rounds the factors of products and convolutions to TF32,
which keeps 10 bits of the mantissa: by more than float32 exports may differ from Keras.
"""

import contextlib
from collections.abc import Iterator

__all__ = ["in_float32"]


@contextlib.contextmanager
def in_float32() -> Iterator[None]:
    """Switch TF32 off for what runs inside; a decorator as well.

    Example:
        >>> import tensorflow as tf
        >>> from kvae.export.verification.precision import in_float32
        >>> with in_float32():
        ...     tf.config.experimental.tensor_float_32_execution_enabled()
        False
    """
    import tensorflow as tf  # those who measure files in a process of its own do without

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
