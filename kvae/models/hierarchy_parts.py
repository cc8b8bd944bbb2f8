"""Whether the parts of a hierarchy fit each other."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras

from kvae.layers import Deterministic, IndependentNormal, MultivariateNormalDiag
from kvae.models.part_network import build_network, emitted_shape, taken_shape
from kvae.models.parts import check_are_layers, check_decoder, check_emits, kl_of
from kvae.priors import GivenNormal
from kvae.training.keras_compat import layers_inside

__all__ = ["check_counts", "check_networks", "check_penalized_once", "check_posteriors"]


def check_posteriors(posteriors: Any) -> None:
    """Raise unless `posteriors` are those of a hierarchy, the top one first."""
    if not isinstance(posteriors, list | tuple) or len(posteriors) < 2:
        raise ValueError(
            "Expected posteriors to hold at least two distribution layers, the top one first; a "
            f"model with one layer is a kvae.VAE. Received: posteriors={posteriors!r}"
        )
    for index, layer in enumerate(posteriors):
        name = f"posteriors[{index}]"
        if isinstance(layer, Deterministic):
            raise ValueError(
                f"Expected {name} to be a distribution with a density, whose KL the hierarchy "
                "reports. Received: a Deterministic layer; kvae.VAE takes one"
            )
        prior = kl_of(layer, name).prior
        if prior.event_shape != layer.event_shape:
            raise ValueError(
                f"Expected the prior of {name} to have its shape, {layer.event_shape}. Received: "
                f"{prior.description()}"
            )
        if index == 0 and isinstance(prior, GivenNormal):
            raise ValueError(
                "Expected the prior of the top layer, posteriors[0], to depend on nothing, such as "
                f"kvae.priors.StandardNormal. Received: {prior.description()}"
            )
        if index > 0 and not isinstance(prior, GivenNormal):
            raise ValueError(
                f"Expected the prior of a lower layer, {name}, to be kvae.priors.GivenNormal, "
                f"whose parameters the layers above emit. Received: {prior.description()}"
            )
        if index > 0 and not isinstance(layer, MultivariateNormalDiag | IndependentNormal):
            raise ValueError(
                f"Expected the posterior of a lower layer, {name}, to be a MultivariateNormalDiag "
                "or an IndependentNormal, whose parameters are those of its prior plus a shift. "
                f"Received: {type(layer).__name__}"
            )


def check_counts(depth: int, **networks: Any) -> None:
    """Raise unless there is a state network of Keras for each layer, and others for lower ones."""
    for name, received in networks.items():
        count = depth if name == "state_networks" else depth - 1
        if len(received) != count:
            raise ValueError(
                f"Expected {name} to hold {count} networks for {depth} layers of latent variables. "
                f"Received: {len(received)}"
            )
        check_are_layers(**{f"{name}[{place}]": each for place, each in enumerate(received)})


def check_penalized_once(networks: Sequence[keras.layers.Layer]) -> None:
    """Raise if a network that penalizes activities stands at two places.

    Of a network that is called twice in a pass Keras keeps the losses of the last call.
    """
    places = Counter(map(id, networks))
    for network in networks:
        active = any(layer.activity_regularizer is not None for layer in layers_inside(network))
        if active and places[id(network)] > 1:
            raise ValueError(
                "Expected a network with an activity_regularizer at one place only. Received: "
                f"{network.name!r} at {places[id(network)]} places. Give each place a network of "
                "its own."
            )


def check_networks(model: Any, input_shape: Any) -> None:
    """Raise unless each network takes what those before it emit.

    Args:
        model: a `kvae.HierarchicalVAE`.
        input_shape: what the encoder reads, with the batch axis.
    """
    emitted = emitted_shape("encoder", model.encoder, input_shape)
    emitted = list(map(tuple, emitted)) if isinstance(emitted, list) else []
    if len(emitted) != len(model.posteriors):
        raise ValueError(
            f"Expected encoder to emit a list of {len(model.posteriors)} tensors, the parameters "
            "of the first posterior and features for each of the others. Received: "
            + (f"{len(emitted)} tensors" if emitted else "one tensor")
        )
    check_emits("encoder", emitted[0], model.posteriors[0], "posterior")
    state: Any = None
    reads: Any
    for index, layer in enumerate(model.posteriors):
        if index:
            expected = (None, *layer.params_shape)
            _check_params("prior", model.prior_networks, index, state, expected)
            reads = [state, emitted[index]]
            _check_params("posterior", model.posterior_networks, index, reads, expected)
        z: Any = (None, *layer.event_shape)
        reads = [state, z] if index else z
        state = _output_shape(f"state_networks[{index}]", model.state_networks[index], reads)
    params_shape = _output_shape("decoder", model.decoder, state)
    check_decoder(model.decoder, params_shape, model.likelihood_layer)


def _check_params(kind: str, networks: Any, index: int, inputs: Any, expected: Any) -> None:
    name = f"{kind}_networks[{index - 1}]"
    found = _output_shape(name, networks[index - 1], inputs)
    if found != expected:
        raise ValueError(
            f"Expected {name} to emit the parameters of z{index + 1}, output shape {expected}. "
            f"Received: {found}"
        )


def _output_shape(name: str, network: Any, inputs: Any) -> tuple[int | None, ...]:
    """Return the output shape of a network, which is built; raise if it takes other inputs."""
    build_network(network, inputs)
    taken = taken_shape(network)
    if taken is not None and not _same(taken, inputs):
        raise ValueError(
            f"Expected {name} to take inputs of shape {_text(inputs)}. Received: a network with "
            f"input shape {_text(taken)}"
        )
    return tuple(emitted_shape(name, network, inputs))


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        several = isinstance(found, list) and len(found) == len(expected)
        return several and all(map(_same, found, expected))
    return not isinstance(found, list) and tuple(found) == tuple(expected)


def _text(shapes: Any) -> str:
    return " and ".join(map(str, shapes)) if isinstance(shapes, list) else str(shapes)
