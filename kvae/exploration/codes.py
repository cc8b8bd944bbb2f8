"""Codes of an argument that holds codes or examples."""

from typing import Any

import numpy as np

from kvae.evaluation.gaussian_vector import one_encoded_vector, one_latent_vector

__all__ = ["as_codes", "decode_paths"]


def as_codes(vae: Any, name: str, value: Any, encoded: bool | None = None) -> np.ndarray:
    """Return `value` as codes, float32 (n, latent_dim); examples become their posterior means.

    Args:
        vae: a `kvae.VAE`.
        name: name of the argument, for error messages.
        value: codes (n, latent_dim), or examples (n, *event_shape).
        encoded: whether `value` holds codes; by default this is inferred from its shape.

    Raises:
        ValueError: If `value` holds neither, or if its shape fits both and `encoded` is None.
    """
    vector = one_latent_vector(vae)
    value = np.asarray(value)
    shapes = {True: (vector.latent_dim,), False: vector.event_shape}
    fitting = [is_code for is_code, shape in shapes.items() if value.shape[1:] == shape]
    if encoded is not None:
        fitting = [is_code for is_code in fitting if is_code == bool(encoded)]
    if not value.ndim or not fitting:
        wanted = [
            f"{kind} (n, {', '.join(map(str, shapes[is_code]))})"
            for is_code, kind in ((True, "codes"), (False, "examples"))
            if encoded in (None, is_code)
        ]
        hint = " Add a batch axis: x[None]." if value.shape in shapes.values() else ""
        raise ValueError(
            f"Expected {name} to hold {' or '.join(wanted)}. Received: shape {value.shape}.{hint}"
        )
    if len(fitting) == 2:
        raise ValueError(
            f"Expected encoded to be True or False: codes and examples of this model have the same "
            f"shape. Received: encoded=None, {name} of shape {value.shape}"
        )
    if not len(value):
        raise ValueError(
            f"Expected {name} to hold at least one code or example. Received: shape {value.shape}"
        )
    if not fitting[0]:
        one_encoded_vector(vae)
        return np.asarray(vae.encode(value)[0], "float32")
    if not (np.issubdtype(value.dtype, np.number) and np.isfinite(value).all()):
        raise ValueError(
            f"Expected {name} to hold codes of finite numbers. Received: shape {value.shape}, "
            f"dtype {value.dtype}"
        )
    return value.astype("float32")


def decode_paths(vae: Any, z: np.ndarray) -> np.ndarray:
    """Return the likelihood's mean at `z` of shape (..., latent_dim): (..., *event_shape)."""
    decoded = vae.decode(z.reshape(-1, z.shape[-1]))
    return decoded.reshape(*z.shape[:-1], *decoded.shape[1:])
