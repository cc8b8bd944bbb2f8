"""The float32 copy of a model against the model itself, which may compute in another precision."""

from typing import Any

import numpy as np

from ..result import ExportError
from .reference import Reference

__all__ = ["check_copy"]

# Of signatures whose outputs are in proportion to the rounding of the model's own precision; the
# score divides it by the scale of the likelihood.
COMPARED = ("encode", "decode", "reconstruct")
ROWS = 16
# bfloat16 has 8 bits, and networks are deep: this finds another model, not digits. The largest
# difference of ten models of several families, in two half precisions, was 0.005 of the scale.
LIMIT = 0.25


def check_copy(model: Any, reference: Reference) -> None:
    """Raise an ExportError if the copy that is exported is another model than its source.

    The median of |copy - model| may be a quarter of the spread of an output, or of its mean
    absolute value if that is more; of `encode`, whose prior has unit variance, a quarter at least.

    Args:
        model: the source of the copy.
        reference: inputs, and outputs of the copy.
    """
    public = model.public_methods()
    for signature in reference.inputs.keys() & set(COMPARED):
        given = {name: value[-ROWS:] for name, value in reference.inputs[signature].items()}
        for name, found in public.outputs(signature, given).items():
            expected = reference.expected[signature][name][-ROWS:].astype("float64")
            if np.asarray(found).dtype.kind in "iu" or not np.all(np.isfinite(found)):
                continue  # codes may flip, and a float16 may overflow
            apart = float(np.median(np.abs(expected - found)))
            least = 1.0 if signature == "encode" else 0.0
            scale = max(float(np.std(expected)), float(np.mean(np.abs(expected))), least)
            if apart > LIMIT * scale:
                raise ExportError(
                    f"The float32 copy of the {type(model).__name__} is another model: its output "
                    f"{name} of {signature} differs from that of the model by {apart:.2e} (median)."
                    " A layer of its own has to give back in get_config and get_weights all that "
                    "it computes with."
                )
