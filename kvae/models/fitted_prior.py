"""The second step of training: a prior is fitted to what the encoder makes of the data.

Each function returns a copy of the model with that prior.
"""

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks, memory, registered
from kvae.contract import Batch
from kvae.models.parts import without
from kvae.priors import Affine, Flow, GaussianMixture, Prior, UniformSphere
from kvae.priors.prior import SCALE_FLOOR
from kvae.special_functions import softplus_inverse
from kvae.training import keras_compat
from kvae.training.non_finite import NonFinite
from kvae.training.non_finite_check import NonFiniteError
from kvae.training.optimizers import build_optimizers

__all__ = ["fit_code_prior", "fit_vector_prior"]

KINDS = {"gaussian_mixture": GaussianMixture, "flow": Flow}


def fit_code_prior(
    model: Any, x: Any, optimizer: Any, batch_size: int, epochs: int, **kwargs: Any
) -> Any:
    """Return a copy of a `QuantizedVAE` with a trained prior; arguments as for its `fit_prior`."""
    if isinstance(optimizer, Prior) or optimizer in tuple(KINDS):
        raise ValueError(
            "Expected an optimizer: a QuantizedVAE trains the prior over codes that it was made "
            f"with. Received: optimizer={optimizer!r}"
        )
    if not model.prior.trainable_weights:
        raise ValueError(
            "Expected a prior with weights: kvae.priors.AutoregressiveCodes. Received: "
            f"{model.prior.description()}"
        )
    codes, held_out = model.encode(x), kwargs.pop("validation_data", None)
    if held_out is not None:
        held_out = model.encode(held_out)
    again = _copy(model)
    prior = again.prior
    _train(prior, prior.log_prob, codes, held_out, optimizer, batch_size, epochs, **kwargs)
    prior.fitted = True
    again.forget_traces()
    return again


def fit_vector_prior(
    model: Any, x: Any, prior: Any, draws: int, seed: int, batch_size: int, **kwargs: Any
) -> Any:
    """Return a copy of a `VAE` with a fitted prior; arguments as for `VAE.fit_prior`."""
    fitted = Affine(_new_prior(model, prior))
    mixture = isinstance(fitted.base, GaussianMixture)
    if mixture and kwargs:
        raise ValueError(
            "Expected no arguments of fit: a Gaussian mixture is fitted by expectation "
            f"maximization. Received: {', '.join(sorted(kwargs))}"
        )
    again = _with_prior(model, fitted)
    z = _draws(model, x, draws, seed)
    loc, scale = z.mean(axis=0), z.std(axis=0)
    # A dimension that the encoder does not use is a constant of a deterministic encoder.
    scale = np.maximum(scale, 1e-6 * np.maximum(1.0, np.abs(loc)))
    fitted.set_moments(loc, scale)
    if mixture:
        _fit_mixture(fitted.base, (z - loc) / scale, seed)
        return again
    held_out = kwargs.pop("validation_data", None)
    if held_out is not None:
        held_out = _draws(model, held_out, draws, seed)
    optimizer, epochs = kwargs.pop("optimizer", "adam"), kwargs.pop("epochs", 10)

    def log_prob(z: Any) -> Any:
        return fitted.distribution().log_prob(z)

    _train(fitted, log_prob, z, held_out, optimizer, batch_size, epochs, **kwargs)
    return again


def _copy(model: Any) -> Any:
    """Return a copy of a model that shares no weight with it."""
    # A copy is saved and loaded in memory; Keras cannot load an optimizer that was not yet built.
    if getattr(model, "optimizer", None) is not None:
        build_optimizers(model)
    with keras_compat.quiet_arrays(), registered.classes("so that fit_prior can copy it"):
        return copy.deepcopy(model)


def _new_prior(model: Any, prior: Any) -> Prior:
    """Return a prior of the model's dimensions with fresh weights."""
    if isinstance(model.prior, UniformSphere):
        raise ValueError(
            "Expected a posterior over all vectors, such as kvae.layers.MultivariateNormalDiag: "
            "codes on a sphere have no density there. Received: a model with the prior "
            f"{model.prior.description()}"
        )
    if isinstance(prior, str) and prior in KINDS:
        return KINDS[prior](model.latent_dim)
    if not isinstance(prior, Prior) or isinstance(prior, Affine):
        raise ValueError(
            f"Expected prior to be {' or '.join(map(repr, KINDS))}, or a kvae.priors.Prior with "
            f"weights. Received: prior={prior!r}"
        )
    if prior.event_shape != (model.latent_dim,):
        raise ValueError(
            f"Expected prior to have the model's {model.latent_dim} dimensions. Received: "
            f"{prior.description()}"
        )
    new = type(prior).from_config(prior.get_config())
    if not new.reads_posterior and new.condition_dim is None:
        new.build()
        if not new.trainable_weights:
            raise ValueError(
                f"Expected prior to have weights to fit. Received: {prior.description()}"
            )
    return new  # `Affine` refuses the others


