"""Walks between the codes of real pairs: what becomes of the data on the way."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.nearness import Nearness
from kvae.exploration import interpolate

__all__ = ["Path", "walk"]

STEPS = 8


@dataclass(frozen=True)
class Path:
    """How walks between pairs of examples fare.

    Attributes:
        reencoding_error: distance of the decoded midpoint's own code from the midpoint, as a share
            of the spread of the codes (the root mean square distance of two of them).
        reencoding_error_ends: the same at the ends of the walk.
        elbo_drop: by how many nats the decoded midpoint is less likely to the model than the
            decoded ends (a lower bound of the log-likelihood on either side).
        unevenness: standard deviation of the step sizes in data space over their mean; 0 is a walk
            of even pace.
        data_distance: distance of the decoded midpoint to the nearest example, in units of that of
            the examples to each other.
    """

    reencoding_error: Estimate
    reencoding_error_ends: Estimate
    elbo_drop: Estimate
    unevenness: Estimate
    data_distance: Estimate


def walk(
    vae: Any, start: np.ndarray, end: np.ndarray, path: str, nearness: Nearness, seed: int
) -> Path:
    """Walk from each code in `start` to its partner in `end`, both (pairs, d).

    Args:
        vae: a `kvae.VAE`.
        start: codes.
        end: codes.
        path: "linear" or "spherical", as in `kvae.interpolate`.
        nearness: to the data.
        seed: int, seeds the draws of the ELBO.
    """
    between = interpolate(vae, start, end, STEPS + 1, path, encoded=True)
    z = np.moveaxis(between.z, 1, 0)  # (steps + 1, pairs, d)
    output = vae.likelihood_layer.domain.as_data(np.moveaxis(between.decoded, 1, 0))
    flat = output.reshape(*z.shape[:2], -1).astype("float64")
    steps = np.linalg.norm(np.diff(flat, axis=0), axis=-1)  # (steps, pairs)
    middle = STEPS // 2
    both = np.concatenate([start, end])
    spread = np.sqrt(2.0 * np.sum(both.var(axis=0))) + 1e-12
    errors = {
        place: np.linalg.norm(vae.encode(output[place])[0] - z[place], axis=-1) / spread
        for place in (0, middle, STEPS)
    }
    scores = {place: vae.elbo(output[place], seed=seed) for place in (0, middle, STEPS)}
    return Path(
        Estimate.of_mean(errors[middle]),
        Estimate.of_mean((errors[0] + errors[STEPS]) / 2.0),
        Estimate.of_mean((scores[0] + scores[STEPS]) / 2.0 - scores[middle]),
        Estimate.of_mean(steps.std(axis=0) / (steps.mean(axis=0) + 1e-12)),
        Estimate.of_mean(nearness(output[middle])),
    )
