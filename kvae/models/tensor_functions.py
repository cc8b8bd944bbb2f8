"""The functions behind the array methods and the exported signatures, by name.

Each takes named tensors with a batch axis, returns such, and is made of the model's tensor
functions. A function of x takes the model's other inputs (`condition`, `observed`) by their names.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from kvae.models import paths
from kvae.models.imputation import DRAWS, imputed
from kvae.threefry import standard_normal

__all__ = ["CodeFunctions", "HierarchyFunctions", "TensorFunctions", "VectorFunctions"]


class TensorFunctions:
    """The functions of any family of models.

    Args:
        model: a `LatentModel`.
    """

    names: tuple[str, ...] = ("reconstruct", "score", "sample", "generate")

    def __init__(self, model: Any):
        self.model = model

    def by_name(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the functions by name."""
        return {name: getattr(self, name) for name in self.names}

    def reconstruct(self, x: Any, new_condition: Any = None, **others: Any) -> dict[str, Any]:
        """Return what the model makes of `x` at the points of the posteriors.

        Args:
            x: (batch, ...).
            new_condition: (batch, ...), what to decode with; by default the `condition` of x.
            **others: the model's other inputs.
        """
        return self.model.reconstruction(self._inputs(x, others), new_condition).decoded()

    def score(self, x: Any, seed: Any = None, **others: Any) -> dict[str, Any]:
        """Return `score`, `nll` and `nats_per_element`; see `LatentModel.score_terms`."""
        return self.model.score_terms(self._inputs(x, others), seed)

    def sample(self, seed: Any, condition: Any = None) -> dict[str, Any]:
        """Return what the model decodes from draws of the prior, one for each key, and the draws.

        Args:
            seed: int32 keys, (batch, 2).
            condition: (batch, ...), where the model is conditional; also for the next three.
        """
        values = self.prior_draws(seed, condition)
        return {**self.model.generate(values, condition).decoded(), **values}

    def generate(self, seed: Any, condition: Any = None) -> dict[str, Any]:
        """Return draws from the likelihood at draws of the prior, one for each key.

        Args:
            seed: int32 keys, (batch, 2).
            condition: as for `sample`.
        """
        values = self.prior_draws(seed, condition)
        return {"draw": self.model.generate(values, condition).draw(seed), **values}

    def prior_draws(self, rows: Any, condition: Any = None) -> dict[str, Any]:
        """Return draws from the prior by group, one for each int32 key of `rows`, (batch, 2)."""
        normals = [spec.normals for spec in self.model.latent_specs().values()]
        if None in normals:
            raise NotImplementedError(
                "Expected a prior whose draws are made of standard normals. Received: "
                f"{type(self.model).__name__} '{self.model.name}', whose prior has no such form"
            )
        drawn = standard_normal(rows, sum(filter(None, normals)))
        return self.model.draw_prior(drawn, condition)

    def _inputs(self, x: Any, others: Mapping[str, Any]) -> dict[str, Any]:
        """Return the named inputs: x, and others such as `condition` or `observed`."""
        return self.model.named_inputs().unpack({"x": x, **others})[0]


