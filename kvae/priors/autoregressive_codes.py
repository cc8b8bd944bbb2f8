"""A prior over a grid of codes, each given those before it."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.noise import standard_normal, uniform_of_normals
from kvae.priors.uniform_codes import UniformCodes
from kvae.special_functions import one_hot

__all__ = ["AutoregressiveCodes"]


@keras.saving.register_keras_serializable(package="kvae")
class AutoregressiveCodes(UniformCodes):
    """p(c) = prod_t p(c_t | c_<t) in raster order, by a recurrent network.

    At each position a GRU reads the code to the left, the code above and a vector of the position.
    Until it is fitted (`QuantizedVAE.fit_prior`) it is uniform. A draw takes as many steps as there
    are codes; in exported files they are written out one after the other.

    Args:
        event_shape: shape of the codes of one example, int or tuple.
        codebook_size: int K, number of different codes.
        units: units of the GRU.
        embedding_dim: elements of the vector of each code.
        fitted: whether the weights were fitted; set by `fit_prior`.
        **kwargs: Passed to `keras.layers.Layer`.

    Example:
        >>> prior = kvae.priors.AutoregressiveCodes((2, 2), 8, units=16)
        >>> print(f"{prior.distribution().log_prob([[[0, 7], [3, 3]]])[0]:.4f}")  # -4 log 8
        -8.3178

    References:
        van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks, 2016,
        https://arxiv.org/abs/1601.06759
    """

    def __init__(
        self,
        event_shape: Any,
        codebook_size: int,
        units: int = 256,
        embedding_dim: int = 64,
        fitted: bool = False,
        **kwargs: Any,
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(event_shape, codebook_size, **kwargs)
        self.units = checks.positive_int("units", units)
        self.embedding_dim = checks.positive_int("embedding_dim", embedding_dim)
        self.fitted = bool(fitted)

    def build(self, input_shape: Any = None) -> None:
        """Make the network; its last layer begins at zero, where all codes are equally likely."""
        dim, own = self.embedding_dim, {"dtype": "float32"}
        # One more than the codes: what stands beside the first position.
        self.embedding = keras.layers.Embedding(self.codebook_size + 1, dim, **own)
        self.cell = keras.layers.GRUCell(self.units, **own)
        self.logits = keras.layers.Dense(self.codebook_size, kernel_initializer="zeros", **own)
        self.embedding.build((None, self.latent_dim))
        self.cell.build((None, 2 * dim))
        self.logits.build((None, self.units))
        self.positions = self.add_float32_weight(
            (self.latent_dim, 2 * dim), keras.initializers.RandomNormal(stddev=0.05), "positions"
        )
        super().build(input_shape)

    def make_distribution(self, condition: Any = None) -> Any:
        """Return a `tfd.Distribution` of event shape `event_shape`."""
        return _Codes(self) if self.fitted else super().make_distribution(condition)

    def log_prob(self, codes: Any) -> Any:
        """Return log p of codes (batch, *event_shape) in nats, (batch,), fitted or not."""
        if not self.built:
            self.build()
        flat = tf.reshape(tf.cast(codes, tf.int32), [-1, self.latent_dim])
        columns = tf.unstack(flat, axis=1)
        outputs, state = [], self._start(flat)
        for position in range(self.latent_dim):
            state = self._next(position, columns, state)
            outputs.append(state)
        log_probs = tf.nn.log_softmax(self.logits(tf.stack(outputs, axis=1)))  # (B, T, K)
        chosen = one_hot(flat, self.codebook_size)
        return tf.reduce_sum(log_probs * chosen, axis=[1, 2])

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return codes made of given standard normals, int32 (batch, *event_shape)."""
        if not self.fitted:
            return super().from_normal(normal, condition)
        uniform = tf.unstack(uniform_of_normals(normal), axis=1)
        columns: list[Any] = []
        state = self._start(normal)
        for position in range(self.latent_dim):
            state = self._next(position, columns, state)
            below = (
                tf.cumsum(tf.nn.softmax(self.logits(state)), axis=1) < uniform[position][:, None]
            )
            code = tf.reduce_sum(tf.cast(below, tf.int32), axis=1)
            columns.append(tf.minimum(code, self.codebook_size - 1))
        return tf.reshape(tf.stack(columns, axis=1), [-1, *self.event_shape])

    def _start(self, batch: Any) -> Any:
        return tf.zeros((tf.shape(batch)[0], self.units))

    def _next(self, position: int, columns: list[Any], state: Any) -> Any:
        """Return the state that tells of the code at a position, given those before it."""
        width = self.event_shape[-1] if len(self.event_shape) > 1 else self.latent_dim
        none = tf.fill(tf.shape(state)[:1], self.codebook_size)
        left = columns[position - 1] if position else none
        above = columns[position - width] if position >= width else none
        read = tf.concat([self.embedding(left), self.embedding(above)], axis=-1)
        return self.cell(read + self.positions[position], [state])[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this prior again."""
        return {
            **super().get_config(),
            "units": self.units,
            "embedding_dim": self.embedding_dim,
            "fitted": self.fitted,
        }


class _Codes(tfd.Distribution):
    """The distribution of an `AutoregressiveCodes`."""

    def __init__(self, prior: AutoregressiveCodes):
        super().__init__(
            dtype=tf.int32,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            name=prior.name,
        )
        self._prior = prior

    def _batch_shape(self) -> Any:
        return tf.TensorShape([])

    def _event_shape(self) -> Any:
        return tf.TensorShape(self._prior.event_shape)

    def _event_shape_tensor(self) -> Any:
        return tf.constant(self._prior.event_shape, tf.int32)

    def _log_prob(self, codes: Any) -> Any:
        return self._prior.log_prob(codes)

    def _sample_n(self, n: Any, seed: Any = None) -> Any:
        return self._prior.from_normal(standard_normal((n, self._prior.normals), seed))
