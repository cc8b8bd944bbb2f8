"""A pretrained model for Keras."""

from typing import Any

from kvae.zoo.names import folder

__all__ = ["pretrained"]

MOST_BYTES = 2**20


def pretrained(name: str) -> Any:
    """Return a small trained model, to draw from, explore, diagnose and train further.

    | name | data | an example of x |
    | --- | --- | --- |
    | "digits-28" | MNIST, binarized | (28, 28, 1), 0 or 1 |
    | "fashion-28" | Fashion-MNIST | (28, 28, 1), bytes |
    | "emoji-32" | heads of Twemoji | (32, 32, 3), bytes |
    | "sensor-64" | a simulated machine | (64, 2), vibration in mm/s and current in A |
    | "adult" | the Adult table | (13,), columns of mixed kinds |

    The digest of the file is compared before it is read, and it holds no code. The model is not
    compiled: call `compile` before `fit`. Where TensorFlow is not installed,
    `kvae.export.runtime.Model(kvae.zoo.folder(name))` runs the same weights. Licences, attribution
    and figures are in docs/pretrained.md and in the README.md of each bundle.

    Args:
        name: one of `kvae.zoo.NAMES`.

    Returns:
        A `kvae.VAE`.

    Raises:
        ValueError: If the name is another one.
        kvae.export.runtime.BundleError: If its files were altered.

    Example:
        >>> digits = kvae.pretrained("digits-28")
        >>> pictures = digits.sample(3, seed=0)
        >>> pictures.shape, digits.encode(np.round(pictures))[0].shape
        ((3, 28, 28, 1), (3, 16))
    """
    import keras

    from kvae.export.bundles.keras_file import KERAS_FILE
    from kvae.export.runtime import Bundle

    bundle = Bundle(folder(name))
    bundle.read(KERAS_FILE, MOST_BYTES)
    return keras.saving.load_model(bundle.root / KERAS_FILE)
