"""Images from files: a folder of image files, or arrays in .npy and .npz files."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from kvae import checks

__all__ = ["images"]

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
NAMED = 10  # of the files that cannot be read
LUMA = np.array([0.299, 0.587, 0.114], "float32")  # ITU-R 601-2, as in Pillow


def images(path: Any, size: Any = None, grey: bool = False, array: str | None = None) -> np.ndarray:
    """Return images from local files, scaled to [0, 1].

    A folder is read recursively, sorted by path. Files without an image suffix (.png, .jpg, .bmp,
    .gif, .tif, .webp) are skipped. Transparent pixels are blended with black, the first frame of
    an animation is used, and the EXIF orientation is applied. Arrays of uint8 are divided by 255,
    of uint16 by 65,535; booleans become 0 and 1; floats must already be in [0, 1].

    Args:
        path: a folder of image files, an .npy file, or an .npz file.
        size: height and width in pixels, an int or a pair. Each image is cropped around its centre
            to this aspect ratio and resized with antialiasing. By default images are not resized
            and must have the same size.
        grey: whether to return one channel of grey values. Otherwise images from a folder have
            three channels, and arrays keep their channels.
        array: name of the array in an .npz file; required if it holds more than one.

    Returns:
        float32 in [0, 1], (examples, height, width, channels), channels 1 or 3.

    Raises:
        FileNotFoundError: If `path` does not exist, or the folder contains no image files.
        ValueError: If the images differ in size, a file is damaged or not an image, or an array
            does not hold images.

    Example:
        >>> np.save(folder / "made.npy", np.zeros((5, 16, 16), "uint8"))
        >>> kvae.data.images(folder / "made.npy", size=8).shape
        (5, 8, 8, 1)
    """
    path = Path(path)
    target = None if size is None else _pair(size)
    if path.is_dir():
        return _from_folder(path, target, grey)
    if not path.exists():
        raise FileNotFoundError(
            f"Expected path to name a folder, an .npy or an .npz file. Received: path={str(path)!r}"
            ", which does not exist"
        )
    if path.suffix not in {".npy", ".npz"}:
        raise ValueError(
            "Expected path to name a folder of images, an .npy or an .npz file. Received: "
            f"path={str(path)!r}"
        )
    return _from_array(_load(path, array), path, target, grey)


def _pair(size: Any) -> tuple[int, int]:
    pair = checks.event_shape(size, "size")
    if len(pair) not in (1, 2):
        raise ValueError(f"Expected size to be an int or (height, width). Received: size={size!r}")
    return pair[0], pair[-1]


# -- folders ---------------------------------------------------------------------------------


def _from_folder(folder: Path, size: tuple[int, int] | None, grey: bool) -> np.ndarray:
    names = sorted(
        (file.relative_to(folder) for file in folder.rglob("*") if file.is_file()),
        key=lambda name: name.parts,
    )
    others = {name.suffix.lower() for name in names} - SUFFIXES - {""}
    names = [name for name in names if name.suffix.lower() in SUFFIXES and name.name[0] != "."]
    if not names:
        held = f" but {', '.join(sorted(others)[:NAMED])}" if others else ""
        raise FileNotFoundError(
            f"Expected images ({', '.join(sorted(SUFFIXES))}) in the folder path. Received: "
            f"path={str(folder)!r}, which contains none{held}"
        )
    result: np.ndarray | None = None
    unread: list[tuple[Path, ValueError]] = []
    for place, name in enumerate(names):
        try:
            image = _read(folder / name, size, grey)
        except ValueError as error:
            unread.append((name, error))
            continue
        if result is None:
            first, result = name, np.empty((len(names), *image.shape), "float32")  # allocated once
        if image.shape != result.shape[1:]:
            raise ValueError(
                "Expected images of the same size, or a size to resize them to (size=, or --size "
                f"on the command line). Received: {_size(result[0])} in {first} and "
                f"{_size(image)} in {name}"
            )
        result[place] = image
    if unread:
        raise _unread(unread)
    assert result is not None
    return result


def _unread(unread: list[tuple[Path, ValueError]]) -> ValueError:
    """Return the error of the first file that cannot be read, with the names of the others."""
    others = [str(name) for name, _ in unread[1:]]
    if not others:
        return unread[0][1]
    more = ", ..." if len(others) > NAMED else ""
    named = ", ".join(others[:NAMED])
    return ValueError(f"{unread[0][1]}. Nor can {len(others)} others be read: {named}{more}")


def _size(image: np.ndarray) -> str:
    return f"{image.shape[0]} x {image.shape[1]} pixels"


def _read(file: Path, size: tuple[int, int] | None, grey: bool) -> np.ndarray:
    """Return one image, float32 (height, width, channels) in [0, 1]."""
    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened)
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"Expected {file} to be an image that Pillow can read. Received: {error}"
        ) from error
    if image.mode.startswith("I;16"):  # convert() clips 16 bits at 255
        values = np.asarray(image, "float32") / np.float32(65535.0)
        values = _resize(values[..., None], size)
        return values if grey else np.repeat(values, 3, axis=-1)
    if image.mode in ("I", "F"):
        raise ValueError(
            f"Expected images of 1, 8 or 16 bits per channel. Received: {file} with 32 bits "
            f"({image.format or image.mode}), whose range of values is unknown"
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    image = image.convert("L" if grey else "RGB")
    if size is not None:
        image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.BICUBIC)
    values = np.asarray(image, "float32") / np.float32(255.0)
    return values.reshape(image.height, image.width, -1)


# -- arrays ----------------------------------------------------------------------------------


def _load(path: Path, name: str | None) -> np.ndarray:
    """Return the array in a file. Pickled objects are refused: loading them can run code."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            if name is None and len(loaded.files) == 1:
                name = loaded.files[0]
            if name not in loaded.files:
                raise ValueError(
                    f"it holds the arrays {', '.join(loaded.files)}; select one with array="
                )
            return loaded[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Expected {path} to hold an array of numbers. Received: array={name!r}: {error}"
        ) from error


