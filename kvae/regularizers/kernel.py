"""The kernels of the maximum mean discrepancy, in training and in the diagnosis."""

from typing import Any

import tensorflow as tf

__all__ = ["KERNELS", "default_bandwidth", "gaussian_kernel", "inverse_multiquadratic_kernel"]


def default_bandwidth(latent_dim: int) -> float:
    """Return sqrt(d): two draws from a standard normal in d dimensions are sqrt(2 d) apart."""
    return float(latent_dim) ** 0.5


def gaussian_kernel(squared_distance: Any, bandwidth: float) -> Any:
    """Return k(a, b) = exp(-|a - b|^2 / (2 bandwidth^2)), a tensor of the shape of the distances.

    Args:
        squared_distance: |a - b|^2 of each pair. How it is computed is left to the caller: for the
            pairs of a batch in float32 by differences, for the thousands of a diagnosis in float64
            by a matrix product.
        bandwidth: width of the kernel, in the unit of the vectors.

    Example:
        >>> from kvae.regularizers.kernel import gaussian_kernel
        >>> round(float(gaussian_kernel(4.0, bandwidth=2.0)), 4)  # exp(-1/2)
        0.6065
    """
    return tf.exp(-tf.convert_to_tensor(squared_distance) / (2.0 * bandwidth**2))


def inverse_multiquadratic_kernel(squared_distance: Any, bandwidth: float) -> Any:
    """Return k(a, b) = 1 / (1 + |a - b|^2 / (2 bandwidth^2)), of the shape of the distances.

    With the default bandwidth, sqrt(d), it is C / (C + |a - b|^2) with C = 2 d, that of WAE-MMD.
    Its tails are heavier than those of a Gaussian: codes far from the prior still get a gradient.

    Args:
        squared_distance: |a - b|^2 of each pair.
        bandwidth: width of the kernel, in the unit of the vectors.

    Example:
        >>> from kvae.regularizers.kernel import inverse_multiquadratic_kernel
        >>> float(inverse_multiquadratic_kernel(8.0, bandwidth=2.0))
        0.5

    References:
        Tolstikhin, Bousquet, Gelly, Schoelkopf: Wasserstein Auto-Encoders, 2018, section 4,
        https://arxiv.org/abs/1711.01558
    """
    return 1.0 / (1.0 + tf.convert_to_tensor(squared_distance) / (2.0 * bandwidth**2))


KERNELS = {"gaussian": gaussian_kernel, "imq": inverse_multiquadratic_kernel}
