"""What a canvas shows of a picture, and a picture as a file."""

import io

import numpy as np
from PIL import Image

__all__ = ["assert_shows", "png", "shades"]


def shades(picture):
    """A grey picture in [0, 1] as a canvas shows it, (height, width, 3)."""
    return np.repeat(np.round(255 * np.asarray(picture)), 3, axis=-1)


def assert_shows(pixels, picture):
    """Assert that a canvas shows a picture without gaps, a rounding apart."""
    assert np.all(pixels[..., 3:] == 255)
    assert np.max(np.abs(pixels[..., :3].astype(int) - shades(picture))) <= 1


def png(picture):
    """A picture in [0, 1] as the content of a file."""
    file = io.BytesIO()
    Image.fromarray(np.round(255 * np.squeeze(picture)).astype("uint8")).save(file, "PNG")
    return file.getvalue()