class VectorFunctions(TensorFunctions):
    """The functions of a model with one latent vector `z`."""

    names = (
        *TensorFunctions.names,
        "encode",
        "decode",
        "interpolate",
        "interpolate_spherical",
        "impute",
        "posterior_draws",
        "prior_draws",
    )

    def encode(self, x: Any, **others: Any) -> dict[str, Any]:
        """Return the posterior's `mean` and `stddev`, each (batch, latent_dim)."""
        posterior = self.model.posterior(self._inputs(x, others))
        return {"mean": posterior.mean(), "stddev": posterior.stddev()}

    def decode(self, z: Any, condition: Any = None) -> dict[str, Any]:
        """Return what stands for x at `z`, and the likelihood's parameters by name."""
        return _with_parameters(self.model.generate({"z": z}, condition))

    def interpolate(self, z_a: Any, z_b: Any, t: Any, condition: Any = None) -> dict[str, Any]:
        """Return what is decoded on the straight line, at `t` in [0, 1], (batch, 1)."""
        return self.model.generate({"z": paths.linear(z_a, z_b, t)}, condition).decoded()

    def interpolate_spherical(
        self, z_a: Any, z_b: Any, t: Any, condition: Any = None
    ) -> dict[str, Any]:
        """Return what is decoded on the spherical path, at `t` in [0, 1], (batch, 1)."""
        return self.model.generate({"z": paths.spherical(z_a, z_b, t)}, condition).decoded()

    def impute(
        self, x: Any, seed: Any, draws: int = DRAWS, kind: str = "mean", **others: Any
    ) -> dict[str, Any]:
        """Return `imputed`: x with an estimate in place of each missing element, see `imputation`.

        Args:
            x: data, NaN where not observed.
            seed: int32 keys, (batch, 2).
            draws: int K, draws of z for each example.
            kind: "mean" or "draw".
            **others: the model's other inputs by name.
        """
        return {"imputed": imputed(self.model, self._inputs(x, others), seed, draws, kind)}

    def posterior_draws(self, x: Any, seed: Any, draws: int, **others: Any) -> dict[str, Any]:
        """Return `draws` draws of z for each example, (batch, draws, latent_dim)."""
        value = self.model.infer(self._inputs(x, others), seed, draws)["z"].value
        return {"z": tf.transpose(value, [1, 0, 2])}

    def prior_draws(self, rows: Any, condition: Any = None) -> dict[str, Any]:
        """Return draws of `z`, see `TensorFunctions.prior_draws`.

        A prior that cannot be made of normals draws by its own sampler.
        """
        if self.model.latent_specs()["z"].normals is None:
            layer, vector = self.model.prior, self.model.condition_vector(condition, rows)
            shared = layer.distribution() if vector is None else None

            def of_one(place: Any) -> Any:
                prior = layer.distribution(vector[place][None]) if shared is None else shared
                drawn = tf.cast(prior.sample(seed=rows[place]), tf.float32)
                return tf.reshape(drawn, layer.event_shape)

            places = tf.range(tf.shape(rows)[0])
            return {"z": tf.map_fn(of_one, places, fn_output_signature=tf.float32)}
        return super().prior_draws(rows, condition)


class HierarchyFunctions(TensorFunctions):
    """The functions of a model with several layers of latent variables."""

    names = (*TensorFunctions.names, "encode", "decode", "points")

    def points(self, x: Any, **others: Any) -> dict[str, Any]:
        """Return the point of each posterior by layer, (batch, *shape), given those above it."""
        latents = self.model.infer(self._inputs(x, others), None)
        return {name: latent.value for name, latent in latents.items()}

    def encode(self, x: Any, **others: Any) -> dict[str, Any]:
        """Return mean and standard deviation of each posterior, given the points above it.

        They are `z1_mean` and `z1_stddev`, (batch, *shape), and so on.
        """
        found = {}
        for name, latent in self.model.infer(self._inputs(x, others), None).items():
            found[f"{name}_mean"] = latent.posterior.mean()
            found[f"{name}_stddev"] = latent.posterior.stddev()
        return found

    def decode(self, condition: Any = None, **latents: Any) -> dict[str, Any]:
        """Return what stands for x at latents by layer, and the likelihood's parameters by name."""
        return _with_parameters(self.model.generate(latents, condition))


class CodeFunctions(TensorFunctions):
    """The functions of a model whose latent variables are codes."""

    names = (*TensorFunctions.names, "encode", "decode")

    def encode(self, x: Any, **others: Any) -> dict[str, Any]:
        """Return the `codes`, int32 (batch, *grid)."""
        return {"codes": self.model.infer(self._inputs(x, others), None)["codes"].codes}

    def decode(self, codes: Any) -> dict[str, Any]:
        """Return what stands for x at codes, and the likelihood's parameters by name."""
        return _with_parameters(self.model.generate({"codes": codes}))


def _with_parameters(likelihood: Any) -> dict[str, Any]:
    """Return what stands for x and the parameters of a likelihood, by name."""
    decoded, parameters = likelihood.decoded(), likelihood.parameters()
    twice = decoded.keys() & parameters.keys()
    if twice:
        raise ValueError(
            f"Expected named_parameters of {type(likelihood.layer).__name__} to leave the name "
            f"{min(twice)!r} to the decoded value. Received: a parameter of that name"
        )
    return {**decoded, **parameters}
