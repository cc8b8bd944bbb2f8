"""Invertible, elementwise maps between raw data and what a likelihood describes.

`kvae.layers.Transformed` puts one before a distribution layer. Data, means, draws and nats stay
those of the raw data, and the map is saved and exported with the model.
"""

from kvae.transforms.arcsinh import Arcsinh
from kvae.transforms.chain import Chain
from kvae.transforms.log import Log
from kvae.transforms.logit import Logit
from kvae.transforms.pixels import Pixels
from kvae.transforms.rescaling import Rescaling
from kvae.transforms.standardization import Standardization
from kvae.transforms.transform import Transform

__all__ = [
    "Arcsinh",
    "Chain",
    "Log",
    "Logit",
    "Pixels",
    "Rescaling",
    "Standardization",
    "Transform",
]
