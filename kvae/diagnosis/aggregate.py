"""The aggregate posterior q(z) = 1/n sum_i q(z|x_i): information, gaps, overlap, distance.

All of it sees the posteriors as normals with the means and standard deviations of `VAE.encode`.
Parts that look at pairs of examples take at most `MAX_COMPONENTS` posteriors and `MAX_QUERIES`
draws, so that time and memory stay bounded for any number of examples.
"""

from dataclasses import dataclass

import numpy as np

from kvae.diagnosis.estimate import Estimate

__all__ = [
    "Codes",
    "Discrepancy",
    "Gaps",
    "Information",
    "gaps",
    "information",
    "maximum_mean_discrepancy",
    "overlap",
]

MAX_COMPONENTS = 10_000
MAX_QUERIES = 1_000
CHUNK_ELEMENTS = 2_000_000  # 16 MB of float64 a chunk
LEAST_STDDEV = 1e-5  # below it the differences of squares leave float64
PERMUTATIONS = 200
GAP_QUANTILE = 0.05
LOG_2_PI = np.log(2.0 * np.pi)


@dataclass(frozen=True)
class Codes:
    """Posteriors that stand for the aggregate, and draws from some of them.

    Attributes:
        mean: (components, d).
        stddev: (components, d).
        own: (queries,), the component that each draw comes from.
        z: (queries, d), the draws.
    """

    mean: np.ndarray
    stddev: np.ndarray
    own: np.ndarray
    z: np.ndarray

    @classmethod
    def choose(cls, mean: np.ndarray, stddev: np.ndarray, rng: np.random.Generator) -> "Codes":
        """Return a random choice of posteriors and draws, all of them where there are few."""
        kept = rng.permutation(len(mean))[:MAX_COMPONENTS]
        mean = np.asarray(mean[kept], "float64")
        stddev = np.maximum(np.asarray(stddev[kept], "float64"), LEAST_STDDEV)
        own = np.arange(min(len(mean), MAX_QUERIES))
        z = mean[own] + stddev[own] * rng.standard_normal(mean[own].shape)
        return cls(mean, stddev, own, z)


@dataclass(frozen=True)
class Information:
    """What the codes tell about the data, in nats.

    Attributes:
        total: I(x; z).
        per_dimension: I(x; z_d) for each dimension.
    """

    total: Estimate
    per_dimension: tuple[Estimate, ...]


def information(codes: Codes) -> Information:
    """Estimate I(x; z) = E log q(z|x) - log q(z), and I(x; z_d) for each dimension, in nats.

    The value is that of the data at hand, q(z) = 1/n sum_j q(z|x_j), which cannot exceed log n and
    is a lower bound in expectation for the distribution that the data come from. Leaving the own
    posterior out of the sum gives an upper bound. The interval spans both and the error of
    sampling, 1.96 standard errors either side.

    References:
        Hoffman, Johnson: ELBO surgery, 2016,
        http://approximateinference.org/accepted/HoffmanJohnson2016.pdf;
        Poole et al.: On Variational Bounds of Mutual Information, 2019, section 2,
        https://arxiv.org/abs/1905.06922
    """
    every = range(codes.mean.shape[1])
    return Information(
        _bounded(*log_densities(codes, codes.z, codes.own)),
        tuple(
            _bounded(*log_densities(_dimension(codes, d), codes.z[:, [d]], codes.own))
            for d in every
        ),
    )


def _dimension(codes: Codes, d: int) -> Codes:
    return Codes(codes.mean[:, [d]], codes.stddev[:, [d]], codes.own, codes.z[:, [d]])


def _bounded(own: np.ndarray, aggregate: np.ndarray, others: np.ndarray) -> Estimate:
    lower, upper = Estimate.of_mean(own - aggregate), Estimate.of_mean(own - others)
    return Estimate(lower.value, lower.stderr, lower.low, max(lower.high, upper.high))


