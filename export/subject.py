"""The model that is exported: checks before any work is done, its digest and its description."""

import hashlib
import json
from typing import Any

import numpy as np

from kvae.models import VAE

__all__ = ["description", "digest", "exportable"]


def exportable(vae: Any) -> VAE:
    """Return `vae`, or raise a ValueError if it is not a built `kvae.VAE`."""
    if not isinstance(vae, VAE):
        raise ValueError(f"Expected vae to be a kvae.VAE. Received: {type(vae).__name__}")
    if not vae.built:
        raise ValueError(
            f"Expected vae to be built. Received: the unbuilt model {vae.name!r}: call fit, or "
            "build it by calling it on a batch."
        )
    return vae


def digest(vae: Any) -> str:
    """Return the SHA-256 digest of a model: of its configuration and its weights.

    It is the same after the model is saved and loaded, and whatever it is compiled with; a
    `.keras` file is another one each time it is written, since it holds the time. The hash runs
    over the configuration, `vae.get_config()` as JSON with sorted keys and without spaces, in
    UTF-8; then over each of `vae.weights` in their order: dtype and shape as the JSON list
    `["float32",[2,3]]`, then the elements, in C order and little-endian.

    Args:
        vae: a built `kvae.VAE`.

    Returns:
        64 lowercase hexadecimal digits.

    Raises:
        ValueError: If `vae` is not a built `kvae.VAE`.

    Example:
        >>> len(kvae.export.digest(vae))
        64
    """
    found = hashlib.sha256()
    found.update(_json(exportable(vae).get_config()))
    for weight in vae.weights:
        values = np.asarray(weight)
        found.update(_json([values.dtype.name, list(values.shape)]))
        found.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
    return found.hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def description(vae: VAE) -> dict[str, Any]:
    """Return what an exported file says of its model: `model` in docs/bundle.md."""
    likelihood = vae.likelihood_layer
    return {
        "name": vae.name,
        "sha256": digest(vae),
        "latent_dim": vae.latent_dim,
        "event_shape": list(likelihood.event_shape),
        "posterior": type(vae.posterior_layer).__name__,
        "prior": type(vae.prior).__name__,
        "likelihood": type(getattr(likelihood, "layer", likelihood)).__name__,
        "decoded": likelihood.center_name,
        "domain": vae.input_specs()["target"].domain.describe(),
    }
