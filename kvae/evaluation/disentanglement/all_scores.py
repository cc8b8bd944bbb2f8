"""All disentanglement scores of a model or of codes."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kvae.evaluation.disentanglement.beta_vae import beta_vae_score
from kvae.evaluation.disentanglement.dci import dci
from kvae.evaluation.disentanglement.disentanglement_score import DisentanglementScore
from kvae.evaluation.disentanglement.factor_vae import factor_vae_score
from kvae.evaluation.disentanglement.mig import mig
from kvae.evaluation.disentanglement.modularity import modularity
from kvae.evaluation.disentanglement.sap import sap
from kvae.evaluation.gaussian_vector import one_encoded_vector
from kvae.streams import Stream, generator

__all__ = ["scores"]


def scores(
    codes: Any,
    factors: np.ndarray,
    discrete: bool | Sequence[bool],
    *,
    x: Any = None,
    draws: bool = False,
    seed: int = 0,
    errors: bool = True,
) -> dict[str, DisentanglementScore]:
    """Return all disentanglement scores by name.

    Args:
        codes: codes of the examples, (n, latent_dim); or a `kvae.VAE`, which encodes `x`.
        factors: true factors of the same examples, (n, K), of which at least two vary.
        discrete: whether each factor is discrete, one bool for all or K bools.
        x: examples (n, *event_shape) if `codes` is a `kvae.VAE`; otherwise None.
        draws: whether to use posterior samples of the `kvae.VAE` instead of posterior means.
        seed: int, seeds the samples and the scores.
        errors: whether to compute standard errors.

    Returns:
        A `DisentanglementScore` by name: "mig", "sap", "modularity", "disentanglement",
        "completeness", "informativeness" (these three are `dci`), "factor_vae" and "beta_vae".

    Raises:
        ValueError: If codes and factors have other shapes or types, or there are fewer than 100
            examples; if `codes` is a model and `x` is None, or `codes` is an array and `x` is not.

    Example:
        >>> factors = np.random.default_rng(0).uniform(size=(400, 2))
        >>> found = kvae.evaluation.disentanglement.scores(factors, factors, False, errors=False)
        >>> sorted(found)[:3]
        ['beta_vae', 'completeness', 'disentanglement']
        >>> bright = np.stack([x_test.mean((1, 2, 3)), x_test[:, :, :4].mean((1, 2, 3))], axis=1)
        >>> found = kvae.evaluation.disentanglement.scores(
        ...     vae, bright, False, x=x_test, errors=False
        ... )
        >>> 0.0 <= found["mig"].value <= 1.0
        True
    """
    is_model = isinstance(codes, keras.Model)
    if is_model != (x is not None):
        raise ValueError(
            "Expected codes to be a kvae.VAE with examples x, or an array without x. Received: "
            f"codes of type {type(codes).__name__}, x of type {type(x).__name__}"
        )
    if is_model:
        one_encoded_vector(codes)
        mean, stddev = codes.encode(x)
        noise = generator(seed, Stream.SCORED_CODES).standard_normal(mean.shape)
        codes = mean + stddev * noise if draws else mean
    repeats: dict[str, Any] = {} if errors else {"repeats": 0}
    three = dci(codes, factors, discrete, seed=seed, **repeats)
    found = [
        *(
            score(codes, factors, discrete, seed=seed, **repeats)
            for score in (mig, sap, modularity, factor_vae_score, beta_vae_score)
        ),
        three.disentanglement,
        three.completeness,
        three.informativeness,
    ]
    return {score.name: score for score in found}
