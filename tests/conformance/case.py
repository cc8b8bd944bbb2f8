"""What the battery has to know of a class to try it. A class is listed once, in `cases/`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

import kvae

N = 64  # examples that a case is tried on


def normal_params(rng, n, layer):
    """Raw parameters as a fresh network emits them, (n, *params_shape)."""
    return rng.normal(size=(n, *layer.params_shape)).astype("float32")


@dataclass(frozen=True)
class LayerCase:
    """A distribution layer.

    Attributes:
        make: gives a new layer; takes the keyword arguments of every distribution layer
            (convert_to_tensor_fn, activity_regularizer, seed, dtype, name, ...).
        values: (rng, n) -> events in the support, (n, *event_shape).
        variant: sets apart several cases of one class.
        size_args: positional arguments for the TFP-style call `Class.params_size(*size_args)`.
        params: (rng, n, layer) -> raw parameters, (n, *params_shape).
        output: what `convert_to_tensor_fn` makes the layer deterministic; None if nothing does.
        reparameterized: whether draws carry a gradient to the parameters.
        equal_blocks: whether params are equal blocks along the last axis, one for each parameter
            of an element, so that the flat packing of TFP says the same.
    """

    make: Callable[..., Any]
    values: Callable[[np.random.Generator, int], np.ndarray]
    variant: str = ""
    size_args: tuple | None = None
    params: Callable[..., np.ndarray] = normal_params
    output: str | None = "mean"
    reparameterized: bool = True
    equal_blocks: bool = True

    def layer(self, **kwargs):
        """Return a layer that is deterministic outside training, where it can be."""
        if self.output is not None:
            kwargs.setdefault("convert_to_tensor_fn", self.output)
        return self.make(**kwargs)

    def model(self):
        """Return parameters -> layer, compiled with its likelihood as the loss where it can be."""
        layer = self.layer(seed=3, name="layer")
        model = _model(layer.params_shape, layer)
        # A likelihood with weights is refused as a loss.
        loss = None if layer.weights else kvae.losses.NegativeLogLikelihood(self.layer())
        model.compile("adam", loss=loss)
        return model

    def arrays(self):
        """Return parameters and events."""
        rng = np.random.default_rng(2)
        return self.params(rng, N, self.make()), self.values(rng, N).astype("float32")


@dataclass(frozen=True)
class PriorCase:
    """A prior over vectors of `latent_dim` elements.

    Attributes:
        make: gives a new prior; takes keyword arguments of a Keras layer.
        variant: sets apart several cases of one class.
        posterior: gives a posterior layer for it; takes the keyword arguments of every
            distribution layer. By default a diagonal Gaussian.
        values: (rng, n) -> vectors in the support, (n, event_size).
        bind: what a prior that uses the encoder of its model needs once it is loaded; such a prior
            is not reloaded here but within a `ModelCase`.
    """

    make: Callable[..., Any]
    variant: str = ""
    posterior: Callable[..., Any] | None = None
    values: Callable[[np.random.Generator, int], np.ndarray] | None = None
    bind: Callable[[Any], Any] | None = None

    def layer(self, **kwargs):
        """Return a posterior layer with the KL to the prior."""
        kl = kvae.regularizers.KLDivergenceRegularizer(self.make())
        return _posterior(self, self.make().latent_dim, activity_regularizer=kl, **kwargs)

    def model(self):
        """Return parameters -> posterior layer with the KL to the prior."""
        layer = self.layer(seed=3, name="layer")
        return _model(layer.params_shape, layer)

    def arrays(self):
        """Return the posterior's parameters and vectors in the support."""
        return _posterior_arrays(self, self.make().latent_dim)


@dataclass(frozen=True)
class CodePriorCase:
    """A prior over a grid of codes, of a `QuantizedVAE`.

    Attributes:
        make: gives a new prior over a (2, 2) grid of 3 codes; takes keyword arguments of a Keras
            layer.
        variant: sets apart several cases of one class.
    """

    make: Callable[..., Any]
    variant: str = ""

    def prior(self):
        """Return a built prior with random weights."""
        prior, rng = self.make(), np.random.default_rng(5)
        prior.distribution()
        if prior.weights and not prior.built:
            prior.build()
        prior.set_weights([rng.normal(scale=0.5, size=w.shape) for w in prior.weights])
        return prior


