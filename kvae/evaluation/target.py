"""What the likelihood of a model explains, and which elements of it are known."""

from typing import Any

import numpy as np

__all__ = ["target_and_known"]


def target_and_known(model: Any, arrays: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the target, (examples, *event_shape), and booleans of its shape: what is observed.

    Args:
        model: a built `LatentModel`.
        arrays: checked arrays by name.

    Example:
        >>> from kvae.evaluation.target import target_and_known
        >>> target, known = target_and_known(vae, {"x": x_test[:3]})
        >>> target.shape, bool(known.all())
        ((3, 8, 8, 1), True)
    """
    target, observed = np.asarray(arrays.get("target", arrays["x"])), arrays.get("observed")
    known = np.ones(target.shape, bool) if observed is None else np.asarray(observed, bool)
    if model.example_likelihood().missing:
        known = known & ~np.isnan(target)
    return target, known
