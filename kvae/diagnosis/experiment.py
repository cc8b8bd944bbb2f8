"""The anatomy experiment: a VAE, its parts taken away in turn, each claim of the idea measured."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from kvae.diagnosis.arms import ARMS, Arm, train_arm
from kvae.diagnosis.drawing import scatter
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.examination import diagnose
from kvae.diagnosis.report import LatentReport
from kvae.exploration import interpolate

__all__ = ["Anatomy", "Claim", "Evidence", "anatomy", "claims"]

PICTURES = 8  # pictures a strip


@dataclass(frozen=True)
class Evidence:
    """One comparison.

    Attributes:
        text: what was compared, with the numbers.
        supports: whether it comes out as the idea says; None where the intervals overlap.
    """

    text: str
    supports: bool | None


@dataclass(frozen=True)
class Claim:
    """A sentence of the idea and what the experiment says to it.

    Attributes:
        sentence: the claim.
        evidence: the comparisons.
    """

    sentence: str
    evidence: tuple[Evidence, ...]

    @property
    def outcome(self) -> str:
        """Return "supported", "contradicted", "mixed" or "undecided"."""
        found = {item.supports for item in self.evidence}
        if found == {True}:
            return "supported"
        if True not in found:
            return "contradicted" if False in found else "undecided"
        return "mixed"


@dataclass(frozen=True)
class Anatomy:
    """The result of the experiment.

    Attributes:
        reports: a `LatentReport` for each arm by name.
        claims: the four sentences of the idea, judged.
        figures: matplotlib figures by name: "posteriors", "interpolations", "samples".
    """

    reports: dict[str, LatentReport]
    claims: tuple[Claim, ...]
    figures: dict[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Return reports and claims as dicts, lists, strings and numbers."""
        return {
            "arms": {name: report.to_dict() for name, report in self.reports.items()},
            "claims": [
                {
                    "sentence": claim.sentence,
                    "outcome": claim.outcome,
                    "evidence": [vars(item) for item in claim.evidence],
                }
                for claim in self.claims
            ],
        }

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def to_markdown(self) -> str:
        """Return the table of every number by arm, and the claims, as Markdown."""
        names = list(self.reports)
        columns = [report.figures() for report in self.reports.values()]
        states = [report.verdict.state for report in self.reports.values()]
        active = [str(report.active_units) for report in self.reports.values()]
        rows = [["", *names], ["---", *["---:"] * len(names)], ["verdict", *states]]
        rows.append(["active units", *active])
        rows += [[key.strip(), *(str(column[key]) for column in columns)] for key in columns[0]]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        for number, claim in enumerate(self.claims, 1):
            lines += ["", f"{number}. {claim.sentence} **{claim.outcome.capitalize()}.**"]
            lines += [f"   - {_SIGNS[item.supports]}: {item.text}" for item in claim.evidence]
        return "\n".join(lines) + "\n"


_SIGNS = {True: "for it", False: "against it", None: "within the error"}


def anatomy(
    x: np.ndarray, arms: dict[str, Arm] | None = None, seed: int = 0, **training: Any
) -> Anatomy:
    """Train the same network once for each arm, diagnose each, and judge the idea by the numbers.

    Args:
        x: pictures in [0, 1], (examples, height, width, channels); trained on and diagnosed.
        arms: the arms by name, all of `ARMS` by default; "full", "no sampling", "autoencoder",
            "no KL" and "KL alone" have to be among them.
        seed: int, the same for every arm.
        **training: passed to `train_arm`: latent_dim, hidden, epochs, batch_size, learning_rate.

    Returns:
        An `Anatomy`: reports, claims and figures.

    Raises:
        ValueError: If an arm that the claims rest on is missing.

    Example:
        >>> result = kvae.diagnosis.anatomy(x_train, epochs=30)  # doctest: +SKIP
        >>> print(result.to_markdown())  # doctest: +SKIP
    """
    arms = ARMS if arms is None else arms
    missing = {"full", "no sampling", "autoencoder", "no KL", "KL alone"} - set(arms)
    if missing:
        raise ValueError(f"Expected arms to hold {sorted(missing)} as well. Received: {list(arms)}")
    models = {name: train_arm(arm, x, seed=seed, **training) for name, arm in arms.items()}
    reports = {name: diagnose(vae, x, seed) for name, vae in models.items()}
    figures = {
        "posteriors": _posteriors(reports),
        "interpolations": _strips(models, _walks(models, x), "From one example to another"),
        "samples": _strips(
            models,
            {name: vae.sample(PICTURES, seed=seed) for name, vae in models.items()},
            "Draws from the prior",
        ),
    }
    return Anatomy(reports, claims(reports), figures)


