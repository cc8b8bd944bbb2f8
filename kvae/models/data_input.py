"""The input x of models with an encoder, a likelihood and perhaps features.

What x has to be, what the encoder sees of it, and what an exported file takes.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from kvae.contract import Domain, InputSpec
from kvae.contract.input_spec import fits
from kvae.models.missing import check_can_be_missing, masked_features, masked_shape
from kvae.models.part_network import build_network, emitted_shape, first_taken
from kvae.models.parts import beside, check_taken

__all__ = ["data_specs", "encoder_shape", "exported_data", "seen_by_encoder", "shape_to_build"]


def data_specs(model: Any) -> dict[str, InputSpec]:
    """Return the specifications of x, its target, and `observed` where x is an event.

    Args:
        model: a model with `encoder`, `likelihood_layer` and `features`; also for the others.
    """
    layer, dtype = model.likelihood_layer, keras.config.floatx()
    if dtype == "float64" and model.compute_dtype != dtype:
        dtype = "float32"  # of the copy that is exported
    shape, domain = layer.event_shape, layer.domain
    if model.missing:
        domain = dataclasses.replace(domain, missing=True)
    elif model.features is None:
        shape = shape_to_build(model)[1:]
    specs = {
        "x": InputSpec(shape, dtype, Domain(missing=model.missing)),
        "target": InputSpec(layer.event_shape, dtype, domain, required=False),
    }
    if fits(shape, layer.event_shape):
        flag = Domain(0, 1, integer=True)
        specs["observed"] = InputSpec(layer.event_shape, "bool", flag, required=False)
    return specs


def shape_to_build(model: Any) -> Any:
    """Return the shape of the data, with the batch axis, for which a new model is built.

    A built encoder says what it takes. A subclassed one does not, and one without weights so far,
    such as a `keras.Sequential` of layers alone, takes anything: they are given events of the
    likelihood.

    Args:
        model: see `data_specs`.
    """
    taken = None
    if model.features is None and not model.missing:
        taken = first_taken(model.encoder)
    return taken or (None, *model.likelihood_layer.event_shape)


def encoder_shape(model: Any, input_shape: Any) -> Any:
    """Build features and encoder for data of shape (batch, ...); return the shape of the features.

    Args:
        model: see `data_specs`.
        input_shape: of the data.
    """
    if model.features is not None:
        build_network(model.features, input_shape)
        input_shape = emitted_shape("features", model.features, input_shape)
    if model.missing:
        check_can_be_missing(model.likelihood_layer)
        input_shape = masked_shape(model, input_shape)
    condition_dim = model.condition_dim
    if not model.encoder.built:
        vector = None if condition_dim is None else (None, condition_dim)
        build_network(model.encoder, beside(input_shape, vector))
    elif model.features is not None:
        check_taken("encoder", model.encoder, None, condition_dim, "the features")
        taken = first_taken(model.encoder)
        if taken is not None and not fits(tuple(input_shape)[1:], taken[1:]):
            raise ValueError(
                f"Expected features to emit what the encoder takes, {taken}. Received: features "
                f"of output shape {tuple(input_shape)}"
            )
    return input_shape


def seen_by_encoder(model: Any, inputs: Any, training: bool) -> Any:
    """Return what the encoder reads: the features of x, with zeros where x is not observed.

    Args:
        model: see `data_specs`.
        inputs: x, or tensors by name.
        training: whether the features train.
    """
    named = inputs if isinstance(inputs, Mapping) else {"x": inputs}
    x, observed = named["x"], named.get("observed")
    if model.missing:
        return masked_features(model, x, observed, training)
    if model.features is not None:
        return model.features(x, training=training)
    seen = model.likelihood_layer.features(x)
    return seen if observed is None else tf.where(observed, seen, tf.zeros_like(seen))


def exported_data(model: Any) -> dict[str, dict[str, Any]]:
    """Return the signatures of data x with their inputs: shape and dtype by name.

    8-bit pixels stay integers in exported files. A model whose x cannot be its own target has no
    `score` of x.
    """
    specs = model.input_specs()
    pixels = specs["target"].domain.is_8_bit and model.features is None
    x = {"x": (specs["x"].shape, tf.uint8 if pixels else tf.float32)}
    names = ["encode", "reconstruct"]
    if fits(specs["x"].shape, specs["target"].shape):
        names.append("score")
    return {name: dict(x) for name in names}
