"""Data sets of images, the schema of tables, windows of series.

- `digits`: bundled with scikit-learn. `mnist`, `fashion_mnist`: downloaded by Keras.
- `sprites`, `faces`: generated, with known factors of variation. `sprite_pairs`: two sprites that
  share all but a few.
- `images`: files of the user.
- `TableSchema`: a pandas DataFrame as an array for a model, and back.
- `windows`: a series in time as windows of equal length, and scores back on its steps.
"""

from kvae.data.digits import digits
from kvae.data.downloads import fashion_mnist, mnist
from kvae.data.faces import faces
from kvae.data.factor_images import FactorImages, FactorPairs
from kvae.data.images import images
from kvae.data.sprites import sprite_pairs, sprites
from kvae.data.tables import TableSchema
from kvae.data.windows import Windows, windows

__all__ = [
    "FactorImages",
    "FactorPairs",
    "TableSchema",
    "Windows",
    "digits",
    "faces",
    "fashion_mnist",
    "images",
    "mnist",
    "sprite_pairs",
    "sprites",
    "windows",
]
