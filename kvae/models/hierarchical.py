"""A hierarchy of latent variables with top-down inference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.contract import InputSpec, Latent, LatentSpec, Signature
from kvae.layers import DistributionLayer, Likelihood
from kvae.layers.trainability import check_reparameterized
from kvae.models.data_input import (
    data_specs,
    encoder_shape,
    exported_data,
    seen_by_encoder,
    shape_to_build,
)
from kvae.models.hierarchy_parts import (
    check_counts,
    check_networks,
    check_penalized_once,
    check_posteriors,
)
from kvae.models.latent_model import LatentModel
from kvae.models.parts import (
    arguments_of,
    check_are_layers,
    check_likelihood,
    config_of,
    normals_of,
)
from kvae.models.public_methods import HierarchyPublicMethods
from kvae.models.tensor_functions import HierarchyFunctions
from kvae.noise import fold_in
from kvae.outputs import decoded
from kvae.priors import Prior
from kvae.seeds import next_seed

__all__ = ["HierarchicalVAE"]


@keras.saving.register_keras_serializable(package="kvae")
class HierarchicalVAE(LatentModel):
    """A VAE with several layers of latent variables z1, z2, ..., the top one first.

        p(x, z) = p(z1) p(z2|z1) ... p(zL|z<L) p(x|z),
        q(z|x)  = q(z1|x) q(z2|z1, x) ... q(zL|z<L, x).

    The encoder computes features of x once, bottom-up. Then both the generative model and the
    posterior go top-down and share a state s, which holds what is known of the layers above:

        z1 ~ q(z1|x),                        s2 = state_1(z1),
        p(z2|z1)    = N(prior_2(s2)),
        q(z2|z1, x) = N(prior_2(s2) + posterior_2(s2, features_2)),     s3 = state_2(s2, z2), ...
        p(x|z)      = likelihood(decoder(s)).

    The sum is one of parameters [loc, raw scale]: a posterior network that emits zeros gives the
    prior, so that a new layer starts without a KL. The KL of each layer is in closed form where
    those of its posterior and prior are.

    `fit` and `evaluate` report `z1_kl`, `z2_kl`, ... (or `z1_free_bits`, ...), their weights, and
    their sum `kl`. The seed of the first posterior layer decides the draws of all.

    Args:
        encoder: `keras.Model` (batch, *event_shape) -> a list: the parameters of q(z1|x), then the
            features for each lower layer, downwards.
        posteriors: distribution layers over z1, z2, ..., at least two, each with a KL regularizer
            of its own. The prior of z1 is any, that of a lower layer a `kvae.priors.GivenNormal`;
            its posterior is a `MultivariateNormalDiag` or an `IndependentNormal`.
        state_networks: one for each layer: the first z1 -> state, the others [state, z] -> state.
        prior_networks: one for each lower layer: state -> the parameters of its prior.
        posterior_networks: one for each lower layer: [state, features] -> the parameters of its
            posterior minus those of its prior.
        decoder: `keras.Model` last state -> the likelihood's parameters.
        likelihood: distribution layer over the data.
        features: see `kvae.VAE`.
        **kwargs: Passed to `keras.Model`.

    The inputs are those of `kvae.VAE`.

    Raises:
        ValueError: If there is one layer only, or the parts do not fit each other.

    Example:
        >>> normal, kl = kvae.layers.MultivariateNormalDiag, kvae.regularizers.FreeBits
        >>> likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
        >>> hierarchy = kvae.HierarchicalVAE(
        ...     posteriors=[
        ...         normal(2, activity_regularizer=kl(kvae.priors.StandardNormal(2))),
        ...         normal(4, activity_regularizer=kl(kvae.priors.GivenNormal(4))),
        ...     ],
        ...     likelihood=likelihood,
        ...     **kvae.networks.ladder_mlp((8, 8, 1), [2, 4], likelihood.params_shape, width=16),
        ... )
        >>> hierarchy.compile("adam")
        >>> x_train, x_test = kvae.data.digits()
        >>> history = hierarchy.fit(x_train[:64], verbose=0).history
        >>> [name for name in sorted(history) if not name.endswith("_weight")]
        ['elbo', 'kl', 'loss', 'nll', 'z1_free_bits', 'z2_free_bits']
        >>> hierarchy.reconstruct(x_test[:3], levels=1).shape  # z2 from its prior
        (3, 8, 8, 1)

    References:
        Sonderby, Raiko, Maaloe, Sonderby, Winther: Ladder Variational Autoencoders, 2016,
        https://arxiv.org/abs/1602.02282;
        Vahdat, Kautz: NVAE: A Deep Hierarchical Variational Autoencoder, 2020, section 3 (residual
        parameters of the posterior), https://arxiv.org/abs/2007.03898;
        Child: Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images,
        2021, https://arxiv.org/abs/2011.10650
    """

    def __init__(
        self,
        encoder: keras.Model,
        posteriors: Sequence[DistributionLayer],
        state_networks: Sequence[keras.Model],
        prior_networks: Sequence[keras.Model],
        posterior_networks: Sequence[keras.Model],
        decoder: keras.Model,
        likelihood: DistributionLayer,
        features: keras.layers.Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_likelihood(likelihood)
        check_are_layers(features, encoder=encoder, decoder=decoder)
        check_posteriors(posteriors)
        check_counts(
            len(posteriors),
            state_networks=state_networks,
            prior_networks=prior_networks,
            posterior_networks=posterior_networks,
        )
        check_penalized_once([*state_networks, *prior_networks, *posterior_networks])
        self.encoder = encoder
        self.posteriors = list(posteriors)
        self.state_networks = list(state_networks)
        self.prior_networks = list(prior_networks)
        self.posterior_networks = list(posterior_networks)
        self.decoder = decoder
        self.likelihood_layer = likelihood
        self.features = features
        if posteriors[0].seed is not None:
            self.evaluation_seed_generator.state.assign([posteriors[0].seed, 0])
        self.prior.bind(self.posterior)
        self.build(shape_to_build(self))

    # -- structure ---------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Build and check the parts for data of shape (batch, *event_shape)."""
        check_networks(self, encoder_shape(self, input_shape))
        for layer in self.posteriors:
            if not layer.built:
                layer.build((None, *layer.params_shape))
        if not self.likelihood_layer.built:
            self.likelihood_layer.build((None, *self.likelihood_layer.params_shape))
        self.built = True

    @property
    def groups(self) -> list[str]:
        """The names of the layers of latent variables, the top one first."""
        return [f"z{index + 1}" for index in range(len(self.posteriors))]

    @property
    def prior(self) -> Prior:
        """The prior over the top layer, z1."""
        return self.posteriors[0].regularizer.kl_part.prior

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the likelihood's parameters, see `kvae.VAE.call`."""
        seed = super().evaluation_seed() if training else None
        latents = self.infer(self.named_inputs().unpack(x)[0], seed, training=bool(training))
        return self.likelihood_at(latents, training=bool(training)).params

    def parts(self) -> dict[str, Any]:
        """Return the networks and distribution layers that the model is made of."""
        parts = {
            "encoder": self.encoder,
            "posteriors": list(self.posteriors),
            "state_networks": list(self.state_networks),
            "prior_networks": list(self.prior_networks),
            "posterior_networks": list(self.posterior_networks),
            "decoder": self.decoder,
            "likelihood": self.likelihood_layer,
        }
        return parts if self.features is None else {**parts, "features": self.features}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this model again, as plain data."""
        return config_of(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "HierarchicalVAE":
        """Return the model that `get_config` described, with fresh weights."""
        return cls(**arguments_of(config, custom_objects))

    # -- the contract ------------------------------------------------------------------------

    def input_specs(self) -> dict[str, InputSpec]:
        """Return what x has to be, the encoder's input, and its target, an event."""
        return data_specs(self)

    def latent_specs(self) -> dict[str, LatentSpec]:
        """Return the layers of latent variables, the top one first."""
        specs = {}
        for name, layer in zip(self.groups, self.posteriors, strict=True):
            kind = "gaussian" if "stddev" in layer.conversions else "continuous"
            prior = layer.regularizer.kl_part.prior
            normals = normals_of(prior) if prior is self.prior else prior.normals
            specs[name] = LatentSpec(layer.event_shape, kind, normals)  # type: ignore[arg-type]
        return specs

    def regularizers(self) -> dict[str, Any]:
        """Return the regularizer of each posterior layer."""
        layers = zip(self.groups, self.posteriors, strict=True)
        return {name: layer.regularizer for name, layer in layers}

    def posterior(self, inputs: Any) -> Any:
        """Return q(z1|x), a `tfd.Distribution` of batch shape (batch,).

        Args:
            inputs: x, or tensors by name.
        """
        return self.posteriors[0].distribution(self._encoded(inputs, training=False)[0])

    def infer(
        self,
        inputs: Mapping[str, Any],
        seed: Any,
        draws: int | None = None,
        training: bool = False,
    ) -> dict[str, Latent]:
        """Return the layers of latent variables, see `LatentModel.infer`."""
        prior = self.posteriors[0].prior_at()  # before the encoder reads x
        features = self._encoded(inputs, training)
        latents: dict[str, Latent] = {}
        state, given, params = None, None, features[0]
        for index, (name, layer) in enumerate(zip(self.groups, self.posteriors, strict=True)):
            if index:
                below = features[index] if draws is None else _tiled(features[index], draws)
                given = _by_draw(self._prior_params(index, state, training), draws)
                shift = self.posterior_networks[index - 1]([state, below], training=training)
                params = given + _by_draw(tf.cast(shift, given.dtype), draws)
            posterior = layer.distribution(params)
            if training:
                check_reparameterized(layer, posterior)
            own = None if seed is None else fold_in(seed, index)
            further = None if own is None else fold_in(own, 1)
            # A lower posterior has the draws above in its batch shape.
            value = layer.drawn_or_point(posterior, own, None if index else draws)
            rows = value if draws is None else tf.reshape(value, [-1, *layer.event_shape])
            state = self._next_state(index, state, rows, training)
            latent = layer.latent(posterior, value, given, further, prior=prior)
            prior = None  # that of a lower layer is given the state
            per_draw = draws is not None and index > 0
            latents[name] = replace(latent, per_draw=per_draw, state=state)
        return latents

    def draw_prior(self, normals: Any, condition: Any = None) -> dict[str, Any]:
        """Return draws of each layer, see `LatentModel.draw_prior`."""
        priors = [layer.regularizer.kl_part.prior for layer in self.posteriors]
        parts = tf.split(normals, [prior.normals for prior in priors], axis=-1)
        values: dict[str, Any] = {}
        state, given = None, None
        for index, (name, prior) in enumerate(zip(self.groups, priors, strict=True)):
            if index:
                given = self._prior_params(index, state, training=False)
            values[name] = prior.from_normal(parts[index], given)
            if index + 1 < len(priors):
                state = self._next_state(index, state, values[name], training=False)
        return values

    def generate(
        self, latents: Mapping[str, Any], condition: Any = None, training: bool = False
    ) -> Likelihood:
        """Return p(x|z), see `LatentModel.generate`; lower layers not given are at their means."""
        state: Any = None
        for index, (name, layer) in enumerate(zip(self.groups, self.posteriors, strict=True)):
            if name in latents:
                value = latents[name]
            else:
                given = self._prior_params(index, state, training)
                value = layer.regularizer.kl_part.prior.distribution(given).mean()
            state = self._next_state(index, state, value, training)
        return self._likelihood(state, training)

    def likelihood_at(
        self, latents: Mapping[str, Latent], condition: Any = None, training: bool = False
    ) -> Likelihood:
        """Return p(x|z) at inferred layers, from the state that `infer` has computed."""
        return self._likelihood(latents[self.groups[-1]].state, training)

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the likelihood's transforms, see `LatentModel.transforms`."""
        return self.likelihood_layer.transforms()

    @property
    def same_draws_with_xla(self) -> bool:
        """Whether the posteriors draw the same numbers with and without XLA, up to rounding."""
        return all(layer.same_draws_with_xla for layer in self.posteriors)

    def training_seed(self) -> Any:
        """Return the seed of one batch in training; one given to the first posterior decides it."""
        return next_seed(self.posteriors[0].seed_generator)

    def evaluation_seed(self) -> Any:
        """Return the seed of one batch in `evaluate`; None where a posterior layer names a point.

        That is where its `convert_to_tensor_fn` is not "sample".
        """
        if any(layer.convert_to_tensor_fn != "sample" for layer in self.posteriors):
            return None
        return super().evaluation_seed()

    def signatures(self) -> list[Signature]:
        """Return the functions that can be exported; `decode` takes each layer by its name."""
        functions, specs = self.tensor_functions(), self.latent_specs()
        inputs: dict[str, dict[str, Any]] = {
            "decode": {name: (spec.shape, tf.float32) for name, spec in specs.items()},
            **exported_data(self),
            "sample": {"seed": ((2,), tf.int32)},
        }
        if None in [spec.normals for spec in specs.values()]:
            del inputs["sample"]
        return [Signature(name, inputs[name], functions[name]) for name in inputs]

    # -- arrays ------------------------------------------------------------------------------

    def encode(
        self, x: Any, batch_size: int | None = None
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return mean and standard deviation of each posterior, (examples, *shape), by layer.

        Those of a lower layer are given the means of the layers above.

        Args:
            x: array of shape (examples, *event_shape).
            batch_size: examples computed at once.
        """
        found = self.run("encode", self.named_inputs().check_x(x), batch_size)
        return {name: (found[f"{name}_mean"], found[f"{name}_stddev"]) for name in self.groups}

    def decode(self, latents: Mapping[str, Any], batch_size: int | None = None) -> np.ndarray:
        """Return the likelihood's mean, shape (examples, *event_shape).

        Args:
            latents: arrays (examples, *shape) by layer, from z1 downwards. Layers that are left
                out at the lower end are at the means of their priors.
            batch_size: examples computed at once.
        """
        given = self.groups[: max(1, len(latents))]
        if not isinstance(latents, Mapping) or set(latents) != set(given):
            received = sorted(latents) if isinstance(latents, Mapping) else type(latents).__name__
            raise ValueError(
                f"Expected latents to hold arrays by layer, {', '.join(self.groups)} or the first "
                f"of these. Received: {received}"
            )
        shapes = {name: spec.shape for name, spec in self.latent_specs().items()}
        arrays = {name: InputSpec(shapes[name]).check(latents[name], name) for name in given}
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                "Expected latents to hold as many examples of each layer. Received: "
                f"{', '.join(f'{length} of {name}' for name, length in lengths.items())}"
            )
        return decoded(self.run("decode", arrays, batch_size))

    def reconstruct(
        self, x: Any, batch_size: int | None = None, levels: int | None = None
    ) -> np.ndarray:
        """Return the likelihood's mean at the posteriors' points, (examples, *event_shape).

        Args:
            x: array of shape (examples, *event_shape), or a dict of arrays by name.
            batch_size: examples computed at once.
            levels: number of layers from the top that are those of x; the lower ones are at the
                means of their priors. By default all. It shows what each layer encodes.
        """
        levels = len(self.groups) if levels is None else checks.positive_int("levels", levels)
        if levels >= len(self.groups):
            return super().reconstruct(x, batch_size)
        points = self.run("points", self.named_inputs().check_x(x), batch_size)
        return self.decode({name: points[name] for name in self.groups[:levels]}, batch_size)

    def tensor_functions(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the functions behind the array methods and the signatures, by name."""
        return HierarchyFunctions(self).by_name()

    def public_methods(self) -> HierarchyPublicMethods:
        """Return the array methods that an exported file is compared with, by signature."""
        return HierarchyPublicMethods(self)

    # -- the networks ------------------------------------------------------------------------

    def _encoded(self, inputs: Any, training: bool) -> list[Any]:
        return self.encoder(seen_by_encoder(self, inputs, training), training=training)

    def _prior_params(self, index: int, state: Any, training: bool) -> Any:
        """Return the parameters of the prior of layer `index`, which is not the first."""
        # In float32, whatever the policy: a sum in half precision would round the posterior's.
        return tf.cast(self.prior_networks[index - 1](state, training=training), tf.float32)

    def _next_state(self, index: int, state: Any, value: Any, training: bool) -> Any:
        inputs = [state, value] if index else value
        return self.state_networks[index](inputs, training=training)

    def _likelihood(self, state: Any, training: bool) -> Likelihood:
        return Likelihood(self.likelihood_layer, self.decoder(state, training=training), training)


def _tiled(features: Any, draws: int) -> Any:
    """Return features (B, ...) as (K * B, ...), the examples of each draw together."""
    return tf.tile(features, [draws, *[1] * (len(features.shape) - 1)])


def _by_draw(params: Any, draws: int | None) -> Any:
    """Return params (K * B, ...) as (K, B, ...)."""
    return params if draws is None else tf.reshape(params, [draws, -1, *params.shape[1:]])
