"""The conditional variational autoencoder as a Keras model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from kvae.conditions import Condition
from kvae.contract import InputSpec, Signature
from kvae.layers import DistributionLayer
from kvae.models.latent_model import LatentModel
from kvae.models.vae import VAE

if TYPE_CHECKING:
    from kvae.models.given_condition import GivenCondition

__all__ = ["ConditionalVAE"]


@keras.saving.register_keras_serializable(package="kvae")
class ConditionalVAE(VAE):
    """A VAE of data x given a condition c: classes, numbers or vectors.

    It maximizes, as `kvae.VAE` does without c,

        log p(x|c) >= ELBO = E_q[log p(x|z, c)] - KL(q(z|x, c) || p(z|c)).

    The prior is one without a condition, p(z|c) = p(z), or a `kvae.priors.ConditionalNormal`.

    Args:
        encoder: `keras.Model` of [data, vector of c] -> the posterior's parameters.
        posterior: distribution layer over the latent vector, with a
            `KLDivergenceRegularizer` as its `activity_regularizer`.
        decoder: `keras.Model` of [latent vector, vector of c] -> the likelihood's parameters.
        likelihood: distribution layer over the data.
        condition: layer of `kvae.conditions`, from raw conditions to the vector of c.
        features: see `kvae.VAE`.
        missing: see `VAE`.
        **kwargs: Passed to `keras.Model`.

    The inputs are those of `kvae.VAE` and `condition`, which is always given: data are
    `{"x": ..., "condition": ...}`. Where the condition layer allows it, -1 (classes) or NaN is a
    missing condition.

    Raises:
        ValueError: If the parts do not fit each other.

    Example:
        >>> condition = kvae.conditions.Classes(10)
        >>> kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
        >>> posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
        >>> likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
        >>> networks = kvae.networks
        >>> model = kvae.ConditionalVAE(
        ...     encoder=networks.mlp_encoder((8, 8, 1), posterior.params_size, condition_dim=10),
        ...     posterior=posterior,
        ...     decoder=networks.mlp_decoder(2, likelihood.params_shape, condition_dim=10),
        ...     likelihood=likelihood,
        ...     condition=condition,
        ... )
        >>> model.compile(optimizer="adam")
        >>> data = {"x": x_train[:64], "condition": np.arange(64) % 10}
        >>> history = model.fit(data, verbose=0)
        >>> model.sample(3, seed=0, condition=[7, 7, 2]).shape
        (3, 8, 8, 1)
        >>> model.reconstruct(data, condition=4).shape  # the same z with another condition
        (64, 8, 8, 1)

    References:
        Sohn, Lee, Yan: Learning Structured Output Representation using Deep Conditional Generative
        Models, 2015,
        https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html;
        Kingma, Rezende, Mohamed, Welling: Semi-Supervised Learning with Deep Generative Models,
        2014, model M2, https://arxiv.org/abs/1406.5298 (the condition as a class)
    """

    def __init__(
        self,
        encoder: keras.Model,
        posterior: DistributionLayer,
        decoder: keras.Model,
        likelihood: DistributionLayer,
        condition: Condition,
        features: keras.layers.Layer | None = None,
        missing: bool = False,
        **kwargs: Any,
    ):
        LatentModel.__init__(self, **kwargs)  # the parts are checked against the condition
        if not isinstance(condition, Condition):
            raise ValueError(
                "Expected condition to be a layer of kvae.conditions, such as "
                f"kvae.conditions.Classes(10). Received: condition={condition!r}"
            )
        self.condition_layer = condition
        self.condition_dim = condition.size
        self._set_parts(encoder, posterior, decoder, likelihood, features, missing)

    def build(self, input_shape: Any) -> None:
        """Build and check the parts for data x of shape (batch, *event_shape)."""
        if not self.condition_layer.built:
            self.condition_layer.build((None, *self.condition_layer.shape))
        super().build(input_shape)

    def parts(self) -> dict[str, Any]:
        """Return the parts of a VAE and the condition layer."""
        return {**super().parts(), "condition": self.condition_layer}

    def given(self, condition: Any) -> "GivenCondition":
        """Return the model at one condition, which takes data without one; it shares the weights.

        What analyses or exports a `kvae.VAE` takes it: `kvae.diagnose`, `kvae.interpolate`, ...

        Args:
            condition: one raw condition; None for a missing one.

        Raises:
            ValueError: If the condition is not valid, or its transform has seen no data.
        """
        from kvae.models.given_condition import GivenCondition

        for _, transform in self.condition_layer.transforms():
            transform.check_adapted()
        parts = self.parts()
        model = GivenCondition(
            given=condition, missing=self.missing, dtype=self.dtype_policy, **parts
        )
        model.earlier_steps = self.training_steps()
        return model

    # -- the contract ------------------------------------------------------------------------

    def input_specs(self) -> dict[str, InputSpec]:
        """Return the inputs of a VAE and the condition."""
        return {**super().input_specs(), "condition": self.condition_layer.spec()}

    def training_inputs(self, inputs: Mapping[str, Any], seed: Any) -> Mapping[str, Any]:
        """Return the inputs with conditions dropped at the rate of the condition layer."""
        dropped = self.condition_layer.dropped(inputs["condition"], seed)
        return {**inputs, "condition": dropped}

    def condition_vector(self, condition: Any, like: Any) -> Any:
        """Return what networks and prior read of a condition, (batch, condition_dim)."""
        return self.condition_layer(condition)

    def missing_condition(self) -> Any:
        """Return the raw condition that stands for a missing one; raise where none may miss."""
        if not self.condition_layer.missing:
            return super().missing_condition()
        return self.condition_layer.missing_value

    def transforms_by_input(self) -> dict[str, list[tuple[Any, Any]]]:
        """Return the transforms of the target and of the condition."""
        return {**super().transforms_by_input(), "condition": self.condition_layer.transforms()}

    def signatures(self) -> list[Signature]:
        """Return the functions that can be exported; each takes the condition."""
        spec = self.condition_layer.spec()
        condition = (self.condition_layer.shape, tf.as_dtype(spec.dtype))
        return [
            replace(each, inputs={**each.inputs, "condition": condition})
            for each in super().signatures()
        ]
