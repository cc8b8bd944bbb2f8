"""Findings: what is remarkable about a latent space beside its state, several at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kvae.diagnosis.training_settings import TrainingSettings
from kvae.diagnosis.verdict import THRESHOLDS
from kvae.evaluation.estimate import Estimate

__all__ = ["FINDINGS", "OF_THE_PRIOR", "Finding", "findings"]

FEW_EXAMPLES = 500
BETA_RATIO = 1.7  # of implied beta and weight: a KL at its optimum is within this factor
OFF_PRIOR = 0.2  # share of the KL
IN_GAPS = 0.25  # share of prior samples beyond that of held-out samples
OUTSIDE = 0.1  # of the cases; VAEs whose codes agree with the prior: 0.01 to 0.03
OVERFITTED = 0.1  # of the code gain
AT_FLOOR = 0.05  # share of the scales
IGNORED = 1e-3  # share of the data's variance
SAFE_REACH = 4.0  # of a standard normal all but 0.006% lies inside


@dataclass(frozen=True)
class Finding:
    """One remark on a latent space.

    Attributes:
        name: one of `FINDINGS`.
        sentence: what was found.
        estimate: the number that it rests on.
        advice: what usually helps.

    Example:
        >>> for finding in kvae.diagnose(vae, x_test).findings:
        ...     assert finding.name in kvae.diagnosis.FINDINGS
    """

    name: str
    sentence: str
    estimate: Estimate
    advice: str

    def __str__(self) -> str:
        return f"{self.sentence}. {self.advice}"


def findings(
    report: Any, settings: TrainingSettings, state: str = "healthy"
) -> tuple[Finding, ...]:
    """Return the findings on the estimates of a report, those that matter most first.

    Where the decoder does not use the codes, remarks on the codes are left out: the state says
    what matters.

    Args:
        report: a `LatentReport`, or an object with its estimates.
        settings: what the model says of its training.
        state: the state of the verdict.
    """
    unused = state in ("posterior_collapse", "untrained")
    return tuple(
        Finding(name, sentence, estimate, advice)
        for name, rule in RULES.items()
        if name in WITHOUT_CODES or not unused
        for sentence, estimate, advice in rule(report, settings)
    )


Found = Iterator[tuple[str, Estimate, str]]


def _noise_cost(report: Any, settings: TrainingSettings) -> Found:
    share = report.noise_share
    if settings.sampled and share.low > THRESHOLDS["noise_share"].value:
        yield (
            f"the posterior's noise costs {share} of the likelihood that the codes gain, although "
            "the decoder was trained on samples",
            share,
            "Train longer, so that decoder and noise fit each other.",
        )


def _implied_beta(report: Any, settings: TrainingSettings) -> Found:
    implied, beta = report.sensitivity.implied_beta, settings.beta
    if beta is None or not implied.measured:
        return
    above, below = implied.low > BETA_RATIO * beta, implied.high < beta / BETA_RATIO
    if above or below:
        yield (
            f"the implied beta is {implied}, the weight of the KL {beta:g}: the posterior's "
            f"standard deviations are {'larger' if above else 'smaller'} than that weight asks for",
            implied,
            "Train longer; the encoder has not settled.",
        )


def _prior_mismatch(report: Any, settings: TrainingSettings) -> Found:
    share = report.prior_mismatch
    if share.low > OFF_PRIOR:
        yield (
            f"the aggregate posterior is off the prior by {share} of the KL",
            share,
            _towards_the_prior(settings),
        )


def _towards_the_prior(settings: TrainingSettings) -> str:
    """Return what brings codes and prior together."""
    learn = "" if settings.learned_prior else " learn the prior (`vae.fit_prior`, kvae.priors),"
    comma = "," if learn else ""
    return f"Train longer{comma}{learn} or use a smaller latent space."


def _outside_ranges(report: Any, settings: TrainingSettings) -> Found:
    share = report.outside_ranges
    if share.low > OUTSIDE:
        yield (
            f"in {share} of the cases a sample from the prior is outside the safe range of a "
            "dimension (0.01 where codes and prior agree)",
            share,
            f"Such samples may not look like data. {_towards_the_prior(settings)}",
        )


def _prior_gaps(report: Any, settings: TrainingSettings) -> Found:
    prior, held_out = report.gaps.prior, report.gaps.held_out
    if prior.low - held_out.high > IN_GAPS:
        learn = "" if settings.learned_prior else " or a learned prior"
        yield (
            f"{prior} of the prior's samples are in gaps of the aggregate posterior (of held-out "
            f"codes {held_out})",
            prior,
            f"Samples from the prior may not look like data. A smaller latent space{learn} helps.",
        )


def _overfitting(report: Any, settings: TrainingSettings) -> Found:
    gap, gain = report.generalization_gap, report.sensitivity.code_gain.value
    if gap.measured and gap.low > OVERFITTED * max(gain, 0.0):
        yield (
            f"the ELBO of the training data is {gap} nats above that of these examples",
            gap,
            "The networks fit single training examples: stop earlier, use smaller networks, "
            "weight decay or more data.",
        )


def _scale_floor(report: Any, settings: TrainingSettings) -> Found:
    share = report.at_scale_floor
    if share.measured and share.low > AT_FLOOR:
        yield (
            f"{share} of the likelihood's scales are at their lower bound",
            share,
            "Some elements are predicted exactly, and their likelihood is decided by min_scale: "
            "raise it to the precision of the data, or drop constant elements.",
        )


def _unused_dimensions(report: Any, settings: TrainingSettings) -> Found:
    threshold = THRESHOLDS["informative"].value
    unused = [d for d in report.dimensions if d.information.high < threshold]
    if unused:
        count, used = len(report.dimensions), len(report.dimensions) - len(unused)
        yield (
            f"{len(unused)} of {count} dimensions carry less than {threshold:g} nats; their KL to "
            f"a standard normal is {sum(d.kl.value for d in unused):.2f} nats",
            max((d.information for d in unused), key=lambda each: each.value),
            f"A latent_dim of {max(used, 1)} would do."
            + (
                ""
                if "free_bits" in settings.penalties or 2 * used >= count
                else " If reconstructions are poor, anneal the weight of the KL or use free bits."
            ),
        )


def _ignored_dimensions(report: Any, settings: TrainingSettings) -> Found:
    ignored = [
        d
        for d in report.dimensions
        if d.information.low > THRESHOLDS["informative"].value and d.output_variance.high < IGNORED
    ]
    if ignored:
        names = ", ".join(f"z{d.index}" for d in ignored)
        yield (
            f"the decoder's output hardly depends on {names}, which carry information",
            ignored[0].output_variance,
            "Train longer, or give the decoder more capacity.",
        )


def _axis_ranges(report: Any, settings: TrainingSettings) -> Found:
    wide = [d for d in report.dimensions if max(-d.low, d.high) > SAFE_REACH]
    if wide and settings.prior == "StandardNormal":
        widest = max(wide, key=lambda d: max(-d.low, d.high))
        reach = max(-widest.low, widest.high)
        yield (
            f"codes reach beyond +-{SAFE_REACH:g} in {', '.join(f'z{d.index}' for d in wide[:5])}"
            + (" and others" if len(wide) > 5 else ""),
            Estimate.of(reach, 0.0),
            "Move codes within the safe ranges below, not within those of a standard normal.",
        )


def _few_examples(report: Any, settings: TrainingSettings) -> Found:
    if report.examples < FEW_EXAMPLES:
        yield (
            f"{report.examples} examples give wide intervals",
            Estimate.of(report.examples, 0.0),
            f"Use {FEW_EXAMPLES} or more.",
        )


RULES: dict[str, Callable[[Any, TrainingSettings], Found]] = {
    "noise_cost": _noise_cost,
    "implied_beta": _implied_beta,
    "overfitting": _overfitting,
    "prior_mismatch": _prior_mismatch,
    "prior_gaps": _prior_gaps,
    "outside_ranges": _outside_ranges,
    "scale_floor": _scale_floor,
    "few_examples": _few_examples,
    "ignored_dimensions": _ignored_dimensions,
    "unused_dimensions": _unused_dimensions,
    "axis_ranges": _axis_ranges,
}
FINDINGS = tuple(RULES)
OF_THE_PRIOR = ("prior_mismatch", "prior_gaps", "outside_ranges")
WITHOUT_CODES = ("overfitting", "scale_floor", "few_examples")
