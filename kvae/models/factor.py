"""The FactorVAE: a VAE that pays for the total correlation of its codes."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from kvae import checks, networks
from kvae.contract import Batch, Latent, Term
from kvae.layers import DistributionLayer
from kvae.models.added_losses import AddedLosses, weight_penalties
from kvae.models.part_network import build_network, emitted_shape, taken_shape
from kvae.models.parts import without
from kvae.models.training_methods import may_have_losses
from kvae.models.vae import VAE
from kvae.noise import fold_in, rows_at, uniform, words
from kvae.sums import ordered_sum
from kvae.training.optimizers import build_optimizers

__all__ = ["FactorVAE"]

DISCRIMINATOR = "discriminator"


@keras.saving.register_keras_serializable(package="kvae")
class FactorVAE(VAE):
    """A VAE whose codes are independent of each other across the data, as far as gamma asks.

        loss = nll + kl + gamma * total correlation,
        total correlation = KL(q(z) || prod_j q(z_j)) of the aggregate posterior q(z) = E_x q(z|x).

    A discriminator D tells draws of q(z) from draws of prod_j q(z_j), which are the same draws with
    each dimension shuffled over the batch, by the weights of its examples. Its logit is the
    logarithm of the ratio of the two densities, so that the mean of D(z) over q(z) estimates the
    total correlation, in nats. The discriminator has an optimizer of its own and minimizes the
    cross-entropy, in nats,

        discriminator_error = (softplus(-D(z)) + softplus(D(shuffled z))) / 2,

    which is log 2 = 0.69 where it cannot tell them apart. `fit` reports `total_correlation` and
    `discriminator_error` beside the names of a `VAE`. The VAE's terms and gamma are trained by the
    optimizer of `compile`. The paper shuffles a second batch; here it is the same one, as in the
    implementations that followed.

    Args:
        encoder: see `VAE`, also for the next three.
        posterior: with a `KLDivergenceRegularizer`.
        decoder: see `VAE`.
        likelihood: see `VAE`.
        discriminator: `keras.Model` (batch, latent_dim) -> (batch, 1); by default six dense layers
            of `discriminator_units` with leaky ReLU.
        gamma: number of at least 0, weight of the total correlation.
        discriminator_units: units of the default discriminator's layers, 1,000 in the paper.
        features: see `VAE`.
        **kwargs: Passed to `keras.Model`.

    Under several replicas each shuffles its own part of the batch.

    Raises:
        ValueError: If `gamma` is negative, or if the discriminator does not fit the posterior.

    Example:
        >>> kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(4))
        >>> posterior = kvae.layers.MultivariateNormalDiag(4, activity_regularizer=kl)
        >>> likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
        >>> factor = kvae.FactorVAE(
        ...     encoder=kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size),
        ...     posterior=posterior,
        ...     decoder=kvae.networks.mlp_decoder(4, likelihood.params_shape),
        ...     likelihood=likelihood,
        ...     gamma=6.0,
        ...     discriminator_units=64,
        ... )
        >>> factor.compile("adam", discriminator_optimizer=keras.optimizers.Adam(1e-3))
        >>> history = factor.fit(x_train[:64], verbose=0)
        >>> 0.0 < history.history["discriminator_error"][0] < 2.0
        True

    References:
        Kim, Mnih: Disentangling by Factorising, 2018, https://arxiv.org/abs/1802.05983
    """

    def __init__(
        self,
        encoder: keras.Model,
        posterior: DistributionLayer,
        decoder: keras.Model,
        likelihood: DistributionLayer,
        discriminator: keras.Model | None = None,
        gamma: float = 10.0,
        discriminator_units: int = 1000,
        features: keras.layers.Layer | None = None,
        **kwargs: Any,
    ):
        self.gamma = checks.non_negative("gamma", gamma)
        if discriminator is None and isinstance(posterior, DistributionLayer):
            discriminator = networks.mlp_encoder(
                posterior.event_shape,
                1,
                hidden=[checks.positive_int("discriminator_units", discriminator_units)] * 6,
                activation="leaky_relu",
                name=DISCRIMINATOR,
            )
        self.discriminator: Any = discriminator
        super().__init__(encoder, posterior, decoder, likelihood, features, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Build and check the parts, see `VAE.build`."""
        discriminator: Any = self.discriminator
        expected, emitted = (None, self.latent_dim), (None, 1)
        if not isinstance(discriminator, keras.layers.Layer):
            raise ValueError(
                "Expected discriminator to be a Keras model. Received: "
                f"discriminator={discriminator!r}"
            )
        build_network(discriminator, expected)
        taken = taken_shape(discriminator) or expected
        shapes = tuple(taken), tuple(emitted_shape("discriminator", discriminator, expected))
        if shapes != (expected, emitted):
            raise ValueError(
                f"Expected discriminator to be a model {expected} -> {emitted}, from codes to a "
                f"logit. Received: {shapes[0]} -> {shapes[1]}"
            )
        super().build(input_shape)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        *,
        discriminator_optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        """Prepare training, see `VAE.compile`.

        Args:
            optimizer: of the VAE.
            loss: see `VAE.compile`.
            discriminator_optimizer: of the discriminator; by default
                `Adam(1e-4, beta_1=0.5, beta_2=0.9)`, as in the paper.
            **kwargs: see `VAE.compile`.
        """
        if discriminator_optimizer is None:
            discriminator_optimizer = keras.optimizers.Adam(1e-4, beta_1=0.5, beta_2=0.9)
        with self.distribute_strategy.scope():
            self.discriminator_optimizer = keras.optimizers.get(discriminator_optimizer)
        super().compile(optimizer, loss, **kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile`."""
        config = super().get_compile_config()
        if not config:
            return config
        own = keras.saving.serialize_keras_object(self.discriminator_optimizer)
        return {**config, "discriminator_optimizer": own}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with what `get_compile_config` returned."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            build_optimizers(self)

    def parts(self) -> dict[str, Any]:
        """Return the parts of a `VAE`, and the discriminator."""
        return {**super().parts(), DISCRIMINATOR: self.discriminator}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this model again, as plain data."""
        return {**super().get_config(), "gamma": self.gamma}

    def update_groups(self) -> dict[str, tuple[Any, list[Any]]]:
        """Return the two optimizers with their variables."""
        own = self.discriminator.trainable_variables
        return {
            "model": (self.optimizer, without(self.trainable_variables, own)),
            DISCRIMINATOR: (self.discriminator_optimizer, own),
        }

    def penalties(
        self, inputs: Mapping[str, Any], latents: Mapping[str, Latent], batch: Batch
    ) -> list[Term]:
        """Return the total correlation and the discriminator's terms beside those of a `VAE`."""
        latent, training = latents["z"], batch.training
        others = tf.stop_gradient(shuffled(latent.value, latent.seed, batch.weight))
        # Each optimizer has its own variables: the encoder learns from `real` by the first term,
        # the discriminator by the second.
        added, logits = AddedLosses([self.discriminator]), []
        for z in (latent.value, others):
            logits.append(tf.cast(self.discriminator(z, training=training), tf.float32)[:, 0])
            added.taken()  # the next call empties them
        real, fake = logits
        own = [*added.taken(), *weight_penalties([self.discriminator])]
        error = 0.5 * (tf.math.softplus(-real) + tf.math.softplus(fake))
        terms = [
            *super().penalties(inputs, latents, batch),
            Term("total_correlation", real, self.gamma),
            Term("discriminator_error", error, group=DISCRIMINATOR),
        ]
        if own:
            total = ordered_sum([tf.cast(loss, tf.float32) for loss in own])
            name = "discriminator_regularization"
            terms.append(Term(name, total, group=DISCRIMINATOR, unit=""))
        return terms

    def networks(self) -> list[Any]:
        """Return the VAE's own networks."""
        return [network for network in super().networks() if network is not self.discriminator]

    def term_names(self) -> list[str]:
        """Return the names of the loss's terms, see `LatentModel.term_names`."""
        names = super().term_names()
        regularized = may_have_losses([self.discriminator])
        own = ["discriminator_regularization"] if regularized else []
        return names and [*names, "total_correlation", "discriminator_error", *own]


def shuffled(z: Any, seed: Any, weight: Any = None) -> Any:
    """Return codes with each dimension shuffled over the batch, (batch, latent_dim).

    With weights each dimension is drawn by them: its elements, in random order, share a line, each
    a part as long as its weight, and the rows of the result share it likewise, in their order; a
    row takes the element at a random point of its part. With equal weights that is a shuffle.

    Args:
        z: codes, (batch, latent_dim).
        seed: two int32; None for a fixed one.
        weight: weights of the examples, (batch,), or None.

    Example:
        >>> from kvae.models.factor import shuffled
        >>> np.sort(shuffled(tf.constant([[0.0, 5.0], [1.0, 6.0]]), seed=[0, 1]), axis=0)
        array([[0., 5.],
               [1., 6.]], dtype=float32)
    """
    seed = tf.zeros(2, tf.int32) if seed is None else fold_in(seed, 2)
    shape = tf.reverse(tf.shape(z), [0])
    keys = words(shape, seed)  # (latent_dim, batch)
    if weight is None:
        order = tf.argsort(keys, axis=1)
    else:
        weight = tf.cast(weight, tf.float32)
        keys = tf.where(weight > 0.0, keys, keys.dtype.max)  # those of weight 0 come last
        ends = tf.cumsum(weight)
        inside = weight * (uniform(shape, fold_in(seed, 1)) - 1.0)
        points = tf.math.divide_no_nan(ends + inside, ends[-1])
        order = rows_at(points, weight, tf.argsort(keys, axis=1))
    return tf.transpose(tf.gather(tf.transpose(z), order, batch_dims=1))
