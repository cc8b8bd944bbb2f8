"""Vector quantization: codes are the nearest vectors of a learned codebook."""

from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.contract import Batch
from kvae.layers.quantizer import Quantizer, weight_of_positions
from kvae.noise import rows_at, uniform, words

__all__ = ["VectorQuantizer"]


@keras.saving.register_keras_serializable(package="kvae")
class VectorQuantizer(Quantizer):
    """A codebook of vectors e_k, each the moving average of the encoder's vectors nearest to it.

        code(v) = argmin_k |v - e_k|,        penalty(v) = sum over the positions of |v - e_code|^2.

    A step of training moves the averages towards the batch, without a gradient. A code that is used
    less than `restart` times as often as the average code begins again at a vector of the batch,
    drawn by the weights of the examples; in the first step that is every code without one, so that
    the codebook starts among the data.

    Args:
        codebook_size: int K, number of codes.
        dim: int, elements of a vector.
        decay: share of the moving averages that a step keeps, in [0, 1).
        commitment: weight of `penalty`, which keeps the encoder close to its codes.
        restart: number of at least 0; 0 keeps codes that nothing uses.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> quantizer = kvae.layers.VectorQuantizer(64, 4)
        >>> quantizer.codes(tf.zeros((2, 7, 7, 4))).shape
        TensorShape([2, 7, 7])

    References:
        van den Oord, Vinyals, Kavukcuoglu: Neural Discrete Representation Learning, 2017, appendix
        A.1 (moving averages), https://arxiv.org/abs/1711.00937;
        Dhariwal et al.: Jukebox, 2020, section 3.1 (restarts), https://arxiv.org/abs/2005.00341
    """

    def __init__(
        self,
        codebook_size: int,
        dim: int,
        decay: float = 0.99,
        commitment: float = 0.25,
        restart: float = 0.03,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self._codebook_size = checks.positive_int("codebook_size", codebook_size)
        self._dim = checks.positive_int("dim", dim)
        self.decay = checks.share("decay", decay)
        self.commitment = checks.non_negative("commitment", commitment)
        self.restart = checks.non_negative("restart", restart)

    @property
    def dim(self) -> int:
        """Number of elements of a vector."""
        return self._dim

    @property
    def codebook_size(self) -> int:
        """Number of different codes."""
        return self._codebook_size

    def build(self, input_shape: Any = None) -> None:
        """Make the codebook, and the moving averages of how often and where codes are used."""
        size, dim = self.codebook_size, self.dim
        # Every replica keeps its own, which are the same.
        kept = {"dtype": "float32", "trainable": False, "autocast": False, "aggregation": "none"}
        self.codebook = self.add_weight((size, dim), "random_normal", name="codebook", **kept)
        self.uses = self.add_weight((size,), "zeros", name="uses", **kept)
        self.sums = self.add_weight((size, dim), "zeros", name="sums", **kept)
        super().build(input_shape)

    def codes(self, vectors: Any) -> Any:
        """Return the index of the nearest vector of the codebook, int32 (batch, ...)."""
        self._ensure_built()
        vectors = tf.cast(vectors, tf.float32)
        book = tf.convert_to_tensor(self.codebook)
        flat = tf.reshape(vectors, [-1, self.dim])
        # |v|^2 is the same for all codes.
        distance = tf.reduce_sum(book * book, axis=1) - 2.0 * tf.matmul(
            flat, book, transpose_b=True
        )
        nearest = tf.argmin(distance, axis=1, output_type=tf.int32)
        return tf.reshape(nearest, tf.shape(vectors)[:-1])

    def vectors(self, codes: Any) -> Any:
        """Return the vectors of the codebook, (batch, ..., dim)."""
        self._ensure_built()
        return tf.gather(tf.convert_to_tensor(self.codebook), codes)

    def penalty(self, vectors: Any) -> Any:
        """Return the squared distance to the codes, summed over the positions, (batch,)."""
        vectors = tf.cast(vectors, tf.float32)
        nearest = tf.stop_gradient(self.vectors(self.codes(vectors)))
        squares = tf.square(vectors - nearest)
        return tf.reduce_sum(squares, axis=list(range(1, len(squares.shape))))

    def update(self, vectors: Any, seed: Any, batch: Batch) -> None:
        """Move the averages towards the vectors of a batch, and restart codes without use."""
        vectors = tf.stop_gradient(tf.cast(vectors, tf.float32))
        codes = self.codes(vectors)
        weight = weight_of_positions(codes, batch)
        flat, codes = tf.reshape(vectors, [-1, self.dim]), tf.reshape(codes, [-1])
        size = self.codebook_size
        uses = tf.math.unsorted_segment_sum(weight, codes, size)
        sums = tf.math.unsorted_segment_sum(flat * weight[:, None], codes, size)
        uses, sums = batch.summed([uses, sums])
        restarts = batch.of_first_replica(self._of_batch(flat, seed, weight, batch))
        uses = self.decay * self.uses + (1.0 - self.decay) * uses
        sums = self.decay * self.sums + (1.0 - self.decay) * sums
        mean = tf.reduce_mean(uses)
        idle = (uses < self.restart * mean)[:, None]
        uses = tf.where(idle[:, 0], mean, uses)
        sums = tf.where(idle, mean * restarts, sums)
        used = (uses > 0.0)[:, None]  # with restart=0 a code may never have been
        book = tf.where(used, sums / tf.where(used, uses[:, None], 1.0), self.codebook)
        for variable, value in ((self.uses, uses), (self.sums, sums), (self.codebook, book)):
            variable.assign(value)

    def _of_batch(self, flat: Any, seed: Any, weight: Any, batch: Batch) -> Any:
        """Return vectors of the batch drawn at random by weight, (codebook_size, dim).

        Where no example has a weight, it is the codebook, so that codes stay where they are.
        """
        if batch.weight is None:
            chosen = words((self.codebook_size,), seed)
            return tf.gather(flat, tf.math.floormod(chosen, tf.shape(flat)[0]))
        order = tf.argsort(tf.cast(weight <= 0.0, tf.int32))
        drawn = tf.gather(flat, rows_at(uniform((self.codebook_size,), seed), weight, order))
        return tf.where(tf.reduce_sum(weight) > 0.0, drawn, self.codebook)

    def _ensure_built(self) -> None:
        if not self.built:
            self.build()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {
            **super().get_config(),
            "codebook_size": self.codebook_size,
            "dim": self.dim,
            "decay": self.decay,
            "commitment": self.commitment,
            "restart": self.restart,
        }
