"""What the figure of a report shows: posteriors of some examples, and decoded events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae import pictures
from kvae.contract import Domain
from kvae.contract.input_spec import target_of

__all__ = ["PlottedEvents", "PlottedPosteriors"]

POSTERIORS = 150
EVENTS = 10  # columns of pictures
AXES = 3  # traversed dimensions


@dataclass(frozen=True)
class PlottedPosteriors:
    """Posteriors of some examples in the two most informative dimensions.

    Attributes:
        dimensions: indices of the two dimensions; equal if the model has one dimension.
        mean: the two means of each posterior.
        stddev: the two standard deviations of each posterior.
        labels: the label of each, as text; None where none were given.
    """

    dimensions: tuple[int, int]
    mean: tuple[tuple[float, float], ...]
    stddev: tuple[tuple[float, float], ...]
    labels: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls, mean: np.ndarray, stddev: np.ndarray, ranking: np.ndarray, labels: Any = None
    ) -> "PlottedPosteriors":
        """Return the posteriors of the first examples.

        Args:
            mean: posterior means, (examples, latent_dim).
            stddev: posterior standard deviations, (examples, latent_dim).
            ranking: the dimensions, the most informative first.
            labels: one for each example, or None.
        """
        first, second = int(ranking[0]), int(ranking[min(1, len(ranking) - 1)])
        count = min(POSTERIORS, len(mean))
        chosen = np.ix_(np.arange(count), np.array([first, second]))
        return cls(
            (first, second),
            tuple((float(a), float(b)) for a, b in mean[chosen]),
            tuple((float(a), float(b)) for a, b in stddev[chosen]),
            None if labels is None else tuple(str(label) for label in np.asarray(labels)[:count]),
        )


@dataclass(frozen=True, eq=False)
class PlottedEvents:
    """Pictures or series: data, decoded prior samples, and traversals of the top dimensions.

    Attributes:
        domain: the values of an event.
        examples: data, (columns, *event_shape).
        samples: decoded samples of the prior, (columns, *event_shape).
        traversals: one dimension moved through its safe range from the code of the first example,
            (axes, columns, *event_shape).
        axes: the indices of these dimensions.
    """

    domain: Domain
    examples: np.ndarray
    samples: np.ndarray
    traversals: np.ndarray
    axes: tuple[int, ...]

    @classmethod
    def of(
        cls,
        vae: Any,
        x: np.ndarray,
        mean: np.ndarray,
        dimensions: Sequence[Any],
        samples: np.ndarray,
    ) -> "PlottedEvents | None":
        """Return what there is to see of a model of pictures or series, None of other data.

        Args:
            vae: a `kvae.VAE`.
            x: examples, (examples, *event_shape).
            mean: their posterior means, (examples, latent_dim).
            dimensions: each `LatentDimension`, the most informative first.
            samples: decoded samples of the prior.
        """
        domain = target_of(vae.named_inputs().specs).domain
        shape = x.shape[1:]
        if domain.columns or not pictures.drawable(shape):
            return None
        axes = tuple(dimension.index for dimension in dimensions[:AXES])
        codes = np.tile(mean[0], (len(axes), EVENTS, 1))
        for row, dimension in enumerate(dimensions[:AXES]):
            codes[row, :, dimension.index] = np.linspace(dimension.low, dimension.high, EVENTS)
        moved = vae.decode(codes.reshape(-1, mean.shape[1]))
        return cls(
            domain,
            np.asarray(x[:EVENTS], "float64"),
            np.asarray(samples[:EVENTS], "float64"),
            moved.reshape(len(axes), EVENTS, *shape).astype("float64"),
            axes,
        )
