"""The reference that an exported model is compared with: the model's public methods.

Only what no public method gives (the likelihood's parameters, the latent vector of a draw) is taken
from the tensor functions that the file wraps.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.contract import Signature
from kvae.exploration import interpolate

from .reference import ROWS, Reference

__all__ = ["reference_of", "stand_in"]

SEED = 40503
STEPS = 9  # points of a path that is interpolated
PATHS = {"interpolate": "linear", "interpolate_spherical": "spherical"}


def stand_in(vae: Any, rows: int) -> np.ndarray:
    """Return decoded draws from the prior, (rows, *event_shape), for want of examples.

    They are what the model decodes where that can be data (grey pixels), else draws from the
    likelihood (counts, classes).
    """
    inputs = vae.named_inputs()
    decoded = vae.sample(rows, seed=0)
    try:
        return inputs.check_x(decoded)
    except ValueError:
        drawn = np.asarray(vae.sample(rows, seed=0, kind="draw"), "float32")
        return inputs.check_x(vae.likelihood_layer.domain.as_data(drawn))


def reference_of(vae: Any, signatures: Sequence[Signature], data: Any = None) -> Reference:
    """Return inputs for the signatures and what the public methods of the model make of them.

    Args:
        vae: the `kvae.VAE` in float32, of which `signatures` are some.
        signatures: what will be exported.
        data: examples, (examples, *event_shape); by default decoded prior draws stand in.
    """
    x = stand_in(vae, ROWS) if data is None else vae.named_inputs().check_x(data)
    x = np.asarray(x[np.arange(ROWS) % len(x)], "float32")
    z = np.concatenate([_prior_draws(vae), _posterior_draws(vae, x)])
    rows = np.arange(len(z), dtype="int32")
    ends = rows[: len(z) // STEPS * STEPS : STEPS]  # one for each path of STEPS points
    shares = np.linspace(0.0, 1.0, STEPS, dtype="float32")
    pairs = {
        "z_a": np.repeat(z[ends], STEPS, axis=0),
        "z_b": np.repeat(z[::-1][ends], STEPS, axis=0),
        "t": np.tile(shares, len(ends))[:, None],
    }
    values = {"z": z, "x": x, **pairs, "seed": np.stack([rows, np.full_like(rows, SEED)], axis=1)}
    inputs, expected = {}, {}
    for signature in signatures:
        name = signature.name
        inputs[name] = {
            key: values[key].astype(dtype.as_numpy_dtype)
            for key, (_, dtype) in signature.inputs.items()
        }
        outputs = signature.function(**{k: tf.constant(v) for k, v in inputs[name].items()})
        expected[name] = {key: np.asarray(value) for key, value in outputs.items()}
        expected[name].update(_public(vae, name, inputs[name]))
    return Reference(inputs, expected)


def _public(vae: Any, name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what a public method says of the inputs of a signature, by output."""
    center = vae.likelihood_layer.center_name
    if name == "decode":
        return {center: vae.decode(inputs["z"])}
    if name == "encode":
        return dict(zip(("mean", "stddev"), vae.encode(inputs["x"]), strict=True))
    if name == "reconstruct":
        return {center: vae.reconstruct(inputs["x"])}
    if name == "score":
        return vae.score(inputs["x"], terms=True)
    if name == "sample":
        return {center: vae.sample(len(inputs["seed"]), seed=SEED)}
    if name in PATHS:
        a, b = inputs["z_a"][::STEPS], inputs["z_b"][::STEPS]
        between = interpolate(vae, a, b, STEPS, PATHS[name], encoded=True)
        return {center: between.decoded.reshape(-1, *between.decoded.shape[2:])}
    return {}


def _prior_draws(vae: Any) -> np.ndarray:
    return np.asarray(vae.prior.distribution().sample(ROWS, seed=[0, 0]), "float32")


def _posterior_draws(vae: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(vae.posterior(tf.constant(x)).sample(seed=[0, 1]), "float32")
