"""All measures of a latent space, put together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.diagnosis import aggregate
from kvae.diagnosis.aggregate import AggregatePosterior, Discrepancy, Gaps
from kvae.diagnosis.components import LEAST_STDDEV, OwnDensities, components_of
from kvae.diagnosis.data_distance import DataDistance
from kvae.diagnosis.data_space import DataSpace
from kvae.diagnosis.explained_variance import ExplainedVariance, explained_variance
from kvae.diagnosis.path_quality import PathQuality, path_quality
from kvae.diagnosis.plotted import PlottedEvents, PlottedPosteriors
from kvae.diagnosis.report import LatentDimension, LatentReport
from kvae.diagnosis.sensitivity import DecoderSensitivity, decoder_sensitivity
from kvae.diagnosis.training_settings import TrainingSettings
from kvae.diagnosis.verdict import THRESHOLDS, Verdict
from kvae.evaluation.axes import kl_by_axis, safe_ranges
from kvae.evaluation.estimate import Estimate
from kvae.evaluation.gaussian_vector import LatentVector
from kvae.models.batches import BatchedFunction
from kvae.streams import Stream, generator

__all__ = ["measure", "unmeasured"]

DECODED_EXAMPLES = 1_000  # examples for the estimates that decode codes
DECODINGS = 8_000  # for the explained variance: bounds its time for any latent_dim
EXPLAINED_EXAMPLES = (100, 500)  # least and greatest number of examples for it
PAIRS = 200
PRIOR_SAMPLES = 200
PATHS = ("linear", "spherical")
PENDING = Verdict("healthy", False, (), "")  # until `LatentReport.judged`


def measure(
    vector: LatentVector,
    x: np.ndarray,
    seed: int,
    settings: TrainingSettings,
    x_train: np.ndarray | None = None,
    labels: Any = None,
) -> LatentReport:
    """Return a report with all estimates, without verdict and findings.

    Args:
        vector: view of the model, whose weights are finite.
        x: checked examples, (examples, *event_shape).
        seed: int.
        settings: what the model says of its training.
        x_train: checked examples of the training, or None.
        labels: one for each example, or None.
    """
    vae, rng = vector.model, generator(seed, Stream.DIAGNOSIS)
    mean, stddev = (np.asarray(value, "float64") for value in vae.encode(x))
    if not (np.isfinite(mean).all() and np.isfinite(stddev).all()):
        raise ValueError(
            "Expected vae to have posteriors with finite means and standard deviations. Received: "
            "NaN or infinite values, although all weights are finite; look at the scale of x, and "
            "at features or layers of your own."
        )
    # One that is estimated from draws is 0 where they coincide, as they may without a KL.
    stddev = np.maximum(stddev, LEAST_STDDEV)
    components = components_of(vector, x, mean, stddev, rng)
    posteriors = AggregatePosterior.sampled(components, rng)
    prior_samples = _prior_samples(vector, len(posteriors.z), seed)
    information = aggregate.information(posteriors)
    kl = Estimate.of_mean(_kl(vector, x, seed))

    some = rng.permutation(len(x))[:DECODED_EXAMPLES]
    sensitivity = decoder_sensitivity(vector, x[some], mean[some], _seed(seed, 2))
    ranking = np.argsort([-part.value for part in information.per_dimension], kind="stable")
    # Each of these examples is decoded twice for every dimension.
    fewer = some[: int(np.clip(DECODINGS // (2 * vector.latent_dim), *EXPLAINED_EXAMPLES))]
    space = DataSpace(vector.domain, x, vae.transforms())
    explained = explained_variance(vae, space, x[fewer], mean[fewer], ranking)
    ends = rng.permutation(len(x))[: 2 * min(PAIRS, len(x) // 2)]
    pairs = mean[ends].reshape(2, -1, vector.latent_dim)
    distance = DataDistance(space, x[some])
    decoded = vae.decode(prior_samples[:PRIOR_SAMPLES])
    gaps = aggregate.gaps(posteriors, prior_samples)
    off_share = _dimension_wise_kl_share(vector, mean, stddev, information.per_dimension)
    marginal_kl = _difference(kl, information.total)
    dimensions = _dimensions(mean, stddev, seed, information, explained, ranking)
    return LatentReport(
        examples=len(x),
        seed=seed,
        verdict=PENDING,
        findings=(),
        settings=settings,
        kl=kl,
        mutual_information=information.total,
        marginal_kl=marginal_kl,
        mean_rms=_root_mean_square(mean),
        dimension_wise_kl_share=off_share,
        prior_mismatch=off_share if off_share.measured else _share(marginal_kl, kl),
        mmd=aggregate.maximum_mean_discrepancy(posteriors, prior_samples, rng),
        gaps=gaps,
        outside_ranges=_outside_ranges(prior_samples, dimensions, len(x)),
        overlap=aggregate.overlap(posteriors),
        sensitivity=sensitivity,
        noise_share=_quotient(sensitivity.noise_cost, sensitivity.code_gain),
        at_scale_floor=_at_scale_floor(vector, mean[some]),
        generalization_gap=_generalization_gap(vae, x[some], x_train, rng, seed),
        sample_distance=Estimate.of_mean(distance(decoded)),
        paths={path: path_quality(vae, pairs[0], pairs[1], path, distance, seed) for path in PATHS},
        explained_variance=explained,
        dimensions=dimensions,
        plotted=PlottedPosteriors.of(mean, stddev, ranking, labels),
        events=PlottedEvents.of(vae, x[some], mean[some], dimensions, decoded),
        notes=_notes(vector, posteriors, information.total, gaps),
    )


def unmeasured(
    vector: LatentVector, examples: int, seed: int, verdict: Verdict, settings: TrainingSettings
) -> LatentReport:
    """Return the report of a model that cannot be computed: no estimate has a value.

    Args:
        vector: view of the model.
        examples: number of examples.
        seed: int.
        verdict: the reason.
        settings: what the model says of its training.
    """
    none = Estimate.not_measured()
    names = (
        *("kl", "mutual_information", "marginal_kl", "mean_rms", "dimension_wise_kl_share"),
        *("prior_mismatch", "overlap", "noise_share", "at_scale_floor", "generalization_gap"),
        *("sample_distance", "outside_ranges"),
    )
    estimates: dict[str, Any] = dict.fromkeys(names, none)
    return LatentReport(
        examples=examples,
        seed=seed,
        verdict=verdict,
        findings=(),
        settings=settings,
        mmd=Discrepancy(none, np.nan, np.nan),
        gaps=Gaps(none, none),
        sensitivity=DecoderSensitivity(none, none, none),
        paths={path: PathQuality(none, none, none, none, none) for path in PATHS},
        explained_variance=ExplainedVariance((), (none,), (), none),
        dimensions=(),
        plotted=None,
        events=None,
        notes=("nothing else was measured: a weight that is not finite spreads to every output",),
        **estimates,
    )


def _seed(seed: int, purpose: int) -> np.ndarray:
    return np.array([seed, purpose], "int32")


def _prior_samples(vector: LatentVector, count: int, seed: int) -> np.ndarray:
    return np.asarray(vector.prior().sample(count, seed=_seed(seed, 1)), "float64")


def _kl(vector: LatentVector, x: np.ndarray, seed: int) -> np.ndarray:
    """Return the model's own KL(q(z|x) || p(z)) of each example in nats, (examples,)."""
    batched = BatchedFunction(lambda x, seed: vector.draw(x, seed)[1])
    return np.asarray(batched(x, seed=_seed(seed, 3)), "float64")


