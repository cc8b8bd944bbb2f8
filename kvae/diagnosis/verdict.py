"""The verdict on a latent space: one of few states, from the estimates and the model's settings.

A state is a failure of the idea behind a VAE, or none. The rule uses ratios that have the same
meaning for every model where it can. At an optimum of nll + beta * kl the implied beta equals beta.
A decoder trained on samples tolerates the noise of the posterior. A decoder that uses the codes
assigns an example a higher likelihood under its own code than under another one. A cause is named
only where the numbers and the settings of the model agree; otherwise it is a finding
(`kvae.diagnosis.findings`).
"""

from dataclasses import dataclass
from typing import Any

from kvae import checks
from kvae.diagnosis.training_settings import TrainingSettings
from kvae.evaluation.estimate import Estimate

__all__ = [
    "HEALTHY_BUT_THE_PRIOR",
    "NEXT_STEPS",
    "STATES",
    "THRESHOLDS",
    "Threshold",
    "Verdict",
    "assess",
    "not_finite",
]


@dataclass(frozen=True)
class Threshold:
    """A bound of the rule.

    Attributes:
        value: the bound.
        unit: its unit.
        meaning: the models that it separates.
        nearest: the nearest values on either side in the calibration.
        absolute: whether the bound depends on the size of the data; a verdict by a value between
            the `nearest` ones is then not certain.
    """

    value: float
    unit: str
    meaning: str
    nearest: tuple[float, float]
    absolute: bool = False

    def decides(self, estimate: Estimate) -> bool:
        """Whether an estimate is surely on one side of the bound."""
        below, above = self.nearest
        if self.absolute and below < estimate.value < above:
            return False
        return not estimate.low < self.value < estimate.high


# Each threshold was set near the geometric middle of the nearest values on either side in earlier
# calibrations. benchmarks/verdicts.py runs the calibration, and tests the thresholds on other
# models; docs/diagnosis.md shows both results of the present rules, and `nearest` are its values.
# Where the models overlap there or one side has no value (code_gain, noise_share,
# implied_beta_ratio), `nearest` are those of the earlier ones, of fewer models.
THRESHOLDS = {
    "code_gain": Threshold(
        0.1,
        "nats",
        "trained with the KL alone: about 0, of a table up to 0.6; decoders that use the codes: "
        "2 or more",
        (1e-3, 5.9),
        absolute=True,
    ),
    "explained_variance": Threshold(
        0.0,
        "share of the variance",
        "below 0 the best constant output, mostly the mean, is a better reconstruction",
        (-0.19, 0.1),
    ),
    "information": Threshold(
        0.1,
        "nats",
        "trained with the KL alone: below 0.01; codes that depend on x: 0.25 or more",
        (0.0017, 0.27),
        absolute=True,
    ),
    "noise_share": Threshold(
        0.7,
        "share of the code gain",
        "decoders trained on samples: up to 0.3; deterministic encoders: from 1.4",
        (0.31, 1.4),
    ),
    "implied_beta_ratio": Threshold(
        4.0,
        "nats per nat, over the weight of the KL where that is above 1",
        "decoders trained on samples: up to 1.3; most deterministic encoders: from 14",
        (1.3, 14.0),
    ),
    "implied_beta_low": Threshold(
        0.1,
        "nats per nat",
        "a tenth of the ELBO's beta; no KL: up to 0.012; VAEs: about 1",
        (0.012, 0.94),
    ),
    "implied_beta_high": Threshold(
        1.7,
        "nats per nat",
        "VAEs: 1 to 1.4; over-regularized with a beta of 2 or 4: from 1.9",
        (1.2, 1.9),
    ),
    "informative": Threshold(
        0.1, "nats", "informative dimensions: above; inactive ones: mostly below", (0.073, 0.1)
    ),
}

HEALTHY = "No change is needed. Keep codes inside the safe ranges of the dimensions."
HEALTHY_BUT_THE_PRIOR = (
    "The decoder uses the codes and tolerates their noise, but samples from the prior may not look "
    "like data: see the findings. Keep codes inside the safe ranges of the dimensions."
)
POSTERIOR = "posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)"
KL_OF_WEIGHT_ONE = "kl = kvae.regularizers.KLDivergenceRegularizer(prior, weight=1.0)\n" + POSTERIOR
# What to do next, as code, by state. `prior`, `latent_dim`, `vae` and `x_train` are the user's.
NEXT_STEPS = {
    "healthy": "",
    "not_finite": (
        "vae.compile(keras.optimizers.Adam(1e-4, clipnorm=1.0))\n"
        'vae.fit(x_train, callbacks=[kvae.callbacks.Checkpoint("run")])'
    ),
    "posterior_collapse": ("kl = kvae.regularizers.FreeBits(prior, free_bits=0.25)\n" + POSTERIOR),
    "untrained": "vae.fit(x_train, epochs=50)",
    "deterministic_encoder": KL_OF_WEIGHT_ONE,
    "discontinuous": KL_OF_WEIGHT_ONE,
    "over_regularized": KL_OF_WEIGHT_ONE,
}
STATES = tuple(NEXT_STEPS)


