"""`diagnose`: measure the latent space of a trained VAE and determine its state."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from kvae.diagnosis import aggregate
from kvae.diagnosis.aggregate import AggregatePosterior
from kvae.diagnosis.data_distance import DataDistance
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.explained_variance import explained_variance
from kvae.diagnosis.path_quality import path_quality
from kvae.diagnosis.report import LatentDimension, LatentReport, PlottedPosteriors
from kvae.diagnosis.sensitivity import decoder_sensitivity
from kvae.diagnosis.verdict import assess
from kvae.evaluation.axes import kl_by_axis, safe_ranges
from kvae.evaluation.gaussian_vector import LatentVector, one_gaussian_vector
from kvae.streams import Stream, generator

__all__ = ["diagnose"]

LEAST_EXAMPLES = 50
FEW_EXAMPLES = 500
DECODED_EXAMPLES = 1_000  # examples for the estimates that decode codes
DECODINGS = 8_000  # for the explained variance: bounds its time for any latent_dim
EXPLAINED_EXAMPLES = (100, 500)  # least and greatest number of examples for it
PAIRS = 200
PRIOR_SAMPLES = 200
PLOTTED = 150


def diagnose(vae: Any, x: Any, seed: int = 0) -> LatentReport:
    """Measure the latent space of a VAE on data and determine its state.

    Every example is encoded once. Information, gaps and overlap compare 1,000 samples with at most
    10,000 posteriors. 1,000 examples are decoded a few times, and 100 to 500 twice for each latent
    dimension. `seed` determines which examples these are.

    Args:
        vae: a `kvae.VAE`. It is not changed.
        x: examples, (examples, *event_shape), at least 50. Use examples held out from training.
        seed: int, seeds every random choice and sample.

    Returns:
        A `LatentReport`. Print it, or use its `to_json` and `plot`.

    Raises:
        ValueError: If `vae` is not a `kvae.VAE` with one latent vector; if `x` does not fit it,
            has fewer than 50 examples or only equal ones; if a posterior is not finite.

    Example:
        >>> report = kvae.diagnose(vae, x_test)
        >>> report.verdict.state in kvae.diagnosis.STATES
        True

    References:
        Hoffman, Johnson: ELBO surgery, 2016,
        http://approximateinference.org/accepted/HoffmanJohnson2016.pdf;
        Burda, Grosse, Salakhutdinov: Importance Weighted Autoencoders, 2016,
        https://arxiv.org/abs/1509.00519
    """
    vector = one_gaussian_vector(vae)
    x = _checked(vector, x)
    rng = generator(seed, Stream.DIAGNOSIS)
    mean, stddev = (np.asarray(value, "float64") for value in vae.encode(x))
    if not (np.isfinite(mean).all() and np.isfinite(stddev).all() and (stddev > 0.0).all()):
        raise ValueError(
            "Expected vae to have posteriors with finite means and positive standard deviations. "
            "Received: NaN, infinite or zero values; training has probably diverged."
        )
    posteriors = AggregatePosterior.subsample(mean, stddev, rng)
    prior_samples = _prior_samples(vector, len(posteriors.z), seed)
    information = aggregate.information(posteriors)
    kl = _kl(vector, mean, stddev, rng)
    low, high = safe_ranges(mean, stddev, seed)

    some = rng.permutation(len(x))[:DECODED_EXAMPLES]
    sensitivity = decoder_sensitivity(vector, x[some], mean[some], stddev[some], rng)
    ranking = np.argsort([-part.value for part in information.per_dimension], kind="stable")
    # Each of these examples is decoded twice for every dimension.
    fewer = some[: int(np.clip(DECODINGS // (2 * vector.latent_dim), *EXPLAINED_EXAMPLES))]
    explained = explained_variance(vae, x[fewer], mean[fewer], ranking)
    ends = rng.permutation(len(x))[: 2 * min(PAIRS, len(x) // 2)]
    pairs = mean[ends].reshape(2, -1, vector.latent_dim)
    distance = DataDistance(x[some])
    per_dimension_kl = kl_by_axis(mean, stddev)
    kl_sum = max(float(per_dimension_kl.sum(axis=1).mean()), 1e-12)
    total = max(sum(max(part.value, 0.0) for part in information.per_dimension), 1e-12)
    dimensions = tuple(
        LatentDimension(
            index=int(d),
            kl=Estimate.of_mean(per_dimension_kl[:, d]),
            information=information.per_dimension[d],
            share=max(information.per_dimension[d].value, 0.0) / total,
            mean_variance=Estimate.of_variance(mean[:, d]),
            mean_stddev=Estimate.of_mean(stddev[:, d]),
            low=float(low[d]),
            high=float(high[d]),
            output_variance=explained.per_dimension[d],
        )
        for d in ranking
    )
    estimates: dict[str, Any] = {
        "kl": kl,
        "mutual_information": information.total,
        "marginal_kl": _difference(kl, information.total),
        "mean_rms": _root_mean_square(mean),
        "dimension_wise_kl_share": _dimension_wise_kl_share(kl_sum, information.per_dimension),
        "mmd": aggregate.maximum_mean_discrepancy(posteriors, prior_samples, rng),
        "gaps": aggregate.gaps(posteriors, prior_samples),
        "overlap": aggregate.overlap(posteriors),
        "sensitivity": sensitivity,
        "explained_variance": explained,
        "noise_share": _quotient(sensitivity.noise_cost, sensitivity.code_gain),
        "dimensions": dimensions,
    }
    verdict = assess(SimpleNamespace(**estimates), vector.standard_normal_prior)
    return LatentReport(
        examples=len(x),
        seed=int(seed),
        verdict=verdict,
        paths={
            path: path_quality(vae, pairs[0], pairs[1], path, distance, seed)
            for path in ("linear", "spherical")
        },
        sample_distance=Estimate.of_mean(distance(vae.decode(prior_samples[:PRIOR_SAMPLES]))),
        plotted=_plotted(mean, stddev, ranking),
        notes=_notes(vector, x, posteriors, estimates),
        **estimates,
    )


def _checked(vector: LatentVector, x: Any) -> np.ndarray:
    x = vector.check(x)
    if np.isnan(x).any():
        raise ValueError(
            "Expected x without missing values. Received: NaN. Fill them by vae.impute(x), or "
            "give the complete examples."
        )
    if len(x) < LEAST_EXAMPLES:
        raise ValueError(
            f"Expected x to hold at least {LEAST_EXAMPLES} examples. Received: {len(x)} examples"
        )
    if np.all(x == x[:1]):
        raise ValueError(
            f"Expected x to hold examples that differ. Received: {len(x)} equal examples"
        )
    return x


def _prior_samples(vector: LatentVector, count: int, seed: int) -> np.ndarray:
    samples = vector.prior().sample(count, seed=np.array([seed, 1], "int32"))
    return np.asarray(samples, "float64")


def _kl(
    vector: LatentVector, mean: np.ndarray, stddev: np.ndarray, rng: np.random.Generator
) -> Estimate:
    """Return E KL(q(z|x) || p(z)), in closed form where the prior is a standard normal."""
    if vector.standard_normal_prior:
        return Estimate.of_mean(kl_by_axis(mean, stddev).sum(axis=1))
    noise = rng.standard_normal(mean.shape)
    log_q = -0.5 * (noise**2 + aggregate.LOG_2_PI) - np.log(stddev)
    log_p = vector.prior().log_prob((mean + stddev * noise).astype("float32"))
    return Estimate.of_mean(log_q.sum(axis=1) - np.asarray(log_p, "float64"))


def _dimension_wise_kl_share(kl_sum: float, information: tuple[Estimate, ...]) -> Estimate:
    """Return sum_d KL(q(z_d) || p(z_d)) / kl_sum, with KL(q(z_d) || p(z_d)) = kl_d - I(x; z_d)."""
    total = sum(part.value for part in information)
    error = np.sqrt(sum(part.stderr**2 for part in information))
    return Estimate.of((kl_sum - total) / kl_sum, error / kl_sum)


def _difference(total: Estimate, part: Estimate) -> Estimate:
    """Return total - part. An asymmetric interval of `part` widens the lower end, not below 0."""
    error = np.hypot(total.stderr, part.stderr)
    plain = Estimate.of(total.value - part.value, error)
    low = plain.low - max(part.high - Estimate.of(part.value, part.stderr).high, 0.0)
    return Estimate(plain.value, plain.stderr, min(max(low, 0.0), plain.low), plain.high)


def _quotient(above: Estimate, below: Estimate) -> Estimate:
    """Return above / below of independent estimates, with the error of the linearized ratio."""
    if below.value <= 0.0:
        return Estimate(0.0, np.inf, -np.inf, np.inf)
    value = above.value / below.value
    return Estimate.of(value, np.hypot(above.stderr, value * below.stderr) / below.value)


def _root_mean_square(mean: np.ndarray) -> Estimate:
    square = Estimate.of_mean((mean**2).mean(axis=1))
    root = np.sqrt(square.value)
    return Estimate.of(root, square.stderr / max(2.0 * root, 1e-12))


def _plotted(mean: np.ndarray, stddev: np.ndarray, ranking: np.ndarray) -> PlottedPosteriors:
    first, second = int(ranking[0]), int(ranking[min(1, len(ranking) - 1)])
    chosen = np.ix_(np.arange(min(PLOTTED, len(mean))), np.array([first, second]))
    return PlottedPosteriors(
        (first, second),
        tuple((float(a), float(b)) for a, b in mean[chosen]),
        tuple((float(a), float(b)) for a, b in stddev[chosen]),
    )


def _notes(
    vector: LatentVector,
    x: np.ndarray,
    posteriors: AggregatePosterior,
    estimates: dict[str, Any],
) -> tuple[str, ...]:
    notes = []
    count = len(posteriors.mean)
    if estimates["mutual_information"].value > 0.8 * np.log(count):
        notes.append(
            f"the mutual information is near its maximum for {count} examples, log {count} = "
            f"{np.log(count):.1f} nats: it is a lower bound, and the marginal KL an upper bound"
        )
    if estimates["gaps"].held_out.value > 0.5:
        notes.append(
            "most samples of held-out posteriors are in gaps too: the share of prior samples in "
            "gaps is not informative here"
        )
    if len(x) < FEW_EXAMPLES:
        notes.append(f"{len(x)} examples give wide intervals: use {FEW_EXAMPLES} or more")
    if np.any(posteriors.stddev <= aggregate.LEAST_STDDEV):
        notes.append(
            f"standard deviations below {aggregate.LEAST_STDDEV:g} were replaced by this value"
        )
    if not vector.diagonal_posterior:
        notes.append("the posterior is treated as a normal with independent dimensions")
    if not vector.standard_normal_prior:
        notes.append(
            "the estimates of single dimensions and the implied beta assume a standard normal prior"
        )
    return tuple(notes)
