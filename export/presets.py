"""The precisions a `.tflite` file comes in: how each is made, and how far it may be from Keras."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kvae import checks

from .key import Key
from .verification.compare import Tolerance

if TYPE_CHECKING:
    from .conversion.graph import Graph

__all__ = ["PRESETS", "Preset", "default_preset", "preset"]

Inputs = Mapping[Key, dict[str, np.ndarray]]


def _float32(graph: "Graph", inputs: Inputs, int8_io: bool) -> bytes:
    return graph.float32


def _quantized(name: str) -> Callable[["Graph", Inputs, bool], bytes]:
    def apply(graph: "Graph", inputs: Inputs, int8_io: bool) -> bytes:
        from .formats.quantization import quantized

        return quantized(graph.float32, name, graph.module.weight_sizes)

    return apply


def _calibrated(graph: "Graph", inputs: Inputs, int8_io: bool) -> bytes:
    return graph.calibrated(list(inputs), inputs, int8_io)


@dataclass(frozen=True)
class Preset:
    """A precision of weights and computation.

    Attributes:
        name: what callers call it.
        tolerance: how far a file may be from Keras.
        weight_bytes: size of a weight, in bytes.
        about: one line for people.
        apply: makes the file of a `Graph`, given test inputs by key, and whether inputs and outputs
            are int8.
        signatures: the only signatures it can hold; None for all.
    """

    name: str
    tolerance: Tolerance
    weight_bytes: int
    about: str
    apply: Callable[["Graph", Inputs, bool], bytes] = _float32
    signatures: tuple[str, ...] | None = None

    def held(self, names: Sequence[str]) -> list[str]:
        """Return those of the signatures `names` that a file can hold."""
        return [name for name in names if self.signatures is None or name in self.signatures]


# Measured on a trained convolutional decoder of 1.84M weights: times smaller / PSNR are
# int8-weights 3.40 / 66 dB, int8 3.75 / 54 dB, int8-full 3.59 / 44 dB. int4 is barely smaller and
# int16x8 is 20 times slower. Small networks lose more (a 0.5 MB decoder of 8x8 digits: 59, 56 and
# 46 dB); the tolerances refuse what is broken, not what is small.
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("float32", Tolerance(error=1e-5, equal=0.999), 4, "as trained"),
        Preset(
            "float16",
            Tolerance(psnr=60.0, score=0.05, codes=0.05, equal=0.98),
            2,
            "weights in float16, computed in float32",
            _quantized("float16"),
        ),
        Preset(
            "int8-weights",
            Tolerance(psnr=50.0, score=0.25, codes=0.5, equal=0.9),
            1,
            "weights in int8, computed in float32",
            _quantized("int8-weights"),
        ),
        Preset(
            "int8",
            Tolerance(psnr=40.0, score=0.5, codes=1.0, equal=0.8),
            1,
            "weights in int8, products in int8: the fastest",
            _quantized("int8"),
        ),
        # Latent codes, random numbers and logarithms do not fit into int8.
        Preset(
            "int8-full",
            Tolerance(psnr=35.0),
            1,
            "everything in int8, calibrated",
            _calibrated,
            ("decode",),
        ),
    )
}


def preset(name: str) -> Preset:
    """Return the preset `name`, or raise a ValueError that lists them."""
    return PRESETS[checks.choice("preset", name, tuple(PRESETS))]


def default_preset(presets: Sequence[str], signatures: Sequence[str]) -> str:
    """Return which of the files of a bundle runs where none is named.

    Thresholds on the score depend on its digits: float32 where the bundle scores, else int8, or the
    nearest to Keras of those there are.
    """
    order = list(PRESETS)
    if "score" not in signatures:
        order = ["int8", *(name for name in PRESETS if name != "int8")]
    return next(name for name in order if name in presets)
