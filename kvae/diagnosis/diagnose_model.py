"""`diagnose`: measure the latent space of a trained VAE and determine its state."""

from dataclasses import replace
from typing import Any

import numpy as np

from kvae import checks
from kvae.diagnosis.findings import OF_THE_PRIOR, findings
from kvae.diagnosis.measure import measure, unmeasured
from kvae.diagnosis.report import LatentReport
from kvae.diagnosis.training_settings import TrainingSettings
from kvae.diagnosis.verdict import HEALTHY_BUT_THE_PRIOR, assess, not_finite
from kvae.evaluation.gaussian_vector import LatentVector, one_gaussian_vector

__all__ = ["diagnose"]

LEAST_EXAMPLES = 50


def diagnose(
    vae: Any, x: Any, seed: int = 0, *, x_train: Any = None, labels: Any = None
) -> LatentReport:
    """Measure the latent space of a VAE on data and determine its state.

    Every example is encoded once. Information, gaps and overlap compare 1,000 samples with at most
    10,000 posteriors (fewer of a flow). 1,000 examples are decoded a few times, and 100 to 500
    twice for each latent dimension. `seed` determines which examples these are.

    Args:
        vae: a `kvae.VAE`. It is not changed.
        x: examples, (examples, *event_shape), at least 50. Use examples held out from training.
        seed: int, seeds every random choice and sample.
        x_train: examples that the model was trained on, to see whether it has overfitted.
        labels: a class or number for each example, (examples,), for the figure.

    Returns:
        A `LatentReport`. Print it, or use its `to_json`, `plot` and `save`.

    Raises:
        ValueError: If `vae` is not a `kvae.VAE` with one latent vector; if `x` does not fit it,
            has fewer than 50 examples or only equal ones; if a posterior is not finite.

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
    seed = checks.seed("seed", seed)
    vector = one_gaussian_vector(vae, finite=False)
    x = _checked(vector, x, "x")
    if labels is not None and np.shape(labels) != (len(x),):
        raise ValueError(
            f"Expected labels to have shape ({len(x)},), one for each example. Received: shape "
            f"{np.shape(labels)}"
        )
    settings = TrainingSettings.of(vector)
    names = checks.non_finite_weights(vae)
    if names:
        verdict = not_finite(names, settings)
        return unmeasured(vector, len(x), seed, verdict, settings)
    if x_train is not None:
        x_train = _checked(vector, x_train, "x_train")
    report = measure(vector, x, seed, settings, x_train, labels)
    verdict = assess(report, settings)
    found = findings(report, settings, verdict.state)
    if verdict.state == "healthy" and any(finding.name in OF_THE_PRIOR for finding in found):
        verdict = replace(verdict, advice=HEALTHY_BUT_THE_PRIOR)
    return report.judged(verdict, found)


def _checked(vector: LatentVector, x: Any, name: str) -> np.ndarray:
    x = vector.model.named_inputs().check_scored(x)
    if isinstance(x, dict):
        if "observed" in x or "target" in x:
            raise ValueError(
                f"Expected {name} to be complete examples alone. Received: inputs {sorted(x)}"
            )
        x = x["x"]  # what else there is, such as the pair of a PairVAE, is for training
    if np.isnan(x).any():
        raise ValueError(
            f"Expected {name} without missing values. Received: NaN. Fill them by vae.impute(x), "
            "or give the complete examples."
        )
    check_differ(x, name)
    return x


def check_differ(x: np.ndarray, name: str) -> None:
    """Raise a ValueError if there are too few examples to diagnose a model on, or only equal ones.

    Args:
        x: examples, (examples, *event_shape).
        name: of the argument, for messages.
    """
    if len(x) < LEAST_EXAMPLES:
        raise ValueError(
            f"Expected {name} to hold at least {LEAST_EXAMPLES} examples. Received: {len(x)} "
            "examples"
        )
    if np.all(x == x[:1]):
        raise ValueError(
            f"Expected {name} to hold examples that differ. Received: {len(x)} equal examples"
        )
