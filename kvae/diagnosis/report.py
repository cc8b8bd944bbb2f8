"""The report of a diagnosis: estimates, verdict, and output as text, JSON or a figure."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from kvae.diagnosis.aggregate import Discrepancy, Gaps
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.explained_variance import ExplainedVariance
from kvae.diagnosis.path_quality import PathQuality
from kvae.diagnosis.sensitivity import DecoderSensitivity
from kvae.diagnosis.verdict import Verdict

__all__ = ["LatentDimension", "LatentReport", "PlottedPosteriors"]

ACTIVE_VARIANCE = 0.01  # Burda et al. 2016


@dataclass(frozen=True)
class LatentDimension:
    """One latent dimension.

    Attributes:
        index: its index in z.
        kl: mean KL of its posterior to a standard normal, nats.
        information: I(x; z_d), nats.
        share: `information` as a share of the sum over all dimensions.
        mean_variance: variance of the posterior mean over the data.
        mean_stddev: mean standard deviation of the posterior.
        low: 0.5% quantile of the aggregate posterior, lower end of the safe range.
        high: 99.5% quantile of the aggregate posterior, upper end of the safe range.
        output_variance: variance of the decoder's output caused by this dimension, as a share of
            the variance of the data.
    """

    index: int
    kl: Estimate
    information: Estimate
    share: float
    mean_variance: Estimate
    mean_stddev: Estimate
    low: float
    high: float
    output_variance: Estimate

    @property
    def active(self) -> bool:
        """Whether the variance of the posterior mean is above 0.01."""
        return self.mean_variance.value > ACTIVE_VARIANCE


@dataclass(frozen=True)
class PlottedPosteriors:
    """Posteriors of some examples in the two most informative dimensions, for the figure.

    Attributes:
        dimensions: indices of the two dimensions; equal if the model has one dimension.
        mean: the two means of each posterior.
        stddev: the two standard deviations of each posterior.
    """

    dimensions: tuple[int, int]
    mean: tuple[tuple[float, float], ...]
    stddev: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class LatentReport:
    """The result of `kvae.diagnose`. Information and divergences are in nats per example.

    Attributes:
        examples: number of examples.
        seed: seed of all samples.
        verdict: the state of the latent space, with evidence and advice.
        kl: E KL(q(z|x) || p(z)).
        mutual_information: I_q(x; z).
        marginal_kl: KL(q(z) || p(z)) = kl - mutual_information.
        mean_rms: root mean square of the posterior means over examples and dimensions; at most 1
            where the aggregate posterior equals a standard normal prior.
        dimension_wise_kl_share: sum_d KL(q(z_d) || p(z_d)) / sum_d E KL(q(z_d|x) || p(z_d)).
        mmd: maximum mean discrepancy between aggregate posterior and prior.
        gaps: share of prior samples where the aggregate posterior has no mass.
        overlap: mean overlap of a posterior and its nearest neighbour, 0 to 1.
        sensitivity: how the likelihood depends on the codes and on the posterior's noise.
        noise_share: `sensitivity.noise_cost` divided by `sensitivity.code_gain`.
        sample_distance: distance of decoded prior samples to the nearest example, see
            `kvae.diagnosis.data_distance.DataDistance`.
        paths: quality of "linear" and "spherical" paths between pairs of examples.
        explained_variance: variance of the data that reconstructions explain, beside PCA.
        dimensions: the latent dimensions, the most informative first.
        plotted: posteriors for the figure.
        notes: limitations of these estimates, one sentence each.

    Example:
        >>> report = kvae.diagnose(vae, x_test)
        >>> [d.index for d in report.dimensions] in ([0, 1], [1, 0])
        True
        >>> report.plot().savefig(folder / "report.png")
    """

    examples: int
    seed: int
    verdict: Verdict
    kl: Estimate
    mutual_information: Estimate
    marginal_kl: Estimate
    mean_rms: Estimate
    dimension_wise_kl_share: Estimate
    mmd: Discrepancy
    gaps: Gaps
    overlap: Estimate
    sensitivity: DecoderSensitivity
    noise_share: Estimate
    sample_distance: Estimate
    paths: dict[str, PathQuality]
    explained_variance: ExplainedVariance
    dimensions: tuple[LatentDimension, ...]
    plotted: PlottedPosteriors
    notes: tuple[str, ...]

    @property
    def active_units(self) -> int:
        """The number of dimensions whose posterior mean has a variance above 0.01.

        References:
            Burda, Grosse, Salakhutdinov: Importance Weighted Autoencoders, 2016, section 5.2,
            https://arxiv.org/abs/1509.00519
        """
        return sum(dimension.active for dimension in self.dimensions)

    def estimates(self) -> dict[str, Estimate]:
        """Return the estimates for the latent space as a whole, by description."""
        linear, spherical = self.paths["linear"], self.paths["spherical"]
        return {
            "KL to the prior, nats": self.kl,
            "mutual information, nats": self.mutual_information,
            "marginal KL, nats": self.marginal_kl,
            "RMS of the posterior means": self.mean_rms,
            "dimension-wise KL, share of the KL": self.dimension_wise_kl_share,
            "MMD^2 to the prior": self.mmd.squared,
            "prior samples in gaps, share": self.gaps.prior,
            "held-out samples in gaps, share": self.gaps.held_out,
            "overlap of nearest posteriors": self.overlap,
            "code gain, nats": self.sensitivity.code_gain,
            "noise cost, nats": self.sensitivity.noise_cost,
            "implied beta": self.sensitivity.implied_beta,
            "explained variance, share": self.explained_variance.cumulative[-1],
            "re-encoding error, midpoint, linear path": linear.reencoding_error,
            "re-encoding error, midpoint, spherical path": spherical.reencoding_error,
            "re-encoding error, ends": linear.reencoding_error_ends,
            "ELBO drop at the midpoint, linear path, nats": linear.elbo_drop,
            "ELBO drop at the midpoint, spherical path, nats": spherical.elbo_drop,
            "step size variation, linear path": linear.step_variation,
            "step size variation, spherical path": spherical.step_variation,
            "midpoint to nearest example, linear path": linear.data_distance,
            "midpoint to nearest example, spherical path": spherical.data_distance,
            "prior sample to nearest example": self.sample_distance,
        }

    def __str__(self) -> str:
        doubt = "" if self.verdict.certain else " (near a threshold)"
        lines = [f"{self.verdict.state}{doubt}: {self.verdict.advice}"]
        lines += [f"  - {sentence}" for sentence in self.verdict.evidence]
        lines += [f"  note: {sentence}" for sentence in self.notes]
        lines += ["", f"{self.examples} examples, {self.active_units} active units"]
        lines += [f"  {name:<49}{estimate}" for name, estimate in self.estimates().items()]
        lines += [
            f"  {'MMD^2 of equal distributions, 95% quantile':<49}{self.mmd.baseline:.1e}",
            "",
            "  dimension  information, nats    KL, nats  share  stddev  safe range     "
            "output variance",
        ]
        for d in self.dimensions:
            safe = f"{d.low:.2f} .. {d.high:.2f}"
            lines.append(
                f"  z{d.index:<9} {d.information!s:<17} {d.kl.value:>10.2f} {d.share:>6.0%} "
                f"{d.mean_stddev.value:>7.2f}  {safe:<15}{d.output_variance.value:>6.1%}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as dicts, lists, strings and numbers; None for non-finite numbers."""
        return {"active_units": self.active_units, **_plain(dataclasses.asdict(self))}

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON.

        Args:
            indent: as in `json.dumps`.
        """
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def plot(self) -> Any:
        """Return a `matplotlib.figure.Figure` of the report."""
        from kvae.diagnosis.plot import plot_report

        return plot_report(self)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
