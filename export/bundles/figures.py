"""The figures of the model card: draws, reconstructions, traversals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kvae import pictures

__all__ = ["draw", "packed"]

PICTURE_DPI = 120
LEAST_TIME = 16  # numbers in a row that make a series
ROWS = 4


def packed(examples: Mapping[str, np.ndarray], rows: int) -> Any:
    """Return the first rows of examples as the array methods take them: x, or a dict by name.

    Example:
        >>> from kvae.export.bundles.figures import packed
        >>> packed({"x": np.zeros((3, 2)), "condition": np.arange(3)}, 2)["condition"]
        array([0, 1])
    """
    first = {name: array[:rows] for name, array in examples.items()}
    return first if len(first) > 1 else first["x"]


def draw(
    model: Any, examples: Mapping[str, np.ndarray], has_axes: bool, folder: Path, is_table: bool
) -> None:
    """Draw images and series; of a row of other numbers there is nothing to see.

    Args:
        model: the `LatentModel`.
        examples: arrays by the names of the model's inputs.
        has_axes: whether the model has one latent vector whose axes can be traversed.
        folder: where the figures are written.
        is_table: whether the examples are rows of a table.
    """
    shape = model.example_likelihood().layer.event_shape
    domain = model.named_inputs().domain("x")
    image = len(shape) == 3 and shape[-1] in (1, 3)
    few = len(shape) == 1 and shape[0] < LEAST_TIME
    row = few or (len(shape) == 1 and (is_table or domain.columns or domain.one_hot))
    if not image and (row or len(shape) not in (1, 2)):
        return
    columns = 10 if image else 5  # a line needs more room
    count = ROWS * columns
    some = packed(examples, columns)
    condition = {
        name: np.resize(array, (count, *array.shape[1:]))
        for name, array in examples.items()
        if name == "condition"
    }
    drawn = model.sample(count, seed=0, **condition)
    figures = {
        "samples.png": pictures.events(
            drawn.reshape(ROWS, columns, *shape), domain, "Samples from the prior"
        )
    }
    if examples["x"].shape[1:] == shape:
        pair = np.stack([examples["x"][:columns], model.reconstruct(some)])
        figures["reconstructions.png"] = pictures.events(
            pair, domain, "Reconstructions", ["data", "model"]
        )
    if has_axes and set(examples) == {"x"}:
        figures["traversals.png"] = pictures.traversals(
            model, examples["x"], dimensions=6, steps=columns
        )
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=PICTURE_DPI)
