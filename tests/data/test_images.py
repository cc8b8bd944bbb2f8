"""Images from files: which files are read, in which order, and which are refused."""

import numpy as np
import pytest
from PIL import Image

from kvae import data


def save(values, path, **arguments):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values)).save(path, **arguments)


def flat(value, shape=(4, 6)):
    return np.full(shape, value, "uint8")


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    for name, value in (("b.png", 20), ("a/z.png", 10), ("c.BMP", 30)):
        save(flat(value), tmp_path / name)
    (tmp_path / "labels.csv").write_text("1,2,3")
    (tmp_path / ".hidden.png").write_text("no picture")

    found = data.images(tmp_path)

    assert found.shape == (3, 4, 6, 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0, 0, 0], np.array([10, 20, 30], "float32") / 255)


def test_grey_is_the_luma_of_colour(tmp_path, rng):
    colours = rng.integers(256, size=(5, 5, 3), dtype="uint8")
    save(colours, tmp_path / "a.png")

    found = data.images(tmp_path, grey=True)

    expected = colours @ [0.299, 0.587, 0.114] / 255
    assert found.shape == (1, 5, 5, 1)
    np.testing.assert_allclose(found[0, ..., 0], expected, atol=1 / 255)  # Pillow rounds to bytes


def test_images_are_cropped_around_the_centre_and_resized(tmp_path):
    wide = flat(0, (8, 16))
    wide[:, 4:12] = 255  # the square in the middle
    save(wide, tmp_path / "wide.png")
    save(flat(255, (32, 32)), tmp_path / "large.png")

    found = data.images(tmp_path, size=4, grey=True)

    assert found.shape == (2, 4, 4, 1)
    assert found.min() > 0.9  # a smooth filter sees a little of what was cut away
    assert data.images(tmp_path, size=(2, 5)).shape == (2, 2, 5, 3)


def test_transparent_parts_are_black(tmp_path):
    picture = np.full((4, 4, 4), 200, "uint8")
    picture[:2, :, 3] = 0
    picture[2:, :, 3] = 255
    save(picture, tmp_path / "a.png")

    found = data.images(tmp_path)

    np.testing.assert_array_equal(found[0, :2], 0.0)
    np.testing.assert_allclose(found[0, 2:], 200 / 255, rtol=1e-6)


@pytest.mark.parametrize("grey", [True, False])
def test_sixteen_bits_keep_their_range(tmp_path, grey):
    save(np.array([[0, 65535], [32768, 256]], "uint16"), tmp_path / "a.png")

    found = data.images(tmp_path, grey=grey)

    expected = np.array([[0, 65535], [32768, 256]]) / 65535
    for channel in np.moveaxis(found[0], -1, 0):
        np.testing.assert_allclose(channel, expected, rtol=1e-6)


def test_the_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees clockwise
    save(flat(9, (4, 6)), tmp_path / "a.jpg", exif=exif)

    assert data.images(tmp_path).shape == (1, 6, 4, 3)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.full((3, 4, 4), 51, "uint8"), 0.2),
        (np.full((3, 4, 4, 1), 13107, "uint16"), 0.2),
        (np.full((3, 4, 4, 1), 0.2), 0.2),
        (np.ones((3, 4, 4), bool), 1.0),
    ],
)
def test_arrays_are_scaled_by_their_dtype(tmp_path, stored, expected):
    np.save(tmp_path / "a.npy", stored)
    np.savez(tmp_path / "a.npz", images=stored)
    np.savez(tmp_path / "b.npz", labels=np.arange(3), images=stored)

    for found in (
        data.images(tmp_path / "a.npy"),
        data.images(tmp_path / "a.npz"),
        data.images(tmp_path / "b.npz", array="images"),
    ):
        assert found.dtype == np.float32
        assert found.shape == (3, 4, 4, 1)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_arrays_are_resized_and_converted_to_grey_like_files(tmp_path, rng):
    colours = rng.integers(256, size=(2, 12, 16, 3), dtype="uint8")
    np.save(tmp_path / "a.npy", colours)
    for place, picture in enumerate(colours):
        save(picture, tmp_path / "folder" / f"{place}.png")

    for arguments in ({}, {"size": 6}, {"size": (6, 8), "grey": True}):
        from_array = data.images(tmp_path / "a.npy", **arguments)
        from_folder = data.images(tmp_path / "folder", **arguments)
        np.testing.assert_allclose(from_array, from_folder, atol=2 / 255)  # bytes are rounded


