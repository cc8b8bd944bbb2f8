"""The contract of every family of latent-variable models.

A family defines a few *tensor functions*: functions of a batch, an explicit seed where they draw,
and the weights. Training, evaluation, the array methods, diagnosis, exploration and export call
these; none of them has a formula of its own.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, final

import keras
import numpy as np
import tensorflow as tf

from kvae import losses
from kvae.contract import Batch, InputSpec, Latent, LatentSpec, Signature, Term
from kvae.contract.input_spec import target_of
from kvae.contract.term import check_names
from kvae.layers import DistributionLayer, Likelihood
from kvae.losses.negative_elbo import group_prefix
from kvae.models.added_losses import AddedLosses, weight_penalties
from kvae.models.array_methods import ArrayMethods
from kvae.models.batches import BatchedFunction
from kvae.models.float32 import float32_model
from kvae.models.public_methods import PublicMethods
from kvae.models.training_methods import TrainingMethods
from kvae.noise import fold_in
from kvae.seeds import next_seed
from kvae.sums import ordered_sum

__all__ = ["LatentModel"]

EARLIER_STEPS = "earlier_steps"  # beside the variables in a file of weights


class LatentModel(ArrayMethods, TrainingMethods):
    """A model of data x with latent variables: posteriors q(z|x), priors p(z), p(x|z).

    A subclass defines `input_specs`, `latent_specs`, `regularizers`, `infer`, `draw_prior`,
    `generate` and `signatures`, and may add `penalties` and `update_groups`.

    Attributes:
        seed_generator: seeds of the draws in training, see `training_seed`.

    Example:
        >>> isinstance(vae, kvae.models.LatentModel)
        True
        >>> vae.latent_specs()
        {'z': LatentSpec(shape=(2,), kind='gaussian', normals=2)}
        >>> sorted(vae.infer({"x": x_test[:3]}, seed=[0, 1]))
        ['z']
    """

    missing: bool = False  # whether NaN in x means that the element is not observed
    condition_dim: int | None = None  # elements of the vector that networks read of a condition
    earlier_steps: int = 0  # those behind the weights that it was made with

    def __init__(self, **kwargs: Any):
        # Raw data are cast by the networks, behind the transforms: in float16 1e5 is infinite.
        super().__init__(autocast=False, **kwargs)
        self.seed_generator = keras.random.SeedGenerator()
        self._functions: dict[tuple[Any, ...], BatchedFunction] = {}

    # -- the contract: tensor functions ------------------------------------------------------

    def input_specs(self) -> dict[str, InputSpec]:
        """Return the specification of each named input; x is its own target by default."""
        raise NotImplementedError(f"{type(self).__name__} must define input_specs")

    def training_specs(self) -> dict[str, InputSpec]:
        """Return the specification of each named input of training, which may need more of them."""
        return self.input_specs()

    def latent_specs(self) -> dict[str, LatentSpec]:
        """Return the groups of latent variables in ancestral order."""
        raise NotImplementedError(f"{type(self).__name__} must define latent_specs")

    def regularizers(self) -> dict[str, Any]:
        """Return the regularizer of each latent group, or None, in ancestral order."""
        raise NotImplementedError(f"{type(self).__name__} must define regularizers")

    def infer(
        self,
        inputs: Mapping[str, Any],
        seed: Any,
        draws: int | None = None,
        training: bool = False,
    ) -> dict[str, Latent]:
        """Return each latent group with its posterior and prior.

        Args:
            inputs: tensors (B, ...) by name.
            seed: two int32; None takes the point of each posterior, see `DistributionLayer.point`,
                as often as there are draws.
            draws: int K, draws for each example; None for one without an axis of its own.
            training: whether the networks train.
        """
        raise NotImplementedError(f"{type(self).__name__} must define infer")

    def draw_prior(self, normals: Any, condition: Any = None) -> dict[str, Any]:
        """Return draws from the prior by group, made of given standard normals.

        Args:
            normals: (B, the sum of `normals` of all groups), split in ancestral order.
            condition: tensor (B, ...), where the model is conditional.
        """
        raise NotImplementedError(f"{type(self).__name__} must define draw_prior")

    def generate(
        self, latents: Mapping[str, Any], condition: Any = None, training: bool = False
    ) -> Likelihood:
        """Return p(x|z).

        Args:
            latents: values (B, *shape) by group.
            condition: tensor (B, ...), where the model is conditional.
            training: whether the networks train.
        """
        raise NotImplementedError(f"{type(self).__name__} must define generate")

    def likelihood_at(
        self, latents: Mapping[str, Latent], condition: Any = None, training: bool = False
    ) -> Likelihood:
        """Return p(x|z) at inferred groups; a model may go on from what `infer` has computed.

        Args:
            latents: what `infer` returned, one draw for each example.
            condition: as for `generate`.
            training: as for `generate`.
        """
        values = {name: latent.value for name, latent in latents.items()}
        return self.generate(values, condition, training)

    def signatures(self) -> list[Signature]:
        """Return the functions that can be exported."""
        raise NotImplementedError(f"{type(self).__name__} must define signatures")

    def public_methods(self) -> PublicMethods:
        """Return the array methods that an exported file is compared with, by signature."""
        return PublicMethods(self)

    def training_inputs(self, inputs: Mapping[str, Any], seed: Any) -> Mapping[str, Any]:
        """Return the inputs of a batch as training shows them: changed at random, or as they are.

        Args:
            inputs: tensors (B, ...) by name.
            seed: two int32.
        """
        return inputs

    def loss_inputs(self, inputs: Mapping[str, Any], weight: Any) -> tuple[Mapping[str, Any], Any]:
        """Return inputs and sample weights of the rows that the loss is the mean of.

        By default a row is an example. The first B rows have to be those of the examples.

        Args:
            inputs: tensors (B, ...) by name.
            weight: shape (B,), or None.
        """
        return inputs, weight

    def penalties(
        self, inputs: Mapping[str, Any], latents: Mapping[str, Latent], batch: Batch
    ) -> list[Term]:
        """Return the terms of the loss that are not the objective's.

        These are the regularizers that are no KL, and the losses of the networks' own layers.
        """
        terms = [
            part.term(latent, batch, group_prefix(name, latents))
            for name, latent in latents.items()
            if latent.regularizer is not None
            for part in latent.regularizer.parts
            if not part.is_kl and not part.is_off
        ]
        own = self.network_losses(batch)
        if own:
            total = ordered_sum([tf.cast(loss, tf.float32) for loss in own])
            terms.append(Term("regularization", total, unit=""))
        return terms

    @final
    def loss_terms(self, inputs: Mapping[str, Any], seed: Any, batch: Batch) -> list[Term]:
        """Return all terms of the loss: those of the objective, then the penalties.

        Args:
            inputs: tensors (B, ...) by name.
            seed: two int32, or None for the points of the posteriors.
            batch: weights of the examples and training step.
        """
        if batch.training and seed is not None:
            further = fold_in(seed, 2)
            inputs = self.training_inputs(inputs, further)
        batch = replace(batch, added=AddedLosses(self.networks()))
        latents = self.infer(inputs, seed, self.objective.draws, batch.training)
        batch.added.taken()  # before a decoder that shares layers with the encoder empties them
        terms = self.objective.terms(self, inputs, latents, batch)
        if self.objective.draws is not None:  # a penalty is that of one draw
            latents = {name: latent.first() for name, latent in latents.items()}
        terms += self.penalties(inputs, latents, batch)
        check_names(terms)
        return terms

    def update_groups(self) -> dict[str, tuple[Any, list[Any]]]:
        """Return the optimizer and the variables of each group of terms; "model" is the loss."""
        return {"model": (self.optimizer, self.trainable_variables)}

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the transforms between raw data and the likelihood, which `adapt` fits.

        Each comes with the index of the elements it applies to, along the last axis of the target.
        """
        return []

    def transforms_by_input(self) -> dict[str, list[tuple[Any, Any]]]:
        """Return the transforms that `adapt` fits by the name of the input that they learn from."""
        return {"target": self.transforms()}

    def parts(self) -> dict[str, Any]:
        """Return the layers that `from_config` takes, or lists of them, by name.

        `float32_copy` asks for them.
        """
        config = self.get_config()
        return {name: part for name, part in config.items() if isinstance(part, keras.layers.Layer)}

    def float32_copy(self, replace: Callable[[Any], Any] | None = None) -> "LatentModel":
        """Return a copy that computes in float32; what export wraps and is compared with.

        Args:
            replace: function from a network to the network that stands for it; by default the
                same.
        """
        return float32_model(self, replace)

    def quantize(self, *args: Any, **kwargs: Any) -> None:
        """Quantize layers as `keras.Model.quantize` does, for all later calls.

        `kvae.export.tflite` does not take such a model: its presets quantize one in floats.
        """
        super().quantize(*args, **kwargs)
        self.forget_traces()

    # -- the contract: what the tensor functions give ----------------------------------------

    def reconstruction(self, inputs: Mapping[str, Any], condition: Any = None) -> Likelihood:
        """Return p(x|z) at the points of the posteriors.

        Args:
            inputs: tensors (B, ...) by name.
            condition: what to generate with, tensor (B, ...); by default that of the inputs.
        """
        condition = inputs.get("condition") if condition is None else condition
        return self.likelihood_at(self.infer(inputs, None), condition)

    def example_latents(self) -> dict[str, Latent]:
        """Return what the model infers of one example of zeros, for what is known before data."""
        return self.infer(self._example_inputs(), [0, 0])

    def example_likelihood(self) -> Likelihood:
        """Return p(x|z) at the latent variables of that example."""
        values = {name: latent.value for name, latent in self.example_latents().items()}
        return self.generate(values, self._example_inputs().get("condition"))

    def _example_inputs(self) -> dict[str, Any]:
        specs = self.input_specs()
        target = target_of(specs).shape

        def shape_of(spec: InputSpec) -> tuple[int, ...]:
            # Axes of any size have that of an event where there is one.
            sizes = target if len(target) == len(spec.shape) else [None] * len(spec.shape)
            pairs = zip(spec.shape, sizes, strict=True)
            return tuple((size or 1) if own is None else own for own, size in pairs)

        required = {name: spec for name, spec in specs.items() if spec.required}
        return {n: tf.zeros((1, *shape_of(spec)), spec.dtype) for n, spec in required.items()}

    def score_terms(self, inputs: Mapping[str, Any], seed: Any = None) -> dict[str, Any]:
        """Return `score` = nll + KL, its part `nll`, and `nats_per_element`, each (B,) in nats.

        A deterministic encoder has no KL; -log p(z) takes its place: `score` is -log p(x, z).

        `nats_per_element` is the score divided by the number of elements of the target, computed as
        a mean that half precision can hold.

        Args:
            inputs: tensors (B, ...) by name.
            seed: two int32; None for the points of the posteriors.
        """
        latents = self.infer(inputs, seed)
        likelihood = self.likelihood_at(latents, inputs.get("condition"))
        nll = losses.Objective.nll(likelihood, inputs)
        kls = [tf.cast(latent.score(), nll.dtype) for latent in latents.values()]
        observed, target = inputs.get("observed"), losses.Objective.target(inputs)
        elements = math.prod(likelihood.layer.event_shape)
        mean_nll = -likelihood.mean_log_prob(target, observed)
        return {
            "score": ordered_sum([nll, *kls]),
            "nll": nll,
            "nats_per_element": ordered_sum([mean_nll, *(kl / elements for kl in kls)]),
        }

    def missing_condition(self) -> Any:
        """Return the raw condition that stands for a missing one; raise where none may miss."""
        raise ValueError(
            f"Expected condition, which a {type(self).__name__} needs. Received: condition=None"
        )

    # -- training ----------------------------------------------------------------------------

    def training_seed(self) -> Any:
        """Return the seed of the draws of one batch in training."""
        return next_seed(self.seed_generator)

    def evaluation_seed(self) -> Any:
        """Return the seed of the draws of one batch in `evaluate`, or None for the points."""
        return next_seed(self.evaluation_seed_generator)

    def posterior_layers(self) -> list[DistributionLayer]:
        """Return the model's own distribution layers that count training steps."""
        own = [layer for layer in self.layers if isinstance(layer, DistributionLayer)]
        return [layer for layer in own if layer.counts_steps]

    def step(self) -> Any:
        """Return the number of training steps so far; 0 where no regularizer asks for it."""
        return next((layer.step() for layer in self.posterior_layers()), 0)

    def advance_step(self) -> None:
        """Count one training step."""
        for layer in self.posterior_layers():
            layer.advance_step()

    def save_own_variables(self, store: Any) -> None:
        """Put the model's own variables and the steps behind its weights into a file of weights."""
        super().save_own_variables(store)
        if self.earlier_steps:
            store[EARLIER_STEPS] = np.int64(self.earlier_steps)

    def load_own_variables(self, store: Any) -> None:
        """Take them from a file of weights."""
        own = {name: store[name] for name in list(store.keys())}
        self.earlier_steps = int(np.asarray(own.pop(EARLIER_STEPS, 0)))
        super().load_own_variables(own)

    def training_steps(self) -> int:
        """Return the training steps that are on record; 0 where none are.

        Those of the optimizer, and of the model whose weights this one was made with, as
        `ConditionalVAE.given` and `VAE.fit_prior` make it.
        """
        optimizers = [each for each, _ in self.update_groups().values()] if self.compiled else []
        own = max((int(each.iterations.numpy()) for each in optimizers), default=0)
        return self.earlier_steps + own

    def network_losses(self, batch: Batch) -> list[Any]:
        """Return the losses of the layers inside the networks, such as weight decay.

        Args:
            batch: that of the step, which keeps what the calls of the networks have added.
        """
        added = [] if batch.added is None else batch.added.taken()
        return [*added, *weight_penalties(self.networks())]

    def networks(self) -> list[Any]:
        """Return the layers that are no distribution layers; their losses join the model's."""
        return [layer for layer in self.layers if not isinstance(layer, DistributionLayer)]

    def after_fit(self, steps: int) -> None:
        """Warn where training ended before a schedule of the posterior's penalties did.

        Args:
            steps: of the model when training ended. It has fewer where a callback gave it the
                weights of an earlier epoch.
        """
        layers = self.posterior_layers()
        if not layers:
            return
        layer = max(layers, key=lambda layer: layer.steps_left())
        left = layer.steps_left()
        if not left:
            return
        kept = int(layer.step())
        what = f"Training ended after {kept} steps (batches)"
        if kept < steps:
            what = f"The weights that were kept of {steps} steps (batches) are those after {kept}"
        warnings.warn(
            f"{what}, {left} before the schedules of {layer.regularizer!r} reach their end: the "
            "loss was not yet the one they lead to. Train longer, or shorten the schedules.",
            stacklevel=4,
        )
