"""Priors over latent vectors."""

from typing import Any

from kvae.contract.closed_form import is_diagonal
from kvae.priors.affine import Affine
from kvae.priors.autoregressive_codes import AutoregressiveCodes
from kvae.priors.conditional_normal import ConditionalNormal
from kvae.priors.flow import Flow
from kvae.priors.gaussian_mixture import GaussianMixture
from kvae.priors.given_normal import GivenNormal
from kvae.priors.prior import Prior
from kvae.priors.standard_normal import StandardNormal
from kvae.priors.uniform_codes import UniformCodes
from kvae.priors.uniform_sphere import UniformSphere
from kvae.priors.vamp import VampPrior

__all__ = [
    "Affine",
    "AutoregressiveCodes",
    "ConditionalNormal",
    "Flow",
    "GaussianMixture",
    "GivenNormal",
    "Prior",
    "StandardNormal",
    "UniformCodes",
    "UniformSphere",
    "VampPrior",
    "get",
]


def get(identifier: Any) -> Prior:
    """Return `identifier` as a `Prior`.

    Args:
        identifier: a `Prior`, the config of one, or a `tfd` standard normal of event shape (d,),
            as code written for `tfp.layers` passes it.

    Raises:
        ValueError: If it is none of these; a `tfd` distribution cannot be saved with a model. If
            it is a `tfd` distribution with variables, which nothing would train.

    Example:
        >>> kvae.priors.get(tfd.MultivariateNormalDiag(tf.zeros(3))).event_shape
        (3,)
    """
    import keras
    import numpy as np
    import tensorflow_probability as tfp

    tfd = tfp.distributions
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Prior):
        return identifier
    if isinstance(identifier, tfd.Distribution) and identifier.variables:
        raise ValueError(
            "Expected a prior without variables: those of a tfd distribution would be neither "
            "trained nor saved with the model. For a prior that is trained use one of kvae.priors: "
            "GaussianMixture(event_shape, num_components), VampPrior, Flow, or a subclass of "
            f"kvae.priors.Prior. Received: {identifier!r} with variables "
            f"{[variable.name for variable in identifier.variables]}"
        )
    vector = is_diagonal(identifier) and len(identifier.event_shape) == 1
    if vector and not identifier.batch_shape.rank:
        standard = np.all(identifier.mean() == 0.0) and np.all(identifier.stddev() == 1.0)
        if standard:
            return StandardNormal(identifier.event_shape[0])
    raise ValueError(
        "Expected a kvae prior such as kvae.priors.StandardNormal(latent_dim), or a tfd standard "
        f"normal of event shape (latent_dim,). Received: {identifier!r}"
    )
