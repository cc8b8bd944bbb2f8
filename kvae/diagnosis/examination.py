"""`diagnose`: measure a trained VAE's latent space and say what state it is in."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from kvae.diagnosis import aggregate, decoder, paths
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.nearness import Nearness
from kvae.diagnosis.report import LatentDimension, LatentReport, Sketch
from kvae.diagnosis.verdict import judge
from kvae.evaluation.axes import kl_by_axis, safe_ranges
from kvae.layers import MultivariateNormalDiag
from kvae.models.latent_model import LatentModel
from kvae.priors import StandardNormal
from kvae.streams import Stream, generator

__all__ = ["diagnose"]

LEAST_EXAMPLES = 50
FEW_EXAMPLES = 500
DECODED_EXAMPLES = 1_000  # those whose codes are decoded again and again
DECODINGS = 8_000  # to find what each axis is spent on, so that many axes take no longer
SPENDING_EXAMPLES = (100, 500)  # the least and the most decoded for that
PAIRS = 200
SAMPLES = 200
SKETCHED = 150


def diagnose(vae: Any, x: Any, seed: int = 0) -> LatentReport:
    """Measure the latent space of a VAE on data, and say whether it is healthy.

    The parts of the cost: every example is encoded once; information, gaps and overlap compare
    1,000 draws with at most 10,000 posteriors; 1,000 examples are decoded a few times, and 100 to
    500 twice for each latent dimension. Which examples those are depends on `seed` alone.

    Args:
        vae: a `kvae.VAE`; it is read and not changed.
        x: examples, (examples, *event_shape), at least 50; best those held out from training.
        seed: int, seeds every choice and draw.

    Returns:
        A `LatentReport`; print it, or see `to_json` and `plot`.

    Raises:
        ValueError: If `vae` is no `kvae.VAE`; if `x` does not fit it, holds too few examples or
            does not vary; if the model's codes are not finite.

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
    x = _checked(vae, x)
    rng = generator(seed, Stream.EXAMINATION)
    mean, stddev = (np.asarray(value, "float64") for value in vae.encode(x))
    if not (np.isfinite(mean).all() and np.isfinite(stddev).all() and (stddev > 0.0).all()):
        raise ValueError(
            "Expected vae to have posteriors with finite means and positive standard deviations. "
            "Received: NaN, infinite or zero values; training has probably diverged."
        )
    codes = aggregate.Codes.choose(mean, stddev, rng)
    prior_draws = _prior_draws(vae, len(codes.z), seed)
    information = aggregate.information(codes)
    kl = _kl(vae, mean, stddev, rng)
    low, high = safe_ranges(mean, stddev, seed)

    some = rng.permutation(len(x))[:DECODED_EXAMPLES]
    reading = decoder.reading(vae, x[some], mean[some], stddev[some], rng)
    ranking = np.argsort([-part.value for part in information.per_dimension], kind="stable")
    # Each is decoded twice for every dimension.
    fewer = some[: int(np.clip(DECODINGS // (2 * vae.latent_dim), *SPENDING_EXAMPLES))]
    spending = decoder.spending(vae, x[fewer], mean[fewer], ranking)
    ends = rng.permutation(len(x))[: 2 * min(PAIRS, len(x) // 2)]
    pairs = mean[ends].reshape(2, -1, vae.latent_dim)
    nearness = Nearness(x[some])
    per_dimension_kl = kl_by_axis(mean, stddev)
    apart = sum(part.value for part in information.per_dimension)
    apart_error = np.sqrt(sum(part.stderr**2 for part in information.per_dimension))
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
            output_variance=spending.per_dimension[d],
        )
        for d in ranking
    )
    numbers: dict[str, Any] = {
        "kl": kl,
        "mutual_information": information.total,
        "marginal_kl": _difference(kl, information.total),
        "drift": _root_mean_square(mean),
        "drift_share": Estimate.of((kl_sum - apart) / kl_sum, apart_error / kl_sum),
        "mmd": aggregate.maximum_mean_discrepancy(codes, prior_draws, rng),
        "gaps": aggregate.gaps(codes, prior_draws),
        "overlap": aggregate.overlap(codes),
        "decoder": reading,
        "spending": spending,
        "noise_share": _quotient(reading.noise_cost, reading.code_gain),
        "dimensions": dimensions,
    }
    verdict = judge(SimpleNamespace(**numbers), isinstance(vae.prior, StandardNormal))
    return LatentReport(
        examples=len(x),
        seed=int(seed),
        verdict=verdict,
        paths={
            path: paths.walk(vae, pairs[0], pairs[1], path, nearness, seed)
            for path in ("linear", "spherical")
        },
        sample_distance=Estimate.of_mean(nearness(vae.decode(prior_draws[:SAMPLES]))),
        sketch=_sketch(mean, stddev, ranking),
        notes=_notes(vae, x, codes, numbers),
        **numbers,
    )


def _checked(vae: Any, x: Any) -> np.ndarray:
    if not isinstance(vae, LatentModel):
        raise ValueError(f"Expected vae to be a kvae.VAE. Received: {vae!r}")
    x = vae.named_inputs().check_x(x)
    if len(x) < LEAST_EXAMPLES:
        raise ValueError(
            f"Expected x to hold at least {LEAST_EXAMPLES} examples: fewer say nothing about a "
            f"latent space. Received: {len(x)} examples"
        )
    if np.all(x == x[:1]):
        raise ValueError(
            f"Expected x to hold examples that differ. Received: {len(x)} equal examples"
        )
    return x


def _prior_draws(vae: Any, count: int, seed: int) -> np.ndarray:
    draws = vae.prior.distribution().sample(count, seed=np.array([seed, 1], "int32"))
    return np.asarray(draws, "float64")


def _kl(vae: Any, mean: np.ndarray, stddev: np.ndarray, rng: np.random.Generator) -> Estimate:
    """Return E KL(q(z|x) || p(z)), in closed form where the prior is a standard normal."""
    if isinstance(vae.prior, StandardNormal):
        return Estimate.of_mean(kl_by_axis(mean, stddev).sum(axis=1))
    noise = rng.standard_normal(mean.shape)
    log_q = -0.5 * (noise**2 + aggregate.LOG_2_PI) - np.log(stddev)
    log_p = vae.prior.distribution().log_prob((mean + stddev * noise).astype("float32"))
    return Estimate.of_mean(log_q.sum(axis=1) - np.asarray(log_p, "float64"))


def _difference(total: Estimate, part: Estimate) -> Estimate:
    """Return total - part, with the interval that the part's own, perhaps lopsided, one leaves."""
    error = np.hypot(total.stderr, part.stderr)
    plain = Estimate.of(total.value - part.value, error)
    low = plain.low - max(part.high - Estimate.of(part.value, part.stderr).high, 0.0)
    return Estimate(plain.value, plain.stderr, min(max(low, 0.0), plain.low), plain.high)


def _quotient(above: Estimate, below: Estimate) -> Estimate:
    """Return above / below of independent estimates, the error by linearization."""
    if below.value <= 0.0:
        return Estimate(0.0, np.inf, -np.inf, np.inf)
    value = above.value / below.value
    return Estimate.of(value, np.hypot(above.stderr, value * below.stderr) / below.value)


def _root_mean_square(mean: np.ndarray) -> Estimate:
    square = Estimate.of_mean((mean**2).mean(axis=1))
    root = np.sqrt(square.value)
    return Estimate.of(root, square.stderr / max(2.0 * root, 1e-12))


def _sketch(mean: np.ndarray, stddev: np.ndarray, ranking: np.ndarray) -> Sketch:
    first, second = int(ranking[0]), int(ranking[min(1, len(ranking) - 1)])
    chosen = np.ix_(np.arange(min(SKETCHED, len(mean))), np.array([first, second]))
    return Sketch(
        (first, second),
        tuple((float(a), float(b)) for a, b in mean[chosen]),
        tuple((float(a), float(b)) for a, b in stddev[chosen]),
    )


def _notes(vae: Any, x: np.ndarray, codes: Any, numbers: dict[str, Any]) -> tuple[str, ...]:
    notes = []
    ceiling = np.log(len(codes.mean))
    if numbers["mutual_information"].value > 0.8 * ceiling:
        notes.append(
            f"the mutual information is near log {len(codes.mean)} = {ceiling:.1f} nats, the most "
            "that so many examples can show: it is a lower bound, the marginal KL an upper one"
        )
    if numbers["gaps"].held_out.value > 0.5:
        notes.append("draws of left-out posteriors fall into gaps as well: gaps say little here")
    if len(x) < FEW_EXAMPLES:
        notes.append(f"{len(x)} examples: mind the intervals, and give {FEW_EXAMPLES} or more")
    if np.any(codes.stddev <= aggregate.LEAST_STDDEV):
        notes.append(f"standard deviations below {aggregate.LEAST_STDDEV:g} were taken as that")
    if not isinstance(vae.posterior_layer, MultivariateNormalDiag):
        notes.append("the posterior is seen as a normal with independent dimensions")
    if not isinstance(vae.prior, StandardNormal):
        notes.append("the numbers of single dimensions and the price refer to a standard normal")
    return tuple(notes)
