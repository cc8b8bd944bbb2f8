"""The VAE of pairs that differ in a few factors: weak supervision by what two examples share."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.contract import InputSpec, Latent
from kvae.contract.closed_form import normal_kl
from kvae.contract.input_spec import fits
from kvae.layers import DistributionLayer, MultivariateNormalDiag
from kvae.models.vae import VAE
from kvae.noise import fold_in
from kvae.regularizers import TotalCorrelation

__all__ = ["PairVAE", "shared_moments"]

PAIR = "pair"
# Beside the stacked rows of both halves of a batch of pairs; the number of the other row.
PARTNER = "partner"


@keras.saving.register_keras_serializable(package="kvae")
class PairVAE(VAE):
    """A VAE trained on pairs of observations that differ in a few unknown factors: Ada-GVAE.

    The data of `fit` are `{"x": x, "pair": y}`; row i of both is one pair. Each latent dimension j
    whose posteriors are alike is taken for one that the pair shares,

        d_j = KL(q(z_j|x) || q(z_j|y)) < (min_i d_i + max_i d_i) / 2,

    and there both observations get one posterior, with the mean of the means and the mean of the
    variances. The loss is the mean of the negative ELBOs of the two observations with these
    posteriors, half the sum in the paper: `nll`, `kl` and `elbo` are those of one observation, as a
    `VAE` reports them, and so are the penalties of the posterior.

    Trained, it is a `VAE` of x alone: only `fit` and `train_on_batch` ask for `pair`. Validation
    and `evaluate` take it where it is given, else the loss is that of x. Other methods ignore it.

    Args:
        encoder: see `VAE`.
        posterior: a `kvae.layers.MultivariateNormalDiag` with a `KLDivergenceRegularizer`.
        decoder: see `VAE`.
        likelihood: see `VAE`; events have the shape of x.
        changed: int k, the number of latent dimensions that a pair does not share: those of the
            greatest d_j. By default the rule above decides for each pair.
        features: see `VAE`.
        missing: see `VAE`; NaN in `pair` is not observed either. There is no input `observed`.
        **kwargs: Passed to `keras.Model`.

    The `y` of `fit` is the target of x; `pair` is its own.

    Raises:
        ValueError: If `changed` is not a positive number of some dimensions, if the posterior is
            another one or has a `TotalCorrelation`, or if the shapes do not fit.

    Example:
        >>> kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(4))
        >>> posterior = kvae.layers.MultivariateNormalDiag(4, activity_regularizer=kl)
        >>> likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
        >>> pair_vae = kvae.PairVAE(
        ...     encoder=kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size),
        ...     posterior=posterior,
        ...     decoder=kvae.networks.mlp_decoder(4, likelihood.params_shape),
        ...     likelihood=likelihood,
        ... )
        >>> pair_vae.compile("adam")
        >>> pairs = kvae.data.sprite_pairs(64, resolution=8)
        >>> history = pair_vae.fit(pairs.inputs(), verbose=0)
        >>> pair_vae.encode(pairs.first.images)[0].shape
        (64, 4)

    References:
        Locatello, Poole, Raetsch, Schoelkopf, Bachem, Tschannen: Weakly-Supervised Disentanglement
        Without Compromises, 2020, section 4.1, https://arxiv.org/abs/2002.02886;
        Hosoya: Group-based Learning of Disentangled Representations with Generalizability for Novel
        Contents (GVAE), 2019, https://arxiv.org/abs/1809.02383
    """

    def __init__(
        self,
        encoder: keras.Model,
        posterior: DistributionLayer,
        decoder: keras.Model,
        likelihood: DistributionLayer,
        changed: int | None = None,
        features: keras.layers.Layer | None = None,
        missing: bool = False,
        **kwargs: Any,
    ):
        self.changed = checks.optional_positive_int("changed", changed)
        super().__init__(encoder, posterior, decoder, likelihood, features, missing, **kwargs)
        if not isinstance(posterior, MultivariateNormalDiag):
            raise ValueError(
                "Expected posterior to be a kvae.layers.MultivariateNormalDiag, whose means and "
                f"variances are averaged over a pair. Received: a {type(posterior).__name__}"
            )
        if any(isinstance(part, TotalCorrelation) for part in posterior.regularizer.parts):
            raise ValueError(
                "Expected a posterior without TotalCorrelation, whose estimate needs independent "
                f"examples: those of a pair are not. Received: {posterior.regularizer!r}"
            )
        if self.changed is not None and self.changed >= self.latent_dim:
            raise ValueError(
                f"Expected changed to be less than the {self.latent_dim} latent dimensions. "
                f"Received: changed={changed!r}"
            )

    def build(self, input_shape: Any) -> None:
        """Build and check the parts, see `VAE.build`."""
        super().build(input_shape)
        shape, event_shape = self.input_specs()["x"].shape, self.likelihood_layer.event_shape
        if not fits(shape, event_shape):
            raise ValueError(
                f"Expected a likelihood with events of the shape of x, {shape}: pairs are their "
                f"own targets. Received: event_shape={event_shape}"
            )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this model again, as plain data."""
        return {**super().get_config(), "changed": self.changed}

    # -- the contract ------------------------------------------------------------------------

    def input_specs(self) -> dict[str, InputSpec]:
        """Return the inputs x and target of a VAE, and `pair`, which training needs."""
        specs = super().input_specs()
        specs.pop("observed", None)
        return {**specs, PAIR: specs["target"]}

    def training_specs(self) -> dict[str, InputSpec]:
        """Return the inputs, with `pair` required."""
        specs = self.input_specs()
        return {**specs, PAIR: replace(specs[PAIR], required=True)}

    def loss_inputs(self, inputs: Mapping[str, Any], weight: Any) -> tuple[Mapping[str, Any], Any]:
        """Return 2B rows for a batch of B pairs, x first, each with the weight of its pair."""
        if PAIR not in inputs:
            return inputs, weight
        pairs = tf.shape(inputs["x"])[0]
        rows = {n: tf.concat([inputs[n], inputs[PAIR]], axis=0) for n in inputs if n != PAIR}
        rows[PARTNER] = tf.roll(tf.range(2 * pairs), pairs, axis=0)
        return rows, None if weight is None else tf.concat([weight, weight], axis=0)

    def infer(
        self,
        inputs: Mapping[str, Any],
        seed: Any,
        draws: int | None = None,
        training: bool = False,
    ) -> dict[str, Latent]:
        """Return the latent vector `z`, see `VAE.infer`; of pairs with the averaged posteriors."""
        if PARTNER not in inputs:
            return super().infer(inputs, seed, draws, training)
        layer = self.posterior_layer
        prior = layer.prior_at()  # before the encoder reads x
        own = self.posterior(inputs, training)
        moments = shared_moments(own.loc, own.scale.diag_part(), self.changed)
        normal = functools.partial(tfd.MultivariateNormalDiag, validate_args=layer.validate_args)
        posterior = normal(*moments)
        value = layer.drawn_or_point(posterior, seed, draws)
        further = None if seed is None else fold_in(seed, 1)
        latent = layer.latent(posterior, value, seed=further, prior=prior)
        return {"z": replace(latent, fixed=lambda: normal(*map(tf.stop_gradient, moments)))}


