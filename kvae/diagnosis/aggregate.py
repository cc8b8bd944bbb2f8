"""The aggregate posterior q(z) = 1/n sum_i q(z|x_i): information, gaps, overlap, discrepancy.

Estimates over pairs of examples use a bounded number of posteriors and samples (see `components`),
which bounds time and memory for any number of examples.
"""

from dataclasses import dataclass

import numpy as np

from kvae.diagnosis.components import CHUNK_ELEMENTS, Components, IndependentNormals
from kvae.evaluation.estimate import Estimate
from kvae.regularizers.kernel import default_bandwidth, gaussian_kernel

__all__ = [
    "AggregatePosterior",
    "Discrepancy",
    "Gaps",
    "Information",
    "gaps",
    "information",
    "maximum_mean_discrepancy",
    "overlap",
]

PERMUTATIONS = 200
GAP_QUANTILE = 0.05


@dataclass(frozen=True)
class AggregatePosterior:
    """A mixture of posteriors, and one sample from each of the first components.

    Attributes:
        components: the posteriors.
        z: the samples, (samples, latent_dim); row i comes from component i.
    """

    components: Components
    z: np.ndarray

    @classmethod
    def sampled(cls, components: Components, rng: np.random.Generator) -> "AggregatePosterior":
        """Return the mixture with at most `components.samples` samples from it."""
        count = min(len(components.mean), components.samples)
        return cls(components, components.draw(count, rng))

    @property
    def component(self) -> np.ndarray:
        """The index of the component that each sample comes from, (samples,)."""
        return np.arange(len(self.z))

    def dimension(self, d: int) -> "AggregatePosterior":
        """Return the marginal of dimension `d`, of normals with the moments of the components."""
        normals = IndependentNormals.of(self.components.mean, self.components.stddev)
        return AggregatePosterior(normals.dimension(d), self.z[:, [d]])


@dataclass(frozen=True)
class Information:
    """Mutual information between data and codes, in nats.

    Attributes:
        total: I(x; z).
        per_dimension: I(x; z_d) for each dimension.
    """

    total: Estimate
    per_dimension: tuple[Estimate, ...]


def information(posteriors: AggregatePosterior) -> Information:
    """Estimate I(x; z) = E log q(z|x) - log q(z), and I(x; z_d) for each dimension, in nats.

    The value uses q(z) = 1/n sum_j q(z|x_j) over the given examples. It cannot exceed log n, and
    its expectation is a lower bound for the distribution of the data. Leaving q(z|x) of the same
    example out of the sum gives an upper bound. The interval contains both bounds and 1.96
    standard errors on either side.

    Args:
        posteriors: the aggregate posterior.

    References:
        Hoffman, Johnson: ELBO surgery, 2016,
        http://approximateinference.org/accepted/HoffmanJohnson2016.pdf;
        Poole et al.: On Variational Bounds of Mutual Information, 2019, section 2,
        https://arxiv.org/abs/1905.06922
    """
    marginals = [posteriors.dimension(d) for d in range(posteriors.z.shape[1])]
    total, *per_dimension = [
        _bounded(*log_densities(each, each.z, each.component)) for each in (posteriors, *marginals)
    ]
    return Information(total, tuple(per_dimension))


def _bounded(conditional: np.ndarray, aggregate: np.ndarray, others: np.ndarray) -> Estimate:
    lower = Estimate.of_mean(conditional - aggregate)
    upper = Estimate.of_mean(conditional - others)
    return Estimate(lower.value, lower.stderr, lower.low, max(lower.high, upper.high))


