"""The KL as a layer of its own, for code that had it as one in `tfp.layers`."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kvae.contract import Latent
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.functional import OnePass, add_training_step, batch_of
from kvae.layers.packing import flat_batch
from kvae.layers.trainability import check_reparameterized, weights_of
from kvae.regularizers import KLDivergenceRegularizer
from kvae.seeds import next_seed

__all__ = ["KLDivergenceAddLoss"]


@keras.saving.register_keras_serializable(package="kvae")
class KLDivergenceAddLoss(keras.layers.Layer):
    """A layer that returns its input and adds the posterior's KL to the model's losses, once.

        loss += weight * mean over the batch of KL(q(z|x) || p(z)), in nats.

    In Keras 3 only tensors flow between layers, so it stands *before* the posterior, takes its
    parameters, and is told which layer makes a distribution of them. The same penalty as the
    posterior's `activity_regularizer` is simpler, and what `kvae.VAE` reports as `kl`; this layer
    is for models in which the KL stands apart.

    Args:
        prior: see `kvae.regularizers.KLDivergenceRegularizer`, also for the next four.
        use_exact_kl: whether to use the closed form where there is one.
        test_points_reduce_axis: accepted as in TFP, and without effect.
        test_points_fn: by default "sample": the decoder's draw does not exist yet.
        weight: beta, a number of at least 0 or a schedule; None is 1.
        posterior: the distribution layer that comes next, without a regularizer and weights of its
            own.
        distribution_b: the same as `prior`.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `posterior` is not a distribution layer, or has a regularizer or weights.

    Example:
        >>> posterior = kvae.layers.MultivariateNormalTriL(2)
        >>> encoder = keras.Sequential([
        ...     keras.layers.Dense(posterior.params_size, kernel_initializer="zeros"),
        ...     kvae.layers.KLDivergenceAddLoss(kvae.priors.StandardNormal(2), posterior=posterior),
        ...     posterior,
        ... ])
        >>> encoder(np.ones((8, 3))).shape
        TensorShape([8, 2])
        >>> round(float(sum(encoder.losses)), 4)  # nats: 2 (0.5 (s^2 - 1) - log s), s = log 2
        0.2135

    References:
        `tfp.layers.KLDivergenceAddLoss` (tensorflow/probability), which sums over the batch.
    """

    def __init__(
        self,
        prior: Any = None,
        use_exact_kl: bool = True,
        test_points_reduce_axis: Any = None,
        test_points_fn: Any = None,
        weight: Any = None,
        *,
        posterior: Any = None,
        distribution_b: Any = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        if isinstance(posterior, dict):
            posterior = keras.saving.deserialize_keras_object(posterior)
        if not isinstance(posterior, DistributionLayer):
            raise ValueError(
                "Expected posterior to be the kvae distribution layer whose parameters this layer "
                "is called on: KLDivergenceAddLoss(prior, posterior=layer) stands before layer. "
                f"Received: posterior={posterior!r}"
            )
        if posterior.regularizer is not None:
            raise ValueError(
                "Expected posterior without activity_regularizer, or the KL would count twice. "
                f"Received: {posterior.name} with {posterior.regularizer!r}"
            )
        if weights_of(posterior):
            raise ValueError(
                "Expected posterior without weights: give one that has some its KL as "
                f"activity_regularizer. Received: {type(posterior).__name__} '{posterior.name}' "
                f"with weights {', '.join(weight.path for weight in posterior.weights)}"
            )
        if test_points_fn is None or test_points_fn is tf.convert_to_tensor:
            test_points_fn = "sample"
        # A copy, here as in a layer made of the config: without weights it is the same function of
        # the parameters, and the model's own layer has one owner.
        self.posterior = type(posterior).from_config(posterior.get_config())
        self.regularizer = KLDivergenceRegularizer(
            prior,
            use_exact_kl,
            test_points_reduce_axis,
            test_points_fn,
            weight,
            distribution_b=distribution_b,
        )
        self.regularizer_layers = list(self.regularizer.layers)
        self._pass = OnePass()
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Build the posterior and the prior, and the step that a schedule counts."""
        if not self.posterior.built:
            self.posterior.build(input_shape)
        for layer in self.regularizer_layers:
            if not layer.built:
                layer.build(None)
        if self.regularizer.needs_step:
            self.training_step = add_training_step(self)
        super().build(input_shape)

    def call(self, params: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return `params`, the posterior's parameters; add the KL of their distribution."""
        _, flat, mask = flat_batch(self.posterior, params, mask)
        distribution = self.posterior.distribution(flat)
        if training:
            check_reparameterized(self.posterior, distribution)
        batch = batch_of(flat, mask, self._pass.step(self, training), training)
        seed = next_seed(self.posterior.seed_generator)
        latent = Latent(None, distribution, seed=seed, draw=self.posterior.draw)
        loss = ops.cast(self.regularizer(latent, batch), keras.config.floatx())  # as Keras' losses
        self._pass.added(loss, training)
        self.add_loss(loss)
        return params

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return `input_shape`."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {
            **self.regularizer.get_config(),
            **super().get_config(),  # its name, not that of the regularizer
            "posterior": keras.saving.serialize_keras_object(self.posterior),
        }