def _with_prior(model: Any, prior: Prior) -> Any:
    """Return a copy of a model with another prior, compiled as the model is."""
    # A learned prior is part of the copy's posterior layer, which cannot take another one once it
    # is built: a new posterior layer takes its place.
    again = _copy(model)
    old = again.posterior_layer
    for part in old.regularizer.parts:
        if hasattr(part, "prior"):
            part.prior = prior
    config = {**old.get_config(), "activity_regularizer": old.regularizer}
    new = type(old).from_config(config)
    parts = {**again.parts(), "posterior": new}
    made = type(model).from_config({**again.get_config(), **parts})
    if not made.built:
        made.build((None, *model.input_specs()["x"].shape))
    for weight, value in zip(_own_weights(new), _own_weights(model.posterior_layer), strict=True):
        weight.assign(value)
    for part in new.regularizer.parts:  # free bits of single dimensions need another prior
        if part.is_kl:
            part.values(made.example_latents()["z"], Batch(step=tf.constant(0)))
    compiled = again.get_compile_config()
    if compiled:
        made.compile_from_config(compiled)
    made.earlier_steps = model.training_steps()  # its optimizer begins anew
    return made


def _own_weights(layer: Any) -> list[Any]:
    """Return the weights of a posterior layer without those of its regularizer."""
    others = [weight for each in layer.regularizer_layers for weight in each.weights]
    return without(layer.weights, others)


def _draws(model: Any, x: Any, draws: int, seed: int) -> np.ndarray:
    """Return draws from the posteriors of data, float64 (examples * draws, latent_dim)."""
    checks.positive_int("draws", draws)
    if model.latent_specs()["z"].kind == "deterministic":
        draws = 1  # all would be the same
    x = model.named_inputs().check_x(x)
    examples = len(x["x"] if isinstance(x, dict) else x)
    memory.check_result("draws", draws, examples * model.latent_dim)
    keys = tf.constant([checks.seed("seed", seed), 0], tf.int32)
    found = model.run("posterior_draws", x, fixed={"draws": int(draws)}, seed=keys)["z"]
    z = np.asarray(found, "float64").reshape(-1, model.latent_dim)
    if not np.all(np.isfinite(z)):
        raise NonFiniteError(
            "Expected the codes of the data to be finite: train the model again. Received: "
            f"{np.sum(~np.isfinite(z).all(axis=1))} of {len(z)} draws that are not",
            NonFinite(0, "z", float(z[~np.isfinite(z)][0])),
        )
    return z


def _fit_mixture(prior: GaussianMixture, z: np.ndarray, seed: int) -> None:
    """Fit a mixture to vectors (examples, d) by expectation maximization, from k-means."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture as Mixture

    components = prior.num_components
    if len(z) < max(2, components):
        raise ValueError(
            f"Expected at least two draws, and one for each of the {components} components. "
            f"Received: {len(z)} draws. Give more examples or draws, or a "
            "kvae.priors.GaussianMixture with fewer components."
        )
    mixture = Mixture(
        components, covariance_type="diag", reg_covar=1e-5, max_iter=500, random_state=seed % 2**32
    )
    with warnings.catch_warnings():
        # Fewer clusters than components, or a likelihood that still rises a little, is no failure.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(z)
    above = np.maximum(np.sqrt(mixture.covariances_) - SCALE_FLOOR, 1e-6)
    logits = np.log(np.maximum(mixture.weights_, 1e-30))
    prior.logits.assign(logits - logits.mean())
    prior.loc.assign(mixture.means_)
    prior.raw_scale.assign(softplus_inverse(above))


def _train(
    prior: Any,
    log_prob: Callable[[Any], Any],
    values: Any,
    held_out: Any,
    optimizer: Any,
    batch_size: int,
    epochs: int,
    **kwargs: Any,
) -> None:
    """Train a prior by maximum likelihood; raise where the loss is not finite."""
    checks.positive_int("epochs", epochs)
    checks.positive_int("batch_size", batch_size)
    if held_out is not None:
        kwargs["validation_data"] = held_out, held_out
    trainer = _NegativeLogProb(prior, log_prob)
    trainer.compile(optimizer)
    history = trainer.fit(values, values, batch_size=batch_size, epochs=epochs, **kwargs)
    losses = history.history.get("loss", [])  # none where initial_epoch leaves no epoch
    if not all(map(math.isfinite, losses)):
        epoch = next(i for i, loss in enumerate(losses) if not math.isfinite(loss))
        raise NonFiniteError(
            f"Expected the loss of the prior to be finite. Received: {losses[epoch]} in epoch "
            f"{epoch + 1}. The model is what it was before. Lower the learning rate, or clip the "
            "gradients (the optimizer's clipnorm=1.0).",
            NonFinite(int(trainer.optimizer.iterations), "loss", losses[epoch]),
        )


class _NegativeLogProb(keras.Model):
    """Latent variables -> log p, (batch,); its loss is the negative mean."""

    def __init__(self, prior: Any, log_prob: Any):
        super().__init__(name="prior_training", dtype="float32")  # whatever the policy of networks
        self.prior = prior
        self.log_prob = log_prob

    def call(self, values: Any) -> Any:
        return self.log_prob(values)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **_: Any
    ) -> Any:
        log_prob = y_pred
        if sample_weight is not None:
            log_prob = log_prob * tf.cast(sample_weight, log_prob.dtype)
        return -tf.reduce_mean(log_prob)
