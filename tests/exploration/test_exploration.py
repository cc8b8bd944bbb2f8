"""Traversals, attribute vectors, neighbours and GIF files."""

import numpy as np
import pytest
from PIL import Image

import kvae
from tests.exploration import known_decoders


def test_a_traversal_changes_one_dimension_only(rng):
    matrix = rng.normal(size=(3, 4)).astype("float32")
    vae = known_decoders.linear(matrix)
    z = rng.normal(size=(2, 3)).astype("float32")

    found = kvae.traverse(vae, z, axes=[2, 0], limits=(-1, 3), steps=5)

    assert found.axes == (2, 0)
    np.testing.assert_array_equal(found.values, [-1, 0, 1, 2, 3])
    assert found.z.shape == (2, 2, 5, 3)
    np.testing.assert_array_equal(found.z[1, 0, :, 2], found.values)
    np.testing.assert_array_equal(found.z[:, 0, 3, :2], z[:, :2])
    np.testing.assert_allclose(found.decoded, found.z @ matrix, atol=1e-5)


def test_a_traversal_uses_all_dimensions_by_default_and_accepts_one_index(vae, grey):
    assert kvae.traverse(vae, grey[:3]).decoded.shape == (3, 2, 10, 8, 8, 1)
    assert kvae.traverse(vae, grey[:3], axes=1).axes == (1,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axes": 2}, "Expected axes to be latent dimensions from 0 to 1. Received: axes=2"),
        ({"axes": [-1]}, "Expected axes"),
        ({"axes": []}, "Expected axes"),
        ({"axes": 0.5}, "Expected axes"),
        ({"limits": (1, 1)}, r"Expected limits to be \(low, high\). Received: limits=\(1, 1\)"),
        ({"limits": 2}, "Expected limits"),
        ({"limits": (0, np.inf)}, "Expected limits"),
        ({"steps": 0}, "Expected steps"),
    ],
)
def test_invalid_arguments_of_a_traversal_are_refused(vae, arguments, message):
    with pytest.raises(ValueError, match=message):
        kvae.traverse(vae, np.zeros((1, 2)), **arguments)


def test_an_attribute_vector_finds_a_shift_within_its_error(rng):
    vae = known_decoders.linear(np.eye(3, 4))
    labels = rng.uniform(size=4000) < 0.25
    shift = np.array([1.0, 0.0, -0.5])
    z = rng.normal(size=(4000, 3)) + labels[:, None] * shift

    found = kvae.attribute_vector(vae, z, labels)

    np.testing.assert_array_less(np.abs(found.vector - shift), 4 * found.stderr)
    assert found.examples == (labels.sum(), 4000 - labels.sum())
    # Unit variance: 1/n + 1/m; a variance of 1000 values is known to 4%.
    np.testing.assert_allclose(found.stderr**2, sum(1 / n for n in found.examples), rtol=0.15)
    np.testing.assert_array_equal(
        kvae.attribute_vector(vae, z, labels.astype(int)).vector, found.vector
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([True] * 9, "10 booleans, or 0 and 1, one for each example. Received: labels of shape"),
        ([0, 1, 2] + [0] * 7, "Expected labels"),
        ([True] * 9 + [False], "Received: 9 with the attribute and 1 without"),
    ],
)
def test_labels_without_two_groups_are_refused(vae, labels, message):
    with pytest.raises(ValueError, match=message):
        kvae.attribute_vector(vae, np.zeros((10, 2)), labels)


@pytest.mark.parametrize("latent_dim", [3, 20])
def test_nearest_agrees_with_sorting_all_distances(latent_dim, rng):
    vae = known_decoders.linear(np.eye(latent_dim, latent_dim + 1))
    x, among = rng.normal(size=(5, latent_dim)), rng.normal(size=(60, latent_dim))
    among[7] = x[0]

    found = kvae.nearest(vae, x, among, k=4)

    distances = np.linalg.norm(x[:, None] - among, axis=-1)
    np.testing.assert_array_equal(found.indices, np.argsort(distances, axis=1)[:, :4])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :4], atol=1e-6)
    assert found.indices[0, 0] == 7


