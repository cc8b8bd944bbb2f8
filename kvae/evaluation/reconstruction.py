"""The error of reconstructions."""

from typing import Any

import numpy as np

from kvae import checks
from kvae.evaluation.gaussian_vector import built_model
from kvae.evaluation.target import target_and_known

__all__ = ["reconstruction_error"]

KINDS = {"squared": np.square, "absolute": np.abs}


def reconstruction_error(
    vae: Any, x: Any, kind: str = "squared", batch_size: int | None = None
) -> np.ndarray:
    """Return the mean error of the reconstructed elements of each example, in the unit of the data.

        squared:  1/D sum_i (x_i - y_i)^2,      absolute:  1/D sum_i |x_i - y_i|,

    with y the model's `reconstruct(x)`: the likelihood's mean at the point of the posterior. Only
    observed elements count. The mean of the results over the examples is the mean squared (or
    absolute) error of a data set without missing values.

    Args:
        vae: a built model.
        x: examples, (examples, *event_shape), or a dict of arrays by name, such as x and `target`.
        kind: "squared" or "absolute".
        batch_size: examples computed at once.

    Returns:
        float64 array of shape (examples,); NaN of an example of which nothing is observed.

    Raises:
        ValueError: If `vae` is not such a model, or an argument does not fit it.

    Example:
        >>> error = kvae.evaluation.reconstruction_error(vae, x_test)
        >>> error.shape == (len(x_test),) and bool(error.mean() < 0.25)
        True
    """
    model = built_model(vae)
    function = KINDS[checks.choice("kind", kind, tuple(KINDS))]
    given = model.named_inputs().check_scored(x)
    target, known = target_and_known(model, given if isinstance(given, dict) else {"x": given})
    found = model.reconstruct(x, batch_size)
    difference = np.where(known, target.astype("float64") - found, 0.0)
    count = known.reshape(len(known), -1).sum(axis=1)
    total = function(difference).reshape(len(known), -1).sum(axis=1)
    return np.where(count, total / np.maximum(count, 1), np.nan)
