"""The report of a diagnosis: every number with its error, a verdict, ways to write it down."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from kvae.diagnosis.aggregate import Discrepancy, Gaps
from kvae.diagnosis.decoder import Reading, Spending
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.paths import Path
from kvae.diagnosis.verdict import Verdict

__all__ = ["LatentDimension", "LatentReport", "Sketch"]

ACTIVE_VARIANCE = 0.01  # Burda et al. 2016


@dataclass(frozen=True)
class LatentDimension:
    """One latent dimension.

    Attributes:
        index: its place in z.
        kl: mean KL of its posterior to a standard normal, nats.
        information: I(x; z_d), nats.
        share: `information` as a share of the sum over all dimensions.
        mean_variance: variance of the posterior mean over the data.
        mean_stddev: mean standard deviation of the posterior.
        low: 0.5% quantile of the aggregate posterior, the lower end of the safe range.
        high: 99.5% quantile, its upper end.
        output_variance: share of the data's variance that the decoder moves by this axis.
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
        """Whether the posterior mean varies by more than 0.01."""
        return self.mean_variance.value > ACTIVE_VARIANCE


@dataclass(frozen=True)
class Sketch:
    """A few posteriors in the two most informative dimensions, for the picture.

    Attributes:
        dimensions: indices of the two dimensions (the same one twice if there is one).
        mean: (mean, mean) of each posterior.
        stddev: (stddev, stddev) of each posterior.
    """

    dimensions: tuple[int, int]
    mean: tuple[tuple[float, float], ...]
    stddev: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class LatentReport:
    """What `kvae.diagnose` found. Information and divergences are in nats per example.

    Attributes:
        examples: number of examples it rests on.
        seed: seed of every draw.
        verdict: the state of the latent space, with evidence and advice.
        kl: E KL(q(z|x) || p(z)).
        mutual_information: I_q(x; z).
        marginal_kl: KL(q(z) || p(z)) = kl - mutual_information.
        drift: root mean square of the posterior means over dimensions; 1 or less where the
            aggregate posterior is the prior.
        drift_share: sum over dimensions of KL(q(z_d) || p(z_d)) as a share of the sum of their KLs.
        mmd: distance of the aggregate posterior to the prior.
        gaps: how much of the prior falls where no posterior has mass.
        overlap: mean overlap of neighbouring posteriors, 0 to 1.
        decoder: how the decoder reads the codes.
        noise_share: `decoder.noise_cost` as a share of `decoder.code_gain`.
        sample_distance: distance of decoded draws from the prior to the nearest example, in units
            of that of the examples to each other.
        paths: walks between real pairs, "linear" and "spherical".
        spending: what the decoder spends its axes on, against PCA.
        dimensions: the dimensions, the most informative first.
        sketch: a few posteriors for the picture.
        notes: what limits these numbers, sentences.

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
    drift: Estimate
    drift_share: Estimate
    mmd: Discrepancy
    gaps: Gaps
    overlap: Estimate
    decoder: Reading
    noise_share: Estimate
    sample_distance: Estimate
    paths: dict[str, Path]
    spending: Spending
    dimensions: tuple[LatentDimension, ...]
    sketch: Sketch
    notes: tuple[str, ...]

    @property
    def active_units(self) -> int:
        """The number of dimensions whose posterior mean varies by more than 0.01.

        References:
            Burda, Grosse, Salakhutdinov: Importance Weighted Autoencoders, 2016, section 5.2,
            https://arxiv.org/abs/1509.00519
        """
        return sum(dimension.active for dimension in self.dimensions)

    def figures(self) -> dict[str, Estimate]:
        """Return the numbers about the latent space as a whole, by what they say."""
        linear, spherical = self.paths["linear"], self.paths["spherical"]
        return {
            "KL to the prior, nats": self.kl,
            "mutual information, nats": self.mutual_information,
            "marginal KL, nats": self.marginal_kl,
            "root mean square of the means": self.drift,
            "marginals off the prior, share of KL": self.drift_share,
            "MMD^2 to the prior": self.mmd.squared,
            "prior draws in gaps": self.gaps.prior,
            "  held-out draws in gaps": self.gaps.held_out,
            "overlap of neighbours": self.overlap,
            "gain by the own code, nats": self.decoder.code_gain,
            "cost of the noise, nats": self.decoder.noise_cost,
            "price of a nat of KL, nats": self.decoder.price,
            "variance explained": self.spending.explained[-1],
            "midpoint re-encoding error": linear.reencoding_error,
            "  at the ends": linear.reencoding_error_ends,
            "  spherical": spherical.reencoding_error,
            "midpoint ELBO drop, nats": linear.elbo_drop,
            "  spherical ": spherical.elbo_drop,
            "unevenness of steps": linear.unevenness,
            "  spherical  ": spherical.unevenness,
            "midpoint to the nearest example": linear.data_distance,
            "  spherical   ": spherical.data_distance,
            "prior draw to the nearest example": self.sample_distance,
        }

    def __str__(self) -> str:
        doubt = "" if self.verdict.certain else " (near a threshold)"
        lines = [f"{self.verdict.state}{doubt}: {self.verdict.advice}"]
        lines += [f"  - {sentence}" for sentence in self.verdict.evidence]
        lines += [f"  note: {sentence}" for sentence in self.notes]
        lines += ["", f"{self.examples} examples, {self.active_units} active units"]
        lines += [f"  {name:<38}{estimate}" for name, estimate in self.figures().items()]
        lines += [
            f"  {'MMD^2 of equal distributions, 95%':<38}{self.mmd.baseline:.1e}",
            "",
            "  axis  information, nats    KL, nats  share  stddev  safe range     output variance",
        ]
        for d in self.dimensions:
            safe = f"{d.low:.2f} .. {d.high:.2f}"
            lines.append(
                f"  z{d.index:<4} {d.information!s:<17} {d.kl.value:>10.2f} {d.share:>6.0%} "
                f"{d.mean_stddev.value:>7.2f}  {safe:<15}{d.output_variance.value:>6.1%}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dicts, lists, strings and numbers; None for what is not finite."""
        return {"active_units": self.active_units, **_plain(dataclasses.asdict(self))}

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON.

        Args:
            indent: as in `json.dumps`.
        """
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def plot(self) -> Any:
        """Return a `matplotlib.figure.Figure` of the report."""
        from kvae.diagnosis.drawing import draw

        return draw(self)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