def test_no_examples_are_refused_by_the_name_of_the_argument(vae, grey):
    with pytest.raises(ValueError, match="Expected b to hold at least one code or example"):
        kvae.interpolate(vae, grey[:1], grey[:0])
    with pytest.raises(ValueError, match="Expected data to hold at least one code or example"):
        kvae.nearest(vae, np.zeros((1, 2)), np.zeros((0, 2)))


def test_more_neighbours_than_examples_are_refused(vae):
    with pytest.raises(ValueError, match=r"k to be at most 3, .* Received: k=4"):
        kvae.nearest(vae, np.zeros((1, 2)), np.zeros((3, 2)), k=4)


def test_a_gif_shows_rows_side_by_side(tmp_path):
    frames = np.linspace(0.0, 1.0, 4)[None, :, None, None, None] * np.ones((2, 1, 5, 6, 1))
    frames[1] = 1.0 - frames[1]

    path = kvae.exploration.gif(frames, tmp_path / "a.gif", milliseconds=80, scale=2)

    with Image.open(path) as played:
        assert played.size == (24, 10)
        assert played.n_frames == 4
        assert played.info["duration"] == 80
        assert played.info["loop"] == 0
        for place in range(4):
            played.seek(place)
            shown = np.asarray(played.convert("L"), "float64") / 255
            np.testing.assert_allclose(shown[:, :12], frames[0, place, 0, 0, 0], atol=1 / 255)
            np.testing.assert_allclose(shown[:, 12:], frames[1, place, 0, 0, 0], atol=1 / 255)


def test_a_gif_in_colour_with_reversed_frames(tmp_path):
    frames = np.zeros((3, 4, 4, 3))
    frames[np.arange(3), :, :, np.arange(3)] = 1.0

    path = kvae.exploration.gif(frames, tmp_path / "a.gif", there_and_back=True)

    with Image.open(path) as played:
        assert played.n_frames == 4
        colours = []
        for place in range(4):
            played.seek(place)
            colours.append(int(np.argmax(np.asarray(played.convert("RGB"))[0, 0])))
    assert colours == [0, 1, 2, 1]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 4, 1)), r"Received: shape \(4, 4, 1\)"),
        (np.zeros((2, 4, 4, 2)), "channels 1 or 3"),
        (np.full((2, 4, 4, 1), 255.0), r"Expected images in \[0, 1\]. Received: values from 255"),
    ],
)
def test_invalid_images_are_refused_and_no_file_is_written(tmp_path, images, message):
    with pytest.raises(ValueError, match=message):
        kvae.exploration.gif(images, tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["linear", "geodesic"])
def test_figures_of_paths_and_traversals_show_what_the_functions_return(trained_vae, digits, path):
    x = digits[1]

    drawn = kvae.pictures.interpolations(trained_vae, x[:4], steps=3, path=path)
    # The same four codes: encoded two at a time they differ by rounding, which a geodesic enlarges.
    codes, _ = trained_vae.encode(x[:4])
    between = kvae.interpolate(
        trained_vae, codes[[0, 2]], codes[[1, 3]], steps=3, path=path, encoded=True
    )
    shown = np.array([image.get_array() for image in drawn.axes[0].images]).reshape(2, 3, 8, 8)
    np.testing.assert_allclose(shown, between.decoded[..., 0], atol=1e-5)

    drawn = kvae.pictures.traversals(trained_vae, x, dimensions=1, steps=4)
    best = kvae.evaluation.latent_axes(trained_vae, x)[0].index
    moved = kvae.traverse(trained_vae, x[:1], best, steps=4)
    shown = np.array([image.get_array() for image in drawn.axes[0].images])
    np.testing.assert_allclose(shown, moved.decoded[0, 0, ..., 0], atol=1e-5)
