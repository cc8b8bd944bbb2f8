"""Keep the weights of the epoch with the best held-out value, averages included."""

import json
import math
from pathlib import Path
from typing import Any

from kvae import checks
from kvae.files import check_name, replacing, sync
from kvae.training.distribution import from_all_workers, is_chief
from kvae.training.optimizers import swap_averages
from kvae.training.resume import Ending

__all__ = ["BestWeights"]

WEIGHTS, NOTE = "best.weights.h5", "best.json"


class BestWeights(Ending):
    """Keep the weights of the epoch with the best held-out value; the model ends with them.

    Where the optimizer averages the weights (`use_ema=True`), validation is computed with the
    averages and the averages are kept; the training itself continues from its own weights.

    The folder makes it resumable: beside a `Checkpoint` an interrupted run continues with the best
    epoch so far and with the patience left, and ends with the same weights as an uninterrupted one.
    `keras.callbacks.EarlyStopping` forgets both, and `keras.callbacks.SwapEMAWeights(
    swap_on_epoch=True)` leaves the averages in the place of the weights in a checkpoint.

    A run that was stopped by `patience` trains one more epoch when it is started again. Under a
    `tf.distribute.MultiWorkerMirroredStrategy` the chief writes, and all workers read the folder.

    Args:
        directory: folder of this one run's best weights and nothing else; it is made, with the
            folders above it, and replaced as a whole.
        monitor: name of the log, of validation data.
        mode: "max" or "min", what is best.
        patience: epochs without a better value after which the training ends; None for never.

    Raises:
        ValueError: If an argument is not of the form above; when `fit` begins, if `directory` is a
            file, holds anything else or ends in no name, as "." does; when `fit` ends, if the log
            was never there.

    Example:
        >>> best = kvae.callbacks.BestWeights(folder / "best", patience=20)
        >>> vae.compile(keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.99))
        >>> history = vae.fit(
        ...     x_train, epochs=2, validation_data=x_test, verbose=0, callbacks=[best]
        ... )
        >>> best.epoch in (0, 1), best.value == max(history.history["val_elbo"])
        (True, True)

    References:
        Polyak, Juditsky: Acceleration of Stochastic Approximation by Averaging, 1992,
        https://doi.org/10.1137/0330046 (averages of the weights)
    """

    def __init__(
        self,
        directory: Any,
        monitor: str = "val_elbo",
        mode: str = "max",
        patience: int | None = None,
    ):
        super().__init__()
        self.directory = Path(directory)
        self.monitor = monitor
        self.mode = checks.choice("mode", mode, ("max", "min"))
        self.patience = checks.optional_positive_int("patience", patience)
        self.epoch: int | None = None
        self.value = math.nan
        self._averages_in_model = False
        self._optimizer: Any = None  # whose averages are in the model

    def on_train_begin(self, logs: Any = None) -> None:
        """Read what an interrupted run has kept."""
        self.end()  # of a plain Keras model nothing says when an error ends its training
        self._forget()
        self._check_directory()
        note = self.directory / NOTE
        if note.is_file():
            kept = json.loads(note.read_text(encoding="utf-8"))
            if kept["monitor"] == self.monitor:
                self.epoch, self.value = kept["epoch"], kept["value"]

    def end(self) -> None:
        """Put the weights in training back where an error has ended a validation."""
        if self._averages_in_model and self._optimizer is not self.model.optimizer:
            self._averages_in_model = False  # compiled anew: the averages stay the weights
        self._swap(False)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Forget the epochs that are trained again, all of them in a new run."""
        if self.epoch is not None and self.epoch >= epoch:
            self._forget()

    def on_test_begin(self, logs: Any = None) -> None:
        """Validate with the averages of the weights, where there are some."""
        self._swap(True)

    def on_test_end(self, logs: Any = None) -> None:
        """Put the weights in training back."""
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the weights if they are the best so far; stop where none were for too long."""
        value = (logs or {}).get(self.monitor)
        if value is not None and self._is_better(float(value)):  # None: validation_freq
            self.epoch, self.value = epoch, float(value)
            self._keep()
        waited = 0 if self.epoch is None else epoch - self.epoch
        if self.patience is not None and waited >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Give the model the best weights."""
        if self.epoch is None:
            raise ValueError(
                f"Expected the logs to hold {self.monitor!r}, a finite number: give fit "
                "validation_data. The model has the weights of the last epoch. Received: none"
            )
        from_all_workers(self.model.distribute_strategy, 0)  # the chief has written by now
        self.model.load_weights(self.directory / WEIGHTS)

    def _is_better(self, value: float) -> bool:
        if self.epoch is None or not math.isfinite(value):
            return math.isfinite(value)
        return value > self.value if self.mode == "max" else value < self.value

    def _check_directory(self) -> None:
        """Raise where something else stands there, which a replaced folder would delete."""
        check_name(self.directory, "directory")
        found = None
        if self.directory.is_dir():
            others = {file.name for file in self.directory.iterdir()} - {WEIGHTS, NOTE}
            found = f"one that holds {min(others)!r}" if others else None
        elif self.directory.exists():
            found = "a file"
        if found is not None:
            raise ValueError(
                "Expected directory to be a folder for the best weights alone, which replace it as "
                f"a whole. Received: {found}, directory={str(self.directory)!r}"
            )

    def _keep(self) -> None:
        if not is_chief(self.model.distribute_strategy):
            return
        note = {"epoch": self.epoch, "value": self.value, "monitor": self.monitor}
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        self._swap(True)
        try:
            with replacing(self.directory) as folder:
                folder.mkdir()
                self.model.save_weights(folder / WEIGHTS)
                (folder / NOTE).write_text(json.dumps(note), encoding="utf-8")
                sync(folder)
        finally:
            self._swap(False)

    def _swap(self, averages_in_model: bool) -> None:
        if averages_in_model != self._averages_in_model:
            swap_averages(self.model)
            self._optimizer = self.model.optimizer
            self._averages_in_model = averages_in_model

    def _forget(self) -> None:
        self.epoch, self.value = None, math.nan