def _from_array(
    values: np.ndarray, path: Path, size: tuple[int, int] | None, grey: bool
) -> np.ndarray:
    if values.ndim == 3:
        values = values[..., None]
    if values.ndim != 4 or values.shape[-1] not in (1, 3) or not values.size:
        raise ValueError(
            "Expected images of shape (examples, height, width) or (examples, height, width, "
            f"channels), channels 1 or 3. Received: shape {values.shape} in {path}"
        )
    scale = {"uint8": 255.0, "uint16": 65535.0, "bool": 1.0}.get(values.dtype.name)
    if scale is None and values.dtype.kind != "f":
        raise ValueError(
            "Expected images of dtype uint8, uint16, bool or float. Received: dtype "
            f"{values.dtype} in {path}"
        )
    if scale is None and not (np.min(values) >= 0.0 and np.max(values) <= 1.0):  # NaN as well
        raise ValueError(
            "Expected images of floats in [0, 1]. Received: values from "
            f"{np.min(values):g} to {np.max(values):g} in {path}"
        )
    result = values.astype("float32") / np.float32(scale or 1.0)
    if grey and result.shape[-1] == 3:
        result = (result @ LUMA)[..., None]
    if size is not None and size != result.shape[1:3]:
        result = np.stack([_resize(image, size) for image in result])
    return result


def _resize(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Return a float image (height, width, channels), cropped and resized to `size`."""
    if size is None:
        return image
    channels = [
        ImageOps.fit(Image.fromarray(channel), (size[1], size[0]), Image.Resampling.BICUBIC)
        for channel in np.moveaxis(image, -1, 0)
    ]
    # Bicubic weights can be negative, so floats can leave [0, 1]; Pillow clips only bytes.
    return np.clip(np.stack([np.asarray(channel) for channel in channels], axis=-1), 0.0, 1.0)
