"""Estimates of missing values by importance sampling, for models with `missing=True`.

Draws z_1, ..., z_K come from the mixture of posterior and prior

    m(z) = (1 - a) q(z|x_o) + a p(z),

with x_o what is observed. a = 1/2 for an even K: the first half of the draws is from q(z|x_o), the
others are from p(z). With the normalized weights

    w_k = r_k / sum_j r_j,   r_k = p(x_o|z_k) p(z_k) / m(z_k),

sum_k w_k E[x_m|z_k] converges to E[x_m|x_o] as K grows, and a draw from p(x_m|z_k), with k drawn
with the probabilities w_k, to a draw from p(x_m|x_o).

With draws from q alone (a = 0, as in the MIWAE paper) this fails where the encoder is wrong about
the row, as one that was trained on complete rows is about a row with gaps: where q(z|x_o) is far
below the true posterior, r_k has no bound, and no number of draws in practice reaches what is left
out. With the mixture no r_k exceeds p(x_o|z_k) / a. In return an exact encoder has about half of
the effective draws.

References:
    Mattei, Frellsen: MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets, 2019,
    sections 3.2 and 3.3, https://arxiv.org/abs/1812.02633
    Owen, Zhou: Safe and Effective Importance Sampling, 2000 (the mixture),
    https://doi.org/10.1080/01621459.2000.10473909
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks, memory
from kvae.contract import Batch, Latent
from kvae.contract.plain_array import plain_array
from kvae.layers.observed import not_missing
from kvae.losses.importance_weighted import log_weights
from kvae.models.batches import BATCH_SIZE
from kvae.threefry import further_keys, seed_rows, standard_normal, uniform

__all__ = ["DRAWS", "impute", "imputed"]

DRAWS = 128
KINDS = ("mean", "draw")
# The draw that comes with an inferred posterior is not used: a posterior may have no point.
ANY_SEED = (0, 0)


def imputed(model: Any, inputs: Mapping[str, Any], rows: Any, draws: int, kind: str) -> Any:
    """Return x with an estimate in place of each missing element, (B, *event_shape).

    Args:
        model: a `VAE` with `missing=True`.
        inputs: tensors (B, ...) by name.
        rows: int32 keys of the draws, (B, 2).
        draws: int K, draws of z for each example.
        kind: "mean" or "draw".
    """
    x, batch = inputs["x"], Batch()
    latent = model.infer(inputs, ANY_SEED)["z"]
    count = draws // 2 if latent.posterior is not None else 0
    further = _prior_draws(model, inputs, rows, count, latent) if count else None
    own = _posterior_draws(model, inputs, rows, draws if further is None else draws - count, latent)
    log_likelihood, log_ratio = log_weights(model, inputs, own, batch, further)
    weights = tf.nn.softmax(log_likelihood + log_ratio, axis=0)  # (K, B)
    likelihood = batch.notes["likelihood_of_draws"]
    layer, params = likelihood.layer, likelihood.params  # (K * B, ...)
    if kind == "mean":
        params = tf.reshape(params, [draws, -1, *params.shape[1:]])
        estimate = layer.weighted_center(params, weights)
    else:
        chosen = tf.gather(params, _chosen(weights, rows))
        estimate = tf.cast(dataclasses.replace(likelihood, params=chosen).draw(rows), tf.float32)
    low, high = (tf.cast(bound, estimate.dtype) for bound in layer.domain.bounds())
    estimate = tf.maximum(tf.minimum(estimate, high), low)  # a transform may lead outside
    return tf.where(not_missing(x, inputs.get("observed")), x, tf.cast(estimate, x.dtype))


def _posterior_draws(
    model: Any, inputs: Mapping[str, Any], rows: Any, draws: int, latent: Latent
) -> dict[str, Latent]:
    """Return `latent` with K draws of each example, which depend on its key alone."""
    layer = model.posterior_layer
    size = math.prod(layer.event_shape)
    normal = tf.reshape(standard_normal(rows, draws * size), [-1, draws, *layer.event_shape])
    try:
        value = layer.from_normal(latent.posterior, tf.transpose(normal, [1, 0, 2]))
    except NotImplementedError:  # another posterior: one example after the other

        def of_one(example: tuple[dict[str, Any], Any]) -> Any:
            alone = {name: tensor[None] for name, tensor in example[0].items()}
            return model.infer(alone, example[1], draws)["z"].value[:, 0]

        dtype = latent.posterior.dtype
        value = tf.map_fn(of_one, (dict(inputs), rows), fn_output_signature=dtype)
        value = tf.transpose(value, [1, 0, 2])
    return {"z": dataclasses.replace(latent, value=value, _computed={})}


def _prior_draws(
    model: Any, inputs: Mapping[str, Any], rows: Any, draws: int, latent: Latent
) -> dict[str, Latent] | None:
    """Return `latent` with draws from the prior; None where it has a density but no sampler."""
    condition = inputs.get("condition")
    if condition is not None:
        condition = tf.tile(condition, [draws, *[1] * (len(condition.shape) - 1)])
    keys = tf.reshape(further_keys(rows, draws), [-1, 2])
    try:
        value = model.tensor_functions()["prior_draws"](keys, condition)["z"]  # (K * B, d)
    except NotImplementedError:
        return None
    value = tf.cast(tf.reshape(value, [draws, -1, *value.shape[1:]]), latent.posterior.dtype)
    return {"z": dataclasses.replace(latent, value=value, _computed={})}


def _chosen(weights: Any, rows: Any) -> Any:
    """Return the row of one of the K draws of each example, out of K * B, by its weight."""
    draws, examples = tf.unstack(tf.shape(weights))
    below = tf.cumsum(tf.cast(weights, tf.float32), axis=0) < uniform(rows)
    index = tf.minimum(tf.reduce_sum(tf.cast(below, tf.int32), axis=0), draws - 1)
    return index * examples + tf.range(examples)


def impute(
    model: Any, x: Any, draws: int, seed: Any, kind: str, batch_size: int | None
) -> np.ndarray:
    """Return arrays as `VAE.impute` does; arguments as there, `seed` is a number or a tensor."""
    draws, kind = checks.positive_int("draws", draws), checks.choice("kind", kind, KINDS)
    size = checks.optional_positive_int("batch_size", batch_size) or BATCH_SIZE
    memory.check_draws(model, draws)
    size = min(size, memory.rows_at_once(model, draws))
    arrays = model.named_inputs().check_x(x)
    arrays = dict(arrays) if isinstance(arrays, dict) else {"x": arrays}
    arrays["seed"] = seed_rows(tf.range(len(arrays["x"])), seed).numpy()
    found = model.run("impute", arrays, size, {"draws": draws, "kind": kind})["imputed"]
    # From the data as they were given: the model computes in float32.
    given = plain_array(x["x"] if isinstance(x, Mapping) else x, "x")
    known = ~np.isnan(given)
    if "observed" in arrays:
        known &= arrays["observed"]
    dtype = given.dtype if given.dtype.kind == "f" else np.result_type(given.dtype, found.dtype)
    return np.where(known, given, found).astype(dtype, copy=False)
