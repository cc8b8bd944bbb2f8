"""Latent traversals drawn while `fit` runs: what the latent space is becoming."""

import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks, files, pictures
from kvae.models.latent_model import LatentModel

__all__ = ["LatentTraversals"]

DPI = 100
TAG = "latent_traversals"
# DATA_CLASS_BLOB_SEQUENCE of TensorBoard's summary.proto; TensorFlow does not name it.
BLOB_SEQUENCE = 3


class LatentTraversals(keras.callbacks.Callback):
    """Draw `kvae.pictures.traversals` at the end of epochs, to PNG files, TensorBoard or both.

    Files are named `traversals-0001.png` after the epoch as Keras counts it aloud, from 1.
    TensorBoard's picture goes where `keras.callbacks.TensorBoard(log_dir)` puts its summaries of
    training, to the folder `train` in `log_dir`, with the epoch from 0 as its step, so that it
    stands beside the losses. The model and the course of training are not changed.

    Args:
        x: examples, (n, *event_shape) of images: the first one is where the traversals start, all
            of them rank the dimensions.
        folder: where to put PNG files; it is created. None for none.
        log_dir: TensorBoard's folder. None for no summaries.
        every: draw after every so many epochs.
        dimensions: how many latent dimensions to draw, the most informative ones.
        steps: pictures in a row.

    Raises:
        ValueError: If there is nowhere to draw to, or at the start of training if the model is no
            `kvae.VAE` over images.

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
                "Expected folder, log_dir or both to say where to draw to. Received: folder=None, "
                "log_dir=None"
            )
        self.x = np.asarray(x)
        self.folder = None if folder is None else Path(folder)
        self.log_dir = None if log_dir is None else Path(log_dir)
        self.every = checks.positive_int("every", every)
        self.dimensions = checks.positive_int("dimensions", dimensions)
        self.steps = checks.positive_int("steps", steps)
        self.writer: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Check that there will be something to draw, before an epoch is spent."""
        model = self.model
        shape = model.likelihood_layer.event_shape if isinstance(model, LatentModel) else ()
        if len(shape) != 3 or shape[-1] not in (1, 3):
            raise ValueError(
                "Expected LatentTraversals to be used with a kvae.VAE over images (height, width, "
                f"channels), channels 1 or 3. Received: a {type(model).__name__} over {shape}"
            )
        model.named_inputs().check_x(self.x)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Draw, if it is this epoch's turn."""
        if (epoch + 1) % self.every:
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
        """Close TensorBoard's file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _summarize(self, png: bytes, epoch: int, folder: Path) -> None:
        """Write a PNG file as a summary for TensorBoard's page of images.

        `tf.summary.image` would do if TensorFlow still came with TensorBoard, which it calls. This
        writes what it writes: a vector of strings, width, height and the encoded picture.
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
