"""Matplotlib figures of images and series that a VAE reconstructs, samples and interpolates."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from kvae import checks
from kvae.contact_sheet import contact_sheet
from kvae.contract import Domain
from kvae.evaluation import latent_axes
from kvae.evaluation.gaussian_vector import one_encoded_vector, one_latent_vector
from kvae.exploration import interpolate, traverse
from kvae.line_sheet import line_sheet
from kvae.models import VAE

__all__ = [
    "drawable",
    "events",
    "grid",
    "interpolations",
    "limits_of",
    "lines",
    "reconstructions",
    "samples",
    "traversals",
]

CELL_INCHES = 0.7
LINES_INCHES = (1.6, 1.0)  # width and height of a cell
MOST_CHANNELS = 8  # more lines in a cell cannot be told apart


Rows = np.ndarray | Sequence[np.ndarray]


def grid(
    images: Rows,
    title: str = "",
    rows: Sequence[str] = (),
    limits: tuple[float, float] = (0.0, 1.0),
) -> Figure:
    """Return a figure with `images` in rows and columns.

    Args:
        images: values, (rows, columns, height, width, channels); channels 1 or 3. Or a list of
            the rows, which may have different numbers of columns.
        title: title of the figure.
        rows: labels of the rows.
        limits: the values that are drawn darkest and lightest, or with one channel the other way
            round; values beyond are clipped.

    Raises:
        ValueError: If `images` have another shape.

    Example:
        >>> kvae.pictures.grid(np.zeros((2, 3, 8, 8, 1))).savefig(folder / "grid.png")
    """
    cells = _cells(images)
    if cells is None or not _is_image(cells):
        raise ValueError(
            "Expected images of shape (rows, columns, height, width, channels), channels 1 or 3. "
            f"Received: shape {_shape_of(images)}"
        )
    height, width, _ = cells
    down, across = len(images), max(map(len, images))
    inches = CELL_INCHES / max(height, width)  # of a pixel
    figure = Figure(
        (across * width * inches + 0.8, down * height * inches + 0.5), layout="constrained"
    )
    contact_sheet(figure.subplots(), list(images), rows, limits)
    figure.suptitle(title, fontsize=10)
    return figure


def lines(series: Rows, title: str = "", rows: Sequence[str] = ()) -> Figure:
    """Return a figure with `series` in rows and columns, a line for each of the first 8 channels.

    All cells have the same axes.

    Args:
        series: values, (rows, columns, time, channels). Or a list of the rows, which may have
            different numbers of columns.
        title: title of the figure.
        rows: labels of the rows.

    Raises:
        ValueError: If `series` have another shape.

    Example:
        >>> kvae.pictures.lines(np.zeros((2, 3, 50, 1))).savefig(folder / "lines.png")
    """
    cells = _cells(series)
    if cells is None or len(cells) != 2:
        raise ValueError(
            "Expected series of shape (rows, columns, time, channels), none of them 0. Received: "
            f"shape {_shape_of(series)}"
        )
    channels = cells[-1]
    down, across = len(series), max(map(len, series))
    width, height = LINES_INCHES
    figure = Figure((across * width + 0.8, down * height + 0.5), layout="constrained")
    line_sheet(figure.subplots(), [row[..., :MOST_CHANNELS] for row in series], rows)
    some = f" ({MOST_CHANNELS} of {channels} channels)" if channels > MOST_CHANNELS else ""
    figure.suptitle(title + some, fontsize=10)
    return figure


def _cells(rows: Rows) -> tuple[int, ...] | None:
    """Return the shape that all cells of all rows have; None if there is none, or one is empty."""
    shapes = {np.shape(row)[1:] for row in rows}
    if len(shapes) != 1 or 0 in (*map(len, rows), *next(iter(shapes))):
        return None
    return shapes.pop()


def _shape_of(rows: Rows) -> tuple[int, ...] | list[tuple[int, ...]]:
    return rows.shape if isinstance(rows, np.ndarray) else [np.shape(row) for row in rows]


def _is_image(shape: Sequence[int]) -> bool:
    return len(shape) == 3 and shape[-1] in (1, 3)


def limits_of(domain: Domain, values: np.ndarray) -> tuple[float, float]:
    """Return the limits between which images are drawn, see `grid`.

    They are those of the domain where it has both, and otherwise the extremes of the images.

    Args:
        domain: of a likelihood.
        values: the images of a figure.

    Example:
        >>> kvae.pictures.limits_of(kvae.layers.Domain(0, 255), np.zeros((2, 2)))
        (0.0, 255.0)
    """
    if np.isfinite([domain.low, domain.high]).all():
        return float(domain.low), float(domain.high)
    return float(np.nanmin(values)), float(np.nanmax(values))


def drawable(event_shape: Sequence[int]) -> bool:
    """Return whether `events` draws examples of a shape: pictures, or series of some channels.

    Args:
        event_shape: (height, width, channels) with 1 or 3 channels, or (time, channels).

    Example:
        >>> kvae.pictures.drawable((8, 8, 1)), kvae.pictures.drawable((8, 8, 2))
        (True, False)
    """
    return len(event_shape) == 2 or _is_image(event_shape)


def _events(vae: VAE, values: Rows, title: str, rows: Sequence[str] = ()) -> Figure:
    return events(values, one_latent_vector(vae).domain, title, rows)


def events(values: Rows, domain: Domain, title: str = "", rows: Sequence[str] = ()) -> Figure:
    """Return a figure of events in rows and columns: images, or series with or without channels.

    Args:
        values: (rows, columns, *event_shape), or a list of the rows.
        domain: the values that an event may have, see `limits_of`.
        title: title of the figure.
        rows: labels of the rows.

    Example:
        >>> figure = kvae.pictures.events(np.zeros((2, 3, 50)), kvae.layers.Domain())
        >>> figure.savefig(folder / "e.png")
    """
    if np.ndim(values[0]) > 3:
        return grid(values, title, rows, limits_of(domain, np.concatenate(values)))
    with_channels = [row[..., None] if np.ndim(row) == 2 else row for row in values]
    return lines(with_channels, title, rows)


def reconstructions(vae: VAE, x: np.ndarray) -> Figure:
    """Return a figure with the examples `x` above their reconstructions.

    Args:
        vae: a `kvae.VAE` of images or series.
        x: examples, (n, *event_shape).

    Example:
        >>> kvae.pictures.reconstructions(vae, x_test[:10]).savefig(folder / "r.png")
    """
    one_encoded_vector(vae)
    return _events(vae, np.stack([x, vae.reconstruct(x)]), "Reconstructions", ["data", "model"])


def samples(vae: VAE, rows: int = 6, columns: int = 10, seed: int = 0) -> Figure:
    """Return a figure of decoded samples from the prior.

    Args:
        vae: a `kvae.VAE` of images or series.
        rows: number of rows.
        columns: number of columns.
        seed: int, seeds the samples.

    Example:
        >>> kvae.pictures.samples(vae, rows=2, columns=3).savefig(folder / "s.png")
    """
    one_latent_vector(vae)
    rows, columns = checks.positive_int("rows", rows), checks.positive_int("columns", columns)
    images = vae.sample(rows * columns, seed=seed)
    return _events(vae, images.reshape(rows, columns, *images.shape[1:]), "Samples from the prior")


def interpolations(vae: VAE, x: np.ndarray, steps: int = 10, path: str = "linear") -> Figure:
    """Return a figure with a decoded path in each row, between the examples 2i and 2i + 1 of `x`.

    Args:
        vae: a `kvae.VAE` of images or series.
        x: examples, (2 n, *event_shape): n pairs.
        steps: events in a row, at least two.
        path: "linear", "spherical" or "geodesic", see `kvae.interpolate`.

    Raises:
        ValueError: If the number of examples is odd or zero.

    Example:
        >>> kvae.pictures.interpolations(vae, x_test[:6]).savefig(folder / "i.png")
    """
    one_encoded_vector(vae)
    if len(x) < 2 or len(x) % 2:
        raise ValueError(f"Expected x to hold pairs of examples. Received: {len(x)} examples")
    mean, _ = vae.encode(x)
    between = interpolate(vae, mean[0::2], mean[1::2], steps, path, encoded=True)
    return _events(vae, between.decoded, "Interpolations")


def traversals(vae: VAE, x: np.ndarray, dimensions: int = 8, steps: int = 10) -> Figure:
    """Return a figure with the traversal of one latent dimension in each row.

    The code is the posterior mean of the first example of `x`; one dimension takes values from
    -2.5 to 2.5. Dimensions are ordered by their mean KL to a standard normal over `x`.

    Args:
        vae: a `kvae.VAE` of images or series.
        x: examples, (n, *event_shape).
        dimensions: number of latent dimensions to show, those with the greatest KL.
        steps: events in a row.

    Example:
        >>> kvae.pictures.traversals(vae, x_test).savefig(folder / "t.png")
    """
    axes = latent_axes(vae, x)[: checks.positive_int("dimensions", dimensions)]
    mean, _ = vae.encode(x[:1])
    moved = traverse(vae, mean, [axis.index for axis in axes], steps=steps, encoded=True)
    labels = [f"z{axis.index}\n{axis.kl:.2f} nats" for axis in axes]
    return _events(vae, moved.decoded[0], "Traversals of single latent dimensions", labels)
