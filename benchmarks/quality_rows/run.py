"""Run one row: train it, or resume its training, and estimate the test log-likelihood."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import kvae
from kvae.export.bundles.machine import machine
from kvae.files import replacing
from quality_rows.data import Binarized
from quality_rows.rows import Row

VALID_BATCH = 500


class Curve(keras.callbacks.Callback):
    """Note the minutes and the held-out nats of each epoch in a file, and end the run in time.

    Args:
        file: path of the file; an interrupted run continues it.
        minutes: of training, over all interruptions, after which the run ends.
    """

    def __init__(self, file: Path, minutes: float):
        super().__init__()
        self.file, self.minutes = file, minutes
        self.points = json.loads(file.read_text()) if file.is_file() else []

    @property
    def spent(self) -> float:
        """Minutes of training so far."""
        return self.points[-1][0] if self.points else 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Forget the epochs that are trained again."""
        self.points = self.points[:epoch]
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch."""
        minutes = self.spent + (time.perf_counter() - self.start) / 60.0
        self.points.append([round(minutes, 4), round(-float(logs["val_elbo"]), 3)])
        with replacing(self.file) as temporary:
            temporary.write_text(json.dumps(self.points))
        print(f"epoch {epoch + 1}, {minutes:.2f} minutes: {self.points[-1][1]:.2f}", flush=True)
        if minutes >= self.minutes:
            self.model.stop_training = True


def build(row: Row, x: np.ndarray) -> Any:
    """Return the compiled model of a row.

    Args:
        row: the row.
        x: training set.
    """
    model = row.build(x, row.recipe.kl_weight(len(x)))
    model.compile(row.recipe.optimizer(len(x)), loss=row.recipe.objective())
    return model


def train(row: Row, model: Any, x: np.ndarray, seed: int, callbacks: list[Any], **more: Any) -> Any:
    """Train with the row's batches, and return what `fit` returns.

    Args:
        row: the row.
        model: its compiled model.
        x: training set.
        seed: int, seeds dynamic pixels.
        callbacks: of `fit`.
        **more: arguments of `fit`.
    """
    if row.data.dynamic:
        data = Binarized(x, row.recipe.batch_size, seed)
        return model.fit(data, callbacks=[data.callback(), *callbacks], verbose=0, **more)
    return model.fit(x, batch_size=row.recipe.batch_size, callbacks=callbacks, verbose=0, **more)


def run(
    row: Row,
    data: Path,
    folder: Path,
    seed: int = 0,
    minutes: float = 60.0,
    samples: int = 5_000,
    examples: int = 10_000,
) -> dict[str, Any]:
    """Train a row until its epochs or minutes are over, and return its result.

    Args:
        row: the row.
        data: folder of the data files.
        folder: of this run, which resumes what it holds.
        seed: int, seeds the weights, the training and the test.
        minutes: of training, at most.
        samples: importance samples of an example.
        examples: of the test set, at random.

    Raises:
        ValueError: If the folder holds a run of another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_recipe(row, folder / "recipe.json")
    keras.utils.set_random_seed(seed)
    x, valid, test = row.data.read(data)
    model = build(row, x)
    curve = Curve(folder / "curve.json", minutes)
    best = kvae.callbacks.BestWeights(folder / "best")
    checkpoint = kvae.callbacks.Checkpoint(folder / "checkpoints", keep=2)
    over = curve.spent >= minutes
    train(
        row,
        model,
        x,
        seed,
        callbacks=[best, curve, checkpoint],
        epochs=len(curve.points) if over else row.recipe.epochs,
        validation_data=valid,
        validation_batch_size=VALID_BATCH,
    )
    chosen = np.random.default_rng(seed).permutation(len(test))[:examples]
    x_test = test[np.sort(chosen)]
    start = time.perf_counter()
    nats = -log_likelihood(model, x_test, samples, seed)
    return {
        "row": row.name,
        "seed": seed,
        "nats": round(float(nats.mean()), 3),
        "standard_error": round(float(nats.std(ddof=1) / np.sqrt(len(nats))), 3),
        "negative_elbo": round(-float(np.mean(model.elbo(x_test, seed=seed))), 3),
        "validation_nats": round(-best.value, 3),
        "samples": samples,
        "examples": len(x_test),
        "minutes": round(curve.spent, 2),
        "evaluation_minutes": round((time.perf_counter() - start) / 60.0, 2),
        "parameters": model.count_params(),
        "epochs": len(curve.points),
        "best_epoch": best.epoch + 1,
        "recipe": asdict(row.recipe),
        "sha256": row.data.sha256,
        "machine": machine(),
        "versions": {
            "kvae": kvae.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
        "curve": thinned(curve.points),
    }


def _check_recipe(row: Row, file: Path) -> None:
    """Raise if a folder's run has another recipe than the row; note it in a new folder."""
    recipe = asdict(row.recipe)
    before = json.loads(file.read_text()) if file.is_file() else recipe
    if before != recipe:
        raise ValueError(
            f"Expected the recipe of the run in {file.parent}, {before}; give a new run another "
            f"--output. Received: {recipe}"
        )
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(recipe))


def log_likelihood(model: Any, x: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Return the importance-weighted bound on log p(x) in nats, (examples,)."""
    return kvae.evaluation.log_likelihood(model, x, samples=samples, seed=seed).per_example


def thinned(points: list[Any], most: int = 25) -> list[Any]:
    """Return at most so many points, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).round().astype(int))
    return [points[index] for index in chosen]