def log_densities(
    posteriors: AggregatePosterior, z: np.ndarray, component: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log q(z|x), log q(z), and log q(z) without the component q(z|x), each (points,).

    Args:
        posteriors: the aggregate posterior.
        z: points, (points, latent_dim).
        component: index of the component that each point comes from. None for points that come
            from no component: the first result is then max_j log q(z|x_j), and the last two are
            equal.
    """
    count = len(posteriors.components.mean)
    parts = []
    step = max(1, CHUNK_ELEMENTS // count)
    for start in range(0, len(z), step):
        point = z[start : start + step]
        log_prob = posteriors.components.log_prob(point)  # (chunk, components)
        if component is None:
            aggregate = _log_sum(log_prob) - np.log(count)
            parts.append((log_prob.max(axis=1), aggregate, aggregate))
            continue
        rows, columns = np.arange(len(point)), component[start : start + step]
        conditional = log_prob[rows, columns]
        log_prob[rows, columns] = -np.inf
        others = _log_sum(log_prob)
        aggregate = np.logaddexp(others, conditional) - np.log(count)
        parts.append((conditional, aggregate, others - np.log(count - 1)))
    first, second, third = (np.concatenate(part) for part in zip(*parts, strict=True))
    return first, second, third


def _log_sum(log_prob: np.ndarray) -> np.ndarray:
    """Return log sum exp over the last axis, (points,)."""
    top = log_prob.max(axis=1)
    return top + np.log(np.exp(log_prob - top[:, None]).sum(axis=1))


@dataclass(frozen=True)
class Gaps:
    """Shares of samples in gaps of the aggregate posterior, 0 to 1.

    Attributes:
        prior: share of samples from the prior.
        held_out: share of samples from posteriors that are left out of the aggregate. A perfect
            match of prior and aggregate posterior would give this share with these examples; where
            it is large, `prior` is not informative.
    """

    prior: Estimate
    held_out: Estimate


def gaps(posteriors: AggregatePosterior, prior_samples: np.ndarray) -> Gaps:
    """Return the share of prior samples in gaps of the aggregate posterior.

    A point z is in a gap if q(z) is below the 5% quantile of q at samples of the aggregate
    posterior.

    Args:
        posteriors: the aggregate posterior.
        prior_samples: (samples, latent_dim).
    """
    _, density, others = log_densities(posteriors, posteriors.z, posteriors.component)
    band = np.sqrt(GAP_QUANTILE * (1.0 - GAP_QUANTILE) / len(density))
    around = np.clip(GAP_QUANTILE + band * np.array([-1.0, 0.0, 1.0]), 0.0, 1.0)
    thresholds = np.quantile(density, around)
    _, prior_density, _ = log_densities(posteriors, prior_samples)
    return Gaps(_share_below(prior_density, thresholds), _share_below(others, thresholds))


def _share_below(density: np.ndarray, thresholds: np.ndarray) -> Estimate:
    """Return the share of `density` below the middle threshold; the outer two give its error."""
    low, share, high = (float(np.mean(density < threshold)) for threshold in thresholds)
    counting = np.sqrt(max(share * (1.0 - share), 1.0 / len(density)) / len(density))
    return Estimate.of(share, np.hypot(counting, (high - low) / 2.0))


def overlap(posteriors: AggregatePosterior) -> Estimate:
    """Return the mean overlap of a posterior with its nearest neighbour, 0 to 1.

    The overlap is the Bhattacharyya coefficient, integral sqrt(q(z|x) q(z|x')) dz. The nearest
    neighbour is the posterior with the nearest mean. Not measured where it has no closed form.

    Args:
        posteriors: the aggregate posterior.

    References:
        Bhattacharyya: On a measure of divergence between two statistical populations, 1943,
        Bulletin of the Calcutta Mathematical Society 35.
    """
    mean, component = posteriors.components.mean, posteriors.component
    squared = np.sum(mean**2, axis=1)
    step = max(1, CHUNK_ELEMENTS // len(mean))
    nearest = []
    for start in range(0, len(component), step):
        rows = component[start : start + step]
        distance = squared - 2.0 * mean[rows] @ mean.T
        distance[np.arange(len(rows)), rows] = np.inf
        nearest.append(distance.argmin(axis=1))
    values = posteriors.components.overlap(component, np.concatenate(nearest))
    return Estimate.not_measured() if values is None else Estimate.of_mean(values)


@dataclass(frozen=True)
class Discrepancy:
    """Squared maximum mean discrepancy between the aggregate posterior and the prior.

    Attributes:
        squared: the unbiased estimate.
        baseline: its 95% quantile for two equal distributions, by permutation.
        p_value: share of permutations with at least this estimate.
    """

    squared: Estimate
    baseline: float
    p_value: float


def maximum_mean_discrepancy(
    posteriors: AggregatePosterior, prior_samples: np.ndarray, rng: np.random.Generator
) -> Discrepancy:
    """Compare samples of the aggregate posterior with the same number of prior samples.

        MMD^2 = E k(z, z~) - 2 E k(z, z') + E k(z', z~'),   k(a, b) = exp(-|a - b|^2 / (2 d)),

    with the kernel of `kvae.regularizers.MaximumMeanDiscrepancy`. That one estimates the number for
    a weighted batch, with a gradient; here the same pairs serve all permutations.

    Args:
        posteriors: the aggregate posterior.
        prior_samples: (samples, latent_dim), at least as many as `posteriors.z`.
        rng: permutes the labels for the baseline.

    References:
        Gretton et al.: A Kernel Two-Sample Test, 2012, lemma 6,
        https://jmlr.org/papers/v13/gretton12a.html
    """
    count, d = posteriors.z.shape
    pooled = np.concatenate([posteriors.z, prior_samples[:count]])
    squared = np.sum(pooled**2, axis=1)
    distances = np.maximum(squared[:, None] - 2.0 * pooled @ pooled.T + squared[None, :], 0.0)
    kernel = np.array(gaussian_kernel(distances, default_bandwidth(d)))
    np.fill_diagonal(kernel, 0.0)
    labels = np.repeat([True, False], count)
    shuffled = np.stack([labels, *(rng.permutation(labels) for _ in range(PERMUTATIONS))], axis=1)
    first = shuffled.astype("float64")
    second = 1.0 - first
    to_first, to_second = kernel @ first, kernel @ second
    within = np.sum(first * to_first + second * to_second, axis=0) / (count * (count - 1))
    values = within - 2.0 * np.sum(first * to_second, axis=0) / count**2
    value, null = values[0], values[1:]
    # First-order variance of the U-statistic. It vanishes for equal distributions, so the standard
    # deviation over permutations is added.
    inner = (to_first - to_second)[:, 0] * np.where(labels, 1.0, -1.0) / count
    slope = np.sqrt(4.0 * (np.var(inner[:count]) + np.var(inner[count:])) / count)
    p_value = (1.0 + np.sum(null >= value)) / (1.0 + len(null))
    return Discrepancy(
        Estimate.of(value, np.hypot(slope, null.std())),
        float(np.quantile(null, 0.95)),
        float(p_value),
    )
