"""The parts that a model is made of: their configuration, and whether they fit each other."""

import copy
import warnings
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from kvae.layers import Deterministic, DistributionLayer
from kvae.models.part_network import last_activation, taken_shape
from kvae.priors import Prior

__all__ = [
    "arguments_of",
    "beside",
    "check_are_layers",
    "check_decoder",
    "check_emits",
    "check_likelihood",
    "check_prior",
    "check_taken",
    "config_of",
    "kl_of",
    "normals_of",
    "without",
]

Shape = tuple[int | None, ...]
# Activations after which logits cannot be any real numbers.
BOUNDED = (
    keras.activations.hard_sigmoid,
    keras.activations.relu,
    keras.activations.sigmoid,
    keras.activations.softmax,
    keras.activations.softplus,
    keras.activations.tanh,
)


def without(variables: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """Return the variables that are not among `others`, in their order."""
    ids = {id(other) for other in others}
    return [each for each in variables if id(each) not in ids]


def config_of(model: Any) -> dict[str, Any]:
    """Return the arguments to make a model of its `parts` again, as plain data."""
    arguments = {"dtype": model.dtype_policy, **model.parts()}
    return {
        "name": model.name,
        "trainable": model.trainable,
        **{name: keras.saving.serialize_keras_object(value) for name, value in arguments.items()},
    }


def arguments_of(config: dict[str, Any], custom_objects: Any = None) -> dict[str, Any]:
    """Return what `config_of` described as arguments: the parts, with fresh weights.

    Args:
        config: what `config_of` returned; parts may be given as layers instead.
        custom_objects: as Keras passes them to `from_config`.
    """
    return {name: _deserialized(part, custom_objects) for name, part in config.items()}


def _deserialized(part: Any, custom_objects: Any) -> Any:
    if isinstance(part, list):
        return [_deserialized(each, custom_objects) for each in part]
    if isinstance(part, dict):
        # A copy: Keras' functional models change the config that they are made of.
        return keras.saving.deserialize_keras_object(copy.deepcopy(part), custom_objects)
    return part


def check_likelihood(likelihood: Any) -> None:
    """Raise if `likelihood` cannot be that of a model."""
    if not isinstance(likelihood, DistributionLayer):
        raise ValueError(
            f"Expected likelihood to be a kvae distribution layer. Received: {likelihood!r}"
        )


def check_are_layers(features: Any = None, **networks: Any) -> None:
    """Raise if one of the networks of a model, by their names, is not one of Keras 3.

    Args:
        features: those of the model, which may have none.
        **networks: the others.
    """
    given = networks if features is None else {**networks, "features": features}
    for name, network in given.items():
        if not isinstance(network, keras.layers.Layer):
            raise ValueError(
                f"Expected {name} to be a Keras layer or model, made by keras and not by tf_keras, "
                f"which is Keras 2. Received: {name}={network!r}"
            )


def kl_of(posterior: Any, role: str, vector: bool = False) -> Any:
    """Return the KL regularizer of a posterior, or what names the prior of a deterministic one.

    Args:
        posterior: a distribution layer.
        role: name of the argument, for the error.
        vector: whether its event has to be a vector.
    """
    if not isinstance(posterior, DistributionLayer):
        raise ValueError(
            f"Expected {role} to be a kvae distribution layer. Received: {posterior!r}"
        )
    if vector and len(posterior.event_shape) != 1:
        raise ValueError(
            f"Expected {role} to have events of shape (latent_dim,). Received: event_shape="
            f"{posterior.event_shape}"
        )
    kl = posterior.prior_part
    if kl is None and isinstance(posterior, Deterministic):
        raise ValueError(
            f"Expected {role} to name a prior: activity_regularizer="
            "kvae.regularizers.NegativeLogPrior(prior, weight=...), with weight=0.0 where training "
            f"shall not see it. Received: {posterior.name} with "
            f"activity_regularizer={posterior.regularizer or posterior.activity_regularizer!r}"
        )
    if kl is None:
        raise ValueError(
            f"Expected {role} to have a KL regularizer: activity_regularizer="
            "kvae.regularizers.KLDivergenceRegularizer(prior). For a model that trains on the "
            f"reconstruction alone give it weight=0.0. Received: {posterior.name} with "
            f"activity_regularizer={posterior.regularizer or posterior.activity_regularizer!r}"
        )
    return kl


def normals_of(prior: Any, condition_dim: int | None = None) -> int | None:
    """Return how many standard normals make one draw from a prior; None if they cannot."""
    vector = None if condition_dim is None else tf.zeros((1, condition_dim))
    try:
        prior.from_normal(tf.zeros((1, prior.normals)), vector)
    except NotImplementedError:
        return None
    return prior.normals


def beside(value: Any, vector: Any) -> Any:
    """Return what a network takes: a value, or the value and the condition's vector."""
    return value if vector is None else [value, vector]


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
    """Raise if a built network says that it does not take what the model gives it.

    Args:
        name: of the network.
        network: a built network.
        value: shape of its first input, with the batch axis; None where any will do.
        condition_dim: elements of the condition's vector, its second input; None for one input.
        what: what the first input is, for the message.
    """
    given = taken_shape(network)
    if given is None:
        return
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


def check_decoder(network: Any, shape: Shape, layer: DistributionLayer) -> None:
    """Raise if a decoder does not emit the likelihood's parameters, warn if it bounds its logits.

    Args:
        network: the decoder.
        shape: shape of its output, with the batch axis.
        layer: the likelihood.
    """
    check_emits("decoder", shape, layer, "likelihood")
    activation = last_activation(network)
    if layer.reads_logits and activation in BOUNDED:
        warnings.warn(
            f"Expected decoder to end without an activation: {type(layer).__name__} takes logits, "
            "and applies the sigmoid or the softmax itself. Received: a decoder that ends in "
            f"{activation.__name__}, with which it cannot learn all values.",
            stacklevel=2,
        )


def check_emits(network: str, shape: Shape, layer: DistributionLayer, role: str) -> None:
    """Raise if the output of a network is not what the distribution layer after it reads.

    Args:
        network: name of the network, for the error.
        shape: its output shape, with the batch axis.
        layer: the distribution layer.
        role: name of the layer's argument, for the error.
    """
    accepted = {layer.params_shape, (layer.params_size,)}
    if tuple(shape)[1:] not in accepted:
        expected = " or ".join(str((None, *params)) for params in sorted(accepted, key=len))
        raise ValueError(
            f"Expected {network} to emit the parameters of the {role}, "
            f"{type(layer).__name__}({layer.event_shape}): output shape {expected}. Received: "
            f"{shape}. Give the {network} {role}.params_size or {role}.params_shape."
        )
