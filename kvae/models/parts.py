"""The checks that the parts of a model with one latent vector fit each other."""

from typing import Any

import keras

from kvae.layers import DistributionLayer
from kvae.priors import Prior

__all__ = ["beside", "check_emitted", "check_layers", "check_prior", "check_taken", "data_shape"]

Shape = tuple[int | None, ...]


def beside(value: Any, vector: Any) -> Any:
    """Return what a network takes: a value, or the value and the condition's vector."""
    return value if vector is None else [value, vector]


def data_shape(network: keras.Model) -> Shape:
    """Return the shape of a built network's first input, with the batch axis."""
    shape = network.input_shape
    return tuple(shape[0] if isinstance(shape, list) else shape)


def check_layers(posterior: Any, likelihood: Any, features: Any) -> None:
    """Raise if the layers of a model are not of the kind that it needs."""
    for name, layer in (("posterior", posterior), ("likelihood", likelihood)):
        if not isinstance(layer, DistributionLayer):
            raise ValueError(
                f"Expected {name} to be a kvae distribution layer. Received: {layer!r}"
            )
    if len(posterior.event_shape) != 1:
        raise ValueError(
            "Expected posterior to have events of shape (latent_dim,). Received: event_shape="
            f"{posterior.event_shape}"
        )
    if posterior.regularizer is None or posterior.regularizer.kl_part is None:
        raise ValueError(
            "Expected posterior to have a KL regularizer: activity_regularizer="
            "kvae.regularizers.KLDivergenceRegularizer(prior). For a model that trains on the "
            f"reconstruction alone give it weight=0.0. Received: {posterior.name} with "
            f"activity_regularizer={posterior.regularizer or posterior.activity_regularizer!r}"
        )
    if features is not None and not isinstance(features, keras.layers.Layer):
        raise ValueError(
            f"Expected features to be a Keras layer or model. Received: features={features!r}"
        )


def check_prior(prior: Prior, posterior: DistributionLayer, condition_dim: int | None) -> None:
    """Raise if a prior is not one of the posterior's dimensions, or reads another condition."""
    if prior.event_shape != posterior.event_shape:
        raise ValueError(
            f"Expected the prior to have the posterior's {posterior.event_shape[0]} dimensions. "
            f"Received: {prior.description()}"
        )
    if prior.condition_dim is not None and condition_dim is None:
        raise ValueError(
            "Expected a prior without a condition: a model with one is a kvae.ConditionalVAE. "
            f"Received: {prior.description()}"
        )
    if prior.condition_dim not in (None, condition_dim):
        raise ValueError(
            f"Expected the prior to read the condition's vector, condition_dim={condition_dim}. "
            f"Received: {prior.description()} with condition_dim={prior.condition_dim}"
        )
    if prior.reads_posterior and condition_dim is not None:
        raise ValueError(
            "Expected a prior that does not read the encoder, which needs a condition. Received: "
            f"{prior.description()}"
        )


def check_taken(
    name: str, network: keras.Model, value: Any, condition_dim: int | None, what: str
) -> None:
    """Raise if a built network does not take what the model gives it.

    Args:
        name: of the network.
        network: a built network.
        value: shape of its first input, with the batch axis; None where any will do.
        condition_dim: elements of the condition's vector, its second input; None for one input.
        what: what the first input is, for the message.
    """
    given = network.input_shape
    shapes = [tuple(shape) for shape in (given if isinstance(given, list) else [given])]
    rest = [] if condition_dim is None else [(None, condition_dim)]
    if shapes[1:] == rest and value in (None, shapes[0]):
        return
    first = what if value is None else f"shape (batch, {', '.join(map(str, value[1:]))}), {what}"
    if condition_dim is None and len(shapes) == 1:
        raise ValueError(
            f"Expected {name} to take inputs of {first}. Received: a {name} with input shape "
            f"{given}"
        )
    advice = (
        " A network with a condition belongs to a kvae.ConditionalVAE."
        if condition_dim is None
        else f" The networks of kvae.networks take condition_dim={condition_dim}."
    )
    second = f", and the condition's vector (batch, {condition_dim})" if rest else ""
    raise ValueError(
        f"Expected {name} to take inputs of {first}{second}. Received: a {name} with input shape "
        f"{given}.{advice}"
    )


def check_emitted(network: str, shape: Shape, layer: DistributionLayer, role: str) -> None:
    """Raise if the output of a network is not what the distribution layer after it reads."""
    accepted = {layer.params_shape, (layer.params_size,)}
    if tuple(shape)[1:] not in accepted:
        expected = " or ".join(str((None, *params)) for params in sorted(accepted, key=len))
        raise ValueError(
            f"Expected {network} to emit the parameters of the {role}, "
            f"{type(layer).__name__}({layer.event_shape}): output shape {expected}. Received: "
            f"{shape}. Give the {network} {role}.params_size or {role}.params_shape."
        )
