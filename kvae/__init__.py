"""Variational autoencoders for Keras 3 on TensorFlow, and their export to devices and servers.

``import kvae`` is cheap: TensorFlow, Keras and TensorFlow Probability load when something that
needs them is first touched. Once both ``keras`` and ``tensorflow`` are loaded, kvae's layers are
registered with Keras, so that ``keras.saving.load_model`` knows them in a process that did no more
than ``import kvae``.
"""

import importlib
import importlib.util
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from kvae._version import __version__

if TYPE_CHECKING:
    from kvae import (
        callbacks,
        conditions,
        contract,
        data,
        diagnosis,
        estimators,
        evaluation,
        exploration,
        export,
        layers,
        losses,
        models,
        networks,
        pictures,
        priors,
        regularizers,
        transforms,
        zoo,
    )
    from kvae.choices import choices_for, vae_for
    from kvae.diagnosis import diagnose
    from kvae.exploration import attribute_vector, interpolate, nearest, traverse
    from kvae.models import (
        VAE,
        ConditionalVAE,
        FactorVAE,
        HierarchicalVAE,
        PairVAE,
        QuantizedVAE,
    )
    from kvae.zoo import pretrained

__all__ = [
    "VAE",
    "ConditionalVAE",
    "FactorVAE",
    "HierarchicalVAE",
    "PairVAE",
    "QuantizedVAE",
    "__version__",
    "attribute_vector",
    "callbacks",
    "choices_for",
    "conditions",
    "contract",
    "data",
    "diagnose",
    "diagnosis",
    "estimators",
    "evaluation",
    "exploration",
    "export",
    "interpolate",
    "layers",
    "losses",
    "models",
    "nearest",
    "networks",
    "pictures",
    "pretrained",
    "priors",
    "regularizers",
    "transforms",
    "traverse",
    "vae_for",
    "zoo",
]

_OBJECTS = {
    "ConditionalVAE": "kvae.models",
    "FactorVAE": "kvae.models",
    "HierarchicalVAE": "kvae.models",
    "PairVAE": "kvae.models",
    "QuantizedVAE": "kvae.models",
    "VAE": "kvae.models",
    "attribute_vector": "kvae.exploration",
    "choices_for": "kvae.choices",
    "diagnose": "kvae.diagnosis",
    "interpolate": "kvae.exploration",
    "nearest": "kvae.exploration",
    "pretrained": "kvae.zoo",
    "traverse": "kvae.exploration",
    "vae_for": "kvae.choices",
}
_SUBMODULES = frozenset(__all__) - {"__version__", *_OBJECTS}
_SERIALIZABLE = ("transforms", "conditions", "layers", "priors", "regularizers", "losses", "models")


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name in _SUBMODULES:
        return importlib.import_module(f"kvae.{name}")
    if name in _OBJECTS:
        return getattr(importlib.import_module(_OBJECTS[name]), name)
    raise AttributeError(f"module 'kvae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _require_tensorflow_backend() -> None:
    keras = sys.modules.get("keras")
    chosen = keras.config.backend() if keras and hasattr(keras, "config") else None
    chosen = chosen or os.environ.get("KERAS_BACKEND") or "tensorflow"
    if chosen != "tensorflow":
        raise ImportError(
            f"kvae needs Keras on the TensorFlow backend, but the backend is {chosen!r}: set the "
            "environment variable KERAS_BACKEND=tensorflow (or unset it) before starting Python."
        )


def _import_tensorflow_probability() -> None:
    """Import TensorFlow Probability without the warning that its own import causes.

    It compares versions by distutils, which setuptools calls deprecated: with `python -W error` it
    could not be imported (tensorflow/probability, `python/__init__.py`; fixed when it imports
    `packaging`).
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "distutils Version classes are deprecated")
        importlib.import_module("tensorflow_probability")


def _register_with_keras() -> None:
    """Import the serializable classes as soon as keras and tensorflow are both loaded.

    Keras finds a saved class by its registered name alone, so the class must have been imported
    before `load_model`. The hook keeps `import kvae` light and loading right in either order of
    imports; tensorflow imports keras half-way through its own import, hence the wait for both.
    """
    import wrapt

    loaded = set()

    def note(module: Any) -> None:
        loaded.add(module.__name__)
        if not {"keras", "tensorflow"} <= loaded:
            return
        _require_tensorflow_backend()  # Keras' own settings file may name another one
        _import_tensorflow_probability()
        for name in _SERIALIZABLE:
            try:
                importlib.import_module(f"kvae.{name}")
            except ImportError as error:
                # Keras was first imported by a module of kvae that is itself half-way through its
                # import. When that one is done, this hook runs again.
                if "partially initialized" not in str(error):
                    raise
                return

    for name in ("tensorflow", "keras", *(f"kvae.{name}" for name in _SERIALIZABLE)):
        wrapt.when_imported(name)(note)


class _RegisterWhenNeeded:
    """Calls `_register_with_keras` before the first module that it watches is loaded.

    Until then nothing imports wrapt, which takes longer than all of kvae.
    """

    NAMES = frozenset({"tensorflow", "keras", *(f"kvae.{name}" for name in _SERIALIZABLE)})

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find no module itself, except that the import under way has to meet the hooks as well."""
        if name not in self.NAMES:
            return None
        sys.meta_path.remove(self)
        _register_with_keras()
        return importlib.util.find_spec(name)


_require_tensorflow_backend()
if _RegisterWhenNeeded.NAMES & sys.modules.keys():
    _register_with_keras()
else:
    sys.meta_path.insert(0, _RegisterWhenNeeded())