def claims(reports: dict[str, Any]) -> tuple[Claim, ...]:
    """Judge the four sentences of the idea by the numbers of the arms.

    Args:
        reports: a `LatentReport` for each arm by name, as in `Anatomy.reports`.
    """
    full, free = reports["full"], reports["no KL"]
    bubble = reports["KL alone"]
    used = sum(d.information.value >= 0.1 for d in full.dimensions)
    explained, pca = full.spending.explained[used], full.spending.pca[used]
    return (
        Claim(
            "The decoder has to see samples; without them the codes are arbitrary.",
            tuple(
                _more(
                    f"noise of the posterior costs a larger share of the code's gain in {name!r}",
                    reports[name].noise_share,
                    full.noise_share,
                )
                for name in ("no sampling", "autoencoder")
            ),
        ),
        Claim(
            "The reconstruction loss makes the codes mean something; with the KL alone every mean "
            "sits near zero.",
            (
                _more(
                    "codes tell more about the data with it, nats",
                    full.mutual_information,
                    bubble.mutual_information,
                ),
                _more("means lie further from zero with it", full.drift, bubble.drift),
                _more("the KL alone ends nearer to zero, nats", full.kl, bubble.kl),
            ),
        ),
        Claim(
            "The KL packs the codes together and leaves no gaps; without it means drift apart, "
            "standard deviations shrink, and walks between codes leave the data.",
            (
                _more("means lie further out without it", free.drift, full.drift),
                _more("standard deviations are larger with it", _noise(full), _noise(free)),
                _more("more of the prior is in gaps without it", free.gaps.prior, full.gaps.prior),
                _more("neighbours overlap more with it", full.overlap, free.overlap),
                _more(
                    "midpoints re-encode worse without it",
                    free.paths["linear"].reencoding_error,
                    full.paths["linear"].reencoding_error,
                ),
                _more(
                    "midpoints are less likely without it, nats",
                    free.paths["linear"].elbo_drop,
                    full.paths["linear"].elbo_drop,
                ),
                _more(
                    "steps are less even without it",
                    free.paths["linear"].unevenness,
                    full.paths["linear"].unevenness,
                ),
                _more(
                    "decoded midpoints lie further from the nearest example without it",
                    free.paths["linear"].data_distance,
                    full.paths["linear"].data_distance,
                ),
                _more(
                    "decoded draws from the prior lie further from it",
                    free.sample_distance,
                    full.sample_distance,
                ),
            ),
        ),
        Claim(
            "The bottleneck spends its dimensions on the most salient variables of the data.",
            (
                _more(
                    f"the {used} axes in use explain more variance than {used} principal "
                    "components",
                    explained,
                    Estimate.of(pca, 0.0),
                ),
            ),
        ),
    )


def _more(text: str, larger: Estimate, smaller: Estimate) -> Evidence:
    """Return whether `larger` is above `smaller` beyond both intervals."""
    supports = None
    if larger.low > smaller.high:
        supports = True
    elif larger.high < smaller.low:
        supports = False
    return Evidence(f"{text}: {larger} against {smaller}", supports)


def _noise(report: Any) -> Estimate:
    values = [dimension.mean_stddev for dimension in report.dimensions]
    error = np.sqrt(sum(value.stderr**2 for value in values)) / len(values)
    return Estimate.of(np.mean([value.value for value in values]), error)


def _walks(models: dict[str, Any], x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the decoded straight walk between the codes of the same two examples."""
    return {
        name: interpolate(vae, x[:1], x[1:2], PICTURES, encoded=False).decoded[0]
        for name, vae in models.items()
    }


def _posteriors(reports: dict[str, LatentReport]) -> Figure:
    columns = (len(reports) + 1) // 2
    figure = Figure((3.2 * columns, 7.0), layout="constrained")
    panels = figure.subplots(2, columns, squeeze=False).ravel()
    for panel, (name, report) in zip(panels, reports.items(), strict=False):
        scatter(panel, report.sketch)
        panel.set_title(f"{name}: {report.verdict.state}", fontsize=9)
    for panel in panels[len(reports) :]:
        panel.set_axis_off()
    figure.suptitle("Posteriors in the two most informative dimensions (dotted: the prior)")
    return figure


def _strips(models: dict[str, Any], images: dict[str, np.ndarray], title: str) -> Figure:
    from kvae import pictures

    labels = [name.replace(" ", "\n") for name in models]
    return pictures.grid(np.stack([images[name] for name in models]), title, labels)