@dataclass(frozen=True)
class Verdict:
    """The state of a latent space.

    Attributes:
        state: one of `STATES`.
        certain: False if the 95% interval of an estimate that decided includes its threshold, or
            if its value lies outside the range of the calibration where the threshold depends on
            the size of the data.
        evidence: sentences with the estimates that decided.
        advice: what to do; it takes the model's own settings into account.

    Example:
        >>> verdict = kvae.diagnose(vae, x_test).verdict
        >>> verdict.state in kvae.diagnosis.STATES
        True
    """

    state: str
    certain: bool
    evidence: tuple[str, ...]
    advice: str

    @property
    def next_step(self) -> str:
        """What to do next, as code; empty where no change is needed."""
        return NEXT_STEPS[self.state]


def assess(report: Any, settings: TrainingSettings) -> Verdict:
    """Return the verdict on the estimates of a report.

    The states are tested in this order, and the first whose condition holds is returned:
    posterior_collapse, untrained, deterministic_encoder, discontinuous, over_regularized, healthy.

    Args:
        report: a `LatentReport`, or an object with its estimates.
        settings: what the model says of its training.
    """
    sensitivity, evidence, certain = report.sensitivity, [], []

    def holds(estimate: Estimate, name: str, above: bool, sentence: str) -> bool:
        threshold = THRESHOLDS[name]
        evidence.append(f"{sentence}: {estimate} (threshold {threshold.value:g})")
        certain.append(threshold.decides(estimate))
        return bool((estimate.value >= threshold.value) == above)

    def verdict(state: str) -> Verdict:
        return Verdict(state, all(certain), tuple(evidence), _advice(state, settings))

    unused = holds(sensitivity.code_gain, "code_gain", False, "code gain, nats")
    explained = report.explained_variance.beyond_constant
    sentence = "explained variance beyond a constant output, share"
    if unused or holds(explained, "explained_variance", False, sentence):
        name, sentence = "information", "mutual information, nats"
        informed = holds(report.mutual_information, name, True, sentence)
        return verdict("untrained" if informed else "posterior_collapse")
    beta = sensitivity.implied_beta
    if not settings.sampled:
        noise = holds(report.noise_share, "noise_share", True, "noise cost, share of the code gain")
        ratio = beta.over(max(1.0, settings.beta or 1.0))
        name, sentence = "implied_beta_ratio", "implied beta, over the weight of the KL"
        if noise or holds(ratio, name, True, sentence):
            return verdict("deterministic_encoder")
    low = holds(beta, "implied_beta_low", False, "implied beta, lower threshold")
    if low and settings.beta is not None and settings.beta < THRESHOLDS["implied_beta_low"].value:
        return verdict("discontinuous")
    high = holds(beta, "implied_beta_high", True, "implied beta, upper threshold")
    if high and settings.beta is not None and settings.beta > 1.0:
        return verdict("over_regularized")
    return verdict("healthy")


def not_finite(names: tuple[str, ...], settings: TrainingSettings) -> Verdict:
    """Return the verdict on a model with weights that are not finite.

    Args:
        names: paths of these weights.
        settings: what the model says of its training.
    """
    evidence = (f"weights with NaN or infinity: {checks.some(names)}",)
    return Verdict("not_finite", True, evidence, _advice("not_finite", settings))


def _advice(state: str, settings: TrainingSettings) -> str:
    """Return what to do about a state in view of the model's own settings."""
    weight = "" if settings.beta is None else f" (now {settings.beta:g})"
    if state == "healthy":
        return HEALTHY
    if state == "not_finite":
        return (
            "Training has diverged. Train again from the last checkpoint, with a lower learning "
            "rate or clipped gradients."
        )
    if state == "posterior_collapse":
        ways = ["anneal its weight from zero"]
        if settings.beta is None or settings.beta > 0.0:
            ways.insert(0, f"lower the weight of the KL{weight}")
        if "free_bits" not in settings.penalties:
            ways.append("use free bits")
        return f"The decoder does not use the codes: {', '.join(ways[:-1])}, or {ways[-1]}."
    if state == "untrained":
        longer = f"train it longer than {settings.steps:,} steps" if settings.steps else "train it"
        return (
            "The codes depend on the data, but the decoder does not use them: "
            f"{longer}, and check the learning rate if that does not help."
        )
    if state == "deterministic_encoder":
        add = "" if settings.beta else ", and add the KL"
        return (
            "The decoder was not trained on samples of the posterior, so the posterior's noise is "
            f"arbitrary. Give the decoder samples{add}."
        )
    if state == "discontinuous":
        return (
            f"The KL has almost no effect{weight}: the posterior means spread, the standard "
            "deviations shrink, and the codes form isolated clusters. Raise the weight of the KL "
            "towards 1."
        )
    return (
        f"The weight of the KL{weight} costs more likelihood than a beta of 1 allows. Lower it "
        "towards 1 if likelihood matters more than independent dimensions."
    )
