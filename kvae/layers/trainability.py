"""Checks that gradients reach what a user expects to be trained.

What is refused here would train without an error and learn nothing: a variable that no layer
tracks, a likelihood whose weights are in a loss instead of a model, a posterior whose draws carry
no gradient.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

__all__ = [
    "check_reparameterized",
    "check_without_variables",
    "check_without_weights",
    "reparameterized",
    "weights_of",
]


def reparameterized(distribution: Any) -> bool:
    """Return whether draws from `distribution` carry a gradient to its parameters.

    Example:
        >>> from kvae.layers.trainability import reparameterized
        >>> reparameterized(tfd.Normal(0.0, 1.0)), reparameterized(tfd.Bernoulli(0.0))
        (True, False)
    """
    return distribution.reparameterization_type == tfd.FULLY_REPARAMETERIZED


def check_reparameterized(layer: Any, distribution: Any) -> None:
    """Raise if draws from the posterior `layer` carry no gradient.

    Args:
        layer: the distribution layer, for the error.
        distribution: what `layer.distribution(params)` returned.

    Raises:
        ValueError: If the draws of `distribution` are not reparameterized.
    """
    if not reparameterized(distribution):
        raise ValueError(
            f"Expected a posterior whose draws carry a gradient to its parameters. Received: "
            f"{type(layer).__name__} '{layer.name}', whose draws are not reparameterized: the "
            "encoder would learn nothing from the decoder. Posteriors that can be trained: "
            "MultivariateNormalDiag, MultivariateNormalTriL, IndependentNormal, "
            "IndependentLogistic, IndependentLaplace, IndependentStudentT, IndependentBeta, "
            "PowerSpherical, InverseAutoregressiveFlow, and MixtureNormal or MixtureLogistic with "
            "reparameterize=True."
        )


def check_without_variables(function: Callable[[Any], Any], params: Any) -> Any:
    """Return the distribution `function(params)`; raise if it depends on trainable variables.

    Args:
        function: the `make_distribution_fn` of a `DistributionLambda`.
        params: tensor that the function is called on.

    Raises:
        ValueError: If `function` reads a trainable variable, which no layer tracks.
    """
    with tf.GradientTape() as tape:
        distribution = function(params)
    variables = [*tape.watched_variables(), *getattr(distribution, "trainable_variables", ())]
    if variables:
        names = ", ".join(sorted({variable.name for variable in variables}))
        raise ValueError(
            "Expected make_distribution_fn to depend on its params alone: a variable that it reads "
            "belongs to no layer, so it would be neither trained nor saved. Put networks before "
            "the layer, a scale into kvae.layers.LearnedScale, or add weights in a subclass of "
            f"kvae.layers.DistributionLayer. Received: a function that reads {names}"
        )
    return distribution


def check_without_weights(layer: Any, owner: str) -> None:
    """Raise if the distribution layer `layer` has weights, trained or not.

    Args:
        layer: a distribution layer.
        owner: what holds it and trains no weights, for the error.

    Raises:
        ValueError: If it has weights.
    """
    weights = weights_of(layer)
    if weights:
        names = ", ".join(weight.path for weight in weights)
        raise ValueError(
            f"Expected a likelihood without weights: {owner} is no part of the model, so they "
            "would be neither trained nor saved. Use the layer as the likelihood of a kvae.VAE. "
            f"Received: {type(layer).__name__} '{layer.name}' with weights {names}"
        )


def weights_of(layer: Any) -> list[Any]:
    """Return the weights of a distribution layer, which is built if its parameters are known.

    Args:
        layer: a distribution layer.
    """
    if not layer.built:
        try:
            params_shape = layer.params_shape
        except ValueError:  # of a DistributionLambda that is yet to see its parameters
            return []
        layer.build((None, *params_shape))
    return layer.weights
