"""From numbers to a state: one table of thresholds, one rule, one piece of advice for each state.

The rule rests on what each part of a VAE does to the numbers, not on their absolute size: an
optimum of nll + beta * kl pays the price beta for a nat of KL, a decoder that has seen samples is
not thrown off by them, and a decoder that reads the codes describes an example better by its own
code than by another's.
"""

from dataclasses import dataclass
from typing import Any

__all__ = ["ADVICE", "STATES", "THRESHOLDS", "Threshold", "Verdict", "judge"]


@dataclass(frozen=True)
class Threshold:
    """A bound of the rule.

    Attributes:
        value: the bound.
        unit: its unit.
        meaning: what it separates, and what set it there.
    """

    value: float
    unit: str
    meaning: str


# Each stands between the values that the models of the calibration took on either side of it, near
# their geometric middle; benchmarks/verdicts.py makes the calibration (seeds 1 and 2) and tries the
# thresholds on other seeds, docs/diagnosis.md shows both.
THRESHOLDS = {
    "code_gain": Threshold(
        0.1, "nats", "trained with the KL alone: about 0; a decoder that reads codes: 5 or more"
    ),
    "explained": Threshold(
        0.0, "of the variance", "below it, the mean of the data is nearer than a reconstruction"
    ),
    "information": Threshold(
        0.1, "nats", "codes by the KL alone: below 0.01; codes that differ with x: 0.5 or more"
    ),
    "noise_share": Threshold(
        0.7, "of the code gain", "noise the decoder has seen: up to 0.3, noise it has not: from 1.4"
    ),
    "drift_share": Threshold(
        0.2, "of the KL", "marginal KLs of a VAE: below 0.06, of an autoencoder: from 0.6"
    ),
    "low_price": Threshold(
        0.1, "nats per nat", "a tenth of the ELBO's own; without KL: below 0.001, VAEs: about 1"
    ),
    "high_price": Threshold(
        1.7, "nats per nat", "a VAE: 1 to 1.4, over-regularized with a beta of 2 or 4: from 2.2"
    ),
    "used_share": Threshold(
        0.5, "of the dimensions", "of 32 dimensions at most a quarter is in use, of 6 two thirds"
    ),
    "used": Threshold(
        0.1, "nats", "a dimension in use; those given up hold less than 0.07 nats, mostly"
    ),
}

ADVICE = {
    "healthy": "Nothing to mend. Export it, and keep to the safe ranges of the axes.",
    "collapsed": (
        "The decoder gets nothing from the codes. Lower beta, warm the KL up from zero or grant "
        "free bits, and see that the reconstruction loss is a sum over the event."
    ),
    "untrained": (
        "The codes differ, but the decoder does not read them. Train the model, or train it longer."
    ),
    "arbitrary": (
        "The decoder was not trained on samples of the posterior, so that the codes' scale and the "
        "stated noise mean nothing. Let it see samples, and add the KL."
    ),
    "islands": (
        "Next to nothing holds the codes together: means drift, noise shrinks. Raise beta "
        "towards 1."
    ),
    "over-regularized": (
        "The KL costs more than the information it takes away is worth. Lower beta towards 1, or "
        "train longer if training was short."
    ),
    "partly collapsed": (
        "Fewer than half of the dimensions are in use. Take fewer dimensions; or, if "
        "reconstructions are poor, warm the KL up or grant free bits."
    ),
}
STATES = tuple(ADVICE)


@dataclass(frozen=True)
class Verdict:
    """The state of a latent space.

    Attributes:
        state: one of `STATES`.
        certain: whether each number that decided keeps its side of the threshold over the whole
            95% interval.
        evidence: sentences with the numbers that decided.
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


def judge(report: Any, standard_prior: bool = True) -> Verdict:
    """Return the verdict on a report's numbers.

    The first state whose condition holds is the verdict: collapsed, untrained, arbitrary, islands,
    over-regularized, partly collapsed, healthy.

    Args:
        report: a `LatentReport`, or anything that has its numbers.
        standard_prior: whether the prior is a standard normal. Marginals off it mean nothing
            under another prior.
    """
    bound = {name: threshold.value for name, threshold in THRESHOLDS.items()}
    reading, information = report.decoder, report.mutual_information
    used = [d for d in report.dimensions if d.information.value >= bound["used"]]
    sure = [d for d in report.dimensions if d.information.low >= bound["used"]]
    possible = [d for d in report.dimensions if d.information.high >= bound["used"]]
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

    reads = not holds(reading.code_gain, "code_gain", False, "gain by the own code, nats")
    if not reads or holds(
        report.spending.explained[-1], "explained", False, "variance that reconstructions explain"
    ):
        informed = holds(information, "information", True, "the codes tell about the data, nats")
        return verdict("untrained" if informed else "collapsed")
    if holds(
        report.noise_share, "noise_share", True, "the posterior's noise costs, share of that gain"
    ):
        return verdict("arbitrary")
    if holds(reading.price, "low_price", False, "price of the last nat of KL, nats of likelihood"):
        return verdict("islands")
    if standard_prior and holds(
        report.drift_share, "drift_share", True, "marginals off the prior, share of the KL"
    ):
        return verdict("arbitrary")
    if holds(reading.price, "high_price", True, "the same price, at its upper threshold"):
        return verdict("over-regularized")
    few = len(used) < bound["used_share"] * count
    evidence.append(f"dimensions with {bound['used']:g} nats or more: {len(used)} of {count}")
    certain.append(
        few == (len(sure) < bound["used_share"] * count)
        and few == (len(possible) < bound["used_share"] * count)
    )
    return verdict("partly collapsed" if few else "healthy")
