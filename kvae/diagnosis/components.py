"""The posteriors q(z|x_i) of some examples: their densities at any points, and draws from them.

Each kind of posterior is taken by its own density: independent normals and full covariances in
closed form in float64, any other by its own `log_prob`, with fewer components.
"""

import functools
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from kvae.evaluation.gaussian_vector import LatentVector

__all__ = ["Components", "FullNormals", "IndependentNormals", "OwnDensities", "components_of"]

MAX_COMPONENTS = 10_000
CHUNK_ELEMENTS = 2_000_000  # 16 MB of float64 per chunk
LEAST_STDDEV = 1e-5  # below it differences of squares lose all digits in float64
LOG_2_PI = np.log(2.0 * np.pi)
# Bounds of the time: multiplications for full covariances, passes through a flow.
FULL_PRODUCTS = 4_000_000
FLOW_PAIRS = 800_000


class Components(Protocol):
    """What estimates ask of posteriors."""

    @property
    def mean(self) -> np.ndarray:
        """Means, (components, latent_dim)."""
        ...

    @property
    def stddev(self) -> np.ndarray:
        """Standard deviations, (components, latent_dim)."""
        ...

    @property
    def samples(self) -> int:
        """The greatest number of samples to compare with all components."""
        ...

    def log_prob(self, z: np.ndarray) -> np.ndarray:
        """Return log q(z|x_i) of each point under each component, (points, components)."""
        ...

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return one draw of each of the first `count` components, (count, latent_dim)."""
        ...

    def overlap(self, first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
        """Return integral sqrt(q_first q_second) of pairs, (pairs,); None without closed form."""
        ...


@dataclass(frozen=True)
class IndependentNormals:
    """Normals with independent dimensions."""

    mean: np.ndarray
    stddev: np.ndarray
    samples: int = 1_000

    @classmethod
    def of(cls, mean: Any, stddev: Any) -> "IndependentNormals":
        """Return normals whose standard deviations are at least `LEAST_STDDEV`."""
        stddev = np.maximum(np.asarray(stddev, "float64"), LEAST_STDDEV)
        return cls(np.asarray(mean, "float64"), stddev)

    def dimension(self, d: int) -> "IndependentNormals":
        """Return the marginals of dimension `d`."""
        return IndependentNormals(self.mean[:, [d]], self.stddev[:, [d]], self.samples)

    def log_prob(self, z: np.ndarray) -> np.ndarray:
        """Return log q(z|x_i), see `Components`."""
        precision = self.stddev**-2.0
        constant = -0.5 * np.sum(self.mean**2 * precision + LOG_2_PI, axis=1)
        constant -= np.sum(np.log(self.stddev), axis=1)
        return constant + z @ (self.mean * precision).T - 0.5 * (z**2 @ precision.T)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return one draw of each of the first components, see `Components`."""
        mean, stddev = self.mean[:count], self.stddev[:count]
        return mean + stddev * rng.standard_normal(mean.shape)

    def overlap(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the overlap of pairs, see `Components`."""
        a, b = self.stddev[first], self.stddev[second]
        summed = a**2 + b**2
        exponent = -0.25 * (self.mean[first] - self.mean[second]) ** 2 / summed
        return np.exp(np.sum(exponent + 0.5 * np.log(2.0 * a * b / summed), axis=1))


@dataclass(frozen=True)
class FullNormals:
    """Normals N(mean, L L^T) with a lower triangular factor L, (components, d, d)."""

    mean: np.ndarray
    factor: np.ndarray
    samples: int = 1_000

    @property
    def stddev(self) -> np.ndarray:
        """The standard deviations, (components, latent_dim)."""
        return np.sqrt(np.sum(self.factor**2, axis=-1))

    @functools.cached_property
    def _inverse(self) -> np.ndarray:
        return np.linalg.inv(self.factor)

    def log_prob(self, z: np.ndarray) -> np.ndarray:
        """Return log q(z|x_i), see `Components`."""
        (count, d), inverse = self.mean.shape, self._inverse
        centre = np.einsum("nij,nj->ni", inverse, self.mean)
        log_scale = np.sum(np.log(np.diagonal(self.factor, axis1=-2, axis2=-1)), axis=-1)
        parts = []
        step = max(1, CHUNK_ELEMENTS // (count * d))
        for start in range(0, len(z), step):
            white = z[start : start + step] @ inverse.reshape(-1, d).T
            white = white.reshape(-1, count, d) - centre
            parts.append(-0.5 * np.sum(white**2 + LOG_2_PI, axis=-1) - log_scale)
        return np.concatenate(parts)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return one draw of each of the first components, see `Components`."""
        noise = rng.standard_normal((count, self.mean.shape[1]))
        return self.mean[:count] + np.einsum("nij,nj->ni", self.factor[:count], noise)

    def overlap(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the overlap of pairs, see `Components`."""
        a, b = self.factor[first], self.factor[second]
        middle = 0.5 * (a @ a.swapaxes(-1, -2) + b @ b.swapaxes(-1, -2))
        apart = self.mean[first] - self.mean[second]
        distance = np.sum(apart * np.linalg.solve(middle, apart[..., None])[..., 0], axis=-1)
        log_determinant = np.linalg.slogdet(middle)[1]
        own = sum(np.log(np.diagonal(f, axis1=-2, axis2=-1)).sum(axis=-1) for f in (a, b))
        return np.asarray(np.exp(-0.125 * distance - 0.5 * (log_determinant - own)))


@dataclass(frozen=True)
class OwnDensities:
    """Posteriors of any kind, by the model's own density; the overlap has no closed form."""

    vector: LatentVector
    x: np.ndarray  # examples, (components, *event_shape)
    mean: np.ndarray
    stddev: np.ndarray
    samples: int

    def log_prob(self, z: np.ndarray) -> np.ndarray:
        """Return log q(z|x_i), see `Components`."""
        posterior = self.vector.posterior(tf.constant(self.x))
        step = max(1, CHUNK_ELEMENTS // (64 * self.mean.size))
        parts = [
            posterior.log_prob(tf.constant(z[start : start + step, None], "float32")).numpy()
            for start in range(0, len(z), step)
        ]
        return np.concatenate(parts).astype("float64")

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return one draw of each of the first components, see `Components`."""
        seed = rng.integers(2**31, size=2).astype("int32")
        return np.asarray(self.vector.draw(tf.constant(self.x[:count]), seed)[0], "float64")

    def overlap(self, first: np.ndarray, second: np.ndarray) -> None:
        """Return None: there is no closed form."""


def components_of(
    vector: LatentVector, x: Any, mean: Any, stddev: Any, rng: np.random.Generator
) -> Components:
    """Return the posteriors of at most `MAX_COMPONENTS` random examples.

    Args:
        vector: view of the model.
        x: examples, (examples, *event_shape).
        mean: posterior means, (examples, latent_dim).
        stddev: posterior standard deviations, (examples, latent_dim).
        rng: chooses the examples.
    """
    order, d = rng.permutation(len(mean)), mean.shape[1]
    if vector.diagonal_posterior:
        kept = order[:MAX_COMPONENTS]
        return IndependentNormals.of(mean[kept], stddev[kept])
    factor = vector.scale_factors(x[order[:1]])
    if factor is not None:
        kept = order[: int(np.clip(FULL_PRODUCTS // d**2, 200, MAX_COMPONENTS))]
        factors = np.asarray(vector.scale_factors(x[kept]), "float64")
        return FullNormals(np.asarray(mean[kept], "float64"), factors)
    pairs = FLOW_PAIRS // d
    kept = order[: int(np.clip(np.sqrt(5 * pairs), 100, 500))]
    samples = int(np.clip(pairs // len(kept), 50, len(kept)))
    return OwnDensities(vector, x[kept], mean[kept], stddev[kept], samples)
