"""Latent traversals, drawn at the end of epochs."""

import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks, files, pictures
from kvae.evaluation.gaussian_vector import one_gaussian_vector

__all__ = ["LatentTraversals"]

DPI = 100
TAG = "latent_traversals"
# DATA_CLASS_BLOB_SEQUENCE of TensorBoard's summary.proto; TensorFlow does not name it.
BLOB_SEQUENCE = 3


class LatentTraversals(keras.callbacks.Callback):
    """Draw `kvae.pictures.traversals` at the end of epochs, to PNG files, TensorBoard or both.

    Files are named `traversals-0001.png` and so on; epochs are counted from 1. The summary for
    TensorBoard is written to the folder `train` in `log_dir`, where
    `keras.callbacks.TensorBoard(log_dir)` writes the losses, with the epoch, counted from 0, as
    its step. The callback changes neither the model nor the training.

    Args:
        x: examples, (n, height, width, channels). The traversals start at the first one; all of
            them rank the latent dimensions.
        folder: folder for PNG files, created if missing. None for no files.
        log_dir: TensorBoard's folder. None for no summaries.
        every: draw after every `every` epochs.
        dimensions: number of latent dimensions to draw, those with the greatest KL.
        steps: images in a row.

    Raises:
        ValueError: If both `folder` and `log_dir` are None; at the start of training, if the model
            is not a `kvae.VAE` over images or `x` does not fit it.

    Example:
        >>> draw = kvae.callbacks.LatentTraversals(x_test, folder=folder / "traversals")
        >>> history = vae.fit(x_test, epochs=2, verbose=0, callbacks=[draw])
        >>> sorted(file.name for file in (folder / "traversals").iterdir())
        ['traversals-0001.png', 'traversals-0002.png']
    """

    def __init__(
        self,
        x: Any,
        folder: Any = None,
        log_dir: Any = None,
        every: int = 1,
        dimensions: int = 8,
        steps: int = 10,
    ):
        super().__init__()
        if folder is None and log_dir is None:
            raise ValueError(
                "Expected folder or log_dir to be given. Received: folder=None, log_dir=None"
            )
        self.x = np.asarray(x)
        self.folder = None if folder is None else Path(folder)
        self.log_dir = None if log_dir is None else Path(log_dir)
        self.every = checks.positive_int("every", every)
        self.dimensions = checks.positive_int("dimensions", dimensions)
        self.steps = checks.positive_int("steps", steps)
        self.writer: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Check the model and the examples before the first epoch."""
        vector = one_gaussian_vector(self.model)
        shape = vector.event_shape
        if len(shape) != 3 or shape[-1] not in (1, 3):
            raise ValueError(
                "Expected LatentTraversals to be used with a kvae.VAE over images (height, width, "
                f"channels), channels 1 or 3. Received: a {type(self.model).__name__} over {shape}"
            )
        vector.check(self.x)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Draw after every `every` epochs, unless weights are not finite."""
        if (epoch + 1) % self.every:
            return
        if checks.non_finite_weights(self.model):  # as StopOnNonFinite("ignore") allows
            return
        figure = pictures.traversals(self.model, self.x, self.dimensions, self.steps)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=DPI)
        if self.folder is not None:
            with files.replacing(self.folder / f"traversals-{epoch + 1:04d}.png") as temporary:
                temporary.write_bytes(drawn.getvalue())
        if self.log_dir is not None:
            self._summarize(drawn.getvalue(), epoch, self.log_dir / "train")

    def on_train_end(self, logs: Any = None) -> None:
        """Close the summary writer."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _summarize(self, png: bytes, epoch: int, folder: Path) -> None:
        """Write a PNG file as an image summary for TensorBoard.

        `tf.summary.image` needs the tensorboard package. This writes the same summary: the strings
        width, height and the encoded image.
        """
        if self.writer is None:
            self.writer = tf.summary.create_file_writer(str(folder))
        height, width, _ = tf.io.decode_png(png).shape
        metadata = tf.compat.v1.SummaryMetadata(display_name=TAG)
        metadata.plugin_data.plugin_name = "images"
        metadata.data_class = BLOB_SEQUENCE
        with self.writer.as_default(step=epoch), tf.summary.record_if(True):
            tf.summary.write(TAG, tf.constant([str(width), str(height), png]), metadata=metadata)
        self.writer.flush()