def _dimension_wise_kl_share(
    vector: LatentVector, mean: np.ndarray, stddev: np.ndarray, information: tuple[Estimate, ...]
) -> Estimate:
    """Return sum_d KL(q(z_d) || p(z_d)) / sum_d kl_d, with KL(q(z_d) || p(z_d)) = kl_d - I(x; z_d).

    Not measured under a prior whose marginals are no standard normals.
    """
    if not vector.standard_normal_prior:
        return Estimate.not_measured()
    kl = Estimate.of_mean(kl_by_axis(mean, stddev).sum(axis=1))
    return _share(_difference(kl, _sum(information)), kl)


def _at_scale_floor(vector: LatentVector, mean: np.ndarray) -> Estimate:
    """Return the share of the likelihood's scales at their lower bound; decoded at `mean`."""
    likelihood = vector.model.generate({vector.name: tf.constant(mean, "float32")})
    at_floor = likelihood.layer.at_floor(likelihood.params).values()
    if not at_floor:
        return Estimate.not_measured()
    shares = [np.asarray(part, "float64").reshape(len(mean), -1) for part in at_floor]
    return Estimate.of_mean(np.concatenate(shares, axis=1).mean(axis=1))


def _generalization_gap(
    vae: Any, x: np.ndarray, x_train: np.ndarray | None, rng: np.random.Generator, seed: int
) -> Estimate:
    """Return the mean ELBO of training examples minus that of `x`, in nats per example."""
    if x_train is None:
        return Estimate.not_measured()
    chosen = rng.permutation(len(x_train))[:DECODED_EXAMPLES]
    seen, held_out = (Estimate.of_mean(vae.elbo(data, seed=seed)) for data in (x_train[chosen], x))
    return Estimate.of(seen.value - held_out.value, np.hypot(seen.stderr, held_out.stderr))


