"""Animated GIF files."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kvae import checks, files

__all__ = ["gif"]


def gif(
    images: Any, path: Any, milliseconds: int = 100, *, scale: int = 1, there_and_back: bool = False
) -> Path:
    """Write images as an animated GIF that repeats forever; rows are shown side by side.

    Args:
        images: values in [0, 1], (frames, height, width, channels), or (rows, frames, height,
            width, channels) such as `Interpolation.decoded`; channels 1 or 3.
        path: the file to write. An existing file is replaced atomically.
        milliseconds: duration of a frame; GIF files store multiples of 10.
        scale: integer factor by which height and width are enlarged.
        there_and_back: whether to append the frames in reverse order, so that the animation ends
            where it begins.

    Returns:
        The path of the file.

    Raises:
        ValueError: If `images` have another shape, or values outside [0, 1].

    Example:
        >>> between = kvae.interpolate(vae, x_test[:3], x_test[3:6])
        >>> kvae.exploration.gif(between.decoded, folder / "between.gif", scale=8).name
        'between.gif'
    """
    images = np.asarray(images)
    if images.ndim == 4:
        images = images[None]
    if images.ndim != 5 or images.shape[-1] not in (1, 3) or not images.size:
        raise ValueError(
            "Expected images of shape (frames, height, width, channels) or (rows, frames, height, "
            f"width, channels), channels 1 or 3. Received: shape {images.shape}"
        )
    if not (np.min(images) >= 0.0 and np.max(images) <= 1.0):  # NaN as well
        raise ValueError(
            "Expected images in [0, 1]. Received: values from "
            f"{np.min(images):g} to {np.max(images):g}"
        )
    milliseconds = checks.positive_int("milliseconds", milliseconds)
    scale = checks.positive_int("scale", scale)
    frames = np.concatenate(np.rint(images * 255.0).astype("uint8"), axis=2)  # (F, H, rows * W, C)
    frames = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    if there_and_back:
        frames = np.concatenate([frames, frames[-2:0:-1]])
    pictures = [
        Image.fromarray(frame.squeeze(-1) if frame.shape[-1] == 1 else frame) for frame in frames
    ]
    path = Path(path)
    with files.replacing(path) as temporary:
        pictures[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=milliseconds,
            loop=0,
        )
    return path
