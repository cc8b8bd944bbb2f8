"""Geodesics: minimize the energy of a path in the pull-back metric of the decoder's mean."""

from typing import Any

import numpy as np
import tensorflow as tf

from kvae.evaluation.gaussian_vector import one_latent_vector

__all__ = ["shorten"]

GROW, SHRINK = 1.5, 0.5
TOLERANCE = 1e-6  # relative decrease of the energy that counts as progress
PATIENCE = 5  # stop after this many steps without progress
LEAST_RATE = 1e-6  # times the first rate: below it float32 shows no further decrease


def shorten(vae: Any, z: np.ndarray, iterations: int) -> np.ndarray:
    """Return paths with the ends of `z` whose decoded means have less energy.

    Gradient descent on the inner points, preconditioned by the inverse of the second difference
    operator. For a linear decoder with orthogonal columns one step reaches the minimum; without
    the preconditioner the number of steps grows with the square of the number of points. A step
    that would increase the energy of a path is rejected, and its rate is halved.

    Args:
        vae: a `kvae.VAE`. It is not changed.
        z: float32 paths, (n, steps, latent_dim).
        iterations: greatest number of steps.

    Returns:
        Paths of the shape of `z`.

    Raises:
        ValueError: If the decoded values have no gradient, as classes have none.
    """
    vector = one_latent_vector(vae)
    n, steps, latent_dim = z.shape
    if steps < 3:
        return z
    inner = steps - 2
    second_difference = 2.0 * np.eye(inner) - np.eye(inner, k=1) - np.eye(inner, k=-1)
    smooth = tf.constant(np.linalg.inv(second_difference), tf.float32)
    ends = tf.constant(z[:, :1]), tf.constant(z[:, -1:])

    @tf.function(autograph=False)
    def energy_and_direction(middle: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(middle)
            path = tf.concat([ends[0], middle, ends[1]], axis=1)
            flat = tf.reshape(path, (n * steps, latent_dim))
            decoded = tf.cast(tf.reshape(vector.decoded(flat), (n, steps, -1)), tf.float32)
            moves = decoded[:, 1:] - decoded[:, :-1]
            energy = (steps - 1) * tf.reduce_sum(moves**2, axis=(1, 2))  # (n,)
        gradient = tape.gradient(energy, middle)
        if gradient is None:
            raise ValueError(
                'Expected a decoder whose decoded values have a gradient with path="geodesic". '
                f"Received: {type(vae).__name__} '{vae.name}', which decodes classes. Choose "
                '"linear" or "spherical".'
            )
        return energy, tf.einsum("ij,njd->nid", smooth, gradient)

    middle = tf.constant(z[:, 1:-1])
    energy, direction = (value.numpy() for value in energy_and_direction(middle))
    # If J^T J = c I on the line, E = c |z_b - z_a|^2 and the Hessian is 2 (steps - 1) c times the
    # second difference, so 1 / (2 (steps - 1) c) is the step of Newton's method.
    squared = np.sum((z[:, -1] - z[:, 0]) ** 2, axis=1)
    constant = (energy <= 0.0) | (squared <= 0.0)  # the path or its decoded means do not move
    first_rate = squared / np.where(constant, 1.0, energy) / (2 * (steps - 1))
    first_rate = np.where(constant, 0.0, first_rate)
    rate, middle, idle = first_rate.copy(), middle.numpy(), 0
    for _ in range(iterations):
        tried = (middle - rate[:, None, None] * direction).astype("float32")
        tried_energy, tried_direction = (
            value.numpy() for value in energy_and_direction(tf.constant(tried))
        )
        better = tried_energy < energy  # False for NaN
        saved = np.where(better, energy - tried_energy, 0.0)
        idle = 0 if np.any(saved > TOLERANCE * energy) else idle + 1
        middle = np.where(better[:, None, None], tried, middle)
        direction = np.where(better[:, None, None], tried_direction, direction)
        energy = np.where(better, tried_energy, energy)
        rate *= np.where(better, GROW, SHRINK)
        if idle >= PATIENCE and np.all(better | (rate <= LEAST_RATE * first_rate)):
            break
    return np.concatenate([z[:, :1], middle, z[:, -1:]], axis=1)
