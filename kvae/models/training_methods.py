"""The methods of `keras.Model` that train and score, each handed on to `kvae.training`."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks, files, losses
from kvae.contract.failures import explained
from kvae.losses.negative_elbo import group_prefix
from kvae.training import keras_compat, run, step
from kvae.training.adapt import adapt, check_adapted
from kvae.training.compiled import compiled_steps, compiles_steps
from kvae.training.distribution import in_step, summed
from kvae.training.execution import AUTO, ExecutionPolicy, accelerators
from kvae.training.inputs import Inputs
from kvae.training.inputs.inputs import is_arrays
from kvae.training.inputs.streams import check_ends
from kvae.training.non_finite import NonFiniteGuard
from kvae.training.optimizers import build_optimizers
from kvae.training.replicated import executions
from kvae.training.trackers import Trackers

__all__ = ["TrainingMethods", "may_have_losses"]


def may_have_losses(networks: Iterable[keras.layers.Layer]) -> bool:
    """Return whether networks have losses; those of activities come with the first call."""
    networks = list(networks)
    layers = [layer for network in networks for layer in keras_compat.layers_inside(network)]
    active = any(layer.activity_regularizer is not None for layer in layers)
    return active or any(network.losses for network in networks)


class TrainingMethods(keras.Model):
    """A Keras model whose `fit`, `evaluate` and `predict` validate data and minimize an objective.

    It is the part of `LatentModel` that Keras calls. It has no formula: a step asks the model for
    the terms of its loss.

    Attributes:
        objective: what `compile(loss=...)` was given, the negative ELBO by default.
        execution: how many batches a call of the training graph takes, and whether by XLA.
        trackers: running means behind the logs.
        guard: keeps the last finite state where a loss is not finite.
        evaluation_seed_generator: seeds of the draws outside training.
    """

    train_function: Any
    test_function: Any

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.objective: losses.Objective = losses.NegativeELBO()
        self.execution = ExecutionPolicy()
        self.trackers = Trackers()
        self.evaluation_seed_generator = keras.random.SeedGenerator()

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        *,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = AUTO,
        jit_compile: bool | str = AUTO,
        auto_scale_loss: bool = True,
    ) -> None:
        """Prepare training, as `keras.Model.compile` does.

        Args:
            optimizer: see `keras.Model.compile`.
            loss: a `kvae.losses.Objective`; by default the negative ELBO.
            metrics: compare the data with the likelihood's mean.
            weighted_metrics: see `keras.Model.compile`.
            run_eagerly: see `keras.Model.compile`.
            steps_per_execution: batches a call of the training graph, or "auto", see
                `kvae.training.execution`.
            jit_compile: whether XLA compiles the step, or "auto".
            auto_scale_loss: see `keras.Model.compile`.

        Raises:
            ValueError: If `loss` is a Keras loss or something else, or cannot train this model.
        """
        objective = losses.get(loss)
        objective.check(self)
        self.objective = objective
        self.execution = ExecutionPolicy(steps_per_execution, jit_compile)
        super().compile(
            optimizer=optimizer,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            auto_scale_loss=auto_scale_loss,
            **self.execution.keras_arguments,
        )
        names = self.term_names()
        groups = self.update_groups() if names and self.built else ()
        self.trackers = Trackers(step.log_names(names, groups), self.distribute_strategy)
        self.guard = NonFiniteGuard(self.distribute_strategy)

    def term_names(self) -> list[str]:
        """Return the names of the loss's terms, as far as they are known before the first batch.

        Of a model with penalties of its own, to be trained on several replicas, theirs as well.
        """
        # Made in the first step they would be variables of that trace, which several replicas
        # cannot initialize.
        names = self.objective.term_names(self)
        regularizers = self.regularizers()
        return names and [
            *names,
            *(
                group_prefix(latent, regularizers) + part.name
                for latent, regularizer in regularizers.items()
                for part in (regularizer.parts if regularizer is not None else ())
                if not part.is_kl and not part.is_off
            ),
            *(["regularization"] if self.built and may_have_losses(self.networks()) else []),
        ]

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile`; a choice left to the model stays its own."""
        config = super().get_compile_config()
        if not config:
            return config
        del config["loss_weights"]
        return {
            **config,
            "loss": keras.saving.serialize_keras_object(self.objective),
            "steps_per_execution": self.execution.steps_per_execution,
            "jit_compile": self.execution.jit_compile,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with what `get_compile_config` returned."""
        if type(self).compile is not TrainingMethods.compile:
            return super().compile_from_config(config)  # a subclass's arguments are its own
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            build_optimizers(self)
        return None

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

    @property
    def steps_report_metrics(self) -> bool:
        """Whether a step returns what the metrics hold, so that several run as one program."""
        own = type(self).train_step is not TrainingMethods.train_step
        return not own and type(self).compute_metrics is keras.Model.compute_metrics

    @property
    def batch_counter(self) -> Any | None:
        """The variable that rises by one with each batch of training; None where none is known."""
        own = type(self).train_step is not TrainingMethods.train_step
        return None if own else self.trackers.trained  # only the step here counts

    @property
    def takes_parts(self) -> bool:
        """Whether the steps take a `Part` of a batch, which those of a subclass do not know."""
        own = TrainingMethods
        return type(self).train_step is own.train_step and type(self).test_step is own.test_step

    @property
    def same_draws_with_xla(self) -> bool:
        """Whether training draws the same numbers with and without XLA, up to rounding."""
        return False

    def make_train_function(self, force: bool = False) -> Any:
        """Make what `fit` calls for each execution: under XLA one program of its steps."""
        made = self.train_function is None or force
        if made:
            build_optimizers(self)
        if made and self._has_replicas:
            self.train_function = executions(self, self.train_step)
        super().make_train_function(force and not self._has_replicas)
        if made and compiles_steps(self) and not accelerators():
            self.train_function = compiled_steps(self, otherwise=self.train_function)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """Make what `evaluate` calls for each execution."""
        if self._has_replicas and (self.test_function is None or force):
            self.test_function = executions(self, self.test_step)
        super().make_test_function(force and not self._has_replicas)
        return self.test_function

    @property
    def _has_replicas(self) -> bool:
        return self.distribute_strategy.num_replicas_in_sync > 1

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the metrics as scalars; in a step of one of several replicas its own."""
        if not self._has_replicas or in_step():
            return super().get_metrics_result()
        with keras.StatelessScope(summed(self.metrics, self.distribute_strategy)):
            return super().get_metrics_result()

    def _get_metrics_result_or_logs(self, logs: Any) -> Any:
        return keras_compat.logs_of_step(self, super()._get_metrics_result_or_logs, logs)

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        keras_compat.symbolic_build(self, super()._maybe_symbolic_build, iterator, data_batch)

    def named_inputs(self, training: bool = False) -> Inputs:
        """Return the checks of data that is passed for the inputs of the model.

        Args:
            training: whether the data are to train on.
        """
        return Inputs(self.training_specs() if training else self.input_specs())

    def adapt(self, x: Any, y: Any = None) -> None:
        """Take what the transforms need, such as the moments of each column, from training data.

        To be called before `fit`, where the likelihood is `kvae.layers.Transformed` by a transform
        that learns from data. What was learned before is forgotten.

        Args:
            x: arrays or a stream of batches, as for `fit`. A generator is used up.
            y: target, as for `fit`.

        Raises:
            ValueError: If the model has no such transform, or the data are not valid or hold no
                value of a column. The model is then as it was.

        Example:
            >>> layer = kvae.layers.IndependentNormal(3)
            >>> standardized = kvae.layers.Transformed(layer, kvae.transforms.Standardization())
            >>> posterior = kvae.layers.MultivariateNormalDiag(
            ...     2,
            ...     activity_regularizer=kvae.regularizers.KLDivergenceRegularizer(
            ...         kvae.priors.StandardNormal(2)
            ...     ),
            ... )
            >>> model = kvae.VAE(
            ...     encoder=kvae.networks.mlp_encoder(3, posterior.params_size),
            ...     posterior=posterior,
            ...     decoder=kvae.networks.mlp_decoder(2, standardized.params_shape),
            ...     likelihood=standardized,
            ... )
            >>> rows = np.random.default_rng(0).normal([100.0, 0.0, -3.0], [9.0, 0.1, 1.0], (50, 3))
            >>> model.adapt(rows)
            >>> model.compile("adam")
            >>> history = model.fit(rows, verbose=0)
        """
        adapt(self, x, y)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Train on arrays, a `tf.data.Dataset`, a `PyDataset`, a generator or an iterable.

        Arguments are those of `keras.Model.fit`. `x` may be a dict of arrays by the names of
        `input_specs`. `y` is the target, `x` itself by default (give both to train a denoising
        model); `validation_data` may be x alone; `sample_weight` weighs the whole loss of an
        example. A `kvae.callbacks.Checkpoint` among the callbacks decides where training begins.
        A `np.memmap` may be larger than the memory.

        Raises:
            ValueError: If data are empty, of the wrong shape, not finite, or outside the
                likelihood's domain; if weights are not finite, negative or all zero.
        """
        return run.fit(
            self,
            super().fit,
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        *,
        seed: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the loss and the metrics on data, as `keras.Model.evaluate` does.

        The latent variables are drawn, one draw for each example, unless the posterior layer's
        `convert_to_tensor_fn` names a point.

        Args:
            x: see `fit`.
            y: see `fit`.
            batch_size: see `fit`.
            verbose: see `keras.Model.evaluate`.
            sample_weight: see `fit`.
            steps: see `keras.Model.evaluate`.
            callbacks: see `keras.Model.evaluate`.
            return_dict: see `keras.Model.evaluate`.
            seed: int, makes the draws reproducible; it changes no later draws.
            **kwargs: Keras' own, when `fit` validates.

        Raises:
            ValueError: As for `fit`.
        """
        state = self.evaluation_seed_generator.state
        before = None if seed is None else state.numpy()
        if seed is not None:
            state.assign([checks.seed("seed", seed), 0])
        try:
            return run.evaluate(
                self,
                super().evaluate,
                x,
                y,
                sample_weight,
                batch_size,
                steps,
                callbacks,
                verbose,
                return_dict=return_dict,
                **kwargs,
            )
        finally:
            if before is not None:
                state.assign(before)

    def predict(self, x: Any, batch_size: int | None = None, **kwargs: Any) -> np.ndarray:
        """Return the reconstructions, shape (examples, *event_shape).

        Args:
            x: see `fit`.
            batch_size: see `fit`.
            **kwargs: see `keras.Model.predict`.

        Raises:
            ValueError: As for `fit`.
        """
        checks.optional_positive_int("batch_size", batch_size)
        checks.optional_positive_int("steps", kwargs.get("steps"))
        check_adapted(self)
        inputs = self.named_inputs()
        x = inputs.check_x(x) if is_arrays(x) else inputs.source(x, target=False)
        check_ends(x, kwargs.get("steps"), "x", "steps")
        with explained(), self.execution.untuned(self):
            return super().predict(x, batch_size=batch_size, **kwargs)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """Take one step on one batch; arguments and errors as for `fit`."""
        run.check_no_class_weight(kwargs.get("class_weight"))
        check_adapted(self)
        batch = self.named_inputs(training=True).batch(x, y, sample_weight)
        return super().train_on_batch(*batch, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Score one batch; arguments and errors as for `evaluate`."""
        check_adapted(self)
        batch = self.named_inputs().batch(x, y, sample_weight)
        return super().test_on_batch(*batch, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Reconstruct one batch; errors as for `predict`."""
        check_adapted(self)
        x = self.named_inputs().check_x(x)
        rows = len(tf.nest.flatten(x)[0])
        predicted = super().predict_on_batch(x)
        if not self._has_replicas:
            return predicted
        # Keras gives all rows to each replica and joins what they return.
        return tf.nest.map_structure(lambda values: values[:rows], predicted)

    def save(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Save to `filepath` (.keras) as Keras does, but atomically.

        Raises:
            ValueError: If `filepath` does not end in .keras: other formats cannot hold the model.
        """
        if not str(filepath).endswith(".keras"):
            raise ValueError(
                "Expected filepath to end in .keras: a whole model cannot be saved as .h5 "
                "(save_weights can write .weights.h5), and kvae.export.saved_model writes what "
                f"servers read. Received: filepath={str(filepath)!r}"
            )
        files.destination(filepath, overwrite, "filepath", folder=False)
        with files.replacing(filepath, overwrite) as temporary, keras_compat.quiet_arrays():
            super().save(temporary, overwrite=True, **kwargs)

    def export(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Raise: Keras would export the parameters of the likelihood, at a draw or none.

        Raises:
            TypeError: Always; it names what exports a model with its signatures.
        """
        raise TypeError(
            "Expected kvae.export.saved_model(vae, filepath), which exports the deterministic "
            f"signatures and verifies them. Received: vae.export({str(filepath)!r})"
        )
