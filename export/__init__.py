"""Export models to devices and servers, and verify that the files compute what Keras computes.

- `tflite`, `saved_model`, `onnx`: one file, or the folder of a SavedModel.
- `bundle`: a folder with the files of several presets and all that belongs to them; `verify`
  compares it with its golden vectors. `runtime.py` runs it without TensorFlow.
- `Tolerance`, `Optimizer`: how far a file may be from Keras, and how one that trains does it.
- `digest`: of a model.

Importing this package loads nothing heavy; TensorFlow loads when a function that needs it is first
touched.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundles.verify import verify
    from .bundles.write import bundle
    from .formats.onnx import onnx
    from .formats.saved_model import saved_model
    from .formats.tflite import tflite
    from .result import ExportError, ExportResult
    from .subject import digest
    from .training.optimizer import Optimizer
    from .verification.compare import Tolerance

__all__ = [
    "ExportError",
    "ExportResult",
    "Optimizer",
    "Tolerance",
    "bundle",
    "digest",
    "onnx",
    "saved_model",
    "tflite",
    "verify",
]

_HOMES = {
    "bundle": "bundles.write",
    "digest": "subject",
    "ExportError": "result",
    "ExportResult": "result",
    "onnx": "formats.onnx",
    "Optimizer": "training.optimizer",
    "saved_model": "formats.saved_model",
    "tflite": "formats.tflite",
    "Tolerance": "verification.compare",
    "verify": "bundles.verify",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
