"""The precisions a `.tflite` file comes in, and how far each may stray from Keras."""

from dataclasses import dataclass

from kvae import checks

from .verification.compare import Budget

__all__ = ["PRESETS", "Preset", "preset"]


@dataclass(frozen=True)
class Preset:
    """A precision of weights and computation.

    Attributes:
        name: what callers call it.
        budget: how far an artefact may stray from Keras.
        weight_bytes: size of a weight, in bytes.
        about: one line for people.
    """

    name: str
    budget: Budget
    weight_bytes: int
    about: str


# Measured on a trained convolutional decoder of 1.84M weights: times smaller / PSNR are
# int8-weights 3.40 / 66 dB, int8 3.75 / 54 dB, int8-full 3.59 / 44 dB. int4 is barely smaller and
# int16x8 is 20 times slower. Small networks lose more (a 0.5 MB decoder of 8x8 digits: 59, 56 and
# 46 dB); the budgets refuse what is broken, not what is small.
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("float32", Budget(error=1e-5), 4, "as trained"),
        Preset("float16", Budget(error=1e-3), 2, "weights in float16, computed in float32"),
        Preset("int8-weights", Budget(psnr=50.0), 1, "weights in int8, computed in float32"),
        Preset("int8", Budget(psnr=40.0), 1, "weights in int8, products in int8: the edge default"),
        Preset("int8-full", Budget(psnr=35.0), 1, "everything in int8, calibrated"),
    )
}


def preset(name: str) -> Preset:
    """Return the preset `name`, or raise a ValueError that lists them."""
    return PRESETS[checks.choice("preset", name, tuple(PRESETS))]
