"""The importance-weighted bound on the log-likelihood."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from kvae import checks, memory
from kvae.contract import Batch, Latent, Term
from kvae.contract.latent import NO_WEIGHTS
from kvae.losses.objective import Objective
from kvae.special_functions import softplus
from kvae.sums import ordered_sum

__all__ = ["ImportanceWeightedELBO", "log_weights"]

GRADIENTS = ("standard", "doubly_reparameterized")


@keras.saving.register_keras_serializable(package="kvae")
class ImportanceWeightedELBO(Objective):
    """Minus the importance-weighted bound of K draws, in nats.

        log p(x) >= L_K = E log 1/K sum_k w_k,   w_k = p(x|z_k) (p(z_k) / q(z_k|x))^beta,

    with independent draws z_k from q(z|x). With one draw it is the ELBO; it increases with K. Beta
    is the weight of the posterior's `KLDivergenceRegularizer`, a number or a schedule. In a
    hierarchy a draw is one of all layers, and each layer has its own beta.

    The terms are `iwae`, -L_K, and with a weight of zero `nll` and `kl`, the means over the draws
    that make the ELBO. With `observed` the likelihood is that of the observed elements: the bound
    of MIWAE.

    The gradient that reaches the encoder by the standard estimator loses its signal against its
    noise as K grows. The doubly reparameterized estimator has the same mean and a smaller variance:
    the density q(z|x) is differentiated by z alone, and the gradient by z_k is multiplied once more
    by 1 - beta + beta w_k / sum_j w_j, which is w_k / sum_j w_j where beta is one.

    Args:
        draws: int K, draws for each example. The decoder computes K times as much.
        gradient: "standard" or "doubly_reparameterized".

    Raises:
        ValueError: If an argument is not of the form above; and in `compile`, if a posterior has
            no KL or one that is `FreeBits` or `Capacity`, whose bounds act on a KL that this bound
            does not contain, or, with the doubly reparameterized gradient, if there are several
            latent groups, the posterior has weights of its own or the prior reads the encoder: the
            density could not be held fixed; and if K draws of one example do not fit into the
            memory.

    Example:
        >>> vae.compile("adam", loss=kvae.losses.ImportanceWeightedELBO(draws=5))
        >>> history = vae.fit(x_train[:64], verbose=0).history
        >>> sorted(history)
        ['elbo', 'iwae', 'iwae_weight', 'kl', 'kl_weight', 'loss', 'nll']
        >>> bool(history["loss"][0] <= -history["elbo"][0])
        True

    References:
        Burda, Grosse, Salakhutdinov: Importance Weighted Autoencoders, 2016,
        https://arxiv.org/abs/1509.00519;
        Tucker, Lawson, Gu, Maddison: Doubly Reparameterized Gradient Estimators for Monte Carlo
        Objectives, 2019, https://arxiv.org/abs/1810.04152;
        Mattei, Frellsen: MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets,
        2019, https://arxiv.org/abs/1812.02633
    """

    def __init__(self, draws: int = 8, gradient: str = "standard"):
        super().__init__(checks.positive_int("draws", draws))
        self.gradient = checks.choice("gradient", gradient, GRADIENTS)

    def check(self, model: Any) -> None:
        """Raise if the objective cannot train the model, see above."""
        groups = model.regularizers()
        for name, regularizer in groups.items():
            if model.latent_specs()[name].kind == "codes":
                raise ValueError(NO_WEIGHTS["codes"])
            parts = [part for part in regularizer.parts if part.is_kl] if regularizer else []
            if len(parts) != 1 or not parts[0].is_plain_kl:
                raise ValueError(
                    f"Expected the posterior of a model for {type(self).__name__} to have one "
                    "KLDivergenceRegularizer as its KL: the bound contains log p(z) - log q(z|x) "
                    f"of each draw, and no KL that could be bounded. Received: {regularizer!r}"
                )
        memory.check_draws(model, self.draws or 1)
        if self.gradient == "standard":
            return
        if len(groups) != 1:
            raise ValueError(
                "Expected a model with one latent group for the doubly reparameterized gradient: a "
                'lower posterior depends on the draws above it. Use gradient="standard". Received: '
                f"a {type(model).__name__} with the groups {', '.join(groups) or 'none'}"
            )
        if model.built:
            _fixed(*model.example_latents().values())

    def terms(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        latents: Mapping[str, Latent],
        batch: Batch,
    ) -> list[Term]:
        """Return `iwae`, and for the logs `nll` and `kl`, see `Objective.terms`."""
        factors: list[Any] = []
        if self.gradient == "doubly_reparameterized":
            ((name, latent),) = latents.items()
            fixed, value = _fixed(latent), _times(latent.value, factors)
            latents = {name: replace(latent, value=value, posterior=fixed, _computed={})}
        log_likelihood = self.log_likelihood(model, inputs, latents, batch)
        log_ratios, weights, beta = [], log_likelihood, 1.0
        for latent in latents.values():
            beta = latent.regularizer.kl_part.weight_at(batch.step)
            log_ratios.append(-latent.log_ratio())
            weights += beta * log_ratios[-1]
        log_ratio = ordered_sum(log_ratios)
        # With w the normalized weight: the path through z_k has the factor w, and the score of q
        # with -beta w becomes another one with -beta w (1 - w). The sum is w (1 - beta + beta w).
        share = tf.nn.softmax(weights, axis=0)
        factors.append(tf.stop_gradient(1.0 - beta + beta * share))
        draws = tf.cast(tf.shape(weights)[0], weights.dtype)
        bound = tf.reduce_logsumexp(weights, axis=0) - tf.math.log(draws)
        return [
            Term("iwae", -bound),
            Term("nll", -tf.stop_gradient(tf.reduce_mean(log_likelihood, axis=0)), 0.0),
            Term("kl", -tf.stop_gradient(tf.reduce_mean(log_ratio, axis=0)), 0.0),
        ]

    def term_names(self, model: Any) -> list[str]:
        """Return the names of the terms."""
        return ["iwae", "nll", "kl"]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this objective again."""
        return {**super().get_config(), "gradient": self.gradient}


