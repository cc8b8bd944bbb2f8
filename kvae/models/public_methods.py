"""What the public array methods return for the inputs of a signature, by its name.

An exported file is compared with this. A family that adds a signature with an array method of its
own adds a method here, in a subclass that its `public_methods` returns.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.models import paths

__all__ = ["CodePublicMethods", "HierarchyPublicMethods", "PublicMethods", "VectorPublicMethods"]

Arrays = dict[str, np.ndarray]


class PublicMethods:
    """The array methods of any family of models, called with the inputs of a signature.

    Each method takes arrays (rows, ...) by the names of the signature's inputs and returns arrays
    by the names of its outputs: all of them, or those that the array method gives.

    Args:
        model: a `LatentModel`.
    """

    names: tuple[str, ...] = ("reconstruct", "score", "sample")

    def __init__(self, model: Any):
        self.model = model

    def outputs(self, name: str, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """Return what the array method named like a signature returns; {} where there is none."""
        return getattr(self, name)(**inputs) if name in self.names else {}

    def reconstruct(self, **inputs: Any) -> Arrays:
        """Return what `LatentModel.reconstruct` makes of x and the inputs beside it."""
        return self._decoded(self.model.reconstruct(inputs))

    def score(self, **inputs: Any) -> Arrays:
        """Return the terms of `LatentModel.score`."""
        return self.model.score(inputs, terms=True)

    def sample(self, seed: np.ndarray, **condition: Any) -> Arrays:
        """Return `LatentModel.sample` for seeds whose first word counts rows from 0."""
        return self._decoded(self.model.sample(len(seed), seed=int(seed[0, 1]), **condition))

    def _decoded(self, values: np.ndarray) -> Arrays:
        """Return what is decoded under the name that it has in the outputs."""
        return {self.model.example_likelihood().layer.center_name: values}


class VectorPublicMethods(PublicMethods):
    """The array methods of a model with one latent vector `z`."""

    names = (
        *PublicMethods.names,
        *("encode", "decode", "interpolate", "interpolate_spherical", "impute"),
    )

    def encode(self, **inputs: Any) -> Arrays:
        """Return mean and standard deviation of `VAE.encode`."""
        mean, stddev = self.model.encode(inputs)
        return {"mean": mean, "stddev": stddev}

    def decode(self, z: np.ndarray, **condition: Any) -> Arrays:
        """Return `VAE.decode`."""
        return self._decoded(self.model.decode(z, **condition))

    def interpolate(self, z_a: Any, z_b: Any, t: Any, **condition: Any) -> Arrays:
        """Return `VAE.decode` on the line of `kvae.interpolate`."""
        return self.decode(_numpy(paths.linear(z_a, z_b, t)), **condition)

    def interpolate_spherical(self, z_a: Any, z_b: Any, t: Any, **condition: Any) -> Arrays:
        """Return `VAE.decode` on the spherical path of `kvae.interpolate`."""
        return self.decode(_numpy(paths.spherical(z_a, z_b, t)), **condition)

    def impute(self, seed: np.ndarray, **inputs: Any) -> Arrays:
        """Return `VAE.impute` for seeds whose first word counts rows from 0."""
        return {"imputed": self.model.impute(inputs, seed=int(seed[0, 1]))}


class HierarchyPublicMethods(PublicMethods):
    """The array methods of a model with several latent groups, which go by their names."""

    names = (*PublicMethods.names, "encode", "decode")

    def encode(self, **inputs: Any) -> Arrays:
        """Return mean and standard deviation of each group, as `z1_mean` and `z1_stddev`."""
        found: Arrays = {}
        for name, (mean, stddev) in self.model.encode(inputs).items():
            found |= {f"{name}_mean": mean, f"{name}_stddev": stddev}
        return found

    def decode(self, **latents: Any) -> Arrays:
        """Return what the model decodes from values of its groups."""
        return self._decoded(self.model.decode(latents))


class CodePublicMethods(PublicMethods):
    """The array methods of a model whose latent variables are codes."""

    names = (*PublicMethods.names, "encode", "decode")

    def encode(self, **inputs: Any) -> Arrays:
        """Return the codes of `QuantizedVAE.encode`."""
        return {"codes": self.model.encode(inputs)}

    def decode(self, codes: np.ndarray) -> Arrays:
        """Return `QuantizedVAE.decode`."""
        return self._decoded(self.model.decode(codes))


def _numpy(value: Any) -> np.ndarray:
    return np.asarray(tf.convert_to_tensor(value))
