"""Penalties of posteriors that no model made."""

import tensorflow as tf

from kvae.contract import Batch, Latent
from kvae.contract.closed_form import kl_divergence, kl_per_element


def latent(posterior, sample=None, seed=None):
    """Return the latent group of a posterior and a draw from it."""
    return Latent(None if sample is None else tf.convert_to_tensor(sample), posterior, seed=seed)


def penalty(regularizer, posterior, sample=None, sample_weight=None, step=None, seed=None):
    """Return the weighted penalty of a batch, a scalar."""
    batch = Batch(weight=sample_weight, step=step)
    return regularizer(latent(posterior, sample, seed), batch)


def values(regularizer, posterior, sample=None):
    """Return the penalty of each example, without its weight."""
    return regularizer.values(latent(posterior, sample), Batch())


def exact_kl(prior, posterior):
    """Return the KL in closed form, or None."""
    return kl_divergence(posterior, prior.distribution())


def exact_kl_per_dimension(prior, posterior):
    """Return the KL of each dimension in closed form, or None."""
    return kl_per_element(posterior, prior.distribution())
