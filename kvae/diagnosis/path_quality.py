"""Quality of interpolation paths between the codes of pairs of examples."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.diagnosis.data_distance import DataDistance
from kvae.evaluation.estimate import Estimate
from kvae.evaluation.gaussian_vector import one_gaussian_vector
from kvae.exploration import interpolate

__all__ = ["PathQuality", "path_quality"]

STEPS = 8


@dataclass(frozen=True)
class PathQuality:
    """Measures of the decoded paths, averaged over pairs.

    Attributes:
        reencoding_error: distance between the midpoint and the code of the decoded midpoint, as a
            share of the spread of the codes (the root mean square distance of two codes).
        reencoding_error_ends: the same distance at the two ends of the path.
        elbo_drop: ELBO of the decoded ends minus that of the decoded midpoint, nats.
        step_variation: coefficient of variation of the step sizes in data space (standard
            deviation over mean); 0 where all steps have the same size.
        data_distance: distance of the decoded midpoint to the nearest example, see `DataDistance`.
    """

    reencoding_error: Estimate
    reencoding_error_ends: Estimate
    elbo_drop: Estimate
    step_variation: Estimate
    data_distance: Estimate


def path_quality(
    vae: Any, start: np.ndarray, end: np.ndarray, path: str, distance: DataDistance, seed: int
) -> PathQuality:
    """Measure the path from each code in `start` to the code in the same row of `end`.

    Args:
        vae: a `kvae.VAE`.
        start: codes, (pairs, latent_dim).
        end: codes, (pairs, latent_dim).
        path: "linear" or "spherical", as in `kvae.interpolate`.
        distance: measures the distance to the data.
        seed: int, seeds the samples of the ELBO.
    """
    between = interpolate(vae, start, end, STEPS + 1, path, encoded=True)
    z = np.moveaxis(between.z, 1, 0)  # (steps + 1, pairs, latent_dim)
    output = one_gaussian_vector(vae).domain.as_data(np.moveaxis(between.decoded, 1, 0))
    flat = np.stack([distance.space(values) for values in output])  # (steps + 1, pairs, features)
    steps = np.linalg.norm(np.diff(flat, axis=0), axis=-1)  # (steps, pairs)
    middle = STEPS // 2
    both = np.concatenate([start, end])
    spread = np.sqrt(2.0 * np.sum(both.var(axis=0))) + 1e-12
    errors = {
        place: np.linalg.norm(vae.encode(output[place])[0] - z[place], axis=-1) / spread
        for place in (0, middle, STEPS)
    }
    scores = {place: vae.elbo(output[place], seed=seed) for place in (0, middle, STEPS)}
    return PathQuality(
        reencoding_error=Estimate.of_mean(errors[middle]),
        reencoding_error_ends=Estimate.of_mean((errors[0] + errors[STEPS]) / 2.0),
        elbo_drop=Estimate.of_mean((scores[0] + scores[STEPS]) / 2.0 - scores[middle]),
        step_variation=Estimate.of_mean(steps.std(axis=0) / (steps.mean(axis=0) + 1e-12)),
        data_distance=Estimate.of_mean(distance(output[middle])),
    )