def _fixed(latent: Latent) -> Any:
    """Return the posterior with its parameters held fixed; raise where they cannot be."""
    if latent.fixed is None or latent.regularizer.kl_part.prior.reads_posterior:
        raise ValueError(
            "Expected a posterior without weights of its own, and a prior that does not read the "
            "encoder, for the doubly reparameterized gradient: it holds the density q(z|x) fixed. "
            'Use gradient="standard". Received: '
            f"{type(latent.posterior).__name__} with {latent.regularizer!r}"
        )
    return latent.fixed()


def log_weights(
    model: Any,
    inputs: Mapping[str, Any],
    latents: Mapping[str, Latent],
    batch: Batch | None = None,
    from_prior: Mapping[str, Latent] | None = None,
) -> tuple[Any, Any]:
    """Return log p(x|z) and log p(z) - log q(z|x) of each draw in nats, each (K, B).

    With K' further draws from the prior the proposal is a defensive mixture: the density of all
    K + K' draws is that of a draw taken at random among them (the balance heuristic),

        log p(z) - log((1 - a) q(z|x) + a p(z)),    a = K' / (K + K'),

    at most -log a. No weight is then above p(x|z) / a, however far q(z|x) is off, nor above
    1 / (1 - a) times that of draws from q(z|x) alone. In a hierarchy a draw is one of all groups:
    p(z) and q(z|x) are products over them.

    Args:
        model: a `LatentModel`.
        inputs: tensors (B, ...) by name.
        latents: the inferred groups with K draws each.
        batch: whether the batch trains; by default it does not.
        from_prior: the same groups with K' draws from the prior as their values; these are the
            last in the results.

    Example:
        >>> inputs = {"x": tf.constant(x_test[:3])}
        >>> from kvae.losses.importance_weighted import log_weights
        >>> log_likelihood, log_ratio = log_weights(vae, inputs, vae.infer(inputs, [0, 1], draws=5))
        >>> log_likelihood.shape, log_ratio.shape
        (TensorShape([5, 3]), TensorShape([5, 3]))

    References:
        Hesterberg: Weighted Average Importance Sampling and Defensive Mixture Distributions, 1995,
        https://doi.org/10.1080/00401706.1995.10484303;
        Veach, Guibas: Optimally Combining Sampling Techniques for Monte Carlo Rendering, 1995
        (the balance heuristic), https://doi.org/10.1145/218380.218498;
        Owen, Zhou: Safe and Effective Importance Sampling, 2000,
        https://doi.org/10.1080/01621459.2000.10473909
    """
    # Each set by itself: the density at draws of the same tensor may cost less than elsewhere.
    sets = [latents] if from_prior is None else [latents, from_prior]
    ratios = [-ordered_sum([latent.log_ratio() for latent in each.values()]) for each in sets]
    log_ratio = tf.concat(ratios, axis=0)
    if from_prior is not None:
        own, further = (tf.cast(tf.shape(ratio)[0], log_ratio.dtype) for ratio in ratios)
        share, odds = further / (own + further), tf.math.log(own / further)
        log_ratio = -tf.math.log(share) - softplus(odds - log_ratio)
        latents = {
            name: replace(
                latent,
                value=tf.concat([latent.value, from_prior[name].value], axis=0),
                state=None,
                _computed={},
            )
            for name, latent in latents.items()
        }
    return Objective.log_likelihood(model, inputs, latents, batch or Batch()), log_ratio


def _times(value: Any, factors: list[Any]) -> Any:
    """Return `value`, whose gradient is multiplied by what the list holds when it is computed."""

    @tf.custom_gradient
    def identity(value: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> Any:
            (factor,) = factors
            return upstream * factor[(..., *[None] * (len(value.shape) - len(factor.shape)))]

        return tf.identity(value), gradient

    return identity(value)
