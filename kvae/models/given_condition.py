"""A conditional model at one condition, as a model without one."""

from typing import Any

import keras
import tensorflow as tf

from kvae.contract import InputSpec, Signature
from kvae.contract.plain_array import plain_array
from kvae.models.conditional_vae import ConditionalVAE
from kvae.models.vae import VAE

__all__ = ["GivenCondition"]


@keras.saving.register_keras_serializable(package="kvae")
class GivenCondition(ConditionalVAE):
    """p(x|c) at one condition c: a VAE whose networks and prior always read that condition.

    `ConditionalVAE.given` makes it. It shares the weights of the conditional model.

    Args:
        given: the raw condition; None for a missing one.
        **kwargs: the arguments of `ConditionalVAE`.

    Raises:
        ValueError: If the condition is not valid.

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
        >>> sevens = model.given(7)
        >>> bool(np.allclose(sevens.sample(2, seed=0), model.sample(2, seed=0, condition=7)))
        True
        >>> kvae.diagnose(sevens, x_test).verdict.state in kvae.diagnosis.STATES
        True
    """

    def __init__(self, given: Any, **kwargs: Any):
        super().__init__(**kwargs)
        spec = self.condition_layer.spec()
        one = plain_array(self.missing_condition() if given is None else given, "condition")
        if one.shape != spec.shape:
            raise ValueError(
                f"Expected condition to be one condition, of shape {spec.shape}. Received: shape "
                f"{one.shape}"
            )
        self.given_condition = spec.check(one[None], "condition")[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this model again, as plain data."""
        return {**super().get_config(), "given": self.given_condition.tolist()}

    def input_specs(self) -> dict[str, InputSpec]:
        """Return the inputs of a VAE."""
        return VAE.input_specs(self)

    def training_inputs(self, inputs: Any, seed: Any) -> Any:
        """Return the inputs as they are."""
        return VAE.training_inputs(self, inputs, seed)

    def condition_vector(self, condition: Any, like: Any) -> Any:
        """Return the vector of the one condition for each row of `like`."""
        vector = self.condition_layer(tf.convert_to_tensor(self.given_condition[None]))
        return tf.tile(vector, [tf.shape(like)[0], 1])

    def transforms_by_input(self) -> dict[str, list[tuple[Any, Any]]]:
        """Return the transforms of the target: the condition's keeps what it has learned."""
        return VAE.transforms_by_input(self)

    def signatures(self) -> list[Signature]:
        """Return the functions that can be exported, those of a VAE."""
        return VAE.signatures(self)
