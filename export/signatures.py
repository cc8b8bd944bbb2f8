"""The functions that leave with a model, defined once for every format.

The module that is saved holds nothing but `tf.Variable`s and functions. A Keras model hung on it
would give a SavedModel that Python loads and the C++ loader does not ("Could not find variable"),
and a TFLite file without its weights.

Every input has a leading batch axis. No signature draws hidden random numbers: `sample` takes its
seed as an input.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kvae import checks

from .networks import float32_network
from .phases import by_phases
from .threefry import standard_normal

__all__ = ["SIGNATURES", "Signature", "VAEModule"]

SIGNATURES = (
    "decode",
    "encode",
    "reconstruct",
    "score",
    "sample",
    "interpolate",
    "interpolate_spherical",
)
EPSILON = 1e-7


@dataclass(frozen=True)
class Signature:
    """One function of an exported file.

    Attributes:
        name: what callers call it.
        inputs: shape without batch axis and dtype of each input, by name.
        function: takes the inputs by name, returns float32 outputs (batch, ...) by name.
    """

    name: str
    inputs: dict[str, tuple[tuple[int, ...], tf.DType]]
    function: Callable[..., dict[str, Any]]

    def trace(self, batch_size: int | None) -> Any:
        """Return the concrete function for a batch size; None leaves it open."""
        specs = {
            name: tf.TensorSpec((batch_size, *shape), dtype, name=name)
            for name, (shape, dtype) in self.inputs.items()
        }

        def call(**inputs: Any) -> dict[str, Any]:
            outputs = self.function(**inputs)
            return {
                name: tf.identity(tf.cast(tensor, tf.float32), name=name)
                for name, tensor in outputs.items()
            }

        return tf.function(call, autograph=False).get_concrete_function(**specs)

    def describe(self, function: Any) -> dict[str, dict[str, Any]]:
        """Return shape and dtype of every input and output of a traced function."""
        sides = {
            "inputs": function.structured_input_signature[1],
            "outputs": function.structured_outputs,
        }
        return {
            side: {
                name: {"shape": list(tensor.shape), "dtype": tensor.dtype.name}
                for name, tensor in tensors.items()
            }
            for side, tensors in sides.items()
        }


class VAEModule(tf.Module):
    """The functions of a VAE over float32 copies of its networks, holding variables only.

    Args:
        vae: a built `kvae.VAE`.
        edge: whether the functions are for LiteRT, whose kernels for transposed convolutions are
            slow.
    """

    def __init__(self, vae: Any, edge: bool = False):
        super().__init__(name="vae")
        encoder, decoder = float32_network(vae.encoder), float32_network(vae.decoder)
        if edge:
            encoder, decoder = by_phases(encoder), by_phases(decoder)
        # Behind a function, so that tf.Module does not track the Keras objects.
        self._keras: Callable[[], tuple[Any, ...]] = lambda: (vae, encoder, decoder)
        self.held: list[tf.Variable] = []

    def signature(self, name: str) -> Signature:
        """Return the signature `name`, one of `SIGNATURES`.

        Raises:
            ValueError: If there is no such signature, or if it is "score" and the likelihood's
                scale is set by the batch it scores.
        """
        checks.choice("signature", name, SIGNATURES)
        vae, encoder, _ = self._keras()
        if name == "score" and "sample" not in vae.likelihood_layer.conversions:
            raise ValueError(
                "The signature 'score' needs a likelihood that knows its scale without the rest of "
                f"the batch. Received: {type(vae.likelihood_layer).__name__} with a scale that the "
                "data set. Fix the scale, or leave 'score' out of signatures."
            )
        z = ((int(vae.latent_dim),), tf.float32)
        x = (tuple(encoder.input_shape)[1:], tf.float32)
        inputs = {
            "decode": {"z": z},
            "encode": {"x": x},
            "reconstruct": {"x": x},
            "score": {"x": x},
            "sample": {"seed": ((2,), tf.int32)},
        }.get(name, {"z_a": z, "z_b": z, "t": ((1,), tf.float32)})
        return Signature(name, inputs, getattr(self, f"_{name}"))

    def hold(self, functions: Iterable[Any]) -> None:
        """Track the variables of traced functions, so that they are saved with the module."""
        variables = {id(v): v for function in functions for v in function.variables}
        self.held = list(variables.values())

    @property
    def weight_bytes(self) -> int:
        """Size of the variables that the functions need, in bytes."""
        return sum(v.dtype.size * v.shape.num_elements() for v in self.held)

    @property
    def weight_sizes(self) -> list[int]:
        """How many elements each of these variables has."""
        return [v.shape.num_elements() for v in self.held]

    def _decode(self, z: Any) -> dict[str, Any]:
        vae, _, decoder = self._keras()
        params = decoder(z, training=False)
        layer = vae.likelihood_layer
        return {"mean": layer.mean(params), **layer.named_parameters(params)}

    def _mean(self, z: Any) -> Any:
        vae, _, decoder = self._keras()
        return vae.likelihood_layer.mean(decoder(z, training=False))

    def _posterior(self, x: Any) -> Any:
        vae, encoder, _ = self._keras()
        return vae.posterior_layer.distribution(encoder(x, training=False))

    def _encode(self, x: Any) -> dict[str, Any]:
        posterior = self._posterior(x)
        return {"mean": posterior.mean(), "stddev": posterior.stddev()}

    def _reconstruct(self, x: Any) -> dict[str, Any]:
        return {"mean": self._mean(self._posterior(x).mean())}

    def _score(self, x: Any) -> dict[str, Any]:
        """The negative ELBO in nats with z at the posterior's mean, and its first term alone."""
        vae, _, decoder = self._keras()
        posterior = self._posterior(x)
        z = posterior.mean()
        likelihood = vae.likelihood_layer.distribution(decoder(z, training=False))
        nll = -likelihood.log_prob(x)
        return {"score": nll + vae.kl_divergence(posterior, z), "nll": nll}

    def _sample(self, seed: Any) -> dict[str, Any]:
        vae, _, _ = self._keras()
        z = vae.prior.from_normal(standard_normal(seed, vae.prior.normals))
        return {"mean": self._mean(z), "z": z}

    def _interpolate(self, z_a: Any, z_b: Any, t: Any) -> dict[str, Any]:
        return {"mean": self._mean((1.0 - t) * z_a + t * z_b)}

    def _interpolate_spherical(self, z_a: Any, z_b: Any, t: Any) -> dict[str, Any]:
        return {"mean": self._mean(spherical(z_a, z_b, t))}


