"""The verdict on a latent space: thresholds, the rule, and advice for each state.

The rule uses ratios that have the same meaning for every model where it can. At an optimum of
nll + beta * kl the implied beta equals beta. A decoder trained on samples tolerates the noise of
the posterior. A decoder that uses the codes assigns an example a higher likelihood under its own
code than under another one.
"""

from dataclasses import dataclass
from typing import Any

__all__ = ["ADVICE", "STATES", "THRESHOLDS", "Threshold", "Verdict", "assess"]


@dataclass(frozen=True)
class Threshold:
    """A bound of the rule.

    Attributes:
        value: the bound.
        unit: its unit.
        meaning: the models that it separates, with their values in the calibration.
    """

    value: float
    unit: str
    meaning: str


# Each threshold lies near the geometric middle of the nearest values on either side in the
# calibration. benchmarks/verdicts.py runs the calibration (seeds 1 and 2) and tests the thresholds
# on other seeds; docs/diagnosis.md shows both results.
THRESHOLDS = {
    "code_gain": Threshold(
        0.1, "nats", "trained with the KL alone: about 0; decoders that use the codes: 5 or more"
    ),
    "explained_variance": Threshold(
        0.0, "share of the variance", "below 0 the mean of the data is a better reconstruction"
    ),
    "information": Threshold(
        0.1, "nats", "trained with the KL alone: below 0.01; codes that depend on x: 0.5 or more"
    ),
    "noise_share": Threshold(
        0.7,
        "share of the code gain",
        "decoders trained on samples: up to 0.3; deterministic encoders: from 1.4",
    ),
    "dimension_wise_kl_share": Threshold(
        0.2, "share of the KL", "VAEs: below 0.06; autoencoders: from 0.6"
    ),
    "implied_beta_low": Threshold(
        0.1, "nats per nat", "a tenth of the ELBO's beta; no KL: below 0.001; VAEs: about 1"
    ),
    "implied_beta_high": Threshold(
        1.7, "nats per nat", "VAEs: 1 to 1.4; over-regularized with a beta of 2 or 4: from 2.2"
    ),
    "informative_share": Threshold(
        0.5,
        "share of the dimensions",
        "of 32 dimensions at most a quarter is informative, of 6 two thirds",
    ),
    "informative": Threshold(
        0.1, "nats", "informative dimensions: above; inactive ones: mostly below 0.07"
    ),
}

ADVICE = {
    "healthy": "No change is needed. Keep codes inside the safe ranges of the dimensions.",
    "posterior_collapse": (
        "The decoder does not use the codes. Lower beta, anneal the weight of the KL from zero, or "
        "use free bits. Check that the reconstruction loss is a sum over the event."
    ),
    "untrained": (
        "The codes depend on the data, but the decoder does not use them. Train the model, or "
        "train it longer."
    ),
    "deterministic_encoder": (
        "The decoder was not trained on samples of the posterior, so the posterior's noise is "
        "arbitrary. Give the decoder samples, and add the KL."
    ),
    "discontinuous": (
        "The KL has almost no effect: the posterior means spread, the standard deviations shrink, "
        "and the codes form isolated clusters. Raise beta towards 1."
    ),
    "over_regularized": (
        "The KL costs more likelihood than a beta of 1 allows. Lower beta towards 1, or train "
        "longer if training was short."
    ),
    "partly_collapsed": (
        "Fewer than half of the dimensions are informative. Reduce latent_dim. If reconstructions "
        "are poor, anneal the weight of the KL or use free bits."
    ),
}
STATES = tuple(ADVICE)


@dataclass(frozen=True)
class Verdict:
    """The state of a latent space.

    Attributes:
        state: one of `STATES`.
        certain: False if the 95% interval of an estimate that decided includes its threshold.
        evidence: sentences with the estimates that decided.
        advice: what to do.

    Example:
        >>> verdict = kvae.diagnose(vae, x_test).verdict
        >>> verdict.advice == kvae.diagnosis.ADVICE[verdict.state]
        True
    """

    state: str
    certain: bool
    evidence: tuple[str, ...]
    advice: str


def assess(report: Any, standard_normal_prior: bool = True) -> Verdict:
    """Return the verdict on the estimates of a report.

    The states are tested in this order, and the first whose condition holds is returned:
    posterior_collapse, untrained, deterministic_encoder, discontinuous, over_regularized,
    partly_collapsed, healthy.

    Args:
        report: a `LatentReport`, or an object with its estimates.
        standard_normal_prior: whether the prior is a standard normal. The dimension-wise KL is
            used only then.
    """
    bound = {name: threshold.value for name, threshold in THRESHOLDS.items()}
    sensitivity, information = report.sensitivity, report.mutual_information
    informative = [d for d in report.dimensions if d.information.value >= bound["informative"]]
    surely = [d for d in report.dimensions if d.information.low >= bound["informative"]]
    possibly = [d for d in report.dimensions if d.information.high >= bound["informative"]]
    count = len(report.dimensions)
    evidence: list[str] = []
    certain: list[bool] = []

    def holds(estimate: Any, name: str, above: bool, sentence: str) -> bool:
        limit = bound[name]
        result = (estimate.value >= limit) == above
        evidence.append(f"{sentence}: {estimate} (threshold {limit:g})")
        certain.append(not estimate.low < limit < estimate.high)
        return result

    def verdict(state: str) -> Verdict:
        return Verdict(state, all(certain), tuple(evidence), ADVICE[state])

    uses_codes = not holds(sensitivity.code_gain, "code_gain", False, "code gain, nats")
    if not uses_codes or holds(
        report.explained_variance.cumulative[-1],
        "explained_variance",
        False,
        "explained variance, share",
    ):
        informed = holds(information, "information", True, "mutual information, nats")
        return verdict("untrained" if informed else "posterior_collapse")
    if holds(report.noise_share, "noise_share", True, "noise cost, share of the code gain"):
        return verdict("deterministic_encoder")
    if holds(sensitivity.implied_beta, "implied_beta_low", False, "implied beta, lower threshold"):
        return verdict("discontinuous")
    if standard_normal_prior and holds(
        report.dimension_wise_kl_share,
        "dimension_wise_kl_share",
        True,
        "dimension-wise KL, share of the KL",
    ):
        return verdict("deterministic_encoder")
    if holds(sensitivity.implied_beta, "implied_beta_high", True, "implied beta, upper threshold"):
        return verdict("over_regularized")
    few = len(informative) < bound["informative_share"] * count
    evidence.append(
        f"dimensions with at least {bound['informative']:g} nats: {len(informative)} of {count}"
    )
    certain.append(
        few == (len(surely) < bound["informative_share"] * count)
        and few == (len(possibly) < bound["informative_share"] * count)
    )
    return verdict("partly_collapsed" if few else "healthy")
