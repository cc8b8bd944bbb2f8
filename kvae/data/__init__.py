"""Data sets of images, and the schema of tables.

- `digits`: bundled with scikit-learn. `mnist`, `fashion_mnist`: downloaded by Keras.
- `sprites`, `faces`: generated, with known factors of variation. `sprite_pairs`: two sprites that
  share all but a few.
- `images`: files of the user.
- `TableSchema`: a pandas DataFrame as an array for a model, and back.
"""

from kvae.data.digits import digits
from kvae.data.downloads import fashion_mnist, mnist
from kvae.data.faces import faces
from kvae.data.factor_images import FactorImages, FactorPairs
from kvae.data.images import images
from kvae.data.sprites import sprite_pairs, sprites
from kvae.data.tables import TableSchema

__all__ = [
    "FactorImages",
    "FactorPairs",
    "TableSchema",
    "digits",
    "faces",
    "fashion_mnist",
    "images",
    "mnist",
    "sprite_pairs",
    "sprites",
]