def test_a_missing_path_or_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="which does not exist"):
        data.images(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"which contains none$"):
        data.images(tmp_path)
    (tmp_path / "year=2024").mkdir()
    (tmp_path / "year=2024" / "part-0.parquet").touch()
    with pytest.raises(FileNotFoundError, match=r"which contains none but \.parquet$"):
        data.images(tmp_path)


def test_mixed_sizes_are_an_error_that_names_two_files(tmp_path):
    save(flat(1, (4, 4)), tmp_path / "a.png")
    save(flat(1, (4, 5)), tmp_path / "b.png")

    with pytest.raises(
        ValueError, match=r"4 x 4 pixels in a.png and 4 x 5 pixels in b.png"
    ) as told:
        data.images(tmp_path)
    assert "--size on the command line" in str(told.value)


@pytest.mark.parametrize("content", [b"no picture", None])
def test_a_damaged_picture_is_an_error_that_names_it(tmp_path, content, rng):
    path = tmp_path / "a.png"
    if content is None:
        save(rng.integers(256, size=(64, 64), dtype="uint8"), path)
        content = path.read_bytes()[:-2000]
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"Expected .*a\.png to be an image .* Received"):
        data.images(tmp_path)


def test_all_damaged_pictures_are_named_at_once(tmp_path):
    save(flat(1), tmp_path / "a.png")
    for name in ("b.png", "c/d.png", "e.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"b\.png to be an image .*d\.png, e\.gif") as refused:
        data.images(tmp_path)
    assert "Nor can 2 others be read" in str(refused.value)


def test_a_picture_of_32_bits_is_refused(tmp_path):
    save(np.ones((4, 4), "float32"), tmp_path / "a.tif")

    with pytest.raises(ValueError, match="1, 8 or 16 bits per channel"):
        data.images(tmp_path)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (np.ones((3, 4)), r"Received: shape \(3, 4\)"),
        (np.ones((3, 4, 4, 2)), r"channels 1 or 3. Received: shape \(3, 4, 4, 2\)"),
        (np.ones((0, 4, 4)), r"Received: shape \(0, 4, 4, 1\)"),
        (np.full((3, 4, 4), 255.0), "floats in .* values from 255 to 255"),
        (np.full((3, 4, 4), np.nan), "floats in .* values from nan"),
        (np.ones((3, 4, 4), "int64"), "Received: dtype int64"),
        (np.array([[1], [2, 3]], object), "hold an array of numbers"),
    ],
)
def test_an_array_without_images_is_refused(tmp_path, stored, message):
    np.save(tmp_path / "a.npy", stored, allow_pickle=True)

    with pytest.raises(ValueError, match=message):
        data.images(tmp_path / "a.npy")


def test_files_without_arrays_are_refused(tmp_path):
    for name in ("a.npy", "a.npz", "a.txt"):
        (tmp_path / name).write_text("text")
        with pytest.raises(ValueError, match=r"Expected .*"):
            data.images(tmp_path / name)


@pytest.mark.parametrize("name", [None, "absent"])
def test_a_file_with_several_arrays_needs_the_argument_array(tmp_path, name):
    np.savez(tmp_path / "a.npz", first=np.ones((2, 3, 3)), second=np.ones((2, 3, 3)))

    with pytest.raises(ValueError, match="holds the arrays first, second"):
        data.images(tmp_path / "a.npz", array=name)


@pytest.mark.parametrize("size", [0, (1, 2, 3), "8", (4, -1)])
def test_an_invalid_size_is_refused(tmp_path, size):
    with pytest.raises(ValueError, match="Expected size"):
        data.images(tmp_path, size=size)
