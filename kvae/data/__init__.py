"""Data sets of images, and the schema of tables.

- `digits`: bundled with scikit-learn. `mnist`, `fashion_mnist`: downloaded by Keras.
- `sprites`, `faces`: generated, with known factors of variation.
- `images`: files of the user.
- `TableSchema`: a pandas DataFrame as an array for a model, and back.
"""

from kvae.data.digits import digits
from kvae.data.downloads import fashion_mnist, mnist
from kvae.data.faces import faces
from kvae.data.factor_images import FactorImages
from kvae.data.images import images
from kvae.data.sprites import sprites
from kvae.data.tables import TableSchema

__all__ = [
    "FactorImages",
    "TableSchema",
    "digits",
    "faces",
    "fashion_mnist",
    "images",
    "mnist",
    "sprites",
]
