"""The ablation: train a VAE without each of its parts, and compare the diagnoses.

`claims` states what each part of a VAE does for the latent space, as comparisons of two variants.
A comparison counts for or against a claim only if the 95% intervals do not overlap.
"""

import collections
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from kvae import checks
from kvae.contract.plain_array import plain_array
from kvae.diagnosis.diagnose_model import check_differ, diagnose
from kvae.diagnosis.over_seeds import over_seeds
from kvae.diagnosis.plot import plot_posteriors
from kvae.diagnosis.report import LatentReport
from kvae.diagnosis.variant import VARIANTS, Variant, train_variant
from kvae.diagnosis.verdict import THRESHOLDS
from kvae.evaluation.estimate import Estimate
from kvae.evaluation.gaussian_vector import one_latent_vector
from kvae.exploration import interpolate
from kvae.progress import progress

__all__ = ["Ablation", "Claim", "Comparison", "ablation", "claims"]

IMAGES = 8  # in each row of a figure
REQUIRED = ("full", "no sampling", "autoencoder", "no KL", "KL alone")


@dataclass(frozen=True)
class Comparison:
    """A comparison of two estimates.

    Attributes:
        text: what is compared, with both estimates.
        supports: whether the result agrees with the claim; None if the intervals overlap.
    """

    text: str
    supports: bool | None


@dataclass(frozen=True)
class Claim:
    """A statement about a part of a VAE, with the comparisons that test it.

    Attributes:
        sentence: the statement.
        comparisons: the comparisons.
    """

    sentence: str
    comparisons: tuple[Comparison, ...]

    @property
    def outcome(self) -> str:
        """Return "supported", "contradicted", "mixed" or "undecided"."""
        found = {item.supports for item in self.comparisons}
        if found == {True}:
            return "supported"
        if True not in found:
            return "contradicted" if False in found else "undecided"
        return "mixed"


