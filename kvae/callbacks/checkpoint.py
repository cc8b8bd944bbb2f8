"""Keep the whole state of a run of `fit`, so that it can be resumed after an interruption."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.callbacks.checkpoint_folder import UNREADABLE, CheckpointFolder, Text
from kvae.callbacks.folder_lock import FolderLock
from kvae.training.distribution import from_all_workers, is_chief
from kvae.training.optimizers import all_optimizers
from kvae.training.resume import Position, Resumable

__all__ = ["Checkpoint"]

NONE, DAMAGED, BUSY = -1, -2, -3  # in the place of a checkpoint's number


class Checkpoint(Resumable):
    """Keep a run's whole state in a folder; `fit` with the same arguments resumes it.

    A checkpoint is one unit: the weights, all optimizers of the model, the step that drives
    schedules, every `keras.random.SeedGenerator` of the model, the metrics so far, the epoch, the
    batch in it, the order of the data and the history. `fit` looks for the newest one before it
    begins. It resumes at the very batch, in the very order, and ends with the weights of a run that
    was not interrupted, to the last bit on the same machine and the same versions. What was trained
    after the newest checkpoint is lost, not trained twice: the weights go back to it as well.

    A process may die at any moment, also while it writes. All files are synced to the disk before a
    checkpoint gets its name. A damaged checkpoint is skipped with a warning, and the one before it
    is used. Only finite states are written and resumed. If the disk is full, `fit` warns, trains
    on, tries again when the next checkpoint is due, and raises at its end if the last one could not
    be written.

    With a `tf.data.Dataset` or `keras.utils.PyDataset` of your own the batches before the
    interruption are drawn and skipped. That is exact where each iteration yields the same batches;
    a pipeline that shuffles anew resumes in another order.

    Under a `tf.distribute.MultiWorkerMirroredStrategy` the chief writes and decides which
    checkpoint all workers read: `directory` has to be on a file system that they share.

    A checkpoint does not hold the state of other callbacks (how long `EarlyStopping` has waited)
    nor random numbers that no `SeedGenerator` of the model draws.

    Args:
        directory: folder of the checkpoints of this one run; it is created.
        every: "epoch", or after how many batches to write. Batches are written at the end of an
            execution: with `steps_per_execution` of 8, `every=3` writes every 8 batches. Whatever
            it is, the end of each epoch is written, after validation.
        keep: how many of the newest checkpoints to keep; with one alone there is no older one to
            fall back on.

    Raises:
        ValueError: If an argument is not of the form above; when `fit` begins, if the checkpoints
            are of another model or of other sizes of data or batches, or none can be used.
        NotADirectoryError: If `directory` is a file.
        RuntimeError: When `fit` begins, if another run uses the folder.
        OSError: When `fit` ends, if the last checkpoint could not be written.

    Example:
        >>> def trained(epochs):
        ...     keras.utils.set_random_seed(0)
        ...     kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
        ...     posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
        ...     likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
        ...     vae = kvae.VAE(
        ...         encoder=kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size),
        ...         posterior=posterior,
        ...         decoder=kvae.networks.mlp_decoder(2, likelihood.params_shape),
        ...         likelihood=likelihood,
        ...     )
        ...     vae.compile(optimizer="adam", jit_compile=False)
        ...     keep = kvae.callbacks.Checkpoint(folder / "run", every=3)
        ...     return vae.fit(x_train[:256], epochs=epochs, verbose=0, callbacks=[keep])
        >>> trained(epochs=1).epoch
        [0]
        >>> trained(epochs=3).epoch  # a new model, resumed at the second epoch
        [0, 1, 2]
    """

    def __init__(self, directory: Any, every: Any = "epoch", keep: int = 3):
        super().__init__()
        if not isinstance(directory, str | os.PathLike) or not str(directory):
            raise ValueError(
                f"Expected directory to be the path of a folder. Received: directory={directory!r}"
            )
        self.directory = Path(directory)
        if self.directory.exists() and not self.directory.is_dir():
            raise NotADirectoryError(
                f"Expected directory to be a folder. Received: directory={str(directory)!r}, a file"
            )
        if every != "epoch":
            try:
                every = checks.positive_int("every", every)
            except ValueError:
                raise ValueError(
                    f'Expected every to be "epoch" or a positive integer, a number of batches. '
                    f"Received: every={every!r}"
                ) from None
        self.every = every
        self.keep = checks.positive_int("keep", keep)
        self._state: dict[str, Any] = {}
        self._files = CheckpointFolder(self.directory)
        self._lock = FolderLock(self.directory)
        self._found: int | None = None
        self._metrics: list[Any] | None = None
        self._stopped = False
        self._problem: Exception | None = None

    def begin(self, run: dict[str, Any], start: Position) -> Position:
        """Return the position of the newest usable checkpoint, or `start` if there is none."""
        try:
            return self._begin(run, start)
        except BaseException:
            self.end()
            raise

    def _begin(self, run: dict[str, Any], start: Position) -> Position:
        found = self._agreed()
        self._found, state = found or (None, None)
        if state is None:
            self._state = {
                "run": run,
                "epoch": start.epoch,
                "batch": 0,
                "trained": 0,
                "seed": start.seed,
                "history": {},
                "epochs": [],
            }
            return start
        for name in sorted({*run, *state["run"]}):
            before, now = state["run"].get(name), run.get(name)
            if before != now:
                raise ValueError(
                    f"Expected the run whose checkpoints are in directory="
                    f"{str(self.directory)!r}, with {name}={before!r}. Received: {name}={now!r}. "
                    "Call fit as before, or give a new run a folder of its own."
                )
        self._state = state
        return Position(state["epoch"], state["batch"], state["seed"])

    def on_train_begin(self, logs: Any = None) -> None:
        """Set the model to the checkpoint that was found."""
        if not self._state:
            raise ValueError(
                "Expected Checkpoint to be given to the fit of a kvae model, which knows how to go "
                f"on in the middle of an epoch. Received: a {type(self.model).__name__}"
            )
        optimizers = all_optimizers(self.model, self.data)
        with self.model.distribute_strategy.scope():
            self.model.trackers.resume(self._state.get("logs", []))
        parts = {
            "model": list(self.model.variables),  # with the state of every SeedGenerator
            **{name: list(each.variables) for name, each in optimizers.items()},
            "metrics": self._metric_variables(),
        }
        self._text = Text()
        # Not the metrics, which the replicas have in part: they are read together, as numbers.
        self._held = {
            name: [v.value for v in each] for name, each in parts.items() if name != "metrics"
        }
        self._checkpoint = tf.train.Checkpoint(state=self._text, **self._held)
        described = {name: list(map(_described, each)) for name, each in parts.items()}
        for name, optimizer in optimizers.items():
            described[name].insert(0, type(optimizer).__name__)
        if self._found is not None:
            self._check_same(described)
            self._checkpoint.read(self._files.prefix(self._found)).assert_consumed()
            if self._state["batch"]:  # Keras sets the metrics to zero when the epoch begins
                self._metrics = self._state["metrics"]
            self.model.history.history.update(self._state["history"])
            self.model.history.epoch.extend(self._state["epochs"])
        self._state["variables"] = described
        self._saved = self._state["trained"]
        self._chief = is_chief(self.model.distribute_strategy)
        if self._chief:
            self._files.tidy()
        numbers = self._files.numbers()
        self._number = max(numbers, default=0)
        self._usable = [number for number in numbers if number <= (self._found or 0)]
        self._stopped, self._problem = False, None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Restore the metrics of an interrupted epoch."""
        self._first = self._state["trained"] - self._state["batch"]
        if self._metrics is not None:
            for variable, value in zip(self._metric_variables(), self._metrics, strict=True):
                variable.assign(value)
            self._metrics = None

    def after_batch(self, batch: int) -> None:
        """Write a checkpoint if one is due."""
        state = self._state
        batches = state["run"]["batches"]
        state["batch"] = batch + 1
        state["trained"] = self._first + state["batch"]
        due = self.every != "epoch" and state["trained"] // self.every > self._saved // self.every
        self._stopped = self.model.stop_training and state["batch"] != batches
        if due or self._stopped:
            self._save()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the epoch's end, unless the epoch was stopped before it."""
        if self._stopped:
            return
        state = self._state
        state.update(epoch=epoch + 1, batch=0)
        state["history"], state["epochs"] = self.model.history.history, self.model.history.epoch
        self._save()

    def after_failure(self) -> None:
        """Write nothing more: the run cannot be continued from here."""
        self._stopped = True

    def on_train_end(self, logs: Any = None) -> None:
        """Report a checkpoint that could not be written."""
        problem = self._problem
        self.end()
        if problem is not None:
            raise OSError(
                f"Expected to write the last checkpoint to directory={str(self.directory)!r}. The "
                f"training is complete, but cannot be resumed from its end. Received: {problem}"
            ) from problem

    def end(self) -> None:
        """Forget the run and release the folder; the next call of `fit` looks at it again."""
        self._state, self._problem = {}, None
        self._lock.release()

    def _save(self) -> None:
        self._saved = self._state["trained"]
        metrics = self._metric_variables() if self._state["batch"] else []
        self._state["metrics"] = [np.asarray(v.value.numpy()).tolist() for v in metrics]
        # Some are known with the first batch only.
        self._state["logs"] = self.model.trackers.names
        self._state["variables"]["metrics"] = list(map(_described, self._metric_variables()))
        if not self._chief:
            return
        for name, values in self._held.items():
            if any(checks.non_finite(value.numpy()) for value in values):
                self._warn(f"the state of the {name} is not finite")
                return
        self._text.text = json.dumps(self._state, default=float)
        try:
            self._files.write(self._checkpoint, self._number + 1)
        except (OSError, tf.errors.OpError) as error:
            self._problem = error
            self._warn(str(error))
            return
        self._number, self._problem = self._number + 1, None
        self._usable = [*self._usable, self._number][-self.keep :]
        self._files.keep(self._usable)

    def _warn(self, reason: str) -> None:
        epoch, batch = self._state["epoch"], self._state["batch"]
        warnings.warn(
            f"No checkpoint is written to {str(self.directory)!r} at batch {batch} of epoch "
            f"{epoch + 1}; training continues: {reason}",
            stacklevel=2,
        )

    def _metric_variables(self) -> list[Any]:
        return [variable for metric in self.model.metrics for variable in metric.variables]

    def _agreed(self) -> tuple[int, dict[str, Any]] | None:
        """Return number and state of the checkpoint that all workers take, the chief's newest."""
        strategy = self.model.distribute_strategy
        found: tuple[int, dict[str, Any]] | None = None
        number = NONE
        problem: Exception | None = None
        if is_chief(strategy):
            try:
                self._lock.acquire()
                found = self._files.newest()
            except ValueError as error:
                number, problem = DAMAGED, error
            except (RuntimeError, OSError) as error:
                number, problem = BUSY, error
            if found is not None:
                number = found[0]
        chosen = int(from_all_workers(strategy, number)[0, 0])
        if not is_chief(strategy) and chosen >= 0:
            try:
                found = chosen, self._files.read(chosen)
            except UNREADABLE as error:
                number, problem = DAMAGED, error
        sound = from_all_workers(strategy, number)[:, 0] >= NONE
        if problem is not None and is_chief(strategy):
            raise problem
        if chosen == BUSY:
            raise RuntimeError(
                f"Expected the chief to be able to use directory={str(self.directory)!r}. "
                "Received: an error, which the chief reports."
            )
        if not sound.all():
            raise ValueError(
                "Expected directory to be on a file system that all workers share. Received: "
                f"directory={str(self.directory)!r}, in which workers "
                f"{np.flatnonzero(~sound).tolist()} cannot read checkpoint {chosen}"
            ) from problem
        return found

    def _check_same(self, described: dict[str, list[Any]]) -> None:
        """Raise if the checkpoint has not one value for each variable of this run."""
        for name, now in described.items():
            before = self._state["variables"][name]
            if before != now:
                pairs = zip(before, now, strict=False)
                first = next((pair for pair in pairs if pair[0] != pair[1]), None)
                first = first or (f"{len(before)} variables", f"{len(now)} variables")
                raise ValueError(
                    f"Expected the {name} whose checkpoints are in directory="
                    f"{str(self.directory)!r}, with {first[0]}. Received: {first[1]}. Build and "
                    "compile the model as before, or give a new run a folder of its own."
                )


def _described(variable: keras.Variable) -> str:
    # Without its name: Keras numbers layers through a process.
    return f"a variable of shape {tuple(variable.shape)}, {variable.dtype}"
