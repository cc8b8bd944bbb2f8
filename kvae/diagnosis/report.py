"""The report of a diagnosis: estimates, verdict, and output as text, JSON or a figure."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from kvae.diagnosis.aggregate import Discrepancy, Gaps
from kvae.diagnosis.explained_variance import ExplainedVariance
from kvae.diagnosis.findings import Finding
from kvae.diagnosis.path_quality import PathQuality
from kvae.diagnosis.plotted import PlottedEvents, PlottedPosteriors
from kvae.diagnosis.sensitivity import DecoderSensitivity
from kvae.diagnosis.training_settings import TrainingSettings
from kvae.diagnosis.verdict import Verdict
from kvae.evaluation.active_units import is_active
from kvae.evaluation.estimate import Estimate

__all__ = ["LatentDimension", "LatentReport"]

SHOWN_FINDINGS = 3


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
        return bool(is_active(self.mean_variance.value))


@dataclass(frozen=True)
class LatentReport:
    """The result of `kvae.diagnose`. Information and divergences are in nats per example.

    An estimate that the model does not allow is NaN (None in JSON); `notes` has the reason.

    Attributes:
        examples: number of examples.
        seed: seed of all samples.
        verdict: the state of the latent space, with evidence and advice.
        findings: what is remarkable beside the state, what matters most first.
        settings: what the model says of its training.
        kl: E KL(q(z|x) || p(z)).
        mutual_information: I_q(x; z).
        marginal_kl: KL(q(z) || p(z)) = kl - mutual_information.
        mean_rms: root mean square of the posterior means over examples and dimensions; at most 1
            where the aggregate posterior equals a standard normal prior.
        dimension_wise_kl_share: sum_d KL(q(z_d) || p(z_d)) / sum_d E KL(q(z_d|x) || p(z_d)).
        prior_mismatch: how far the aggregate posterior is off the prior, as a share of the KL:
            the dimension-wise KL under a standard normal prior, else the marginal KL.
        mmd: maximum mean discrepancy between aggregate posterior and prior.
        gaps: share of prior samples where the aggregate posterior has no mass.
        outside_ranges: how often a prior sample is outside the safe range of a dimension, as a
            share of samples and informative dimensions; 0.01 where the aggregate posterior has the
            marginals of the prior.
        overlap: mean overlap of a posterior and its nearest neighbour, 0 to 1.
        sensitivity: how the likelihood depends on the codes and on the posterior's noise.
        noise_share: `sensitivity.noise_cost` divided by `sensitivity.code_gain`.
        at_scale_floor: share of the likelihood's scales at their lower bound, 0 to 1.
        generalization_gap: mean ELBO of training examples minus that of these, nats.
        sample_distance: distance of decoded prior samples to the nearest example, see
            `kvae.diagnosis.data_distance.DataDistance`.
        paths: quality of "linear" and "spherical" paths between pairs of examples.
        explained_variance: variance of the data that reconstructions explain, beside PCA.
        dimensions: the latent dimensions, the most informative first.
        plotted: posteriors for the figure.
        events: pictures or series for the figure; not part of `to_dict`.
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
    findings: tuple[Finding, ...]
    settings: TrainingSettings
    kl: Estimate
    mutual_information: Estimate
    marginal_kl: Estimate
    mean_rms: Estimate
    dimension_wise_kl_share: Estimate
    prior_mismatch: Estimate
    mmd: Discrepancy
    gaps: Gaps
    outside_ranges: Estimate
    overlap: Estimate
    sensitivity: DecoderSensitivity
    noise_share: Estimate
    at_scale_floor: Estimate
    generalization_gap: Estimate
    sample_distance: Estimate
    paths: dict[str, PathQuality]
    explained_variance: ExplainedVariance
    dimensions: tuple[LatentDimension, ...]
    plotted: PlottedPosteriors | None
    events: PlottedEvents | None
    notes: tuple[str, ...]

    @property
    def measured(self) -> bool:
        """Whether there are estimates; there are none where a weight is not finite."""
        return bool(self.dimensions)

    def judged(self, verdict: Verdict, findings: tuple[Finding, ...]) -> "LatentReport":
        """Return this report with its verdict and findings."""
        return dataclasses.replace(self, verdict=verdict, findings=findings)

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
            "prior samples outside safe ranges, share": self.outside_ranges,
            "overlap of nearest posteriors": self.overlap,
            "code gain, nats": self.sensitivity.code_gain,
            "noise cost, nats": self.sensitivity.noise_cost,
            "implied beta": self.sensitivity.implied_beta,
            "scales at their lower bound, share": self.at_scale_floor,
            "ELBO of training data above that of these, nats": self.generalization_gap,
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
        lines = [*self.summary(), *(f"  note: {sentence}" for sentence in self.notes)]
        lines += ["", f"{self.examples} examples, {self.active_units} active units"]
        measured = self.estimates().items()
        lines += [f"  {name:<49}{found}" for name, found in measured if found.measured]
        if not self.measured:
            return "\n".join(lines)
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

    def summary(self) -> list[str]:
        """Return the lines that matter most: the state, three findings, what to do next."""
        doubt = "" if self.verdict.certain else " (not certain)"
        lines = [f"{self.verdict.state}{doubt}: {self.verdict.advice}"]
        lines += [f"  - {sentence}" for sentence in self.verdict.evidence]
        lines += [f"  - {sentence}" for sentence in self.settings.sentences()]
        lines += [f"  * {finding}" for finding in self.findings[:SHOWN_FINDINGS]]
        more = [finding.name for finding in self.findings[SHOWN_FINDINGS:]]
        lines += [f"  * further findings: {', '.join(more)}"] if more else []
        if self.verdict.next_step:
            lines += ["  next:", *(f"    {line}" for line in self.verdict.next_step.splitlines())]
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the report as dicts, lists, strings and numbers; None for non-finite numbers."""
        found = dataclasses.asdict(dataclasses.replace(self, events=None))
        del found["events"]
        return {"active_units": self.active_units, **_plain(found)}

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON.

        Args:
            indent: as in `json.dumps`.
        """
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def plot(self) -> Any:
        """Return a `matplotlib.figure.Figure` of the report.

        It shows posteriors (by label, where labels were given), information per dimension and
        explained variance, and of pictures and series also traversals, and prior samples beside
        data.
        """
        from kvae.diagnosis.plot import plot_report

        return plot_report(self)

    def save(self, path: Any) -> None:
        """Write the report as one HTML file with its figure; it needs no other file or network.

        Args:
            path: name of the file, ending in .html.

        Raises:
            ValueError: If `path` does not end in .html.

        Example:
            >>> kvae.diagnose(vae, x_test).save(folder / "report.html")
        """
        from kvae.diagnosis.page import write_page

        write_page(self, path)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
