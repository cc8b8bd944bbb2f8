"""The variational autoencoder as a Keras model."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.contract import InputSpec, Latent, LatentSpec, Signature
from kvae.layers import Deterministic, DistributionLayer, Likelihood
from kvae.layers.trainability import check_reparameterized
from kvae.models.data_input import (
    data_specs,
    encoder_shape,
    exported_data,
    seen_by_encoder,
    shape_to_build,
)
from kvae.models.fitted_prior import fit_vector_prior
from kvae.models.imputation import DRAWS, impute
from kvae.models.latent_model import LatentModel
from kvae.models.part_network import build_network, emitted_shape
from kvae.models.parts import (
    arguments_of,
    beside,
    check_are_layers,
    check_decoder,
    check_emits,
    check_likelihood,
    check_prior,
    check_taken,
    config_of,
    kl_of,
    normals_of,
)
from kvae.models.public_methods import VectorPublicMethods
from kvae.models.tensor_functions import VectorFunctions
from kvae.noise import fold_in
from kvae.outputs import decoded
from kvae.priors import Prior
from kvae.seeds import next_seed

__all__ = ["VAE"]


@keras.saving.register_keras_serializable(package="kvae")
class VAE(LatentModel):
    """A variational autoencoder, trained by `compile` and `fit` like any Keras model.

    It maximizes the evidence lower bound, summed over the event and averaged over the batch, in
    nats:

        ELBO = E_q[log p(x|z)] - KL(q(z|x) || p(z)),        loss = nll + kl_weight * kl + others.

    `fit` and `evaluate` report `loss`, `nll`, `kl`, `elbo` (with a weight of one, whatever
    `kl_weight` is) and `kl_weight`. Metrics given to `compile` compare the data with the
    likelihood's mean.

    Args:
        encoder: `keras.Model` (batch, *event_shape) -> the posterior's parameters.
        posterior: distribution layer over the latent vector, with a
            `KLDivergenceRegularizer` as its `activity_regularizer`; a `kvae.layers.Deterministic`
            makes the model an autoencoder, see `docs/models/autoencoder.md`.
        decoder: `keras.Model` (batch, latent_dim) -> the likelihood's parameters.
        likelihood: distribution layer over the data. `kvae.layers.Transformed` scales raw data.
        features: Keras layer or model from the data to what the encoder reads; by default the
            likelihood's transform, where it has one, else the data themselves.
        missing: whether NaN in the data means that the element is not observed. The encoder then
            reads the features, with zeros in place of what is missing, and the mask of ones and
            zeros, concatenated along the last axis: twice the channels of an example. The
            likelihood has to have independent elements. See `docs/models/missing.md`.
        **kwargs: Passed to `keras.Model`.

    The inputs are `x`, and optionally `target` (by default x) and `observed`: booleans of the shape
    of x, False where an element is missing. A missing element has no part in the likelihood, may
    hold any value, and is shown to the encoder as zero (after its transform).

    `__init__` builds the model where its networks say what they take. A subclass sets layers and
    metrics of its own before `super().__init__(...)`: Keras takes none of a built model.

    Raises:
        ValueError: If the parts do not fit each other.

    Example:
        >>> kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
        >>> posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
        >>> likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
        >>> vae = kvae.VAE(
        ...     encoder=kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size),
        ...     posterior=posterior,
        ...     decoder=kvae.networks.mlp_decoder(2, likelihood.params_shape),
        ...     likelihood=likelihood,
        ... )
        >>> vae.compile(optimizer="adam")
        >>> x_train, x_test = kvae.data.digits()
        >>> history = vae.fit(x_train[:64], epochs=1, verbose=0)
        >>> sorted(history.history)
        ['elbo', 'kl', 'kl_weight', 'loss', 'nll']
        >>> vae.sample(3, seed=0).shape
        (3, 8, 8, 1)

    References:
        Kingma, Welling: Auto-Encoding Variational Bayes, 2014, https://arxiv.org/abs/1312.6114
    """

    def __init__(
        self,
        encoder: keras.Model,
        posterior: DistributionLayer,
        decoder: keras.Model,
        likelihood: DistributionLayer,
        features: keras.layers.Layer | None = None,
        missing: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self._set_parts(encoder, posterior, decoder, likelihood, features, missing)

    def _set_parts(
        self,
        encoder: Any,
        posterior: Any,
        decoder: Any,
        likelihood: Any,
        features: Any,
        missing: bool,
    ) -> None:
        """Check, keep and build the parts."""
        check_likelihood(likelihood)
        check_are_layers(features, encoder=encoder, decoder=decoder)
        prior = kl_of(posterior, "posterior", vector=True).prior
        check_prior(prior, posterior, self.condition_dim)
        self.encoder = encoder
        self.posterior_layer = posterior
        self.decoder = decoder
        self.likelihood_layer = likelihood
        self.features = features
        self.missing = bool(missing)
        self.latent_dim = posterior.event_shape[0]
        if posterior.seed is not None:
            self.evaluation_seed_generator.state.assign([posterior.seed, 0])
        prior.bind(self.posterior)
        if features is None and encoder.built and not self.missing:
            check_taken("encoder", encoder, None, self.condition_dim, "the data")
        self.build(shape_to_build(self))

    # -- structure ---------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Build and check the parts for data of shape (batch, *event_shape)."""
        input_shape = encoder_shape(self, input_shape)
        vector_shape = None if self.condition_dim is None else (None, self.condition_dim)
        params_shape = emitted_shape("encoder", self.encoder, beside(input_shape, vector_shape))
        check_emits("encoder", params_shape, self.posterior_layer, "posterior")
        if not self.posterior_layer.built:
            self.posterior_layer.build(params_shape)
        latent_shape = (None, self.latent_dim)
        build_network(self.decoder, beside(latent_shape, vector_shape))
        what = "the posterior's event"
        check_taken("decoder", self.decoder, latent_shape, self.condition_dim, what)
        params_shape = emitted_shape("decoder", self.decoder, beside(latent_shape, vector_shape))
        check_decoder(self.decoder, params_shape, self.likelihood_layer)
        if not self.likelihood_layer.built:
            self.likelihood_layer.build(params_shape)
        self.built = True

    @property
    def prior(self) -> Prior:
        """The prior over the latent vector."""
        return self.posterior_layer.prior_part.prior

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the likelihood's parameters, shape (batch, *params_shape).

        In training at a draw of the latent vector, otherwise at the point of the posterior,
        without draws. A call adds no loss: that is what `fit` does.
        """
        seed = super().evaluation_seed() if training else None
        inputs, _ = self.named_inputs().unpack(x)
        z = self.infer(inputs, seed, training=bool(training))["z"].value
        return self.generate({"z": z}, inputs.get("condition"), bool(training)).params

    def parts(self) -> dict[str, Any]:
        """Return encoder, posterior, decoder, likelihood, and features where there are some."""
        parts = {
            "encoder": self.encoder,
            "posterior": self.posterior_layer,
            "decoder": self.decoder,
            "likelihood": self.likelihood_layer,
        }
        return parts if self.features is None else {**parts, "features": self.features}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this model again, as plain data."""
        # Only where it is on: the digest of other models stays what it was.
        return {**config_of(self), **({"missing": True} if self.missing else {})}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "VAE":
        """Return the model that `get_config` described, with fresh weights."""
        return cls(**arguments_of(config, custom_objects))

    # -- the contract ------------------------------------------------------------------------

    def input_specs(self) -> dict[str, InputSpec]:
        """Return what x has to be, the encoder's input, and its target, an event."""
        return data_specs(self)

    def latent_specs(self) -> dict[str, LatentSpec]:
        """Return the one latent vector, `z`."""
        is_gaussian = "stddev" in self.posterior_layer.conversions
        kind: Any = "gaussian" if is_gaussian else "continuous"
        if isinstance(self.posterior_layer, Deterministic):
            kind = "deterministic"
        normals = normals_of(self.prior, self.condition_dim)
        return {"z": LatentSpec((self.latent_dim,), kind, normals)}

    def regularizers(self) -> dict[str, Any]:
        """Return the posterior layer's regularizer."""
        return {"z": self.posterior_layer.regularizer}

    def posterior(self, inputs: Any, training: bool = False) -> Any:
        """Return q(z|x), a `tfd.Distribution` of batch shape (batch,) and event (latent_dim,).

        Args:
            inputs: x, or tensors by name.
            training: whether the encoder trains.
        """
        named = inputs if isinstance(inputs, Mapping) else {"x": inputs}
        vector = self.condition_vector(named.get("condition"), named["x"])
        return self.posterior_layer.distribution(self._posterior_params(named, vector, training))

    def condition_vector(self, condition: Any, like: Any) -> Any:
        """Return what networks and prior read of a condition, (batch, condition_dim); None here.

        Args:
            condition: raw conditions (batch, ...), or None.
            like: tensor (batch, ...) of the same batch.
        """
        return None

    def _posterior_params(self, named: Mapping[str, Any], vector: Any, training: bool) -> Any:
        seen = seen_by_encoder(self, named, training)
        return self.encoder(beside(seen, vector), training=training)

    def likelihood(self, z: Any, condition: Any = None) -> Any:
        """Return p(x|z), a `tfd.Distribution` of batch shape (batch,) and event `event_shape`."""
        return self.generate({"z": z}, condition).distribution()

    def infer(
        self,
        inputs: Mapping[str, Any],
        seed: Any,
        draws: int | None = None,
        training: bool = False,
    ) -> dict[str, Latent]:
        """Return the latent vector `z`, see `LatentModel.infer`."""
        layer = self.posterior_layer
        vector = self.condition_vector(inputs.get("condition"), inputs["x"])
        prior = layer.prior_at(vector)  # before the encoder reads x
        params = self._posterior_params(inputs, vector, training)
        posterior = layer.distribution(params)
        if training:
            check_reparameterized(layer, posterior)
        value = layer.drawn_or_point(posterior, seed, draws)
        further = None if seed is None else fold_in(seed, 1)
        latent = layer.latent(posterior, value, vector, further, params, prior)
        return {"z": latent}

    def draw_prior(self, normals: Any, condition: Any = None) -> dict[str, Any]:
        """Return draws of `z`, see `LatentModel.draw_prior`."""
        return {"z": self.prior.from_normal(normals, self.condition_vector(condition, normals))}

    def generate(
        self, latents: Mapping[str, Any], condition: Any = None, training: bool = False
    ) -> Likelihood:
        """Return p(x|z), see `LatentModel.generate`."""
        vector = self.condition_vector(condition, latents["z"])
        params = self.decoder(beside(latents["z"], vector), training=training)
        return Likelihood(self.likelihood_layer, params, training, self.missing)

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the likelihood's transforms, see `LatentModel.transforms`."""
        return self.likelihood_layer.transforms()

    @property
    def same_draws_with_xla(self) -> bool:
        """Whether the posterior draws the same numbers with and without XLA, up to rounding."""
        return self.posterior_layer.same_draws_with_xla

    def training_seed(self) -> Any:
        """Return the seed of one batch in training; a seed given to the posterior decides it."""
        return next_seed(self.posterior_layer.seed_generator)

    def evaluation_seed(self) -> Any:
        """Return the seed of one batch in `evaluate`; None where the posterior layer names a point.

        That is where its `convert_to_tensor_fn` is not "sample".
        """
        if self.posterior_layer.convert_to_tensor_fn != "sample":
            return None
        return super().evaluation_seed()

    def signatures(self) -> list[Signature]:
        """Return the functions that can be exported."""
        functions = self.tensor_functions()
        z = ((self.latent_dim,), tf.float32)
        pair = {"z_a": z, "z_b": z, "t": ((1,), tf.float32)}
        inputs: dict[str, dict[str, Any]] = {
            "decode": {"z": z},
            **exported_data(self),
            "sample": {"seed": ((2,), tf.int32)},
            "interpolate": pair,
            "interpolate_spherical": pair,
        }
        if normals_of(self.prior, self.condition_dim) is None:
            del inputs["sample"]
        if self.missing:
            inputs["impute"] = {**inputs["encode"], "seed": ((2,), tf.int32)}
        return [Signature(name, inputs[name], functions[name]) for name in inputs]

    # -- arrays ------------------------------------------------------------------------------

    def encode(self, x: Any, batch_size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the posterior's mean and standard deviation, each (examples, latent_dim).

        Args:
            x: array of shape (examples, *event_shape), or a dict of arrays by name.
            batch_size: examples computed at once.
        """
        found = self.run("encode", self.named_inputs().check_x(x), batch_size)
        return found["mean"], found["stddev"]

    def decode(self, z: Any, batch_size: int | None = None, condition: Any = None) -> np.ndarray:
        """Return the likelihood's mean at `z`, shape (examples, *event_shape).

        Where a transform leaves no mean it is the median, see `kvae.layers.Transformed`.

        Args:
            z: array of shape (examples, latent_dim).
            batch_size: examples computed at once.
            condition: one for all examples or one for each, where the model is conditional.
        """
        z = InputSpec((self.latent_dim,)).check(z, "z")
        inputs = {"z": z, **self.conditions(condition, len(z))}
        return decoded(self.run("decode", inputs, batch_size))

    def impute(
        self,
        x: Any,
        draws: int = DRAWS,
        seed: int | None = None,
        kind: str = "mean",
        batch_size: int | None = None,
    ) -> np.ndarray:
        """Return `x` with an estimate in place of each missing element, (examples, *event_shape).

        Observed elements come back as they are. Half of K draws z_k are from q(z|x observed), the
        others from the prior (one fewer for an odd K), so that estimates converge also where the
        encoder is wrong about rows with gaps, as one that was trained on complete rows is. All
        have the density of the mixture in their weights,

            w_k = p(x observed|z_k) p(z_k) / (q(z_k|x observed) / 2 + p(z_k) / 2),

        and no weight exceeds 2 p(x observed|z_k). A prior that cannot be sampled is left out. The
        estimate is

            "mean": sum_k w_k E[x|z_k] / sum_k w_k, which converges to E[x missing|x observed] of
                the model; for classes the one of the highest weighted probability;
            "draw": a draw from p(x|z_k) with k drawn in proportion to w_k. Several seeds give a
                multiple imputation.

        Where a transform is not affine, "mean" is the mean of the transformed data, mapped back.
        Estimates are clipped to the likelihood's domain; a mean of whole numbers is not rounded.
        Example i depends on (x[i], i, seed) alone.

        Args:
            x: array of shape (examples, *event_shape), NaN where not observed, or a dict of arrays
                by name.
            draws: int K, draws for each example.
            seed: int, makes the draws reproducible; see `sample` for the default.
            kind: "mean" or "draw".
            batch_size: examples computed at once, at most; by default what fits into the memory.

        Raises:
            ValueError: If the model does not have `missing=True`, if `x` is not valid, or if K
                draws of one example do not fit into the memory.

        References:
            Mattei, Frellsen: MIWAE: Deep Generative Modelling and Imputation of Incomplete Data
            Sets, 2019, sections 3.2 and 3.3, https://arxiv.org/abs/1812.02633;
            Owen, Zhou: Safe and Effective Importance Sampling, 2000 (the mixture),
            https://doi.org/10.1080/01621459.2000.10473909
        """
        if not self.missing:
            raise ValueError(
                "Expected a model with missing=True, whose encoder is shown what is observed. "
                f"Received: the {type(self).__name__} {self.name!r} with missing=False"
            )
        return impute(self, x, draws, self._row_seed(seed), kind, batch_size)

    def fit_prior(
        self,
        x: Any,
        prior: Any = "gaussian_mixture",
        draws: int = 5,
        seed: int = 0,
        batch_size: int = 256,
        **kwargs: Any,
    ) -> Any:
        """Return a copy of this model with a prior fitted to the aggregate posterior.

            q(z) = mean over the data of q(z|x),    maximized: E_q(z) log p(z),

        which is the part of the ELBO that depends on the prior. Nothing else is trained, and this
        model stays what it is. To be called after `fit`; the new model is compiled as this one is.
        Its prior is a `kvae.priors.Affine` of the fitted one: the draws are standardized first.

        Args:
            x: data as `fit` takes them in arrays: (examples, *event_shape), or a dict by name.
            prior: "gaussian_mixture", "flow", or a prior with weights over the latent vector, such
                as `kvae.priors.GaussianMixture(latent_dim, num_components=50)`, of which a new one
                is made. A Gaussian mixture is fitted by expectation maximization (scikit-learn),
                other priors by gradients.
            draws: int, draws from q(z|x) for each example, made once.
            seed: int, makes the draws and the start of a mixture reproducible.
            batch_size: draws in a step.
            **kwargs: for a prior that is trained by gradients: `optimizer`, by default "adam",
                `epochs`, by default 10, and what `keras.Model.fit` takes. `validation_data` is x
                alone. A `keras.callbacks.History` among the `callbacks` keeps the `loss`,
                -log p(z) in nats.

        Raises:
            ValueError: If `prior` cannot be fitted, or the KL needs one in closed form.
            NonFiniteError: If codes or loss were not finite.

        Example:
            >>> fitted = vae.fit_prior(x_test, kvae.priors.GaussianMixture(2, num_components=5))
            >>> fitted.prior.description()
            'Affine(GaussianMixture(2))'
            >>> fitted.sample(3, seed=0).shape
            (3, 8, 8, 1)

        References:
            Tomczak, Welling: VAE with a VampPrior, 2018, section 2 (the aggregate posterior is the
            best prior), https://arxiv.org/abs/1705.07120;
            Ghosh et al.: From Variational to Deterministic Autoencoders, 2020, section 4 (a prior
            fitted after training), https://arxiv.org/abs/1903.12436
        """
        return fit_vector_prior(self, x, prior, draws, seed, batch_size, **kwargs)

    def tensor_functions(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the functions behind the array methods and the signatures, by name."""
        return VectorFunctions(self).by_name()

    def public_methods(self) -> VectorPublicMethods:
        """Return the array methods that an exported file is compared with, by signature."""
        return VectorPublicMethods(self)
