"""Small trained models that are part of the package, each of less than 1 MB.

- `NAMES`: their names.
- `pretrained`: a model for Keras, to train further, explore and diagnose.
- `folder`: its bundle, which `kvae.export.runtime.Model` runs without TensorFlow.
- `copy`: the same bundle in a folder of the user's, with its `runtime.py`.

`benchmarks/pretrained.py` makes them again; `bundles/LICENSES.md` says whose data they learned.
"""

from kvae.zoo.copying import copy
from kvae.zoo.names import NAMES, folder
from kvae.zoo.pretrained_model import pretrained

__all__ = ["NAMES", "copy", "folder", "pretrained"]