def shared_moments(loc: Any, scale: Any, changed: int | None = None) -> tuple[Any, Any]:
    """Return means and standard deviations of pairs, averaged where the pair is taken to share.

    Args:
        loc: means, (2B, latent_dim): B first observations, then the second ones in their order.
        scale: standard deviations, (2B, latent_dim).
        changed: int k, dimensions that are not shared; None for the rule of `PairVAE`.

    Example:
        >>> from kvae.models.pair import shared_moments
        >>> loc, scale = tf.constant([[0.0, 0.0], [0.2, 3.0]]), tf.ones((2, 2))
        >>> shared_moments(loc, scale)[0].numpy()
        array([[0.1, 0. ],
               [0.1, 3. ]], dtype=float32)
    """
    shape = tf.shape(loc)
    loc, scale = (tf.reshape(each, [2, -1, each.shape[-1]]) for each in (loc, scale))  # (2, B, d)
    divergence = normal_kl((loc[0] - loc[1]) / scale[1], scale[0] / scale[1])  # (B, d)
    if changed is None:
        least = tf.reduce_min(divergence, axis=-1, keepdims=True)
        shared = divergence < 0.5 * (least + tf.reduce_max(divergence, axis=-1, keepdims=True))
    else:
        # By index: under XLA the k-th value may differ from itself by rounding.
        kept = tf.one_hot(tf.math.top_k(divergence, changed).indices, loc.shape[-1])  # (B, k, d)
        shared = tf.reduce_sum(kept, axis=1) < 0.5
    largest = tf.stop_gradient(tf.reduce_max(scale, axis=0))  # the square of 1e-23 is 0 in float32
    mean_scale = largest * tf.sqrt(tf.reduce_mean(tf.square(scale / largest), axis=0))
    loc = tf.where(shared, tf.reduce_mean(loc, axis=0), loc)
    scale = tf.where(shared, mean_scale, scale)
    return tf.reshape(loc, shape), tf.reshape(scale, shape)
