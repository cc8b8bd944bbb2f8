"""Active units: the latent dimensions that a model uses."""

from typing import Any

import numpy as np

from kvae.evaluation.gaussian_vector import one_encoded_vector

__all__ = ["active_units", "is_active"]

ACTIVE_VARIANCE = 0.01


def is_active(variance: Any) -> Any:
    """Return whether a dimension with this variance of the posterior mean is active."""
    return variance > ACTIVE_VARIANCE


def active_units(vae: Any, x: Any, batch_size: int | None = None) -> int:
    """Return the number of latent dimensions whose posterior mean has a variance above 0.01.

        Cov_x(E_q(z|x)[z_d]) > 0.01

    over the examples. `kvae.diagnose` counts the same.

    Args:
        vae: a built model with one latent vector.
        x: examples, (examples, *event_shape), at least two, or a dict of arrays by name.
        batch_size: examples computed at once.

    Raises:
        ValueError: If `vae` is not such a model, or `x` does not fit it.

    Example:
        >>> kvae.evaluation.active_units(vae, x_test)
        2

    References:
        Burda, Grosse, Salakhutdinov: Importance Weighted Autoencoders, 2016, section 5.2,
        https://arxiv.org/abs/1509.00519
    """
    mean = one_encoded_vector(vae).model.encode(x, batch_size)[0]
    if len(mean) < 2:
        raise ValueError(f"Expected x to hold at least two examples. Received: {len(mean)}")
    return int(np.sum(is_active(mean.astype("float64").var(axis=0, ddof=1))))
