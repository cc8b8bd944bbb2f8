"""Pictures of what a VAE has learned."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

import kvae
from tests.small import make_vae

pictures = kvae.pictures


def shown(figure):
    """The pixels of each image, in reading order."""
    (axes,) = figure.axes
    images = sorted(axes.images, key=lambda image: (image.get_extent()[3], image.get_extent()[0]))
    return [np.asarray(image.get_array()) for image in images]


def labels_of(figure):
    """The label beside the middle of each row that has one, from above."""
    (axes,) = figure.axes
    middles = sorted({sum(image.get_extent()[2:]) / 2 for image in axes.images})
    ticks = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
    found = {place: label.get_text() for place, label in ticks}
    return [found[middle] for middle in middles if middle in found]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_shows_every_image_in_its_place(rng, channels, tmp_path):
    images = rng.uniform(size=(2, 3, 5, 4, channels))
    figure = pictures.grid(images, "A title", ["one", "two"])
    for cell, image in zip(shown(figure), images.reshape(6, 5, 4, channels), strict=True):
        np.testing.assert_array_equal(cell, image.squeeze())
    assert figure.get_suptitle() == "A title"
    assert labels_of(figure) == ["one", "two"]
    figure.savefig(tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes()[:4] == b"\x89PNG"


def test_rows_may_have_different_numbers_of_columns(rng):
    images = rng.uniform(size=(5, 8, 6, 1))
    figure = pictures.grid([images[:3], images[3:]])
    np.testing.assert_array_equal(shown(figure), images[..., 0])
    left = [image.get_extent()[0] for image in figure.axes[0].images]
    assert left[:2] == left[3:] == sorted(left[:2])
    series = rng.normal(size=(5, 20, 2))
    figure = pictures.lines([series[:3], series[3:]])
    assert drawn(figure).shape == (5, 2, 20, 2)


@pytest.mark.parametrize(
    "shape", [(2, 3, 5, 4), (2, 3, 5, 4, 2), (3, 5, 4, 1), (2, 0, 5, 4, 1), (0, 3, 5, 4, 1)]
)
def test_a_grid_wants_rows_and_columns_of_grey_or_coloured_images(shape):
    with pytest.raises(
        ValueError, match=r"Expected images of shape \(rows, columns.* Received: shape"
    ):
        pictures.grid(np.zeros(shape))


@pytest.mark.parametrize(
    ("likelihood", "low", "high"),
    [
        (
            kvae.layers.Transformed(
                kvae.layers.IndependentBernoulli((8, 8, 3)), kvae.transforms.Pixels()
            ),
            0.0,
            255.0,
        ),
        (kvae.layers.IndependentNormal((8, 8, 3)), None, None),
    ],
)
def test_colours_are_drawn_between_the_limits_of_the_domain_or_of_the_images(likelihood, low, high):
    vae = make_vae((8, 8, 3), likelihood=likelihood)
    images = vae.sample(6, seed=5)
    low = images.min() if low is None else low
    high = images.max() if high is None else high
    cells = shown(pictures.samples(vae, rows=2, columns=3, seed=5))
    np.testing.assert_allclose(cells, (images - low) / (high - low), atol=1e-6)


def test_reconstructions_stand_below_the_data(trained_vae, digits):
    x = digits[1][:4]
    cells = shown(pictures.reconstructions(trained_vae, x))
    np.testing.assert_array_equal(cells[:4], x[..., 0])
    np.testing.assert_allclose(cells[4:], trained_vae.reconstruct(x)[..., 0], atol=1e-6)


def test_samples_are_those_of_the_seed(trained_vae):
    cells = shown(pictures.samples(trained_vae, rows=2, columns=3, seed=5))
    np.testing.assert_allclose(cells, trained_vae.sample(6, seed=5)[..., 0], atol=1e-6)


def test_interpolations_go_from_one_of_a_pair_to_the_other(trained_vae, digits):
    x = digits[1][:4]
    cells = shown(pictures.interpolations(trained_vae, x, steps=5))
    ends = trained_vae.reconstruct(x)[..., 0]
    np.testing.assert_allclose(cells[0], ends[0], atol=1e-5)
    np.testing.assert_allclose(cells[4], ends[1], atol=1e-5)
    np.testing.assert_allclose(cells[5], ends[2], atol=1e-5)
    mean, _ = trained_vae.encode(x)
    middle = trained_vae.decode(mean[:2].mean(axis=0, keepdims=True))[0, ..., 0]
    np.testing.assert_allclose(cells[2], middle, atol=1e-5)
    with pytest.raises(ValueError, match=r"pairs of examples. Received: 3"):
        pictures.interpolations(trained_vae, x[:3])


def test_traversals_move_one_dimension_at_a_time_the_most_informative_first(trained_vae, digits):
    x = digits[1]
    figure = pictures.traversals(trained_vae, x, steps=3)
    mean, stddev = trained_vae.encode(x)
    kl = np.mean(0.5 * (mean**2 + stddev**2 - 1 - 2 * np.log(stddev)), axis=0)
    order = np.argsort(-kl)
    assert labels_of(figure) == [f"z{k}\n{kl[k]:.2f} nats" for k in order]
    z = mean[:1].copy()
    z[0, order[0]] = -2.5
    np.testing.assert_allclose(shown(figure)[0], trained_vae.decode(z)[0, ..., 0], atol=1e-5)


def drawn(figure):
    """The lines of each cell as they are drawn, (channels, time, 2), in reading order."""
    (axes,) = figure.axes
    channels = [part for part in axes.collections if isinstance(part, LineCollection)]
    return np.stack([part.get_segments() for part in channels], axis=1)


def numbers_of(ticks):
    return np.array([float(tick.get_text().replace("\u2212", "-")) for tick in ticks])


def read_off(figure, name, parts):
    """What the ticks of an axis say of the curves, by row ("y") or column ("x") of cells."""
    (axes,) = figure.axes
    axis = {"x": axes.xaxis, "y": axes.yaxis}[name]
    places = np.reshape(axis.get_ticklocs(), (parts, -1))
    numbers = np.reshape(numbers_of(axis.get_ticklabels()), (parts, -1))
    cells = drawn(figure)[..., "xy".index(name)]
    rows = cells.reshape(parts, -1, *cells.shape[1:])
    columns = cells.reshape(-1, parts, *cells.shape[1:]).swapaxes(0, 1)
    lines = [np.polyfit(*each, 1) for each in zip(places, numbers, strict=True)]
    drawings = rows if name == "y" else columns
    return [np.polyval(line, each) for line, each in zip(lines, drawings, strict=True)]


@pytest.mark.parametrize("channels", [1, 3])
def test_series_are_drawn_as_lines(rng, channels, tmp_path):
    series = rng.normal(size=(2, 3, 20, channels))
    figure = pictures.lines(series, "A title", ["one", "two"])
    (axes,) = figure.axes
    found = drawn(figure).reshape(2, 3, channels, 20, 2)
    left, top = found[..., 0, 0][..., 0], found[..., 1].min(axis=(1, 2, 3))
    assert np.all(np.diff(left, axis=1) > 0)
    assert top[1] > found[0, ..., 1].max()
    for cells, values in zip(read_off(figure, "y", 2), series, strict=True):
        np.testing.assert_allclose(cells, np.moveaxis(values, -1, -2), atol=1e-9)
    steps = np.broadcast_to(np.arange(20.0), (2, channels, 20))
    for cells in read_off(figure, "x", 3):
        np.testing.assert_allclose(cells, steps, atol=1e-9)
    assert [text.get_text() for text in axes.texts] == ["one", "two"]
    assert figure.get_suptitle() == "A title"
    figure.savefig(tmp_path / "lines.png")
    assert (tmp_path / "lines.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("value", [0.0, 3e6, np.nan])
def test_a_series_that_stays_at_one_value_is_drawn(value, tmp_path):
    figure = pictures.lines(np.full((1, 2, 1, 1), value))
    figure.savefig(tmp_path / "lines.png")
    assert numbers_of(figure.axes[0].get_xticklabels()).tolist() == [0.0, 0.0]


def test_of_many_channels_the_first_eight_are_drawn(rng):
    figure = pictures.lines(rng.normal(size=(1, 1, 20, 12)), "Series")
    assert drawn(figure).shape == (1, 8, 20, 2)
    assert figure.get_suptitle() == "Series (8 of 12 channels)"


@pytest.mark.parametrize("shape", [(2, 20, 3), (2, 3, 20, 3, 1), (0, 3, 20, 1)])
def test_lines_want_rows_and_columns_of_series(shape):
    with pytest.raises(ValueError, match=r"Expected series of shape \(rows, columns, time"):
        pictures.lines(np.zeros(shape))


@pytest.mark.parametrize("event_shape", [(20, 3), (20,)])
def test_a_model_of_series_is_drawn_as_lines(event_shape, rng):
    vae = make_vae(event_shape, 2)
    x = rng.uniform(size=(4, *event_shape)).astype("float32")
    channels = event_shape[1] if len(event_shape) == 2 else 1
    given, remade = read_off(pictures.reconstructions(vae, x), "y", 2)
    for cells, values in ((given, x), (remade, vae.reconstruct(x))):
        values = values.reshape(4, 20, channels).transpose(0, 2, 1)
        np.testing.assert_allclose(cells, values, atol=1e-6)
    for figure in (
        pictures.samples(vae, rows=2, columns=2),
        pictures.interpolations(vae, x, steps=2),
        pictures.traversals(vae, x, dimensions=2, steps=2),
    ):
        assert drawn(figure).shape == (4, channels, 20, 2)