@dataclass(frozen=True)
class Ablation:
    """The result of an ablation.

    Attributes:
        reports: for each variant by name, a `LatentReport` whose estimates are means over the
            seeds, with intervals over them.
        runs: the reports of the seeds that these are the means of.
        claims: the four claims with their comparisons.
        figures: matplotlib figures of the first seed by name: "posteriors", "interpolations",
            "samples". The last two are of the first seed whose weights are finite, without the
            variants that have none.
    """

    reports: dict[str, LatentReport]
    runs: dict[str, tuple[LatentReport, ...]]
    claims: tuple[Claim, ...]
    figures: dict[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Return reports and claims as dicts, lists, strings and numbers."""
        return {
            "variants": {name: report.to_dict() for name, report in self.reports.items()},
            "states": {
                name: [run.verdict.state for run in runs] for name, runs in self.runs.items()
            },
            "claims": [
                {
                    "sentence": claim.sentence,
                    "outcome": claim.outcome,
                    "comparisons": [vars(item) for item in claim.comparisons],
                }
                for claim in self.claims
            ],
        }

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def to_markdown(self) -> str:
        """Return a table of all estimates by variant, and the claims, as Markdown."""
        names = list(self.reports)
        columns = [report.estimates() for report in self.reports.values()]
        states = [_states(runs) for runs in self.runs.values()]
        active = [str(report.active_units) for report in self.reports.values()]
        rows = [["", *names], ["---", *["---:"] * len(names)], ["verdict", *states]]
        rows.append(["active units", *active])
        rows += [[name, *(str(column[name]) for column in columns)] for name in columns[0]]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        for number, claim in enumerate(self.claims, 1):
            lines += ["", f"{number}. {claim.sentence} **{claim.outcome.capitalize()}.**"]
            lines += [f"   - {_RESULTS[item.supports]}: {item.text}" for item in claim.comparisons]
        return "\n".join(lines) + "\n"


def _states(runs: tuple[LatentReport, ...]) -> str:
    """Return the states of the seeds in words: "healthy", or "healthy 2, untrained 1"."""
    counts = collections.Counter(run.verdict.state for run in runs).most_common()
    if len(counts) == 1:
        return counts[0][0]
    return ", ".join(f"{state} {count}" for state, count in counts)


_RESULTS = {True: "supports", False: "contradicts", None: "undecided"}


def ablation(
    x: np.ndarray,
    variants: dict[str, Variant] | None = None,
    seed: int = 0,
    seeds: int = 3,
    **training: Any,
) -> Ablation:
    """Train each variant of a VAE on the same data with several seeds, and test the claims.

    Args:
        x: images in [0, 1], (examples, height, width, channels) with 1 or 3 channels, for training
            and diagnosis.
        variants: the variants by name, by default `VARIANTS`. "full", "no sampling",
            "autoencoder", "no KL" and "KL alone" are required.
        seed: int, the first seed; the same for all variants.
        seeds: how many seeds, counted from `seed`. With one, the intervals are those of one run.
        **training: passed to `train_variant`: networks, latent_dim, hidden, epochs, batch_size,
            learning_rate.

    Returns:
        An `Ablation` with reports, claims and figures.

    Raises:
        ValueError: If a required variant is missing, or `x` does not hold such images, at least 50
            and not all equal.

    Example:
        >>> result = kvae.diagnosis.ablation(x_train, epochs=30)  # doctest: +SKIP
        >>> print(result.to_markdown())  # doctest: +SKIP
    """
    variants = VARIANTS if variants is None else variants
    missing = sorted(set(REQUIRED) - set(variants))
    if missing:
        raise ValueError(
            f"Expected variants to include {', '.join(map(repr, missing))}. Received: "
            f"variants={list(variants)}"
        )
    seeds = checks.positive_int("seeds", seeds)
    seed = checks.non_negative_int("seed", seed)
    x = plain_array(x, "x")
    if x.ndim != 4 or x.shape[-1] not in (1, 3):
        hint = " Add a channel axis: x[..., None]." if x.ndim == 3 else ""
        raise ValueError(
            "Expected x to hold images (examples, height, width, channels) with 1 or 3 channels. "
            f"Received: shape {x.shape}.{hint}"
        )
    check_differ(x, "x")
    models: dict[str, Any] = {}  # of the first seed whose weights are finite
    runs: dict[str, tuple[LatentReport, ...]] = dict.fromkeys(variants, ())
    with progress("Ablation", seeds * len(variants)) as begin:
        for each in range(seed, seed + seeds):
            for name, variant in variants.items():
                begin(f"{name}, seed {each}")
                vae = train_variant(variant, x, seed=each, **training)
                runs[name] += (diagnose(vae, x, each),)
                if runs[name][-1].measured:
                    models.setdefault(name, vae)
    reports = {name: over_seeds(found) for name, found in runs.items()}
    figures = {"posteriors": _posteriors({name: found[0] for name, found in runs.items()})}
    if models:
        paths = _interpolations(models, x)
        samples = {name: vae.sample(IMAGES, seed=seed) for name, vae in models.items()}
        figures["interpolations"] = _rows(models, paths, "Interpolation of two examples")
        figures["samples"] = _rows(models, samples, "Samples from the prior")
    return Ablation(reports, runs, claims(reports), figures)


def claims(reports: dict[str, Any]) -> tuple[Claim, ...]:
    """Test the four claims on the diagnoses of the variants.

    Args:
        reports: a `LatentReport` for each variant by name, as in `Ablation.reports`.
    """
    full, no_kl, kl_alone = reports["full"], reports["no KL"], reports["KL alone"]
    least = THRESHOLDS["informative"].value
    informative = sum(d.information.value >= least for d in full.dimensions)
    none = Estimate.not_measured()
    explained = full.explained_variance.cumulative[informative]
    pca = Estimate.of(full.explained_variance.pca[informative], 0.0) if full.dimensions else none
    linear, linear_no_kl = full.paths["linear"], no_kl.paths["linear"]
    return (
        Claim(
            "The decoder has to be trained on samples; without them the posterior's noise is "
            "arbitrary.",
            tuple(
                _greater(
                    f"the noise cost is a larger share of the code gain in {name!r}",
                    reports[name].noise_share,
                    full.noise_share,
                )
                for name in ("no sampling", "autoencoder")
            ),
        ),
        Claim(
            "The reconstruction loss makes the codes informative; with the KL alone every "
            "posterior mean is near zero.",
            (
                _greater(
                    "the mutual information is larger with it, nats",
                    full.mutual_information,
                    kl_alone.mutual_information,
                ),
                _greater(
                    "the RMS of the posterior means is larger with it",
                    full.mean_rms,
                    kl_alone.mean_rms,
                ),
                _greater("the KL is smaller with the KL alone, nats", full.kl, kl_alone.kl),
            ),
        ),
        Claim(
            "The KL packs the codes and leaves no gaps; without it the posterior means spread, the "
            "standard deviations shrink, and paths between codes leave the data.",
            (
                _greater(
                    "the RMS of the posterior means is larger without it",
                    no_kl.mean_rms,
                    full.mean_rms,
                ),
                _greater(
                    "the standard deviations are larger with it",
                    _mean_stddev(full),
                    _mean_stddev(no_kl),
                ),
                _greater(
                    "a larger share of the prior is in gaps without it",
                    no_kl.gaps.prior,
                    full.gaps.prior,
                ),
                _greater("nearest posteriors overlap more with it", full.overlap, no_kl.overlap),
                _greater(
                    "the re-encoding error of midpoints is larger without it",
                    linear_no_kl.reencoding_error,
                    linear.reencoding_error,
                ),
                _greater(
                    "the ELBO drops more at midpoints without it, nats",
                    linear_no_kl.elbo_drop,
                    linear.elbo_drop,
                ),
                _greater(
                    "step sizes vary more without it",
                    linear_no_kl.step_variation,
                    linear.step_variation,
                ),
                _greater(
                    "decoded midpoints are further from the nearest example without it",
                    linear_no_kl.data_distance,
                    linear.data_distance,
                ),
                _greater(
                    "decoded prior samples are further from the nearest example without it",
                    no_kl.sample_distance,
                    full.sample_distance,
                ),
            ),
        ),
        Claim(
            "The bottleneck keeps the most salient variables of the data.",
            (
                _greater(
                    f"the {informative} informative dimensions explain more variance than "
                    f"{informative} principal components",
                    explained,
                    pca,
                ),
            ),
        ),
    )


def _greater(text: str, larger: Estimate, smaller: Estimate) -> Comparison:
    """Return the comparison that tests whether `larger` exceeds `smaller`."""
    supports = None
    if larger.low > smaller.high:
        supports = True
    elif larger.high < smaller.low:
        supports = False
    return Comparison(f"{text}: {larger} against {smaller}", supports)


def _mean_stddev(report: Any) -> Estimate:
    values = [dimension.mean_stddev for dimension in report.dimensions]
    if not values:
        return Estimate.not_measured()
    error = np.sqrt(sum(value.stderr**2 for value in values)) / len(values)
    return Estimate.of(np.mean([value.value for value in values]), error)


def _interpolations(models: dict[str, Any], x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the decoded linear path between the codes of the first two examples."""
    return {
        name: interpolate(vae, x[:1], x[1:2], IMAGES, encoded=False).decoded[0]
        for name, vae in models.items()
    }


def _posteriors(reports: dict[str, LatentReport]) -> Figure:
    columns = (len(reports) + 1) // 2
    figure = Figure((3.2 * columns, 7.0), layout="constrained")
    panels = figure.subplots(2, columns, squeeze=False).ravel()
    for panel, (name, report) in zip(panels, reports.items(), strict=False):
        if report.plotted is not None:
            plot_posteriors(panel, report.plotted)
        panel.set_title(f"{name}: {report.verdict.state}", fontsize=9)
    for panel in panels[len(reports) :]:
        panel.set_axis_off()
    figure.suptitle("Posteriors in the two most informative dimensions (dotted: the prior)")
    return figure


def _rows(models: dict[str, Any], images: dict[str, np.ndarray], title: str) -> Figure:
    from kvae import pictures

    labels = [name.replace(" ", "\n") for name in models]
    rows = np.stack([images[name] for name in models])
    domain = one_latent_vector(next(iter(models.values()))).domain
    return pictures.grid(rows, title, labels, pictures.limits_of(domain, rows))
