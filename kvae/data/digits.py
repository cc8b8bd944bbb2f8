"""The 8x8 handwritten digits of scikit-learn, which need no download."""

from typing import Any

import numpy as np

__all__ = ["digits"]

PIXEL_MAX = 16.0  # each pixel is the number of set pixels in a 4x4 block
TEST_SHARE = 0.2


def digits(labels: bool = False, seed: int = 0) -> tuple[Any, Any]:
    """Return scikit-learn's 1,797 handwritten digits, shuffled, split and scaled to [0, 1].

    Args:
        labels: whether to return (images, labels) pairs.
        seed: int, determines order and split.

    Returns:
        (x_train, x_test) with shapes (1438, 8, 8, 1) and (359, 8, 8, 1), float32; with `labels`
        ((x_train, y_train), (x_test, y_test)), labels int64.

    Example:
        >>> x_train, x_test = kvae.data.digits()
        >>> x_train.shape, x_test.shape
        ((1438, 8, 8, 1), (359, 8, 8, 1))

    References:
        Alpaydin, Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998,
        https://doi.org/10.24432/C50P49
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(seed).permutation(len(bunch.images))
    images = (bunch.images[order, :, :, None] / PIXEL_MAX).astype("float32")
    targets = bunch.target[order].astype("int64")
    split = len(images) - round(TEST_SHARE * len(images))
    if labels:
        return (images[:split], targets[:split]), (images[split:], targets[split:])
    return images[:split], images[split:]
