"""The model that is exported: checks before any work is done, and its description."""

from typing import Any

from kvae.models import VAE

__all__ = ["description", "exportable"]


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


def description(vae: VAE) -> dict[str, Any]:
    """Return what an exported file says of its model: `model` in docs/bundle.md."""
    likelihood = vae.likelihood_layer
    return {
        "name": vae.name,
        "latent_dim": vae.latent_dim,
        "event_shape": list(likelihood.event_shape),
        "posterior": type(vae.posterior_layer).__name__,
        "prior": type(vae.prior).__name__,
        "likelihood": type(getattr(likelihood, "layer", likelihood)).__name__,
        "decoded": likelihood.center_name,
        "domain": likelihood.domain.describe(),
    }
