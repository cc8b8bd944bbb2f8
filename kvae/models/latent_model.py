"""The contract of every family of latent-variable models.

A family defines a few *tensor functions*: functions of a batch, an explicit seed where they draw,
and the weights. Training, evaluation, the array methods, diagnosis, exploration and export call
these; none of them has a formula of its own.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, final

import keras
import numpy as np
import tensorflow as tf

from kvae import checks, losses
from kvae.contract import Batch, Latent, LatentSpec, Signature, Term
from kvae.contract.term import check_names
from kvae.layers import DistributionLayer, Likelihood
from kvae.losses.negative_elbo import group_prefix
from kvae.models.batches import BatchedFunction
from kvae.models.checked_model import CheckedModel
from kvae.models.float32 import float32_model
from kvae.seeds import next_seed
from kvae.threefry import seed_rows
from kvae.training import step
from kvae.training.trackers import Trackers

__all__ = ["LatentModel"]


class LatentModel(CheckedModel):
    """A model of data x with latent variables: posteriors q(z|x), priors p(z), p(x|z).

    A subclass defines `latent_specs`, `regularizers`, `infer`, `draw_prior`, `generate` and
    `signatures`, and may add `penalties` and `update_groups`.

    Attributes:
        objective: what `compile(loss=...)` was given, the negative ELBO by default.
        seed_generator: seeds of the draws in training.
        trackers: running means behind the logs.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()
        self.evaluation_seed_generator = keras.random.SeedGenerator()
        self.objective = losses.NegativeELBO()
        self.trackers = Trackers()
        self._functions: dict[str, BatchedFunction] = {}

    # -- the contract: tensor functions ------------------------------------------------------

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
            seed: two int32; None takes the point of each posterior, see `DistributionLayer.point`.
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

    def signatures(self) -> list[Signature]:
        """Return the functions that can be exported."""
        raise NotImplementedError(f"{type(self).__name__} must define signatures")

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
        own = self.network_losses()
        if own:
            total = tf.add_n([tf.cast(loss, tf.float32) for loss in own])
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
        latents = self.infer(inputs, seed, self.objective.draws, batch.training)
        terms = self.objective.terms(self, inputs, latents, batch)
        terms += self.penalties(inputs, latents, batch)
        check_names(terms)
        return terms

    def update_groups(self) -> dict[str, tuple[Any, list[Any]]]:
        """Return the optimizer and the variables of each group of terms; "model" is the loss."""
        return {"model": (self.optimizer, self.trainable_variables)}

    def float32_copy(self, replace: Callable[[Any], Any] | None = None) -> "LatentModel":
        """Return a copy that computes in float32; what export wraps and is compared with.

        Args:
            replace: function from a network to the network that stands for it; by default the
                same.
        """
        return float32_model(self, replace)

    # -- the contract: what the tensor functions give ----------------------------------------

    def reconstruction(self, inputs: Mapping[str, Any]) -> Any:
        """Return the likelihood's mean at the points of the posteriors, (B, *event_shape)."""
        values = {name: latent.value for name, latent in self.infer(inputs, None).items()}
        return self.generate(values, inputs.get("condition")).mean()

    def score_terms(self, inputs: Mapping[str, Any], seed: Any = None) -> dict[str, Any]:
        """Return `score` = nll + KL and its first part `nll` in nats, each (B,).

        Args:
            inputs: tensors (B, ...) by name.
            seed: two int32; None for the points of the posteriors.
        """
        latents = self.infer(inputs, seed)
        values = {name: latent.value for name, latent in latents.items()}
        likelihood = self.generate(values, inputs.get("condition"))
        nll = -likelihood.log_prob(losses.Objective.target(inputs), inputs.get("observed"))
        return {"score": tf.add_n([nll, *(latent.kl() for latent in latents.values())]), "nll": nll}

    # -- training ----------------------------------------------------------------------------

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, **kwargs: Any) -> None:
        """Prepare training, as `keras.Model.compile` does.

        Args:
            optimizer: see `keras.Model.compile`.
            loss: a `kvae.losses.Objective`; by default the negative ELBO.
            **kwargs: see `keras.Model.compile`. `steps_per_execution` and `jit_compile` may be
                "auto".

        Raises:
            ValueError: If `loss` is a Keras loss or something else.
        """
        self.objective = losses.get(loss)
        super().compile(optimizer=optimizer, **kwargs)
        names = self.objective.term_names(self)
        if names:
            regularizers = self.regularizers()
            names += [
                group_prefix(latent, regularizers) + part.name
                for latent, regularizer in regularizers.items()
                for part in (regularizer.parts if regularizer is not None else ())
                if not part.is_kl and not part.is_off
            ]
        self.trackers = Trackers(step.log_names(names))

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile`."""
        config = super().get_compile_config()
        if config:
            config["loss"] = keras.saving.serialize_keras_object(self.objective)
        return config

    @property
    def metrics(self) -> list[Any]:
        """The running means of the logs, then the metrics given to `compile`."""
        # Keras brings a mean of the loss of its own, which stays empty.
        names = {metric.name for metric in self.trackers.metrics}
        others = [metric for metric in super().metrics if metric.name not in names]
        return [*self.trackers.metrics, *others]

    @property
    def has_own_metrics(self) -> bool:
        """Whether metrics were given to `compile`, or `compute_metrics` is a subclass's own."""
        own = type(self).compute_metrics is not keras.Model.compute_metrics
        return own or len(self.metrics) > len(self.trackers.metrics)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of every optimizer on one batch; called by `fit`."""
        return step.train_step(self, data)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Score one batch; called by `evaluate`."""
        return step.test_step(self, data)

    def predict_step(self, data: Any) -> Any:
        """Reconstruct one batch; called by `predict`."""
        return step.predict_step(self, data)

    def evaluate(self, *args: Any, seed: int | None = None, **kwargs: Any) -> Any:
        """Return the loss and the metrics on data, as `keras.Model.evaluate` does.

        The latent variables are drawn, one draw for each example, unless the posterior layer's
        `convert_to_tensor_fn` names a point.

        Args:
            *args: see `keras.Model.evaluate`.
            seed: int, makes the draws reproducible.
            **kwargs: see `keras.Model.evaluate`.

        Raises:
            ValueError: As for `fit`.
        """
        if seed is None:
            return super().evaluate(*args, **kwargs)
        state = self.evaluation_seed_generator.state
        before = state.numpy()
        state.assign([int(seed), 0])
        try:
            return super().evaluate(*args, **kwargs)
        finally:
            state.assign(before)

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

    def network_losses(self) -> list[Any]:
        """Return the losses of the layers inside the networks, such as weight decay."""
        networks = [layer for layer in self.layers if not isinstance(layer, DistributionLayer)]
        return [loss for network in networks for loss in network.losses]

    def after_fit(self) -> None:
        """Warn where training ended before a schedule of the posterior's penalties did."""
        for layer in self.posterior_layers():
            left = layer.steps_left()
            if left:
                warnings.warn(
                    f"Training ended after {int(layer.step())} steps (batches), {left} before the "
                    f"schedules of {layer.regularizer!r} reach their end: the loss was not yet "
                    "the one they lead to. Train longer, or shorten the schedules.",
                    stacklevel=3,
                )

    # -- arrays ------------------------------------------------------------------------------

    def reconstruct(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Return the likelihood's mean at the posterior's point, shape (examples, *event_shape).

        Args:
            x: array of shape (examples, *event_shape).
            batch_size: examples computed at once.
        """
        x = self.named_inputs().check_x(x)
        return self.run("reconstruct", x, batch_size)["mean"]

    def score(self, x: Any, batch_size: int | None = None, terms: bool = False) -> Any:
        """Return the anomaly score of each example in nats, shape (examples,): nll + KL.

        It is the negative ELBO at the point of the posterior, without draws: the number that the
        exported `score` returns.

        Args:
            x: array of shape (examples, *event_shape).
            batch_size: examples computed at once.
            terms: whether to return a dict of `score` and its reconstruction term `nll`.

        Example:
            >>> nats = vae.score(x_test)
            >>> nats.shape == (len(x_test),)
            True
        """
        x = self.named_inputs().check_x(x)
        found = self.run("score", x, batch_size)
        return found if terms else found["score"]

    def elbo(self, x: Any, seed: int | None = None, batch_size: int | None = None) -> np.ndarray:
        """Return the ELBO of each example in nats with one draw of z, shape (examples,).

        Args:
            x: array of shape (examples, *event_shape).
            seed: int, makes the draws reproducible.
            batch_size: examples computed at once.
        """
        x = self.named_inputs().check_x(x)
        return -self.run("score", x, batch_size, seed=self._draw_seed(seed))["score"]

    def sample(
        self,
        n: int,
        seed: int | None = None,
        batch_size: int | None = None,
        kind: str = "mean",
    ) -> np.ndarray:
        """Return `n` generated examples, shape (n, *event_shape).

        Example i depends on (i, seed) alone: it is the same for every `n` and `batch_size`, and in
        the exported signature `sample` at the seed (i, seed).

        Args:
            n: number of examples.
            seed: int, makes the draws reproducible.
            batch_size: examples computed at once.
            kind: "mean" for the likelihood's mean at draws from the prior, "draw" for a draw from
                the likelihood there.
        """
        n = checks.positive_int("n", n)
        checks.choice("kind", kind, ("mean", "draw"))
        chosen = self._draw_seed(seed)
        rows = seed_rows(tf.range(n), chosen[0]).numpy()
        if kind == "mean":
            return self.run("sample", rows, batch_size)["mean"]
        return self.run("generate", rows, batch_size, seed=chosen)["draw"]

    def run(
        self, name: str, array: np.ndarray, batch_size: int | None = None, **kwargs: Any
    ) -> dict[str, np.ndarray]:
        """Run one of the model's tensor functions over an array in batches; it is traced once.

        Args:
            name: "score", "reconstruct", or another of `tensor_functions`.
            array: shape (examples, ...).
            batch_size: examples computed at once.
            **kwargs: `seed`, where the function takes one.
        """
        if name not in self._functions:
            self._functions[name] = BatchedFunction(self.tensor_functions()[name])
        return self._functions[name](array, batch_size, **kwargs)

    def tensor_functions(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the functions behind the array methods and the signatures, by name."""
        return {"reconstruct": self._reconstruct, "score": self._score}

    def _reconstruct(self, x: Any) -> dict[str, Any]:
        return {"mean": self.reconstruction(self.named_inputs().unpack(x)[0])}

    def _score(self, x: Any, seed: Any = None) -> dict[str, Any]:
        return self.score_terms(self.named_inputs().unpack(x)[0], seed)

    def _draw_seed(self, seed: int | None) -> Any:
        """Return a stateless seed of shape (2,), the model's own next one without `seed`."""
        if seed is None:
            return tf.cast(self.evaluation_seed_generator.next(), tf.int32)
        return tf.constant([int(seed), 0], tf.int32)
