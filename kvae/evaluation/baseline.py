"""Baseline without a latent space: independent Bernoulli elements."""

import numpy as np

from kvae.contract.plain_array import plain_array
from kvae.layers import IndependentBernoulli

__all__ = ["factorized_bernoulli"]


def factorized_bernoulli(x_train: np.ndarray, x_test: np.ndarray) -> np.float64:
    """Return the mean log-likelihood of `x_test` under the best factorized Bernoulli, in nats.

        log p(x) = sum_i x_i log m_i + (1 - x_i) log(1 - m_i),

    with m_i the mean of element i over the training set. Half a count is added for 0 and for 1, so
    that m_i is never 0 or 1. A VAE with an ELBO below this value has learned nothing about the
    dependence of the elements.

    Args:
        x_train: examples in [0, 1], (examples, *event_shape).
        x_test: examples in [0, 1], (examples, *event_shape).

    Returns:
        Mean log-likelihood in nats per example, at most 0.

    Raises:
        ValueError: If the arrays are empty, hold examples of different shapes, or other numbers.

    Example:
        >>> float(kvae.evaluation.factorized_bernoulli(np.eye(2), np.eye(2)).round(3))
        -1.386
    """
    x_train, x_test = plain_array(x_train, "x_train"), plain_array(x_test, "x_test")
    if x_train.shape[1:] != x_test.shape[1:] or not len(x_train) or not len(x_test):
        raise ValueError(
            "Expected x_train and x_test to hold examples of one shape. Received: "
            f"{x_train.shape} and {x_test.shape}"
        )
    domain = IndependentBernoulli(x_train.shape[1:]).domain
    domain.check(x_train, "x_train")
    domain.check(x_test, "x_test")
    x_train, x_test = x_train.astype("float64"), x_test.astype("float64")
    mean = (x_train.sum(axis=0) + 0.5) / (len(x_train) + 1.0)
    per_element = x_test * np.log(mean) + (1.0 - x_test) * np.log1p(-mean)
    return np.float64(per_element.reshape(len(x_test), -1).sum(axis=1).mean())
