"""The model that is exported: checks before any work is done, its digest and its description."""

import hashlib
import json
from typing import Any

import numpy as np

from kvae import checks
from kvae.layers import DistributionLayer
from kvae.models import LatentModel

__all__ = ["description", "digest", "exportable", "to_export"]


def exportable(vae: Any) -> LatentModel:
    """Return `vae`, or raise a ValueError if it is not a built model with signatures."""
    if not isinstance(vae, LatentModel):
        raise ValueError(
            "Expected vae to be a kvae.VAE or another kvae.models.LatentModel. Received: "
            f"{type(vae).__name__}"
        )
    if not vae.built:
        raise ValueError(
            f"Expected vae to be built. Received: the unbuilt model {vae.name!r}: call fit, or "
            "build it by calling it on a batch."
        )
    if not vae.signatures():
        raise ValueError(
            "Expected vae to have signatures, the functions that are exported. Received: a "
            f"{type(vae).__name__} that has none"
        )
    return vae


def to_export(vae: Any) -> LatentModel:
    """Return `vae`, or raise a ValueError if a file of it would not compute anything of use."""
    checks.finite_weights("vae", exportable(vae))
    quantized = [weight.path for weight in vae.weights if weight.dtype in ("int8", "uint8")]
    if quantized:
        raise ValueError(
            "Expected vae to have weights in floats, which presets such as int8 quantize. "
            f"Received: weights that vae.quantize has changed, {checks.some(quantized)}. Export "
            "the model as it was before."
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
        vae: a built `kvae.VAE` or another `LatentModel`.

    Returns:
        64 lowercase hexadecimal digits.

    Raises:
        ValueError: If `vae` is not a built model with signatures.

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


def description(model: LatentModel) -> dict[str, Any]:
    """Return what an exported file says of its model: `model` in docs/bundle.md."""
    likelihood = model.example_likelihood().layer
    latents = _latents(model)
    shapes = [latent["shape"] for latent in latents.values()]
    return {
        "name": model.name,
        "sha256": digest(model),
        "latents": latents,
        "latent_dim": shapes[0][0] if [len(shape) for shape in shapes] == [1] else None,
        "event_shape": list(likelihood.event_shape),
        "likelihood": type(getattr(likelihood, "layer", likelihood)).__name__,
        "decoded": likelihood.center_name,
        "inputs": _inputs(model),
    }


def _latents(model: LatentModel) -> dict[str, Any]:
    """Return shape, kind, posterior and prior of each latent group, by name."""
    regularizers = model.regularizers()
    layers = [layer for layer in model.layers if isinstance(layer, DistributionLayer)]
    found = {}
    for name, spec in model.latent_specs().items():
        own = regularizers.get(name)
        posterior = [layer for layer in layers if own is not None and layer.regularizer is own]
        named = posterior[0].prior_part if posterior else None
        prior = getattr(model, "prior", None) if named is None else named.prior
        found[name] = {
            "shape": list(spec.shape),
            "kind": spec.kind,
            "posterior": type(posterior[0]).__name__ if posterior else None,
            "prior": None if prior is None else type(prior).__name__,
        }
    return found


def _inputs(model: LatentModel) -> dict[str, Any]:
    """Return shape, dtype and valid values of each input of data or codes, by name."""
    named = model.named_inputs()
    domains = {name: named.domain(name) for name in named.specs}
    domains |= {n: spec.domain for n, spec in model.latent_specs().items() if spec.domain}
    taken = {n: port for signature in model.signatures() for n, port in signature.inputs.items()}
    return {
        name: {
            "shape": list(shape),
            "dtype": dtype.name,
            "domain": domains[name].describe(),
        }
        for name, (shape, dtype) in taken.items()
        if name in domains
    }