def log_densities(
    codes: Codes, z: np.ndarray, own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log q(z|x), log q(z), and log q(z) without the own posterior, each (queries,).

    Args:
        codes: the posteriors.
        z: points, (queries, d).
        own: the component that each point comes from; None for points from elsewhere, for which
            the first is the best log q(z|x_j) over all j, and the last two are the same.
    """
    precision = codes.stddev**-2.0
    constant = -0.5 * np.sum(codes.mean**2 * precision + LOG_2_PI, axis=1)
    constant -= np.sum(np.log(codes.stddev), axis=1)
    cross, count = (codes.mean * precision).T, len(codes.mean)
    parts = []
    step = max(1, CHUNK_ELEMENTS // count)
    for start in range(0, len(z), step):
        point = z[start : start + step]
        log_prob = constant + point @ cross - 0.5 * (point**2 @ precision.T)  # (chunk, components)
        if own is None:
            aggregate = _log_sum(log_prob) - np.log(count)
            parts.append((log_prob.max(axis=1), aggregate, aggregate))
            continue
        rows, mine = np.arange(len(point)), own[start : start + step]
        itself = log_prob[rows, mine]
        log_prob[rows, mine] = -np.inf
        others = _log_sum(log_prob)
        aggregate = np.logaddexp(others, itself) - np.log(count)
        parts.append((itself, aggregate, others - np.log(count - 1)))
    first, second, third = (np.concatenate(part) for part in zip(*parts, strict=True))
    return first, second, third


def _log_sum(log_prob: np.ndarray) -> np.ndarray:
    """Return log sum exp over the last axis, (queries,)."""
    top = log_prob.max(axis=1)
    return top + np.log(np.exp(log_prob - top[:, None]).sum(axis=1))


@dataclass(frozen=True)
class Gaps:
    """Shares of draws that fall where no posterior has mass, 0 to 1.

    Attributes:
        prior: of draws from the prior.
        held_out: of draws from posteriors that were left out themselves: what the limited number
            of examples makes of a perfect match. Where it is large, `prior` says little.
    """

    prior: Estimate
    held_out: Estimate


def gaps(codes: Codes, prior_draws: np.ndarray) -> Gaps:
    """Return how often the prior falls into gaps of the aggregate posterior.

    A draw is in a gap if the density of the aggregate posterior there is below the 5% quantile of
    that density at its own draws.

    Args:
        codes: the posteriors.
        prior_draws: (draws, d).
    """
    _, density, others = log_densities(codes, codes.z, codes.own)
    band = np.sqrt(GAP_QUANTILE * (1.0 - GAP_QUANTILE) / len(density))
    around = np.clip(GAP_QUANTILE + band * np.array([-1.0, 0.0, 1.0]), 0.0, 1.0)
    thresholds = np.quantile(density, around)
    _, elsewhere, _ = log_densities(codes, prior_draws)
    return Gaps(_share_below(elsewhere, thresholds), _share_below(others, thresholds))


def _share_below(density: np.ndarray, thresholds: np.ndarray) -> Estimate:
    """Return the share of `density` below the middle threshold; the others give its error."""
    low, share, high = (float(np.mean(density < threshold)) for threshold in thresholds)
    counting = np.sqrt(max(share * (1.0 - share), 1.0 / len(density)) / len(density))
    return Estimate.of(share, np.hypot(counting, (high - low) / 2.0))


def overlap(codes: Codes) -> Estimate:
    """Return the mean overlap of a posterior with that of its nearest neighbour, 0 to 1.

    The overlap is the Bhattacharyya coefficient, integral sqrt(q(z|x) q(z|x')) dz; the neighbour
    is the one of the nearest mean.

    References:
        Bhattacharyya: On a measure of divergence between two statistical populations, 1943,
        Bulletin of the Calcutta Mathematical Society 35.
    """
    squared = np.sum(codes.mean**2, axis=1)
    step = max(1, CHUNK_ELEMENTS // len(codes.mean))
    nearest = []
    for start in range(0, len(codes.own), step):
        mine = codes.own[start : start + step]
        distance = squared - 2.0 * codes.mean[mine] @ codes.mean.T
        distance[np.arange(len(mine)), mine] = np.inf
        nearest.append(distance.argmin(axis=1))
    other = np.concatenate(nearest)
    variance = codes.stddev**2
    mixed = variance[codes.own] + variance[other]
    exponent = -0.25 * (codes.mean[codes.own] - codes.mean[other]) ** 2 / mixed
    factor = 0.5 * np.log(2.0 * codes.stddev[codes.own] * codes.stddev[other] / mixed)
    return Estimate.of_mean(np.exp(np.sum(exponent + factor, axis=1)))


@dataclass(frozen=True)
class Discrepancy:
    """Squared maximum mean discrepancy of the aggregate posterior to the prior.

    Attributes:
        squared: the unbiased estimate.
        baseline: its 95% quantile if both were one distribution, by permutation.
        p_value: share of permutations that reach the estimate.
    """

    squared: Estimate
    baseline: float
    p_value: float


def maximum_mean_discrepancy(
    codes: Codes, prior_draws: np.ndarray, rng: np.random.Generator
) -> Discrepancy:
    """Compare draws of the aggregate posterior with as many of the prior.

        MMD^2 = E k(z, z~) - 2 E k(z, z') + E k(z', z~'),   k(a, b) = exp(-|a - b|^2 / (2 d))

    Args:
        codes: the posteriors.
        prior_draws: (at least as many as `codes.z`, d).
        rng: shuffles the labels for the baseline.

    References:
        Gretton et al.: A Kernel Two-Sample Test, 2012, lemma 6,
        https://jmlr.org/papers/v13/gretton12a.html
    """
    count, d = codes.z.shape
    pooled = np.concatenate([codes.z, prior_draws[:count]])
    squared = np.sum(pooled**2, axis=1)
    kernel = squared[:, None] - 2.0 * pooled @ pooled.T + squared[None, :]
    kernel = np.exp(-np.maximum(kernel, 0.0) / (2.0 * d))
    np.fill_diagonal(kernel, 0.0)
    labels = np.repeat([True, False], count)
    shuffled = np.stack([labels, *(rng.permutation(labels) for _ in range(PERMUTATIONS))], axis=1)
    ours = shuffled.astype("float64")
    theirs = 1.0 - ours
    to_ours, to_theirs = kernel @ ours, kernel @ theirs
    within = np.sum(ours * to_ours + theirs * to_theirs, axis=0) / (count * (count - 1))
    values = within - 2.0 * np.sum(ours * to_theirs, axis=0) / count**2
    value, null = values[0], values[1:]
    # First order of a U-statistic; where that vanishes, under the null, its own spread remains.
    inner = (to_ours - to_theirs)[:, 0] * np.where(labels, 1.0, -1.0) / count
    slope = np.sqrt(4.0 * (np.var(inner[:count]) + np.var(inner[count:])) / count)
    p_value = (1.0 + np.sum(null >= value)) / (1.0 + len(null))
    return Discrepancy(
        Estimate.of(value, np.hypot(slope, null.std())),
        float(np.quantile(null, 0.95)),
        float(p_value),
    )