def spherical(z_a: Any, z_b: Any, t: Any) -> Any:
    """Return the point at share `t` of the arc from `z_a` to `z_b`, (batch, latent_dim).

    The direction turns at constant speed and the length changes in proportion (Shoemake 1985).
    The angle comes from Kahan's formula, 2 atan2(|a - b|, |a + b|) of the unit vectors, which is
    exact for small and for opposite angles and needs no arc cosine, which TFLite does not have.
    """
    length_a, length_b = _length(z_a), _length(z_b)
    unit_a, unit_b = z_a / length_a, z_b / length_b
    angle = 2.0 * tf.atan2(_length(unit_a - unit_b), _length(unit_a + unit_b))
    sine = tf.sin(angle)
    near = sine < 1e-4  # a straight line where the arc is too short (or too long) to tell
    divisor = tf.where(near, tf.ones_like(sine), sine)
    share_a = tf.where(near, 1.0 - t, tf.sin((1.0 - t) * angle) / divisor)
    share_b = tf.where(near, t, tf.sin(t * angle) / divisor)
    return (share_a * unit_a + share_b * unit_b) * ((1.0 - t) * length_a + t * length_b)


def _length(vector: Any) -> Any:
    return tf.sqrt(tf.reduce_sum(tf.square(vector), axis=1, keepdims=True) + EPSILON**2)
