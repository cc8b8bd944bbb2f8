"""Heights and widths of pictures that are halved and doubled again."""

from typing import Any

import keras

from kvae.networks.blocks import CHANNELS_LAST

__all__ = ["cropped", "doubled", "halved_sizes"]


def halved_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return height and width, halved (rounded up) again and again down to one.

    Example:
        >>> from kvae.networks.sizes import halved_sizes
        >>> halved_sizes(5, 2)
        [(5, 2), (3, 1), (2, 1), (1, 1)]
    """
    sizes = [(height, width)]
    while sizes[-1] != (1, 1):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def doubled(x: Any, size: tuple[int, int]) -> Any:
    """Return x, (batch, h, w, c), at twice its height and width; what is over `size` is cropped.

    Example:
        >>> from kvae.networks.sizes import doubled
        >>> doubled(keras.Input((3, 1, 8)), (5, 2)).shape
        (None, 5, 2, 8)
    """
    return cropped(keras.layers.UpSampling2D(2, **CHANNELS_LAST)(x), size)


def cropped(x: Any, size: tuple[int, int]) -> Any:
    """Return x, (batch, h, w, c), without the last rows and columns that are over `size`.

    Example:
        >>> from kvae.networks.sizes import cropped
        >>> cropped(keras.Input((6, 2, 8)), (5, 2)).shape
        (None, 5, 2, 8)
    """
    crop = ((0, x.shape[1] - size[0]), (0, x.shape[2] - size[1]))
    if crop == ((0, 0), (0, 0)):
        return x
    return keras.layers.Cropping2D(crop, **CHANNELS_LAST)(x)
