"""Which likelihood describes the values of an array."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae import checks
from kvae.choices.facts import Facts
from kvae.choices.script import Call, call
from kvae.data.tables.inference import are_counts, are_zero_inflated, log_shift
from kvae.layers.scale import STANDARDIZED_MIN_SCALE

__all__ = ["LIKELIHOODS", "TRANSFORMS", "Part", "part_for"]

MOST_LAYERS = 100  # of columns of different kinds; more would take long to compile
FLATTENED = 64  # elements from which on a vector of levels is taken for a picture
FEWEST_LEVELS = 32  # whole numbers up to less are taken for counts
COMPONENTS = 5

UNIT = ("IndependentBernoulli", "ContinuousBernoulli", "IndependentBeta")
LEVELS = ("DiscretizedLogistic", "MixtureDiscretizedLogistic")
FLOORED = ("IndependentNormal", "IndependentLaplace", "IndependentLogistic")
REAL = (*FLOORED, "IndependentStudentT", "NormalLikelihood")
COUNTS = ("IndependentPoisson", "IndependentNegativeBinomial", "ZeroInflatedNegativeBinomial")
LIKELIHOODS = (*UNIT, *LEVELS, *REAL, *COUNTS)
TRANSFORMS = ("none", "pixels", "standardization", "log")

# The layer of the columns of a kind; those of numbers have a transform in front.
BLOCKS: dict[str | float, str] = {
    "binary": "IndependentBernoulli",
    "count": "IndependentNegativeBinomial",
    "zero-inflated count": "ZeroInflatedNegativeBinomial",
}

WHY = {
    "none": "the likelihood takes the data as they are",
    "pixels": "data from 0 to 255 go in and come out",
    "standardization": "mean 0 and standard deviation 1, in the unit of the data outside",
    "log": "a long tail",
    "by column": "that of each column, part of its likelihood",
}


@dataclass(frozen=True)
class Part:
    """The likelihood of an array and what belongs to it.

    Args:
        layer: the call that makes it, transform included.
        name: its name in words.
        why: the reason.
        transform: one of `TRANSFORMS`, or "by column".
        learns: whether a transform learns from the data.
        logged: whether the encoder reads logarithms of counts.
        columns: what the encoder reads of each column, where they differ.
    """

    layer: Call
    name: str
    why: str
    transform: str = "none"
    learns: bool = False
    logged: bool = False
    columns: list[Any] | None = None

    @property
    def encoded(self) -> bool:
        """Whether the encoder reads something else than the transformed data."""
        return self.logged or self.columns is not None


def part_for(facts: Facts, likelihood: str | None, transform: str | None) -> Part:
    """Return the likelihood of the values.

    Args:
        facts: what the array holds.
        likelihood: one of `LIKELIHOODS`, None to choose.
        transform: one of `TRANSFORMS`, None to choose.

    Raises:
        ValueError: If what was asked for does not fit the values.
    """
    why = "asked for"
    if likelihood is None:
        if transform is None and len(facts.shape) == 1:
            by_column = _by_column(facts)
            if by_column is not None:
                return by_column
        likelihood, why = _likelihood(facts)
        if transform in ("standardization", "log") and likelihood not in REAL:
            likelihood, why = "IndependentNormal", f'numbers after transform="{transform}"'
    checks.choice("likelihood", likelihood, LIKELIHOODS)
    bits = 16 if facts.dtype == np.uint16 else 8
    if transform is None:
        transform = _transform(facts, likelihood, bits)
    _check_fits(facts, likelihood, checks.choice("transform", transform, TRANSFORMS), bits)
    layer = _layer(facts, likelihood, 2**bits if transform == "pixels" else facts.levels or 256)
    shift = log_shift(_known(facts)) if transform == "log" else None
    layer = _transformed(layer, transform, bits, shift or 1.0)
    learns = transform in ("standardization", "log")
    return Part(layer, likelihood, why, transform, learns, logged=likelihood in COUNTS)


def _known(facts: Facts) -> np.ndarray:
    """Return the values of the sample that are not missing, one after the other."""
    return facts.sample[~np.isnan(facts.sample)]


def _are_counts(facts: Facts) -> bool:
    """Return whether all elements look like counts; the sample need not show each value."""
    return facts.all_whole and facts.range[0] >= 0 and are_counts(_known(facts))


def _likelihood(facts: Facts) -> tuple[str, str]:
    """Return the likelihood of all elements, and why."""
    low, high = facts.range
    picture = len(facts.shape) == 3
    if facts.binary.all():
        return "IndependentBernoulli", "0 and 1 alone"
    if facts.dtype == np.uint8:
        return "DiscretizedLogistic", "bytes: one of 256 levels"
    if picture and facts.dtype == np.uint16:
        return "DiscretizedLogistic", "one of 65536 levels"
    if picture and facts.all_whole and low >= 0 and FEWEST_LEVELS <= high <= 255:
        return "DiscretizedLogistic", "whole numbers from 0 to 255: one of 256 levels"
    if facts.levels is not None and (picture or facts.size >= FLATTENED):
        return "DiscretizedLogistic", f"values in [0, 1]: one of {facts.levels} levels"
    if picture and low >= 0 and high <= 1:
        return "DiscretizedLogistic", "values in [0, 1]: the nearest of 256 levels"
    if _are_counts(facts):
        return "IndependentNegativeBinomial", "small whole numbers from 0 on: counts"
    return (
        "IndependentNormal",
        f"numbers, a scale of at least {STANDARDIZED_MIN_SCALE} standard deviations",
    )


def _transform(facts: Facts, likelihood: str, bits: int) -> str:
    """Return the transform that a likelihood needs."""
    if likelihood in REAL:
        return "standardization"
    low, high = facts.range
    whole = facts.all_whole and low >= 0 and 1 < high < 2**bits
    return "pixels" if likelihood in (*UNIT, *LEVELS) and whole else "none"


def _check_fits(facts: Facts, likelihood: str, transform: str, bits: int) -> None:
    """Raise unless the likelihood takes the values after the transform."""
    low, high = facts.range
    found = f"values in [{low:g}, {high:g}]{'' if facts.all_whole else ', not all whole'}"
    counts = facts.all_whole and low >= 0
    if transform == "pixels" and not (counts and high < 2**bits):
        raise ValueError(
            f"Expected x to hold whole numbers from 0 to {2**bits - 1} with "
            f'transform="pixels". Received: {found}'
        )
    if transform == "log" and low < 0:
        raise ValueError(
            f'Expected x to hold numbers of at least 0 with transform="log". Received: {found}'
        )
    if likelihood in COUNTS and not (counts and transform == "none"):
        raise ValueError(
            f"Expected x to hold whole numbers of at least 0, and no transform, with "
            f"likelihood={likelihood!r}. Received: {found}, transform={transform!r}"
        )
    inside = transform == "pixels" or (transform == "none" and low >= 0 and high <= 1)
    if likelihood in (*UNIT, *LEVELS) and not inside:
        raise ValueError(
            f"Expected x to hold numbers in [0, 1], or 8-bit pixels, with likelihood="
            f"{likelihood!r}. Received: {found}, transform={transform!r}"
        )


def _layer(facts: Facts, likelihood: str, levels: int) -> Call:
    """Return the call that makes the likelihood of an example."""
    name = f"kvae.layers.{likelihood}"
    shape = facts.event_shape
    more = {} if levels == 256 else {"levels": levels}
    if likelihood == "MixtureDiscretizedLogistic":
        return call(name, COMPONENTS, shape, **more)
    if likelihood == "DiscretizedLogistic":
        return call(name, shape, **more)
    if likelihood == "NormalLikelihood":
        return call(name, shape, scale="optimal")
    return call(
        name, shape, **({"min_scale": STANDARDIZED_MIN_SCALE} if likelihood in FLOORED else {})
    )


def _transformed(layer: Call, transform: str, bits: int, shift: float, **more: Any) -> Call:
    """Return the call that puts a transform before a likelihood."""
    if transform == "none":
        return layer
    if transform == "pixels":
        made = call("kvae.transforms.Pixels", **({} if bits == 8 else {"bits": bits}))
    else:
        made = call("kvae.transforms.Standardization")
    if transform == "log":
        made = call("kvae.transforms.Chain", [call("kvae.transforms.Log", shift), made])
    return call("kvae.layers.Transformed", layer, made, **more)


def _by_column(facts: Facts) -> Part | None:
    """Return the likelihood of a table whose columns are of several kinds, None for one kind."""
    width = facts.shape[0]
    if facts.dtype == np.uint8 or facts.binary.all():  # constant columns among them
        return None
    if facts.levels is not None and width >= FLATTENED:
        return None
    kinds = [_kind(facts, place) for place in range(width)]
    if len(set(kinds)) == 1 and kinds[0] in ("binary", "count", "number"):
        return None
    if "count" in kinds and "binary" not in kinds and _are_counts(facts):
        return None  # counts as well, without a zero by chance or with a long tail
    places: dict[str | float, list[int]] = {}
    for place, kind in enumerate(kinds):
        places.setdefault(kind, []).append(place)
    if len(places) > MOST_LAYERS:
        return None
    layers = [
        _block(kind, len(found), f"columns_{place}")
        for place, (kind, found) in enumerate(places.items())
    ]
    words = ["long tail" if isinstance(kind, float) else kind for kind in kinds]
    why = ", ".join(f"{word} ({words.count(word)})" for word in sorted(set(words)))
    counts = ("count", "zero-inflated count")
    columns = ["count" if kind in counts else "number" for kind in kinds]
    return Part(
        layer=call("kvae.layers.Columns", layers, places=list(places.values())),
        name="Columns",
        why=f"by column: {why}",
        transform="by column",
        learns=any(isinstance(kind, float) or kind == "number" for kind in kinds),
        columns=columns if "count" in columns else None,
    )


def _block(kind: str | float, count: int, name: str) -> Call:
    """Return the call that makes the layer of `count` columns of a kind, see `_kind`."""
    if kind in BLOCKS:
        return call(f"kvae.layers.{BLOCKS[kind]}", count, name=name)
    normal = call("kvae.layers.IndependentNormal", count, min_scale=STANDARDIZED_MIN_SCALE)
    if isinstance(kind, float):
        return _transformed(normal, "log", 8, kind, name=name)
    return _transformed(normal, "standardization", 8, 1.0, name=name)


def _kind(facts: Facts, place: int) -> str | float:
    """Return a word for the kind of a column, or the shift of the logarithm of a long tail."""
    values = facts.sample[:, place]
    values = values[~np.isnan(values)]
    if facts.binary[place] and facts.low[place] < facts.high[place]:
        return "binary"
    if not len(values):
        return "number"
    if facts.whole[place] and facts.low[place] >= 0 and are_counts(values):
        return "zero-inflated count" if are_zero_inflated(values) else "count"
    shift = log_shift(values) if facts.low[place] >= 0 else None
    return "number" if shift is None else shift