def _sum(parts: Sequence[Estimate]) -> Estimate:
    """Return the sum of independent estimates. Their biases add up."""
    error = np.sqrt(sum(part.stderr**2 for part in parts))
    plain = Estimate.of(sum(part.value for part in parts), error)
    return replace(plain, high=plain.high + sum(_beyond(part) for part in parts))


def _difference(total: Estimate, part: Estimate) -> Estimate:
    """Return total - part. An asymmetric interval of `part` widens the lower end, not below 0."""
    error = np.hypot(total.stderr, part.stderr)
    plain = Estimate.of(total.value - part.value, error)
    return replace(plain, low=min(max(plain.low - _beyond(part), 0.0), plain.low))


def _beyond(part: Estimate) -> float:
    """Return how far the interval reaches above 1.96 standard errors: for a known bias."""
    return max(part.high - Estimate.of(part.value, part.stderr).high, 0.0)


def _share(part: Estimate, total: Estimate) -> Estimate:
    """Return part / total, with the interval of `part`: the total is known far better."""
    return part.over(max(total.value, 1e-12))


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


def _dimensions(
    mean: np.ndarray,
    stddev: np.ndarray,
    seed: int,
    information: aggregate.Information,
    explained: ExplainedVariance,
    ranking: np.ndarray,
) -> tuple[LatentDimension, ...]:
    """Return the latent dimensions, the most informative first."""
    low, high = safe_ranges(mean, stddev, seed)
    kl = kl_by_axis(mean, stddev)
    own = information.per_dimension
    total = max(sum(max(part.value, 0.0) for part in own), 1e-12)
    return tuple(
        LatentDimension(
            index=int(d),
            kl=Estimate.of_mean(kl[:, d]),
            information=own[d],
            share=max(own[d].value, 0.0) / total,
            mean_variance=Estimate.of_variance(mean[:, d]),
            mean_stddev=Estimate.of_mean(stddev[:, d]),
            low=float(low[d]),
            high=float(high[d]),
            output_variance=explained.per_dimension[d],
        )
        for d in ranking
    )


def _outside_ranges(
    prior_samples: np.ndarray, dimensions: tuple[LatentDimension, ...], examples: int
) -> Estimate:
    """Return how often a prior sample is outside the safe range of an informative dimension.

    The error is that of the samples and that of the ranges, which are quantiles of as many draws as
    there are examples.
    """
    least = THRESHOLDS["informative"].value
    used = [d for d in dimensions if d.information.value > least]
    if not used:
        return Estimate.not_measured()
    z = prior_samples[:, [d.index for d in used]]
    outside = (z < [d.low for d in used]) | (z > [d.high for d in used])
    share = Estimate.of_mean(outside.mean(axis=1))
    of_ranges = np.sqrt(share.value * (1.0 - share.value) / examples)
    return Estimate.of(share.value, np.hypot(share.stderr, of_ranges))


def _notes(
    vector: LatentVector, posteriors: AggregatePosterior, information: Estimate, gaps: Gaps
) -> tuple[str, ...]:
    notes, components = [], posteriors.components
    count = len(components.mean)
    if information.value > 0.8 * np.log(count):
        notes.append(
            f"the mutual information is near its maximum for {count} examples, log {count} = "
            f"{np.log(count):.1f} nats: it is a lower bound, and the marginal KL an upper bound"
        )
    if gaps.held_out.value > 0.5:
        notes.append(
            "most samples of held-out posteriors are in gaps too: the share of prior samples in "
            "gaps is not informative here"
        )
    if np.any(components.stddev <= LEAST_STDDEV):
        notes.append(f"standard deviations below {LEAST_STDDEV:g} were replaced by this value")
    if isinstance(components, OwnDensities):
        notes.append(
            f"the posterior has no density in closed form: {len(posteriors.z)} samples and {count} "
            "posteriors were compared, the information of single dimensions is that of normals "
            "with the same moments, and the overlap was not measured"
        )
    elif not vector.diagonal_posterior:
        notes.append("the information of single dimensions is that of the posterior's marginals")
    if not vector.standard_normal_prior:
        notes.append(
            "the KL of single dimensions is that to a standard normal, which is not the prior; "
            "the dimension-wise KL was not measured"
        )
    return tuple(notes)
