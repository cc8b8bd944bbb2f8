"""A VAE whose latent variables are codes, integers below a fixed number."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.contract import Batch, Domain, InputSpec, Latent, LatentSpec, Signature, Term
from kvae.layers import DistributionLayer, Likelihood, Quantizer
from kvae.layers.quantizer import perplexity
from kvae.models.data_input import (
    data_specs,
    encoder_shape,
    exported_data,
    seen_by_encoder,
    shape_to_build,
)
from kvae.models.fitted_prior import fit_code_prior
from kvae.models.latent_model import LatentModel
from kvae.models.part_network import build_network, emitted_shape, first_taken
from kvae.models.parts import (
    arguments_of,
    check_are_layers,
    check_decoder,
    check_likelihood,
    config_of,
    without,
)
from kvae.models.public_methods import CodePublicMethods
from kvae.models.tensor_functions import CodeFunctions
from kvae.outputs import decoded
from kvae.priors import UniformCodes

__all__ = ["QuantizedVAE"]

CODES = "codes"


@keras.saving.register_keras_serializable(package="kvae")
class QuantizedVAE(LatentModel):
    """A VAE with codes in place of real numbers: VQ-VAE, or with finite scalar quantization.

    The encoder emits a vector at each position of a grid, the quantizer gives each vector a code,
    and the decoder reads the vectors that the codes stand for. Since x determines its codes,

        ELBO = log p(x|codes) + log p(codes),      loss = nll + commitment weight * commitment.

    It is trained in two steps: `fit` trains encoder, decoder and codebook; then `fit_prior` returns
    the model with a trained p(codes), without which the prior is uniform and `sample` means little.
    `fit` reports `kl`, -log p(codes), which is the same for all codes of a uniform prior and has no
    part in the loss, and `perplexity`, how many codes a batch uses.

    Args:
        encoder: `keras.Model` (batch, *event_shape) -> (batch, *grid, dim).
        quantizer: `kvae.layers.VectorQuantizer` or `kvae.layers.FiniteScalarQuantizer`.
        decoder: `keras.Model` (batch, *grid, dim) -> the likelihood's parameters.
        likelihood: distribution layer over the data.
        prior: `kvae.priors.AutoregressiveCodes` or `UniformCodes` over the grid; by default
            uniform.
        features: see `kvae.VAE`.
        **kwargs: Passed to `keras.Model`.

    The inputs are those of `kvae.VAE`.

    Raises:
        ValueError: If the parts do not fit each other.

    Example:
        >>> likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
        >>> quantizer = kvae.layers.VectorQuantizer(codebook_size=16, dim=4)
        >>> codes = kvae.QuantizedVAE(
        ...     encoder=kvae.networks.grid_encoder((8, 8, 1), quantizer.dim),
        ...     quantizer=quantizer,
        ...     decoder=kvae.networks.grid_decoder((2, 2, quantizer.dim), likelihood.params_shape),
        ...     likelihood=likelihood,
        ...     prior=kvae.priors.AutoregressiveCodes((2, 2), 16, units=16),
        ... )
        >>> codes.compile("adam")
        >>> x_train, x_test = kvae.data.digits()
        >>> history = codes.fit(x_train[:64], verbose=0)
        >>> codes = codes.fit_prior(x_train[:64], verbose=0)
        >>> codes.encode(x_test[:3]).shape
        (3, 2, 2)
        >>> codes.sample(5, seed=0).shape
        (5, 8, 8, 1)

    References:
        van den Oord, Vinyals, Kavukcuoglu: Neural Discrete Representation Learning, 2017,
        https://arxiv.org/abs/1711.00937;
        Mentzer, Minnen, Agustsson, Tschannen: Finite Scalar Quantization: VQ-VAE Made Simple, 2024,
        https://arxiv.org/abs/2309.15505
    """

    def __init__(
        self,
        encoder: keras.Model,
        quantizer: Quantizer,
        decoder: keras.Model,
        likelihood: DistributionLayer,
        prior: UniformCodes | None = None,
        features: keras.layers.Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_likelihood(likelihood)
        check_are_layers(features, encoder=encoder, decoder=decoder)
        if not isinstance(quantizer, Quantizer):
            raise ValueError(
                "Expected quantizer to be a kvae.layers.VectorQuantizer or FiniteScalarQuantizer. "
                f"Received: {quantizer!r}"
            )
        if prior is not None and not isinstance(prior, UniformCodes):
            raise ValueError(
                "Expected prior to be a kvae.priors.AutoregressiveCodes or UniformCodes. Received: "
                f"{prior!r}"
            )
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder
        self.likelihood_layer = likelihood
        self.prior: Any = prior
        self.features = features
        self.build(shape_to_build(self))

    # -- structure ---------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Build and check the parts for data of shape (batch, *event_shape)."""
        vectors = tuple(emitted_shape("encoder", self.encoder, encoder_shape(self, input_shape)))
        quantizer = self.quantizer
        if len(vectors) < 3 or vectors[-1] != quantizer.dim or None in vectors[1:]:
            raise ValueError(
                f"Expected encoder to emit a grid of vectors of {quantizer.dim} elements, (batch, "
                f"..., {quantizer.dim}), as the quantizer reads them. Received: output shape "
                f"{vectors}"
            )
        grid = vectors[1:-1]
        if self.prior is None:
            self.prior = UniformCodes(grid, quantizer.codebook_size)
        expected = grid, quantizer.codebook_size
        if (self.prior.event_shape, self.prior.codebook_size) != expected:
            raise ValueError(
                f"Expected prior over a grid {grid} of {expected[1]} codes. Received: "
                f"{type(self.prior).__name__}({self.prior.event_shape}, {self.prior.codebook_size})"
            )
        build_network(self.decoder, vectors)
        if first_taken(self.decoder) not in (None, vectors):
            raise ValueError(
                f"Expected decoder to take what the quantizer returns, {vectors}. Received: a "
                f"decoder with input shape {first_taken(self.decoder)}"
            )
        emitted = emitted_shape("decoder", self.decoder, vectors)
        check_decoder(self.decoder, emitted, self.likelihood_layer)
        built_on = (quantizer, vectors), (self.prior, None), (self.likelihood_layer, emitted)
        for layer, shape in built_on:
            if not layer.built:
                layer.build(shape)
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the likelihood's parameters, shape (batch, *params_shape)."""
        inputs = self.named_inputs().unpack(x)[0]
        latents = self.infer(inputs, None, training=bool(training))
        return self.likelihood_at(latents, training=bool(training)).params

    def parts(self) -> dict[str, Any]:
        """Return the layers that the model is made of."""
        parts = {
            "encoder": self.encoder,
            "quantizer": self.quantizer,
            "decoder": self.decoder,
            "likelihood": self.likelihood_layer,
            "prior": self.prior,
        }
        return parts if self.features is None else {**parts, "features": self.features}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this model again, as plain data."""
        return config_of(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "QuantizedVAE":
        """Return the model that `get_config` described, with fresh weights."""
        return cls(**arguments_of(config, custom_objects))

    # -- the contract ------------------------------------------------------------------------

    def input_specs(self) -> dict[str, InputSpec]:
        """Return what x has to be, the encoder's input, and its target, an event."""
        return data_specs(self)

    def latent_specs(self) -> dict[str, LatentSpec]:
        """Return the grid of codes."""
        prior = self.prior
        return {CODES: LatentSpec(prior.event_shape, "codes", prior.normals, self._domain())}

    def regularizers(self) -> dict[str, Any]:
        """Return that the codes have no regularizer."""
        return {CODES: None}

    def infer(
        self,
        inputs: Mapping[str, Any],
        seed: Any,
        draws: int | None = None,
        training: bool = False,
    ) -> dict[str, Latent]:
        """Return the codes with the vectors that they stand for, see `LatentModel.infer`."""
        if draws is not None:
            raise ValueError(
                "Expected draws=None: x determines its codes, there is nothing to draw. Received: "
                f"draws={draws}"
            )
        vectors = self.encoder(seen_by_encoder(self, inputs, training), training=training)
        latent = Latent(
            self.quantizer(vectors),
            prior=self.prior.distribution(),
            seed=seed,
            codes=self.quantizer.codes(vectors),
            state=vectors,
        )
        return {CODES: latent}

    def draw_prior(self, normals: Any, condition: Any = None) -> dict[str, Any]:
        """Return draws of the codes, see `LatentModel.draw_prior`."""
        return {CODES: self.prior.from_normal(normals)}

    def generate(
        self, latents: Mapping[str, Any], condition: Any = None, training: bool = False
    ) -> Likelihood:
        """Return p(x|codes), given codes or the vectors that they stand for."""
        value = tf.convert_to_tensor(latents[CODES])
        if value.dtype.is_integer:
            value = self.quantizer.vectors(value)
        params = self.decoder(value, training=training)
        return Likelihood(self.likelihood_layer, params, training)

    def penalties(
        self, inputs: Mapping[str, Any], latents: Mapping[str, Latent], batch: Batch
    ) -> list[Term]:
        """Return the commitment and the codes in use; in training the codebook learns."""
        latent, terms = latents[CODES], super().penalties(inputs, latents, batch)
        commitment = self.quantizer.penalty(latent.state)
        if commitment is not None:
            terms.append(Term("commitment", commitment, self.quantizer.commitment, unit=""))
        used = perplexity(latent.codes, self.quantizer.codebook_size, batch)
        terms.append(Term("perplexity", used, 0.0, unit="codes"))
        if batch.training and self.quantizer.trainable:
            self.quantizer.update(latent.state, latent.seed, batch)
        return terms

    def update_groups(self) -> dict[str, tuple[Any, list[Any]]]:
        """Return the optimizer with all variables but those of the prior."""
        others = without(self.trainable_variables, self.prior.trainable_variables)
        return {"model": (self.optimizer, others)}

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the likelihood's transforms, see `LatentModel.transforms`."""
        return self.likelihood_layer.transforms()

    @property
    def same_draws_with_xla(self) -> bool:
        """Whether training draws the same numbers with and without XLA: it draws integers."""
        return True

    def signatures(self) -> list[Signature]:
        """Return the functions that can be exported: codes are integers."""
        functions = self.tensor_functions()
        inputs: dict[str, dict[str, Any]] = {
            "decode": {CODES: (self.prior.event_shape, tf.int32)},
            **exported_data(self),
            "sample": {"seed": ((2,), tf.int32)},
        }
        return [Signature(name, inputs[name], functions[name]) for name in inputs]

    def _domain(self) -> Domain:
        return Domain(0, self.quantizer.codebook_size - 1, integer=True)

    def term_names(self) -> list[str]:
        """Return the names of the loss's terms, see `LatentModel.term_names`."""
        if not self.built:
            return []
        names = super().term_names()
        learned = ["commitment"] if self.quantizer.commitment else []
        return names and [*names, *learned, "perplexity"]

    # -- arrays ------------------------------------------------------------------------------

    def encode(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Return the codes, int32 (examples, *grid).

        Args:
            x: array of shape (examples, *event_shape).
            batch_size: examples computed at once.
        """
        return self.run("encode", self.named_inputs().check_x(x), batch_size)[CODES]

    def decode(self, codes: Any, batch_size: int | None = None) -> np.ndarray:
        """Return the likelihood's mean at codes, shape (examples, *event_shape).

        Args:
            codes: integers (examples, *grid), each from 0 to `codebook_size` - 1.
            batch_size: examples computed at once.

        Raises:
            ValueError: If a code is not in the codebook.
        """
        spec = InputSpec(self.prior.event_shape, "int32", self._domain())
        codes = spec.check(codes, CODES)
        return decoded(self.run("decode", codes.astype("int32"), batch_size))

    def fit_prior(
        self,
        x: Any,
        optimizer: Any = "adam",
        batch_size: int = 64,
        epochs: int = 1,
        **kwargs: Any,
    ) -> "QuantizedVAE":
        """Return a copy of this model whose prior is trained on the codes of data.

        By maximum likelihood; nothing else is trained, and this model stays what it is. To be
        called after `fit`. The codes are computed once.

        Args:
            x: array of shape (examples, *event_shape).
            optimizer: see `keras.Model.compile`.
            batch_size: examples in a step.
            epochs: number of epochs.
            **kwargs: see `keras.Model.fit`; `validation_data` is x alone. A
                `keras.callbacks.History` among the `callbacks` keeps the `loss`, -log p(codes) in
                nats.

        Returns:
            The new `QuantizedVAE`.

        Raises:
            ValueError: If the prior has no weights.
            NonFiniteError: If the loss was not finite.
        """
        return fit_code_prior(self, x, optimizer, batch_size, epochs, **kwargs)

    def tensor_functions(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the functions behind the array methods and the signatures, by name."""
        return CodeFunctions(self).by_name()

    def public_methods(self) -> CodePublicMethods:
        """Return the array methods that an exported file is compared with, by signature."""
        return CodePublicMethods(self)
