"""The log-likelihood of a model, estimated by importance sampling from its posterior."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks, memory
from kvae.evaluation.gaussian_vector import built_model
from kvae.losses.importance_weighted import log_weights
from kvae.sums import ordered_sum

__all__ = ["importance_sampled_log_likelihood"]

ROWS = 8192  # codes decoded at once, at most


def importance_sampled_log_likelihood(
    vae: Any, x: Any, samples: int = 200, seed: int = 0, batch_size: int = 256
) -> np.ndarray:
    """Return the importance-weighted bound on log p(x) of each example, in nats.

        log p(x) >= E log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x),    z_k ~ q(z|x) independent.

    With one sample it is the ELBO; it increases with K and converges to log p(x). The memory does
    not grow with K. In a hierarchy z_k is a draw of all layers, and p(z) and q(z|x) are products
    over them.

    Args:
        vae: a built `kvae.VAE`, `kvae.ConditionalVAE` or `kvae.HierarchicalVAE`.
        x: array of shape (examples, *event_shape), or a dict of arrays by name, such as x and
            condition.
        samples: int K, posterior samples for each example.
        seed: int, seeds the samples.
        batch_size: examples per batch.

    Returns:
        float64 array of shape (examples,).

    Raises:
        ValueError: If `vae` is not such a model, or `x` does not fit it.

    Example:
        >>> kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
        >>> posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
        >>> likelihood = kvae.layers.IndependentBernoulli(8)
        >>> vae = kvae.VAE(
        ...     encoder=kvae.networks.mlp_encoder(8, posterior.params_size),
        ...     posterior=posterior,
        ...     decoder=kvae.networks.mlp_decoder(2, likelihood.params_shape),
        ...     likelihood=likelihood,
        ... )
        >>> kvae.evaluation.importance_sampled_log_likelihood(vae, np.eye(8), samples=50).shape
        (8,)

    References:
        Burda, Grosse, Salakhutdinov: Importance Weighted Autoencoders, 2016, section 3,
        https://arxiv.org/abs/1509.00519
    """
    model = built_model(vae)
    samples = checks.positive_int("samples", samples)
    rows = min(ROWS, memory.rows_at_once(model))
    batch_size = min(checks.positive_int("batch_size", batch_size), rows)
    x = model.named_inputs().check_x(x)
    examples = len(next(iter(x.values())) if isinstance(x, dict) else x)

    def log_sum_of_weights(x: Any, draws: int, seed: Any) -> Any:
        """Return log sum_k p(x|z_k) p(z_k) / q(z_k|x) over `draws` samples, shape (batch,)."""
        inputs, _ = model.named_inputs().unpack(x)
        log_ratios = log_weights(model, inputs, model.infer(inputs, seed, draws=draws))
        return tf.reduce_logsumexp(ordered_sum(log_ratios), axis=0)

    function = tf.function(log_sum_of_weights, reduce_retracing=True, autograph=False)
    bounds = []
    for start in range(0, examples, batch_size):
        end = min(start + batch_size, examples)
        batch = _rows(x, start, end)
        chunk = max(1, rows // (end - start))
        total = np.full(end - start, -np.inf)
        for first in range(0, samples, chunk):
            draws = min(chunk, samples - first)  # at most two numbers, each traced once
            key = tf.random.fold_in(tf.random.fold_in([seed, 0], start), first)
            total = np.logaddexp(total, function(batch, draws, key).numpy().astype("float64"))
        bounds.append(total - math.log(samples))
    return np.concatenate(bounds)


def _rows(arrays: Any, start: int, end: int) -> Any:
    """Return rows of an array, or of each array of a dict, as tensors."""
    return tf.nest.map_structure(lambda array: tf.convert_to_tensor(array[start:end]), arrays)
