"""Where the columns that share a layer stand in a row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.contract import Domain

__all__ = ["Blocks"]


class Blocks:
    """The places of blocks of columns in a row; see `kvae.layers.Columns`.

    Args:
        layers: distribution layers with events (k,), whose elements are values of their own.
        places: for each layer the k indices of its columns in the row.
        names: of the columns of the row; None for column_0, column_1, ...

    Raises:
        ValueError: If these do not make a row.

    Example:
        >>> from kvae.layers.blocks import Blocks
        >>> layers = [kvae.layers.IndependentNormal(2), kvae.layers.IndependentNormal(1)]
        >>> blocks = Blocks(layers, [[0, 2], [1]], ["a", "b", "c"])
        >>> [part.numpy().tolist() for part in blocks.split(tf.constant([1.0, 2.0, 3.0]))]
        [[1.0, 3.0], [2.0]]
        >>> blocks.join(blocks.split(tf.constant([1.0, 2.0, 3.0]))).numpy()
        array([1., 2., 3.], dtype=float32)
    """

    def __init__(
        self,
        layers: Sequence[Any],
        places: Sequence[Sequence[int]],
        names: Sequence[str] | None,
    ):
        self.places = [[int(place) for place in each] for each in places]
        flat = [place for each in self.places for place in each]
        names = [f"column_{place}" for place in range(len(flat))] if names is None else names
        self.names = [str(name) for name in names]
        shapes = [getattr(layer, "event_shape", None) for layer in layers]
        fits = shapes == [(len(each),) for each in self.places] and all(self.places)
        fits &= sorted(flat) == list(range(len(self.names)))
        if not fits or len(set(self.names)) < len(self.names):
            raise ValueError(
                "Expected places to hold each index of a row once, k of them for a distribution "
                "layer with events (k,), and names to hold a name for each. Received: layers with "
                f"events {shapes}, places={self.places}, names={self.names}"
            )
        for layer in layers:
            if layer.domain.one_hot or layer.domain.columns:
                raise ValueError(
                    "Expected layers whose elements are columns of their own, such as "
                    "kvae.layers.IndependentCategorical for classes. Received: "
                    f"{type(layer).__name__} '{layer.name}', whose elements make one value"
                )
        self.order = np.argsort(flat).tolist()

    def split(self, x: Any) -> list[Any]:
        """Return the elements of each layer, (..., k), of rows (..., columns)."""
        return [tf.gather(x, each, axis=-1) for each in self.places]

    def join(self, parts: list[Any]) -> Any:
        """Return rows (..., columns) of the elements of each layer."""
        return tf.gather(tf.concat(parts, axis=-1), self.order, axis=-1)

    def domains(self, layers: Sequence[Any]) -> list[tuple[str, Domain]]:
        """Return name and domain of each column of the row."""
        pairs = zip(self.places, layers, strict=True)
        by_place = {place: layer.domain for each, layer in pairs for place in each}
        return [(name, by_place[place]) for place, name in enumerate(self.names)]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of `kvae.layers.Columns`."""
        return {"places": self.places, "names": self.names}
