"""Explore the latent space of a trained VAE.

- `interpolate`: paths between codes. `traverse`: one latent dimension varies.
- `attribute_vector`: the direction of an attribute. `nearest`: examples with the nearest codes.
- `gif`: writes the results as an animation.
"""

from kvae.exploration.animation import gif
from kvae.exploration.attribute import AttributeVector, attribute_vector
from kvae.exploration.interpolation import Interpolation, interpolate
from kvae.exploration.neighbours import Neighbours, nearest
from kvae.exploration.traversal import Traversal, traverse

__all__ = [
    "AttributeVector",
    "Interpolation",
    "Neighbours",
    "Traversal",
    "attribute_vector",
    "gif",
    "interpolate",
    "nearest",
    "traverse",
]