@dataclass(frozen=True)
class RegularizerCase:
    """A regularizer of a posterior over vectors of `event_size` elements.

    Attributes:
        make: gives a new regularizer, without arguments.
        event_size: latent dimensions it is tried on.
        variant: sets apart several cases of one class.
        posterior: gives a posterior layer for it; takes the keyword arguments of every
            distribution layer. By default a diagonal Gaussian.
        values: (rng, n) -> vectors in the support, (n, event_size).
        batch_mean: whether the penalty is the mean of one number for each example.
    """

    make: Callable[..., Any]
    event_size: int = 3
    variant: str = ""
    posterior: Callable[..., Any] | None = None
    values: Callable[[np.random.Generator, int], np.ndarray] | None = None
    batch_mean: bool = True

    def layer(self, **kwargs):
        """Return a posterior layer with the regularizer."""
        return _posterior(self, self.event_size, activity_regularizer=self.make(), **kwargs)

    def model(self):
        """Return parameters -> posterior layer with the regularizer."""
        layer = self.layer(seed=3, name="layer")
        return _model(layer.params_shape, layer)

    def arrays(self):
        """Return the posterior's parameters and vectors in the support."""
        return _posterior_arrays(self, self.event_size)


@dataclass(frozen=True)
class ModelCase:
    """A model that is trained by `compile(optimizer)` and `fit(x)`.

    Attributes:
        make: gives a new model, not compiled, with random weights.
        data: (rng, n) -> examples, or a dict of the model's inputs by name.
        variant: sets apart several cases of one class.
        exported: whether `kvae.export` takes all its signatures.
    """

    make: Callable[..., Any]
    data: Callable[[np.random.Generator, int], Any]
    variant: str = ""
    exported: bool = True

    def arrays(self, n=N):
        """Return the first n examples, as the model takes them."""
        data = self.data(np.random.default_rng(2), N)
        if isinstance(data, dict):
            return {name: _float32(values)[:n] for name, values in data.items()}
        return _float32(data)[:n]

    def inputs(self):
        """Return examples by the names of the model's inputs."""
        data = self.arrays()
        return data if isinstance(data, dict) else {"x": data}


@dataclass(frozen=True)
class PlainLayerCase:
    """A layer that makes no distribution.

    Attributes:
        make: gives a new layer; takes keyword arguments of a Keras layer.
        inputs: (rng, n) -> what it is called on, (n, ...).
        variant: sets apart several cases of one class.
    """

    make: Callable[..., Any]
    inputs: Callable[[np.random.Generator, int], np.ndarray]
    variant: str = ""

    def arrays(self):
        """Return inputs."""
        return self.inputs(np.random.default_rng(2), N).astype("float32")


@dataclass(frozen=True)
class ConditionCase:
    """A layer from raw conditions to the vector that networks read.

    Attributes:
        make: gives a new layer; takes keyword arguments of a Keras layer, `drop` and `missing`.
        raw: (rng, n) -> valid raw conditions.
        invalid: a raw condition that is not valid.
        variant: sets apart several cases of one class.
    """

    make: Callable[..., Any]
    raw: Callable[[np.random.Generator, int], np.ndarray]
    invalid: Any
    variant: str = ""

    def arrays(self):
        """Return raw conditions."""
        return self.raw(np.random.default_rng(2), N)


@dataclass(frozen=True)
class ConditionalPriorCase:
    """A prior over vectors that depends on the vector of a condition.

    Attributes:
        make: gives a new prior; takes keyword arguments of a Keras layer.
        variant: sets apart several cases of one class.
    """

    make: Callable[..., Any]
    variant: str = ""

    def arrays(self):
        """Return vectors of conditions, parameters of a diagonal Gaussian, and draws."""
        rng, prior = np.random.default_rng(2), self.make()
        sizes = prior.condition_dim, 2 * prior.latent_dim, prior.latent_dim
        return [rng.normal(size=(N, size)).astype("float32") for size in sizes]


@dataclass(frozen=True)
class ObjectCase:
    """What Keras saves by its config and that is no layer: a schedule, a loss, an objective.

    Attributes:
        make: gives a new object.
        variant: sets apart several cases of one class.
    """

    make: Callable[[], Any]
    variant: str = ""


def _float32(values):
    return values.astype("float32") if values.dtype.kind == "f" else values


def _posterior(case, event_size, **kwargs):
    kwargs.setdefault("convert_to_tensor_fn", "mean")
    if case.posterior is not None:
        return case.posterior(**kwargs)
    return kvae.layers.MultivariateNormalDiag(event_size, **kwargs)


def _posterior_arrays(case, event_size):
    rng = np.random.default_rng(2)
    params = normal_params(rng, N, _posterior(case, event_size))
    values = rng.normal(size=(N, event_size)) if case.values is None else case.values(rng, N)
    return params, values.astype("float32")


def _model(params_shape, layer):
    """Return params -> layer, with weights that are no longer at their start."""
    inputs = keras.Input(params_shape)
    model = keras.Model(inputs, layer(inputs))
    rng = np.random.default_rng(4)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    return model
